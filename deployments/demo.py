"""`kefu demo`: the whole system with sample orders, and one day's timed steps as real flow runs."""

from __future__ import annotations

import os
import time as stopwatch
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import select

from deployments.demo_complaints import complaints_table, first_complaint, work_at_the_complaints_desk
from deployments.demo_departures import departures, departures_table
from deployments.demo_returns import first_case, returns_table, work_at_the_desk
from deployments.demo_world import keep_from_the_real_world, kept_in, live_until
from deployments.running import deploy, prepare, serve, server
from deployments.sample_stories import SHOPS
from deployments.samples import ZONE, latest_full_day, orders_of, write_samples
from deployments.sandbox.alongside import Alongside
from flows import clock
from flows.import_folder import import_folder
from models import Order
from models.database import engine_from_env, home, reading

MOMENTS = (time(10, 30), time(12), time(16), time(17), time(20), time(11, 30))  # the last one on the next day
CUTOFFS = {time(16): "urumqi-kitchen", time(17): "bag-studio"}
SWEEPS = (  # two side by side
    ("remind-unpaid", "watch-orders"),
    ("release-refunds", "chase-returns"),
    ("complaint-escalations", "complaint-callbacks"),
)
Asked = list[tuple[str, dict[str, Any]]]  # deployments and their parameters
PATIENCE = 120.0  # seconds for one flow run

console = Console()


def demo(*, once: bool = False, port: int | None = None) -> None:
    """Run the demonstration in a home of its own, `.kefu/demo`; ends after the tables when `once`."""
    os.environ["KEFU_HOME"] = str(home("demo"))
    os.environ.pop("KEFU_DATABASE_URL", None)  # a demonstration has no business in a real database
    keep_from_the_real_world(_say)
    day = latest_full_day(clock.now())
    with Alongside(kept_in(day)) as world:
        os.environ |= world.environment()
        prepare(say=_say)
        exports = write_samples(import_folder(), day)
        with server(port, say=_say) as running:
            deploy(running.api_url, paused=True)  # today's sweeps would act on the orders ahead of that day's

            def a_day(stopping: Event) -> bool:
                _show(day, list(_live_through(day, exports, world, stopping)), running.url, world)
                if not once:
                    _go_on(world)
                return not once

            serve(running, meanwhile=a_day, say=_say)


def _show(day: date, runs: list[Ran], url: str, world: Alongside) -> None:
    engine = engine_from_env()
    _show_runs(day, runs, url)
    _show_orders(day)
    console.print(returns_table(engine, day))
    console.print(complaints_table(engine, day))
    console.print(departures_table(departures(engine, world)))
    console.print("kefu explain NUMBER 说明原因 / tells why, with KEFU_HOME=.kefu/demo", style="dim")
    _say(f"\n沙箱平台 The sandbox platform: {world.url}/control")
    _say(f"操作窗口 The operators' window: {url}")


def _go_on(world: Alongside) -> None:
    from deployments.timetable import set_paused

    world.set_clock(None, 1)
    set_paused(False)
    _say("时间表已启动,Ctrl-C 结束 / The timetable runs now; Ctrl-C ends it.")


@dataclass(frozen=True)
class Ran:
    """A flow run that has ended."""

    flow: str
    about: str
    state: str
    message: str
    id: str


class Stopped(Exception):
    """Somebody has asked us to end: there is no worker any more, and nobody waits for what it would have done."""


def _live_through(day: date, exports: dict[str, Path], world: Alongside, stopping: Event) -> Iterator[Ran]:
    """At each moment: what had happened by then outside, what the desks were told, what the bags' export and the
    kitchen's platform say, then what is due."""
    run = partial(_run, stopping)
    for moment in _moments(day):
        as_of = moment.isoformat()
        live_until(world, day, moment)
        work_at_the_desk(engine_from_env(), day, moment, _say)
        work_at_the_complaints_desk(engine_from_env(), day, moment, _say)
        yield from _take_in(exports, as_of, run, in_both_ways=moment.date() > day)
        if (shop := CUTOFFS.get(moment.time())) and moment.date() == day:
            yield from run([(f"dispatch-cutoff/{shop}", {"as_of": as_of})])
        if moment.date() > day:
            shop, case_no = first_case(day)
            yield from run([("return-case/by-hand", {"case_no": case_no, "shop": shop, "as_of": as_of})])
        for sweeps in SWEEPS:
            yield from run([(f"{sweep}/by-hand", {"as_of": as_of}) for sweep in sweeps])
        if moment.date() > day:
            shop, case_no = first_complaint(day)
            yield from run([("complaint-case/by-hand", {"case_no": case_no, "shop": shop, "as_of": as_of})])
            bulletin = {"shop": shop, "first_day": f"{day}", "last_day": f"{day}", "as_of": as_of}
            yield from run([("complaint-bulletin/by-hand", bulletin)])
            yield from run([("deliver-outbox/by-hand", {"as_of": as_of})])


