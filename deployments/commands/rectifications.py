"""kefu rectification open | list | show | act: what is put right because many complained of it."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import select

from deployments import output
from deployments.commands.answers import answer, check_state, show_stored
from deployments.commands.options import At, By, Json, Shop
from flows.acting import UNNAMED, parse_facts
from flows.acting import act as act_on
from flows.rectification_desk import RECTIFICATIONS_HAND, open_rectification
from flows.rectification_documents import documents
from flows.rectification_explaining import STATES
from flows.scope import find_scope
from models import Rectification
from models.database import engine_from_env, reading
from states.policies.rectifications import problem
from states.rectifications import RectificationState

RECTIFICATIONS = Rectification.__table__
rectification = typer.Typer(
    help="What many complained of: open it to be put right, look at it, steer it by hand.",
    no_args_is_help=True,
)

No = Annotated[str, typer.Argument(metavar="NO", help="Its number, such as BAG-1-ZG1.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(rectification, name="rectification")


@rectification.command("open")
def open_(
    shop: Annotated[str, typer.Option("--shop")],
    goods: Annotated[str | None, typer.Option(help="The SKU that is complained of.")] = None,
    cause: Annotated[str | None, typer.Option(help="quality, packaging, logistics, attitude …")] = None,
    owner: Annotated[
        str | None, typer.Option(help="Who puts it right; the shop's usual one when empty.")
    ] = None,
    at: At = None,
    by: By = UNNAMED,
    json: Json = False,
) -> None:
    """Have something put right before complaints of it are many (rule 102)."""
    done = open_rectification(
        engine_from_env(), shop=shop, goods=goods, cause=cause, owner=owner, at=at, by=by
    )
    answer("rectification", done, json)


@rectification.command("list")
def list_(
    shop: Shop = None,
    state: Annotated[str | None, typer.Option(help="Only those in this state: open, done.")] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Everything about each, a line for each.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many; 50 in the table, all in JSON lines.")
    ] = None,
) -> None:
    """Rectifications, the one due first at the top."""
    check_state(state, RectificationState)
    with reading(engine_from_env()) as connection:
        find_scope(connection, shop, None)
        c = RECTIFICATIONS.c
        wanted = select(c.id).order_by(c.due_at, c.no)
        wanted = wanted.where(c.shop == shop) if shop else wanted
        wanted = wanted.where(c.state == state) if state else wanted
        ids = list(connection.scalars(wanted.limit(limit if limit is not None or jsonl else 50)))
        if jsonl:
            for document in documents(connection, ids):
                output.as_json_line(document)
            return
        rows = [
            (d["no"], d["shop"], STATES[d["state"]][0], problem(d["about"], d["subject"])[0],
             len(d["complaints"]), d["owner"], output.when(d["due_at"]), output.when(d["finished_at"]))
            for d in documents(connection, ids)
        ]  # fmt: skip
    columns = ("no", "shop", "状态", "问题", "投诉 complaints", "负责 owner", "期限 due", "完成 done")
    output.as_table("整改 Rectifications", columns, rows)


@rectification.command()
def show(no: No, shop: Shop = None, json: Json = False) -> None:
    """Everything stored about one, and the complaints it is about."""
    show_stored("rectification", documents, no, shop, json)


@rectification.command()
def act(
    no: No,
    trigger: Annotated[str, typer.Argument(metavar="TRIGGER", help=", ".join(RECTIFICATIONS_HAND.triggers))],
    fact: Annotated[list[str] | None, typer.Option("--fact", help="name=value; again for more.")] = None,
    at: At = None,
    by: By = UNNAMED,
    shop: Shop = None,
    json: Json = False,
) -> None:
    """Report how it stands, name another owner, or say that it is done."""
    facts = parse_facts(fact or [])
    asked = {"facts": facts, "at": at, "by": by, "shop": shop}
    answer("rectification", act_on(engine_from_env(), no, trigger, **asked, hand=RECTIFICATIONS_HAND), json)
