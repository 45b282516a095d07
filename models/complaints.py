"""What customers turn to us with, and the rounds in which it is worked on."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.types import AnyJSON, UtcDateTime

BEING_SETTLED = "is_open AND order_id IS NOT NULL"


class Complaint(SQLModel, table=True):
    """One consultation, query or complaint: the one record for the three forms that the rules name (93, 95, 96, 100).

    Who the customer is and what was said stays here (promise 9); what we owe for it is in its rounds.
    Only `flows/advance.py` writes here (promise 1).
    """

    __tablename__ = "complaints"
    __table_args__ = (
        UniqueConstraint("no", "shop"),
        Index("complaints_by_state", "state", "shop"),
        Index("complaints_about_goods", "shop", "sku", "registered_at"),
        Index("complaints_by_buyer", "buyer_id", "registered_at"),
        Index(  # a second one about the same order and cause joins the first
            "complaints_open",
            "order_id",
            "nature",
            unique=True,
            postgresql_where=text(BEING_SETTLED),
            sqlite_where=text(BEING_SETTLED),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    no: str
    state: str
    version: int = 0  # counts the changes; compared and swapped at every write
    policy_version_id: int | None = Field(default=None, foreign_key="policy_versions.id")
    changed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    order_id: int | None = Field(default=None, foreign_key="orders.id")  # None: about no order of ours
    buyer_id: int | None = Field(default=None, foreign_key="buyers.id")
    sku: str | None = None  # the goods it is about
    intake: str | None = None  # consultation, query, complaint (rule 93)
    channel: str | None = None  # how the customer reached us (rule 112)
    name: str | None = None  # rule 95: name, address, phone, problem
    phone: str | None = None
    address: str | None = None
    said: list = Field(
        default_factory=list, sa_type=AnyJSON
    )  # {"at", "by", "words"}: the customer's own words
    registered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    is_open: bool = False

    nature: str | None = None  # what is wrong (rules 94, 110)
    amount_fen: int | None = None  # what is at stake
    furious: bool = False  # extremely dissatisfied, in rule 94's words
    hard_to_judge: bool = False  # rule 98
    buyer_repeats: int = 0  # earlier complaints of the buyer, when this one came
    goods_repeats: int = 0  # earlier complaints about the goods
    grade: str | None = None  # general, major, crisis (rule 94); None: it is no complaint
    urgency: str | None = None  # rule 111
    reasons: list = Field(
        default_factory=list, sa_type=AnyJSON
    )  # of grade and urgency, as the policy gave them
    graded_by: str | None = None  # who decided otherwise
    handler: str | None = None
    linked_no: str | None = None  # the earlier complaint that this one takes up again
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ComplaintRound(SQLModel, table=True):
    """One time that a complaint is worked on, with deadlines, ladder and callback of its own (rules 98-101).

    The ledgers are lists, oldest first, their times ISO 8601 in UTC.
    """

    __tablename__ = "complaint_rounds"

    complaint_id: int = Field(primary_key=True, foreign_key="complaints.id")
    number: int = Field(primary_key=True)
    why: str  # it began: registered, callback, survey, reopened
    began_at: datetime = Field(sa_type=UtcDateTime)
    handler: str | None = None  # who settled it

    pauses: list = Field(
        default_factory=list, sa_type=AnyJSON
    )  # {"start", "end", "why"}: we wait for the customer
    respond_by: datetime | None = Field(
        default=None, sa_type=UtcDateTime
    )  # None: nothing is owed, or it is paused
    responded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    promised_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime
    )  # to call back; None: no promise waits
    call_by: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_word_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # of ours to the customer
    update_by: datetime | None = Field(default=None, sa_type=UtcDateTime)
    resolve_by: datetime | None = Field(default=None, sa_type=UtcDateTime)
    missed: list = Field(default_factory=list, sa_type=AnyJSON)  # {"owed", "due_at", "at"}: staff were told

    ladder_since: datetime | None = Field(default=None, sa_type=UtcDateTime)  # begun, or taken up again
    told: list = Field(
        default_factory=list, sa_type=AnyJSON
    )  # {"level", "who", "at", "why"}: the ladder's notices
    acknowledged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    acknowledged_by: str | None = None

    resolved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    remedy: str | None = None
    answer: str | None = None  # what was told to the customer
    return_no: str | None = None  # the after-sales case that carries it out
    call_until: datetime | None = Field(default=None, sa_type=UtcDateTime)  # the seven days of rule 100
    next_call_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    calls: list = Field(
        default_factory=list, sa_type=AnyJSON
    )  # {"at", "by", "outcome", "later_at", "text", …}
    surveyed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: str | None = None  # of the callback: satisfied, problem, refused, unanswered
    satisfaction: int | None = None  # 1 to 5, where the customer gave one
