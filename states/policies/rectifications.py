"""When many complain of the same, somebody puts it right (rule 102)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import Field

from states.policies.complaint_terms import NATURES
from states.policies.moments import utc
from states.policies.settings import Duration, Line, Policy


class About(StrEnum):
    """What complaints have in common."""

    GOODS = "goods"  # one article
    CAUSE = "cause"  # one nature of complaints


class Cluster(NamedTuple):
    """So many complaints about the same, the first of them at `since`."""

    since: datetime
    count: int


def problem(about: str, subject: str) -> tuple[str, str]:
    """What it is that many complain of, in words."""
    if about == About.GOODS:
        return f"商品 {subject}", f"article {subject}"
    return NATURES[subject]


class RectificationPolicy(Policy):
    """So many complaints about the same goods or cause within a time need putting right (rule 102; all numbers are
    ours, for the rule says only "prominent or representative")."""

    about_goods: Annotated[int, Field(strict=True, ge=2)] = 5  # complaints about one article
    about_cause: Annotated[int, Field(strict=True, ge=2)] = 20  # complaints of one nature
    within: Duration = timedelta(days=30)
    owner: Line = "质量技术部"  # rule 102; contradiction C13: whichever department sees to quality
    finish_within: Duration = timedelta(days=14)
    report_every: Duration = timedelta(days=3)  # the owner is asked how it stands, until it is done

    def enough(self, about: About) -> int:
        """From how many complaints on."""
        return self.about_goods if about is About.GOODS else self.about_cause

    def looks_back_to(self, at: datetime) -> datetime:
        """No complaint before this matters at `at`: the one that makes it enough came within the time."""
        return utc(at) - 2 * self.within

    def cluster(self, came_at: Sequence[datetime], about: About, at: datetime) -> Cluster | None:
        """The newest complaints about one subject that are enough, as seen at `at`; None: there are not that many.

        The one that made it enough is itself no older than the time; so a stop of the system no longer than that
        loses nothing. The last moment of the time belongs to it.
        """
        came_at, enough = sorted(map(utc, came_at)), self.enough(about)
        for last in range(len(came_at) - 1, enough - 2, -1):
            if utc(at) - came_at[last] > self.within:
                return None
            if came_at[last] - came_at[last - enough + 1] <= self.within:
                since = next(c for c in came_at if came_at[last] - c <= self.within)
                return Cluster(since, sum(c >= since for c in came_at))
        return None

    def due_at(self, opened_at: datetime) -> datetime:
        """By when it is put right."""
        return opened_at + self.finish_within

    def asks_at(self, at: datetime, due_at: datetime) -> datetime:
        """When the owner is asked next, as seen at `at`: after the shop's time, but never later than the deadline."""
        asks_at = at + self.report_every
        return min(asks_at, due_at) if due_at > at else asks_at
