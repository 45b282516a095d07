"""What a complaint owes by when, reckoned from the rules' text and the numbers of the shop file alone.

Nothing of kefu is asked: opening hours are laid end to end, and a deadline is a place on that line. The rules: 97 and
112-119 (deadlines in desk hours, not counted while we wait for the customer; a late one is told to staff once, at the
first moment at which anybody looks), 100 (called within 7 x 24 h: on the ideal day at the ideal time or on the next
day on which the desk is there; then on other days and at the hour farthest from those tried; then asked in writing, at
the last clock hour of the last desk day within the limit), 101 (a new round counts afresh).
"""

from __future__ import annotations

import tomllib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.benchmarks.helpdesk_tickets import TAKEN_UP, Act, Ticket

A_DAY, AN_HOUR = timedelta(days=1), timedelta(hours=1)
FROM, UNTIL = date(2009, 12, 1), date(2015, 1, 1)
UNITS = {"min": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> timedelta:
    """ "30 min" is so long."""
    number, unit = text.split()
    return timedelta(seconds=float(number) * UNITS[unit])


class Desk:
    """The desk's opening hours over some years, laid end to end."""

    def __init__(self, windows: dict, zone: ZoneInfo) -> None:
        self.zone = zone
        self.opens: list[datetime] = []
        self.closes: list[datetime] = []
        self.before = [timedelta(0)]  # open time before each opening
        day = FROM
        while day < UNTIL:
            for window in windows.get(day.strftime("%a").lower(), windows["daily"]):
                start, end = (self.on(day, time.fromisoformat(clock)) for clock in window.split("-"))
                self.opens.append(start)
                self.closes.append(end)
                self.before.append(self.before[-1] + (end - start))
            day += A_DAY

    def on(self, day: date, clock: time) -> datetime:
        """This time of this day."""
        return datetime.combine(day, clock, self.zone).astimezone(UTC)

    def day(self, at: datetime) -> date:
        """The desk's day of this moment."""
        return at.astimezone(self.zone).date()

    def passed(self, at: datetime) -> timedelta:
        """For how long the desk has been open until then."""
        n = bisect_right(self.opens, at)
        return self.before[n] - (max(timedelta(0), self.closes[n - 1] - at) if n else timedelta(0))

    def when(self, passed: timedelta) -> datetime:
        """The first moment at which it has been open for so long."""
        n = bisect_left(self.before, passed)
        return self.closes[n - 1] - (self.before[n] - passed)

    def due(self, start: datetime, span: timedelta, pauses: Iterable[list]) -> datetime | None:
        """The end of the span without the pauses; None while one has not ended."""
        goal = self.passed(start) + span
        for begins, ends in pauses:
            if ends is not None and ends <= start:
                continue
            begins = max(begins, start)
            if goal <= self.passed(begins):
                break
            if ends is None:
                return None
            goal += self.passed(ends) - self.passed(begins)
        return self.when(goal)

    def hours(self, day: date) -> list[datetime]:
        """The clock hours of this day at which somebody is there, and the opening after a break."""
        found = set()
        for hour in range(24):
            at = self.on(day, time(hour))
            n = bisect_right(self.closes, at)  # the window that is open then, or the next one
            if self.day(first := max(at, self.opens[n])) == day:
                found.add(first)
        return sorted(found)


@dataclass
class Round:
    """One round as it has to be."""

    began_at: datetime
    grade: str
    pauses: list[list] = field(default_factory=list)
    responded_at: datetime | None = None
    last_word_at: datetime | None = None
    promised_at: datetime | None = None
    missed: set[tuple[str, datetime, datetime]] = field(default_factory=set)
    resolved_at: datetime | None = None
    survey_by: datetime | None = None
    call_at: datetime | None = None
    calls: list[datetime] = field(default_factory=list)
    surveyed_at: datetime | None = None
    outcome: str | None = None


@dataclass
class Case:
    """One complaint as it has to be; `planned` are the calls, whether they were made or not."""

    rounds: list[Round]
    planned: list[datetime] = field(default_factory=list)
    closed_at: datetime | None = None


class Rules:
    """The rules with the numbers of one shop file."""

    def __init__(self, file: Path) -> None:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
        complaints = settings["complaints"]
        self.desk = Desk(settings["desks"][complaints["desk"]], ZoneInfo(settings["zone"]))
        self.spans = {g: complaints[g] for g in ("general", "major", "crisis")}
        callback = complaints["callback"]
        self.within, self.survey_open = seconds(callback["within"]), seconds(callback["survey_open"])
        self.ideal_day, self.attempts = callback["ideal_day"], callback["attempts"]
        self.ideal_time = time.fromisoformat(callback["ideal_time"])
        self.reopens = seconds(complaints["reopening"]["within"])

    # -- one ticket ----------------------------------------------------------------------------------

    def lived(self, ticket: Ticket, moments: Sequence[datetime]) -> list[Case]:
        """The complaints of this ticket: one, or more where the customer came back too late."""
        acts = ticket.acts
        cases = [Case([Round(acts[0].at, "general")])]
        looks = iter(moments[bisect_left(moments, acts[0].at) :])
        look = next(looks, None)
        for act in acts[1:]:
            while look is not None and look <= act.at:
                self._look(cases[-1], look, ticket.caller)
                look = next(looks, None)
            self._pass(cases[-1], act.at)
            self._act(cases, act)
        while look is not None:
            self._look(cases[-1], look, ticket.caller)
            look = next(looks, None)
        return cases

    def deadlines(self, round_: Round) -> dict[str, datetime | None]:
        """By when what is owed, as it stands."""
        told = [at for owed, _, at in round_.missed if owed == "next_update"]
        since = {
            "first_response": round_.began_at,
            "promised_callback": round_.promised_at,
            "next_update": max([round_.began_at, round_.last_word_at or round_.began_at, *told]),
            "resolution": round_.began_at,
        }
        spans = self.spans[round_.grade]
        return {
            owed: start and self.desk.due(start, seconds(spans[owed]), round_.pauses)
            for owed, start in since.items()
        }

    def _act(self, cases: list[Case], act: Act) -> None:
        case = cases[-1]
        round_, at = case.rounds[-1], act.at
        waits = bool(round_.pauses) and round_.pauses[-1][1] is None
        match act.trigger:
            case "regrade":
                round_.grade = act.facts["grade"]
            case "respond":
                _spoken(round_, at)
            case "promise_call":
                round_.promised_at = at
            case "wait" if not waits:
                round_.pauses.append([at, None])
            case "resume":
                round_.pauses[-1][1] = at
            case "resolve":
                if waits:
                    round_.pauses[-1][1] = at
                _spoken(round_, at)
                round_.resolved_at = at
                self._plan(case, self._first_call(at))
            case "call" if case.closed_at is None:
                round_.calls.append(at)
                round_.outcome, case.closed_at = "satisfied", at
            case _ if act.trigger == TAKEN_UP:
                if case.closed_at and at > case.closed_at + self.reopens:
                    cases.append(Case([Round(at, "general")]))
                else:
                    case.rounds.append(Round(at, round_.grade))
                    case.closed_at = None

    def _look(self, case: Case, at: datetime, caller: int) -> None:
        """Somebody looks: tells what is late, and calls whoever is to be called."""
        round_ = case.rounds[-1]
        if round_.resolved_at is None:
            awaited = {
                "first_response": round_.responded_at is None,
                "promised_callback": round_.promised_at is not None,
                "next_update": round_.responded_at is not None,
                "resolution": True,
            }
            known = {(owed, due) for owed, due, _ in round_.missed}
            for owed, due in self.deadlines(round_).items():
                if awaited[owed] and due is not None and due <= at and (owed, due) not in known:
                    round_.missed.add((owed, due, at))
            return
        self._pass(case, at, inclusive=True)
        to_call = case.closed_at is None and round_.surveyed_at is None and round_.call_at <= at
        if not to_call or not caller:
            return
        round_.calls.append(at)
        if caller == 1:
            round_.outcome, case.closed_at = "satisfied", at
        elif len(round_.calls) == self.attempts:
            round_.surveyed_at = at
        else:
            self._plan(case, self._next_call(round_, at))

    def _pass(self, case: Case, at: datetime, *, inclusive: bool = False) -> None:
        """The survey leaves and ends by itself, each at its own time."""
        round_ = case.rounds[-1]
        if round_.resolved_at is None or case.closed_at:
            return
        if round_.surveyed_at is None and (round_.survey_by < at or (inclusive and round_.survey_by == at)):
            round_.surveyed_at = round_.survey_by
        if round_.surveyed_at is not None:
            ends = round_.surveyed_at + self.survey_open
            if ends < at or (inclusive and ends == at):
                round_.outcome, case.closed_at = "unanswered", ends

    # -- calls ---------------------------------------------------------------------------------------

    def _plan(self, case: Case, call_at: datetime) -> None:
        round_ = case.rounds[-1]
        until = round_.resolved_at + self.within
        last = next(
            hours[-1]
            for back in range(7)
            if (hours := [h for h in self.desk.hours(self.desk.day(until) - back * A_DAY) if h <= until])
        )
        round_.call_at, round_.survey_by = call_at, min(until, max(last, call_at + AN_HOUR))
        case.planned.append(call_at)

    def _first_call(self, resolved_at: datetime) -> datetime:
        days = self._desk_days(self.desk.day(resolved_at) + self.ideal_day * A_DAY)
        return self.desk.on(next(days), self.ideal_time)

    def _next_call(self, round_: Round, at: datetime) -> datetime:
        day = next(self._desk_days(self.desk.day(at) + A_DAY))
        used = [call.astimezone(self.desk.zone) for call in round_.calls]
        hours = [h for h in self.desk.hours(day) if h <= round_.resolved_at + self.within]
        free = [h for h in hours if h.astimezone(self.desk.zone).hour not in {u.hour for u in used}]
        apart = {h: min(_apart(h.astimezone(self.desk.zone), call) for call in used) for h in free}
        return max(free, key=lambda hour: (apart[hour], -hour.timestamp()))

    def _desk_days(self, day: date) -> Iterator[date]:
        while True:
            if self.desk.hours(day):
                yield day
            day += A_DAY


def _spoken(round_: Round, at: datetime) -> None:
    round_.responded_at = round_.responded_at or at
    round_.last_word_at, round_.promised_at = at, None


def _apart(one: datetime, other: datetime) -> int:
    """Minutes between two times of day, the short way round the clock."""
    minutes = abs(one.hour * 60 + one.minute - other.hour * 60 - other.minute)
    return min(minutes, 24 * 60 - minutes)
