"""Flows that the timetable starts in vain: the run before still holds the only place, or no worker has a place free.
A single run that was dropped is nothing, the next does its work; of three in a row somebody has to hear.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from datetime import datetime, timedelta
from logging import Logger, LoggerAdapter
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events import emit_event
from prefect.exceptions import ObjectNotFound

from deployments.abandoned_runs import LOOKS
from deployments.steady import Steady

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

HELD_UP = "kefu.flow.held-up"  # the Prefect event
IN_A_ROW = 3  # runs that fell due and did not begin
WITHIN = timedelta(hours=1)  # what comes more seldom than three times in it waits instead of being dropped
NOT_BEGUN = [StateType.CANCELLED, StateType.SCHEDULED]
DROPPED = "Deployment concurrency"  # how the server's reason begins


class HeldUp:
    """What one worker knows of the flows of its pool that do not come to run."""

    def __init__(self, pool: str) -> None:
        self._pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))
        self._looks: Steady[UUID, Hashable] = Steady()
        self._told: set[UUID] = set()

    async def look(self, client: PrefectClient, logger: Logger | LoggerAdapter, at: datetime) -> None:
        """Tell of each flow that is held up; once, until it has run again. Only what several looks have found: after
        a pause there is much to catch up with, and it takes a moment until it has begun."""
        last = {
            id: run for id in await self._suspects(client, at) for run in await self._last(client, id, at)
        }
        looks = self._looks.look({id: run and run.id for id, run in last.items()})
        for id, run in last.items():
            stretch = uuid5(run.id if run else id, HELD_UP)
            if looks[id] >= LOOKS and stretch not in self._told:
                self._told.add(stretch)
                await _tell(client, logger, id, run, stretch)

    async def _suspects(self, client: PrefectClient, at: datetime) -> list[UUID]:
        vain = FlowRunFilterState(type=FlowRunFilterStateType(any_=NOT_BEGUN))
        due = FlowRunFilterExpectedStartTime(after_=at - WITHIN, before_=at)
        runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=vain, expected_start_time=due),
            work_pool_filter=self._pool,
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        )
        times = Counter(run.deployment_id for run in runs if _in_vain(run))
        return [id for id, number in times.items() if number >= IN_A_ROW]

    async def _last(self, client: PrefectClient, id: UUID, at: datetime) -> list[FlowRun | None]:
        """The run that began last, or that none ever has; nothing when the deployment is not held up."""
        of_it = FlowRunFilterDeploymentId(any_=[id])
        due = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                deployment_id=of_it, expected_start_time=FlowRunFilterExpectedStartTime(before_=at)
            ),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=IN_A_ROW,
        )
        begun = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                deployment_id=of_it,
                start_time=FlowRunFilterStartTime(is_null_=False),
                state=FlowRunFilterState(type=FlowRunFilterStateType(not_any_=NOT_BEGUN)),
            ),
            sort=FlowRunSort.START_TIME_DESC,
            limit=1,
        )
        if not all(map(_in_vain, due)) or (begun and begun[0].start_time >= due[-1].expected_start_time):
            return []
        return list(begun) or [None]


def _in_vain(run: FlowRun) -> bool:
    """Due by the timetable, and not begun: it waits, or was dropped because another holds its place."""
    if not run.auto_scheduled or run.run_count:  # a start time has each that has ended
        return False
    return run.state.is_scheduled() or (run.state.message or "").startswith(DROPPED)


async def _tell(
    client: PrefectClient, logger: Logger | LoggerAdapter, id: UUID, last: FlowRun | None, stretch: UUID
) -> None:
    try:
        deployment = await client.read_deployment(id)
        flow = await client.read_flow(deployment.flow_id)
    except ObjectNotFound:  # removed meanwhile
        return
    name = f"{flow.name}/{deployment.name}"
    before = f"{last.name}: {last.state.name}" if last else "从未运行 / it never ran"
    logger.error(
        "%s 连续 %d 次没有轮到运行 / did not come to run %d times in a row; 上一次 the run before: %s",
        name,
        IN_A_ROW,
        IN_A_ROW,
        before,
    )
    emit_event(
        HELD_UP,
        resource={"prefect.resource.id": f"kefu.deployment.{id}", "prefect.resource.name": name},
        payload={"times": IN_A_ROW, "before": before},
        id=stretch,  # several workers see the same, and the server takes it once
    )
