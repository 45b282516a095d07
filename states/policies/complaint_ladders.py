"""Who is told of a complaint, and who next when nobody acknowledges it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Self

from pydantic import Field, model_validator

from states.policies.complaint_desks import Desks
from states.policies.moments import utc
from states.policies.return_words import spoken
from states.policies.settings import Duration, Line, Policy
from states.reasons import Reason


class LadderStart(StrEnum):
    """Where telling begins: with the lowest level, or with the highest and then downwards."""

    BOTTOM = "bottom"
    TOP = "top"


class Level(Policy):
    """One level of a ladder; `answer_within` counts while its own desk is there."""

    who: Line
    desk: str | None = None  # whose hours are this level's duty hours; None: the complaints desk's
    answer_within: Duration = timedelta(minutes=30)  # unacknowledged for so long: the next level is told


class LadderNotice(NamedTuple):
    """Level number `level` (from 1, lowest first) is told at `at`; its time would have come at `nominal_at`."""

    level: int
    who: str
    at: datetime
    nominal_at: datetime
    reasons: tuple[Reason, ...]


class LadderPolicy(Policy):
    """Who is told, level by level, until somebody acknowledges (rules 98, 99; all numbers are ours)."""

    levels: tuple[Level, ...]  # lowest first
    starts: LadderStart = LadderStart.BOTTOM
    duty_hours: bool = Field(default=True, strict=True)  # false: told and waited for day and night
    calm_first: bool = Field(default=False, strict=True)  # the customer is calmed before anybody is told
    bring_in: tuple[Line, ...] = ()  # departments to be told along with the first level (rules 98, 120)

    @model_validator(mode="after")
    def _climbable(self) -> Self:
        if not self.levels:
            raise ValueError("a ladder needs at least one level")
        names = [level.who for level in self.levels]
        if twice := {who for who in names if names.count(who) > 1}:
            raise ValueError(f"{min(twice)!r} stands on this ladder twice, and nobody is told twice")
        return self

    def next_notice(self, since: datetime, told: Mapping[str, datetime], desks: Desks) -> LadderNotice | None:
        """Who is told next, and when, if nobody acknowledges; None: everybody has been.

        `told` says who has been told when, late or not: each wait counts from there, so that a stop of the
        system makes nobody climb several levels at once. A ladder taken up again `since` the last one was told
        goes on at once. Raises ValueError for a time without offset.
        """
        numbered = list(enumerate(self.levels, start=1))
        order = numbered if self.starts is LadderStart.BOTTOM else numbered[::-1]
        left = [(number, level) for number, level in order if level.who not in told]
        if not left:
            return None
        (number, level), last = left[0], self._last(told)
        resumed = last is not None and utc(told[last.who]) < utc(since)
        waited = last is not None and not resumed
        nominal = self._waited(last, told[last.who], desks) if waited else utc(since)
        at = self.on_duty(level.who, nominal, desks)
        reasons = tuple(self._reasons(last, resumed=resumed, moved=at != nominal))
        return LadderNotice(number, level.who, at, nominal, reasons)

    def notices(
        self, since: datetime, desks: Desks, *, acknowledged_at: datetime | None = None
    ) -> tuple[LadderNotice, ...]:
        """Everybody who is told if all goes on time, in this order; from the acknowledgement on nobody is."""
        told: dict[str, datetime] = {}
        notices = []
        while (notice := self.next_notice(since, told, desks)) is not None:
            if acknowledged_at is not None and notice.at >= utc(acknowledged_at):
                break
            notices.append(notice)
            told[notice.who] = notice.at
        return tuple(notices)

    def unheard_at(self, told: Mapping[str, datetime], desks: Desks) -> datetime | None:
        """When (UTC) everybody has been told and waited for in vain; None: somebody is still to be told."""
        if any(level.who not in told for level in self.levels):
            return None
        last = self._last(told)
        return self._waited(last, told[last.who], desks)

    def on_duty(self, who: str | None, at: datetime, desks: Desks) -> datetime:
        """The first moment (UTC) from `at` on at which this colleague may be told; who is on no level keeps the usual
        desk's hours."""
        if not self.duty_hours:
            return utc(at)
        desk = next((level.desk for level in self.levels if level.who == who), None)
        return desks.of(desk).next_open(at, desks.zone)

    def _last(self, told: Mapping[str, datetime]) -> Level | None:
        heard = [level for level in self.levels if level.who in told]
        return max(heard, key=lambda level: utc(told[level.who]), default=None)

    def _waited(self, level: Level, at: datetime, desks: Desks) -> datetime:
        if not self.duty_hours:
            return utc(at) + level.answer_within
        return desks.of(level.desk).after(at, level.answer_within, desks.zone)

    def _reasons(self, last: Level | None, *, resumed: bool, moved: bool) -> list[Reason]:
        reasons = [TAKEN_UP_AGAIN if resumed else _unacknowledged(last) if last else FIRST]
        if not last and self.starts is LadderStart.TOP:
            reasons = [AT_ONCE]
        if not last and self.calm_first:
            reasons.append(CALM_FIRST)
        if moved:
            reasons.append(DUTY_HOURS)
        return reasons if self.duty_hours else [*reasons, DAY_AND_NIGHT]


FIRST = Reason("first_level", "投诉登记后通知处理人员", "registered: whoever handles it is told", 95)
AT_ONCE = Reason("told_at_once", "立即通报最高一级领导", "the highest level is told at once", 98)
TAKEN_UP_AGAIN = Reason(
    "taken_up_again", "再次升级,通知下一级", "it was escalated again: the next level is told", 99
)
CALM_FIRST = Reason("calm_first", "先安抚客户,再通报", "the customer is calmed first, then it is told", 98)
DUTY_HOURS = Reason(
    "moved_to_duty_hours",
    "不在其值班时间内,顺延至上班时通知",
    "outside the duty hours, so it waits until they begin",
)
DAY_AND_NIGHT = Reason("day_and_night", "危急情况,不分值班时间", "too grave to wait for duty hours", 98)


def _unacknowledged(last: Level) -> Reason:
    zh, en = spoken(last.answer_within)
    return Reason(
        "unacknowledged",
        f"“{last.who}”{zh}内未确认,通知下一级",
        f"“{last.who}” has not acknowledged within {en}: the next level is told",
        99,
    )
