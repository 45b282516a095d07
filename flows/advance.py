"""The one way to move a case (promise 1).

`advance` takes many requests at once: it locks the cases, decides on light views without any I/O, and
writes changes, timers, holds and what is owed in a handful of bulk statements. The caller's transaction
makes it all or nothing. A case on which deciding goes wrong is left as it was; the others go on. So it is,
in `advancing`, with a case that can't be loaded or that the database refuses.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, delete
from sqlalchemy.exc import OperationalError

from flows import ledger, order_cases
from flows.case_work import CaseWork
from flows.requests import Advanced, DueWork, Outcome, Request, Status
from flows.strangers import in_words
from models.database import in_trouble, transaction
from states.errors import KefuError
from states.lifecycle import BEFORE

log = logging.getLogger("kefu")
Done = TypeVar("Done")
TRIES = 5  # when another writer was quicker
MANY = 10  # so many bad cases in one batch are no bad cases: it is the database, or us


class StaleCases(Exception):
    """Somebody else moved a case between our reading and our writing; nothing of ours was kept."""


def advance(
    connection: Connection,
    requests: Sequence[Request | DueWork],
    *,
    recorded_at: datetime,
    flow_run: str | None = None,
    cases: Any = order_cases,
) -> Advanced:
    """Decide these requests in the sequence given (that of their times), and store all that follows.

    Each gets an outcome of its own; a refusal is an answer, not an error. Raises StaleCases when another
    writer was quicker: roll back and ask again (`advancing` does).
    """
    report = Advanced()
    told = [r for r in requests if isinstance(r, Request)]
    cases.begin(connection, told)
    ids = cases.find(connection, told)
    due = [r for r in requests if isinstance(r, DueWork)]
    views = cases.load(connection, sorted({*ids.values(), *(d.case_id for d in due)}), told)
    works = {id_: CaseWork(cases.lifecycle, view, report, view.version) for id_, view in views.items()}
    broken: dict[int, str] = {}
    for request in requests:
        case_id = request.case_id if isinstance(request, DueWork) else ids.get((request.shop, request.no))
        report.outcomes.append(_answer(request, works.get(case_id), broken))
    sound = [work for id_, work in works.items() if id_ not in broken]
    never = [id_ for id_, w in works.items() if not w.old_version and (id_ in broken or not w.view.version)]
    _take_back(connection, cases.table, never)
    ledger.begin_batches(connection, sound)
    if cases.save(connection, sound):
        raise StaleCases
    ledger.write(connection, cases.kind, sound, recorded_at=recorded_at, flow_run=flow_run, report=report)
    if tells := [told for work in sound for told in work.tells]:
        told = advance(connection, tells, recorded_at=recorded_at, flow_run=flow_run)
        _all_heard(told)
        report.anomalies += told.anomalies
    return report


def _all_heard(told: Advanced) -> None:
    """An order may say no to what a case tells it, but a case does not go on without its order."""
    for outcome in told.outcomes:
        if outcome.status in (Status.FAILED, Status.UNKNOWN):
            raise RuntimeError(f"order {outcome.no} could not hear of it: {outcome.error or 'it is unknown'}")


def advancing(
    engine: Engine,
    requests: Sequence[Request | DueWork],
    *,
    recorded_at: datetime,
    flow_run: str | None = None,
    dry_run: bool = False,
    cases: Any = order_cases,
) -> Advanced:
    """`advance` in a transaction of its own; tried again when another writer was quicker.

    A case that spoils the whole batch is found, left as it was and answered as failed; the rest is done.
    """

    def attempt(wanted: Sequence[Request | DueWork], *, trial: bool = False) -> Advanced:
        def once() -> Advanced:
            with transaction(engine, dry_run=dry_run or trial) as connection:
                return advance(connection, wanted, recorded_at=recorded_at, flow_run=flow_run, cases=cases)

        return insisting(once)

    try:
        return attempt(requests)
    except KefuError:  # the question makes no sense
        raise
    except Exception as error:
        if in_trouble(error):
            raise
        bad = _spoilers(requests, error, attempt)
        if len(bad) > MANY:
            raise
    advanced = attempt([r for r in requests if _case(r) not in bad])
    done = iter(advanced.outcomes)
    advanced.outcomes = [
        _failed(cases.kind, getattr(r, "no", ""), r, bad[_case(r)]) if _case(r) in bad else next(done)
        for r in requests
    ]
    return advanced


def _spoilers(
    requests: Sequence[Request | DueWork], error: Exception, attempt: Callable[..., Advanced]
) -> dict[Any, str]:
    """The cases that can't be worked on even alone, each with its error: found by halving, in trials."""
    cases = list(dict.fromkeys(map(_case, requests)))
    if len(cases) == 1:
        return {cases[0]: in_words(error)}
    bad: dict[Any, str] = {}
    for half in (set(cases[: len(cases) // 2]), set(cases[len(cases) // 2 :])):
        part = [r for r in requests if _case(r) in half]
        try:
            if len(bad) <= MANY:
                attempt(part, trial=True)
        except Exception as found:
            if in_trouble(found):
                raise
            bad |= _spoilers(part, found, attempt)
    return bad


def _case(request: Request | DueWork) -> Any:
    return request.case_id if isinstance(request, DueWork) else (request.shop, request.no)


def _failed(kind: str, no: str, request: Request | DueWork, error: str) -> Outcome:
    log.error("%s %s could not be worked on: %s", kind, no or f"id {request.case_id}", error)
    return Outcome(request, Status.FAILED, no, error=error)


def insisting(once: Callable[[], Done]) -> Done:
    """Do it in a transaction of its own, again when another writer was quicker. Raises StaleCases after some tries."""
    for _ in range(TRIES - 1):
        try:
            return once()
        except StaleCases:
            continue
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in ("40P01", "40001"):  # deadlock, serialization
                raise
    return once()


def _take_back(connection: Connection, table: Table, ids: list[int]) -> None:
    """The rows begun for cases whose first request failed, or was refused."""
    if ids:
        connection.execute(delete(table).where(table.c.id.in_(ids), table.c.version == 0))


def _answer(request: Request | DueWork, work: CaseWork | None, broken: dict[int, str]) -> Outcome:
    if work is None:
        return Outcome(request, Status.UNKNOWN, getattr(request, "no", ""))
    view = work.view
    if view.state == BEFORE and getattr(request, "trigger", "") not in work.lifecycle.allowed_from(BEFORE):
        return Outcome(
            request, Status.UNKNOWN, view.no
        )  # told before it began: there is nothing to tell it of
    if view.id in broken:
        return Outcome(request, Status.FAILED, view.no, error=broken[view.id])
    try:
        if isinstance(request, Request):
            return work.answer(request)
        changes = work.run_due(request.until)
        status = Status.CHANGED if changes or not work.refusals else Status.REFUSED
        return Outcome(request, status, view.no, changes, tuple(work.refusals))
    except Exception as error:  # one bad case stops nothing (promise 8)
        broken[view.id] = in_words(error)
        return _failed(work.lifecycle.name, view.no, request, broken[view.id])
