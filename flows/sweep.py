"""Doing what has fallen due: claim cases with due timers in batches, and hand each batch to `advance`.

Each batch is one transaction. A case that can't be worked on is put off and shown, the others are done,
and the run ends red (promise 8).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select, update

from flows import order_cases
from flows.advance import advancing
from flows.clock import now
from flows.not_before import passed
from flows.remaking import ANEW, in_batches, now_known, remake
from flows.requests import Advanced, DueWork, Outcome, Request, Status
from flows.scope import Scope, find_scope
from models import Timer
from models.database import reading, transaction

TIMERS = Timer.__table__
BATCH = 500
GIVE_UP_AFTER = 5  # tries; after that a person has to look, and it is still tried now and then
FIRST_DELAY, LONGEST_DELAY, DOUBLED = timedelta(minutes=10), timedelta(hours=6), 6

RunBatch = Callable[..., Any]


@dataclass
class SweepReport:
    """What one run did: timers claimed = done + refused + postponed + failed."""

    flow: str
    as_of: datetime
    dry_run: bool = False
    done: int = 0
    refused: int = 0
    postponed: int = 0
    failed: int = 0
    triggers: Counter[str] = field(default_factory=Counter)
    rows: list[dict] = field(default_factory=list)  # one for each case, for people to read

    @property
    def claimed(self) -> int:
        """The timers this run took up."""
        return self.done + self.refused + self.postponed + self.failed

    @property
    def red(self) -> bool:
        """Whether an item was bad: everything else was done all the same."""
        return bool(self.postponed or self.failed)

    def as_dict(self) -> dict:
        """The shape that scripts rely on."""
        counts = {name: getattr(self, name) for name in ("claimed", "done", "refused", "postponed", "failed")}
        return {
            "flow": self.flow,
            "as_of": self.as_of.isoformat(),
            "dry_run": self.dry_run,
            **counts,
            "triggers": dict(sorted(self.triggers.items())),
        }


def call(fn: Callable[..., Any], *args: Any) -> Any:
    """How a batch is run where nobody watches: simply."""
    return fn(*args)


def sweep(
    engine: Engine,
    flow: str,
    kinds: Iterable[str],
    *,
    shop: str | None = None,
    case_no: str | None = None,
    as_of: datetime,
    dry_run: bool = False,
    run_batch: RunBatch = call,
    flow_run: str | None = None,
    report: SweepReport | None = None,
    cases: Any = order_cases,
) -> SweepReport:
    """Bring every case with a due timer of these kinds up to `as_of`; what waits on days that are known by now is
    planned anew first.

    Raises NotFound or BadInput for a shop or case that can't be meant.
    """
    report = report or SweepReport(flow, as_of, dry_run)
    with reading(engine) as connection:
        scope = find_scope(connection, shop, case_no, cases.kind)
        known = now_known(connection, cases.kind, scope) if cases.kind in ANEW else []
    for ids in in_batches(known, BATCH):
        _add(report, run_batch(remake, engine, ids, as_of, dry_run, flow_run, cases))
    for ids in _due_cases(engine, cases.kind, list(map(str, kinds)), scope, as_of):
        advanced, bad = run_batch(work_off, engine, ids, as_of, dry_run, flow_run, cases)
        _add(report, advanced)
        for case_id, error in bad.items():
            _postpone(engine, cases.kind, case_id, error, as_of, report)
    return report


def work_off(
    engine: Engine, ids: list[int], as_of: datetime, dry_run: bool, flow_run: str | None, cases: Any
) -> tuple[Advanced, dict[int, str]]:
    """One batch: what was done, and the cases that could not be worked on, with the error."""
    due = [DueWork(id_, as_of) for id_ in ids]
    advanced = advancing(engine, due, recorded_at=now(), flow_run=flow_run, dry_run=dry_run, cases=cases)
    return advanced, {o.request.case_id: o.error for o in advanced.outcomes if o.status is Status.FAILED}


def _due_cases(
    engine: Engine, case_kind: str, kinds: list[str], scope: Scope, as_of: datetime
) -> Iterator[list[int]]:
    """The cases, by id, each once: what is put off or refused can't keep the loop alive."""
    c = TIMERS.c
    due = select(c.case_id).where(
        c.case_kind == case_kind,
        c.kind.in_(kinds),
        c.due_at <= as_of,
        c.done_at.is_(None),
        c.cancelled_at.is_(None),
        passed(c.retry_at, as_of, LONGEST_DELAY),
    )
    if scope.shop:
        due = due.where(c.shop == scope.shop)
    if scope.case_id:
        due = due.where(c.case_id == scope.case_id)
    with reading(engine) as connection:  # all at once: looking for each batch anew grows with what is due
        ids = sorted(set(connection.scalars(due)))  # asked to sort, SQLite would walk all timers of all times
    yield from in_batches(ids, BATCH)


def _add(report: SweepReport, advanced: Advanced) -> None:
    report.done += advanced.done
    report.refused += advanced.refused
    report.triggers.update(advanced.triggers)
    report.rows += [_row(o) for o in advanced.outcomes if o.changes or o.reasons]
    broken = [o for o in advanced.outcomes if o.status is Status.FAILED and isinstance(o.request, Request)]
    report.failed += len(broken)
    report.rows += [{"no": o.no, "did": [], "refused": [], "error": o.error} for o in broken]


def _row(outcome: Outcome) -> dict:
    return {
        "no": outcome.no,
        "did": [
            {"trigger": c.trigger, "state": str(c.dest), "at": c.at.isoformat()} for c in outcome.changes
        ],
        "refused": [reason.as_dict() for reason in outcome.reasons],
    }


def _postpone(
    engine: Engine, case_kind: str, case_id: int, error: str, as_of: datetime, report: SweepReport
) -> None:
    """Try again later, ever more rarely; the error stays with the timers for people to see."""
    c = TIMERS.c
    mine = (
        *(c.case_kind == case_kind, c.case_id == case_id),
        *(c.due_at <= as_of, c.done_at.is_(None), c.cancelled_at.is_(None)),
    )
    with transaction(engine, dry_run=report.dry_run) as connection:
        timers = connection.execute(select(c.id, c.attempts).where(*mine)).all()
        for timer in timers:
            delay = min(FIRST_DELAY * 2 ** min(timer.attempts, DOUBLED), LONGEST_DELAY)
            put_off = {"attempts": timer.attempts + 1, "retry_at": as_of + delay, "error": error}
            connection.execute(update(TIMERS).where(c.id == timer.id).values(put_off))
    hopeless = any(t.attempts + 1 >= GIVE_UP_AFTER for t in timers)
    report.failed += len(timers) if hopeless else 0
    report.postponed += 0 if hopeless else len(timers)
    report.rows.append({"no": f"id {case_id}", "did": [], "refused": [], "error": error})
