"""Why a return case may not, or should not have: the sentences of `states/returns.py`, zh first.

What the rules say of the goods themselves is in `states/policies/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from states.policies.return_requests import ReturnKind
from states.policies.return_words import KINDS
from states.reasons import Reason, yuan

EVIDENCE = {"photo": ("照片", "a photo"), "delivery_note": ("发货单照片", "a photo of the delivery note")}


def pieces_taken(position: int, no: str) -> Reason:
    return Reason(
        "line_in_another_case",
        f"第 {position} 行商品已在售后单 {no} 中,请先处理该单",
        f"line {position} is in the open case {no} already: settle that one first",
    )


def evidence_missing(wanted: Sequence[str]) -> Reason:
    zh = "、".join(EVIDENCE[kind][0] for kind in wanted)
    en = ", ".join(EVIDENCE[kind][1] for kind in wanted)
    rule = 69 if "delivery_note" in wanted else None
    return Reason("evidence_missing", f"还缺少凭证:{zh}", f"evidence is missing: {en}", rule)


def needs_a_supervisor(limit_fen: int, names: Sequence[str]) -> Reason:
    who_zh, who_en = ("、".join(names) or "具名主管", " or ".join(names) or "a named supervisor")
    return Reason(
        "needs_a_supervisor",
        f"补偿超过 {yuan(limit_fen)} 元,须由{who_zh}决定",
        f"a compensation above {yuan(limit_fen)} yuan is decided by {who_en}",
        85,
    )


def amount_needed() -> Reason:
    return Reason("amount_needed", "请给出补偿金额", "a compensation needs an amount (amount_fen)", 85)


def more_than_is_left(fen: int, left_fen: int) -> Reason:
    return Reason(
        "above_what_is_left",
        f"退款 {yuan(fen)} 元超过订单可退余额 {yuan(left_fen)} 元",
        f"{yuan(fen)} yuan is more than the {yuan(left_fen)} yuan that are left to refund",
    )


def more_than_approved(fen: int, approved_fen: int) -> Reason:
    return Reason(
        "above_what_was_approved",
        f"{yuan(fen)} 元超过核定的 {yuan(approved_fen)} 元",
        f"{yuan(fen)} yuan is more than the {yuan(approved_fen)} yuan approved",
    )


def still_cooling(until: datetime) -> Reason:
    return Reason(
        "still_cooling",
        f"未满 24 小时,{until:%Y-%m-%d %H:%M:%S} 之后才能退款",
        f"it is not paid back before {until:%Y-%m-%d %H:%M:%S}",
        84,
    )


def too_late_to_withdraw(until: datetime) -> Reason:
    return Reason(
        "too_late_to_withdraw",
        f"等待期已于 {until:%Y-%m-%d %H:%M:%S} 结束,正在退款,不能再撤回",
        f"its time was over at {until:%Y-%m-%d %H:%M:%S}: it is paid back now",
        84,
    )


def handed_over() -> Reason:
    return Reason(
        "handed_over",
        "包裹已交给快递,改为退货退款",
        "the parcel has been handed over: it is a return now",
        84,
    )


def no_money(kind: str) -> Reason:
    zh, en = KINDS[ReturnKind(kind)]
    return Reason(
        "no_money_in_it",
        f"{zh}不退款;若改为退款,请关闭本单后另开一单",
        f"{en} pays nothing back: close it and open a case for a refund",
        80,
    )


def no_goods(kind: str) -> Reason:
    zh, en = KINDS[ReturnKind(kind)]
    return Reason(
        "no_goods_in_it",
        f"{zh}不补发商品;若改为换货或补发,请关闭本单后另开一单",
        f"{en} sends nothing anew: close it and open a case for an exchange or a reshipment",
        80,
    )


def goods_not_back() -> Reason:
    return Reason(
        "goods_not_back",
        "原商品尚未寄回,不能换货",
        "the goods to be exchanged are not back yet",
        80,
    )


def nothing_to_pay() -> Reason:
    return Reason(
        "nothing_to_pay", "退款金额为零,请拒绝或关闭本单", "nothing would be paid back: decline or close it"
    )


def not_handed_over() -> Reason:
    return Reason("not_handed_over", "订单尚未发货", "its order has not been shipped")


def others_refunded(fen: int) -> Reason:
    return Reason(
        "refunded_meanwhile",
        f"申请之后,订单已在别处退款 {yuan(fen)} 元,请核实是否就是这笔",
        f"{yuan(fen)} yuan have been refunded elsewhere since it was asked for: look whether that was this refund",
    )


def refunded_elsewhere() -> Reason:
    return Reason(
        "refunded_elsewhere", "订单已在别处全额退款", "the order has been refunded in full elsewhere"
    )


def in_dispute(finding: str) -> Reason:
    zh, en = FINDINGS[finding]
    return Reason(
        "in_dispute",
        f"验货结果为“{zh}”,须由具名客服决定",
        f"the inspection says {en}: a person with a name decides (--by)",
        89,
    )


def refund_under_way() -> Reason:
    return Reason("refund_under_way", "退款正在进行中", "a refund is under way; its outcome is awaited")


def came_after_all() -> Reason:
    return Reason(
        "parcel_came_after_all",
        "售后单已结束,退货包裹仍然寄到,请核实",
        "a parcel has come back though the case was over: look what is in it",
    )


def came_too_late(trigger: str) -> Reason:
    return Reason(
        "came_too_late",
        f"售后单已结束后才收到买家的消息({trigger}),请核实",
        f"{trigger} came though the case was over: look whether it goes on as a new one",
    )


def still_held(hold: str) -> Reason:
    return Reason(
        "still_held",
        f"款项已另行退还,订单仍因“{hold}”扣留,请取消订单或解除扣留",
        f"the money went back in another way and the order is still held ({hold}): cancel it, or lift the hold",
        84,
    )


def sent_instead(hold: str) -> Reason:
    return Reason(
        "still_held",
        f"商品已另行补发,原订单仍因“{hold}”扣留,请取消原订单或解除扣留",
        f"goods were sent anew and the order itself is still held ({hold}): cancel it, or lift the hold",
        84,
    )


FINDINGS = {
    "as_described": ("与描述一致", "as described"),
    "other_condition": ("商品状态与描述不符", "in another condition than described"),
    "wrong_or_short": ("商品不对或数量不足", "wrong goods or too few"),
}
