"""Moments stored as "not before": bounded by the longest delay that each can mean, so that a clock once ahead freezes
nothing (design.md §4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_


def passed(stored: Any, now: datetime, longest: timedelta) -> ColumnElement[bool]:
    """It has come, or nobody waits; or it is so far ahead that whoever wrote it had a clock that was."""
    return or_(stored.is_(None), stored <= now, stored > now + longest)


def is_ahead(stored: datetime | None, now: datetime, longest: timedelta) -> bool:
    """The contrary, of one moment that was read."""
    return stored is not None and now < stored <= now + longest
