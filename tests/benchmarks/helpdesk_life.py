"""Lives through real tickets as complaints, under a virtual clock: what happened is told at its own time, and the
timed steps run in between.

Four years are too long for a run every ten minutes. The clock stops twice on each day on which the desk is there, as
it opens and half an hour before it closes: whatever is told to a colleague is told then, whatever needs nobody (the
survey, its end) keeps its own time to the second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, or_, select, update

from deployments.shop_files import load_shop_file
from flows import complaint_cases
from flows.advance import advancing
from flows.complaint_desk import hear
from flows.complaint_steps import complaint_callbacks, complaint_escalations
from flows.policy_store import apply_policy
from flows.requests import Outcome, Request, Status
from models import Complaint, OutboxMessage
from models.database import transaction
from tests.benchmarks.helpdesk_tickets import SHOP, TAKEN_UP, Act, Ticket

SHOP_FILE = Path(__file__).with_name("help-desk.toml")
APPLIED_AT, RECORDED = datetime(2009, 1, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
MORNING, EVENING, SATURDAY = time(9), time(17, 30), 5
AFTERWARDS = timedelta(days=16)  # until every callback and survey is over
A_DAY = timedelta(days=1)
BATCH = 500


@dataclass
class Life:
    """What was asked, what came of it, and what the timed steps did."""

    outcomes: list[tuple[Ticket, Outcome]] = field(default_factory=list)
    linked: dict[str, str] = field(default_factory=dict)  # by ticket: the complaint that goes on with it
    triggers: Counter[str] = field(default_factory=Counter)
    bad: list[Any] = field(default_factory=list)  # rows of runs that ended red
    moments: int = 0


def moments(tickets: Sequence[Ticket], zone: ZoneInfo) -> Iterator[datetime]:
    """When the timed steps run: each desk day's morning and evening, from the first entry on."""
    times = [entry.at for ticket in tickets for entry in ticket.entries]
    day, last = min(times).astimezone(zone).date(), (max(times) + AFTERWARDS).astimezone(zone).date()
    while day <= last:
        if day.weekday() < SATURDAY:
            yield from (_at(day, clock, zone) for clock in (MORNING, EVENING))
        day += A_DAY


def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, zone).astimezone(UTC)


def live(engine: Engine, tickets: Sequence[Ticket]) -> Life:
    """From the first entry of these tickets until long after the last."""
    policies = load_shop_file(SHOP_FILE)
    apply_policy(engine, policies, at=APPLIED_AT)
    life, told = Life(), 0
    acts = sorted(((act, t) for t in tickets for act in t.acts), key=lambda pair: pair[0].at)
    by_no = {ticket.no: ticket for ticket in tickets}
    for moment in moments(tickets, policies.zone):
        first = told
        while told < len(acts) and acts[told][0].at < moment:
            told += 1
        _tell(engine, life, acts[first:told])
        for step in (complaint_escalations, complaint_callbacks):
            report = step(engine, as_of=moment, shop=SHOP)
            life.triggers.update(report.triggers)
            life.bad += report.rows if report.red else []
        _call(engine, life, by_no, moment)
        _deliver(engine, moment)
        life.moments += 1
    return life


def _tell(engine: Engine, life: Life, acts: Iterable[tuple[Act, Ticket]]) -> None:
    """In batches; the customer's word that takes a complaint up again is told by itself, as the desk does."""
    batch: list[tuple[Act, Ticket]] = []
    for act, ticket in acts:
        if act.trigger != TAKEN_UP:
            batch.append((act, ticket))
            continue
        _advance(engine, life, batch)
        batch = []
        heard = hear(engine, _no(life, ticket), "又出问题了", at=act.at.isoformat(), by=act.by, shop=SHOP)
        if heard.linked_no:
            life.linked[ticket.no] = heard.outcome.no
        life.outcomes.append((ticket, heard.outcome))
    _advance(engine, life, batch)


def _advance(engine: Engine, life: Life, batch: list[tuple[Act, Ticket]]) -> None:
    for start in range(0, len(batch), BATCH):
        part = batch[start : start + BATCH]
        requests = [_request(life, act, ticket) for act, ticket in part]
        done = advancing(engine, requests, recorded_at=RECORDED, cases=complaint_cases)
        life.outcomes += zip((ticket for _, ticket in part), done.outcomes, strict=True)


def _request(life: Life, act: Act, ticket: Ticket) -> Request:
    facts, details = act.facts, None
    if act.trigger == "register":
        facts = {"intake": "complaint", "channel": "system_notice", "nature": "quality"}
        facts["sku"] = ticket.entries[0].product
        details = {"words": "请处理"}
    return Request(SHOP, _no(life, ticket), act.trigger, act.at, act.by, facts, None, details)


def _no(life: Life, ticket: Ticket) -> str:
    return life.linked.get(ticket.no, ticket.no)


def _call(engine: Engine, life: Life, by_no: dict[str, Ticket], moment: datetime) -> None:
    """Whoever is to be called now, as far as anybody calls (see Ticket.caller)."""
    c = Complaint.__table__.c
    with engine.connect() as connection:
        due = set(connection.scalars(select(c.no).where(c.state == "callback_due", c.shop == SHOP)))
    calls = []
    for ticket in (t for t in by_no.values() if t.caller and _no(life, t) in due):
        outcome = "satisfied" if ticket.caller == 1 else "not_reached"
        calls.append((Act(moment, "call", "caller", {"outcome": outcome}), ticket))
    _advance(engine, life, calls)


def _deliver(engine: Engine, moment: datetime) -> None:
    """What was owed is on its way before the next moment: nothing piles up over the years."""
    o = OutboxMessage.__table__
    unsent = (o.c.sent_at.is_(None), or_(o.c.not_before.is_(None), o.c.not_before <= moment))
    with transaction(engine) as connection:
        connection.execute(update(o).where(*unsent).values(sent_at=moment))


def unwell(life: Life) -> list[tuple[Ticket, Outcome]]:
    """What was asked and not done."""
    return [(ticket, outcome) for ticket, outcome in life.outcomes if outcome.status is not Status.CHANGED]
