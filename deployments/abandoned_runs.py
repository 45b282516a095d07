"""Runs that nobody will end: their worker was killed, or is lost. They would hold their deployment's only slot for
ever, so that every later run is cancelled, or waits.

A run is its worker's for as long as the worker gives signs of life: a file that it holds locked (on the same home), or
its heartbeat at the Prefect server (wherever it is). Every worker looks with each heartbeat of its own. A worker that
is only slow, or whose machine has slept, has lost nothing: see `Steady`.

Left alone: runs of other kinds of worker, for what a process worker has started may outlive it; and runs that a
person executes by hand, which no worker has taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from logging import Logger, LoggerAdapter
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed

from deployments.lifelines import dead_workers, forget
from deployments.steady import Steady

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun, Worker

LOOKS = 5  # without a sign of life, 30 s from one to the next: a minute in which nothing else got the processor is none
UNENDED = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
MESSAGE = "执行它的进程已中断 / the worker was killed or is lost; what was done stays done"


class AbandonedRuns:
    """What one worker knows of the runs of its pool, and who still lives."""

    def __init__(
        self, worker: str, kind: str, pool: str, every: float, is_mine: Callable[[UUID], bool]
    ) -> None:
        """`every`: seconds from one look to the next; `is_mine`: whether this worker has that run in hand."""
        self._worker, self._kind, self._pool, self._every = worker, kind, pool, every
        self._is_mine = is_mine
        self._signs: Steady[UUID, Hashable] = Steady()

    async def end(self, client: PrefectClient, logger: Logger | LoggerAdapter) -> None:
        """End those whose worker is gone, as crashed; as cancelled, where somebody has asked for that. A run that has
        ended by itself meanwhile stays as it ended."""
        dead = dead_workers()  # before the runs are read: then none of theirs is missing among them
        runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNENDED))
            ),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self._pool])),
        )
        workers = await client.read_workers_for_work_pool(self._pool)
        for run in self._abandoned(runs, {worker.name: worker for worker in workers}, dead):
            state = (Cancelled if run.state.is_cancelling() else Crashed)(message=MESSAGE)
            try:
                await client.set_flow_run_state(run.id, state)
            except (ObjectNotFound, httpx.HTTPStatusError) as error:  # the others are ended all the same
                logger.warning("flow run %s could not be ended: %s", run.name, error)
            else:
                logger.warning("flow run %s ended: its worker %s is gone", run.name, _worker_of(run))
        forget(dead)

    def _abandoned(
        self, runs: Iterable[FlowRun], workers: dict[str, Worker], dead: set[str]
    ) -> list[FlowRun]:
        runs = [run for run in runs if self._may_be_abandoned(run)]
        silent = self._signs.look({run.id: self._sign_of_life(run, workers) for run in runs})
        return [
            run
            for run in runs
            if _worker_of(run) in dead or silent[run.id] >= self._patience(workers.get(_worker_of(run)))
        ]

    def _may_be_abandoned(self, run: FlowRun) -> bool:
        if _worker_of(run) is None:  # a worker puts its name on a run just after it has taken it
            return run.state.is_pending()
        return run.labels.get("prefect.worker.type") == self._kind and not self._is_mine(run.id)

    def _sign_of_life(self, run: FlowRun, workers: dict[str, Worker]) -> Hashable:
        """What changes while somebody is at work: the heartbeat of its worker. Where there is none, at least its
        state; that is also so for a run with this worker's name that it does not have in hand, such as one whose
        answer from the server was lost."""
        worker = workers.get(_worker_of(run))
        return worker.last_heartbeat_time if worker and worker.name != self._worker else run.state.id

    def _patience(self, worker: Worker | None) -> int:
        """In looks of ours; a worker may have been told to give signs more seldom."""
        every = (worker and worker.heartbeat_interval_seconds) or self._every
        return LOOKS * max(1, math.ceil(every / self._every))


def _worker_of(run: FlowRun) -> str | None:
    return run.labels.get("prefect.worker.name")
