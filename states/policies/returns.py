"""Who may return what until when, who pays the postage, and what is refunded: the settings of one shop."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from states.policies.moments import utc
from states.policies.return_claims import Claim
from states.policies.return_findings import Finding, findings, grounds, impossible
from states.policies.return_requests import (
    PERSONAL,
    Answer,
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
from states.policies.settings import Duration, Fen, Policy
from states.reasons import Reason

K, R = ReturnKind, ReturnReason
ABOUT_THE_KIND = {"remedy_not_open", "order_anew", "nothing_shipped"}
Percent = Annotated[int, Field(strict=True, ge=0, le=100)]
Word = Annotated[str, Field(min_length=1)]


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


class ReturnPolicy(Policy):
    """A shop's after-sales rules (35, 55, 69, 72-80, 84, 85, 88).

    Durations are elapsed time: seven days are 7 x 24 h to the second, across midnight and any clock change, and
    the last second is still in time: rule 78 refuses what was received *more* than seven days ago.
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

    def verdict(
        self, order: BoughtOrder, request: ReturnRequest, *, free_from_fen: int | None = None
    ) -> Verdict:
        """What this shop answers to the request, with every reason; nothing is changed by asking.

        `free_from_fen` is the amount from which the order shipped free. Raises ValueError for a time without offset.
        """
        claim = Claim(self, order, request, free_from_fen)
        if obstacles := tuple(impossible(claim)):
            return Verdict(Answer.REFUSED, obstacles, claim.kind)
        found = list(findings(claim))
        answer = max((finding.answer for finding in found if finding.answer), key=list(Answer).index)
        return (_refused if answer is Answer.REFUSED else _open)(claim, answer, found)

    def until(self, order: BoughtOrder, reason: ReturnReason) -> datetime | None:
        """The last moment (UTC) for this reason; None: there is none, or the receipt is not known."""
        window = self.no_reason_within if reason in (*PERSONAL, R.OTHER) else self.fault_within
        return utc(order.delivered_at) + window if order.delivered_at and window else None

    def classes(self, line: BoughtLine) -> tuple[GoodsClass, ...]:
        """All classes the shop's words put these goods in; ordinary when there is none."""
        text = f"{line.sku}\n{line.title}".casefold()
        found = (kind for kind, words in self.goods.items() if any(word.casefold() in text for word in words))
        return tuple(found) or (GoodsClass.ORDINARY,)


def _open(claim: Claim, answer: Answer, found: list[Finding]) -> Verdict:
    reasons = _sorted([*found, *grounds(claim)], (Answer.A_PERSON_MUST_LOOK, Answer.ALLOWED, None))
    return Verdict(
        answer,
        reasons,
        claim.kind,
        until=claim.until,
        anchor=claim.anchor,
        parts=claim.parts,
        outward=claim.payer,
        back=None if claim.kind is K.RESHIP else claim.payer,
        remedies=claim.open_remedies,
        evidence_wanted=claim.evidence_wanted,
        cooling_until=claim.cooling_until,
        limit_fen=claim.limit_fen,
        lines=claim.lines,
    )


def _refused(claim: Claim, answer: Answer, found: list[Finding]) -> Verdict:
    """A no is not watered down with what would have spoken for a yes; the wrong kind leaves the others open."""
    reasons = _sorted(found, (Answer.REFUSED, Answer.A_PERSON_MUST_LOOK, None))
    against = {finding.reason.code for finding in found if finding.answer is Answer.REFUSED}
    return Verdict(
        answer,
        reasons,
        claim.kind,
        until=claim.until,
        anchor=claim.anchor,
        remedies=claim.open_remedies if against <= ABOUT_THE_KIND else (),
        lines=claim.lines,
    )


def _sorted(found: list[Finding], answers: tuple[Answer | None, ...]) -> tuple[Reason, ...]:
    """The reasons for these answers, in this sequence, each once."""
    reasons = (finding.reason for answer in answers for finding in found if finding.answer is answer)
    return tuple(dict.fromkeys(reasons))
