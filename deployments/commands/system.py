"""kefu migrate, up, demo, deploy, worker, receiver, diagram"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from deployments import output
from deployments.private_home import tighten
from models.database import database_url, engine_for, engine_from_env
from models.migrating import migrate as bring_up_to_date
from states.complaints import complaint_lifecycle
from states.diagrams import mermaid
from states.errors import BadInput
from states.orders import order_lifecycle
from states.rectifications import rectification_lifecycle
from states.returns import return_lifecycle

LIFECYCLES = {
    "order": order_lifecycle,
    "return": return_lifecycle,
    "complaint": complaint_lifecycle,
    "rectification": rectification_lifecycle,
}
Port = Annotated[int | None, typer.Option(help="Of the Prefect server; KEFU_PORT or 4200 when empty.")]
ApiUrl = Annotated[str | None, typer.Option("--api-url", help="A Prefect server that runs elsewhere.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    for command in (migrate, up, demo, deploy, worker, receiver, diagram):
        app.command()(command)


def migrate() -> None:
    """Create the database, or bring it to this version's shape."""
    tighten(output.say)
    if copy := bring_up_to_date(engine_for(database_url())):
        output.console.print(f"升级前的副本 the copy from before: {copy}", soft_wrap=True)
    backend = database_url().split(":", 1)[0]
    output.console.print(f"database ready ({backend})")


def up(
    shop_file: Annotated[list[Path] | None, typer.Option("--shop-file", help="Apply it first.")] = None,
    port: Port = None,
    listen: Annotated[
        str | None,
        typer.Option(
            help="Address of the operators' window; KEFU_LISTEN or 127.0.0.1, this machine only, when empty."
        ),
    ] = None,
) -> None:
    """Run the system until Ctrl-C: database, Prefect server, timetable, worker."""
    from deployments.running import up as run_up

    run_up(port=port, listen=listen, shop_files=shop_file or ())


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the table.")] = False, port: Port = None
) -> None:
    """The same with sample orders, and a day's timed steps run as real flow runs."""
    from deployments.demo import demo as run_demo

    run_demo(once=once, port=port)


def deploy(api_url: ApiUrl = None) -> None:
    """Bring the timetable on a Prefect server in line with the shops."""
    from deployments.running import deploy as deploy_timetable

    tighten(output.say)
    for change in deploy_timetable(api_url) or ["nothing to change"]:
        output.console.print(change)


def worker(api_url: ApiUrl = None) -> None:
    """Work for a Prefect server that runs elsewhere, until Ctrl-C."""
    from deployments.running import start_worker

    tighten(output.say)
    start_worker(api_url)


def receiver(
    port: Annotated[int, typer.Option(help="Where to listen.")] = 4201,
    host: Annotated[str, typer.Option(help="A proxy with TLS belongs in front of any other.")] = "127.0.0.1",
) -> None:
    """Take what the platform, the carrier and the payment service push, until Ctrl-C."""
    from deployments.receiver import Receiver

    tighten(output.say)
    taking = Receiver(engine_from_env(), host=host, port=port)
    output.say(f"{taking.url} takes pushes; Ctrl-C ends it")
    taking.run()


def diagram(
    lifecycle: Annotated[str, typer.Argument(metavar="LIFECYCLE", help=", ".join(LIFECYCLES))],
) -> None:
    """A lifecycle as Mermaid, drawn from the code."""
    if lifecycle not in LIFECYCLES:
        known = ", ".join(LIFECYCLES)
        raise BadInput(
            f"there is no lifecycle {lifecycle!r}; known: {known}", code="unknown_lifecycle", where=lifecycle
        )
    sys.stdout.write(mermaid(LIFECYCLES[lifecycle]))
