"""kefu bulletin: 《客户服务交流信息》 of any period of one shop."""

from __future__ import annotations

from typing import Annotated

import typer

from deployments import output
from flows import clock
from flows.bulletin import bulletin as counted
from flows.bulletin_periods import Every, chosen, read_day
from flows.policy_store import current_policy
from models.database import engine_from_env, reading
from states.errors import BadInput


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(bulletin)


def bulletin(
    shop: Annotated[str, typer.Option("--shop")],
    start: Annotated[
        str | None,
        typer.Option("--from", help="The first day, such as 2026-03-01; the last period over when empty."),
    ] = None,
    end: Annotated[str | None, typer.Option("--until", help="The last day, itself among them.")] = None,
    week: Annotated[bool, typer.Option("--week", help="The calendar week, Monday to Sunday.")] = False,
    month: Annotated[
        bool, typer.Option("--month", help="The calendar month; so it is when nothing is said.")
    ] = False,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="The moment it stands for; now when empty.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="The numbers, for machines; no file is written.")
    ] = False,
) -> None:
    """Complaints, times, callbacks and rectifications of a period beside the one before, with charts (rule 103)."""
    if sum((week, month, end is not None)) > 1:
        raise BadInput("say one of --until, --week and --month", code="bad_period", where="--until")
    first, last = start and read_day(start, "--from"), end and read_day(end, "--until")
    with reading(engine_from_env()) as connection:
        zone = current_policy(connection, shop).zone
    moment = clock.read_time(as_of, zone, what="--as-of") if as_of else clock.now()
    period = chosen(moment.astimezone(zone).date(), Every.WEEK if week else Every.MONTH, first, last)
    made = counted(engine_from_env(), shop, period, as_of=clock.not_in_the_future(moment, "--as-of"))
    if json:
        output.as_json(made.as_dict())
        return
    from flows.bulletin_files import write_bulletin  # here: drawing would slow every other command down

    output.say(str(write_bulletin(made)))
