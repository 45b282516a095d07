"""kefu repromise: every promise and callback of a shop again, by the working days known now."""

from __future__ import annotations

from typing import Annotated

import typer

from deployments import output
from deployments.commands.options import Json
from flows import clock
from flows.remaking import repromise as make_again
from flows.scope import find_scope
from models.database import engine_from_env, reading


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(repromise)


def repromise(
    shop: Annotated[str, typer.Option("--shop")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would move, move nothing.")] = False,
    json: Json = False,
) -> int:
    """Make every promise and callback that waits again, where its day differs under the days known now."""
    engine = engine_from_env()
    with reading(engine) as connection:
        find_scope(connection, shop, None)
    done = make_again(engine, shop, as_of=clock.now(), dry_run=dry_run)
    if json:
        output.as_json(done.as_dict())
    else:
        rows = [(row["no"], output.when(row["from"]), output.when(row["to"])) for row in done.rows]
        title = f"重新承诺 Promised again: {shop}" + (" (dry run)" if dry_run else "")
        output.as_table(title, ("no", "原定 from", "改为 to"), rows)
        output.say(
            f"改期 {done.moved},确认 {done.confirmed},不变 {done.unchanged},失败 {done.failed} / "
            f"moved {done.moved}, confirmed {done.confirmed}, unchanged {done.unchanged}, failed {done.failed}"
        )
    return output.REFUSED if done.failed else output.DONE
