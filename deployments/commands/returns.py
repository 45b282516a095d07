"""kefu return open | list | show | act: the after-sales desk."""

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
from flows.requests import Outcome
from flows.return_desk import RETURNS_HAND, open_return
from flows.return_documents import documents
from flows.return_explaining import ReturnExplanation, explain_return
from flows.return_sentences import STATES
from flows.scope import find_case, find_scope
from models import Return
from models.database import engine_from_env, reading
from states.policies.return_words import KINDS
from states.reasons import yuan
from states.return_states import ReturnState

RETURNS = Return.__table__
return_ = typer.Typer(
    help="After-sales cases: open one, look at them, steer one by hand.", no_args_is_help=True
)

No = Annotated[str, typer.Argument(metavar="NO", help="The case's number, such as 4711-R1.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(return_, name="return")


@return_.command("open")
def open_(
    no: Annotated[str, typer.Argument(metavar="ORDER", help="The order's number.")],
    reason: Annotated[str, typer.Option(help="quality, wrong_item, missing, damaged_in_transit, disliked …")],
    kind: Annotated[
        str | None, typer.Option(help="refund_unshipped, return_refund, exchange, reship, compensation.")
    ] = None,
    line: Annotated[
        list[str] | None, typer.Option("--line", help="SKU or SKU=PIECES; again for more; all when empty.")
    ] = None,
    condition: Annotated[str | None, typer.Option(help="as_new, used, inner_packing_damaged.")] = None,
    goods: Annotated[str | None, typer.Option("--class", help="hygiene, special_price, gift …")] = None,
    amount_fen: Annotated[int | None, typer.Option(help="The amount asked for, in fen.")] = None,
    evidence: Annotated[
        list[str] | None, typer.Option(help="photo=LINK or delivery_note=LINK; again for more.")
    ] = None,
    at: At = None,
    by: By = UNNAMED,
    shop: Shop = None,
    json: Json = False,
) -> None:
    """Make a case of what a buyer asks for; the rules answer at once, and what they allow goes on by itself."""
    done = open_return(
        engine_from_env(), no, reason=reason, kind=kind, lines=line or (), condition=condition, goods=goods,
        amount_fen=amount_fen, evidence=evidence or (), at=at, by=by, shop=shop,
    )  # fmt: skip
    told = _told(done)
    if not json:
        _show(told)
        return
    keys = ("state", "kind", "answer", "reasons", "evidence_wanted", "until", "cooling_until", "send_by")
    case = {key: told.case[key] for key in (*keys, "refund_fen", "postage")}
    answer("return", done, True, {**case, "parts": told.parts})


@return_.command("list")
def list_(
    shop: Shop = None,
    state: Annotated[str | None, typer.Option(help="Only cases in this state.")] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Everything about each, a line a case.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many; 50 in the table, all in JSON lines.")
    ] = None,
) -> None:
    """After-sales cases, oldest first."""
    check_state(state, ReturnState)
    with reading(engine_from_env()) as connection:
        find_scope(connection, shop, None)
        wanted = select(RETURNS.c.id).order_by(RETURNS.c.asked_at, RETURNS.c.no)
        wanted = wanted.where(RETURNS.c.shop == shop) if shop else wanted
        wanted = wanted.where(RETURNS.c.state == state) if state else wanted
        ids = list(connection.scalars(wanted.limit(limit if limit is not None or jsonl else 50)))
        if jsonl:
            for document in documents(connection, ids):
                output.as_json_line(document)
            return
        rows = [
            (d["no"], d["shop"], d["state"], STATES[d["state"]][0], KINDS[d["kind"]][0], d["reason"],
             output.when(d["asked_at"]), yuan(d["refund_fen"]), (d["overridden"] or {}).get("by"))
            for d in documents(connection, ids)
        ]  # fmt: skip
    columns = ("no", "shop", "state", "状态", "种类", "reason", "asked", "refund, yuan", "overridden by")
    output.as_table("售后 After-sales", columns, rows)


@return_.command()
def show(no: No, shop: Shop = None, json: Json = False) -> None:
    """Everything stored about one case; telephone numbers masked."""
    show_stored("return", documents, no, shop, json)


@return_.command()
def act(
    no: No,
    trigger: Annotated[str, typer.Argument(metavar="TRIGGER", help=", ".join(RETURNS_HAND.triggers))],
    fact: Annotated[list[str] | None, typer.Option("--fact", help="name=value; again for more.")] = None,
    at: At = None,
    by: By = UNNAMED,
    shop: Shop = None,
    json: Json = False,
) -> None:
    """Tell a fact of a case, or decide about it."""
    facts = parse_facts(fact or [])
    done = act_on(engine_from_env(), no, trigger, facts=facts, at=at, by=by, shop=shop, hand=RETURNS_HAND)
    told = _told(done)
    answer("return", done, json, {key: told.case[key] for key in ("state", "refund_fen")})
    if not json:
        _go_on(told)


def _told(done: Outcome) -> ReturnExplanation:
    with reading(engine_from_env()) as connection:
        case_id, _ = find_case(connection, "return", done.no, done.request.shop)
        return explain_return(connection, case_id, max(clock.now(), done.request.at))


def _show(told: ReturnExplanation) -> None:
    """What a buyer is told on the telephone: the number, the answer and why, the money, what comes next."""
    zh, en = STATES[told.case["state"]]
    output.say(f"售后单 {told.case['no']}:{zh} / case {told.case['no']}: {en}", style="bold")
    output.say(f"{told.heading['zh']} / {told.heading['en']}")
    output.section("为什么 Why", [("·", line["zh"], line["en"]) for line in told.why])
    output.section("钱 Money", [("¥", line["zh"], line["en"]) for line in told.money])
    output.say("")
    _go_on(told)


def _go_on(told: ReturnExplanation) -> None:
    output.say(f"{told.turn['zh']} / {told.turn['en']}")
    for timer in told.next:
        output.say(f"  {output.when(timer['due_at'])}  {timer['zh']} / {timer['en']}")
