"""What happened though it should not have."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from models.types import AnyJSON, UtcDateTime


class Anomaly(SQLModel, table=True):
    """A fact the machine did not expect: recorded all the same, and open until a person settles it (promise 2)."""

    __tablename__ = "anomalies"
    __table_args__ = (UniqueConstraint("case_kind", "case_id", "code", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    case_kind: str
    case_id: int
    shop: str
    code: str
    key: str  # what tells two of a kind apart; the same surprise is noted once
    trigger: str
    at: datetime = Field(sa_type=UtcDateTime)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    rule: int | None = None
    zh: str
    en: str
    facts: dict = Field(sa_type=AnyJSON)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    settled_by: str | None = None
