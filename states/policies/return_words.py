"""What kinds, causes, goods and time spans are called in the sentences about returns."""

from __future__ import annotations

from datetime import timedelta

from states.policies.return_requests import BoughtLine, ReturnKind, ReturnReason

KINDS = {
    ReturnKind.REFUND_UNSHIPPED: ("未发货退款", "a refund before shipping"),
    ReturnKind.RETURN_REFUND: ("退货退款", "return and refund"),
    ReturnKind.EXCHANGE: ("换货", "exchange"),
    ReturnKind.RESHIP: ("补发", "reshipping"),
    ReturnKind.COMPENSATION: ("补偿", "compensation"),
}
CAUSES = {
    ReturnReason.QUALITY: ("质量问题", "a quality problem"),
    ReturnReason.WRONG_ITEM: ("发错货", "a wrong item sent"),
    ReturnReason.MISSING: ("少发或丢失", "goods missing"),
    ReturnReason.DAMAGED_IN_TRANSIT: ("运输途中损坏", "damage in transit"),
    ReturnReason.DISLIKED: ("不喜欢", "dislike"),
    ReturnReason.UNSUITABLE: ("不适合", "goods that do not suit"),
    ReturnReason.BOUGHT_BY_MISTAKE: ("拍错", "a mistake in ordering"),
    ReturnReason.OTHER: ("其他原因", "another reason"),
}
UNITS = [
    (timedelta(days=1), "天", "days"),
    (timedelta(hours=1), "小时", "hours"),
    (timedelta(minutes=1), "分钟", "minutes"),
    (timedelta(0, 1), "秒", "seconds"),
]


def spoken(span: timedelta) -> tuple[str, str]:
    """ "7天" and "7 days", in the largest unit of which there are several: a day is 24 hours, as in rule 84."""
    whole = (told for told in UNITS if span % told[0] == timedelta(0) and span > told[0])
    unit, zh, en = next(whole, UNITS[-1])
    return f"{span // unit}{zh}", f"{span // unit} {en}"


def named(line: BoughtLine) -> str:
    """What a Chinese sentence about these goods begins with."""
    return f"“{line.title or line.sku}”:" if line.title or line.sku else ""


def called(line: BoughtLine) -> str:
    """The same in English."""
    return f"“{line.title or line.sku}”: " if line.title or line.sku else ""
