"""What pieces of an order are worth when they come back: shares of what was paid, exact to the fen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from states.policies import return_reasons as why
from states.policies.return_requests import BoughtLine, BoughtOrder, JudgedLine, RefundPart


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


def worth(order: BoughtOrder, lines: Sequence[JudgedLine], *, with_freight: bool) -> Iterator[RefundPart]:
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


def kept_fen(order: BoughtOrder, lines: Sequence[JudgedLine] = ()) -> int:
    """The price of what stays with the buyer after these pieces are gone."""
    gone = {judged.line.position: judged.quantity for judged in lines}
    return sum(
        (line.quantity - line.returned - gone.get(line.position, 0)) * line.price_fen for line in order.goods
    )
