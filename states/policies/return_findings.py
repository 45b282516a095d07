"""What speaks for and against a claim: every reason, and the answer it speaks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from states.policies import return_money_reasons as money
from states.policies import return_reasons as why
from states.policies.freight import Payer
from states.policies.moments import utc
from states.policies.return_claims import MONEY_BACK, POSTED, Claim
from states.policies.return_money import gifts_missing, prices_known
from states.policies.return_requests import (
    Answer,
    Condition,
    Exclusion,
    GoodsClass,
    ReturnKind,
    ReturnReason,
)
from states.reasons import Reason

K, R = ReturnKind, ReturnReason
ALLOWED, LOOK, REFUSED = Answer


class Finding(NamedTuple):
    """A reason, and the answer it speaks for; None: it explains, whatever the answer."""

    answer: Answer | None
    reason: Reason


def findings(claim: Claim) -> Iterator[Finding]:
    if claim.order.state == "cancelled":
        yield Finding(LOOK, why.CANCELLED_BUT_PAID)
    if claim.request.kind in MONEY_BACK and claim.request.kind is not claim.kind:
        yield Finding(None, why.ALREADY_HANDED_OVER if claim.order.shipped else why.NOT_SHIPPED_YET)
    yield from _after_shipping(claim) if claim.order.shipped else _before_shipping(claim)
    if claim.kind is K.COMPENSATION:
        yield _compensation(claim)
    if claim.kind in MONEY_BACK:
        yield from _amount(claim)


def _before_shipping(claim: Claim) -> Iterator[Finding]:
    """Rule 84 asks for no reason; rule 35 sends who ordered the wrong thing to order anew."""
    match claim.kind:
        case K.REFUND_UNSHIPPED:
            yield Finding(ALLOWED, why.after_cooling(claim.policy.cooling))
            if claim.request.reason is R.BOUGHT_BY_MISTAKE and claim.policy.order_anew:
                yield Finding(ALLOWED, why.ORDER_ANEW)
            if any(claim.staying):
                yield Finding(LOOK, why.PART_UNSHIPPED)
            if claim.order.part_shipped:
                yield Finding(LOOK, why.PART_SHIPPED)
        case K.EXCHANGE if claim.policy.order_anew:
            yield Finding(REFUSED, why.ORDER_ANEW)
        case K.EXCHANGE:
            yield Finding(LOOK, why.EXCHANGE_UNSHIPPED)
        case K.RESHIP:
            yield Finding(REFUSED, why.NOTHING_SHIPPED)
        case K.COMPENSATION:
            yield Finding(LOOK, why.NOTHING_SHIPPED)


def _after_shipping(claim: Claim) -> Iterator[Finding]:
    reason, open_ = claim.request.reason, claim.open_remedies
    if reason is R.OTHER:
        yield Finding(LOOK, why.REASON_UNCLEAR)
    elif claim.kind not in open_:
        yield Finding(REFUSED, why.remedy_not_open(claim.kind, reason, open_))
    if claim.fault:
        yield from _fault(claim)
    elif claim.personal:
        yield from _no_reason(claim)


def _fault(claim: Claim) -> Iterator[Finding]:
    """Our fault is always looked after, whatever the goods and their condition (73, 76, 77)."""
    yield Finding(ALLOWED, why.fault_open(claim.request.reason))
    if claim.until and utc(claim.request.at) > claim.until:
        yield Finding(LOOK, why.fault_late(claim.policy.fault_within))
    as_sent = all(judged.condition is Condition.AS_NEW for judged in claim.lines)
    if claim.request.reason is R.WRONG_ITEM and claim.kind in POSTED and not as_sent:
        yield Finding(LOOK, why.USED_THOUGH_WRONG)


def _no_reason(claim: Claim) -> Iterator[Finding]:
    """Seven days from receipt (74, 78), except for what the shop excludes (75-77, 79)."""
    if claim.until is None:
        yield Finding(LOOK, why.RECEIPT_UNKNOWN)
    elif utc(claim.request.at) > claim.until:
        yield Finding(REFUSED, why.window_over(claim.policy.no_reason_within))
    else:
        yield Finding(ALLOWED, why.within_window(claim.policy.no_reason_within))
    gifts_alone = all(GoodsClass.GIFT in judged.classes for judged in claim.lines)
    for judged in claim.lines:
        for exclusion in judged.exclusions:
            if exclusion is Exclusion.GIFT and not gifts_alone:
                continue  # it goes back with the goods it came with
            if exclusion in claim.policy.not_returnable:
                yield Finding(REFUSED, why.excluded(exclusion, judged.line))
            elif exclusion in claim.policy.a_person_looks_at:
                yield Finding(LOOK, why.doubtful(exclusion, judged.line))


def _compensation(claim: Claim) -> Finding:
    asked, limit = claim.request.amount_fen, claim.limit_fen
    if asked is None:
        return Finding(LOOK, money.AMOUNT_NEEDED)
    if asked > limit:
        return Finding(LOOK, money.above_limit(asked, limit))
    return Finding(ALLOWED, money.within_limit(limit))


def _amount(claim: Claim) -> Iterator[Finding]:
    asked, share = claim.request.amount_fen, sum(part.fen for part in claim.parts)
    if asked is not None and asked > share:
        yield Finding(LOOK, money.above_share(asked, share))
    if any(claim.staying) and len(claim.order.goods) > 1 and not prices_known(claim.order):
        yield Finding(LOOK, money.PRICES_UNKNOWN)


def grounds(claim: Claim) -> Iterator[Finding]:
    """What goes with anything but a no."""
    reason, open_ = claim.request.reason, claim.open_remedies
    if claim.fault and claim.order.shipped and open_:
        yield Finding(None, why.remedies_open(reason, open_))
    if claim.payer:
        yield Finding(None, why.postage(reason, claim.payer is Payer.SHOP))
    if gifts_missing(claim):
        yield Finding(None, why.GIFT_COMES_BACK)
    for evidence in claim.evidence_wanted:
        yield Finding(None, why.wanted(evidence))
