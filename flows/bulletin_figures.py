"""What is counted for one period, complaint by complaint and round by round (rules 103, 108, 129)."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from states.complaint_clock import instant, pauses_of
from states.policies.complaint_calls import CallOutcome
from states.policies.complaint_terms import IntakeClass

TURNED = "turned"  # a question that has become a complaint
REACHED = (CallOutcome.SATISFIED, CallOutcome.PROBLEM, CallOutcome.REFUSED)


@dataclass
class Times:
    """How long something took that was done in the period; and of what was due in it, how much was in time."""

    desk: list[timedelta] = field(default_factory=list)  # opening hours, pauses left out
    elapsed: list[timedelta] = field(default_factory=list)
    due: int = 0
    in_time: int = 0

    def as_dict(self) -> dict:
        """In hours."""
        return {
            "count": len(self.desk),
            "desk_median_h": _hours(middle(self.desk)),
            "desk_p90_h": _hours(ninetieth(self.desk)),
            "elapsed_median_h": _hours(middle(self.elapsed)),
            "elapsed_p90_h": _hours(ninetieth(self.elapsed)),
            **{"due": self.due, "in_time": self.in_time},
        }


@dataclass
class Handler:
    """What one colleague had to do with."""

    taken: int = 0  # complaints that came in the period
    resolved: list[timedelta] = field(default_factory=list)  # rounds, by the opening hours they took
    problems: int = 0  # of these, the ones in which the callback found a problem

    def as_dict(self) -> dict:
        """The same for machines."""
        resolved, took = len(self.resolved), _hours(middle(self.resolved))
        return {"taken": self.taken, "resolved": resolved, "desk_median_h": took, "problems": self.problems}


@dataclass
class Figures:
    """One period in numbers. `callbacks` and what follows are of the rounds whose seven days ended in it."""

    start: datetime
    end: datetime
    orders: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    grades: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    goods: Counter[str] = field(default_factory=Counter)
    came_on: Counter[date] = field(default_factory=Counter)
    resolved_on: Counter[date] = field(default_factory=Counter)
    rounds: Counter[str] = field(default_factory=Counter)  # begun, by why
    responses: dict[str, Times] = field(default_factory=lambda: defaultdict(Times))  # by grade, or class
    resolutions: dict[str, Times] = field(default_factory=lambda: defaultdict(Times))  # by grade
    handlers: dict[str, Handler] = field(default_factory=lambda: defaultdict(Handler))
    unsettled: int = 0  # at its end
    overdue: int = 0
    callbacks: Counter[str] = field(default_factory=Counter)  # called, surveyed, reopened, missed
    calls: int = 0  # tries
    outcomes: Counter[str] = field(default_factory=Counter)
    marks: Counter[int] = field(default_factory=Counter)  # satisfaction, 1 to 5

    @property
    def complaints(self) -> int:
        """How many came."""
        return self.classes[IntakeClass.COMPLAINT]

    @property
    def resolved(self) -> int:
        """Rounds that were resolved."""
        return sum(len(times.desk) for times in self.resolutions.values())

    def has(self, at: datetime | None) -> bool:
        """Whether this happened in the period."""
        return at is not None and self.start <= at < self.end

    # -- counting ------------------------------------------------------------------------------------

    def count_case(self, case: Any, day: Callable[[datetime], date]) -> None:
        """One that a customer turned to us with."""
        if not self.has(case.registered_at):
            return
        self.classes[case.intake] += 1
        if case.intake != IntakeClass.COMPLAINT:
            return
        self.grades[case.grade] += 1
        self.causes[case.nature] += 1
        self.came_on[day(case.registered_at)] += 1
        if case.sku is not None:
            self.goods[case.sku] += 1
        if case.handler is not None:
            self.handlers[case.handler].taken += 1

    def count_round(self, round_: Any, clock: Any, day: Callable[[datetime], date]) -> None:
        """One round; `clock` is that of the desk whose hours count."""
        is_complaint = round_.intake == IntakeClass.COMPLAINT
        of_complaint = is_complaint and round_.number >= round_.became
        kind = round_.grade if of_complaint else TURNED if is_complaint else round_.intake
        if kind != TURNED or round_.responded_at:  # what was not answered before it turned is answered since
            self._time(self.responses, kind, round_, round_.responded_at, round_.respond_by, clock)
        if not of_complaint:
            return
        if self.has(round_.began_at):
            self.rounds[round_.why] += 1
        took = self._time(self.resolutions, kind, round_, round_.resolved_at, round_.resolve_by, clock)
        if took is not None:
            self.resolved_on[day(round_.resolved_at)] += 1
            handler = self.handlers[round_.handler]
            handler.resolved.append(took)
            handler.problems += round_.outcome == CallOutcome.PROBLEM
        if round_.began_at < self.end and (round_.resolved_at is None or round_.resolved_at >= self.end):
            self.unsettled += 1
            self.overdue += round_.resolve_by is not None and round_.resolve_by < self.end
        if self.has(round_.call_until):
            self._callback(round_)

    def _time(
        self, of: dict[str, Times], kind: str, round_: Any, done_at: Any, due_at: Any, clock: Any
    ) -> timedelta | None:
        took = None
        if self.has(done_at):
            took = clock.between(round_.began_at, done_at, pauses_of(round_))
            of[kind].desk.append(took)
            of[kind].elapsed.append(done_at - round_.began_at)
        if self.has(due_at):  # the deadline itself is in time
            of[kind].due += 1
            of[kind].in_time += done_at is not None and done_at <= due_at
        return took

    def _callback(self, round_: Any) -> None:
        self.calls += len(round_.calls)
        self.callbacks[called(round_)] += 1
        self.outcomes[round_.outcome or "pending"] += 1
        if round_.satisfaction is not None:
            self.marks[round_.satisfaction] += 1

    def as_dict(self) -> dict:
        """The same for machines; the keys of a counter are ours, not words."""
        counters = ("classes", "grades", "causes", "goods", "rounds", "callbacks", "outcomes", "marks")
        tables = ("responses", "resolutions", "handlers")
        return {
            **{name: getattr(self, name) for name in ("orders", "complaints", "resolved")},
            **{name: getattr(self, name) for name in ("unsettled", "overdue", "calls")},
            **{name: dict(sorted(getattr(self, name).items())) for name in counters},
            **{name: {k: v.as_dict() for k, v in sorted(getattr(self, name).items())} for name in tables},
        }


def called(round_: Any) -> str:
    """What became of the callback that was owed within the seven days (rule 100)."""
    reached = [instant(call["at"]) for call in round_.calls if call["outcome"] in REACHED]
    if reached and min(reached) <= round_.call_until:
        return "called"
    if round_.surveyed_at is not None and round_.surveyed_at <= round_.call_until:
        return "surveyed"
    return "reopened" if round_.number < round_.latest and round_.outcome is None else "missed"


def middle(spans: Sequence[timedelta]) -> timedelta | None:
    """The median; of an even number the mean of the two in the middle."""
    return median(spans) if spans else None


def ninetieth(spans: Sequence[timedelta]) -> timedelta | None:
    """What nine in ten did not exceed: the nearest rank."""
    return sorted(spans)[math.ceil(0.9 * len(spans)) - 1] if spans else None


def share(part: int, whole: int) -> float | None:
    """Of one; None: there is nothing to have a share of."""
    return part / whole if whole else None


def _hours(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds() / 3600, 2)
