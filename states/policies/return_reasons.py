"""The sentences of a verdict: why goods may come back or not, and who pays the postage."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from states.policies.return_requests import BoughtLine, Evidence, Exclusion, ReturnKind, ReturnReason
from states.policies.return_words import CAUSES, KINDS, called, named, spoken
from states.reasons import Reason

EXCLUDED = {
    Exclusion.HYGIENE: (76, "个人卫生用品", "personal hygiene goods"),
    Exclusion.SPECIAL_PRICE: (77, "特价商品", "goods at a special price"),
    Exclusion.GIFT: (77, "赠品", "a gift"),
    Exclusion.SEMI_FINISHED: (79, "半成品菜", "semi-finished dishes"),
    Exclusion.USED: (75, "商品已使用", "used goods"),
    Exclusion.INNER_PACKING_DAMAGED: (75, "内部包装不完整或有损坏", "inner packing incomplete or damaged"),
}
FAULT_RULES = {
    ReturnReason.QUALITY: 73,
    ReturnReason.WRONG_ITEM: 73,
    ReturnReason.MISSING: 69,
    ReturnReason.DAMAGED_IN_TRANSIT: 88,
}
WANTED = {
    Evidence.PHOTO: ("请买家提供问题照片", "the buyer is asked for a photo of the problem", None),
    Evidence.DELIVERY_NOTE: (
        "请买家把收到的发货单拍照给我们",
        "the buyer is asked for a photo of the delivery note",
        69,
    ),
}
CANCELLED_BUT_PAID = Reason(
    "cancelled_but_paid",
    "订单已取消,但仍有款项未退,请人工处理",
    "the order is cancelled but still holds money: a person looks",
)


# -- before shipping --------------------------------------------------------------------------------


def after_cooling(cooling: timedelta) -> Reason:
    zh, en = spoken(cooling)
    return Reason(
        "after_cooling",
        f"已付款未发货,可以退款:{zh}后办理,其间不要发货",
        f"paid and not shipped: refunded after {en}, not shipped meanwhile",
        84,
    )


NOT_SHIPPED_YET = Reason(
    "not_shipped_yet",
    "还没有发货,按未发货退款处理",
    "it has not been shipped: this is a refund before shipping",
    84,
)
ALREADY_HANDED_OVER = Reason(
    "already_handed_over",
    "包裹已发出,按退货退款处理",
    "the parcel has left already: this becomes a return",
    84,
)
ORDER_ANEW = Reason(
    "order_anew",
    "拍错商品未发货,为避免发错请重新下单,本单可退款",
    "ordered by mistake and not shipped: the buyer orders anew, this order can be refunded",
    35,
)
NOTHING_SHIPPED = Reason(
    "nothing_shipped", "订单还没有发货", "nothing has been shipped yet, so nothing can be wrong with it"
)
EXCHANGE_UNSHIPPED = Reason(
    "exchange_before_shipping",
    "未发货要求换货,由人工改单",
    "an exchange before shipping: a person changes the order",
)
PART_SHIPPED = Reason(
    "partly_shipped", "订单已部分发货,由客服核实", "a part of the order has left: a person looks", 84
)
PART_UNSHIPPED = Reason(
    "part_before_shipping",
    "未发货只退部分商品,其余如何发货需人工确认",
    "only part of an unshipped order: a person sees to the rest",
)


# -- after shipping ---------------------------------------------------------------------------------

RECEIPT_UNKNOWN = Reason(
    "receipt_unknown",
    "收货时间不明,无法计算无理由退换期限",
    "when it was received is not known, so neither is the end of the no-reason return",
    74,
)
REASON_UNCLEAR = Reason(
    "reason_unclear",
    "先问清是否为质量问题、发错或漏发,再定由谁承担运费",
    "first ask whether it is a quality problem, a wrong or a missing item: that decides who pays",
    73,
)
USED_THOUGH_WRONG = Reason(
    "used_though_wrong",
    "发错的商品已使用或内部包装损坏,需人工判断",
    "the wrong item has been used or unpacked: a person looks",
    75,
)
GIFT_COMES_BACK = Reason(
    "gift_comes_back",
    "赠品须随商品一并退回",
    "the gift goes back together with the goods",
    77,
)


def within_window(window: timedelta) -> Reason:
    zh, en = spoken(window)
    return Reason(
        "within_window", f"收货{zh}内,可无理由退换", f"within {en} of receipt: no reason is needed", 74
    )


def window_over(window: timedelta) -> Reason:
    zh, en = spoken(window)
    return Reason(
        "window_over",
        f"收货已超过{zh},不支持无理由退换",
        f"received more than {en} ago: no return without a fault",
        78,
    )


def fault_open(reason: ReturnReason) -> Reason:
    zh, en = CAUSES[reason]
    return Reason("fault_open", f"{zh},可以办理", f"{en} is always looked after", FAULT_RULES[reason])


def fault_late(within: timedelta) -> Reason:
    zh, en = spoken(within)
    return Reason(
        "fault_late",
        f"收货已超过{zh},需人工确认是否仍属我方责任",
        f"received more than {en} ago: a person looks whether the fault is still ours",
    )


def excluded(exclusion: Exclusion, line: BoughtLine) -> Reason:
    rule, zh, en = EXCLUDED[exclusion]
    return Reason(
        exclusion,
        f"{named(line)}{zh},非质量问题不退换",
        f"{called(line)}{en}: no return without a fault",
        rule,
    )


def doubtful(exclusion: Exclusion, line: BoughtLine) -> Reason:
    _, zh, en = EXCLUDED[exclusion]
    return Reason(
        exclusion,
        f"{named(line)}{zh},店铺没有规定,需人工判断",
        f"{called(line)}{en}: the shop has no rule for this, a person looks",
    )


def remedy_not_open(kind: ReturnKind, reason: ReturnReason, open_: Iterable[ReturnKind]) -> Reason:
    kinds = [KINDS[remedy] for remedy in open_]
    zh, en = "、".join(zh for zh, _ in kinds) or "无", ", ".join(en for _, en in kinds) or "nothing"
    return Reason(
        "remedy_not_open",
        f"{CAUSES[reason][0]}不办理{KINDS[kind][0]},可选:{zh}",
        f"{KINDS[kind][1]} is not open for {CAUSES[reason][1]}: {en} is",
        80,
    )


def remedies_open(reason: ReturnReason, open_: Iterable[ReturnKind]) -> Reason:
    kinds = [KINDS[remedy] for remedy in open_]
    return Reason(
        "remedies_open",
        f"{CAUSES[reason][0]}可选:{'、'.join(zh for zh, _ in kinds)}",
        f"open for {CAUSES[reason][1]}: {', '.join(en for _, en in kinds)}",
        69 if reason is ReturnReason.MISSING else 80,
    )


def postage(reason: ReturnReason, by_shop: bool) -> Reason:
    zh, en = CAUSES[reason]
    if by_shop:
        return Reason("shop_pays_postage", f"{zh},运费由我们承担", f"{en}: the shop pays the postage", 55)
    return Reason(
        "customer_pays_postage",
        f"{zh},来回运费由买家承担",
        f"{en}: the buyer pays the postage both ways",
        55,
    )


def wanted(evidence: Evidence) -> Reason:
    zh, en, rule = WANTED[evidence]
    return Reason("evidence_wanted", zh, en, rule)
