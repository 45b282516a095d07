"""What is told of a complaint, and what it may be called."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class IntakeClass(StrEnum):
    """What somebody wants who turns to us (rule 93)."""

    CONSULTATION = "consultation"  # to know about goods
    QUERY = "query"  # to know about an order or parcel
    COMPLAINT = "complaint"  # not content with goods, parcel or service


class Nature(StrEnum):
    """What is wrong (rules 94, 110)."""

    PACKAGING = "packaging"
    ATTITUDE = "attitude"  # of our staff
    LOGISTICS = "logistics"
    QUALITY = "quality"
    EXPIRED = "expired"
    SPOILED = "spoiled"
    SAFETY = "safety"  # anything else that may do harm
    OTHER = "other"


class Grade(StrEnum):
    """How much is at stake (rule 94)."""

    GENERAL = "general"
    MAJOR = "major"
    CRISIS = "crisis"


class Urgency(StrEnum):
    """Which is looked at first (rule 111)."""

    NORMAL = "normal"
    HIGH = "high"
    IMMEDIATE = "immediate"


class Channel(StrEnum):
    """How a customer reaches us (rule 112)."""

    PHONE = "phone"
    CHAT = "chat"  # Wangwang and the like
    EMAIL = "email"
    SOCIAL = "social"
    APP = "app"
    WECHAT = "wechat"
    SHOP_MESSAGE = "shop_message"
    SYSTEM_NOTICE = "system_notice"
    SITE_MAIL = "site_mail"
    PLATFORM = "platform"  # the platform passed it on


class Remedy(StrEnum):
    """How a complaint was settled (rules 85, 97, 99)."""

    APOLOGY = "apology"
    EXPLANATION = "explanation"
    REPAIR = "repair"
    REPLACEMENT = "replacement"
    REFUND = "refund"
    COMPENSATION = "compensation"
    OTHER_WAYS = "other_ways"  # what we can't solve: the customer was shown where to turn to


class Owed(StrEnum):
    """What we have promised within a time, counted in the desk's opening hours."""

    FIRST_RESPONSE = "first_response"
    PROMISED_CALLBACK = "promised_callback"
    NEXT_UPDATE = "next_update"
    RESOLUTION = "resolution"


@dataclass(frozen=True, slots=True)
class ComplaintFacts:
    """What grade and urgency are read from. Repeats are earlier complaints, this one not counted; no amount:
    it is not known. `hard_to_judge`: nobody can tell yet what happened, or its impact is wide (rule 98).

    Raises ValueError for amounts and counts below nothing.
    """

    nature: Nature
    amount_fen: int | None = None
    buyer_repeats: int = 0
    goods_repeats: int = 0
    furious: bool = False  # extremely dissatisfied, in rule 94's words
    hard_to_judge: bool = False

    def __post_init__(self) -> None:
        for name in ("amount_fen", "buyer_repeats", "goods_repeats"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"{name} can't be below nothing, and {getattr(self, name)} is")


INTAKES = {
    IntakeClass.CONSULTATION: ("咨询", "consultation"),
    IntakeClass.QUERY: ("查询", "query"),
    IntakeClass.COMPLAINT: ("投诉", "complaint"),
}
URGENCY_WORDS = {
    Urgency.NORMAL: ("普通", "normal"),
    Urgency.HIGH: ("优先", "high"),
    Urgency.IMMEDIATE: ("立即", "immediate"),
}
NATURES = {
    Nature.PACKAGING: ("包装问题", "packaging"),
    Nature.ATTITUDE: ("服务态度", "staff attitude"),
    Nature.LOGISTICS: ("物流问题", "logistics"),
    Nature.QUALITY: ("质量问题", "quality"),
    Nature.EXPIRED: ("商品过期", "expired goods"),
    Nature.SPOILED: ("商品变质", "spoiled goods"),
    Nature.SAFETY: ("安全问题", "safety"),
    Nature.OTHER: ("其他问题", "something else"),
}
GRADES = {
    Grade.GENERAL: ("一般投诉", "a general complaint"),
    Grade.MAJOR: ("重大投诉", "a major complaint"),
    Grade.CRISIS: ("危机事件", "a crisis"),
}
CHANNELS = {
    Channel.PHONE: ("电话", "by telephone"),
    Channel.CHAT: ("在线聊天", "in the chat"),
    Channel.EMAIL: ("电子邮件", "by e-mail"),
    Channel.SOCIAL: ("社交媒体", "on social media"),
    Channel.APP: ("官方 APP", "in the app"),
    Channel.WECHAT: ("微信公众号", "on WeChat"),
    Channel.SHOP_MESSAGE: ("店铺留言", "by a message to the shop"),
    Channel.SYSTEM_NOTICE: ("系统通知", "by a system notice"),
    Channel.SITE_MAIL: ("站内信", "by site mail"),
    Channel.PLATFORM: ("平台转来", "through the platform"),
}
REMEDIES = {
    Remedy.APOLOGY: ("道歉", "an apology"),
    Remedy.EXPLANATION: ("解释说明", "an explanation"),
    Remedy.REPAIR: ("维修", "a repair"),
    Remedy.REPLACEMENT: ("更换或补发", "a replacement"),
    Remedy.REFUND: ("退款", "a refund"),
    Remedy.COMPENSATION: ("经济补偿", "a compensation"),
    Remedy.OTHER_WAYS: ("引导其他解决途径", "other ways shown"),
}
