"""The sentences about money: what each part of a refund is, and what may be granted."""

from __future__ import annotations

from states.reasons import Reason, yuan

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


# -- amounts that a person looks at -----------------------------------------------------------------

PRICES_UNKNOWN = Reason(
    "prices_unknown",
    "订单没有各行商品价格,部分退款金额需人工确认",
    "the prices of the lines are not known: a person confirms the amount for a part of them",
)


def above_share(asked: int, share: int) -> Reason:
    return Reason(
        "above_share",
        f"申请 {yuan(asked)} 元,按规则应退 {yuan(share)} 元,多出部分需人工判断",
        f"{yuan(asked)} was asked for, by the rules it is {yuan(share)}: a person looks",
    )


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
