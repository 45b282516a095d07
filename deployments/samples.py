"""The sample orders as the platforms export them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from deployments.sample_stories import PREFIX, SHOPS, Sample
from states.policies.working_days import DispatchDays
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


def latest_full_day(now: datetime) -> date:
    """The latest working day that is over, its next morning too."""
    day = now.astimezone(ZONE).date() - timedelta(days=2)
    while not DispatchDays.CN_WORKING_DAYS.is_dispatch_day(day):
        day -= timedelta(days=1)
    return day


def orders_of(shop: str, day: date) -> Iterator[tuple[str, Sample]]:
    """The shop's samples with their order numbers, other ones for each day."""
    for position, sample in enumerate(SHOPS[shop], 1):
        yield f"{PREFIX[shop]}{day:%Y%m%d}{position:04}", sample


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
    for position, (no, sample) in enumerate(orders_of("bag-studio", day), 1):
        paid_fen = sample.amount_fen if sample.paid_fen is None else sample.paid_fen
        row = {
            "订单编号": f'="{no}"',
            "买家会员名": sample.buyer or f"买家{position:02}",
            "买家应付货款": yuan(sample.amount_fen),
            "买家应付邮费": "0.00",
            "总金额": yuan(sample.amount_fen),
            "买家实际支付金额": yuan(paid_fen if sample.paid else 0),
            "订单状态": _status(sample),
            "买家留言": sample.message,
            "收货人姓名": f"测试{position:02}",
            "收货地址": f"浙江省 杭州市 西湖区 样例路{position}号",
            "联系手机": _phone(sample, position) or "",
            "订单创建时间": _at(day, sample.placed, " "),
            "订单付款时间": _at(day, sample.paid, " "),
            "宝贝标题": "样例托特包" if sample.buyer else f"样例包 {position:02} 号",
            "商家编码": f"BAG-{'TT' if sample.buyer else f'{position:02}'}",
            "宝贝总数量": "1",
            "物流单号": f"No:SF{no[2:]}" if sample.shipped else "",
            "物流公司": "顺丰速运" if sample.shipped else "",
            "订单备注": sample.remark,
            "退款金额": "0.00",
            "发货时间": _at(day, sample.shipped, " "),
            "确认收货时间": _at(day, sample.delivered, " "),
        }
        sheet.writerow(row)
    return text.getvalue()


def json_lines(day: date) -> str:
    """Our own format, see `flows/imports/kefu.py`."""
    return "".join(
        json.dumps(_json_row(no, position, sample, day), ensure_ascii=False) + "\n"
        for position, (no, sample) in enumerate(orders_of("urumqi-kitchen", day), 1)
    )


def _json_row(no: str, position: int, sample: Sample, day: date) -> dict:
    row = {
        "no": no,
        "placed_at": _at(day, sample.placed),
        "amount_fen": sample.amount_fen,
        "paid_at": _at(day, sample.paid),
        "paid_fen": sample.paid_fen,
        "shipped_at": _at(day, sample.shipped),
        "waybill": f"CITY{no[2:]}" if sample.shipped else None,
        "carrier": "同城配送" if sample.shipped else None,
        "delivered_at": _at(day, sample.delivered),
        "cancelled_at": _at(day, sample.cancelled),
        "buyer": sample.buyer or f"食客{position:02}",
        "receiver": f"试吃{position:02}",
        "phone": _phone(sample, position),
        "address": f"新疆 乌鲁木齐市 天山区 样例巷{position}号",
        "buyer_message": sample.message,
        "remark": sample.remark,
        "items": [
            {
                "sku": f"DISH-{position:02}",
                "title": "半成品大盘鸡",
                "quantity": 1,
                "price_fen": sample.amount_fen,
            }
        ],
    }
    return {name: value for name, value in row.items() if value not in (None, "")}


def _status(sample: Sample) -> str:
    if sample.delivered:
        return "交易成功"
    if sample.shipped:
        return "卖家已发货，等待买家确认"
    return "买家已付款，等待卖家发货" if sample.paid else "等待买家付款"


def _phone(sample: Sample, position: int) -> str | None:
    return f"138001380{position:02}" if sample.phone == "" else sample.phone


def moment(day: date, when: tuple[int, str]) -> datetime:
    """So many days after the day, at that time."""
    days, clock = when
    return datetime.combine(day + timedelta(days=days), time.fromisoformat(clock), ZONE)


def _at(day: date, when: tuple[int, str] | None, between: str = "T") -> str:
    return moment(day, when).replace(tzinfo=None).isoformat(between) if when else ""
