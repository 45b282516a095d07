"""The flows as Prefect runs them: the same plain functions, with a parameter form, progress and a table.

A scheduled run, a run from the form and `kefu run` do the same thing; only here Prefect is imported.
"""

from __future__ import annotations

import os

os.environ.setdefault("DO_NOT_TRACK", "1")  # Prefect's SDK reports to the outside world unless told not to

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from prefect import flow, get_client, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import StateType
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed, State
from pydantic import BeforeValidator, WithJsonSchema

from flows import clock
from flows.dispatch_cutoff import Batch
from flows.dispatch_cutoff import dispatch_cutoff as cutoff_plainly
from flows.imports.rows import UnreadableFile
from flows.order_import import import_orders as import_plainly
from flows.order_watch import watch_orders as watch_plainly
from flows.payment_reminders import remind_unpaid as remind_plainly
from flows.policy_store import current_policies
from flows.sweep import SweepReport
from models.database import engine_from_env
from states.errors import BadInput, KefuError
from states.policies.working_days import CalendarEnds

EXPLAINED = (KefuError, UnreadableFile, CalendarEnds)  # their text is for the operator; all others are bugs
SHOWN = 1_000  # rows of a table: more than anyone reads, and what a browser still draws


def _digits_are_text(value: Any) -> Any:
    # `prefect deployment run -p case_no=4711` sends a number
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


# One plain text field in the form (`str | None` would be a choice of two); empty means none.
Text = Annotated[
    str | None,
    BeforeValidator(_digits_are_text),
    WithJsonSchema({"type": "string"}),
]

Format = Literal["auto", "taobao", "tmall", "olist", "kefu"]


class _Stopped(Exception):
    """Somebody cancelled this run; what its finished batches did stays done."""


class _Call:
    """A call that Prefect passes on without looking into its arguments."""

    __slots__ = ("args", "fn")

    def __init__(self, fn: Callable, args: tuple) -> None:
        self.fn, self.args = fn, args


@task(name="batch", cache_policy=NO_CACHE, persist_result=False)
def _batch(call: _Call) -> Any:
    return call.fn(*call.args)


def _run_batch(fn: Callable, *args: Any) -> Any:
    """Each batch is a task run, so that progress shows; between two of them a run can be cancelled."""
    _stop_if_cancelled()
    return _batch(_Call(fn, args))


def _stop_if_cancelled() -> None:
    run = FlowRunContext.get().flow_run
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run.id).state
    if state and state.type in (StateType.CANCELLING, StateType.CANCELLED):
        raise _Stopped


def as_of_or_scheduled(as_of: datetime | None) -> datetime:
    """The moment a run stands for: as asked; else its scheduled time, so that a late run does what the
    punctual one would have done; for a run started by hand, now."""
    if as_of is not None:
        return as_of
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is not None and run.auto_scheduled and run.expected_start_time:
        return run.expected_start_time
    return clock.now()


@flow(name="remind-unpaid")
def remind_unpaid(
    shop: Text = None,
    case_no: Text = None,
    as_of: datetime | None = None,
    dry_run: bool = False,
) -> dict:
    """Remind buyers who have not paid, and close orders whose payment deadline has passed.

    Args:
        shop: only this shop; every shop when empty.
        case_no: only this order, for example after a phone call.
        as_of: the moment the run stands for; its scheduled time, or now, when empty.
        dry_run: show what would be done, do nothing.
    """

    return _answer(lambda: _sweep(remind_plainly, shop, case_no, as_of, dry_run))


@flow(name="watch-orders")
def watch_orders(
    shop: Text = None,
    case_no: Text = None,
    as_of: datetime | None = None,
    dry_run: bool = False,
) -> dict:
    """Show what is not verified or not shipped in time; follow up on and complete what was delivered.

    Args:
        shop: only this shop; every shop when empty.
        case_no: only this order.
        as_of: the moment the run stands for; its scheduled time, or now, when empty.
        dry_run: show what would be done, do nothing.
    """
    return _answer(lambda: _sweep(watch_plainly, shop, case_no, as_of, dry_run))


@flow(name="dispatch-cutoff")
def dispatch_cutoff(
    shop: Text = None,
    case_no: Text = None,
    as_of: datetime | None = None,
    dry_run: bool = False,
) -> dict:
    """Close the day's dispatch: release what was paid and verified in time, report what is blocked and why.

    Args:
        shop: only this shop; every shop when empty.
        case_no: only this order, for example after its hold was lifted.
        as_of: the moment the run stands for; its scheduled time, or now, when empty.
        dry_run: show what would be done, do nothing.
    """

    def sweep() -> State:
        report = cutoff_plainly(engine_from_env(), **_asked(shop, case_no, as_of, dry_run))
        if not report.claimed and FlowRunContext.get().flow_run.auto_scheduled:
            return _outcome(report)  # one of the runs after the cut-off, and nobody was late
        summary, zones = _summary(report), _zones()
        files = [f"Manifest of {b.shop}: `{b.manifest}`" for b in report.batches if b.manifest]
        _publish("dispatch-cutoff", map(_readable, report.rows), summary)
        _publish("dispatch-manifest", _manifest(report.batches, zones), "\n\n".join([summary, *files]))
        _publish(
            "dispatch-blocked",
            _blocked(report.batches, zones),
            f"{summary}\n\nWhat stays behind, and every reason.",
        )
        return _outcome(report)

    return _answer(sweep)


