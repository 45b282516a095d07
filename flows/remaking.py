"""Promises and callbacks are made again where the days are others than we thought (promise 13).

What was made on provisional days is made again by the next sweep once these are known; what lies on days that the shop
has closed since, by `kefu repromise`. Both find what differs first, so that doing it twice changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import OperationalError

from flows import complaint_cases, order_cases
from flows.advance import advancing
from flows.clock import now
from flows.policy_store import current_policy
from flows.requests import Advanced, Request, Status
from flows.scope import Scope
from models import Timer
from models.database import reading
from states.complaint_states import ComplaintTimer
from states.errors import Refused
from states.follow_ups import CancelTimer, FollowUp, SetTimer, Settle
from states.lifecycle import Asked
from states.order_guards import CALENDAR
from states.orders import TimerKind
from states.policies.working_days import DispatchDays, WorkingDays

log = logging.getLogger("kefu")
TIMERS = Timer.__table__
t = TIMERS.c
WAITING = (t.done_at.is_(None), t.cancelled_at.is_(None))
BATCH = 500
A_SECOND = timedelta(seconds=1)
ANEW = {"order": "repromise", "complaint": "replan"}
BY_DAYS = {  # the timers that rest on working days
    "order": (TimerKind.DISPATCH_CUTOFF,),
    "complaint": (ComplaintTimer.CALLBACK, ComplaintTimer.SURVEY),
}


@dataclass
class Remade:
    """What came of making all of a shop's promises and callbacks again: moved to another time, confirmed on days that
    were provisional, or unchanged."""

    shop: str
    dry_run: bool
    moved: int = 0
    confirmed: int = 0
    unchanged: int = 0
    failed: int = 0
    rows: list[dict] = field(default_factory=list)  # what moved: kind, no, from when, to when

    def as_dict(self) -> dict:
        """The shape that scripts rely on."""
        return vars(self)


def now_known(connection: Connection, kind: str, scope: Scope) -> list[int]:
    """The cases of this kind that wait for something provisional, and of whose days some are known by now."""
    wanted = select(t.case_id, t.shop, t.unknown_on, t.due_at).where(
        t.case_kind == kind, t.unknown_on.is_not(None), *WAITING
    )
    wanted = wanted.where(t.shop == scope.shop) if scope.shop else wanted
    wanted = wanted.where(t.case_id == scope.case_id) if scope.case_id else wanted
    shops: dict[str, Any] = {}
    known: dict[tuple, bool] = {}
    found = set()
    for case_id, *rests_on in connection.execute(wanted):
        if (key := tuple(rests_on)) not in known:
            shop, unknown_on, due_at = key
            policies = shops.get(shop) or shops.setdefault(shop, current_policy(connection, shop))
            days = WorkingDays(DispatchDays.CN_WORKING_DAYS, policies.calendar)
            known[key] = days.any_known(unknown_on, due_at.astimezone(policies.zone).date())
        if known[key]:
            found.add(case_id)
    return sorted(found)


def in_batches(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """As many at once as one transaction takes."""
    return (ids[start : start + size] for start in range(0, len(ids), size))


def remake(
    engine: Engine,
    ids: Sequence[int],
    as_of: datetime,
    dry_run: bool,
    flow_run: str | None,
    cases: ModuleType,
) -> Advanced:
    """One batch: those of these cases that come out differently, made again by the calendar."""
    requests = [asked for asked, rows in _asked(engine, cases, ids, as_of) if rows]
    how = {"recorded_at": now(), "flow_run": flow_run, "dry_run": dry_run, "cases": cases}
    return advancing(engine, requests, **how) if requests else Advanced()


def repromise(engine: Engine, shop: str, *, as_of: datetime, dry_run: bool = False) -> Remade:
    """Make everything of this shop that waits for a working day again by the days known now."""
    report = Remade(shop, dry_run)
    for cases in (order_cases, complaint_cases):
        with reading(engine) as connection:
            ids = list(connection.scalars(_waiting(cases.kind, shop).distinct()))
        for some in in_batches(sorted(ids), BATCH):
            for _, rows in _asked(engine, cases, some, as_of):
                _count(report, rows)
            if not dry_run:
                advanced = remake(engine, some, as_of, dry_run, None, cases)
                report.failed += sum(o.status is Status.FAILED for o in advanced.outcomes)
    return report


def on_closed_days(connection: Connection, shop: str) -> int:
    """How many of a shop's promises and callbacks are due on days on which it does not work after all."""
    policies = current_policy(connection, shop)
    of = {"order": policies.dispatch.days, "complaint": policies.complaints.callback.days}
    return sum(
        not WorkingDays(of[kind], policies.calendar).is_working(due_at.astimezone(policies.zone).date())
        for kind in ANEW
        for due_at in connection.scalars(
            _waiting(kind, shop).with_only_columns(t.due_at).where(t.kind != ComplaintTimer.SURVEY)
        )
    )


