"""The orders that are measured: half of them never paid, half paid in time for the same day's cut-off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flows.imports.rows import Fact, LineRow, OrderFile, OrderRow

SHOP = "bag-studio"
OPENING = datetime(2026, 3, 2, 10, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)  # a Monday
REMIND_AT = OPENING + timedelta(hours=2)  # every first reminder is due, and no second one
CUT_OFF_AT = OPENING + timedelta(hours=7)
AN_HOUR, A_MINUTE = 3600, timedelta(minutes=1)


def orders_of(number: int) -> OrderFile:
    """So many orders of one busy hour, each of a buyer of its own, as a file of them is read."""
    rows = sorted((an_order(n) for n in range(number)), key=lambda row: (row.placed_at, row.no))
    return OrderFile("sample", "utf-8", rows=rows, closing_at=CUT_OFF_AT, read=number)


def an_order(n: int) -> OrderRow:
    placed_at = OPENING + timedelta(seconds=n % AN_HOUR)
    price = 1_000 + n % 9_000
    details = {
        "amount_fen": price,
        "buyer": f"buyer {n:07}",
        "receiver": "王小明",
        "phone": f"138{n:08}",
        "address": f"浙江省杭州市西湖区文三路 {n} 号",
        "region": "浙江省",
    }
    facts = [Fact("place", placed_at, {})]
    if n % 2:
        facts.append(Fact("pay", placed_at + A_MINUTE, {"amount_fen": price}))
    return OrderRow(n, f"N{n:07}", details, (LineRow(f"BAG-{n % 100}", "帆布包", 1, price),), facts)


def first(orders: OrderFile, number: int) -> OrderFile:
    """Only so many of them, paid and unpaid alike."""
    return OrderFile(orders.format, orders.encoding, rows=orders.rows[:number], closing_at=orders.closing_at,
                     read=number)  # fmt: skip
