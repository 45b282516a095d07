"""What we owe the outside world."""

from datetime import datetime

from sqlalchemy import Index, false, text
from sqlmodel import Field, SQLModel

from models.types import AnyJSON, UtcDateTime

UNSENT = "sent_at IS NULL AND dead_at IS NULL AND lapsed_at IS NULL"
DEAD = "dead_at IS NOT NULL"
TOLD_BY_ANOTHER = "digest_id IS NOT NULL"
COPIES = "copy_of IS NOT NULL"


class OutboxMessage(SQLModel, table=True):
    """A notice or command owed, stored with its cause and complete: delivery only sends it (promise 6).

    It is true only while the case is in one of the states `only_while` names (all states when empty); delivery
    asks again before it sends, and what is not true any more lapses. Who sends it has claimed it until
    `claimed_until`: should they be killed, it is free again then, and sent with the same key. A notice to colleagues
    has a row for each of their addresses: the first is its own, the others are copies of it.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("outbox_of_case", "case_kind", "case_id"),
        Index(
            *("outbox_unsent", "shop", "channel", "id"),
            postgresql_where=text(UNSENT),
            sqlite_where=text(UNSENT),
        ),
        Index("outbox_dead", "dead_at", postgresql_where=text(DEAD), sqlite_where=text(DEAD)),
        Index(
            *("outbox_of_digest", "digest_id"),
            postgresql_where=text(TOLD_BY_ANOTHER),
            sqlite_where=text(TOLD_BY_ANOTHER),
        ),
        Index(
            *("outbox_copies", "copy_of"),
            postgresql_where=text(COPIES),
            sqlite_where=text(COPIES),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    case_kind: str
    case_id: int
    shop: str
    what: str  # "payment_reminder", "ship", …
    channel: str  # "buyer", "staff", "platform", "warehouse"
    recipient: str | None = None  # a colleague's name or role; None: whoever serves the channel
    address: str | None = (
        None  # which of the staff's, without its secret: "dingtalk-3f2a9c"; None: not given one yet
    )
    copy_of: int | None = None  # the row that has the first address
    urgent: bool = Field(
        default=False, sa_column_kwargs={"server_default": false()}
    )  # waits for nothing (rule 98)
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
    ref: str | None = None  # their number for it
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    claimed_by: str | None = None
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # tries begun
    misses: int = Field(
        default=0, sa_column_kwargs={"server_default": "0"}
    )  # of these, tries that did nothing
    retry_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    answer: str | None = None  # what they said last, masked
    lapsed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # no longer true, so never sent
    lapsed_why: str | None = None
    dead_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # given up: a person looks
    dead_why: str | None = None
    abandoned_by: str | None = None  # the person who gave it up
