"""kefu complaint open | list | show | act: what customers turn to us with; the calls are in complaint_calls.py"""

from __future__ import annotations

from typing import Annotated

import typer

from deployments import output
from deployments.commands.answers import answer, show_stored
from deployments.commands.options import At, By, Json, Shop
from flows import clock
from flows.acting import UNNAMED, parse_facts
from flows.complaint_acts import act as act_on
from flows.complaint_desk import COMPLAINTS_HAND, Registered, hear, register
from flows.complaint_documents import documents, most_urgent_first
from flows.complaint_explaining import ComplaintExplanation, explain_complaint
from flows.complaint_sentences import JOINED, LINKED, STATES
from flows.requests import Outcome
from flows.return_quotes import read_word
from flows.scope import find_case, find_scope, zone_of
from models.database import engine_from_env, reading
from states.complaint_states import ComplaintState
from states.policies.complaint_terms import GRADES, INTAKES, NATURES, URGENCY_WORDS, Grade, Urgency

complaint = typer.Typer(
    help="Consultations, queries and complaints: register one, look at them, steer one by hand, call back.",
    no_args_is_help=True,
)

No = Annotated[str, typer.Argument(metavar="NO", help="Its number, such as 4711-C1.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(complaint, name="complaint")


@complaint.command("open")
def open_(
    words: Annotated[str, typer.Option(help="What the customer says, in the customer's words.")],
    no: Annotated[
        str | None,
        typer.Argument(metavar="[ORDER]", help="The order's number; without one, name the --shop."),
    ] = None,
    intake: Annotated[str, typer.Option("--class", help="consultation, query, complaint.")] = "complaint",
    nature: Annotated[
        str | None,
        typer.Option(
            help="Of a complaint: packaging, attitude, logistics, quality, expired, spoiled, safety, other."
        ),
    ] = None,
    channel: Annotated[str | None, typer.Option(help="phone, chat, email, social, app, wechat …")] = None,
    grade: Annotated[
        str | None, typer.Option(help="general, major, crisis; as the rules propose when empty.")
    ] = None,
    sku: Annotated[str | None, typer.Option(help="The goods it is about.")] = None,
    amount_fen: Annotated[int | None, typer.Option(min=0, help="What is at stake, in fen.")] = None,
    furious: Annotated[
        bool, typer.Option("--furious", help="The customer is extremely dissatisfied.")
    ] = False,
    hard_to_judge: Annotated[
        bool, typer.Option("--hard-to-judge", help="Nobody can tell yet what happened (rule 98).")
    ] = False,
    name: Annotated[str | None, typer.Option(help="The customer's name; as in the order when empty.")] = None,
    phone: Annotated[str | None, typer.Option(help="A number to call; as in the order when empty.")] = None,
    address: Annotated[str | None, typer.Option(help="As in the order when empty.")] = None,
    handler: Annotated[str | None, typer.Option(help="Who is to handle it.")] = None,
    at: At = None,
    by: By = UNNAMED,
    shop: Shop = None,
    json: Json = False,
) -> None:
    """Register what a customer says (rules 93-96); about the same order and cause it joins what is open."""
    made = register(
        engine_from_env(), words=words, order_no=no, shop=shop, intake=intake, nature=nature, channel=channel,
        grade=grade, sku=sku, amount_fen=amount_fen, furious=furious, hard_to_judge=hard_to_judge, name=name,
        phone=phone, address=address, handler=handler, at=at, by=by,
    )  # fmt: skip
    _answer_registered(made, json)


@complaint.command("list")
def list_(
    shop: Shop = None,
    state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    grade: Annotated[str | None, typer.Option(help="Only of this grade.")] = None,
    urgency: Annotated[str | None, typer.Option(help="Only so urgent: immediate, high, normal.")] = None,
    handler: Annotated[str | None, typer.Option(help="Only what this person handles.")] = None,
    due: Annotated[str | None, typer.Option(help="Only where something is due by then: ISO 8601.")] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Everything about each, a line for each.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many; 50 in the table, all in JSON lines.")
    ] = None,
) -> None:
    """Open ones first, the most urgent of them before all others (rule 111)."""
    only = {
        "shop": shop,
        "state": state and read_word(ComplaintState, state, "state"),
        "grade": grade and read_word(Grade, grade, "grade"),
        "urgency": urgency and read_word(Urgency, urgency, "urgency"),
        "handler": handler,
    }
    with reading(engine_from_env()) as connection:
        find_scope(connection, shop, None)
        by_then = clock.read_time(due, zone_of(connection, shop), what="--due") if due else None
        at_most = limit if limit is not None or jsonl else 50
        found = documents(connection, most_urgent_first(connection, due=by_then, limit=at_most, **only))
        if jsonl:
            for document in found:
                output.as_json_line(document)
            return
        rows = [_row(document) for document in found]
    columns = (
        "no",
        "shop",
        "state",
        "状态",
        "种类",
        "级别",
        "紧急",
        "round",
        "handler",
        "registered",
        "next due",
    )
    output.as_table("投诉 Complaints", columns, rows)


def _row(d: dict) -> tuple:
    waiting = [t["due_at"] for t in d["timers"] if not t["done_at"] and not t["cancelled_at"]]
    kind = NATURES[d["nature"]] if d["nature"] else INTAKES[d["class"]]
    grade, urgency = GRADES.get(d["grade"], ("",)), URGENCY_WORDS.get(d["urgency"], ("",))
    return (
        *(d["no"], d["shop"], d["state"], STATES[d["state"]][0], kind[0], grade[0], urgency[0]),
        *(
            len(d["rounds"]),
            d["handler"],
            output.when(d["registered_at"]),
            output.when(min(waiting, default=None)),
        ),
    )


@complaint.command()
def show(no: No, shop: Shop = None, json: Json = False) -> None:
    """Everything stored about one complaint; who it is about, and telephone numbers, masked."""
    show_stored("complaint", documents, no, shop, json)


@complaint.command()
def act(
    no: No,
    trigger: Annotated[str, typer.Argument(metavar="TRIGGER", help=", ".join(COMPLAINTS_HAND.triggers))],
    fact: Annotated[list[str] | None, typer.Option("--fact", help="name=value; again for more.")] = None,
    at: At = None,
    by: By = UNNAMED,
    shop: Shop = None,
    json: Json = False,
) -> None:
    """Tell a fact of a complaint, or decide about it; a customer's word after the end may begin a linked one."""
    facts = parse_facts(fact or [])
    if trigger == "hear" and facts.get("words", "").strip() and len(facts) == 1:
        _answer_registered(hear(engine_from_env(), no, facts["words"], at=at, by=by, shop=shop), json)
        return
    done = act_on(engine_from_env(), no, trigger, facts=facts, at=at, by=by, shop=shop)
    answer_act(done, json)


def answer_act(done: Outcome, json: bool) -> None:
    """What changed, and whose turn it is now."""
    told = _told(done)
    keys = ("state", "grade", "urgency", "handler")
    answer(
        "complaint", done, json, {**{key: told.case[key] for key in keys}, "round": len(told.case["rounds"])}
    )
    if not json:
        _go_on(told)


def _answer_registered(made: Registered, json: bool) -> None:
    told = _told(made.outcome)
    if json:
        keys = ("state", "class", "grade", "urgency", "reasons", "handler")
        more = {"joined": made.joined, "linked_no": made.linked_no, "promises": told.promises}
        answer("complaint", made.outcome, True, {**{key: told.case[key] for key in keys}, **more})
        return
    for texts in [JOINED] * made.joined + [LINKED] * bool(made.linked_no):
        zh, en = (text.format(no=made.linked_no or made.outcome.no) for text in texts)
        output.say(f"{zh} / {en}", style="yellow")
    zh, en = STATES[told.case["state"]]
    output.say(f"投诉 {told.case['no']}:{zh} / complaint {told.case['no']}: {en}", style="bold")
    output.say(f"{told.heading['zh']} / {told.heading['en']}")
    output.section("为什么 Why", [("·", line["zh"], line["en"]) for line in told.why])
    output.section("承诺与期限 What is owed", [("·", line["zh"], line["en"]) for line in told.promises])
    output.say("")
    _go_on(told)


def _told(done: Outcome) -> ComplaintExplanation:
    with reading(engine_from_env()) as connection:
        case_id, _ = find_case(connection, "complaint", done.no, done.request.shop)
        return explain_complaint(connection, case_id, max(clock.now(), done.request.at))


def _go_on(told: ComplaintExplanation) -> None:
    output.say(f"{told.turn['zh']} / {told.turn['en']}")
    for timer in told.next:
        output.say(f"  {output.when(timer['due_at'])}  {timer['zh']} / {timer['en']}")
