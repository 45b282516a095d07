"""By when we owe something: desk hours are counted, except while we wait for the customer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from states.policies.hours import OpeningHours
from states.policies.moments import utc

NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Pause:
    """From `start` on we wait for the customer, until `end`; None: we still do.

    Raises ValueError where the end lies before the start, and for times without offset.
    """

    start: datetime
    end: datetime | None = None
    why: str = ""

    def __post_init__(self) -> None:
        if utc(self.end or self.start) < utc(self.start):
            raise ValueError(f"a pause can't end at {self.end.isoformat()}, before its start")


class Stage(NamedTuple):
    """One piece of the way to a deadline (UTC): an open stretch that counts, or a pause that does not."""

    start: datetime
    end: datetime | None  # None: a pause that has not ended
    counts: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Countdown:
    """How a deadline came about: the stages from `start` on whose counted time makes up `span`."""

    start: datetime
    span: timedelta
    stages: tuple[Stage, ...]

    @property
    def due_at(self) -> datetime | None:
        """The deadline (UTC); None while we wait for the customer, for then there is none yet."""
        return self.stages[-1].end

    @property
    def left(self) -> timedelta:
        """What of the span is still to be counted; nothing once there is a deadline."""
        return self.span - sum((s.end - s.start for s in self.stages if s.counts), NOTHING)


def due(
    start: datetime, span: timedelta, pauses: Iterable[Pause], hours: OpeningHours, zone: ZoneInfo
) -> datetime | None:
    """When (UTC) the desk has been open for `span` since `start`, pauses left out; None: one has not ended."""
    return countdown(start, span, pauses, hours, zone).due_at


def countdown(
    start: datetime, span: timedelta, pauses: Iterable[Pause], hours: OpeningHours, zone: ZoneInfo
) -> Countdown:
    """The same with the whole way there. ValueError for a span of nothing and for a time without offset."""
    if span <= NOTHING:
        raise ValueError(f"nothing can be due within {span}")
    stages, left = [], span
    for stage in _stages(utc(start), list(_merged(pauses, utc(start))), hours, zone):
        if stage.counts:
            stage = stage._replace(end=min(stage.end, stage.start + left))
            left -= stage.end - stage.start
        joined = stages and stage.counts and stages[-1].counts and stages[-1].end == stage.start
        stages.append(stages.pop()._replace(end=stage.end) if joined else stage)
        if not left:
            break
    return Countdown(utc(start), span, tuple(stages))


def _stages(at: datetime, pauses: list[Pause], hours: OpeningHours, zone: ZoneInfo) -> Iterator[Stage]:
    """Open stretches and pauses from `at` on, without end unless a pause has none."""
    for pause in pauses:
        yield from _open(at, pause.start, hours, zone)
        yield Stage(pause.start, pause.end, False, pause.why)
        if pause.end is None:
            return
        at = pause.end
    yield from _open(at, None, hours, zone)


def _open(at: datetime, until: datetime | None, hours: OpeningHours, zone: ZoneInfo) -> Iterator[Stage]:
    for opens, closes in hours.stretches(at, zone):  # the one caller besides `after`, which counts the same
        if until is not None and opens >= until:
            return
        yield Stage(opens, closes if until is None else min(closes, until), True)


def _merged(pauses: Iterable[Pause], start: datetime) -> Iterator[Pause]:
    """Those that matter from `start` on, in UTC, none of them overlapping."""
    last: Pause | None = None
    for pause in sorted(pauses, key=lambda pause: utc(pause.start)):
        begins, ends = max(utc(pause.start), start), pause.end and utc(pause.end)
        if ends is not None and ends <= begins:
            continue
        if last is None or (last.end is not None and last.end <= begins):
            if last:
                yield last
            last = Pause(begins, ends, pause.why)
        else:
            later = None if None in (last.end, ends) else max(last.end, ends)
            why = last.why if pause.why in last.why else "; ".join(filter(None, (last.why, pause.why)))
            last = Pause(last.start, later, why)
    if last:
        yield last
