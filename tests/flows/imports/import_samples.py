"""Small files of orders, written by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from flows.imports.readers import read_orders
from flows.imports.rows import OrderFile, OrderRow

SHANGHAI = ZoneInfo("Asia/Shanghai")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 1, 1, tzinfo=UTC)

REAL_DATA = Path(__file__).parents[4] / "shared" / "data"
on_real_data = pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the real exports lie beside the repository")

TMALL_HEADER = "订单编号,总金额,买家实际支付金额,收货地址 ,订单创建时间,订单付款时间 ,退款金额\r\n"


def read(path: Path, zone: ZoneInfo = SHANGHAI, **options) -> OrderFile:
    file = read_orders(path, zone, now=NOW, **options)
    assert file.read == len(file.rows) + len(file.bad) + file.repeated + file.merged
    return file


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def tmall(tmp_path: Path, *rows: str, encoding: str = "utf-8") -> Path:
    return written(tmp_path / "tmall.csv", TMALL_HEADER + "".join(row + "\r\n" for row in rows), encoding)


def local(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def story(row: OrderRow, zone: ZoneInfo = SHANGHAI) -> list[tuple]:
    """What happened to an order, as a reader would tell it."""
    return [(fact.trigger, f"{fact.at.astimezone(zone):%m-%d %H:%M:%S}", fact.facts) for fact in row.facts]
