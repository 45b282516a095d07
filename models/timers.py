"""Promises to look again."""

from datetime import date, datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.types import UtcDateTime

WAITING = "done_at IS NULL AND cancelled_at IS NULL"
PROVISIONAL = f"unknown_on IS NOT NULL AND {WAITING}"


class Timer(SQLModel, table=True):
    """Look at this case again once `due_at` has come. Done once, and kept for the record (promise 4)."""

    __tablename__ = "timers"
    __table_args__ = (
        UniqueConstraint("case_kind", "case_id", "kind", "round"),  # setting it twice sets it once
        Index(  # what a sweep asks for, in full: else SQLite walks every timer there ever was
            "timers_waiting",
            "case_kind",
            "kind",
            "due_at",
            postgresql_where=text(WAITING),
            sqlite_where=text(WAITING),
        ),
        Index(
            *("timers_provisional", "case_kind", "shop"),
            postgresql_where=text(PROVISIONAL),
            sqlite_where=text(PROVISIONAL),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    case_kind: str
    case_id: int
    shop: str
    kind: str
    round: int
    due_at: datetime = Field(sa_type=UtcDateTime)
    unknown_on: date | None = (
        None  # the first day it rests on of which nobody knew whether it is a working day
    )
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cancelled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    refused: str | None = None  # the reason code, when a rule last said no
    attempts: int = 0  # how often working on it failed
    retry_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = None
