"""What pieces of an order are worth when they come back: shares of what was paid, exact to the fen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from states.policies import return_money_reasons as why
from states.policies.freight import Payer
from states.policies.return_requests import BoughtLine, BoughtOrder, JudgedLine, RefundPart, ReturnKind
from states.reasons import Reason

if TYPE_CHECKING:
    from states.policies.return_claims import Claim

K = ReturnKind


def apportioned(fen: int, weights: Sequence[int]) -> list[int]:
    """An amount in shares by weight that add up to it: what rounding leaves goes to the largest remainders."""
    if not (total := sum(weights)):
        weights, total = [1] * len(weights), len(weights)
    shares = [fen * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda n: (-(fen * weights[n] % total), n))
    for n in by_remainder[: fen - sum(shares)]:
        shares[n] += 1
    return shares


def line_shares(order: BoughtOrder) -> dict[int, tuple[int, int]]:
    """By position: what was paid for the goods of a line, discount taken off, and its share of the freight.

    By price where all prices are known, by pieces where not.
    """
    lines = [line for line in order.goods if line.quantity > 0]
    if prices_known(order):
        weights = [line.quantity * max(line.price_fen, 0) for line in lines]
    else:
        weights = [line.quantity for line in lines]
    freight_fen = min(max(order.freight_fen or 0, 0), order.paid_fen)
    goods = apportioned(order.paid_fen - freight_fen, weights)
    freight = apportioned(freight_fen, weights)
    return {line.position: pair for line, *pair in zip(lines, goods, freight, strict=True)}


def piece_share(fen: int, line: BoughtLine, quantity: int) -> int:
    """What the next `quantity` pieces get of a line's share: whatever the sequence, all pieces get all of it."""
    after = line.returned + quantity
    return fen * after // line.quantity - fen * line.returned // line.quantity


def prices_known(order: BoughtOrder) -> bool:
    return all(line.price_fen is not None for line in order.goods)


def _worth(order: BoughtOrder, lines: Sequence[JudgedLine], *, with_freight: bool) -> Iterator[RefundPart]:
    """The goods at their prices, less their share of the discount, and their share of the freight."""
    paid = sum(judged.goods_fen for judged in lines)
    priced = paid
    if prices_known(order):
        priced = sum(judged.quantity * judged.line.price_fen for judged in lines)
    yield RefundPart(priced, why.GOODS)
    if paid < priced:
        yield RefundPart(paid - priced, why.COUPON_SHARE)
    elif paid > priced:
        yield RefundPart(paid - priced, why.PAID_BEYOND_PRICES)
    if with_freight and (freight := sum(judged.freight_fen for judged in lines)):
        yield RefundPart(freight, why.FREIGHT_SHARE)


def _kept_fen(order: BoughtOrder, lines: Sequence[JudgedLine] = ()) -> int:
    """The price of what stays with the buyer after these pieces are gone."""
    gone = {judged.line.position: judged.quantity for judged in lines}
    return sum(
        (line.quantity - line.returned - gone.get(line.position, 0)) * line.price_fen for line in order.goods
    )


def refund_parts(claim: Claim) -> Iterator[RefundPart]:
    """A wish brings the goods' share back, our fault or an unshipped order the freight's too (55, 80, 84)."""
    asked, left = claim.request.amount_fen, claim.order.left_fen
    if claim.kind is K.COMPENSATION and asked:
        yield RefundPart(asked, why.COMPENSATION)
    if claim.kind not in (K.REFUND_UNSHIPPED, K.RETURN_REFUND):
        return
    with_freight = claim.kind is K.REFUND_UNSHIPPED or claim.payer is Payer.SHOP
    rest = 0
    for part in _worth(claim.order, claim.lines, with_freight=with_freight):
        rest += part.fen
        yield part
    for fen, reason in _kept_back(claim):
        if kept := min(fen, rest):
            rest -= kept
            yield RefundPart(-kept, reason)
    if rest > left:
        yield RefundPart(left - rest, why.REFUNDED_BEFORE)
    if asked is not None and asked < min(rest, left):
        yield RefundPart(asked - min(rest, left), why.ASKED_LESS)


def _kept_back(claim: Claim) -> Iterator[tuple[int, Reason]]:
    """The free shipping and the gifts that a buyer has no claim to who sends goods back by a wish."""
    if not claim.personal or claim.kind is not K.RETURN_REFUND:
        return
    if _free_freight_lost(claim):
        yield claim.policy.lost_free_freight_fen, why.free_freight_lost(claim.free_from_fen)
    yield claim.policy.gift_kept_fen * gifts_missing(claim), why.GIFT_KEPT


def _free_freight_lost(claim: Claim) -> bool:
    """It came free for its amount, and with this return what stays falls below that amount."""
    free_from, order = claim.free_from_fen, claim.order
    if order.freight_fen != 0 or free_from is None or not prices_known(order):
        return False
    return _kept_fen(order) >= free_from > _kept_fen(order, claim.lines)


def gifts_missing(claim: Claim) -> int:
    """Gifts that stay though by a wish all that was bought goes back."""
    goods, gifts = claim.staying
    return gifts if claim.personal and claim.kind is K.RETURN_REFUND and not goods else 0