def _waiting(kind: str, shop: str) -> Any:
    mine = (t.case_kind == kind, t.kind.in_(BY_DAYS[kind]), t.shop == shop)
    return select(t.case_id).where(*mine, *WAITING)


def _asked(
    engine: Engine, cases: ModuleType, ids: Sequence[int], as_of: datetime
) -> list[tuple[Request, list[dict]]]:
    """`_again`, without the cases that can't even be loaded: they are shown when their own timers are due."""
    try:
        with reading(engine) as connection:
            return list(_again(connection, cases, ids, as_of))
    except OperationalError:
        raise
    except Exception as error:  # one bad case stops nothing (promise 8)
        if len(ids) == 1:
            log.error("%s id %s could not be loaded: %s", cases.kind, ids[0], type(error).__name__)
            return []
        half = len(ids) // 2
        return _asked(engine, cases, ids[:half], as_of) + _asked(engine, cases, ids[half:], as_of)


def _again(
    connection: Connection, cases: ModuleType, ids: Sequence[int], as_of: datetime
) -> Iterator[tuple[Request, list[dict]]]:
    """What would be asked of each case, and what of it would differ; nothing where all stays as it is.

    A timer that is due is looked at just before: what is right stays due, and leaves with this sweep.
    """
    for view in cases.load(connection, ids, lock=False).values():
        waiting = {w.kind: w for w in view.timers if w.kind in BY_DAYS[cases.kind] and _waits(w)}
        if not waiting:
            continue
        at = min(as_of, *(timer.due_at - A_SECOND for timer in waiting.values()))
        request = Request(view.shop, view.no, ANEW[cases.kind], at, CALENDAR)
        try:  # on a view of our own: `advance` decides anew, under lock
            _, rows = cases.lifecycle.decide(view, Asked(request.trigger, at, CALENDAR))
        except Refused:
            continue
        except Exception:  # `advance` says what is wrong with it
            yield request, [_told(view, None, None)]
            continue
        yield request, [told for row in rows if (told := _differs(view, waiting, row))]


def _waits(timer: Any) -> bool:
    return timer.done_at is None and timer.cancelled_at is None


def _differs(view: Any, waiting: dict[str, Any], row: FollowUp) -> dict | None:
    """What this row would change, told so that it can be counted and shown; None: nothing."""
    match row:
        case Settle():
            return None
        case CancelTimer() if row.kind not in waiting:
            return None
        case SetTimer() if (before := waiting.get(row.kind)) and before.due_at == row.due_at:
            settled = (before.unknown_on is None) == (row.unknown_on is None)
            return None if settled else _told(view, before.due_at, None)
        case SetTimer():
            return _told(view, before.due_at if before else None, row.due_at)
    return _told(view, None, None)


def _told(view: Any, before: datetime | None, after: datetime | None) -> dict:
    local = [at and at.astimezone(view.policy.zone).isoformat() for at in (before, after)]
    return {"no": view.no, "from": local[0], "to": local[1]}


def _count(report: Remade, rows: list[dict]) -> None:
    moved = next((row for row in rows if row["to"]), None)
    report.moved += moved is not None
    report.confirmed += bool(rows) and moved is None
    report.unchanged += not rows
    report.rows += [moved] if moved else []
