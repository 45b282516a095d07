"""Ordered and not paid: remind, then close.

Free of Prefect, like all timed steps outside `scheduled.py`: scheduled run, manual run and `kefu run` are one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from flows.sweep import SweepReport, sweep
from states.orders import TimerKind


def remind_unpaid(engine: Engine, *, as_of: datetime, **scope: Any) -> SweepReport:
    """Remind buyers who have not paid, and close orders whose payment deadline has passed (rules 38, 39)."""
    kinds = (TimerKind.PAYMENT_REMINDER, TimerKind.PAYMENT_DEADLINE)
    return sweep(engine, "remind-unpaid", kinds, as_of=as_of, **scope)
