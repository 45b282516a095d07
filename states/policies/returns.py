"""Who may return what until when, who pays the postage, and what is refunded: the settings of one shop."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from states.policies.moments import utc
from states.policies.return_claims import Claim
from states.policies.return_obstacles import impossible
from states.policies.return_requests import (
    PERSONAL,
    BoughtLine,
    BoughtOrder,
    Evidence,
    Exclusion,
    GoodsClass,
    ReturnKind,
    ReturnReason,
    ReturnRequest,
    Verdict,
)
from states.policies.return_verdicts import granted, judged
from states.policies.settings import Duration, Fen, Policy, write_duration
from states.reasons import Reason

K, R = ReturnKind, ReturnReason
Percent = Annotated[int, Field(strict=True, ge=0, le=100)]
Word = Annotated[str, Field(min_length=1)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class CompensationLimits(Policy):
    """What an agent may grant without a supervisor: the lowest of the limits set, nothing when none is set.

    Rule 85 offers "some compensation" and gives no amount.
    """

    per_order_fen: Fen | None = None
    per_order_percent: Percent | None = None  # of what was paid
    per_cause_fen: dict[ReturnReason, Fen] = {}

    def left_fen(self, order: BoughtOrder, reason: ReturnReason) -> int:
        """What is left of it for this order and cause."""
        limits = [self.per_order_fen, self.per_cause_fen.get(reason)]
        if self.per_order_percent is not None:
            limits.append(order.paid_fen * self.per_order_percent // 100)
        limit = min((fen for fen in limits if fen is not None), default=0)
        return min(max(limit - order.compensated_fen, 0), order.left_fen)


class ReturnAddress(Policy):
    """Where the buyer sends a parcel back to: consignee, telephone and address, as rule 83 wants them told."""

    consignee: Line
    phone: Line
    address: Line


class ReturnPolicy(Policy):
    """A shop's after-sales rules (35, 55, 69, 72-80, 82-85, 87, 88, 91).

    The buyer's deadlines are elapsed time: seven days are 7 x 24 h to the second, across midnight and any clock
    change, and the last second is still in time: rule 78 refuses what was received *more* than seven days ago.
    Ours are desk time: only the hours count in which the after-sales desk is open (rule 91).
    """

    no_reason_within: Duration = timedelta(days=7)  # of receipt
    fault_within: Duration | None = timedelta(
        days=30
    )  # of receipt; later a person looks. None: never too late
    cooling: Duration = timedelta(hours=24)  # from asking until an unshipped order is refunded
    order_anew: bool = Field(
        default=True, strict=True
    )  # ordered by mistake, unshipped: no exchange (rule 35)
    shop_pays: tuple[ReturnReason, ...] = (R.QUALITY, R.WRONG_ITEM, R.MISSING, R.DAMAGED_IN_TRANSIT)
    not_returnable: tuple[Exclusion, ...] = ()  # without a fault
    a_person_looks_at: tuple[Exclusion, ...] = tuple(Exclusion)  # what the shop's rules are silent about
    goods: dict[GoodsClass, tuple[Word, ...]] = {}  # words in sku or title that tell the class, in any case
    evidence: dict[ReturnReason, tuple[Evidence, ...]] = {
        R.QUALITY: (Evidence.PHOTO,),
        R.WRONG_ITEM: (Evidence.PHOTO,),
        R.MISSING: (Evidence.DELIVERY_NOTE,),  # rule 69
        R.DAMAGED_IN_TRANSIT: (Evidence.PHOTO,),
    }
    remedies: dict[ReturnReason, tuple[ReturnKind, ...]] = {
        R.QUALITY: (K.RETURN_REFUND, K.EXCHANGE, K.RESHIP, K.COMPENSATION),  # rules 72, 80, 85
        R.WRONG_ITEM: (K.RETURN_REFUND, K.EXCHANGE, K.COMPENSATION),
        R.MISSING: (K.RESHIP, K.RETURN_REFUND, K.COMPENSATION),  # rules 69, 73
        R.DAMAGED_IN_TRANSIT: (K.RETURN_REFUND, K.EXCHANGE, K.RESHIP, K.COMPENSATION),
        R.DISLIKED: (K.RETURN_REFUND, K.EXCHANGE),  # rule 74
        R.UNSUITABLE: (K.RETURN_REFUND, K.EXCHANGE),
        R.BOUGHT_BY_MISTAKE: (K.RETURN_REFUND, K.EXCHANGE),
    }
    compensation: CompensationLimits = CompensationLimits()
    lost_free_freight_fen: Fen = 0  # kept back when a wish takes the order below the free-shipping amount
    gift_kept_fen: Fen = 0  # kept back for each gift that stays when by a wish all goods go back
    supervisors: tuple[Line, ...] = ()  # who may grant more than `compensation` does; none: any named person
    desk: str | None = None  # the after-sales desk, whose hours count (rule 91); None: the payment desk
    address: ReturnAddress | None = None  # of parcels that come back; None: the desk tells it by hand

    # What we owe, in desk time; rule 87 asks for the shortest time and names none.
    judge_within: Duration = timedelta(hours=4)  # of a doubtful request: a person has looked at it
    inspect_within: Duration = timedelta(hours=8)  # of the parcel's arrival: it is inspected
    dispute_within: Duration = timedelta(hours=16)  # of the buyer's objection: the dispute is settled

    # What the buyer owes, in elapsed time.
    evidence_reminder_after: Duration = timedelta(hours=24)  # of our asking for evidence
    evidence_within: Duration = timedelta(days=7)  # of our asking; later the request has lapsed
    waybill_reminder_after: Duration = timedelta(days=3)  # of our telling where to send it
    waybill_within: Duration = timedelta(days=7)  # by then carrier and waybill are told to us (rule 82)
    parcel_within: Duration = timedelta(days=10)  # of the waybill; later somebody asks the carrier (rule 82)

    @model_validator(mode="after")
    def _reminded_before_it_is_too_late(self) -> Self:
        wrong = [
            f"{asked}_reminder_after ({write_duration(reminder)}) must be shorter than"
            f" {asked}_within ({write_duration(limit)})"
            for asked, reminder, limit in (
                ("evidence", self.evidence_reminder_after, self.evidence_within),
                ("waybill", self.waybill_reminder_after, self.waybill_within),
            )
            if reminder >= limit
        ]
        if wrong:
            raise ValueError(", and ".join(wrong))
        return self

    def verdict(
        self, order: BoughtOrder, request: ReturnRequest, *, free_from_fen: int | None = None
    ) -> Verdict:
        """What this shop answers to the request, with every reason; nothing is changed by asking.

        `free_from_fen` is the amount from which the order shipped free. Raises ValueError for a time without offset.
        """
        return judged(Claim(self, order, request, free_from_fen))

    def granted(
        self, order: BoughtOrder, request: ReturnRequest, *, free_from_fen: int | None = None
    ) -> Verdict:
        """What follows from a yes, whatever the rules answer: for who decides against them."""
        return granted(Claim(self, order, request, free_from_fen))

    def obstacles(self, order: BoughtOrder, request: ReturnRequest) -> tuple[Reason, ...]:
        """Why there is nothing to judge, so no case to open; empty where the rules have the word."""
        return tuple(impossible(Claim(self, order, request, None)))

    def until(self, order: BoughtOrder, reason: ReturnReason) -> datetime | None:
        """The last moment (UTC) for this reason; None: there is none, or the receipt is not known."""
        window = self.no_reason_within if reason in (*PERSONAL, R.OTHER) else self.fault_within
        return utc(order.delivered_at) + window if order.delivered_at and window else None

    def classes(self, line: BoughtLine) -> tuple[GoodsClass, ...]:
        """All classes the shop's words put these goods in; ordinary when there is none."""
        text = f"{line.sku}\n{line.title}".casefold()
        found = (kind for kind, words in self.goods.items() if any(word.casefold() in text for word in words))
        return tuple(found) or (GoodsClass.ORDINARY,)
