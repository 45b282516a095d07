"""What we owe the outside world."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from models.types import AnyJSON, UtcDateTime

UNSENT = "sent_at IS NULL AND dead_at IS NULL"


class OutboxMessage(SQLModel, table=True):
    """A notice or command owed, stored with its cause and complete: delivery only sends it (promise 6).

    It is true only while the case is in one of the states `only_while` names (all states when empty);
    delivery asks again before it sends.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("outbox_of_case", "case_kind", "case_id"),
        Index(
            "outbox_unsent", "channel", "owed_at", postgresql_where=text(UNSENT), sqlite_where=text(UNSENT)
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    case_kind: str
    case_id: int
    shop: str
    what: str  # "payment_reminder", "ship", …
    channel: str  # "buyer", "staff", "platform", "warehouse"
    recipient: str | None = None  # a colleague's name or role; None: whoever serves the channel
    key: str = Field(unique=True)  # the idempotency key
    owed_at: datetime = Field(sa_type=UtcDateTime)
    not_before: datetime | None = Field(
        default=None, sa_type=UtcDateTime
    )  # the recipient is off duty until then
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    only_while: list = Field(sa_type=AnyJSON)
    payload: dict = Field(sa_type=AnyJSON)
    text: str | None = None  # a notice as the recipient reads it; None for a command
    digest_id: int | None = None  # the message that tells of it instead
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    dead_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
