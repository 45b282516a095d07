"""What a flow has to know of the Prefect run it is in: its time, its batches, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from prefect import get_client, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import StateType
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed, State

from flows import clock, stopping
from flows.imports.rows import UnreadableFile
from states.errors import KefuError

EXPLAINED = (KefuError, UnreadableFile)  # their text is for the operator; all others are bugs


class Report(Protocol):
    """What a plain function reports; red when an item was bad."""

    red: bool

    def as_dict(self) -> dict: ...


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


def run_batch(fn: Callable, *args: Any) -> Any:
    """Each batch is a task run, so that progress shows; between two of them a run can be cancelled."""
    _stop_if_cancelled()
    return _batch(_Call(fn, args))


def _stop_if_cancelled() -> None:
    if stopping.asked.is_set():
        raise _Stopped
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
        # as a plain datetime: Prefect's own loses its zone when anything is added to it in another one
        return datetime.fromtimestamp(run.expected_start_time.timestamp(), UTC)
    return clock.now()


def run_id() -> str:
    """The id of this flow run, as history keeps it."""
    return str(FlowRunContext.get().flow_run.id)


def started_by_itself() -> bool:
    """Whether the timetable, and no person, started this run."""
    return FlowRunContext.get().flow_run.auto_scheduled


def answered(work: Callable[[], State]) -> State:
    """How the work ended. A refusal is one sentence, not a traceback; a cancelled run says what is left."""
    try:
        return work()
    except EXPLAINED as error:
        get_run_logger().error("%s", error)
        return Failed(message=str(error))
    except _Stopped:
        get_run_logger().warning("stopped between two batches: the run was cancelled")
        return Cancelled(message="stopped between two batches; what was done stays done")


def ended(report: Report, summary: str, delivery: Report | None = None) -> State:
    """Red when an item was bad, although everything else was done: a person should look. An item is also a message
    that was to be delivered by this run."""
    red = report.red or (delivery is not None and delivery.red)
    more = {"delivery": delivery.as_dict()} if delivery else {}
    return (Failed if red else Completed)(message=summary, data={**report.as_dict(), **more})
