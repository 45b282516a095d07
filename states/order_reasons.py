"""Why an order may not, or should not have: the sentences of `states/orders.py`, zh first."""

from __future__ import annotations

from datetime import datetime

from states.reasons import Reason, yuan

# -- refusals ---------------------------------------------------------------------------------------


def rung_already_sent(rung: int) -> Reason:
    return Reason("rung_already_sent", f"第 {rung} 次催付已发出", f"reminder {rung} has been sent", 38)


def already_all_reminded() -> Reason:
    return Reason("all_rungs_sent", "催付已全部发出", "every reminder of the ladder has been sent", 38)


def outside_contact_hours() -> Reason:
    return Reason(
        "outside_contact_hours", "现在不在客服联系时间内", "this is outside the desk's contact hours", 145
    )


def buyer_opted_out() -> Reason:
    return Reason("opted_out", "买家不愿接收催付消息", "the buyer does not want reminders")


def not_past_its_payment_deadline(pay_by: datetime) -> Reason:
    return Reason(
        "deadline_not_past",
        f"付款期限 {pay_by:%Y-%m-%d %H:%M:%S} 未到",
        f"it is not past its payment deadline, {pay_by:%Y-%m-%d %H:%M:%S}",
    )


def past_its_payment_deadline() -> Reason:
    return Reason(
        "deadline_past", "已过付款期限,不再催付", "it is past its payment deadline: nothing to remind of", 38
    )


def nothing_was_paid() -> Reason:
    return Reason("nothing_paid", "买家没有付款", "nothing was paid")


def needs_a_named_person(what: str) -> Reason:
    return Reason("needs_a_person", f"{what} 需要由具名客服操作", f"{what} needs a person with a name (--by)")


# holds that the machine itself places: what to call them, and the rule behind them
OWN_HOLDS = {
    "remark": ("备注要求不要发货", "a remark asks for it", 84),
    "paid_not_due": ("实付与应付不符", "paid and due differ", 29),
}


FOR_A_CASE = "aftersales "  # begins the reason of a hold that an after-sales case has placed


def held(reason: str, by: str, until: datetime | None) -> Reason:
    end_zh, end_en = (f",至 {until:%Y-%m-%d %H:%M}", f" until {until:%Y-%m-%d %H:%M}") if until else ("", "")
    zh, en, rule = OWN_HOLDS.get(reason, (f"{by}:{reason}", f"{by}: {reason}", 84))
    if reason.startswith(FOR_A_CASE):
        no = reason.removeprefix(FOR_A_CASE)
        zh, en = f"售后单 {no}", f"after-sales case {no}"
    return Reason("held", f"不要发货({zh}{end_zh})", f"held ({en}{end_en})", rule)


def before_its_cut_off(cutoff_at: datetime) -> Reason:
    return Reason(
        "before_cutoff",
        f"未到截单时间 {cutoff_at:%Y-%m-%d %H:%M}",
        f"its cut-off, {cutoff_at:%Y-%m-%d %H:%M}, has not come",
        41,
    )


def shipped_already() -> Reason:
    return Reason("shipped_already", "已经发货", "it has been shipped already")


def no_such_hold(reason: str | None, open_reasons: list[str]) -> Reason:
    there_zh, there_en = ("、".join(open_reasons) or "无", ", ".join(open_reasons) or "none")
    return Reason(
        "no_such_hold",
        f"没有原因为 {reason} 的扣留(现有:{there_zh})",
        f"no open hold says {reason!r} (open: {there_en})",
        84,
    )


def not_paid() -> Reason:
    return Reason("not_paid", "尚未付款", "it has not been paid")


def unverified() -> Reason:
    return Reason("not_verified", "尚未审单", "nobody has verified it yet", 31)


def free_since() -> Reason:
    return Reason(
        "free_since",
        "截单时未放行,现已无阻,下次截单放行",
        "nothing blocks it any more: it leaves at the next cut-off",
    )


# -- surprises: the fact is kept, an operator looks -------------------------------------------------


