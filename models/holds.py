"""Do not ship."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from models.types import UtcDateTime


class Hold(SQLModel, table=True):
    """A reason not to let an order go: who said so, since when, until when (None: until lifted). Rule 84."""

    __tablename__ = "holds"
    __table_args__ = (Index("holds_of_case", "case_kind", "case_id"),)

    id: int | None = Field(default=None, primary_key=True)
    case_kind: str
    case_id: int
    reason: str
    by: str
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    released_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    released_by: str | None = None
