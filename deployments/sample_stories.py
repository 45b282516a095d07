"""The sample orders of one day, of every fate the lifecycles know; persons and numbers are made up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """What a desk is asked or told. Times are (days from the day, clock)."""

    when: tuple[int, str]
    trigger: str
    facts: dict[str, Any]
    by: str = "李娜"


def asks(days: int, clock: str, reason: str, **told: Any) -> Step:
    """A buyer's request."""
    return Step((days, clock), "open", {"reason": reason, **told})


def complains(days: int, clock: str, nature: str, words: str, **told: Any) -> Step:
    """A buyer's complaint."""
    return Step((days, clock), "register", {"nature": nature, "words": words, **told})


def then(days: int, clock: str, trigger: str, by: str = "李娜", **facts: str) -> Step:
    """What is told or decided about it later."""
    return Step((days, clock), trigger, facts, by)


PHOTO, NOTE = ("photo=https://example.com/photo.jpg",), ("delivery_note=https://example.com/note.jpg",)


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
    desk: tuple[Step, ...] = ()  # what the buyer wants afterwards, and what comes of it
    sent_anew: tuple[
        tuple[int, str], ...
    ] = ()  # what it sends once more: when the shop enters it, and when it leaves
    complaint: tuple[Step, ...] = ()  # what the buyer complains of or asks, and what is done about it


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
    Sample(
        "message 先别发货: held",
        *((0, "13:00"), (0, "13:02"), 6_600),
        message="先别发货，等我通知",
        complaint=(
            complains(0, "13:10", None, "能不能晚上再送?", intake="query", channel="wechat"),
            then(0, "13:20", "answer", text="可以,已备注晚上配送"),
        ),
    ),
    Sample(
        "no phone number: not verified, a person has to ask", (0, "14:00"), (0, "14:03"), 6_100, phone=None
    ),
    Sample("cancelled by the buyer before paying", (0, "09:50"), None, 5_000, cancelled=(0, "10:05")),
    Sample("paid more than due: a person looks", (0, "14:20"), (0, "14:21"), 5_200, 5_300),
)
BAGS_THAT_COME_BACK = (
    Sample(
        "no longer wanted: frozen at once, paid back after 24 hours",
        *((0, "09:30"), (0, "09:31")),
        desk=(asks(0, "10:45", "disliked"),),
    ),
    Sample(
        "no longer wanted after it was let go: called back, still cooling",
        *((0, "16:30"), (0, "16:31")),
        desk=(asks(0, "18:20", "disliked"),),
    ),
    Sample(
        "no longer wanted, then wanted after all: leaves today",
        *((0, "11:08"), (0, "11:10")),
        desk=(asks(0, "11:40", "disliked"), then(0, "14:00", "withdraw", text="买家还是要")),
    ),
    Sample(
        "no longer wanted, but the courier had it already: a return, a person decides",
        *((0, "09:08"), (0, "09:10")),
        shipped=(0, "11:20"),
        desk=(asks(0, "11:25", "disliked"),),
    ),
    Sample(
        "a seam came open, with a photo: the parcel is awaited",
        *((-8, "11:00"), (-8, "11:02"), 26_800),
        shipped=(-7, "17:30"),
        delivered=(-3, "12:00"),
        desk=(asks(-1, "11:00", "quality", evidence=PHOTO),),
        complaint=(
            complains(-2, "10:30", "quality", "才背两天就开线了", channel="phone"),
            then(-2, "10:40", "acknowledge"),
            then(-2, "10:50", "respond", text="已致歉,请买家拍照"),
            then(-2, "16:00", "resolve", remedy="explanation", text="已说明退换办法,收到照片后办理"),
            then(0, "15:10", "call", by="赵敏", outcome="problem", text="还没有收到退货地址"),
        ),
    ),
    Sample(
        "not liked: the parcel is on its way back",
        *((-9, "11:00"), (-9, "11:02"), 15_900),
        shipped=(-8, "17:30"),
        delivered=(-5, "12:00"),
        desk=(
            asks(-3, "10:30", "disliked"),
            then(-3, "10:50", "approve"),  # a person: the export does not tell when it was received
            then(-2, "15:00", "track", waybill="SF1390000000001", carrier="顺丰速运"),
        ),
        complaint=(complains(0, "10:20", "attitude", "客服半天不回话,态度还差", channel="chat"),),
    ),
    Sample(
        "not liked: came back as described, paid back",
        *((-12, "11:00"), (-12, "11:02"), 18_900),
        shipped=(-11, "17:30"),
        delivered=(-8, "12:00"),
        desk=(
            asks(-5, "10:30", "disliked"),
            then(-5, "10:50", "approve"),
            then(-4, "15:00", "track", waybill="SF1390000000002", carrier="顺丰速运"),
            then(0, "10:40", "receive"),
            then(0, "14:00", "inspect", finding="as_described"),
        ),
        complaint=(
            complains(-2, "11:20", "packaging", "外包装压扁了", channel="app"),
            then(-2, "11:30", "acknowledge"),
            then(-2, "14:00", "resolve", remedy="apology", text="已致歉,并反馈给仓库"),
            then(0, "15:30", "call", by="赵敏", outcome="satisfied", satisfaction="5"),
        ),
    ),
    Sample(
        "not liked: came back used, a person decides",
        *((-12, "12:00"), (-12, "12:02"), 19_800),
        shipped=(-11, "17:30"),
        delivered=(-8, "12:00"),
        desk=(
            asks(-5, "11:30", "disliked"),
            then(-5, "11:50", "approve"),
            then(-4, "16:00", "track", waybill="SF1390000000003", carrier="顺丰速运"),
            then(0, "10:42", "receive"),
            then(0, "14:10", "inspect", finding="other_condition", text="有使用痕迹"),
        ),
    ),
    Sample(
        "not in the parcel, as its delivery note shows: sent anew as a linked order",
        *((-6, "11:00"), (-6, "11:02"), 8_800),
        shipped=(-5, "17:30"),
        delivered=(-2, "12:00"),
        desk=(asks(0, "11:20", "missing", evidence=NOTE),),
        sent_anew=((0, "11:20"), (0, "17:50")),
    ),
)
DISHES_THAT_DISPLEASE = (
    Sample(
        "no longer wanted: frozen at once, paid back after 24 hours",
        *((0, "09:58"), (0, "10:00"), 5_900),
        desk=(asks(0, "10:50", "disliked"),),
    ),
    Sample(
        "not to the buyer's taste, semi-finished: declined",
        *((-1, "11:00"), (-1, "11:02"), 5_400),
        shipped=(-1, "16:20"),
        delivered=(-1, "18:00"),
        desk=(asks(0, "11:00", "disliked"),),
    ),
    Sample(
        "half of it spoilt, with a photo: 10 yuan of compensation",
        *((-1, "12:00"), (-1, "12:02"), 6_200),
        shipped=(-1, "16:20"),
        delivered=(-1, "18:00"),
        desk=(asks(0, "11:30", "quality", kind="compensation", amount_fen=1_000, evidence=PHOTO),),
        complaint=(
            complains(0, "11:35", "spoiled", "打开就是馊的,孩子吃了一口!", channel="phone"),
            then(0, "12:10", "acknowledge", by="陈总"),
            then(0, "12:15", "respond", by="陈总", text="已电话致歉,建议就医并保留票据"),
            then(0, "15:00", "resolve", by="陈总", remedy="compensation", text="同意补偿,并召回同批次"),
        ),
    ),
    Sample(
        "not in the parcel, no delivery note yet: reminded the next morning",
        *((-1, "13:00"), (-1, "13:02"), 7_100),
        shipped=(-1, "16:20"),
        delivered=(-1, "18:00"),
        desk=(asks(0, "13:00", "missing"),),
    ),
)
SHOPS = {
    "bag-studio": BAG_STUDIO + BAGS_THAT_COME_BACK,
    "urumqi-kitchen": URUMQI_KITCHEN + DISHES_THAT_DISPLEASE,
}
PREFIX = {"bag-studio": "26", "urumqi-kitchen": "88"}
