"""Living through a file: at each moment take in what has happened by then, and run what has fallen due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from flows import clock
from flows.dispatch_cutoff import dispatch_cutoff
from flows.imports.encodings import usual_encoding
from flows.imports.readers import read_orders
from flows.order_import import ImportReport, Telling
from flows.order_watch import watch_orders
from flows.payment_reminders import remind_unpaid
from flows.policy_store import current_policy
from flows.sweep import SweepReport
from models.database import reading
from states.policies.shops import ShopPolicies


@dataclass
class ReplayReport:
    """What was taken in, and what the timed steps did, over all moments."""

    taken_in: ImportReport
    moments: int = 0
    runs: Counter[str] = field(default_factory=Counter)
    triggers: Counter[str] = field(default_factory=Counter)
    postponed: int = 0

    @property
    def red(self) -> bool:
        """Whether a row or an order was bad: everything else was done all the same."""
        return self.taken_in.red or bool(self.postponed)

    def as_dict(self) -> dict:
        """The shape that scripts rely on."""
        return {
            "import": self.taken_in.as_dict(),
            "moments": self.moments,
            "runs": dict(self.runs),
            "triggers": dict(sorted(self.triggers.items())),
            "postponed": self.postponed,
        }


def replay(
    engine: Engine,
    file: str | Path,
    shop: str,
    *,
    start: datetime,
    end: datetime,
    every: timedelta = timedelta(hours=1),
    format: str = "auto",
    encoding: str | None = None,
    progress: Callable[[datetime], None] = lambda moment: None,
) -> ReplayReport:
    """Live through a file from `start` to `end`: the same import and the same timed steps as on the real days."""
    with reading(engine) as connection:
        policies = current_policy(connection, shop)
    usual = usual_encoding(policies)
    orders = read_orders(file, policies.zone, format, encoding, now=clock.now(), usual=usual)
    taken_in = ImportReport.of(orders, file, shop)
    report, telling = ReplayReport(taken_in), Telling(engine, shop, orders)
    since = start - every
    for moment in moments(start, end, every):
        telling.until(moment, taken_in)
        for run in due_runs(engine, policies, since, moment):
            report.runs[run.flow] += 1
            report.triggers.update(run.triggers)
            report.postponed += run.postponed + run.failed
        report.moments += 1
        since = moment
        progress(moment)
    taken_in.close(orders, until=end)
    return report


def moments(start: datetime, end: datetime, every: timedelta) -> Iterator[datetime]:
    """The moments to live through, both ends included, whether the steps meet the end or not."""
    while start < end:
        yield start
        start += every
    yield end


def due_runs(
    engine: Engine, policies: ShopPolicies, since: datetime, moment: datetime
) -> Iterator[SweepReport]:
    """The runs of the timetable that fall between two moments, each standing for its own time."""
    for cutoff_at in policies.cutoffs_between(since, moment):
        yield dispatch_cutoff(engine, shop=policies.name, as_of=cutoff_at)
    yield remind_unpaid(engine, shop=policies.name, as_of=moment)
    yield watch_orders(engine, shop=policies.name, as_of=moment)
