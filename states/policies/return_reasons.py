"""The sentences of `returns`: why goods may come back or not, who pays, and what each part of a refund is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from states.policies.return_requests import BoughtLine, Evidence, Exclusion, ReturnKind, ReturnReason
from states.reasons import Reason, yuan

KINDS = {
    ReturnKind.REFUND_UNSHIPPED: ("未发货退款", "a refund before shipping"),
    ReturnKind.RETURN_REFUND: ("退货退款", "return and refund"),
    ReturnKind.EXCHANGE: ("换货", "exchange"),
    ReturnKind.RESHIP: ("补发", "reshipping"),
    ReturnKind.COMPENSATION: ("补偿", "compensation"),
}
CAUSES = {
    ReturnReason.QUALITY: ("质量问题", "a quality problem"),
    ReturnReason.WRONG_ITEM: ("发错货", "a wrong item sent"),
    ReturnReason.MISSING: ("少发或丢失", "goods missing"),
    ReturnReason.DAMAGED_IN_TRANSIT: ("运输途中损坏", "damage in transit"),
    ReturnReason.DISLIKED: ("不喜欢", "dislike"),
    ReturnReason.UNSUITABLE: ("不适合", "goods that do not suit"),
    ReturnReason.BOUGHT_BY_MISTAKE: ("拍错", "a mistake in ordering"),
    ReturnReason.OTHER: ("其他原因", "another reason"),
}
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

# -- nothing to give back ---------------------------------------------------------------------------

NOT_PAID = Reason("not_paid", "订单未付款,没有可退的", "the order is not paid: there is nothing to give back")
CANCELLED = Reason("order_cancelled", "订单已取消,没有可退的", "the order is cancelled and holds no money")
CANCELLED_BUT_PAID = Reason(
    "cancelled_but_paid",
    "订单已取消,但仍有款项未退,请人工处理",
    "the order is cancelled but still holds money: a person looks",
)
ALREADY_REFUNDED = Reason("already_refunded", "订单已全额退款", "the order is refunded in full already")
ALL_RETURNED = Reason("all_returned", "订单商品已全部退换", "every piece of the order went back already")
NOTHING_SHIPPED = Reason(
    "nothing_shipped", "订单还没有发货", "nothing has been shipped yet, so nothing can be wrong with it"
)


def no_such_line(position: int) -> Reason:
    return Reason("no_such_line", f"订单没有第{position}行商品", f"the order has no line {position}")


def bad_quantity(line: BoughtLine, asked: int) -> Reason:
    return Reason(
        "bad_quantity",
        f"{_named(line)}件数应至少为1,不是{asked}",
        f"{_called(line)}at least 1 piece can be asked for, not {asked}",
    )


def more_than_bought(line: BoughtLine, asked: int) -> Reason:
    back_zh = f"、已退换{line.returned}件" if line.returned else ""
    back_en = f", {line.returned} went back already" if line.returned else ""
    return Reason(
        "more_than_bought",
        f"{_named(line)}购买{line.quantity}件{back_zh},不能再申请{asked}件",
        f"{_called(line)}{line.quantity} bought{back_en}: {asked} cannot be asked for",
    )


def line_named_twice(position: int) -> Reason:
    return Reason(
        "line_named_twice",
        f"第{position}行商品写了两次",
        f"line {position} is named twice: name it once, with all its pieces",
    )


BAD_AMOUNT = Reason("bad_amount", "申请金额应大于零", "the amount asked for must be more than nothing")


def above_what_is_left(asked: int, left: int) -> Reason:
    return Reason(
        "above_what_is_left",
        f"申请 {yuan(asked)} 元,超过尚可退的 {yuan(left)} 元",
        f"{yuan(asked)} was asked for, {yuan(left)} is left",
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
EXCHANGE_UNSHIPPED = Reason(
    "exchange_before_shipping",
    "未发货要求换货,由人工改单",
    "an exchange before shipping: a person changes the order",
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
PRICES_UNKNOWN = Reason(
    "prices_unknown",
    "订单没有各行商品价格,部分退款金额需人工确认",
    "the prices of the lines are not known: a person confirms the amount for a part of them",
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
        f"{_named(line)}{zh},非质量问题不退换",
        f"{_called(line)}{en}: no return without a fault",
        rule,
    )


def doubtful(exclusion: Exclusion, line: BoughtLine) -> Reason:
    _, zh, en = EXCLUDED[exclusion]
    return Reason(
        exclusion,
        f"{_named(line)}{zh},店铺没有规定,需人工判断",
        f"{_called(line)}{en}: the shop has no rule for this, a person looks",
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


# -- compensation -----------------------------------------------------------------------------------

AMOUNT_NEEDED = Reason(
    "amount_needed", "补偿需要写明金额", "a compensation needs an amount: a person names it", 85
)


def within_limit(limit: int) -> Reason:
    return Reason(
        "within_limit",
        f"在客服可决定的 {yuan(limit)} 元以内",
        f"within the {yuan(limit)} that an agent may grant",
        85,
    )


def above_limit(asked: int, limit: int) -> Reason:
    return Reason(
        "above_limit",
        f"补偿 {yuan(asked)} 元超过客服可决定的 {yuan(limit)} 元,须由主管具名决定",
        f"{yuan(asked)} is more than the {yuan(limit)} an agent may grant: a named supervisor decides",
        85,
    )


# -- the parts of a refund --------------------------------------------------------------------------

GOODS = Reason("goods", "商品货款", "the goods")
COUPON_SHARE = Reason("coupon_share", "扣回该部分商品享受的优惠", "their share of the discount is taken back")
PAID_BEYOND_PRICES = Reason("paid_beyond_prices", "超出标价支付的部分", "what was paid beyond their prices")
FREIGHT_SHARE = Reason(
    "freight_share", "已付运费中对应的部分", "their share of the freight that was paid", 55
)
GIFT_KEPT = Reason("gift_kept", "赠品未退回,扣除其价值", "the gift stays: its worth is kept back")
REFUNDED_BEFORE = Reason(
    "refunded_before", "此前已退的部分不再重复退", "what was refunded before is not refunded again"
)
COMPENSATION = Reason("compensation", "补偿", "the compensation", 85)
ASKED_LESS = Reason("asked_less", "买家只申请部分金额", "the buyer asks for less")


def free_freight_lost(free_from: int) -> Reason:
    return Reason(
        "free_freight_lost",
        f"退货后不满 {yuan(free_from)} 元包邮,扣回发货运费",
        f"what stays is below {yuan(free_from)}, from where shipping is free: the freight there is kept back",
        55,
    )


def above_share(asked: int, share: int) -> Reason:
    return Reason(
        "above_share",
        f"申请 {yuan(asked)} 元,按规则应退 {yuan(share)} 元,多出部分需人工判断",
        f"{yuan(asked)} was asked for, by the rules it is {yuan(share)}: a person looks",
    )


# -- how things are said ----------------------------------------------------------------------------


def spoken(span: timedelta) -> tuple[str, str]:
    """ "7天" and "7 days", in the largest unit of which there are several: a day is 24 hours, as in rule 84."""
    unit, zh, en = next(named for named in UNITS if span % named[0] == timedelta(0) and span > named[0])
    return f"{span // unit}{zh}", f"{span // unit} {en}"


UNITS = [
    (timedelta(days=1), "天", "days"),
    (timedelta(hours=1), "小时", "hours"),
    (timedelta(minutes=1), "分钟", "minutes"),
    (timedelta(0, 1), "秒", "seconds"),
]


def _named(line: BoughtLine) -> str:
    return f"“{line.title or line.sku}”:" if line.title or line.sku else ""


def _called(line: BoughtLine) -> str:
    return f"“{line.title or line.sku}”: " if line.title or line.sku else ""
