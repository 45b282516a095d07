"""kefu outbox list, show, retry, abandon"""

from __future__ import annotations

from datetime import UTC
from typing import Annotated

import typer

from deployments import output
from deployments.commands.options import By, Json
from flows import clock, outbox_desk
from flows.document_parts import plain
from flows.outbox_desk import Standing
from flows.scope import find_scope, zone_of
from models.database import engine_from_env, reading
from states.errors import BadInput

outbox = typer.Typer(help="What we owe the outside world: messages and commands.", no_args_is_help=True)
Message = Annotated[str, typer.Argument(metavar="KEY", help="Its key, or its id.")]
Shop = Annotated[str | None, typer.Option("--shop")]
What = Annotated[str | None, typer.Option("--what", help="payment_reminder, ship …")]
Channel = Annotated[str | None, typer.Option("--channel", help="buyer, staff, platform, warehouse.")]
SHOWN = 50


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(outbox, name="outbox")


@outbox.command("list")
def list_(
    shop: Shop = None,
    state: Annotated[str | None, typer.Option(help=", ".join(Standing))] = None,
    what: What = None,
    channel: Channel = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many messages.")] = SHOWN,
    json: Json = False,
) -> None:
    """What waits and what was given up, by destination and age; then the messages, those that wait when no state is
    named."""
    with reading(engine_from_env()) as connection:
        find_scope(connection, shop, None)
        zone = zone_of(connection, shop) or UTC
        routes = plain(outbox_desk.routes(connection, shop, clock.now()), zone)
        down = plain(outbox_desk.down(connection), zone)
        chosen = {"shop": shop, "state": state or Standing.WAITING, "what": what, "channel": channel}
        found = outbox_desk.listed(connection, **chosen, limit=limit)
    if json:
        output.as_json({"routes": routes, "down": down, "messages": found})
        return
    rows = [(f"{r['shop']}/{r['channel']}", r["waiting"], r["tried"], r["dead"], output.when(r["oldest_at"]),
             age(r["age_seconds"])) for r in routes]  # fmt: skip
    columns = ("destination", "待发 waiting", "重试 tried before", "放弃 dead", "最早 oldest", "age")
    output.as_table("发件 Outbox", columns, rows)
    for one in down:
        output.say(
            f"{one['name']} 暂停至 / is left alone until {output.when(one['open_until'])}: {one['answer']}",
            style="yellow",
        )
    rows = [(m["id"], m["key"], m["state"], output.when(m["owed_at"]), m["attempts"], output.when(m["retry_at"]),
             m["lapsed_why"] or m["dead_why"] or m["answer"]) for m in found]  # fmt: skip
    columns = ("id", "key", "state", "owed", "tries", "again at", "原因 why")
    output.as_table(f"消息 Messages ({chosen['state']})", columns, rows)


@outbox.command()
def show(message: Message, json: Json = False) -> None:
    """Everything about one message, its text included; telephone numbers masked."""
    with reading(engine_from_env()) as connection:
        document = outbox_desk.shown(connection, message)
    output.as_json(document) if json else output.console.print(document)


@outbox.command()
def retry(
    message: Annotated[str | None, typer.Argument(metavar="[KEY]", help="Its key, or its id.")] = None,
    shop: Shop = None,
    what: What = None,
    channel: Channel = None,
    json: Json = False,
) -> None:
    """Try a message again with the next run; or all dead ones of a kind, but those that a person gave up."""
    if message and (shop or what or channel):
        raise BadInput("name one message, or a kind, not both", code="which_messages", where=message)
    if message:
        document = outbox_desk.retry_one(engine_from_env(), message)
        output.as_json(document) if json else output.say(f"{document['key']}: 将重试 / will be tried again")
        return
    count = outbox_desk.retry_all(engine_from_env(), shop=shop, what=what, channel=channel)
    output.as_json({"retried": count}) if json else output.say(
        f"{count} 条将重试 / {count} will be tried again"
    )


@outbox.command()
def abandon(
    message: Message,
    reason: Annotated[str, typer.Option("--reason", help="Why it is never to be sent.")],
    by: By,
    json: Json = False,
) -> None:
    """Give a message up: it is never sent, and stays on record with your reason."""
    document = outbox_desk.abandon(engine_from_env(), message, reason=reason, by=by, now=clock.now())
    output.as_json(document) if json else output.say(
        f"{document['key']}: 已放弃 / given up by {document['abandoned_by']}"
    )


def age(seconds: int | None) -> str:
    """As people say it."""
    if seconds is None:
        return ""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
