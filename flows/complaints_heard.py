"""What customers complain of on the platform: registered once, or joined to what is open already (rules 93-95, 106)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from flows import complaint_cases
from flows.advance import advancing
from flows.case_rows import ids_of
from flows.complaint_cases import open_twin
from flows.inbox import Heard, word
from flows.inbox_reasons import unknown_order, unreadable
from flows.not_before import is_ahead
from flows.requests import Outcome, Request, Status
from flows.strangers import decoded
from models import Order
from models.database import reading
from states.policies.complaint_terms import Channel, IntakeClass, Nature
from states.reasons import Reason

ORDERS = Order.__table__
PATIENCE = timedelta(minutes=15)  # until then its order may still come
NO_WORDS = unreadable("text", "没有投诉内容", "it says nothing")
OUTCOMES = {Status.CHANGED: "new", Status.KNOWN: "unchanged", Status.CONTRADICTED: "changed"}


def hear_of_complaints(
    engine: Engine, shop: str, rows: Sequence[Any], now: datetime, flow_run: str | None
) -> dict[int, Heard]:
    """A case for each, under the platform's number for it, so that told again it is known; see `facts_heard.Hears`."""
    with reading(engine) as connection:
        orders = ids_of(connection, ORDERS, shop, {row.case_no for row in rows if row.case_no})
    return {row.id: _hear(engine, row, orders.get(row.case_no), now, flow_run) for row in rows}


def _hear(engine: Engine, row: Any, order_id: int | None, now: datetime, flow_run: str | None) -> Heard:
    told = decoded(row.raw).get("complaint")
    words = told.get("text") if isinstance(told, dict) else None
    if not isinstance(words, str) or not words.strip():
        return Heard("quarantined", [(NO_WORDS, None)])
    if order_id is None and row.case_no and is_ahead(row.received_at + PATIENCE, now, 2 * PATIENCE):
        return Heard("postponed", retry_at=row.received_at + PATIENCE)
    odd: list[tuple[Reason, Any]] = []
    if order_id is None and row.case_no:
        odd = [(unknown_order(row.case_no), None)]
    at = min(row.happened_at or row.received_at, now)  # whatever clock of theirs is ahead
    outcome = _register(engine, row, told, order_id, at, flow_run)
    if outcome.status not in OUTCOMES:  # neither registered nor joined: it is tried again, not lost
        return Heard("failed", error=outcome.error or "; ".join(reason.en for reason in outcome.reasons))
    return Heard(OUTCOMES[outcome.status], odd)


def _register(
    engine: Engine, row: Any, told: dict[str, Any], order_id: int | None, at: datetime, flow_run: str | None
) -> Outcome:
    no = _number(row, told)
    nature = told.get("nature") if told.get("nature") in list(Nature) else Nature.OTHER
    facts = {"intake": IntakeClass.COMPLAINT, "channel": Channel.PLATFORM, "nature": nature}
    details = {"order_id": order_id, "words": told["text"].strip(), **_who(told)}
    request = Request(row.shop, no, "register", at, "platform", facts, f"register:{no}", details)
    outcome = _ask(engine, request, row, flow_run)
    if not any(reason.code == "already_open" for reason in outcome.reasons):
        return outcome
    with reading(engine) as connection:
        twin = open_twin(connection, order_id, nature)
    if twin is None:  # it has just been closed: the next run registers this one
        return outcome
    words = {"words": details["words"]}
    heard = Request(row.shop, twin, "hear", at, "platform", {}, f"hear:{no}", words)
    return _ask(engine, heard, row, flow_run)


def _ask(engine: Engine, request: Request, row: Any, flow_run: str | None) -> Outcome:
    recorded = {"recorded_at": row.received_at, "flow_run": flow_run}
    return advancing(engine, [request], **recorded, cases=complaint_cases).outcomes[0]


def _number(row: Any, told: dict[str, Any]) -> str:
    """The platform's number, marked as theirs; where it tells none, that of its event."""
    return f"P-{word(told.get('no')) or row.fact_id}"


def _who(told: dict[str, Any]) -> dict[str, str | None]:
    named = {"name": told.get("buyer"), "phone": told.get("phone")}
    return {name: value if isinstance(value, str) else None for name, value in named.items()}
