"""Where what we owe goes to."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from models.types import UtcDateTime


class Destination(SQLModel, table=True):
    """What every process that delivers has to know of one outside party: whether it is down, and when the next
    question may be put to it."""

    __tablename__ = "destinations"

    name: str = Field(primary_key=True)  # "bag-studio/platform"
    next_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime
    )  # its rate limit is used up until then
    open_until: datetime | None = Field(default=None, sa_type=UtcDateTime)  # not asked until then, it is down
    failures: int = 0  # times in a row that it was found to be down
    answer: str | None = None  # what was heard when it was found so, masked
