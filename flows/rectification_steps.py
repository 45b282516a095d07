"""What many complain of is put right: counting, opening, and asking its owner until it is done (rule 102).

Free of Prefect, like all timed steps outside `scheduled.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, and_, func, literal, or_, select

from flows import rectification_cases
from flows.advance import advancing
from flows.clock import now
from flows.policy_store import current_policies
from flows.rectification_cases import COMPLAINTS, RECTIFICATIONS, SUBJECTS
from flows.requests import Advanced, Request, Status
from flows.sweep import RunBatch, SweepReport, call, sweep
from models.database import reading
from states.order_guards import MACHINE
from states.policies.complaint_terms import IntakeClass
from states.policies.rectifications import About
from states.rectifications import RectificationState, RectificationTimer

LETTERS = {About.GOODS: "G", About.CAUSE: "C"}


def rectify(
    engine: Engine,
    report: SweepReport,
    *,
    shop: str | None = None,
    run_batch: RunBatch = call,
    flow_run: str | None = None,
) -> None:
    """Open what complaints are enough for, and ask the owners of what is open; told in the caller's report."""
    how: dict[str, Any] = {"run_batch": run_batch, "flow_run": flow_run}
    _open_all(engine, report, shop, **how)
    sweep(
        engine,
        report.flow,
        RectificationTimer,
        **{"shop": shop, "as_of": report.as_of, "dry_run": report.dry_run, "report": report, **how},
        cases=rectification_cases,
    )


def _open_all(
    engine: Engine, report: SweepReport, shop: str | None, *, run_batch: RunBatch, flow_run: str | None
) -> None:
    wanted = list(openings(engine, report.as_of, shop))
    if not wanted:
        return
    advanced: Advanced = run_batch(_advance, engine, wanted, report.dry_run, flow_run)
    report.triggers.update(advanced.triggers)
    for outcome in advanced.outcomes:
        if outcome.status is Status.REFUSED:
            continue  # another run was quicker: it is open
        report.done += outcome.status is Status.CHANGED
        report.failed += outcome.status is Status.FAILED
        did = [{"trigger": c.trigger, "state": str(c.dest), "at": c.at.isoformat()} for c in outcome.changes]
        report.rows.append({"no": outcome.no, "did": did, "refused": [], "error": outcome.error})


def _advance(engine: Engine, wanted: list[Request], dry_run: bool, flow_run: str | None) -> Advanced:
    how: dict[str, Any] = {"recorded_at": now(), "flow_run": flow_run, "dry_run": dry_run}
    return advancing(engine, wanted, **how, cases=rectification_cases)


def openings(engine: Engine, as_of: datetime, shop: str | None = None) -> Iterator[Request]:
    """What is to be put right by now and nobody has taken on yet; two statements for all shops."""
    shops = {p.name: p for p in current_policies(engine) if shop in (None, p.name)}
    if not shops:
        return
    for about in About:
        with reading(engine) as connection:
            came_at = _came_at(connection, about, shops.values(), as_of)
        for (of, subject, number), times in sorted(came_at.items()):
            cluster = shops[of].complaints.rectification.cluster(times, about, as_of)
            if cluster:
                facts = {"about": about, "subject": subject, "counted": cluster.count}
                no = number_of(about, subject, number)
                details = {"counted_since": cluster.since}
                yield Request(of, no, "open", as_of, MACHINE, facts, None, details)


def _came_at(
    connection: Connection, about: About, shops: Iterable[Any], as_of: datetime
) -> dict[tuple[str, str, int], list[datetime]]:
    """When complaints came about each subject that may have enough of them; by shop, subject and the number that
    its next rectification has. None that is open, none that came before the last one was done."""
    c, subject, last = COMPLAINTS.c, SUBJECTS[about], last_of(about)
    rules = {shop.name: shop.complaints.rectification for shop in shops}
    recent = or_(*(and_(c.shop == s, c.registered_at >= r.looks_back_to(as_of)) for s, r in rules.items()))
    again = or_(last.c.finished_at.is_(None), c.registered_at >= last.c.finished_at)
    counted = (
        select(
            *(c.shop, subject.label("subject"), c.registered_at),
            func.coalesce(last.c.so_far, literal(0)).label("so_far"),
            func.count().over(partition_by=(c.shop, subject)).label("many"),
        )
        .outerjoin(last, and_(last.c.shop == c.shop, last.c.subject == subject))
        .where(c.intake == IntakeClass.COMPLAINT, subject.is_not(None), recent, again)
        .where(c.registered_at <= as_of, func.coalesce(last.c.still_open, 0) == 0)
        .subquery()
    )
    may_be = or_(*(and_(counted.c.shop == s, counted.c.many >= r.enough(about)) for s, r in rules.items()))
    times: dict[tuple[str, str, int], list[datetime]] = defaultdict(list)
    for row in connection.execute(select(counted).where(may_be)):
        times[row.shop, row.subject, row.so_far + 1].append(row.registered_at)
    return times


def last_of(about: About) -> Any:
    """Of each subject: how many rectifications there were, whether one is open, when the last one was done."""
    r = RECTIFICATIONS.c
    is_open = func.count().filter(r.state == RectificationState.OPEN)
    return (
        select(
            *(r.shop, r.subject, func.count().label("so_far"), is_open.label("still_open")),
            func.max(r.finished_at).label("finished_at"),
        )
        .where(r.about == about)
        .group_by(r.shop, r.subject)
        .subquery()
    )


def number_of(about: About, subject: str, number: int) -> str:
    """Of the so many-th rectification (整改) about it: the same whoever opens it, so that two at once make one."""
    return f"{subject}-Z{LETTERS[about]}{number}"
