"""kefu order list | show | track | act | hold | unhold"""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import select

from deployments import output
from deployments.commands.answers import answer, check_state, show_stored
from deployments.commands.options import At, By, Json, Shop
from flows import clock
from flows.acting import UNNAMED, parse_facts
from flows.acting import act as act_on
from flows.explaining import STATES
from flows.masking import mask_text
from flows.order_documents import documents
from flows.parcel_tracking import track_parcel
from flows.scope import find_scope
from models import Order
from models.database import engine_from_env, reading
from states.orders import OrderState
from states.reasons import yuan

ORDERS = Order.__table__
order = typer.Typer(help="Orders: look at them, and steer one by hand.", no_args_is_help=True)

No = Annotated[str, typer.Argument(metavar="NO", help="The order's number.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(order, name="order")


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
    check_state(state, OrderState)
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
             output.when(d["paid_at"]), yuan(d["amount_fen"]), _promised(d["promise"] or {}),
             ", ".join(h["reason"] for h in d["holds"] if not h["released_at"]))
            for d in documents(connection, ids)
        ]  # fmt: skip
    output.as_table(
        "订单 Orders",
        ("no", "shop", "state", "状态", "placed", "paid", "due, yuan", "promise", "holds"),
        rows,
    )


def _promised(promise: dict) -> str | None:
    return f"{promise['on']} 预计" if promise.get("provisional") else promise.get("on")


@order.command()
def show(no: No, shop: Shop = None, json: Json = False) -> None:
    """Everything stored about one order; personal data masked."""
    show_stored("order", documents, no, shop, json)


@order.command()
def track(no: No, shop: Shop = None, json: Json = False) -> None:
    """Ask the carrier where its parcel is; a signature it reports is told to the order."""
    found = track_parcel(engine_from_env(), no, shop, now=clock.now())
    scans = [{"at": scan.at.isoformat(), "text": mask_text(scan.text)} for scan in found.scans]
    if json:
        signed_at = found.signed_at and found.signed_at.isoformat()
        output.as_json(
            {
                "no": no,
                "waybill": found.waybill,
                "signed_at": signed_at,
                "problem": found.problem,
                "scans": scans,
            }
        )
    else:
        rows = [(output.when(scan["at"]), scan["text"]) for scan in reversed(scans)]
        output.as_table(f"{found.carrier} {found.waybill}", ("at", "物流 scan"), rows)


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
    done = act_on(engine_from_env(), no, trigger, facts=parse_facts(fact or []), at=at, by=by, shop=shop)
    answer("order", done, json)


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
    answer("order", act_on(engine_from_env(), no, "hold", facts=facts, by=by, shop=shop), json)


@order.command()
def unhold(
    no: No, reason: Annotated[str, typer.Option()], by: By = UNNAMED, shop: Shop = None, json: Json = False
) -> None:
    """Lift a hold; the order leaves at its next cut-off."""
    answer("order", act_on(engine_from_env(), no, "unhold", facts={"reason": reason}, by=by, shop=shop), json)
