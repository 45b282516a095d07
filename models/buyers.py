"""Who buys."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from models.types import UtcDateTime


class Buyer(SQLModel, table=True):
    """A buyer of one shop by the name the platform knows; opted out means: no reminders."""

    __tablename__ = "buyers"
    __table_args__ = (UniqueConstraint("shop", "handle"),)

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    handle: str
    opted_out_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
