"""The history: append-only."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from models.types import AnyJSON, UtcDateTime


class StateChange(SQLModel, table=True):
    """One thing that happened to a case: what, when, by whom, and when we wrote it down.

    `number` is the case's version after it, so that two writers can't both write the next one.
    `key` names a fact that can be told only once ("pay"); telling it again changes nothing.
    """

    __tablename__ = "state_changes"
    __table_args__ = (
        UniqueConstraint("case_kind", "case_id", "number"),
        UniqueConstraint("case_kind", "case_id", "key"),
    )

    id: int | None = Field(default=None, primary_key=True)
    case_kind: str
    case_id: int
    number: int
    trigger: str
    source: str
    dest: str
    at: datetime = Field(sa_type=UtcDateTime)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    by: str  # a person's name, "timer", "platform", "audit"
    flow_run: str | None = None
    key: str | None = None
    facts: dict = Field(sa_type=AnyJSON)
