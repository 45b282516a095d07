"""kefu order list | show | act | hold | unhold, kefu due, kefu explain"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer
from sqlalchemy import select

from deployments import output
from flows import clock
from flows.acting import UNNAMED, parse_facts
from flows.acting import act as act_on
from flows.explaining import NEXT, STATES
from flows.explaining import explain as explanation_of
from flows.order_documents import documents
from flows.policy_store import current_policy
from flows.requests import Outcome, Status
from flows.scope import find_order, find_scope, zone_of
from models import Order, Timer
from models.database import engine_from_env, reading
from states.errors import BadInput
from states.orders import OrderState
from states.reasons import yuan

ORDERS, TIMERS = Order.__table__, Timer.__table__
order = typer.Typer(help="Orders: look at them, and steer one by hand.", no_args_is_help=True)

No = Annotated[str, typer.Argument(metavar="NO", help="The order's number.")]
Shop = Annotated[str | None, typer.Option("--shop", help="Needed only where two shops use one number.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
By = Annotated[str, typer.Option("--by", help="Who does it, by name.")]
At = Annotated[
    str | None, typer.Option("--at", help="When it happened: ISO 8601, in the shop's zone; now when empty.")
]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(order, name="order")
    app.command()(due)
    app.command()(explain)


@order.command("list")
def list_(
    shop: Shop = None,
    state: Annotated[str | None, typer.Option(help="Only orders in this state.")] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Everything about each, a line an order.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many; 50 in the table, all in JSON lines.")
    ] = None,
) -> None:
    """Orders, oldest first."""
    if state is not None and state not in list(OrderState):
        raise BadInput(
            f"there is no state {state!r}; known: {', '.join(OrderState)}", code="unknown_state", where=state
        )
    with reading(engine_from_env()) as connection:
        find_scope(connection, shop, None)
        wanted = select(ORDERS.c.id).order_by(ORDERS.c.placed_at, ORDERS.c.no)
        wanted = wanted.where(ORDERS.c.shop == shop) if shop else wanted
        wanted = wanted.where(ORDERS.c.state == state) if state else wanted
        ids = list(connection.scalars(wanted.limit(limit if limit is not None or jsonl else 50)))
        if jsonl:
            for document in documents(connection, ids):
                output.as_json_line(document)
            return
        rows = [
            (d["no"], d["shop"], d["state"], STATES[d["state"]][0], output.when(d["placed_at"]),
             output.when(d["paid_at"]), yuan(d["amount_fen"]), (d["promise"] or {}).get("on"),
             ", ".join(h["reason"] for h in d["holds"] if not h["released_at"]))
            for d in documents(connection, ids)
        ]  # fmt: skip
    output.as_table(
        "订单 Orders",
        ("no", "shop", "state", "状态", "placed", "paid", "due, yuan", "promise", "holds"),
        rows,
    )


@order.command()
def show(no: No, shop: Shop = None, json: Json = False) -> None:
    """Everything stored about one order; personal data masked."""
    with reading(engine_from_env()) as connection:
        document = next(documents(connection, [find_order(connection, no, shop)[0]]))
    output.as_json(document) if json else output.console.print(document)


@order.command()
def act(
    no: No,
    trigger: Annotated[str, typer.Argument(metavar="TRIGGER", help="pay, ship, verify, reopen, amend …")],
    fact: Annotated[list[str] | None, typer.Option("--fact", help="name=value; again for more.")] = None,
    at: At = None,
    by: By = UNNAMED,
    shop: Shop = None,
    json: Json = False,
) -> None:
    """Tell a fact of an order, or decide about it."""
    _answer(
        act_on(engine_from_env(), no, trigger, facts=parse_facts(fact or []), at=at, by=by, shop=shop), json
    )


@order.command()
def hold(
    no: No,
    reason: Annotated[str, typer.Option(help="Why it must not leave.")],
    until: Annotated[
        str | None, typer.Option(help="Ends by itself then; stays until lifted when empty.")
    ] = None,
    by: By = UNNAMED,
    shop: Shop = None,
    json: Json = False,
) -> None:
    """Do not ship (rule 84)."""
    facts = {"reason": reason, **({"until": until} if until else {})}
    _answer(act_on(engine_from_env(), no, "hold", facts=facts, by=by, shop=shop), json)


@order.command()
def unhold(
    no: No, reason: Annotated[str, typer.Option()], by: By = UNNAMED, shop: Shop = None, json: Json = False
) -> None:
    """Lift a hold; the order leaves at its next cut-off."""
    _answer(act_on(engine_from_env(), no, "unhold", facts={"reason": reason}, by=by, shop=shop), json)


def _answer(outcome: Outcome, json: bool) -> None:
    changes = [{"trigger": c.trigger, "source": c.source, "dest": c.dest} for c in outcome.changes]
    surprises = [c.anomaly for c in outcome.changes if c.anomaly]
    if json:
        noted = [reason.as_dict() for reason in surprises]
        output.as_json({"no": outcome.no, "status": outcome.status, "changes": changes, "anomalies": noted})
        return
    if outcome.status is Status.KNOWN:
        output.console.print(f"order {outcome.no}: that was known already, nothing changed")
    if outcome.status is Status.CONTRADICTED:
        output.console.print(
            f"order {outcome.no}: contradicts what is known; noted as an anomaly, see kefu explain"
        )
    for change in changes:
        output.console.print(
            f"order {outcome.no}: {change['trigger']}, {change['source']} → {change['dest']}"
        )
    for reason in surprises:
        output.console.print(f"异常 anomaly: {reason.zh} / {reason.en}", style="yellow")


def due(
    until: Annotated[str | None, typer.Option(help="ISO 8601; the next 24 hours when empty.")] = None,
    shop: Shop = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: Json = False,
) -> None:
    """What will happen next, and when."""
    c = TIMERS.c
    with reading(engine_from_env()) as connection:
        find_scope(connection, shop, None)
        zone = zone_of(connection, shop)
        end = clock.read_time(until, zone, what="--until") if until else clock.now() + timedelta(hours=24)
        waiting = (
            select(ORDERS.c.no, c.shop, c.kind, c.round, c.due_at, c.refused, c.error)
            .join(ORDERS, ORDERS.c.id == c.case_id)
            .where(c.case_kind == "order", c.done_at.is_(None), c.cancelled_at.is_(None), c.due_at <= end)
            .order_by(c.due_at, ORDERS.c.no)
            .limit(limit)
        )
        rows = connection.execute(waiting.where(c.shop == shop) if shop else waiting).all()
        zones = {name: current_policy(connection, name).zone for name in {row.shop for row in rows}}
    found = [{**row._mapping, "due_at": row.due_at.astimezone(zones[row.shop]).isoformat()} for row in rows]
    if json:
        output.as_json(found)
    else:
        rows = [
            (output.when(row["due_at"]), row["no"], row["shop"], NEXT[row["kind"]][0].format(round=row["round"]),
             row["kind"], row["refused"], row["error"])
            for row in found
        ]  # fmt: skip
        output.as_table("待办 Due", ("due", "no", "shop", "待办", "kind", "refused", "error"), rows)


def explain(no: No, shop: Shop = None, at: At = None, json: Json = False) -> None:
    """Why it is where it is, what comes next, what blocks it and what would unblock it."""
    with reading(engine_from_env()) as connection:
        case_id, of_shop = find_order(connection, no, shop)
        zone = current_policy(connection, of_shop).zone
        answer = explanation_of(
            connection, case_id, clock.read_time(at, zone, what="--at") if at else clock.now()
        )
    if json:
        output.as_json(answer.as_dict())
        return
    d = answer.order
    zh, en = STATES[d["state"]]
    say(f"订单 {d['no']}({d['shop']}):{zh}", style="bold")
    say(f"Order {d['no']} ({d['shop']}): {en}")
    if d["promise"]:
        kind = {"delivered": "送达", "dispatched": "发货"}[d["promise"]["kind"]]
        cutoff = output.when(d["promise"]["cutoff_at"])
        say(f"承诺 {d['promise']['on']} {kind},截单 {cutoff}")
        say(f"Promised: {d['promise']['kind']} on {d['promise']['on']}, with the cut-off of {cutoff}")
    _section("经过 What happened", [(output.when(e["at"]), e["zh"], e["en"]) for e in answer.story])
    noted = [
        line for a in answer.anomalies for line in (("!", a["zh"], a["en"]), ("→", a["remedy"], a["remedy"]))
    ]
    _section("异常 To be looked at", noted)
    _section("阻碍 What blocks it", [("✗", _ruled(b), b["en"]) for b in answer.blockers])
    _section(
        "怎么办 What would unblock it",
        list(dict.fromkeys(("→", b["unblock_zh"], b["unblock_en"]) for b in answer.blockers)),
    )
    _section("接下来 What comes next", [(output.when(n["due_at"]), n["zh"], n["en"]) for n in answer.next])


def say(text: str, style: str | None = None) -> None:
    """One line for people, as it stands: nothing in it is markup."""
    output.console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def _ruled(reason: dict) -> str:
    return f"{reason['zh']}(规则 {reason['rule']})" if reason["rule"] else reason["zh"]


def _section(title: str, lines: list[tuple[str, str, str]]) -> None:
    if lines:
        say(f"\n{title}", style="bold")
    for mark, zh, en in lines:
        say(f"  {mark}  {zh}" if zh == en else f"  {mark}  {zh} / {en}")
