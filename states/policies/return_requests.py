"""What is asked when a buyer wants goods or money back, and the form of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from states.policies.freight import Payer
from states.reasons import Reason


class ReturnKind(StrEnum):
    """What the buyer gets."""

    REFUND_UNSHIPPED = "refund_unshipped"  # the money, before the parcel leaves (rule 84)
    RETURN_REFUND = "return_refund"  # the money, for goods sent back (rules 74, 80)
    EXCHANGE = "exchange"  # other goods, for goods sent back (rule 80)
    RESHIP = "reship"  # what never arrived, or arrived broken, once more (rule 69)
    COMPENSATION = "compensation"  # some money; the goods stay (rule 85)


class ReturnReason(StrEnum):
    """Why: the first four are the shop's fault, the next three the buyer's wish, the last is not known."""

    QUALITY = "quality"
    WRONG_ITEM = "wrong_item"  # we sent something else
    MISSING = "missing"  # short, lost or stolen
    DAMAGED_IN_TRANSIT = "damaged_in_transit"
    DISLIKED = "disliked"
    UNSUITABLE = "unsuitable"
    BOUGHT_BY_MISTAKE = "bought_by_mistake"  # the buyer ordered something else than was meant
    OTHER = "other"


PERSONAL = frozenset({ReturnReason.DISLIKED, ReturnReason.UNSUITABLE, ReturnReason.BOUGHT_BY_MISTAKE})


class GoodsClass(StrEnum):
    ORDINARY = "ordinary"
    HYGIENE = "hygiene"
    SPECIAL_PRICE = "special_price"
    GIFT = "gift"
    SEMI_FINISHED = "semi_finished"


class Condition(StrEnum):
    AS_NEW = "as_new"
    USED = "used"
    INNER_PACKING_DAMAGED = "inner_packing_damaged"


class Exclusion(StrEnum):
    """What can speak against a return without a fault: a class of goods or a condition (rules 75-79)."""

    HYGIENE = "hygiene"
    SPECIAL_PRICE = "special_price"
    GIFT = "gift"
    SEMI_FINISHED = "semi_finished"
    USED = "used"
    INNER_PACKING_DAMAGED = "inner_packing_damaged"


class Evidence(StrEnum):
    PHOTO = "photo"
    DELIVERY_NOTE = "delivery_note"  # a picture of the note that lay in the parcel (rule 69)


class Answer(StrEnum):
    """From yes to no; of several reasons the one nearest to no decides."""

    ALLOWED = "allowed"
    A_PERSON_MUST_LOOK = "a_person_must_look"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class BoughtLine:
    """One line of an order; `price_fen` for one piece, None where the source tells none; `returned` pieces
    are those that earlier cases took back or replaced."""

    position: int
    sku: str
    title: str
    quantity: int
    price_fen: int | None = None
    returned: int = 0


@dataclass(frozen=True, slots=True)
class BoughtOrder:
    """What a verdict reads of an order. `refunded_fen` counts every refund, also one still on its way;
    `compensated_fen` is the part of it that was compensation."""

    state: str
    amount_fen: int
    paid_fen: int
    lines: tuple[BoughtLine, ...] = ()  # none: the source names no goods, the order is one piece
    refunded_fen: int = 0
    compensated_fen: int = 0
    freight_fen: int | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    part_shipped: bool = False  # not all of it is with us any more

    @property
    def shipped(self) -> bool:
        """Whether the parcel has left us, as far as we know by now, however early the request was made."""
        handed_over = self.state in ("shipped", "delivered", "completed")
        return handed_over or self.shipped_at is not None or self.delivered_at is not None

    @property
    def goods(self) -> tuple[BoughtLine, ...]:
        """Its lines; an order whose source names none is one piece."""
        return self.lines or (BoughtLine(position=0, sku="", title="", quantity=1),)

    @property
    def left_fen(self) -> int:
        """What can still be refunded."""
        return max(self.paid_fen - self.refunded_fen, 0)


@dataclass(frozen=True, slots=True)
class AskedLine:
    """Pieces of the order's line at `position`; `goods` where an agent names the class of the goods."""

    position: int
    quantity: int
    condition: Condition = Condition.AS_NEW
    goods: GoodsClass | None = None


@dataclass(frozen=True, slots=True)
class ReturnRequest:
    """What is asked, and when. No kind: what fits the reason. No lines: all that is left of the order.
    No amount: what the pieces are worth. `condition` and `goods` speak of all lines if none are named."""

    reason: ReturnReason
    at: datetime
    kind: ReturnKind | None = None
    lines: Sequence[AskedLine] = ()
    amount_fen: int | None = None
    evidence: Sequence[Evidence] = ()
    condition: Condition = Condition.AS_NEW
    goods: GoodsClass | None = None


@dataclass(frozen=True, slots=True)
class JudgedLine:
    """Asked pieces of one line with the classes they were judged as, and their share of what was paid:
    goods less discount, and freight."""

    line: BoughtLine
    quantity: int
    condition: Condition
    classes: tuple[GoodsClass, ...]
    goods_fen: int
    freight_fen: int

    @property
    def exclusions(self) -> list[Exclusion]:
        """All that may speak against taking these pieces back."""
        return [Exclusion(word) for word in (*self.classes, self.condition) if word in list(Exclusion)]


@dataclass(frozen=True, slots=True)
class RefundPart:
    """One part of a refund, negative where something is kept back."""

    fen: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, and all that follows from it.

    `kind` is what the case would be: a refund before shipping of a parcel that has left is a return.
    `until` (UTC) is the last moment for this reason, counted from the order's `anchor`; None: no end, or none known.
    `refund_fen` is the sum of `parts`; where a person must look it is what we would pay after a yes.
    `outward` and `back` bear the postage of the parcel to the buyer (an exchange: of the second one) and of the
    parcel back; None: there is no such parcel, or a person says. `limit_fen`: what may be granted as compensation
    without a supervisor. `remedies`: the kinds open for this reason, for a refused request what is left.
    `evidence_wanted`: what the buyer has yet to show.
    """

    answer: Answer
    reasons: tuple[Reason, ...]
    kind: ReturnKind
    until: datetime | None = None
    anchor: str | None = None
    parts: tuple[RefundPart, ...] = ()
    outward: Payer | None = None
    back: Payer | None = None
    remedies: tuple[ReturnKind, ...] = ()
    evidence_wanted: tuple[Evidence, ...] = ()
    cooling_until: datetime | None = None
    limit_fen: int | None = None
    lines: tuple[JudgedLine, ...] = ()

    @property
    def refund_fen(self) -> int:
        return sum(part.fen for part in self.parts)
