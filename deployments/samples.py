"""Two dozen sample orders of one day, of every fate the first lifecycle knows; persons and numbers are made up."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

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


@dataclass(frozen=True)
class Sample:
    """One order and the story it is there to tell. Times are (days from the day, clock)."""

    story: str
    placed: tuple[int, str]
    paid: tuple[int, str] | None = None
    amount_fen: int = 12_800
    paid_fen: int | None = None  # None: what was due
    shipped: tuple[int, str] | None = None
    delivered: tuple[int, str] | None = None
    cancelled: tuple[int, str] | None = None
    buyer: str = ""
    phone: str | None = ""  # "": made up
    remark: str = ""
    message: str = ""
    no: str = field(default="", compare=False)


BAG_STUDIO = (
    Sample("not paid: reminded after half an hour", (0, "09:40")),
    Sample("not paid for 72 hours: closed at 11:00", (-3, "11:00"), amount_fen=45_900),
    Sample("paid a second before the cut-off: leaves today", (0, "16:41"), (0, "16:59:59")),
    Sample("paid at the cut-off: leaves on the next dispatch day", (0, "16:42"), (0, "17:00:00")),
    Sample("paid a second after the cut-off: leaves on the next dispatch day", (0, "16:43"), (0, "17:00:01")),
    Sample("remark 不要发货: held", (0, "10:50"), (0, "11:00"), remark="客户说先不要发货"),
    Sample("no phone number: not verified, a person has to ask", (0, "11:20"), (0, "11:30"), phone=None),
    Sample("the first of two alike", (0, "10:01"), (0, "10:03"), amount_fen=29_900, buyer="小熊爱包"),
    Sample(
        "ordered twice within half an hour?", (0, "10:09"), (0, "10:11"), amount_fen=29_900, buyer="小熊爱包"
    ),
    Sample("shipped right after the cut-off", (0, "10:15"), (0, "10:16"), shipped=(0, "17:40")),
    Sample(
        "shipped and received",
        (-1, "15:00"),
        (-1, "15:02"),
        shipped=(0, "17:45"),
        delivered=(1, "09:10"),
        amount_fen=9_900,
    ),
    Sample("paid after it was closed: a person decides", (-3, "19:30"), (0, "20:40"), amount_fen=19_900),
    Sample(
        "paid less than due: a person looks", (0, "13:05"), (0, "13:06"), amount_fen=16_800, paid_fen=6_800
    ),
)
URUMQI_KITCHEN = (
    Sample("paid a second before the cut-off: delivered today", (0, "15:40"), (0, "15:59:59"), 5_600),
    Sample("paid at the cut-off: delivered tomorrow", (0, "15:41"), (0, "16:00:00"), 5_600),
    Sample("paid a second after the cut-off: delivered tomorrow", (0, "15:42"), (0, "16:00:01"), 5_600),
    Sample("not paid: reminded after half an hour", (0, "10:55"), None, 4_200),
    Sample("not paid, ordered at night: reminded when the desk opens", (-1, "22:10"), None, 3_800),
    Sample("not paid for 72 hours: closed at 15:30", (-3, "15:30"), None, 7_400),
    Sample(
        "out at 16:20, delivered at 18:05",
        (0, "12:10"),
        (0, "12:11"),
        8_800,
        None,
        (0, "16:20"),
        (0, "18:05"),
    ),
    Sample("message 先别发货: held", (0, "13:00"), (0, "13:02"), 6_600, message="先别发货，等我通知"),
    Sample(
        "no phone number: not verified, a person has to ask", (0, "14:00"), (0, "14:03"), 6_100, phone=None
    ),
    Sample("cancelled by the buyer before paying", (0, "09:50"), None, 5_000, cancelled=(0, "10:05")),
    Sample("paid more than due: a person looks", (0, "14:20"), (0, "14:21"), 5_200, 5_300),
)
SHOPS = {"bag-studio": BAG_STUDIO, "urumqi-kitchen": URUMQI_KITCHEN}
PREFIX = {"bag-studio": "26", "urumqi-kitchen": "88"}


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


def _at(day: date, when: tuple[int, str] | None, between: str = "T") -> str:
    if when is None:
        return ""
    days, clock = when
    return datetime.combine(day + timedelta(days=days), time.fromisoformat(clock)).isoformat(between)
