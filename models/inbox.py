"""What the outside world told us, as it told us."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.types import UtcDateTime

WAITING = "processed_at IS NULL"


class InboxFact(SQLModel, table=True):
    """One thing told, stored before anybody works on it, and kept for the record; `raw` may hold personal data.

    The same thing again is counted in `repeated`. Another thing under the same number is a row of its own.
    """

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("source", "shop", "fact_id", "digest"),
        Index("inbox_waiting", "id", postgresql_where=text(WAITING), sqlite_where=text(WAITING)),
        Index("inbox_of_case", "shop", "case_no", "happened_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    source: str  # "platform", "kuaidi100", "payments"
    kind: str  # "order.changed", "complaint.made", "parcel.scanned" …
    fact_id: str  # their number for it
    digest: str  # of `raw`
    case_no: str | None = None  # the order, or whatever else it is about, in their word
    happened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # as they say
    received_at: datetime = Field(sa_type=UtcDateTime)
    pushed: bool  # they came to us; else we had asked
    raw: str
    repeated: int = 0
    processed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: str | None = None  # "news", "known", "unreadable" …
    attempts: int = 0
    retry_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = None


class SeenNonce(SQLModel, table=True):
    """A signed message with this nonce was taken; it is not taken twice. Forgotten once its time stamp is too old."""

    __tablename__ = "seen_nonces"

    source: str = Field(primary_key=True)
    shop: str = Field(primary_key=True)
    nonce: str = Field(primary_key=True)
    seen_at: datetime = Field(sa_type=UtcDateTime, index=True)
