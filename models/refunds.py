"""Money on its way back."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.types import UtcDateTime

UNSETTLED = "state IN ('requested', 'sent', 'unknown')"


class Refund(SQLModel, table=True):
    """One payment back to a buyer: stored before anybody is asked to pay, and paid under this key only (promise 7).

    requested → sent → succeeded | failed | unknown; unknown is asked about by the same key until it is known.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("return_id", "round"),
        CheckConstraint("fen > 0", name="refunds_of_something"),
        Index(
            "refunds_unsettled",
            "state",
            "requested_at",
            postgresql_where=text(UNSETTLED),
            sqlite_where=text(UNSETTLED),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)  # the idempotency key
    shop: str
    return_id: int = Field(foreign_key="returns.id")
    order_id: int = Field(foreign_key="orders.id", index=True)
    round: int  # a refund that failed for good may be tried once more, as another one
    fen: int
    elsewhere_fen: int = 0  # what others had refunded of the order by then
    state: str
    requested_at: datetime = Field(sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    retry_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    refund_ref: str | None = None  # the payment service's own number
    error: str | None = None
