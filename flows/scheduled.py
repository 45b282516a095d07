"""The flows as Prefect runs them: the same plain functions, with a parameter form, progress and a table.

A scheduled run, a run from the form and `kefu run` do the same thing; only here Prefect is imported.
"""

from __future__ import annotations

import os

os.environ.setdefault("DO_NOT_TRACK", "1")  # Prefect's SDK reports to the outside world unless told not to

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any

from prefect import flow, get_client, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import StateType
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed, State
from pydantic import BeforeValidator, WithJsonSchema

from flows import clock
from flows.dispatch_cutoff import dispatch_cutoff as dispatch_plainly
from flows.order_import import import_orders as import_plainly
from flows.payment_reminders import remind_unpaid as remind_plainly
from flows.imports.rows import UnreadableFile
from models.database import engine_from_env
from states.errors import BadInput, KefuError
from states.policies.working_days import CalendarEnds

EXPLAINED = (KefuError, UnreadableFile, CalendarEnds)  # their text is for the operator; all others are bugs
SHOWN = 1_000  # rows of a table: more than anyone reads, and what a browser still draws


def _digits_are_text(value: Any) -> Any:
    # `prefect deployment run -p case_no=4711` sends a number
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


# One text field in the form, while the server lets the numbers of the command line through.
Text = Annotated[
    str | None,
    BeforeValidator(_digits_are_text),
    WithJsonSchema({"type": ["string", "integer", "null"]}),
]


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
        if as_of.tzinfo is None:
            raise BadInput(
                f"as_of {as_of.isoformat()} has no time zone: write for example {as_of.isoformat()}+08:00",
                code="naive_time",
                where="as_of",
            )
        return as_of
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is not None and run.auto_scheduled and run.expected_start_time:
        return run.expected_start_time
    return clock.now()


@flow(name="remind-unpaid", validate_parameters=True)
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

    def sweep() -> State:
        at = as_of_or_scheduled(as_of)
        report = remind_plainly(
            engine_from_env(), shop=shop, case_no=case_no, as_of=at, dry_run=dry_run, run_batch=_run_batch
        )
        _publish("remind-unpaid", report.rows, _summary(report, dry_run))
        return _outcome(report, dry_run)

    return _answer(sweep)


@flow(name="dispatch-cutoff", validate_parameters=True)
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
        at = as_of_or_scheduled(as_of)
        report = dispatch_plainly(
            engine_from_env(), shop=shop, case_no=case_no, as_of=at, dry_run=dry_run, run_batch=_run_batch
        )
        summary = _summary(report, dry_run)
        _publish("dispatch-cutoff", report.rows, summary)
        _publish("dispatch-manifest", _manifest(report.batches), f"{summary}\n\n{_where(report.batches)}")
        _publish(
            "dispatch-blocked", _blocked(report.batches), f"{summary}\n\nEvery order held back, and why."
        )
        return _outcome(report, dry_run)

    return _answer(sweep)


@flow(name="import-orders", validate_parameters=True)
def import_orders(
    file: str,
    shop: Annotated[str, BeforeValidator(_digits_are_text)],
    format: str = "auto",
    encoding: str | None = None,
    until: datetime | None = None,
) -> dict:
    """Import the merchant's export of orders; importing the same file again adds nothing twice.

    Args:
        file: path of the file, on the machine where the worker runs.
        shop: the shop these orders belong to.
        format: auto, taobao, tmall, olist or kefu.
        encoding: for example gb18030; detected when empty.
        until: take only what had happened by then; everything when empty.
    """

    def read() -> State:
        report = import_plainly(
            engine_from_env(), file, shop, format=format, encoding=encoding, until=until, now=clock.now()
        ).as_dict()
        counts = {name: value for name, value in report.items() if isinstance(value, int)}
        _publish("import-orders", [counts], f"Imported for {shop}.")
        return Completed(message=_counted(counts), data=report)

    return _answer(read)


# What must be on the timetable, and what is started by hand.
TIMED = (remind_unpaid, dispatch_cutoff)
BY_HAND = (import_orders,)


def _answer(work: Callable[[], State]) -> State:
    """A refusal is one sentence, not a traceback; a cancelled run says what is left."""
    try:
        return work()
    except EXPLAINED as error:
        get_run_logger().error("%s", error)
        return Failed(message=str(error))
    except _Stopped:
        get_run_logger().warning("stopped after the batch in progress: the run was cancelled")
        return Cancelled(message="stopped between two batches; finished batches stay done")


def _outcome(report: Any, dry_run: bool) -> State:
    kind = Failed if report.red else Completed
    return kind(message=_summary(report, dry_run), data=report.as_dict())


def _summary(report: Any, dry_run: bool) -> str:
    counts = {name: getattr(report, name) for name in ("claimed", "done", "refused", "postponed", "failed")}
    return f"as of {report.as_of:%Y-%m-%d %H:%M %Z}: {_counted(counts)}{', dry run' if dry_run else ''}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{value} {name}" for name, value in counts.items())


def _manifest(batches: Iterable[dict]) -> list[dict]:
    return [
        {"shop": batch["shop"], "cutoff_at": str(batch["cutoff_at"]), "no": no}
        for batch in batches
        for no in batch["released"]
    ]


def _where(batches: Iterable[dict]) -> str:
    return "\n".join(f"Manifest of {batch['shop']}: `{batch['manifest_path']}`" for batch in batches)


def _blocked(batches: Iterable[dict]) -> list[dict]:
    return [
        {
            "shop": batch["shop"],
            "no": order["no"],
            "rule": blocker.get("rule"),
            "code": blocker["code"],
            "为什么": blocker["zh"],
            "why": blocker["en"],
        }
        for batch in batches
        for order in batch["blocked"]
        for blocker in order["blockers"]
    ]


def _publish(key: str, rows: list[dict], description: str) -> None:
    """The table an operator sees beside the run. A scheduled run that had nothing to do leaves none: there
    are 288 of them a day."""
    if not rows and FlowRunContext.get().flow_run.auto_scheduled:
        return
    if len(rows) > SHOWN:
        description += f"\n\nThe first {SHOWN} of {len(rows)} rows."
    create_table_artifact(table=[_plain(row) for row in rows[:SHOWN]], key=key, description=description)


def _plain(row: dict) -> dict:
    return {
        name: value if isinstance(value, str | int | float | None) else str(value)
        for name, value in row.items()
    }
