"""Why there is nothing to judge: the order holds no money, or not the pieces asked for."""

from __future__ import annotations

from collections.abc import Iterator

from states.policies.return_claims import Claim
from states.policies.return_requests import BoughtLine, ReturnKind
from states.policies.return_words import called, named
from states.reasons import Reason, yuan


def impossible(claim: Claim) -> Iterator[Reason]:
    """Every obstacle; with one there is no case, whatever the shop's rules say of the goods."""
    order, amount_fen = claim.order, claim.request.amount_fen
    if order.state == "cancelled" and not order.left_fen:
        yield CANCELLED
    elif order.state == "unpaid" or (order.amount_fen and not order.paid_fen):
        yield NOT_PAID
    elif order.state == "refunded" or (order.paid_fen and not order.left_fen):
        yield ALREADY_REFUNDED
    elif amount_fen is not None and amount_fen < 1:
        yield BAD_AMOUNT
    elif amount_fen is not None and amount_fen > order.left_fen:
        yield above_what_is_left(amount_fen, order.left_fen)
    yield from _impossible_pieces(claim)


def _impossible_pieces(claim: Claim) -> Iterator[Reason]:
    bought = {line.position: line for line in claim.order.goods}
    if not claim.asked and claim.kind is not ReturnKind.COMPENSATION:
        yield ALL_RETURNED
    for position in sorted({a.position for a in claim.asked}):
        pieces = [a.quantity for a in claim.asked if a.position == position]
        if (line := bought.get(position)) is None:
            yield no_such_line(position)
        elif len(pieces) > 1:
            yield line_named_twice(position)
        elif pieces[0] < 1:
            yield bad_quantity(line, pieces[0])
        elif pieces[0] > line.quantity - line.returned:
            yield more_than_bought(line, pieces[0])


NOT_PAID = Reason("not_paid", "订单未付款,没有可退的", "the order is not paid: there is nothing to give back")
CANCELLED = Reason("order_cancelled", "订单已取消,没有可退的", "the order is cancelled and holds no money")
ALREADY_REFUNDED = Reason("already_refunded", "订单已全额退款", "the order is refunded in full already")
ALL_RETURNED = Reason("all_returned", "订单商品已全部退换", "every piece of the order went back already")
BAD_AMOUNT = Reason("bad_amount", "申请金额应大于零", "the amount asked for must be more than nothing")


def no_such_line(position: int) -> Reason:
    return Reason("no_such_line", f"订单没有第{position}行商品", f"the order has no line {position}")


def bad_quantity(line: BoughtLine, asked: int) -> Reason:
    return Reason(
        "bad_quantity",
        f"{named(line)}件数应至少为1,不是{asked}",
        f"{called(line)}at least 1 piece can be asked for, not {asked}",
    )


def more_than_bought(line: BoughtLine, asked: int) -> Reason:
    back_zh = f"、已退换{line.returned}件" if line.returned else ""
    back_en = f", {line.returned} went back already" if line.returned else ""
    return Reason(
        "more_than_bought",
        f"{named(line)}购买{line.quantity}件{back_zh},不能再申请{asked}件",
        f"{called(line)}{line.quantity} bought{back_en}: {asked} cannot be asked for",
    )


def line_named_twice(position: int) -> Reason:
    return Reason(
        "line_named_twice",
        f"第{position}行商品写了两次",
        f"line {position} is named twice: name it once, with all its pieces",
    )


def above_what_is_left(asked: int, left: int) -> Reason:
    return Reason(
        "above_what_is_left",
        f"申请 {yuan(asked)} 元,超过尚可退的 {yuan(left)} 元",
        f"{yuan(asked)} was asked for, {yuan(left)} is left",
    )
