"""The options that many commands share, said the same way everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

Shop = Annotated[str | None, typer.Option("--shop", help="Needed only where two shops use one number.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
By = Annotated[str, typer.Option("--by", help="Who does it, by name.")]
At = Annotated[
    str | None, typer.Option("--at", help="When it happened: ISO 8601, in the shop's zone; now when empty.")
]