def late_payment() -> Reason:
    return Reason(
        "late_payment",
        "付款晚于付款期限,请决定恢复订单或退款",
        "paid after the payment deadline: reopen it or refund it",
    )


def paid_and_cancelled_since() -> Reason:
    return Reason(
        "cancelled_since",
        "付款之后订单已被取消,请退款或恢复订单",
        "it was cancelled after this payment: refund it or reopen it",
    )


def paid_not_due(paid_fen: int, due_fen: int) -> Reason:
    return Reason(
        "paid_not_due",
        f"实付 {yuan(paid_fen)} 与应付 {yuan(due_fen)} 不符,已暂停发货",
        f"paid {yuan(paid_fen)}, due {yuan(due_fen)}; held until a person looks",
        29,
    )


def before_it_was_placed(trigger: str) -> Reason:
    return Reason(
        "before_placed",
        f"{trigger} 的时间早于下单时间,请核实",
        f"{trigger} is said to have happened before the order was placed",
    )


def refunded_more_than_paid(refunded_fen: int, paid_fen: int) -> Reason:
    return Reason(
        "refunded_more_than_paid",
        f"累计退款 {yuan(refunded_fen)} 元,多于实付 {yuan(paid_fen)} 元,请核实",
        f"{yuan(refunded_fen)} was refunded in all, more than the {yuan(paid_fen)} that was paid",
    )


def shipped_before_paid() -> Reason:
    return Reason("shipped_unpaid", "未付款却已发货", "shipped although not paid")


def shipped_though_over() -> Reason:
    return Reason("shipped_though_over", "订单已关闭或退款却已发货", "shipped although cancelled or refunded")


def shipped_though_held(reason: str) -> Reason:
    return Reason("shipped_though_held", f"扣留中({reason})却已发货", f"shipped although held: {reason}", 84)


def delivered_before_shipped() -> Reason:
    return Reason(
        "delivered_unshipped", "没有发货记录却已签收", "delivered although we never heard of its shipment"
    )


def cancelled_after_hand_over() -> Reason:
    return Reason(
        "cancelled_after_hand_over",
        "发货后被取消,请转为退货处理",
        "cancelled after hand-over: treat it as a return",
        80,
    )


def changed_after_release() -> Reason:
    return Reason(
        "changed_after_release",
        "放行后信息被修改,请通知仓库",
        "changed after its release: tell the warehouse",
        31,
    )


def held_after_release() -> Reason:
    return Reason(
        "held_after_release",
        "放行后才要求不要发货,请立即通知仓库",
        "held after its release: tell the warehouse now",
        84,
    )


def contradicts(what: str, known: str, told: str) -> Reason:
    """`what` is `pay.amount_fen`: a trigger and a fact told with it; amounts are read in yuan."""
    trigger, _, name = what.partition(".")
    (of_zh, of_en), (name_zh, name_en) = (
        HAPPENED.get(trigger, (trigger, trigger)),
        TOLD.get(name, (name, name)),
    )
    known, told = (
        yuan(int(value)) if name.endswith("_fen") and value.isdigit() else value.replace("None", "—")
        for value in (known, told)
    )
    return Reason(
        "contradicts",
        f"{of_zh}{name_zh}与已有记录不符:已知 {known},新来 {told}",
        f"{name_en} of the {of_en} contradicts what we know: known {known}, told {told}",
    )


# how people call what happened, and what is told with it
HAPPENED = {
    "place": ("下单", "order"),
    "pay": ("付款", "payment"),
    "ship": ("发货", "shipment"),
    "ship_part": ("部分发货", "partial shipment"),
    "deliver": ("签收", "delivery"),
    "confirm": ("确认收货", "confirmation"),
    "refund": ("退款", "refund"),
    "refund_part": ("部分退款", "partial refund"),
    "cancel": ("取消", "cancellation"),
    "hold": ("扣留", "hold"),
}
TOLD = {
    "amount_fen": ("金额", "the amount"),
    "at": ("时间", "the time"),
    "waybill": ("运单号", "the waybill"),
    "carrier": ("快递公司", "the carrier"),
    "reason": ("原因", "the reason"),
}
