"""Which grade and urgency a complaint is given, and every reason for it. A person may decide otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from states.policies.complaint_terms import GRADES, NATURES, ComplaintFacts, Grade, Nature, Urgency
from states.policies.return_words import spoken
from states.policies.settings import Fen, Policy
from states.reasons import Reason, yuan

Repeats = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class Signs(Policy):
    """Any one of these is enough; what is not named says nothing."""

    natures: tuple[Nature, ...] = ()
    furious_about: tuple[Nature, ...] = ()  # these natures, told by an extremely dissatisfied customer
    from_fen: Fen | None = None  # the amount at stake
    from_buyer_repeats: Repeats | None = None  # so many earlier complaints of this buyer
    from_goods_repeats: Repeats | None = None  # so many earlier complaints about these goods
    hard_to_judge: bool = Field(default=False, strict=True)

    def seen(self, told: ComplaintFacts, within: timedelta) -> Iterator[Reason]:
        """Every sign these facts show; `within` is the time in which repeats were counted."""
        zh, en = NATURES[told.nature]
        if told.nature in self.natures:
            yield Reason("nature", f"性质:{zh}", f"its nature: {en}", 94)
        if told.furious and told.nature in self.furious_about:
            yield Reason("furious", f"{zh},客户极度不满", f"{en}, and the customer is furious", 94)
        if told.hard_to_judge and self.hard_to_judge:
            yield HARD_TO_JUDGE
        if None not in (self.from_fen, told.amount_fen) and told.amount_fen >= self.from_fen:
            yield Reason(
                "amount",
                f"涉及金额 {yuan(told.amount_fen)} 元,达到 {yuan(self.from_fen)} 元",
                f"{yuan(told.amount_fen)} are at stake, {yuan(self.from_fen)} or more",
            )
        zh, en = spoken(within)
        if told.buyer_repeats >= (self.from_buyer_repeats or told.buyer_repeats + 1):
            yield Reason(
                "buyer_repeats",
                f"同一买家{zh}内此前已投诉 {told.buyer_repeats} 次(从 {self.from_buyer_repeats} 次起)",
                f"the buyer's earlier complaints within {en}: {told.buyer_repeats}"
                f" (counts from {self.from_buyer_repeats})",
            )
        if told.goods_repeats >= (self.from_goods_repeats or told.goods_repeats + 1):
            yield Reason(
                "goods_repeats",
                f"同一商品{zh}内此前已被投诉 {told.goods_repeats} 次(从 {self.from_goods_repeats} 次起)",
                f"earlier complaints about these goods within {en}: {told.goods_repeats}"
                f" (counts from {self.from_goods_repeats})",
                102,
            )


HARD_TO_JUDGE = Reason(
    "hard_to_judge",
    "技术性强的质量事故或影响较大,当场无法判断",
    "a technically hard accident or a wide impact that nobody can judge on the spot",
    98,
)
UNCLEAR = Reason(
    "nature_unclear",
    "性质不明,先按一般投诉受理,由人工核定",
    "its nature is unclear: taken in as general, a person decides",
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Grade and urgency with the reasons of each; where a crisis is also major, that is said too."""

    grade: Grade
    urgency: Urgency
    reasons: tuple[Reason, ...]
    urgency_reasons: tuple[Reason, ...]


def proposed(
    told: ComplaintFacts, *, major: Signs, crisis: Signs, urgent: Signs, within: timedelta
) -> Proposal:
    """The highest grade with a sign; general where there is none."""
    of_crisis, of_major = tuple(crisis.seen(told, within)), tuple(major.seen(told, within))
    if of_crisis:
        grade, reasons = Grade.CRISIS, tuple(dict.fromkeys(of_crisis + of_major))  # each is said once
    elif of_major:
        grade, reasons = Grade.MAJOR, of_major
    else:
        unclear = told.nature is Nature.OTHER
        grade, reasons = Grade.GENERAL, (UNCLEAR if unclear else _general(told.nature),)
    urgency, why = _urgency(grade, tuple(urgent.seen(told, within)))
    return Proposal(grade, urgency, reasons, why)


def _general(nature: Nature) -> Reason:
    zh, en = NATURES[nature]
    rule = 94 if nature in (Nature.PACKAGING, Nature.ATTITUDE, Nature.LOGISTICS) else None
    return Reason("general", f"{zh},没有更高级别的情形", f"{en}, and no sign of a higher grade", rule)


URGENCIES = {
    Grade.GENERAL: Urgency.NORMAL,
    Grade.MAJOR: Urgency.HIGH,
    Grade.CRISIS: Urgency.IMMEDIATE,
}  # of a grade as such (rule 111)


def _urgency(grade: Grade, signs: tuple[Reason, ...]) -> tuple[Urgency, tuple[Reason, ...]]:
    zh, en = GRADES[grade]
    by_grade = Reason("urgency_of_grade", f"{zh}的紧急程度", f"the urgency of {en}", 111)
    match grade:
        case Grade.CRISIS:
            return URGENCIES[grade], (by_grade,)
        case Grade.MAJOR:
            return URGENCIES[grade], (by_grade, *signs)
    return (Urgency.HIGH, signs) if signs else (URGENCIES[grade], (by_grade,))
