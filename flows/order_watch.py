"""Orders that have come to rest where they should not, and the care after delivery."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from flows.sweep import SweepReport, sweep
from states.orders import TimerKind


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
