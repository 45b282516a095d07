"""kefu import, run, replay"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from deployments import output
from deployments.commands.options import Json
from flows import clock
from flows.order_import import ImportReport, import_orders
from flows.outbox_delivery import DeliveryReport, decide_and_deliver
from flows.refunds import RefundReport
from flows.replay import replay as live_through
from flows.scope import find_scope, zone_of
from flows.sweep import SweepReport
from flows.sync_orders import SyncReport
from flows.timed_steps import KIND_OF, STEPS
from models.database import engine_from_env, reading
from states.errors import BadInput

File = Annotated[Path, typer.Argument(metavar="FILE")]
Shop = Annotated[str, typer.Option("--shop")]
Format = Annotated[str, typer.Option("--format", help="auto, taobao, tmall, olist or kefu")]
Encoding = Annotated[str | None, typer.Option("--encoding", help="Found by the bytes when empty.")]
SHOWN = 10  # bad rows on the screen; all of them are in the quarantine file


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command("import")(import_)
    app.command()(run)
    app.command()(replay)


def import_(
    file: File,
    shop: Shop,
    format: Format = "auto",
    encoding: Encoding = None,
    until: Annotated[str | None, typer.Option(help="Take only what had happened by then.")] = None,
    json: Json = False,
) -> int:
    """Take in a merchant's export: every row becomes facts, each at its own time."""
    end = clock.read_time(until, _zone(shop), what="--until") if until else None
    with Progress(console=output.errors, transient=True, disable=json) as bar:
        tasks = {
            "read": bar.add_task("读取 reading", total=None),
            "tell": bar.add_task("入库 storing", total=None),
        }
        report, delivery = decide_and_deliver(
            import_orders,
            engine_from_env(),
            file,
            shop,
            format=format,
            encoding=encoding,
            until=end,
            progress=lambda phase, done, total: bar.update(tasks[phase], completed=done, total=total),
        )
    if json:
        output.as_json({**report.as_dict(), "delivery": delivery.as_dict()})
    else:
        _show_import(report)
        _show_delivery(delivery)
    return output.REFUSED if report.red or delivery.red else output.DONE


def _show_import(report: ImportReport) -> None:
    counts = {k: v for k, v in report.as_dict().items() if isinstance(v, int)}
    output.as_table(
        f"{report.file} → {report.shop} ({report.format}, {report.encoding})", ("", "count"), counts.items()
    )
    if report.encoding_guess:
        output.say(report.encoding_guess)
    if report.bad:
        rows = [(b.line, b.column, b.reason_zh, b.reason_en) for b in report.bad[:SHOWN]]
        output.as_table("隔离 Quarantined", ("line", "column", "原因", "reason"), rows)
        output.console.print(f"{report.quarantined} in {report.quarantine}", soft_wrap=True)


