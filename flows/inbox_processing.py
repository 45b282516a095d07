"""Working on what was told us: once in effect, in batches, the odd ones noted with the raw words kept.

Whoever is killed between working on a fact and marking it done has told a keyed fact: told again, it is known.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, func, select

from flows import stopping
from flows.apart import apart
from flows.facts_heard import HEARD, Hears, not_heard
from flows.inbox import INBOX, Heard
from flows.inbox_reasons import not_worked_on, note, same_number
from flows.not_before import passed
from flows.sql import one_row_of, update_all
from flows.strangers import in_words
from flows.sweep import GIVE_UP_AFTER, RunBatch, call
from models.database import in_trouble, reading, transaction
from states.errors import NotFound

log = logging.getLogger("kefu")
BATCH = 500
FIRST_DELAY, LONGEST_DELAY = timedelta(minutes=1), timedelta(hours=1)
DONE = ("processed_at", "outcome", "attempts", "retry_at", "error")


@dataclass
class InboxReport:
    """facts = new + changed + unchanged + quarantined + postponed + failed."""

    facts: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    quarantined: int = 0  # nobody can read them
    postponed: int = 0
    failed: int = 0
    anomalies: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)

    @property
    def red(self) -> bool:
        """Whether an item was bad: everything else was done all the same."""
        return bool(self.quarantined or self.failed)

    def count(self, row: Any, heard: Heard) -> None:
        """One more, by what became of it."""
        self.facts += 1
        self.by_kind[row.kind] += 1
        setattr(self, heard.outcome, getattr(self, heard.outcome) + 1)


def process_inbox(
    engine: Engine,
    *,
    now: datetime,
    shop: str | None = None,
    case_no: str | None = None,
    run_batch: RunBatch = call,
    flow_run: str | None = None,
    report: InboxReport | None = None,
) -> InboxReport:
    """Work on everything that waited in the inbox when this began, in the sequence in which it came."""
    report = report or InboxReport()
    for ids in _waiting(engine, now, shop, case_no):
        if stopping.asked.is_set():
            break
        run_batch(_work_off, engine, ids, now, flow_run, report)
    return report


def _waiting(engine: Engine, now: datetime, shop: str | None, case_no: str | None) -> Iterator[Sequence[int]]:
    """By id, in batches that hold each case once: of two records of one order the later one is told second."""
    c = INBOX.c
    due = select(c.id, c.shop, c.source, c.case_no).where(
        c.processed_at.is_(None), passed(c.retry_at, now, LONGEST_DELAY)
    )
    due = due.where(c.shop == shop) if shop else due
    due = due.where(c.case_no == case_no) if case_no else due
    with reading(engine) as connection:
        rows = connection.execute(due.order_by(c.id)).all()
    while rows:
        batch: dict[Any, int] = {}
        left = []
        for row in rows:
            case = (row.shop, row.source, row.case_no or row.id)
            if case in batch or len(batch) >= BATCH:
                left.append(row)
            else:
                batch[case] = row.id
        yield list(batch.values())
        rows = left


def _work_off(
    engine: Engine, ids: Sequence[int], now: datetime, flow_run: str | None, report: InboxReport
) -> None:
    c = INBOX.c
    with reading(engine) as connection:
        still = c.id.in_(ids), c.processed_at.is_(None)  # somebody else may have been quicker
        rows = connection.execute(select(INBOX).where(*still).order_by(c.id)).all()
    groups: dict[tuple[str, str, str], list] = defaultdict(list)
    for row in rows:
        groups[row.source, row.kind, row.shop].append(row)
    told = [*HEARD, *(key[:2] for key in groups if key[:2] not in HEARD)]
    for (*who, shop), group in sorted(groups.items(), key=lambda item: told.index(item[0][:2])):
        heard = _hear(HEARD.get(tuple(who), not_heard), engine, shop, group, now, flow_run)
        _done(engine, [(row, heard[row.id]) for row in group], now, report)


def _hear(
    hear: Hears, engine: Engine, shop: str, rows: list, now: datetime, flow_run: str | None
) -> dict[int, Heard]:
    """What became of each. Where all together go wrong, each is tried alone, and one bad one stops nothing."""
    try:
        return hear(engine, shop, rows, now, flow_run)
    except NotFound:  # a shop that is not there: all of it waits
        raise
    except Exception as error:
        if in_trouble(error):
            raise
        if len(rows) == 1:
            log.exception("inbox fact %s could not be worked on", rows[0].id)
            return {rows[0].id: Heard("failed", error=in_words(error))}
        return {
            id_: told for row in rows for id_, told in _hear(hear, engine, shop, [row], now, flow_run).items()
        }


def _done(engine: Engine, heard: list[tuple[Any, Heard]], now: datetime, report: InboxReport) -> None:
    """Mark them, note what is odd, count. A fact that could not be worked on comes again, some times; so does one of
    which it can't be noted what became of it."""

    def mark(heard: Sequence[tuple[Any, Heard]]) -> None:
        heard = [(row, _given_up(row, told)) for row, told in heard]
        with transaction(engine) as connection:
            keys = [{"id": row.id} for row, _ in heard]
            update_all(connection, INBOX, keys, [_marks(row, told, now) for row, told in heard], DONE)
            odd = [(row, reason, case) for row, told in heard for reason, case in told.odd]
            odd += [(row, same_number(), None) for row in _not_alone(connection, [row for row, _ in heard])]
            noted = note(connection, odd, recorded_at=now)
        report.anomalies += noted
        for row, told in heard:
            report.count(row, told)
            report.anomalies += told.anomalies

    mark([(row, Heard("failed", error=in_words(error))) for (row, _), error in apart(mark, heard)])


def _given_up(row: Any, told: Heard) -> Heard:
    if told.outcome == "failed" and row.attempts + 1 < GIVE_UP_AFTER:
        return Heard("postponed", error=told.error)
    if told.outcome == "failed":
        return Heard("failed", odd=[*told.odd, (not_worked_on(told.error), None)], error=told.error)
    return told


def _marks(row: Any, told: Heard, now: datetime) -> dict:
    later = told.outcome == "postponed"
    retry_at = (told.retry_at or now + FIRST_DELAY * 2**row.attempts) if later else None
    return {
        "processed_at": None if later else now,
        "outcome": None if later else told.outcome,
        "attempts": row.attempts + (told.retry_at is None),
        "retry_at": retry_at,
        "error": told.error or None,
    }


def _not_alone(connection: Any, rows: list) -> list:
    """Those whose number an earlier event with other words has too."""
    c = INBOX.c
    pushed = [row for row in rows if row.pushed]
    if not pushed:
        return []
    numbers = {(row.source, row.shop, row.fact_id) for row in pushed}
    first = (
        select(c.source, c.shop, c.fact_id, func.min(c.id).label("first"))
        .where(one_row_of(connection, (c.source, c.shop, c.fact_id), sorted(numbers)))
        .group_by(c.source, c.shop, c.fact_id)
    )
    firsts = {tuple(row)[:3]: row.first for row in connection.execute(first)}
    return [row for row in pushed if firsts[row.source, row.shop, row.fact_id] != row.id]
