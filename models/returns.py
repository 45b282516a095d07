"""After-sales cases, and the pieces they are about."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.types import AnyJSON, UtcDateTime

OPEN = "is_open"


class Return(SQLModel, table=True):
    """One request of a buyer after paying: goods or money back, goods anew, or some money (design.md §6).

    What the rules answered when it was asked is kept with it; so is who decided otherwise, and why.
    Only `flows/advance.py` writes here (promise 1).
    """

    __tablename__ = "returns"
    __table_args__ = (
        UniqueConstraint("no", "shop"),
        Index("returns_by_state", "state", "shop"),
        Index("returns_by_waybill", "shop", "waybill"),  # of the parcel back
    )

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    no: str  # written on the slip in the parcel (rule 81)
    order_id: int = Field(foreign_key="orders.id", index=True)
    state: str
    version: int = 0  # counts the changes; compared and swapped at every write
    policy_version_id: int | None = Field(default=None, foreign_key="policy_versions.id")  # the order's
    changed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    kind: str | None = None
    reason: str | None = None
    asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    asked_kind: str | None = None  # as the buyer asked for it
    asked_fen: int | None = None
    elsewhere_fen: int = 0  # what others had refunded of the order by then
    evidence: list = Field(default_factory=list, sa_type=AnyJSON)  # {"kind", "link"}, one each

    holds_order: bool = False  # its order waits for the outcome (rule 84)
    answer: str | None = None  # what the rules say: allowed, a_person_must_look, refused
    reasons: list = Field(default_factory=list, sa_type=AnyJSON)  # every reason of it
    evidence_wanted: list = Field(default_factory=list, sa_type=AnyJSON)  # what the buyer has yet to show
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)  # last moment for this reason
    anchor: str | None = None  # the order's moment that `until` is counted from
    cooling_until: datetime | None = Field(default=None, sa_type=UtcDateTime)  # rule 84
    limit_fen: int | None = None  # of a compensation without a supervisor (rule 85)
    refund_fen: int = 0  # what it brings the buyer back
    postage_outward: str | None = None  # who bears it: shop, customer; None: a person says (rules 55, 73, 74)
    postage_back: str | None = None
    overridden_by: str | None = None  # who decided against the rules' answer
    override_reason: str | None = None

    send_by: datetime | None = Field(default=None, sa_type=UtcDateTime)  # the buyer's turn ends
    waybill: str | None = None  # of the parcel back (rule 82)
    carrier: str | None = None
    received_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finding: str | None = None  # of the inspection: as_described, other_condition, wrong_or_short
    linked_no: str | None = None  # the order that carries the goods sent anew
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ReturnLine(SQLModel, table=True):
    """Pieces of one line of the order that a case is about; in one open case only, the database sees to it."""

    __tablename__ = "return_lines"
    __table_args__ = (
        Index(
            "return_lines_open",
            "order_id",
            "position",
            unique=True,
            postgresql_where=text(OPEN),
            sqlite_where=text(OPEN),
        ),
    )

    return_id: int = Field(primary_key=True, foreign_key="returns.id")
    position: int = Field(primary_key=True)  # the order line's; 0 where the order names no goods
    order_id: int = Field(foreign_key="orders.id")
    quantity: int
    condition: str
    goods: str | None = None  # the class of goods an agent named
    is_open: bool = True
