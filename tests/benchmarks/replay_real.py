"""A real shop's orders lived through hour by hour, and the outcome checked by arithmetic of its own (Show 1).

`python -m tests.benchmarks.replay_real [--database sqlite|postgresql|both]`, with the real data beside the
repository; skipped with a sentence where they are not.
"""

from __future__ import annotations

import csv
import gzip
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, func, select

from flows.order_import import import_orders
from flows.replay import replay
from models import Anomaly, Order
from tests.benchmarks.real_checks import Checks, Export, check
from tests.benchmarks.stores import KINDS, NewStore, stores

DATA = Path(__file__).parents[3] / "shared" / "data"
TMALL = DATA / "tmall" / "tmall_orders_2020-02-01_20.csv.gz"
OLIST = DATA / "olist" / "olist_orders.csv.gz"
SHOP, ZONE = "tmall-2020", ZoneInfo("Asia/Shanghai")
START, END = datetime(2020, 2, 1, tzinfo=ZONE), datetime(2020, 2, 25, tzinfo=ZONE)
TIMES_AS_LARGE = 5
VERDICT = {True: "kept", False: "BROKEN", None: ""}
console = Console()


def main(
    database: Annotated[str, typer.Option(help="sqlite, postgresql or both")] = "sqlite",
    large: Annotated[bool, typer.Option(help="Also a file five times as large.")] = True,
) -> None:
    """Live through the real orders; exit 1 when one of the promises was not kept."""
    if not TMALL.exists() or not OLIST.exists():
        console.print("skipped: the real orders are not beside the repository")
        return
    kept = True
    for kind in KINDS if database == "both" else (database,):
        with stores(kind) as new, tempfile.TemporaryDirectory() as folder:
            kept &= live(f"{kind}: the real file", new(), TMALL)
            if large:
                kept &= live(f"{kind}: {TIMES_AS_LARGE} times as large", new(), enlarged(Path(folder)))
            kept &= take_in_olist(kind, new)
    if not kept:
        raise SystemExit(1)


def live(title: str, engine: Engine, file: Path) -> bool:
    start = perf_counter()
    report = replay(engine, file, SHOP, start=START, end=END)
    seconds = perf_counter() - start
    export = Export.read(file, ZONE)
    checks = check(engine, SHOP, export, ZONE)
    checks.equal(
        "rows taken in, none quarantined",
        (report.taken_in.rows, report.taken_in.quarantined),
        (len(export.orders), 0),
    )
    show(f"{title}: {len(export.orders):,} orders in {seconds:.1f} s", checks)
    return checks.kept


def enlarged(folder: Path) -> Path:
    """The same shape with so many times the orders: each copy seven seconds later, under numbers of its own."""
    path = folder / "tmall_large.csv"
    with (
        gzip.open(TMALL, "rt", encoding="utf-8", newline="") as real,
        path.open("w", encoding="utf-8", newline="") as out,
    ):
        rows, sheet = csv.reader(real), csv.writer(out)
        header = next(rows)
        sheet.writerow(header)
        number, *times = (
            header.index(next(h for h in header if h.strip() == n))
            for n in ("订单编号", "订单创建时间", "订单付款时间")
        )
        for row in rows:
            for copy in range(TIMES_AS_LARGE):
                new = list(row)
                new[number] = f"{copy}-{row[number]}" if copy else row[number]
                for place in times:
                    new[place] = _later(row[place], copy * 7)
                sheet.writerow(new)
    return path


def _later(time: str, seconds: int) -> str:
    return (
        (datetime.fromisoformat(time) + timedelta(seconds=seconds)).isoformat(" ") if time.strip() else time
    )


def take_in_olist(kind: str, new: NewStore) -> bool:
    engine, checks = new(), Checks()
    start = perf_counter()
    report = import_orders(engine, OLIST, "olist-br")
    seconds = perf_counter() - start
    with gzip.open(OLIST, "rt", encoding="utf-8", newline="") as file:
        numbers = {row["order_id"] for row in csv.DictReader(file)}
    with engine.connect() as connection:
        stored = set(connection.scalars(select(Order.no)))
        found = connection.execute(select(Anomaly.code, func.count()).group_by(Anomaly.code))
        anomalies: Counter[str] = Counter(dict(map(tuple, found)))
    checks.equal("orders stored, by number", len(numbers & stored) + report.quarantined, len(numbers))
    checks.equal(
        "read = new + unchanged + quarantined",
        report.new + report.unchanged + report.quarantined,
        report.rows,
    )
    checks.equal("anomalies stored = anomalies reported", sum(anomalies.values()), report.anomalies)
    for code, count in anomalies.most_common():
        checks.say(f"anomaly {code}", count)
    show(f"{kind}: Olist, {report.rows:,} orders in {seconds:.1f} s", checks)
    return checks.kept


def show(title: str, checks: Checks) -> None:
    table = Table(title=title, title_justify="left")
    for heading, side in (("check", "left"), ("found", "right"), ("by arithmetic", "right"), ("", "left")):
        table.add_column(heading, justify=side)
    for name, found, expected, kept in checks.rows:
        table.add_row(name, str(found), "" if expected is None else str(expected), VERDICT[kept])
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
