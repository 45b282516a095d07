"""What a person does to one complaint; to settle it may open the after-sales case that carries it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Engine, select

from flows import clock, complaint_cases, return_cases
from flows.acting import UNNAMED, answered, asked_by_hand
from flows.acting import act as act_on
from flows.advance import advance, insisting
from flows.complaint_desk import COMPLAINTS_HAND
from flows.requests import Outcome, Request
from flows.return_desk import next_number
from models import Complaint, Order, Return
from models.database import transaction
from states.errors import BadInput, Refused
from states.policies.complaint_terms import Nature
from states.policies.return_requests import ReturnReason
from states.reasons import Reason
from states.return_states import ReturnState

COMPLAINTS, ORDERS, RETURNS = Complaint.__table__, Order.__table__, Return.__table__
OPENS = "return"  # the fact that names the after-sales case to open
CAUSES = {  # what a complaint's nature is called after-sales, where nobody says otherwise
    Nature.PACKAGING: ReturnReason.DAMAGED_IN_TRANSIT,
    Nature.QUALITY: ReturnReason.QUALITY,
    Nature.EXPIRED: ReturnReason.QUALITY,
    Nature.SPOILED: ReturnReason.QUALITY,
    Nature.SAFETY: ReturnReason.QUALITY,
}


def act(
    engine: Engine,
    no: str,
    trigger: str,
    *,
    facts: Mapping[str, str] | None = None,
    at: str | None = None,
    by: str = UNNAMED,
    shop: str | None = None,
    key: str | None = None,
    flow_run: str | None = None,
) -> Outcome:
    """Tell a fact of a complaint, or decide about it (rules 97-101, 111-121); with a `key` it happens once.

    `resolve` with a fact `return` also opens an after-sales case of that kind; what its rules refuse is not promised
    to the customer. Raises BadInput, NotFound, and Refused with every reason.
    """
    asked: dict[str, Any] = {"facts": facts, "at": at, "by": by, "shop": shop}
    if trigger != "resolve" or OPENS not in (facts or {}):
        return act_on(engine, no, trigger, **asked, hand=COMPLAINTS_HAND, key=key, flow_run=flow_run)
    request = asked_by_hand(engine, no, trigger, **asked, hand=COMPLAINTS_HAND)
    return insisting(lambda: _resolve_with_return(engine, request))


def _resolve_with_return(engine: Engine, request: Request) -> Outcome:
    """The locks go returns, orders, complaints, as everywhere."""
    facts = {k: v for k, v in request.facts.items() if k not in (OPENS, "reason", "amount_fen")}
    with transaction(engine) as connection:
        return_no = _open_return(connection, request)
        told = {**facts, "case": return_no}
        resolve = Request(request.shop, request.no, "resolve", request.at, request.by, told)
        done = advance(connection, [resolve], recorded_at=clock.now(), cases=complaint_cases)
        return answered("complaint", request.no, "resolve", done.outcomes[0])


def _open_return(connection: Connection, request: Request) -> str:
    about = (
        select(ORDERS.c.id, ORDERS.c.no, COMPLAINTS.c.nature)
        .join(COMPLAINTS, COMPLAINTS.c.order_id == ORDERS.c.id)
        .where(COMPLAINTS.c.no == request.no, COMPLAINTS.c.shop == request.shop)
    )
    order = connection.execute(about).first()
    if order is None:
        raise BadInput(
            f"complaint {request.no} is about no order: there is nothing to return or to compensate for",
            code="no_order",
            where=OPENS,
        )
    facts = {
        "reason": request.facts.get("reason") or CAUSES.get(order.nature, ReturnReason.OTHER),
        "kind": request.facts[OPENS],
        "amount_fen": request.facts.get("amount_fen"),
    }
    no = next_number(connection, order.id, order.no)
    opening = Request(request.shop, no, "open", request.at, request.by, facts, None, {"order_id": order.id})
    done = advance(connection, [opening], recorded_at=clock.now(), cases=return_cases)
    answered("order", order.no, "open a return", done.outcomes[0])
    _not_declined(connection, request, no)
    return no


def _not_declined(connection: Connection, request: Request, no: str) -> None:
    """What the rules decline is no remedy: nothing of it is kept."""
    case = select(RETURNS.c.state, RETURNS.c.reasons).where(
        RETURNS.c.no == no, RETURNS.c.shop == request.shop
    )
    found = connection.execute(case).one()
    if found.state == ReturnState.DECLINED:
        reasons = tuple(Reason(**reason) for reason in found.reasons)
        raise Refused(f"complaint {request.no}", f"resolve with {request.facts[OPENS]}", reasons)
