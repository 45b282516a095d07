"""The Taobao order report (订单报表, ExportOrderList…csv), as Qianniu exports it: one row an order.

What the file leaves open, and what we take it to mean:
* Times are the platform's, and that is China's, wherever the shop is.
* 买家实际支付金额 is net of refunds, as in Tmall's report: at payment the buyer paid it and 退款金额 together. Unless
  that exceeds 总金额 and it alone equals it: then this export gives it gross. Files without the column 退款金额
  still say of an order closed after payment that what is missing from 总金额 went back.
* When it was shipped (without 发货时间) or paid (cash on delivery has no payment time): no later than it was
  confirmed; not confirmed either: at the file's closing moment. Refunds and closings: at the closing moment.
* 交易关闭 is a refund when all that was paid went back, else a cancellation for the reason given.
* The titles of all goods share one cell: they become one line with 宝贝总数量 pieces, priced when they divide evenly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum

from flows.imports.cells import Clock, amount_fen, order_no, quantity, region_of
from flows.imports.remarks import holds_in
from flows.imports.rows import CellError, Fact, LineRow, OrderRow
from flows.imports.tables import Cells, Columns, Table
from flows.imports.tmall import PLATFORM_ZONE, unexplained_money
from flows.masking import mask_text


class Stage(IntEnum):
    """How far an order is, by the platform's status."""

    CLOSED, UNPAID, PAID, PARTLY_SHIPPED, SHIPPED, DONE = range(6)


STATUSES = {
    "等待买家付款": Stage.UNPAID,
    "买家已付款": Stage.PAID,
    "等待卖家发货": Stage.PAID,
    "买家已付款,等待卖家发货": Stage.PAID,
    "买家已付款,等待发货": Stage.PAID,
    "卖家部分发货": Stage.PARTLY_SHIPPED,
    "部分发货": Stage.PARTLY_SHIPPED,
    "卖家已发货": Stage.SHIPPED,
    "等待买家确认": Stage.SHIPPED,
    "等待买家确认收货": Stage.SHIPPED,
    "卖家已发货,等待买家确认": Stage.SHIPPED,
    "卖家已发货,等待买家确认收货": Stage.SHIPPED,
    "买家已签收": Stage.SHIPPED,
    "交易成功": Stage.DONE,
    "交易关闭": Stage.CLOSED,
    "付款以后用户退款成功,交易自动关闭": Stage.CLOSED,
    "付款以前,卖家或买家主动关闭交易": Stage.CLOSED,
}

REQUIRED = ("订单编号", "总金额", "买家实际支付金额", "订单状态", "订单创建时间", "订单付款时间")
OPTIONAL = (
    *(
        "买家会员名",
        "买家应付货款",
        "买家应付邮费",
        "收货人姓名",
        "收货地址",
        "修改后的收货地址",
        "联系电话",
        "联系手机",
    ),
    *(
        "宝贝标题",
        "宝贝总数量",
        "商家编码",
        "物流单号",
        "物流公司",
        "买家留言",
        "订单备注",
        "退款金额",
        "订单关闭原因",
    ),
    *("发货时间", "确认收货时间"),
)


def reader(columns: Columns, clock: Clock) -> Callable[[Cells], OrderRow]:
    """How to read one row."""
    clock = replace(clock, zone=PLATFORM_ZONE)
    of = {name: columns.of(name) for name in REQUIRED + OPTIONAL}
    knows_refunds = "退款金额" in columns.places

    def read(cells: Cells) -> OrderRow:
        row = {name: take(cells) for name, take in of.items()}
        no = order_no(row["订单编号"], "订单编号")
        placed_at = clock.needed(row["订单创建时间"], "订单创建时间")
        facts = [
            Fact("place", placed_at, {}),
            *holds_in(placed_at, row["买家留言"], row["订单备注"]),
            *_course(row, clock, knows_refunds),
        ]
        return OrderRow(0, no, _details(row), _lines(row), facts)

    return read


def _course(row: dict[str, str], clock: Clock, knows_refunds: bool) -> list[Fact]:
    """What happened after the order was placed."""
    stage = _stage(row["订单状态"])
    paid_at = clock.moment(row["订单付款时间"], "订单付款时间")
    shipped_at = clock.moment(row["发货时间"], "发货时间")
    confirmed_at = clock.moment(row["确认收货时间"], "确认收货时间")
    paid, refunded = _money(
        row, closed_after_payment=stage is Stage.CLOSED and bool(paid_at), told=knows_refunds
    )
    facts = []
    if paid_at or stage >= Stage.PAID:
        facts.append(Fact("pay", paid_at or confirmed_at, {"amount_fen": paid}))
    elif paid:
        raise unexplained_money()
    waybill = row["物流单号"].removeprefix("No:").strip()
    if waybill or shipped_at or stage >= Stage.PARTLY_SHIPPED:
        parcel = {"waybill": waybill or None, "carrier": row["物流公司"] or None}
        if stage is Stage.PARTLY_SHIPPED:
            parcel["partial"] = True
        facts.append(Fact("ship", shipped_at or confirmed_at, parcel))
    if confirmed_at or stage is Stage.DONE:
        facts.append(Fact("confirm", confirmed_at, {}))
    if refunded:
        facts.append(Fact("refund", None, {"amount_fen": refunded}))
    if stage is Stage.CLOSED and not (paid and refunded >= paid):
        facts.append(Fact("cancel", None, {"reason": mask_text(row["订单关闭原因"]) or row["订单状态"]}))
    return facts


def _stage(status: str) -> Stage:
    stage = STATUSES.get(status.replace("，", ",").replace(" ", ""))
    if stage is None:
        raise CellError("订单状态", "不认识的订单状态", "is an unknown status")
    return stage


def _money(row: dict[str, str], closed_after_payment: bool, told: bool) -> tuple[int, int]:
    """What the buyer paid at payment, and how much of it went back."""
    due = amount_fen(row["总金额"], "总金额")
    kept = amount_fen(row["买家实际支付金额"] or ("" if row["订单付款时间"] else "0"), "买家实际支付金额")
    refunded = amount_fen(row["退款金额"] or "0", "退款金额")
    if closed_after_payment and not told:
        refunded = max(due - kept, 0)
    gross = kept == due and refunded <= kept
    return (kept if gross else kept + refunded), refunded


def _details(row: dict[str, str]) -> dict:
    due = amount_fen(row["总金额"], "总金额")
    goods, freight = (
        amount_fen(row[name], name) if row[name] else None for name in ("买家应付货款", "买家应付邮费")
    )
    address = row["修改后的收货地址"] or row["收货地址"]
    return {
        "amount_fen": due,
        "freight_fen": freight,
        "discount_fen": None if goods is None else max(goods + (freight or 0) - due, 0),
        "buyer": row["买家会员名"] or None,
        "receiver": row["收货人姓名"] or None,
        "phone": row["联系手机"] or row["联系电话"] or None,
        "address": address or None,
        "region": region_of(address),
        "buyer_message": row["买家留言"] or None,
        "remark": row["订单备注"] or None,
    }


def _lines(row: dict[str, str]) -> tuple[LineRow, ...]:
    if not row["宝贝标题"]:
        return ()
    pieces = quantity(row["宝贝总数量"] or "1", "宝贝总数量")
    goods = amount_fen(row["买家应付货款"], "买家应付货款") if row["买家应付货款"] else None
    price = goods // pieces if goods is not None and goods % pieces == 0 else None
    return (LineRow(row["商家编码"], row["宝贝标题"], pieces, price),)


TAOBAO = Table(name="taobao", required=REQUIRED, optional=OPTIONAL, reader=reader)