def run(
    flow: Annotated[str, typer.Argument(metavar="FLOW", help=", ".join(STEPS))],
    shop: Annotated[str | None, typer.Option("--shop")] = None,
    case: Annotated[
        str | None, typer.Option("--case", help="Only this order, after-sales case or complaint.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="The moment the run stands for; now when empty.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, do nothing.")] = False,
    json: Json = False,
) -> int:
    """Run a timed flow once, in this process: what the scheduled run does."""
    if flow not in STEPS:
        raise BadInput(
            f"there is no flow {flow!r}; known: {', '.join(STEPS)}", code="unknown_flow", where=flow
        )
    with reading(engine_from_env()) as connection:
        scope = find_scope(connection, shop, case, KIND_OF[flow])
        zone = zone_of(connection, scope.shop)
    moment = clock.read_time(as_of, zone, what="--as-of") if as_of else clock.now()
    if not dry_run:
        clock.not_in_the_future(moment, "--as-of")
    asked = {"shop": shop, "case_no": case, "as_of": moment, "dry_run": dry_run}
    report, delivery = decide_and_deliver(STEPS[flow], engine_from_env(), **asked)
    if json:
        output.as_json({**report.as_dict(), **({"delivery": delivery.as_dict()} if delivery else {})})
    else:
        with reading(engine_from_env()) as connection:
            zones = {batch.shop: zone_of(connection, batch.shop) for batch in getattr(report, "batches", [])}
        _show_run(report, zone or UTC, zones)
        _show_delivery(delivery or report)
    return output.REFUSED if report.red or (delivery and delivery.red) else output.DONE


def _show_delivery(report: SweepReport) -> None:
    """Nothing, where nothing was delivered."""
    if isinstance(report, DeliveryReport) and report.lines:
        lines = [(name, *line.told(report.as_of).values()) for name, line in sorted(report.lines.items())]
        columns = ("destination", "已发 sent", "不再成立 lapsed", "改期 postponed", "放弃 dead", "退回 put back",
                   "待发 waiting", "暂留 held", "等了 waited")  # fmt: skip
        output.as_table("发件 Outbox", columns, lines)
        output.say(report.told)


def _show_run(report: SweepReport, zone: tzinfo, zones: dict[str, tzinfo]) -> None:
    """`zones`: of the shops whose batches are in the report; people read a cut-off by their own clock."""
    rows = [
        (row["no"], ", ".join(step["trigger"] for step in row["did"]), "; ".join(r["zh"] for r in row["refused"]),
         row.get("error"))
        for row in report.rows
    ]  # fmt: skip
    as_of = report.as_of.astimezone(zone).isoformat(" ", "seconds")
    title = f"{report.flow} {as_of}" + (" (dry run)" if report.dry_run else "")
    output.as_table(title, ("no", "did", "未做 refused", "error"), rows)
    for batch in getattr(report, "batches", []):
        blocked = [(b["no"], b["state"], "; ".join(r["zh"] for r in b["blockers"])) for b in batch.blocked]
        counts = f"放行 released {len(batch.released)}, 留下 blocked {len(blocked)}"
        cutoff_at = batch.cutoff_at.astimezone(zones[batch.shop]).isoformat(" ", "minutes")
        title = f"{batch.shop} {cutoff_at}: {counts}"
        output.as_table(title, ("no", "state", "阻碍 blockers"), blocked)
    for told in getattr(report, "days", []):
        output.say(f"{told['shop']}: {told['zh']} / {told['en']}", style="yellow")
    counts = {k: v for k, v in report.as_dict().items() if isinstance(v, int) and k != "dry_run"}
    output.console.print("  ".join(f"{k} {v}" for k, v in counts.items()))
    if isinstance(report, SyncReport) and report.told:
        output.say(report.told, style="yellow")
    if isinstance(report, RefundReport) and (waiting := report.waiting):
        zh, en = f"{waiting} 笔退款待付", f"refunds that wait to be paid: {waiting}"
        output.say(
            f"{zh},付款平台由 KEFU_PAYMENTS_URL 设置 / {en}; KEFU_PAYMENTS_URL names the payment service"
        )


def replay(
    file: File,
    shop: Shop,
    start: Annotated[str, typer.Option("--from")],
    end: Annotated[str, typer.Option("--until")],
    every: Annotated[str, typer.Option(help="1h, 30min, 1d …")] = "1h",
    format: Format = "auto",
    encoding: Encoding = None,
    json: Json = False,
) -> int:
    """Live through a file: import up to each moment, then run what is due."""
    zone, step = _zone(shop), _step(every)
    first, last = clock.read_time(start, zone, what="--from"), clock.read_time(end, zone, what="--until")
    if first > last:
        raise BadInput("--from lies after --until", code="bad_time", where="--from")
    clock.not_in_the_future(last, "--until")
    with Progress(console=output.errors, transient=True, disable=json) as bar:
        task = bar.add_task("重演 replaying", total=-((first - last) // step) + 1)
        report = live_through(
            engine_from_env(),
            file,
            shop,
            start=first,
            end=last,
            every=step,
            format=format,
            encoding=encoding,
            progress=lambda moment: _advance(bar, task, moment),
        )
    if json:
        output.as_json(report.as_dict())
    else:
        _show_import(report.taken_in)
        output.as_table("做了什么 What was done", ("trigger", "count"), sorted(report.triggers.items()))
    return output.REFUSED if report.red else output.DONE


def _advance(bar: Progress, task, moment: datetime) -> None:
    bar.update(task, advance=1, description=f"重演 {moment:%m-%d %H:%M}")


def _zone(shop: str):
    with reading(engine_from_env()) as connection:
        return zone_of(connection, shop)


def _step(text: str) -> timedelta:
    units = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
    found = re.fullmatch(r"([1-9]\d{0,3}) ?(min|h|d)", text.strip())
    if not found:
        raise BadInput(
            f"--every: {text!r} is no step; write 30min, 1h or 1d", code="bad_step", where="--every"
        )
    return int(found[1]) * units[found[2]]