def _take_in(
    exports: dict[str, Path], as_of: str, run: Callable[[Asked], list[Ran]], *, in_both_ways: bool
) -> Iterator[Ran]:
    """The bags' orders from Taobao's export, the kitchen's from its platform; what is told both ways is one fact."""
    files = [
        ("import-orders/by-hand", {"file": str(path), "shop": shop, "until": as_of})
        for shop, path in exports.items()
    ]
    if in_both_ways:
        yield from run(files)
        yield from run([("sync-orders/by-hand", {"as_of": as_of})])
    else:
        yield from run([files[0], ("sync-orders/by-hand", {"shop": "urumqi-kitchen", "as_of": as_of})])


def _moments(day: date) -> Iterator[datetime]:
    for position, at in enumerate(MOMENTS, 1):
        yield datetime.combine(day + timedelta(days=position == len(MOMENTS)), at, ZONE)


def _run(stopping: Event, asked: Asked) -> list[Ran]:
    """Flow runs side by side, through the API and the worker like anybody's."""
    from prefect import get_client

    with get_client(sync_client=True) as client:
        runs = []
        for name, parameters in asked:
            deployment = client.read_deployment_by_name(name)
            run = client.create_flow_run_from_deployment(deployment.id, parameters=parameters)
            runs.append((name, parameters, run))
        return [_ended(stopping, client, *run) for run in runs]


def _ended(stopping: Event, client: Any, name: str, parameters: dict[str, Any], run: Any) -> Ran:
    give_up_at = stopwatch.monotonic() + PATIENCE
    while not (run := client.read_flow_run(run.id)).state.is_final() and stopwatch.monotonic() < give_up_at:
        if stopping.wait(0.1):
            raise Stopped
    about = parameters.get("as_of") or parameters["until"]
    console.print(
        f"  {about[5:16].replace('T', ' ')} {name:32} {run.state.name}", style="dim", highlight=False
    )
    return Ran(name.partition("/")[0], about, run.state.name, run.state.message or "", str(run.id))


def _show_runs(day: date, runs: list[Ran], url: str) -> None:
    table = Table(
        "flow",
        "as of",
        "state",
        "what happened",
        title=f"定时步骤 The timed steps of {day}",
        title_justify="left",
    )
    for run in runs:
        link = f"[link={url}/runs/flow-run/{run.id}]{run.flow}[/link]"
        said = run.message.partition(": ")[2] if run.message.startswith("as of") else run.message
        style = "green" if run.state == "Completed" else "red"
        table.add_row(
            link, run.about[5:16].replace("T", " "), f"[{style}]{run.state}[/]", escape(_without_zeros(said))
        )
    console.print(table)


def _without_zeros(said: str) -> str:
    told = (
        ", ".join(count for count in part.split(", ") if not count.startswith(("0 ", "0.00 ")))
        for part in said.split("; ")
    )
    return "; ".join(filter(None, told)) or "没有到期的 nothing was due"


def _show_orders(day: date) -> None:
    """Each sample beside what became of it."""
    c = Order.__table__.c
    with reading(engine_from_env()) as connection:
        found = {row.no: row for row in connection.execute(select(c.no, c.state, c.batch_cutoff_at))}
    table = Table(
        "shop",
        "order",
        "sample",
        "is now",
        "left at",
        title="订单 What became of the orders",
        title_justify="left",
    )
    for shop in SHOPS:
        for no, sample in orders_of(shop, day):
            row = found.get(no)
            left = (
                row.batch_cutoff_at.astimezone(ZONE).strftime("%m-%d %H:%M")
                if row and row.batch_cutoff_at
                else ""
            )
            table.add_row(shop, no, sample.story, str(row.state) if row else "–", left)
    console.print(table)


def _say(line: str) -> None:
    console.print(line, highlight=False)
