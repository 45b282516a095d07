"""Paying money back: each refund once, whatever happens on the way (promise 7).

The intent is stored with the decision; here it is marked as sent, the payment service is asked, and its answer is told
to the case. Where no answer came, the same key is asked about, never a new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, and_, or_, select, update

from flows import return_cases
from flows.advance import advancing
from flows.clock import now
from flows.gateways.payments import PaymentsGateway, RefundAnswer, RefundState
from flows.refund_rows import REFUNDS
from flows.requests import Request, Status
from flows.scope import Scope
from flows.sweep import RunBatch, SweepReport, call
from models import Order, Return
from models.database import reading, transaction
from states.errors import GatewayError, GatewayRejected

RETURNS, ORDERS = Return.__table__, Order.__table__
PROVIDER = "payments"  # the actor of what the payment service says
IN_FLIGHT = timedelta(minutes=2)  # longer than any answer takes: who sent it is gone
FIRST_DELAY, LONGEST_DELAY = timedelta(minutes=1), timedelta(hours=1)
NOT_US = (401, 403, 404, 405)  # our token or address is wrong: no refund was refused, so none has failed


@dataclass
class RefundReport(SweepReport):
    """A sweep of cases, and the refunds sent on their way by it."""

    paid_fen: int = 0
    waiting: int = 0  # refunds that nobody can pay: no payment service is known

    def as_dict(self) -> dict:
        """The shape that scripts rely on."""
        return {**super().as_dict(), "paid_fen": self.paid_fen, "waiting": self.waiting}


def pay_refunds(
    engine: Engine,
    payments: PaymentsGateway | None,
    report: RefundReport,
    scope: Scope,
    *,
    run_batch: RunBatch = call,
    flow_run: str | None = None,
) -> None:
    """Send every refund that waits, and ask about those whose outcome is not known; each by itself."""
    with reading(engine) as connection:
        waiting = _waiting(connection, scope, report.as_of)
    if payments is None or report.dry_run:
        report.waiting += len(waiting)
        return
    for refund in waiting:
        if _claim(engine, refund):
            run_batch(_settle, engine, payments, refund, report, flow_run)


def _waiting(connection: Connection, scope: Scope, as_of: datetime) -> list[Any]:
    r = REFUNDS.c
    gone = and_(r.state == "sent", r.sent_at < now() - IN_FLIGHT)
    wanted = (
        select(REFUNDS, RETURNS.c.no, ORDERS.c.no.label("order_no"))
        .join(RETURNS, RETURNS.c.id == r.return_id)
        .join(ORDERS, ORDERS.c.id == r.order_id)
        .where(or_(r.state.in_(("requested", "unknown")), gone), r.requested_at <= as_of)
        .where(or_(r.retry_at.is_(None), r.retry_at <= as_of))
    )
    wanted = wanted.where(r.shop == scope.shop) if scope.shop else wanted
    wanted = wanted.where(r.return_id == scope.case_id) if scope.case_id else wanted
    return list(connection.execute(wanted.order_by(r.id)).all())


def _claim(engine: Engine, refund: Any) -> bool:
    """Written down before anybody is asked: after a crash we know that it may have been paid."""
    r = REFUNDS.c
    as_it_was = (r.id == refund.id, r.state == refund.state, r.attempts == refund.attempts)
    sent = {"state": "sent", "sent_at": now(), "attempts": refund.attempts + 1}
    with transaction(engine) as connection:
        return connection.execute(update(REFUNDS).where(*as_it_was).values(sent)).rowcount == 1


def _settle(
    engine: Engine, payments: PaymentsGateway, refund: Any, report: RefundReport, flow_run: str | None
) -> None:
    try:
        answer = _ask(payments, refund)
    except GatewayError as error:
        nothing_sent = refund.state == "requested" and not error.unknown
        _ask_again(engine, refund, report, "requested" if nothing_sent else "unknown", str(error))
        return
    if answer.state is RefundState.PENDING:
        _ask_again(engine, refund, report, "unknown", "pending")
    else:
        _tell(engine, refund, answer, report, flow_run)


def _ask(payments: PaymentsGateway, refund: Any) -> RefundAnswer:
    """Pay; where it may have been paid already, look first. A no to paying is an answer, a no to looking is none."""
    if refund.state != "requested" and (found := payments.find_refund(refund.key, fen=refund.fen)):
        return found
    try:
        return payments.refund(
            order_no=refund.order_no, shop=refund.shop, fen=refund.fen, idempotency_key=refund.key
        )
    except GatewayRejected as no:
        if no.status in NOT_US:
            raise
        return RefundAnswer(RefundState.FAILED, reason=str(no))


def _ask_again(engine: Engine, refund: Any, report: RefundReport, state: str, error: str) -> None:
    delay = min(FIRST_DELAY * 2**refund.attempts, LONGEST_DELAY)
    later = {"state": state, "error": error, "retry_at": report.as_of + delay}
    mine = (REFUNDS.c.id == refund.id, REFUNDS.c.state == "sent", REFUNDS.c.attempts == refund.attempts + 1)
    with transaction(engine) as connection:
        connection.execute(update(REFUNDS).where(*mine).values(later))
    if error == "pending":
        return
    report.postponed += 1
    report.rows.append({"no": refund.no, "did": [], "refused": [], "error": error})


def _tell(
    engine: Engine, refund: Any, answer: RefundAnswer, report: RefundReport, flow_run: str | None
) -> None:
    paid = answer.state is RefundState.SUCCEEDED
    trigger = "refund_paid" if paid else "refund_failed"
    facts = {"refund_ref": answer.refund_ref} if paid else {"reason": answer.reason}
    at = max(report.as_of, refund.requested_at)
    told = Request(refund.shop, refund.no, trigger, at, PROVIDER, facts, key=f"{trigger}:{refund.round}")
    advanced = advancing(engine, [told], recorded_at=now(), flow_run=flow_run, cases=return_cases)
    outcome = advanced.outcomes[0]
    report.triggers.update(advanced.triggers)
    if outcome.status is Status.FAILED:  # stays sent: asked about again, by the same key
        report.postponed += 1
    elif paid:
        report.done += 1
        report.paid_fen += refund.fen
    else:
        report.failed += 1
    did = [{"trigger": c.trigger, "state": str(c.dest), "at": c.at.isoformat()} for c in outcome.changes]
    report.rows.append({"no": refund.no, "did": did, "refused": [], "error": outcome.error})
