"""How complaints are graded, answered, escalated, called back and reopened: the settings of one shop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from states.policies.complaint_call_hours import CallHours
from states.policies.complaint_callbacks import CallbackPolicy
from states.policies.complaint_deadlines import Countdown, Pause, countdown
from states.policies.complaint_desks import Desks
from states.policies.complaint_grades import Proposal, Signs, proposed
from states.policies.complaint_ladders import LadderPolicy, LadderStart, Level
from states.policies.complaint_reopening import ReopeningPolicy
from states.policies.complaint_terms import ComplaintFacts, Grade, IntakeClass, Nature, Owed
from states.policies.rectifications import RectificationPolicy
from states.policies.return_words import spoken
from states.policies.settings import Duration, Line, Policy, write_duration
from states.policies.working_days import ShopCalendar, WorkingDays
from states.reasons import Reason

N = Nature


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


class InquiryPolicy(Policy):
    """What is owed to whoever asks something, in desk hours (rules 112, 115, 119; all numbers are ours)."""

    first_response: Duration
    promised_callback: Duration  # from the promise to call back (rules 114-116, 118)
    next_update: Duration  # from the last word of ours, while it takes long (rule 119)
    desk: str | None = None  # whose hours count; None: the complaints desk's

    def span(self, owed: Owed) -> timedelta | None:
        """The time we have for it; None: nothing of this kind is owed."""
        return getattr(self, owed, None)


class GradePolicy(InquiryPolicy):
    """What is owed to whoever complains, and who is told of it (rules 94, 97-99; all numbers are ours)."""

    resolution: Duration
    ladder: LadderPolicy

    @model_validator(mode="after")
    def _answered_before_it_is_resolved(self) -> Self:
        if self.first_response > self.resolution:
            first, last = write_duration(self.first_response), write_duration(self.resolution)
            raise ValueError(f"first_response ({first}) must not be longer than resolution ({last})")
        return self


_LEAD = Level(who="客服组长", answer_within=hours(1))
_MANAGER = Level(who="客服经理", answer_within=hours(2))
_LEADERS = Level(who="公司领导", answer_within=hours(4))
_SOONER = tuple(
    level.model_copy(update={"answer_within": hours(0.5)}) for level in (_LEAD, _MANAGER, _LEADERS)
)
_AT_THE_TOP = LadderPolicy(
    levels=_SOONER, starts=LadderStart.TOP, calm_first=True, bring_in=("技术部", "营业部")
)


class ComplaintPolicy(Policy):
    """A shop's rules for complaints (93-101, 111-119). A table of its own replaces a built-in one whole."""

    desk: str | None = None  # the complaints desk; None: the after-sales desk

    consultation: InquiryPolicy = InquiryPolicy(
        first_response=hours(0.25), promised_callback=hours(4), next_update=hours(8)
    )
    query: InquiryPolicy = InquiryPolicy(
        first_response=hours(0.25), promised_callback=hours(2), next_update=hours(4)
    )
    general: GradePolicy = GradePolicy(
        first_response=hours(2), promised_callback=hours(4), next_update=hours(8), resolution=hours(24),
        ladder=LadderPolicy(levels=(Level(who="值班客服"), _LEAD, _MANAGER, _LEADERS)),
    )  # fmt: skip
    major: GradePolicy = GradePolicy(
        first_response=hours(1), promised_callback=hours(2), next_update=hours(4), resolution=hours(16),
        ladder=_AT_THE_TOP,
    )  # fmt: skip
    crisis: GradePolicy = GradePolicy(
        first_response=hours(0.5), promised_callback=hours(1), next_update=hours(2), resolution=hours(8),
        ladder=_AT_THE_TOP.model_copy(update={"duty_hours": False}),
    )  # fmt: skip

    # Rule 94 leaves out what is major; rule 98 names what nobody can judge.
    major_when: Signs = Signs(
        from_fen=50_000,
        from_buyer_repeats=2,
        from_goods_repeats=3,
        furious_about=tuple(N),
        hard_to_judge=True,
    )
    crisis_when: Signs = Signs(
        natures=(N.EXPIRED, N.SPOILED, N.SAFETY), furious_about=(N.QUALITY,)
    )  # rule 94
    urgent_when: Signs = Signs(from_buyer_repeats=1, from_goods_repeats=2)  # of a general one; rule 111
    repeats_within: Duration = timedelta(days=30)  # before this complaint; rule 109: within a month

    callback: CallbackPolicy = CallbackPolicy()
    reopening: ReopeningPolicy = ReopeningPolicy()
    rectification: RectificationPolicy = RectificationPolicy()
    lead: Line = "客服组长"  # leads whoever handles a complaint; hears of what comes back (rule 101)
    other_ways: Line = "向电商平台申请介入,或拨打 12315 消费者投诉热线"  # for what we can't solve (rule 99)
    bulletin_to: tuple[Line, ...] = ("客户服务部", "质量技术部", "营业部")  # rule 103; which others is ours
    digest_from: Annotated[int, Field(strict=True, ge=2)] = (
        6  # so many notices at once to one colleague leave as one
    )

    def proposal(self, told: ComplaintFacts) -> Proposal:
        """Grade and urgency of a complaint, with every reason; a person may decide otherwise."""
        return proposed(
            told,
            major=self.major_when,
            crisis=self.crisis_when,
            urgent=self.urgent_when,
            within=self.repeats_within,
        )

    def of(self, intake: IntakeClass, grade: Grade | None = None) -> InquiryPolicy | GradePolicy:
        """What is owed to this class, for a complaint of this grade."""
        return getattr(self, grade if intake is IntakeClass.COMPLAINT else intake)

    def graded(self, grade: Grade) -> GradePolicy:
        """Deadlines and ladder of this grade."""
        return getattr(self, grade)

    def is_grave(self, grade: Grade | None) -> bool:
        """Too grave to wait for anybody's duty hours (rule 98); a mere question, which has no grade, never is."""
        return grade is not None and not self.graded(grade).ladder.duty_hours

    def on_duty(self, who: str | None, at: datetime, grade: Grade | None, desks: Desks) -> datetime:
        """From when (UTC) on this colleague may be told of something of this grade, as seen at `at`."""
        if grade is None:
            return desks.of(None).next_open(at, desks.zone)
        return self.graded(grade).ladder.on_duty(who, at, desks)

    def deadline(
        self, owed: Owed, rules: InquiryPolicy, start: datetime, pauses: Iterable[Pause], desks: Desks
    ) -> Countdown | None:
        """By when this is owed, and how that came about; None: nothing of this kind is owed."""
        span = rules.span(owed)
        return span and countdown(start, span, pauses, desks.of(rules.desk), desks.zone)

    def call_hours(self, desks: Desks, calendar: ShopCalendar) -> CallHours:
        """When customers may be called back."""
        days = WorkingDays(self.callback.days, calendar)
        return CallHours(desks.of(self.callback.desk), days, desks.zone)

    def desks_named(self) -> Iterator[tuple[str, str | None]]:
        """Every setting that names a desk, and the desk."""
        yield "desk", self.desk
        yield "callback.desk", self.callback.desk
        for name in (*list(IntakeClass)[:2], *Grade):
            yield f"{name}.desk", getattr(self, name).desk
        for grade in Grade:
            for number, level in enumerate(self.graded(grade).ladder.levels, start=1):
                yield f"{grade}.ladder.levels[{number}].desk", level.desk


CLASSES = {
    IntakeClass.CONSULTATION: Reason("consultation", "咨询商品信息", "it asks about goods", 93),
    IntakeClass.QUERY: Reason("query", "查询订单或物流", "it asks about an order or a parcel", 93),
    IntakeClass.COMPLAINT: Reason(
        "complaint", "对商品、物流或服务不满", "goods, parcel or service do not please", 93
    ),
}
OWED_RULES = {
    Owed.FIRST_RESPONSE: ("首次回应", "a first answer", 112),
    Owed.PROMISED_CALLBACK: ("承诺回电", "the call we promised", 115),
    Owed.NEXT_UPDATE: ("告知进展", "a word on how it stands", 119),
    Owed.RESOLUTION: ("处理完毕", "the resolution", 97),
}


def owed_within(owed: Owed, span: timedelta) -> Reason:
    """What we owe in the time the shop has set; the rules only say promptly."""
    zh, en, rule = OWED_RULES[owed]
    time_zh, time_en = spoken(span)
    return Reason(owed, f"服务时间{time_zh}内{zh}", f"{en} within {time_en} of opening hours", rule)
