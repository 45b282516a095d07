"""What is odd about a fact that came from outside: the sentences, zh first, and where an operator finds them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from flows.sql import insert_new
from models import Anomaly
from states.reasons import Reason

Case = tuple[str, int]  # kind and id
INBOX_CASE = "inbox"  # the kind of an anomaly about no case that we know


def note(
    connection: Connection,
    odd: Iterable[tuple[Any, Reason] | tuple[Any, Reason, Case | None]],
    *,
    recorded_at: datetime,
) -> int:
    """Keep what is odd about these inbox rows, at the case they are about where we know it; the raw words are in the
    inbox, under the id in `facts`. Say how many were not noted before."""
    rows = []
    for row, reason, *case in odd:
        kind, case_id = (case and case[0]) or (INBOX_CASE, row.id)
        rows.append(
            {
                "case_kind": kind,
                "case_id": case_id,
                "shop": row.shop,
                "code": reason.code,
                "key": f"{row.source}/{row.case_no or row.fact_id}",
                "trigger": row.kind,
                "at": row.happened_at or row.received_at,
                "recorded_at": recorded_at,
                "rule": reason.rule,
                "zh": reason.zh,
                "en": reason.en,
                "facts": {"inbox": row.id, "source": row.source, "fact_id": row.fact_id},
            }
        )
    return insert_new(connection, Anomaly.__table__, rows)


def told_again() -> Reason:
    return Reason("told_again", "同一事件被重复推送", "the same event was pushed more than once")


def same_number() -> Reason:
    return Reason("same_number", "同一事件编号下内容不同", "another event came under the same number before")


def unreadable(column: str, zh: str, en: str) -> Reason:
    where = f"{column}: " if column else ""
    return Reason("unreadable_fact", f"外部数据无法读取,{where}{zh}", f"it can't be read: {where}{en}")


def unknown_kind(kind: str) -> Reason:
    return Reason("unknown_kind", f"不认识的事件类型 {kind}", f"nobody here knows events of the kind {kind}")


def not_theirs(kind: str) -> Reason:
    return Reason(
        "not_theirs",
        f"{kind} 不归此来源告知,未予处理",
        f"events of the kind {kind} are not for this source to tell: nothing was done",
    )


def not_worked_on(error: str) -> Reason:
    return Reason("could_not_be_worked_on", f"多次处理失败:{error}", f"it could not be worked on: {error}")


def late_fact() -> Reason:
    return Reason(
        "late_fact",
        "迟到的事件带来了之后的记录里没有的内容",
        "it came late, and told what a later record of the order had not",
    )


def unknown_order(no: str | None) -> Reason:
    return Reason("unknown_order", f"没有订单 {no}", f"there is no order {no}")


def message_bounced(why: str) -> Reason:
    return Reason("message_bounced", f"消息未能送达买家:{why}", f"a message did not reach the buyer: {why}")


def shipment_refused(why: str) -> Reason:
    return Reason("shipment_refused", f"平台拒收运单:{why}", f"the platform refused the waybill: {why}", 44)


# -- parcels ------------------------------------------------------------------------------------------


def unknown_waybill(waybill: str) -> Reason:
    return Reason(
        "unknown_waybill", f"没有运单为 {waybill} 的订单", f"no order has the waybill {waybill}", 44
    )


def signed_before_shipped() -> Reason:
    return Reason("signed_before_shipped", "签收时间早于发货时间", "it was signed for before it was shipped")


def late_scan() -> Reason:
    return Reason(
        "late_scan",
        "签收之后才收到较早的物流记录",
        "an earlier scan was told after the parcel was signed for",
    )


def moved_after_signed() -> Reason:
    return Reason("moved_after_signed", "签收之后物流仍在更新", "the parcel moved on after it was signed for")


def parcel_in_trouble(what: str) -> Reason:
    return Reason("parcel_in_trouble", f"物流异常:{what}", f"the carrier reports trouble: {what}", 46)


def carrier_gave_up(why: str) -> Reason:
    return Reason(
        "carrier_gave_up", f"快递查询已停止:{why}", f"the carrier does not look for it any more: {why}"
    )


# -- money --------------------------------------------------------------------------------------------


def unknown_refund() -> Reason:
    return Reason("unknown_refund", "没有这笔退款", "we never asked for a refund with this key")


def refund_differs(asked_fen: int, told: str) -> Reason:
    return Reason(
        "refund_differs",
        f"退款金额不符:我方 {asked_fen} 分,对方 {told}",
        f"we asked for {asked_fen} fen, the payment service tells {told}",
    )
