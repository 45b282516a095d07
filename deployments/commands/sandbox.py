"""kefu sandbox"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deployments import output
from deployments.private_home import tighten
from models.database import home


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(sandbox)


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 4300,
    file: Annotated[
        Path | None, typer.Option(help="Where it is kept; sandbox.db at home when empty.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget all that was kept.")] = False,
) -> None:
    """Play the outside world until Ctrl-C: shop platform, payments, carrier, SMS, the staff's chat."""
    from deployments.sandbox.serving import serve

    tighten(output.say)
    serve(port, file or home() / "sandbox.db", fresh=fresh, say=output.say)
