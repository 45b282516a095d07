"""The timed steps of orders, free of Prefect: what a scheduled run, a manual run and `kefu run` all do."""

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


def watch_orders(engine: Engine, *, as_of: datetime, **scope: Any) -> SweepReport:
    """Show staff what is not verified or not shipped in time (rules 32, 42), ask buyers after delivery how it
    went (rule 130), and complete what nobody objects to."""
    kinds = (
        TimerKind.VERIFICATION_CHASE,
        TimerKind.DISPATCH_OVERDUE,
        TimerKind.FOLLOW_UP,
        TimerKind.COMPLETION,
    )
    return sweep(engine, "watch-orders", kinds, as_of=as_of, **scope)
