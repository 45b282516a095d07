"""Orders per second: kefu beside an ORM loop and beside statements over whole sets, doing the same writes.

`python -m tests.benchmarks.bench [--orders N] [--database sqlite|postgresql|both] [--scale]`
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Callable
from statistics import median
from time import perf_counter
from types import ModuleType
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, func, select

from flows.imports.rows import OrderFile
from tests.benchmarks import kefu_way, orm_way, sql_way
from tests.benchmarks.sample import first, orders_of
from tests.benchmarks.stores import KINDS, NewStore, stores
from tests.databases import TABLES, difference, end_state

WAYS = {"kefu": kefu_way, "ORM loop": orm_way, "set-based SQL": sql_way}
STEPS = ("import", "reminder sweep", "cut-off")
ORM_AT_MOST = 400  # orders: the loop costs the same for each, and it is slow
SCALE = (1_000, 10_000, 100_000)

Seconds = dict[tuple[str, str], list[float]]  # for an order, by way and step
console = Console()


def main(
    orders: Annotated[int, typer.Option(min=2, help="How many orders to measure with.")] = 2_000,
    database: Annotated[str, typer.Option(help="sqlite, postgresql or both")] = "both",
    rounds: Annotated[int, typer.Option(min=1, help="The median of so many counts.")] = 3,
    scale: Annotated[
        bool, typer.Option("--scale", help="kefu alone, at 1,000, 10,000 and 100,000 orders.")
    ] = False,
) -> None:
    """Measure import, reminder sweep and cut-off. Nothing passes or fails on time, only on different writes."""
    if database not in (*KINDS, "both"):
        raise typer.BadParameter(f"there is no database {database!r}; known: {', '.join(KINDS)}, both")
    for kind in KINDS if database == "both" else (database,):
        with stores(kind) as new:
            show_scale(kind, new) if scale else show_ways(kind, new, orders, rounds)


def show_ways(kind: str, new: NewStore, number: int, rounds: int) -> None:
    all_orders = orders_of(number)
    few = first(all_orders, min(number, ORM_AT_MOST))
    seconds: Seconds = defaultdict(list)
    for _ in range(rounds):
        of_all = {name: measured(name, new(), all_orders, seconds) for name in ("kefu", "set-based SQL")}
        if of_all["kefu"] != of_all["set-based SQL"]:
            raise SystemExit(f"the ways wrote different numbers of rows: {of_all}")
        measured("ORM loop", new(), few, seconds)
    same_writes(new, few)
    table = Table(title=f"{kind}: {number:,} orders (the ORM loop {len(few.rows):,}), median of {rounds}")
    for heading in ("orders/s", *WAYS):
        table.add_column(heading, justify="left" if heading == "orders/s" else "right")
    for step in STEPS:
        ours = median(seconds["kefu", step])
        spent = [median(seconds[name, step]) for name in WAYS]
        table.add_row(step, *(f"{1 / s:,.0f}  ×{ours / s:.2g}" for s in spent))
    console.print(table)


def measured(name: str, engine: Engine, orders: OrderFile, seconds: Seconds) -> dict[str, int]:
    """One way through all three steps on a fresh database; how many rows each table then has."""
    for step, (do, of) in steps(WAYS[name], engine, orders).items():
        gc.collect()
        start = perf_counter()
        do()
        seconds[name, step].append((perf_counter() - start) / of)
    with engine.connect() as connection:
        count = {t.name: connection.scalar(select(func.count()).select_from(t)) for t in TABLES.values()}
    engine.dispose()
    return count


def steps(way: ModuleType, engine: Engine, orders: OrderFile) -> dict[str, tuple[Callable[[], None], int]]:
    """Each step, and how many orders it is about."""
    paid = sum(len(row.facts) > 1 for row in orders.rows)
    return {
        "import": (lambda: way.take_in(engine, orders), len(orders.rows)),
        "reminder sweep": (lambda: way.remind(engine), len(orders.rows) - paid),
        "cut-off": (lambda: way.cut_off(engine), paid),
    }


def same_writes(new: NewStore, orders: OrderFile) -> None:
    """Row for row, apart from ids and recording times, after every step; SystemExit when two ways differ."""
    engines = {name: new() for name in WAYS}
    for step in STEPS:
        for name, way in WAYS.items():
            steps(way, engines[name], orders)[step][0]()
        ours = end_state(engines["kefu"])
        for name in list(WAYS)[1:]:
            if different := difference(ours, end_state(engines[name])):
                raise SystemExit(f"after the {step}, kefu and {name} differ:\n" + "\n".join(different))
    console.print(f"the same writes, three ways: {', '.join(f'{n} {len(r)}' for n, r in ours.items() if r)}")
    for engine in engines.values():
        engine.dispose()


def show_scale(kind: str, new: NewStore) -> None:
    table = Table(title=f"{kind}: kefu's orders/s as the store grows")
    for heading in ("orders", *STEPS):
        table.add_column(heading, justify="right")
    for number in SCALE:
        seconds: Seconds = defaultdict(list)
        measured("kefu", new(), orders_of(number), seconds)
        table.add_row(f"{number:,}", *(f"{1 / seconds['kefu', step][0]:,.0f}" for step in STEPS))
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
