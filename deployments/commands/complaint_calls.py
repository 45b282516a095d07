"""kefu complaint callback: who is to be called, what to say, and how it went (rules 100, 177)"""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import Connection

from deployments import output
from deployments.commands.complaints import answer_act, complaint
from deployments.commands.options import At, By, Json, Shop
from flows import clock, complaint_cases
from flows.acting import UNNAMED, name_of
from flows.call_back import CALL, must_be_callable
from flows.complaint_acts import act
from flows.complaint_documents import documents, to_be_called
from flows.messages import render
from flows.scope import find_case, find_scope, zone_of
from models.database import engine_from_env, reading
from states.errors import BadInput, Refused
from states.lifecycle import Asked, case_name
from states.order_guards import not_by_name

SHOW_NUMBER = "show_number"


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line, beside those of `complaints.py`."""
    complaint.command()(callback)


def callback(
    no: Annotated[str | None, typer.Argument(metavar="[NO]", help="Its number, such as 4711-C1.")] = None,
    outcome: Annotated[
        str | None, typer.Option(help="satisfied, problem, not_reached, wrong_number, later, refused.")
    ] = None,
    later_at: Annotated[str | None, typer.Option(help="With `later`: when to call then, ISO 8601.")] = None,
    text: Annotated[str | None, typer.Option(help="What the customer says.")] = None,
    satisfaction: Annotated[str | None, typer.Option(help="The customer's mark, 1 to 5.")] = None,
    due: Annotated[bool, typer.Option("--due", help="List the calls that are due now.")] = False,
    show_number: Annotated[
        bool, typer.Option("--show-number", help="The number itself; needs --by.")
    ] = False,
    at: At = None,
    by: By = UNNAMED,
    shop: Shop = None,
    json: Json = False,
) -> None:
    """Record how a call went; without an outcome, show what to say and who to call; with --due, which are due.

    --show-number is the one place where kefu shows a number in full, so that somebody can dial it: only to a person
    with a name, on the screen, and in no log (promise 9).
    """
    told = {"outcome": outcome, "later_at": later_at, "text": text, "satisfaction": satisfaction}
    facts = {name: value for name, value in told.items() if value is not None}
    if due:
        _list_due(no, shop, at, json)
    elif no is None:
        raise BadInput("name the complaint, or ask for --due", code="which_case", where="callback")
    elif show_number:
        _show_number(no, shop, by, json)
    elif facts:
        answer_act(act(engine_from_env(), no, CALL, facts=facts, at=at, by=by, shop=shop), json)
    else:
        _show_sheet(no, shop, json)


def _list_due(no: str | None, shop: str | None, at: str | None, json: bool) -> None:
    if no is not None:
        raise BadInput(
            f"--due lists all calls that are due, not only that of {no}", code="usage", where="--due"
        )
    with reading(engine_from_env()) as connection:
        find_scope(connection, shop, None)
        moment = clock.read_time(at, zone_of(connection, shop), what="--at") if at else clock.now()
        calls = [_due(document) for document in documents(connection, to_be_called(connection, shop, moment))]
    if json:
        output.as_json(calls)
        return
    columns = ("no", "shop", "客户", "phone", "due since", "call by", "calls so far")
    whens = ((output.when(call["due_since"]), output.when(call["until"])) for call in calls)
    rows = [
        (c["no"], c["shop"], c["name"], c["phone"], *when, c["calls"])
        for c, when in zip(calls, whens, strict=True)
    ]
    output.as_table("待回访 Calls due", columns, rows)


def _due(document: dict) -> dict:
    round_ = document["rounds"][-1]
    return {
        **{name: document[name] for name in ("no", "shop", "state", "name", "phone", "handler")},
        **{"due_since": round_["next_call_at"], "until": round_["call_until"], "calls": len(round_["calls"])},
    }


def _show_number(no: str, shop: str | None, by: str, json: bool) -> None:
    by = name_of(by)
    with reading(engine_from_env()) as connection:
        case = _case(connection, no, shop)
        if why_not := tuple(not_by_name(case, Asked(SHOW_NUMBER, clock.now(), by))):
            raise Refused(case_name("complaint", case), SHOW_NUMBER, why_not)
        if not case.phone:
            raise BadInput(
                f"complaint {no} has no telephone number: ask the customer in writing",
                code="no_phone",
                where=no,
            )
        output.as_json({"no": no, "phone": case.phone}) if json else output.say(case.phone)


def _show_sheet(no: str, shop: str | None, json: bool) -> None:
    with reading(engine_from_env()) as connection:
        case = _case(connection, no, shop)
        must_be_callable(case)
        sheet = render("callback_due", case, {})
        document = next(documents(connection, [case.id]))
    output.as_json({**_due(document), "text": sheet}) if json else output.say(sheet)


def _case(connection: Connection, no: str, shop: str | None) -> complaint_cases.ComplaintView:
    case_id, _ = find_case(connection, "complaint", no, shop)
    return complaint_cases.load(connection, [case_id], lock=False)[case_id]
