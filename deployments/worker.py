"""A Prefect worker that runs flows inside its own process.

The ordinary process worker starts Python and imports Prefect anew for each run: 5 to 12 s of CPU, every five
minutes, to ask a database one question. Here the flow is already imported and runs in a thread.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import platform
from typing import TYPE_CHECKING
from uuid import uuid4

os.environ.setdefault("DO_NOT_TRACK", "1")  # Prefect's SDK reports to the outside world unless told not to

import anyio
import anyio.abc
import httpx
from anyio import to_thread
from prefect.exceptions import Abort, ObjectNotFound, Pause
from prefect.flow_engine import run_flow
from prefect.flows import load_flow_from_entrypoint
from prefect.states import Cancelled, Cancelling
from prefect.workers.base import BaseJobConfiguration, BaseWorker, BaseWorkerResult

from deployments.abandoned_runs import AbandonedRuns
from deployments.held_up import HeldUp
from deployments.lifelines import hold_lifeline
from flows.clock import now

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import WorkerFlowRunResponse
    from prefect.flows import Flow

TYPE = "kefu-in-process"


class InProcessResult(BaseWorkerResult):
    """What became of a run's thread; the flow engine has reported the run's own state."""


class InProcessWorker(BaseWorker[BaseJobConfiguration, BaseJobConfiguration, InProcessResult]):
    """Runs each flow run in a thread of this process, from the module its deployment names."""

    type = TYPE
    job_configuration = BaseJobConfiguration

    _display_name = "Kefu in process"
    _description = "Runs flows inside the worker's own process: no start-up time, for short flows you trust."

    def __init__(self, work_pool_name: str, *args, name: str | None = None, **kwargs) -> None:
        super().__init__(work_pool_name, *args, name=own_name(name), **kwargs)
        self._running: set[UUID] = set()
        self._abandoned = AbandonedRuns(
            self.name, TYPE, work_pool_name, self.heartbeat_interval_seconds, self._has_in_hand
        )
        self._held_up = HeldUp(work_pool_name)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: BaseJobConfiguration,
        task_status: anyio.abc.TaskStatus[str] | None = None,
    ) -> InProcessResult:
        """Run it here; report as crashed what the flow engine itself could not report."""
        flow = await self._flow_of(flow_run)
        if task_status:
            task_status.started(self.name)
        self._running.add(flow_run.id)
        try:
            error = await to_thread.run_sync(_run_to_its_end, flow, flow_run, limiter=self._threads)
            with anyio.CancelScope(shield=True):  # also when the worker is being stopped
                await self._settle(flow_run, error)
        finally:
            self._running.discard(flow_run.id)
        return InProcessResult(identifier=self.name, status_code=0)

    async def _submit_scheduled_flow_runs(
        self, flow_run_response: list[WorkerFlowRunResponse]
    ) -> list[FlowRun]:
        """Leave for the next look a run that was resumed before the thread it was suspended in has ended: Prefect
        would end the whole worker over it."""
        free = [found for found in flow_run_response if found.flow_run.id not in self._running]
        return await super()._submit_scheduled_flow_runs(free)

    async def _flow_of(self, flow_run: FlowRun) -> Flow:
        """The flow, imported once and then kept."""
        if flow_run.deployment_id is None:
            raise ValueError("this worker runs deployments only")
        entrypoint = (await self.client.read_deployment(flow_run.deployment_id)).entrypoint or ""
        if ":" in entrypoint or "." not in entrypoint:
            raise ValueError(
                f"this worker runs what it can import, such as flows.scheduled.remind_unpaid, not {entrypoint!r}"
            )
        return await to_thread.run_sync(_load, entrypoint)

    async def _settle(self, flow_run: FlowRun, error: BaseException | None) -> None:
        """Report what the flow engine could not."""
        logger = self.get_flow_run_logger(flow_run)
        if error is not None:
            logger.error("the run ended without a state of its own", exc_info=error)
            await self._propose_crashed_state(flow_run, f"{type(error).__name__}: {error}")
        elif (state := (await self.client.read_flow_run(flow_run.id)).state) and state.is_cancelling():
            cancelled = Cancelled(message="cancelled when its work was already done")
            await self.client.set_flow_run_state(flow_run.id, cancelled, force=True)

    async def setup(self) -> None:
        """Begin; the first look, before any run is taken, ends what a worker before us left behind."""
        self._threads = anyio.CapacityLimiter(self._limit or 40)  # not shared with what else uses threads
        self._exit_stack.enter_context(hold_lifeline(self.name))  # let go of after the last run
        await super().setup()

    async def sync_with_backend(self) -> None:
        """Give a sign of life, and look for those who give none any more, and for what does not come to run."""
        await super().sync_with_backend()
        if not self._has_successfully_synced:
            return
        try:
            await self._abandoned.end(self.client, self._logger)
            await self._held_up.look(self.client, self._logger, now())
        except (
            httpx.HTTPError,
            ObjectNotFound,
        ) as error:  # Prefect would end the whole worker over some of them
            self._logger.warning("looked in vain for abandoned runs: %s", error)

    def _has_in_hand(self, flow_run_id: UUID) -> bool:
        return flow_run_id in self._running or flow_run_id in self._submitting_flow_run_ids

    async def teardown(self, *exc_info) -> None:
        """Let the batches in progress finish, then stop; a run cut short says so."""
        with anyio.CancelScope(shield=True):
            for flow_run_id in list(self._running) if self._client else []:
                flow_run = await self.client.read_flow_run(flow_run_id)
                if flow_run.state and flow_run.state.is_running():
                    state = Cancelling(message="the worker is being stopped")
                    await self.client.set_flow_run_state(flow_run_id, state)
        await super().teardown(*exc_info)


def own_name(name: str | None = None) -> str:
    """A name that no other worker has, now or later, whatever the hosts are called: runs and heartbeats bear it."""
    return f"{name or 'kefu-' + (platform.node() or 'localhost')}-{uuid4().hex[:8]}"


def _load(entrypoint: str) -> Flow:
    return load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)


def _run_to_its_end(flow: Flow, flow_run: FlowRun) -> BaseException | None:
    """What no state tells yet. Nothing is raised: an exit() in a flow must not end the worker."""
    try:
        ended = run_flow(flow, flow_run=flow_run, return_type="state")
        if inspect.iscoroutine(ended):
            asyncio.run(ended)
    except (Abort, Pause):  # the server has decided about this run
        return None
    except BaseException as error:
        return error
    return None
