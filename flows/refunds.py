"""Paying money back: each refund once, whatever happens on the way (promise 7).

The intent is stored with the decision; here it is marked as sent, the payment service is asked, and its answer is told
to the case. Where no answer came, the same key is asked about, never a new one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, and_, literal_column, or_, select, update

from flows import return_cases
from flows.advance import advancing
from flows.clock import now
from flows.gateways.payments import PaymentsGateway, RefundAnswer, RefundState
from flows.not_before import passed
from flows.refund_rows import REFUNDS
from flows.requests import Request, Status
from flows.scope import Scope
from flows.strangers import cleaned, in_words
from flows.sweep import RunBatch, SweepReport, call
from models import Order, Return
from models.database import in_trouble, reading, transaction
from states.errors import GatewayError, GatewayRejected
from states.order_guards import PAYMENTS, TIMER
from states.orders import AFTER_HAND_OVER
from states.policies.return_requests import ReturnKind

log = logging.getLogger("kefu")
RETURNS, ORDERS = Return.__table__, Order.__table__
# spelled out for the index of unsettled refunds: all those paid long ago are not read again at every run
UNSETTLED = REFUNDS.c.state.in_([literal_column(f"'{s}'") for s in ("requested", "sent", "unknown")])
HAS_LEFT = RefundAnswer(RefundState.FAILED, reason="the parcel had left before anything was paid")
IN_FLIGHT = timedelta(minutes=2)  # an answer has come by then, or whoever sent it is gone
FIRST_DELAY, LONGEST_DELAY, DOUBLED = timedelta(minutes=1), timedelta(hours=1), 6
NOT_US = (401, 403, 404, 405)  # our token or address is wrong: no refund was refused, so none has failed


@dataclass
class RefundReport(SweepReport):
    """A sweep of cases, and the refunds sent on their way by it."""

    paid_fen: int = 0
    waiting: int = 0  # refunds that nobody can pay: no payment service is known
    unknown: int = 0  # refunds that may have been paid: after the run, no answer is known

    def as_dict(self) -> dict:
        """The shape that scripts rely on."""
        money = {"paid_fen": self.paid_fen, "waiting": self.waiting, "unknown": self.unknown}
        return {**super().as_dict(), **money}


@dataclass(frozen=True)
class Paying:
    """One run that pays refunds. What it stands for is in the report; its clock is the real one, for `sent_at`."""

    engine: Engine
    payments: PaymentsGateway
    report: RefundReport
    clock: Callable[[], datetime]
    flow_run: str | None


def pay_refunds(
    engine: Engine,
    payments: PaymentsGateway | None,
    report: RefundReport,
    scope: Scope,
    *,
    run_batch: RunBatch = call,
    flow_run: str | None = None,
    clock: Callable[[], datetime] = now,
) -> None:
    """Send every refund that waits, and ask about those whose outcome is not known; each by itself."""
    with reading(engine) as connection:
        waiting = _waiting(connection, scope, report.as_of, clock())
    if payments is None or report.dry_run:
        report.waiting += len(waiting)
        return
    paying = Paying(engine, payments, report, clock, flow_run)
    for refund in waiting:
        run_batch(_pay, paying, refund)


def _waiting(connection: Connection, scope: Scope, as_of: datetime, clock: datetime) -> list[Any]:
    r = REFUNDS.c
    gone = and_(r.state == "sent", or_(r.sent_at <= clock - IN_FLIGHT, r.sent_at > clock + IN_FLIGHT))
    wanted = (
        select(REFUNDS, RETURNS.c.no, ORDERS.c.no.label("order_no"))
        .join(RETURNS, RETURNS.c.id == r.return_id)
        .join(ORDERS, ORDERS.c.id == r.order_id)
        .where(UNSETTLED, or_(r.state.in_(("requested", "unknown")), gone), r.requested_at <= as_of)
        .where(passed(r.retry_at, as_of, LONGEST_DELAY))
    )
    wanted = wanted.where(r.shop == scope.shop) if scope.shop else wanted
    wanted = wanted.where(r.return_id == scope.case_id) if scope.case_id else wanted
    return list(connection.execute(wanted.order_by(r.id)).all())


def _pay(paying: Paying, refund: Any) -> None:
    if not _claim(paying, refund):
        return  # another run has it
    try:
        answer = _ask(paying, refund)
        if answer.state is RefundState.PENDING:
            _ask_again(paying, refund, "unknown", "pending", red=False)
        else:
            _tell(paying, refund, answer)
    except GatewayError as error:
        nothing_sent = refund.state == "requested" and not error.unknown
        _ask_again(paying, refund, "requested" if nothing_sent else "unknown", str(error))
    except Exception as error:  # one bad refund stops nothing (promise 8)
        if in_trouble(error):  # what was sent is asked about once the database is back
            raise
        what = in_words(error)
        log.error("refund %s could not be paid or settled: %s", refund.key, what)
        _ask_again(paying, refund, "unknown", what)


def _claim(paying: Paying, refund: Any) -> bool:
    """Written down before anybody is asked: after a crash we know that it may have been paid."""
    r = REFUNDS.c
    as_it_was = (r.id == refund.id, r.state == refund.state, r.attempts == refund.attempts)
    sent = {"state": "sent", "sent_at": paying.clock(), "attempts": refund.attempts + 1}
    with transaction(paying.engine) as connection:
        return connection.execute(update(REFUNDS).where(*as_it_was).values(sent)).rowcount == 1


def _has_left(engine: Engine, refund: Any) -> bool:
    """Is it still true? What was not to leave has left since it was decided, and nothing has been paid."""
    o = ORDERS.c
    left = or_(o.shipped_at.is_not(None), o.delivered_at.is_not(None), o.state.in_(AFTER_HAND_OVER))
    kind = select(RETURNS.c.kind).where(RETURNS.c.id == refund.return_id).scalar_subquery()
    with reading(engine) as connection:
        wanted = select(o.id).where(o.id == refund.order_id, left, kind == ReturnKind.REFUND_UNSHIPPED)
        return connection.scalar(wanted) is not None


def _ask(paying: Paying, refund: Any) -> RefundAnswer:
    """Pay; where it may have been paid already, look first. A no to paying is an answer where nothing was sent
    before; a no to looking, or to what may have been paid already, is none: it may say just that (promise 7)."""
    if refund.state != "requested" and (found := paying.payments.find_refund(refund.key, fen=refund.fen)):
        return found
    if _has_left(paying.engine, refund):
        return HAS_LEFT
    try:
        return paying.payments.refund(
            order_no=refund.order_no, shop=refund.shop, fen=refund.fen, idempotency_key=refund.key
        )
    except GatewayRejected as no:
        if no.status in NOT_US or refund.state != "requested":
            raise
        return RefundAnswer(RefundState.FAILED, reason=str(no))


def _ask_again(paying: Paying, refund: Any, state: str, error: str, *, red: bool = True) -> None:
    """Later, ever more rarely; what came in between, from a person or another run, stands."""
    report, error = paying.report, cleaned(error)
    delay = min(FIRST_DELAY * 2 ** min(refund.attempts, DOUBLED), LONGEST_DELAY)
    later = {"state": state, "error": error, "retry_at": report.as_of + delay}
    mine = (REFUNDS.c.id == refund.id, REFUNDS.c.state == "sent", REFUNDS.c.attempts == refund.attempts + 1)
    with transaction(paying.engine) as connection:
        connection.execute(update(REFUNDS).where(*mine).values(later))
    if red:
        report.postponed += 1
        report.rows.append({"no": refund.no, "did": [], "refused": [], "error": error})


def _tell(paying: Paying, refund: Any, answer: RefundAnswer) -> None:
    by = TIMER if answer is HAS_LEFT else PAYMENTS
    report, paid = paying.report, answer.state is RefundState.SUCCEEDED
    trigger = "refund_paid" if paid else "refund_failed"
    said = {"refund_ref": answer.refund_ref} if paid else {"reason": answer.reason}
    facts = {**said, "case": refund.no}  # we did it ourselves: another run tells it at another time
    at = max(report.as_of, refund.requested_at)
    told = Request(refund.shop, refund.no, trigger, at, by, facts, key=f"{trigger}:{refund.round}")
    advanced = advancing(
        paying.engine, [told], recorded_at=now(), flow_run=paying.flow_run, cases=return_cases
    )
    outcome = advanced.outcomes[0]
    report.triggers.update(advanced.triggers)
    if outcome.status is Status.FAILED:  # asked about again, by the same key
        _ask_again(paying, refund, "unknown", outcome.error)
        return
    if outcome.status is not Status.CHANGED:
        return  # another run was quicker to tell it
    if paid:
        report.done += 1
        report.paid_fen += refund.fen
    else:
        report.failed += answer is not HAS_LEFT
    did = [{"trigger": c.trigger, "state": str(c.dest), "at": c.at.isoformat()} for c in outcome.changes]
    row = {"no": refund.no, "did": did, "refused": [], "error": answer.reason or ""}
    report.rows.append({**row, "paid_fen": refund.fen if paid else 0})
