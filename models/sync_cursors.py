"""How far we have read in what a platform tells."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from models.types import UtcDateTime


class SyncCursor(SQLModel, table=True):
    """Every change made before `since` is in the inbox. Moved in the transaction that stores what was read.

    A round asks for all changes since then, page by page; `page` is where it goes on. All these times are of the
    platform's clock, never of ours.
    """

    __tablename__ = "sync_cursors"

    shop: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    since: datetime | None = Field(default=None, sa_type=UtcDateTime)  # None: nothing was read yet
    page: str | None = None  # None: between two rounds
    round_since: datetime | None = Field(
        default=None, sa_type=UtcDateTime
    )  # what the round under way asks for
    round_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # their clock when it began
    moved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
