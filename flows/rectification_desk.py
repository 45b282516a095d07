"""Rectifications by hand: a person opens one before complaints are enough, and steers it until it is done."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from flows import clock, rectification_cases
from flows.acting import UNNAMED, Hand, answered, masked, name_of, words
from flows.advance import advancing
from flows.policy_store import current_policy
from flows.rectification_cases import COMPLAINTS, SUBJECTS
from flows.rectification_steps import last_of, number_of
from flows.requests import Outcome, Request
from flows.return_quotes import read_word
from models.database import reading
from states.errors import BadInput
from states.policies.complaint_terms import IntakeClass, Nature
from states.policies.rectifications import About

RECTIFICATIONS_HAND = Hand(
    rectification_cases,
    ("assign", "finish", "report"),
    {"report": {"text!": masked}, "assign": {"owner!": words}, "finish": {"text!": masked}},
    lambda trigger, told: None,
)


def open_rectification(
    engine: Engine,
    *,
    shop: str,
    goods: str | None = None,
    cause: str | None = None,
    owner: str | None = None,
    at: str | None = None,
    by: str = UNNAMED,
) -> Outcome:
    """A rectification about an article or a nature of complaints, however many there are (rule 102).

    Raises BadInput, NotFound, and Refused where one is open or nobody answers for it.
    """
    by = name_of(by)
    about, subject = _subject(goods, cause)
    with reading(engine) as connection:
        policy = current_policy(connection, shop)
        moment = _moment(at, policy.zone)
        number, since = _before(connection, shop, about, subject)
        since = max(filter(None, (moment - policy.complaints.rectification.within, since)))
        counted = _count(connection, shop, about, subject, since, moment)
    facts: dict[str, Any] = {"about": about, "subject": subject, "counted": counted, "owner": owner}
    asked = Request(
        shop, number_of(about, subject, number), "open", moment, by, facts, None, {"counted_since": since}
    )
    done = advancing(engine, [asked], recorded_at=clock.now(), cases=rectification_cases)
    return answered("rectification", asked.no, "open", done.outcomes[0])


def _subject(goods: str | None, cause: str | None) -> tuple[About, str]:
    if goods and goods.strip() and not cause:
        return About.GOODS, goods.strip()
    if cause and not goods:
        return About.CAUSE, read_word(Nature, cause, "cause")
    raise BadInput(
        "name what is to be put right: --goods SKU, or --cause with one of " + ", ".join(Nature),
        code="which_problem",
        where="--goods",
    )


def _moment(at: str | None, zone: Any) -> datetime:
    if at is None:
        return clock.now()
    return clock.not_in_the_future(clock.read_time(at, zone, what="--at"), "--at")


def _before(connection: Connection, shop: str, about: About, subject: str) -> tuple[int, datetime | None]:
    """The number of the next one about it, and when the last one was done."""
    last = last_of(about)
    so_far = select(last.c.so_far, last.c.finished_at)
    row = connection.execute(so_far.where(last.c.shop == shop, last.c.subject == subject)).first()
    return (row.so_far + 1, row.finished_at) if row else (1, None)


def _count(
    connection: Connection, shop: str, about: About, subject: str, since: datetime, until: datetime
) -> int:
    c = COMPLAINTS.c
    mine = (
        *(c.shop == shop, c.intake == IntakeClass.COMPLAINT, SUBJECTS[about] == subject),
        *(c.registered_at >= since, c.registered_at <= until),
    )
    return connection.scalar(select(func.count()).where(*mine))
