"""Complaints as tests tell of them, and what became of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from orders_told import RECORDED, SHOP, clock, moment, rows
from sqlalchemy import Engine

from flows import complaint_cases
from flows.advance import advancing
from flows.complaint_steps import complaint_callbacks, complaint_escalations
from flows.digests import bundle
from flows.requests import Advanced, Outcome, Request, Status
from models import Anomaly, Complaint, ComplaintRound, OutboxMessage, StateChange, Timer

SAID_AT = moment("03-03 11:00")  # a Tuesday; the after-sales desk is there from 10:00 to 19:00
A_DAY = timedelta(days=1)
NO = "1-C1"


# -- telling ----------------------------------------------------------------------------------------


def said(
    at: datetime = SAID_AT,
    *,
    no: str = NO,
    shop: str = SHOP,
    by: str = "li",
    order_id: int | None = None,
    words: str = "包包开线了",
    details: dict | None = None,
    **facts: Any,
) -> Request:
    """What a customer turns to us with: a complaint about quality, unless told otherwise."""
    facts = {"intake": "complaint", "channel": "phone", "nature": "quality", "amount_fen": 10_000, **facts}
    told = {"order_id": order_id, "words": words, **(details or {})}
    return Request(shop, no, "register", at, by, facts, None, told)


def of_complaint(
    trigger: str, at: datetime, *, no: str = NO, shop: str = SHOP, by: str = "li", **told: Any
) -> Request:
    """A fact or a decision about a complaint; `words` are the customer's and stay with it."""
    words = told.pop("words", None)
    return Request(shop, no, trigger, at, by, told, None, {"words": words} if words is not None else None)


def tell_complaints(engine: Engine, *requests: Any, **how: Any) -> Advanced:
    return advancing(engine, requests, **{"recorded_at": RECORDED, "cases": complaint_cases, **how})


def complain(engine: Engine, at: datetime = SAID_AT, **told: Any) -> Outcome:
    """Register it; fails when the answer was no."""
    outcome = tell_complaints(engine, said(at, **told)).outcomes[0]
    assert outcome.status is Status.CHANGED, outcome
    return outcome


def tell_complaint(engine: Engine, trigger: str, at: datetime, **told: Any) -> Outcome:
    return tell_complaints(engine, of_complaint(trigger, at, **told)).outcomes[0]


def done(engine: Engine, trigger: str, at: datetime, **facts: Any) -> None:
    """Tell or ask it; fails when the answer was no."""
    outcome = tell_complaint(engine, trigger, at, **facts)
    assert outcome.status is Status.CHANGED, outcome


def settled(engine: Engine, at: datetime, *, no: str = NO, shop: str = SHOP, by: str = "li") -> None:
    """Resolved with an apology, as the customer was told."""
    done(engine, "resolve", at, no=no, shop=shop, by=by, remedy="apology", text="已道歉,客户接受")


# -- the clock --------------------------------------------------------------------------------------


def clockwork(engine: Engine, at: datetime, **scope: Any) -> dict[str, int]:
    """Both complaint flows at this moment, and the digests that their deliveries begin with: what was done, by
    trigger."""
    reports = [step(engine, as_of=at, **scope) for step in (complaint_escalations, complaint_callbacks)]
    bundle(engine, at)
    assert not any(report.red for report in reports), [report.rows for report in reports]
    return dict(sum((report.triggers for report in reports[1:]), reports[0].triggers))


# -- reading ----------------------------------------------------------------------------------------


def complaint(engine: Engine, no: str = NO, shop: str = SHOP) -> SimpleNamespace:
    found = rows(engine, Complaint, no=no, shop=shop)
    assert found, f"there is no complaint {no} in {shop}"
    return found[0]


def complaint_state(engine: Engine, no: str = NO, shop: str = SHOP) -> str:
    return complaint(engine, no, shop).state


def rounds(engine: Engine, no: str = NO, shop: str = SHOP) -> list[SimpleNamespace]:
    found = rows(engine, ComplaintRound, complaint_id=complaint(engine, no, shop).id)
    return sorted(found, key=lambda row: row.number)


def of_complaint_case(engine: Engine, model: Any, no: str = NO, shop: str = SHOP, **where: Any) -> list:
    return rows(engine, model, case_kind="complaint", case_id=complaint(engine, no, shop).id, **where)


def complaint_steps(engine: Engine, no: str = NO, shop: str = SHOP) -> list[tuple[str, str]]:
    """What happened, and the shop's clock when it did."""
    found = sorted(of_complaint_case(engine, StateChange, no, shop), key=lambda row: row.number)
    return [(row.trigger, clock(row.at)) for row in found]


def complaint_owed(engine: Engine, no: str = NO, shop: str = SHOP) -> list[tuple[str, str | None]]:
    """What we owed for it, and to which colleague."""
    return [(row.what, row.recipient) for row in of_complaint_case(engine, OutboxMessage, no, shop)]


def complaint_timers(engine: Engine, no: str = NO, shop: str = SHOP) -> dict[str, str]:
    """What it waits for, and until when."""
    found = of_complaint_case(engine, Timer, no, shop, done_at=None, cancelled_at=None)
    return {timer.kind: clock(timer.due_at) for timer in found}


def complaint_anomalies(engine: Engine, no: str = NO, shop: str = SHOP) -> list[str]:
    return [row.code for row in of_complaint_case(engine, Anomaly, no, shop)]
