"""The call after a complaint: planned, tried again, and followed by a survey where nobody was reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from states.policies import complaint_calls as why
from states.policies.complaint_call_hours import CallHours, farthest, nearest
from states.policies.complaint_calls import ENDS, UNREACHED, Call, CallOutcome, Step, StepKind
from states.policies.moments import moment, utc
from states.policies.settings import ClockTime, Duration, Line, Policy
from states.policies.working_days import DispatchDays, provisional
from states.reasons import Reason

AN_HOUR = timedelta(hours=1)
Days = Annotated[int, Field(strict=True, ge=0, le=365)]


@dataclass(frozen=True, slots=True)
class CallbackPlan:
    """All calls there would be if nobody were ever reached, and the survey after them."""

    until: datetime
    calls: tuple[Step, ...]
    survey: Step


class CallbackPolicy(Policy):
    """Within seven days of the resolution the customer is called (rule 100; the other numbers are ours).

    The seven days are elapsed time, and their last second is still in time. Methods raise ValueError for a time
    without offset. What rests on days that are not known yet is provisional, and says so.
    """

    within: Duration = timedelta(days=7)  # rule 100
    ideal_day: Days = 2  # days after the day of the resolution
    ideal_time: ClockTime = time(15)  # of that day, as near as the contact hours allow
    not_before: Duration = timedelta(hours=2)  # after the resolution, so that it can show whether it holds
    attempts: Annotated[int, Field(strict=True, ge=1, le=50)] = 3
    days_between: Annotated[int, Field(strict=True, ge=1, le=365)] = 1  # from one try to the next
    days: DispatchDays = DispatchDays.EVERY_DAY  # the days on which customers are called
    desk: str | None = None  # whose hours are the contact hours; None: the complaints desk's
    survey_open: Duration = timedelta(days=7)  # unanswered for so long, the survey is closed as unanswered
    who: Line = "回访员"  # who calls, and is told when a call is due (rule 177)
    remind_after: Duration = timedelta(hours=2)  # of contact hours without the call: who calls is told again

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if timedelta(days=self.ideal_day) > self.within:
            raise ValueError(f"ideal_day ({self.ideal_day}) lies beyond `within`")
        if self.not_before >= self.within:
            raise ValueError("not_before must be shorter than `within`")
        return self

    def until(self, resolved_at: datetime) -> datetime:
        """The last moment (UTC) for a call."""
        return utc(resolved_at) + self.within

    def step(self, resolved_at: datetime, calls: Iterable[Call], at: datetime, hours: CallHours) -> Step:
        """What comes next after these calls, as seen at `at`; a call is never planned before that.

        Raises ValueError for a call before the resolution, and for one after the callback had its end.
        """
        calls = sorted(calls, key=lambda call: utc(call.at))
        self._check(resolved_at, calls)
        at, until = max(utc(at), utc(resolved_at), *(utc(call.at) for call in calls)), self.until(resolved_at)
        last = calls[-1] if calls else None
        match last and last.outcome:
            case None:
                return self._first_call(utc(resolved_at), at, until, hours)
            case CallOutcome.SATISFIED:
                return Step(StepKind.CLOSE, at, (why.SATISFIED,))
            case CallOutcome.REFUSED:
                return Step(StepKind.CLOSE, at, (why.NO_CALL_WISHED,))
            case CallOutcome.PROBLEM:
                return Step(StepKind.NEW_ROUND, at, (why.PROBLEM_FOUND,))
            case CallOutcome.LATER:
                return self._as_asked(last, at, until, hours)
        return self._again(calls, at, until, hours)

    def plan(self, resolved_at: datetime, hours: CallHours) -> CallbackPlan:
        """Every call and the survey, if each call is made in time and nobody is reached."""
        made: list[Call] = []
        steps: list[Step] = []
        step = self.step(resolved_at, made, resolved_at, hours)
        while step.kind is StepKind.CALL:
            steps.append(step)
            made.append(Call(step.at, CallOutcome.NOT_REACHED))
            step = self.step(resolved_at, made, step.at, hours)
        return CallbackPlan(self.until(resolved_at), tuple(steps), step)

    def survey_by(self, resolved_at: datetime, hours: CallHours, planned: Step | None = None) -> Step:
        """When it is asked in writing if nobody has called by then: at the last time to call within the limit,
        an hour after the `planned` call where that is later, and never after the limit (rule 100)."""
        until, last = self.until(resolved_at), self._last_to_call(resolved_at, hours)
        if planned and planned.at + AN_HOUR > last.at:
            last = _survey(planned.at + AN_HOUR, why.NOBODY_CALLED, planned.unknown_on)
        return last if last.at <= until else _survey(until, why.NOBODY_CALLED, last.unknown_on)

    def _last_to_call(self, resolved_at: datetime, hours: CallHours) -> Step:
        until, earliest = self.until(resolved_at), utc(resolved_at) + self.not_before
        for day in reversed(hours.days_between(earliest, until)):
            if slots := hours.slots(day, earliest, until, self.ideal_time):
                return _survey(slots[-1], why.NOBODY_CALLED, hours.first_unknown(day, until))
        return self.plan(resolved_at, hours).survey

    def _check(self, resolved_at: datetime, calls: Sequence[Call]) -> None:
        if calls and utc(calls[0].at) < utc(resolved_at):
            raise ValueError(f"called at {calls[0].at.isoformat()}, before it was resolved")
        if ended := [call for call in calls[:-1] if call.outcome in ENDS]:
            raise ValueError(f"called again after the callback had ended ({ended[0].outcome})")

    def _first_call(self, resolved_at: datetime, at: datetime, until: datetime, hours: CallHours) -> Step:
        """On the ideal day or the next calling day; where none is left, on the last one before it."""
        earliest = max(at, resolved_at + self.not_before)
        ideal = hours.day(resolved_at) + timedelta(days=self.ideal_day)
        for latest in _with_room(until):
            days = hours.days_between(earliest, latest)
            later, sooner = [day for day in days if day >= ideal], [day for day in days if day < ideal]
            for day in (*later, *reversed(sooner)):
                if slots := hours.slots(day, earliest, latest, self.ideal_time):
                    moved = why.DAY_MOVED if day > ideal else why.BROUGHT_FORWARD
                    reasons = (why.within(self.within), why.ON_THE_IDEAL_DAY if day == ideal else moved)
                    planned_at = nearest(slots, self.ideal_time, hours.zone)
                    passed_over = max(ideal, days[0]) if day >= ideal else latest
                    return _planned(StepKind.CALL, planned_at, reasons, hours.first_unknown(passed_over, day))
        wished = moment(ideal, self.ideal_time, hours.zone)  # writing needs nobody at the desk
        unknown_on = hours.first_unknown(earliest, until)
        return _survey(max(at, min(wished, until)), why.NOBODY_CALLED, unknown_on)

    def _again(self, calls: Sequence[Call], at: datetime, until: datetime, hours: CallHours) -> Step:
        """Not reached, or a wrong number."""
        tries = [call.outcome for call in calls if call.outcome in UNREACHED]
        wrong = calls[-1].outcome is CallOutcome.WRONG_NUMBER
        if wrong and tries.count(CallOutcome.WRONG_NUMBER) > 1:
            return _survey(at, why.NUMBERS_USED_UP)
        if len(tries) >= self.attempts:
            return _survey(at, why.tried(len(tries)))
        for day, latest in self._days_after(calls, at, until, hours):
            if slots := hours.slots(day, at, latest, self.ideal_time):
                used = [utc(call.at).astimezone(hours.zone).time() for call in calls]
                taken = {clock.hour for clock in used}
                others = [slot for slot in slots if slot.astimezone(hours.zone).hour not in taken]
                reason = why.OTHER_DAY_AND_HOUR if others else why.SAME_HOUR
                return _planned(
                    StepKind.FIND_NUMBER if wrong else StepKind.CALL,
                    farthest(others or slots, used, hours.zone),
                    (why.NUMBER_WRONG, reason) if wrong else (reason,),
                    hours.first_unknown(self._again_from(calls, hours), day),
                )
        return _survey(at, why.NOBODY_CALLED, hours.first_unknown(at, until))

    def _days_after(
        self, calls: Sequence[Call], at: datetime, until: datetime, hours: CallHours
    ) -> Iterator[tuple[date, datetime]]:
        first = self._again_from(calls, hours)
        for latest in _with_room(until):
            yield from ((day, latest) for day in hours.days_between(at, latest) if day >= first)

    def _again_from(self, calls: Sequence[Call], hours: CallHours) -> date:
        return hours.day(utc(calls[-1].at)) + timedelta(days=self.days_between)

    def _as_asked(self, call: Call, at: datetime, until: datetime, hours: CallHours) -> Step:
        """At the customer's own time, moved into the contact hours; a survey where that is after the limit."""
        asked = max(utc(call.later_at), at)
        due = hours.next(asked, until)
        if due is None:
            return _survey(at, why.ASKED_TOO_LATE, hours.first_unknown(asked, max(asked, until)))
        moved = due != utc(call.later_at)
        reasons = (why.AS_ASKED, *[why.MOVED_TO_CONTACT_HOURS] * moved)
        return _planned(StepKind.CALL, due, reasons, hours.first_unknown(asked, due))


def _with_room(until: datetime) -> tuple[datetime, datetime]:
    """The latest moments to plan a call for: an hour is left to make it in; without any choice, the limit itself."""
    return until - AN_HOUR, until


def _survey(at: datetime, reason: Reason, unknown_on: date | None = None) -> Step:
    return _planned(StepKind.SURVEY, at, (reason,), unknown_on)


def _planned(kind: StepKind, at: datetime, reasons: tuple[Reason, ...], unknown_on: date | None) -> Step:
    return Step(kind, at, reasons + ((provisional(unknown_on),) if unknown_on else ()), unknown_on)
