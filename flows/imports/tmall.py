"""The Tmall order report: one row an order, seven columns, province only, no buyer.

买家实际支付金额 is what the shop keeps: net of refunds. So at payment the buyer paid that and 退款金额 together;
what was due is 总金额. An order is paid if and only if it has a payment time. When it was refunded is not in the
file: at the file's closing moment, we assume. Times are the platform's, and that is China's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from zoneinfo import ZoneInfo

from flows.imports.cells import Clock, amount_fen, order_no, region_of
from flows.imports.rows import CellError, Fact, OrderRow
from flows.imports.tables import Cells, Columns, Table

PLATFORM_ZONE = ZoneInfo("Asia/Shanghai")  # of Taobao and Tmall, wherever the shop is
NOTHING: dict = {}


def reader(columns: Columns, clock: Clock) -> Callable[[Cells], OrderRow]:
    """How to read one row."""
    clock = replace(clock, zone=PLATFORM_ZONE)
    number, due, kept, back = map(columns.of, ("订单编号", "总金额", "买家实际支付金额", "退款金额"))
    created, settled, address = map(columns.of, ("订单创建时间", "订单付款时间", "收货地址"))

    def read(cells: Cells) -> OrderRow:
        no = order_no(number(cells), "订单编号")
        amount = amount_fen(due(cells), "总金额")
        net = amount_fen(kept(cells), "买家实际支付金额")
        refunded = amount_fen(back(cells) or "0", "退款金额")
        facts = [Fact("place", clock.needed(created(cells), "订单创建时间"), NOTHING)]
        if paid_at := clock.moment(settled(cells), "订单付款时间"):
            facts.append(Fact("pay", paid_at, _amount(net + refunded)))
        elif net or refunded:
            raise unexplained_money()
        if refunded:
            facts.append(Fact("refund", None, _amount(refunded)))
        return OrderRow(0, no, _details(amount, address(cells)), (), facts)

    return read


def unexplained_money() -> CellError:
    """Money was paid or refunded, but never, if we believe the payment time."""
    return CellError(
        "订单付款时间", "有付款或退款金额，却没有付款时间", "is empty although money was paid or refunded"
    )


@lru_cache(maxsize=65536)  # the same few amounts again and again: large files stay small in memory
def _amount(fen: int) -> dict:
    return {"amount_fen": fen}


@lru_cache(maxsize=65536)
def _details(amount: int, address: str) -> dict:
    region = region_of(address)
    return {"amount_fen": amount, "address": None if address in ("", region) else address, "region": region}


TMALL = Table(
    name="tmall",
    required=("订单编号", "总金额", "买家实际支付金额", "订单创建时间", "订单付款时间", "退款金额"),
    optional=("收货地址",),
    reader=reader,
)
