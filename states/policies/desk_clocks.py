"""How long a desk has been there between two moments: reckoned once, then looked up."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from states.policies.complaint_deadlines import Pause
from states.policies.hours import OpeningHours
from states.policies.moments import utc

NOTHING = timedelta(0)


class DeskClock:
    """Runs while the desk is open, from `start` to `end`; asked any number of times, each as quick as the next."""

    def __init__(self, hours: OpeningHours, zone: ZoneInfo, start: datetime, end: datetime) -> None:
        self._opens, self._spans, self._before = [], [], []
        ran = NOTHING
        for opens, closes in hours.stretches(utc(start), zone):
            if opens >= end:
                break
            self._opens.append(opens)
            self._spans.append(closes - opens)
            self._before.append(ran)
            ran += closes - opens

    def _ran_by(self, at: datetime) -> timedelta:
        stretch = bisect_right(self._opens, at) - 1
        if stretch < 0:
            return NOTHING
        return self._before[stretch] + min(self._spans[stretch], at - self._opens[stretch])

    def between(self, start: datetime, end: datetime, pauses: Iterable[Pause] = ()) -> timedelta:
        """The opening hours from `start` to `end` less those in which we waited for the customer."""
        counted, at = self._ran_by(end) - self._ran_by(start), start
        for pause in sorted(pauses, key=lambda pause: pause.start):  # none counts twice where two overlap
            begins, ends = max(pause.start, at), min(pause.end or end, end)
            if begins < ends:
                counted -= self._ran_by(ends) - self._ran_by(begins)
                at = ends
        return max(counted, NOTHING)
