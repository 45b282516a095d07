"""Rectifications as tests tell of them, and what became of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from complaints_told import A_DAY, SAID_AT, of_complaint, said, tell_complaints
from orders_told import RECORDED, SHOP, clock, rows
from sqlalchemy import Engine

from flows import rectification_cases
from flows.advance import advancing
from flows.complaint_steps import complaint_escalations
from flows.requests import Outcome, Request, Status
from models import OutboxMessage, Rectification, StateChange, Timer

GOODS, CAUSE = "BAG-1-ZG1", "quality-ZC1"
FIVE = 5  # complaints about one article are enough; twenty of one nature
FIRST_AT, LAST_AT = SAID_AT - 4 * A_DAY, SAID_AT
AN_INSTANT = timedelta(microseconds=1)


def complaints(
    engine: Engine,
    *moments: datetime,
    sku: str | None = "BAG-1",
    shop: str = SHOP,
    first: int = 1,
    **told: Any,
) -> None:
    """Complaints about an article, each at its moment and settled by the same colleague."""
    numbered = [(f"G{number}", at) for number, at in enumerate(moments, start=first)]
    requests = [said(at, no=no, sku=sku, shop=shop, **told) for no, at in numbered]
    requests += [of_complaint("assign", at, no=no, shop=shop, handler="li") for no, at in numbered]
    outcomes = tell_complaints(engine, *requests).outcomes
    assert {outcome.status for outcome in outcomes} == {Status.CHANGED}, outcomes


def daily(count: int, last_at: datetime = LAST_AT) -> list[datetime]:
    """One a day, the last one at `last_at`."""
    return [last_at - day * A_DAY for day in reversed(range(count))]


def counted(engine: Engine, at: datetime, **scope: Any) -> dict[str, int]:
    """What the step did about rectifications at this moment, by trigger."""
    report = complaint_escalations(engine, as_of=at, **scope)
    assert not report.red, report.rows
    return {
        t: n
        for t, n in report.triggers.items()
        if t in rectification_cases.lifecycle.triggers and t != "assign"
    }


def of_rectification(
    engine: Engine,
    trigger: str,
    at: datetime,
    *,
    no: str = GOODS,
    shop: str = SHOP,
    by: str = "质检员",
    **facts: Any,
) -> Outcome:
    """A decision about a rectification."""
    asked = [Request(shop, no, trigger, at, by, facts)]
    return advancing(engine, asked, recorded_at=RECORDED, cases=rectification_cases).outcomes[0]


def rectified(engine: Engine, trigger: str, at: datetime, **told: Any) -> None:
    """The same; fails when the answer was no."""
    outcome = of_rectification(engine, trigger, at, **told)
    assert outcome.status is Status.CHANGED, outcome


def rectification(engine: Engine, no: str = GOODS, shop: str = SHOP) -> SimpleNamespace:
    found = rows(engine, Rectification, no=no, shop=shop)
    assert found, f"there is no rectification {no} in {shop}"
    return found[0]


def rectifications(engine: Engine) -> list[tuple[str, str]]:
    return [(row.no, row.state) for row in rows(engine, Rectification)]


def rectification_owed(engine: Engine, no: str = GOODS) -> list[tuple[str, str, str]]:
    """What we owed for it, to which colleague, and the shop's clock before which it does not leave."""
    mine = {"case_kind": "rectification", "case_id": rectification(engine, no).id}
    found = rows(engine, OutboxMessage, **mine)
    return [(row.what, row.recipient, clock(row.not_before or row.owed_at)) for row in found]


def rectification_steps(engine: Engine, no: str = GOODS) -> list[tuple[str, str]]:
    mine = {"case_kind": "rectification", "case_id": rectification(engine, no).id}
    return [(row.trigger, clock(row.at)) for row in rows(engine, StateChange, **mine)]


def asked_next(engine: Engine, no: str = GOODS) -> str | None:
    """When its owner is asked next."""
    mine = {"case_kind": "rectification", "case_id": rectification(engine, no).id}
    waiting = rows(engine, Timer, **mine, done_at=None, cancelled_at=None)
    return clock(waiting[0].due_at) if waiting else None
