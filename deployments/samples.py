"""The sample orders as their platforms tell and export them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from deployments.sample_stories import PREFIX, SHOPS, Sample
from states.policies.working_days import DispatchDays, WorkingDays
from states.reasons import yuan

ZONE = ZoneInfo("Asia/Shanghai")
TAOBAO_COLUMNS = (
    *("订单编号", "买家会员名", "买家应付货款", "买家应付邮费", "总金额", "买家实际支付金额", "订单状态"),
    *(
        "买家留言",
        "收货人姓名",
        "收货地址",
        "联系手机",
        "订单创建时间",
        "订单付款时间",
        "宝贝标题",
        "商家编码",
    ),
    *("宝贝总数量", "物流单号", "物流公司", "订单备注", "退款金额", "发货时间", "确认收货时间"),
)


@dataclass(frozen=True)
class Style:
    """What the orders of one shop have in common."""

    buyers: str
    receivers: str
    street: str
    carrier: str
    waybills: str
    goods: str
    title: str
    received_at: (
        str  # what its platform tells of a parcel that has come: signed for, or confirmed by the buyer
    )


STYLES = {
    "bag-studio": Style(
        *("买家", "测试", "浙江省 杭州市 西湖区 样例路", "顺丰速运", "SF", "BAG", "样例包 {:02} 号"),
        received_at="confirmed_at",
    ),
    "urumqi-kitchen": Style(
        *("食客", "试吃", "新疆 乌鲁木齐市 天山区 样例巷", "同城配送", "CITY", "DISH", "半成品大盘鸡"),
        received_at="delivered_at",
    ),
}


def latest_full_day(now: datetime) -> date:
    """The latest working day that is over, its next morning too."""
    day = now.astimezone(ZONE).date() - timedelta(days=2)
    while not WorkingDays(DispatchDays.CN_WORKING_DAYS).is_working(day):
        day -= timedelta(days=1)
    return day


def orders_of(shop: str, day: date) -> Iterator[tuple[str, Sample]]:
    """The shop's samples with their order numbers, other ones for each day."""
    for position, sample in enumerate(SHOPS[shop], 1):
        yield f"{PREFIX[shop]}{day:%Y%m%d}{position:04}", sample


def orders_told(shop: str, day: date) -> Iterator[dict[str, Any]]:
    """The samples as a platform tells them in the end: the columns of our own format, see `flows/imports/kefu.py`."""
    of = STYLES[shop]
    for position, (no, sample) in enumerate(orders_of(shop, day), 1):
        sku, title = ("TT", "样例托特包") if sample.buyer else (f"{position:02}", of.title.format(position))
        fen, paid_fen = sample.amount_fen, sample.amount_fen if sample.paid_fen is None else sample.paid_fen
        yield {
            "no": no,
            "shop": shop,
            "placed_at": _at(day, sample.placed),
            "amount_fen": fen,
            "paid_at": _at(day, sample.paid),
            "paid_fen": paid_fen if sample.paid else None,
            "shipped_at": _at(day, sample.shipped),
            "waybill": f"{of.waybills}{no[2:]}" if sample.shipped else None,
            "carrier": of.carrier if sample.shipped else None,
            of.received_at: _at(day, sample.delivered),
            "cancelled_at": _at(day, sample.cancelled),
            "buyer": sample.buyer or f"{of.buyers}{position:02}",
            "receiver": f"{of.receivers}{position:02}",
            "phone": f"138001380{position:02}" if sample.phone == "" else sample.phone,
            "address": f"{of.street}{position}号",
            "buyer_message": sample.message or None,
            "remark": sample.remark,
            "items": [{"sku": f"{of.goods}-{sku}", "title": title, "quantity": 1, "price_fen": fen}],
        }


def write_samples(folder: Path, day: date) -> dict[str, Path]:
    """The export files of that day, by shop: Taobao's report in GBK, and JSON lines."""
    folder.mkdir(parents=True, exist_ok=True)
    bags, kitchen = (folder / name for name in (f"taobao-{day}.csv", f"kitchen-{day}.jsonl"))
    bags.write_bytes(taobao_report(day).encode("gbk"))
    kitchen.write_text(json_lines(day), encoding="utf-8")
    return {"bag-studio": bags, "urumqi-kitchen": kitchen}


def taobao_report(day: date) -> str:
    """As Qianniu exports it: order numbers quoted against spreadsheets, amounts in yuan, Beijing time."""
    text = io.StringIO()
    sheet = csv.DictWriter(text, TAOBAO_COLUMNS, lineterminator="\r\n")
    sheet.writeheader()
    for told in orders_told("bag-studio", day):
        [goods] = told["items"]
        row = {
            "订单编号": f'="{told["no"]}"',
            "买家会员名": told["buyer"],
            "买家应付货款": yuan(told["amount_fen"]),
            "买家应付邮费": "0.00",
            "总金额": yuan(told["amount_fen"]),
            "买家实际支付金额": yuan(told["paid_fen"] or 0),
            "订单状态": _status(told),
            "买家留言": told["buyer_message"],
            "收货人姓名": told["receiver"],
            "收货地址": told["address"],
            "联系手机": told["phone"],
            "订单创建时间": _beijing(told["placed_at"]),
            "订单付款时间": _beijing(told["paid_at"]),
            "宝贝标题": goods["title"],
            "商家编码": goods["sku"],
            "宝贝总数量": goods["quantity"],
            "物流单号": f"No:{told['waybill']}" if told["waybill"] else "",
            "物流公司": told["carrier"],
            "订单备注": told["remark"],
            "退款金额": "0.00",
            "发货时间": _beijing(told["shipped_at"]),
            "确认收货时间": _beijing(told["confirmed_at"]),
        }
        sheet.writerow(row)
    return text.getvalue()


def json_lines(day: date) -> str:
    """Our own format."""
    rows = ({k: v for k, v in told.items() if k != "shop"} for told in orders_told("urumqi-kitchen", day))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _status(told: dict[str, Any]) -> str:
    if told["confirmed_at"]:
        return "交易成功"
    if told["shipped_at"]:
        return "卖家已发货，等待买家确认"
    return "买家已付款，等待卖家发货" if told["paid_at"] else "等待买家付款"


def _beijing(at: str | None) -> str:
    return at[:19].replace("T", " ") if at else ""


def moment(day: date, when: tuple[int, str]) -> datetime:
    """So many days after the day, at that time."""
    days, clock = when
    return datetime.combine(day + timedelta(days=days), time.fromisoformat(clock), ZONE)


def _at(day: date, when: tuple[int, str] | None) -> str | None:
    return moment(day, when).isoformat() if when else None
