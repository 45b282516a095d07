"""kefu inbox list | show"""

from __future__ import annotations

from typing import Annotated

import typer

from deployments import output
from deployments.commands.options import Json
from flows.inbox_documents import inbox_document, inbox_documents
from flows.scope import find_scope
from models.database import engine_from_env, reading

inbox = typer.Typer(
    help="What platform, carrier and payment service told: what waits, and what was odd.",
    no_args_is_help=True,
)


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(inbox, name="inbox")


@inbox.command("list")
def list_(
    shop: Annotated[str | None, typer.Option("--shop")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also what was worked on and was not odd.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: Json = False,
) -> None:
    """Facts that wait or were odd, newest first."""
    with reading(engine_from_env()) as connection:
        find_scope(connection, shop, None)
        found = list(inbox_documents(connection, shop=shop, every=every, limit=limit))
    if json:
        output.as_json(found)
        return
    rows = [
        (f["id"], f["shop"], f["source"], f["kind"], f["case_no"], output.when(f["received_at"]),
         f["outcome"] or "waits", f["error"])
        for f in found
    ]  # fmt: skip
    output.as_table(
        "收到的事件 Facts told",
        ("id", "shop", "source", "kind", "about", "received", "outcome", "error"),
        rows,
    )


@inbox.command()
def show(fact: Annotated[int, typer.Argument(metavar="ID")], json: Json = False) -> None:
    """One fact with its words; personal data masked."""
    with reading(engine_from_env()) as connection:
        found = inbox_document(connection, fact)
    output.as_json(found) if json else output.console.print(found)
