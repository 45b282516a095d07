"""kefu due, kefu explain: look at cases of every kind, change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Annotated

import typer
from sqlalchemy import Connection, select

from deployments import output
from deployments.commands import explained
from deployments.commands.options import Json, Shop
from flows import clock, complaint_sentences, explaining, rectification_explaining, return_sentences
from flows.complaint_explaining import explain_complaint
from flows.explaining import explain as explain_order
from flows.policy_store import current_policies, current_policy
from flows.rectification_explaining import explain_rectification
from flows.return_explaining import explain_return
from flows.scope import TABLES, find_case, find_scope, zone_of
from models import Timer
from models.database import engine_from_env, reading
from states.errors import NotFound
from states.policies.moments import moment

TIMERS = Timer.__table__
NEXT = {
    **explaining.NEXT,
    **return_sentences.NEXT,
    **complaint_sentences.NEXT,
    **rectification_explaining.NEXT,
}
EXPLAINED = {  # by kind of case: what explains it, and how people read that
    "order": (explain_order, explained.order),
    "return": (explain_return, explained.after_sales),
    "complaint": (explain_complaint, explained.complaint),
    "rectification": (explain_rectification, explained.rectification),
}


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command()(due)
    app.command()(explain)


def due(
    until: Annotated[str | None, typer.Option(help="ISO 8601; the next 24 hours when empty.")] = None,
    shop: Shop = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: Json = False,
) -> None:
    """What will happen next, and when: of orders, after-sales cases and complaints."""
    with reading(engine_from_env()) as connection:
        find_scope(connection, shop, None)
        zone = zone_of(connection, shop)
        end = clock.read_time(until, zone, what="--until") if until else clock.now() + timedelta(hours=24)
        rows = [row for kind in TABLES for row in _waiting(connection, kind, end, shop, limit)]
        rows = sorted(rows, key=lambda row: (row.due_at, row.no))[:limit]
        zones = {name: current_policy(connection, name).zone for name in {row.shop for row in rows}}
    ends = list(_days_that_end(shop))
    found = [{**row._mapping, "due_at": row.due_at.astimezone(zones[row.shop]).isoformat()} for row in rows]
    if json:
        output.as_json([*found, *ends])
        return
    for soon in ends:
        output.say(f"{soon['shop']}: {soon['zh']} / {soon['en']}", style="yellow")
    rows = [
        (output.when(row["due_at"]), row["no"], row["shop"], NEXT[row["kind"]][0].format(round=row["round"]),
         row["kind"], row["refused"], row["error"])
        for row in found
    ]  # fmt: skip
    output.as_table("待办 Due", ("due", "no", "shop", "待办", "kind", "refused", "error"), rows)


def _days_that_end(shop: str | None) -> Iterator[dict]:
    """Of each shop whose working days are known for a short time only: until when."""
    at = clock.now()
    for policies in current_policies(engine_from_env()):
        if shop in (None, policies.name) and (end := policies.days_end(at)):
            due_at = moment(end.last + timedelta(days=1), time(), policies.zone).astimezone(policies.zone)
            of = {
                "no": policies.name,
                "case_kind": "calendar",
                "shop": policies.name,
                "kind": end.reason.code,
            }
            words = {"zh": end.reason.zh, "en": end.reason.en, "days_left": end.left}
            yield {**of, "round": 1, "due_at": due_at.isoformat(), "refused": None, "error": None, **words}


def _waiting(connection: Connection, kind: str, end: datetime, shop: str | None, limit: int) -> list:
    c, cases = TIMERS.c, TABLES[kind].c
    waiting = (
        select(cases.no, c.case_kind, c.shop, c.kind, c.round, c.due_at, c.refused, c.error)
        .join(TABLES[kind], cases.id == c.case_id)
        .where(c.case_kind == kind, c.done_at.is_(None), c.cancelled_at.is_(None), c.due_at <= end)
    )
    waiting = waiting.where(c.shop == shop) if shop else waiting
    return list(connection.execute(waiting.order_by(c.due_at, cases.no).limit(limit)).all())


def explain(
    no: Annotated[str, typer.Argument(metavar="NO", help="Of an order, or of any case.")],
    shop: Shop = None,
    at: Annotated[str | None, typer.Option("--at", help="As of then: ISO 8601; now when empty.")] = None,
    json: Json = False,
) -> None:
    """Why it is where it is, what comes next, what blocks it and what would unblock it."""
    with reading(engine_from_env()) as connection:
        kind, case_id, of_shop = _find(connection, no, shop)
        zone = current_policy(connection, of_shop).zone
        moment = clock.read_time(at, zone, what="--at") if at else clock.now()
        explains, shows = EXPLAINED[kind]
        answer = explains(connection, case_id, moment)
    output.as_json(answer.as_dict()) if json else shows(answer)


def _find(connection: Connection, no: str, shop: str | None) -> tuple[str, int, str]:
    """An order, else a case of another kind. Raises NotFound or BadInput."""
    for kind in EXPLAINED:
        try:
            return kind, *find_case(connection, kind, no, shop)
        except NotFound:
            continue
    of = f" in shop {shop}" if shop else ""
    raise NotFound(
        f"there is no order, after-sales case or complaint {no!r}{of}; "
        "`kefu order list`, `kefu return list` and `kefu complaint list` show those there are",
        code="unknown_order",
        where=no,
    )
