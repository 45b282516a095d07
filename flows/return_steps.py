"""After-sales by the clock: refunds whose 24 hours are over, and whoever is late: the buyer, a parcel, we.

Free of Prefect, like all timed steps outside `scheduled.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, or_, select

from flows import return_cases
from flows.advance import advancing
from flows.clock import now
from flows.gateways.payments import PaymentsGateway, payments_from_env
from flows.refund_rows import REFUNDS
from flows.refunds import UNSETTLED, RefundReport, pay_refunds
from flows.requests import Request, Status
from flows.scope import Scope, find_scope
from flows.sweep import RunBatch, SweepReport, call, sweep
from models import Order, Return
from models.database import reading
from states.errors import BadInput
from states.orders import AFTER_HAND_OVER
from states.return_states import ReturnState, ReturnTimer

RETURNS, ORDERS = Return.__table__, Order.__table__
REFUND_TIMERS = (ReturnTimer.COOLING_OVER,)
CHASE_TIMERS = tuple(kind for kind in ReturnTimer if kind not in REFUND_TIMERS)


def release_refunds(
    engine: Engine, *, as_of: datetime, payments: PaymentsGateway | None = None, **scope: Any
) -> RefundReport:
    """Pay back what nobody wants any more once its 24 hours are over (rule 84), and all other refunds that wait."""
    return _work_through(engine, "release-refunds", REFUND_TIMERS, as_of, payments=payments, **scope)


def chase_returns(engine: Engine, *, as_of: datetime, **scope: Any) -> SweepReport:
    """Remind buyers of their waybill and evidence, close what never came, show staff what is overdue (rules 82, 87)."""
    return _work_through(engine, "chase-returns", CHASE_TIMERS, as_of, pays=False, **scope)


def return_case(
    engine: Engine, *, as_of: datetime, payments: PaymentsGateway | None = None, **scope: Any
) -> RefundReport:
    """Everything that is due of one case, refund included. Raises BadInput when no case is named."""
    if not scope.get("case_no"):
        raise BadInput("return-case is about one case: give its number", code="which_case", where="case_no")
    return _work_through(engine, "return-case", tuple(ReturnTimer), as_of, payments=payments, **scope)


def _work_through(
    engine: Engine,
    flow: str,
    timers: Iterable[ReturnTimer],
    as_of: datetime,
    *,
    shop: str | None = None,
    case_no: str | None = None,
    dry_run: bool = False,
    run_batch: RunBatch = call,
    flow_run: str | None = None,
    pays: bool = True,
    payments: PaymentsGateway | None = None,
) -> RefundReport:
    report = RefundReport(flow, as_of, dry_run)
    with reading(engine) as connection:
        scope = find_scope(connection, shop, case_no, return_cases.kind)
    how = {"run_batch": run_batch, "flow_run": flow_run}
    named = {"shop": shop, "case_no": case_no, "as_of": as_of, "dry_run": dry_run}
    with _payments(payments, pays) as gateway:  # before all else: a setting may be unusable
        _hear_of_orders(engine, report, scope, **how)
        sweep(engine, flow, timers, report=report, cases=return_cases, **named, **how)
        if pays:
            pay_refunds(engine, gateway, report, scope, **how)
            report.unknown = _not_known(engine, scope)
    return report


@contextmanager
def _payments(given: PaymentsGateway | None, pays: bool) -> Iterator[PaymentsGateway | None]:
    """The gateway handed in, else the one of the settings, which is ours to close."""
    if given or not pays:
        yield given
    elif ours := payments_from_env():
        with closing(ours):
            yield ours
    else:
        yield None


def _not_known(engine: Engine, scope: Scope) -> int:
    """Refunds that may have been paid: sent, and no answer so far."""
    sent = select(func.count()).select_from(REFUNDS.join(RETURNS, RETURNS.c.id == REFUNDS.c.return_id))
    with reading(engine) as connection:
        return connection.scalar(_of(sent.where(UNSETTLED, REFUNDS.c.state != "requested"), scope))


def _hear_of_orders(
    engine: Engine, report: RefundReport, scope: Scope, *, run_batch: RunBatch, flow_run: str | None
) -> None:
    """Orders know nothing of their cases: a parcel that has left while its refund was cooling makes that case a
    return; goods sent anew have left with their order."""
    with reading(engine) as connection:
        news = [
            *_left_while_cooling(connection, report.as_of, scope),
            *_sent_anew(connection, report.as_of, scope),
        ]
    if not news:
        return
    advanced = run_batch(_tell, engine, news, report.dry_run, flow_run)
    report.triggers.update(advanced.triggers)
    for outcome in advanced.outcomes:
        report.done += outcome.status is Status.CHANGED
        report.failed += outcome.status is Status.FAILED
        did = [{"trigger": c.trigger, "state": str(c.dest), "at": c.at.isoformat()} for c in outcome.changes]
        report.rows.append({"no": outcome.no, "did": did, "refused": [], "error": outcome.error})


def _tell(engine: Engine, news: list[Request], dry_run: bool, flow_run: str | None) -> Any:
    return advancing(engine, news, recorded_at=now(), flow_run=flow_run, dry_run=dry_run, cases=return_cases)


def _left_while_cooling(connection: Connection, as_of: datetime, scope: Scope) -> Iterable[Request]:
    r, o = RETURNS.c, ORDERS.c
    left = (
        select(r.shop, r.no, r.changed_at, o.shipped_at)
        .join(ORDERS, o.id == r.order_id)
        .where(r.state == ReturnState.COOLING, or_(o.shipped_at <= as_of, o.state.in_(AFTER_HAND_OVER)))
    )
    for row in connection.execute(_of(left, scope).order_by(r.id)).all():
        at = max(row.changed_at, row.shipped_at or row.changed_at)
        yield Request(row.shop, row.no, "become_return", at, "timer")


def _sent_anew(connection: Connection, as_of: datetime, scope: Scope) -> Iterable[Request]:
    r, o = RETURNS.c, ORDERS.c
    left = (
        select(r.shop, r.no, r.linked_no, o.shipped_at, o.waybill, o.carrier)
        .join(ORDERS, (o.no == r.linked_no) & (o.shop == r.shop))
        .where(r.state == ReturnState.RESHIPPING, o.shipped_at <= as_of)
    )
    for row in connection.execute(_of(left, scope).order_by(r.id)).all():
        parcel = {"waybill": row.waybill, "carrier": row.carrier}
        key = f"reship_left:{row.linked_no}"  # a person may have told it of a case that had sent nothing yet
        yield Request(row.shop, row.no, "reship_left", row.shipped_at, "timer", parcel, key)


def _of(wanted: Any, scope: Scope) -> Any:
    wanted = wanted.where(RETURNS.c.shop == scope.shop) if scope.shop else wanted
    return wanted.where(RETURNS.c.id == scope.case_id) if scope.case_id else wanted
