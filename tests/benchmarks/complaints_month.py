"""A month with 5,000 complaints under a clock that runs ahead, and every promise checked over all rows (Show 3).

`python -m tests.benchmarks.complaints_month [--postgres] [--seed N] [--number N]`. What is made up is in `month_life`,
what is checked in `month_checks`.
"""

from __future__ import annotations

from time import perf_counter
from typing import Annotated

import typer
from sqlalchemy import Engine

from tests.benchmarks.month_checks import check
from tests.benchmarks.month_life import Month
from tests.benchmarks.real_checks import Checks
from tests.benchmarks.replay_real import console, show
from tests.benchmarks.stores import stores
from tests.databases import difference, end_state


def main(
    postgres: Annotated[
        bool, typer.Option("--postgres", help="Also on PostgreSQL; both must end alike.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Another seed is another month.")] = 1,
    number: Annotated[int, typer.Option(help="How many turn to us in the month.")] = 5_000,
) -> None:
    """Live through a month of complaints; exit 1 when one of the promises was not kept."""
    kept, ends = True, []
    for kind in ("sqlite", "postgresql") if postgres else ("sqlite",):
        with stores(kind) as new:
            engine = new()
            start = perf_counter()
            checks = lived_and_checked(engine, number, seed)
            seconds = perf_counter() - start
            show(f"{kind}: {seconds:.1f} s, {seconds / number * 1e3:.1f} ms a complaint", checks)
            kept &= checks.kept
            if postgres:
                ends.append(end_state(engine))
    if postgres:
        unlike = difference(*ends)
        console.print(f"rows that differ between the databases: {unlike or 'none'}")
        kept &= not unlike
    if not kept:
        raise SystemExit(1)


def lived_and_checked(engine: Engine, number: int, seed: int) -> Checks:
    """One month, and whether all promises were kept in it."""
    return check(engine, Month(engine, number, seed).live(), number)


if __name__ == "__main__":
    typer.run(main)