@flow(name="import-orders")
def import_orders(
    file: str,
    shop: Annotated[str, BeforeValidator(_digits_are_text)],
    format: Format = "auto",
    encoding: str | None = None,
    until: datetime | None = None,
) -> dict:
    """Import the merchant's export of orders; importing the same file again adds nothing twice.

    Args:
        file: path of the file, on the machine where the worker runs.
        shop: the shop these orders belong to.
        format: of the file; auto finds out.
        encoding: for example gb18030; detected when empty.
        until: take only what had happened by then; everything when empty.
    """

    def read() -> State:
        engine = engine_from_env()
        moment = until and _in_the_shops_zone(until, shop, "until")
        report = import_plainly(
            engine, file, shop, format=format, encoding=encoding, until=moment, flow_run=_run_id()
        )
        counts = {name: value for name, value in report.as_dict().items() if isinstance(value, int)}
        summary = _counted(counts)
        _publish("import-orders", [{"shop": shop, **counts}], summary)
        if report.bad:
            bad = [
                {"line": b.line, "column": b.column, "为什么": b.reason_zh, "why": b.reason_en}
                for b in report.bad
            ]
            _publish("import-quarantine", bad, f"Not imported; the rows are in `{report.quarantine}`.")
        return _state(report.red, summary, report.as_dict())

    return _answer(read)


# What must be on the timetable, and what is started by hand.
TIMED = (remind_unpaid, dispatch_cutoff, watch_orders)
BY_HAND = (import_orders,)


def _sweep(step: Callable[..., SweepReport], *asked: Any) -> State:
    report = step(engine_from_env(), **_asked(*asked))
    _publish(report.flow, map(_readable, report.rows), _summary(report))
    return _outcome(report)


def _asked(shop: str | None, case_no: str | None, as_of: datetime | None, dry_run: bool) -> dict[str, Any]:
    """The arguments of a plain timed step."""
    if as_of is not None:
        as_of = _in_the_shops_zone(as_of, shop, "as_of")
        if not dry_run:
            clock.not_in_the_future(as_of, "as_of")
    return {
        "shop": shop or None,  # a form that was touched sends an empty text
        "case_no": case_no or None,
        "as_of": as_of_or_scheduled(as_of),
        "dry_run": dry_run,
        "run_batch": _run_batch,
        "flow_run": _run_id(),
    }


def _in_the_shops_zone(at: datetime, shop: str | None, what: str) -> datetime:
    """A time without offset is meant in the shop's zone, as on the command line."""
    if at.tzinfo is not None:
        return at
    zones = {zone for name, zone in _zones().items() if shop in (None, "", name)}
    if len(zones) != 1:
        raise BadInput(
            f"{what}: {at.isoformat()} has no offset, and the shops are in several zones; "
            f"write for example {at.isoformat()}+08:00",
            code="naive_time",
            where=what,
        )
    return at.replace(tzinfo=zones.pop())


def _zones() -> dict[str, ZoneInfo]:
    return {policies.name: policies.zone for policies in current_policies(engine_from_env())}


def _run_id() -> str:
    return str(FlowRunContext.get().flow_run.id)


def _answer(work: Callable[[], State]) -> State:
    """A refusal is one sentence, not a traceback; a cancelled run says what is left."""
    try:
        return work()
    except EXPLAINED as error:
        get_run_logger().error("%s", error)
        return Failed(message=str(error))
    except _Stopped:
        get_run_logger().warning("stopped between two batches: the run was cancelled")
        return Cancelled(message="stopped between two batches; what was done stays done")


def _outcome(report: SweepReport) -> State:
    return _state(report.red, _summary(report), report.as_dict())


def _state(red: bool, summary: str, report: dict) -> State:
    """Red when an item was bad, although everything else was done: a person should look."""
    return (Failed if red else Completed)(message=summary, data=report)


def _summary(report: SweepReport) -> str:
    counts = {name: getattr(report, name) for name in ("claimed", "done", "refused", "postponed", "failed")}
    dry = ", dry run: nothing was changed" if report.dry_run else ""
    return f"as of {report.as_of.isoformat(timespec='seconds')}: {_counted(counts)}{dry}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{value} {name}" for name, value in counts.items())


def _readable(row: dict) -> dict:
    """What a sweep did to one case, as a line of text."""
    return {
        "no": row["no"],
        "did": ", ".join(f"{step['trigger']} → {step['state']}" for step in row["did"]),
        "refused": "; ".join(f"{reason['zh']} / {reason['en']}" for reason in row["refused"]),
        "error": row.get("error", ""),
    }


def _manifest(batches: Iterable[Batch], zones: dict[str, ZoneInfo]) -> list[dict]:
    return [{**row, **_which(batch, zones)} for batch in batches for row in batch.released]


def _blocked(batches: Iterable[Batch], zones: dict[str, ZoneInfo]) -> list[dict]:
    return [
        {
            "no": order["no"],
            "state": str(order["state"]),
            "rule": blocker["rule"],
            "为什么": blocker["zh"],
            "why": blocker["en"],
            **_which(batch, zones),
        }
        for batch in batches
        for order in batch.blocked
        for blocker in order["blockers"]
    ]


def _which(batch: Batch, zones: dict[str, ZoneInfo]) -> dict:
    cutoff_at = batch.cutoff_at.astimezone(zones[batch.shop])
    return {"shop": batch.shop, "cutoff_at": cutoff_at.isoformat(timespec="minutes")}


def _publish(key: str, rows: Iterable[dict], description: str) -> None:
    """The table an operator sees beside the run. A scheduled run that had nothing to do leaves none: there
    are 288 of them a day."""
    rows = list(rows)
    if not rows and FlowRunContext.get().flow_run.auto_scheduled:
        return
    if len(rows) > SHOWN:
        description += f"\n\nThe first {SHOWN} of {len(rows)} rows."
    create_table_artifact(table=rows[:SHOWN], key=key, description=description)
