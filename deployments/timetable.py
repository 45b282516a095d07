"""The timetable: which flow runs when, built from the shops' policies and kept on the Prefect server.

Payments, refunds, returns, complaints, the outbox and whatever is late are swept by one deployment each, for all
shops; each shop has one of its own for its cut-off:

* Overlap. Sweeps come every few minutes, so a run that would overlap is dropped (CANCEL_NEW): the
  next one does its work. A cut-off comes once a day, so a run that would overlap waits (ENQUEUE). With one
  deployment for all shops and CANCEL_NEW, two shops closing in the same minute would cost one of them its day,
  and so would a day of downtime, when yesterday's and today's cut-off fall due together.
* The outbox. Each minute, beside the sweeps: it mostly waits for others. What a run owes it sends itself; here goes
  what was owed otherwise, or has to be tried again.
* Late news. A payment made in time may be heard of after the cut-off: it leaves the same day all the same, by a
  second deployment of each shop that runs a few times more afterwards.
* Downtime. Prefect keeps runs whose time has passed and the worker catches up; it plans at least three runs
  ahead. It forgets them when a schedule is *deleted*, all of the deployment's at once: a shop that leaves must
  not take another shop's overdue cut-off with it.
* Runs by hand have a deployment of their own without a limit: nobody's click is cancelled because a sweep is
  on its way. The claims in the timers table keep them apart.

Deploying again changes what differs and nothing else: a schedule that stays keeps its id, so that its planned
runs keep their idempotency keys (re-created schedules can fire twice), and one paused by an operator stays paused.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from prefect import Flow, get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    DeploymentScheduleUpdate,
    DeploymentUpdate,
    WorkPoolCreate,
)
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule
from prefect.client.schemas.sorting import DeploymentSort
from prefect.deployments.runner import EntrypointType, RunnerDeployment
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from deployments.worker import TYPE, InProcessWorker
from flows import scheduled, scheduled_bulletins, scheduled_complaints
from flows.bulletin_periods import Every
from flows.scheduled import (
    chase_returns,
    deliver_outbox,
    dispatch_cutoff,
    release_refunds,
    remind_unpaid,
    sync_orders,
    watch_orders,
)
from flows.scheduled_bulletins import complaint_bulletin
from flows.scheduled_complaints import complaint_callbacks, complaint_escalations

TIMED = (*scheduled.TIMED, *scheduled_complaints.TIMED)  # what must be on it
BY_HAND = (*scheduled.BY_HAND, *scheduled_complaints.BY_HAND)
WRITTEN = scheduled_bulletins.TIMED  # by each shop's calendar
ANY_DAY = date(2000, 1, 1)
PAGE = 200  # deployments the server tells at a time
LATE = (5, 15, 30, 60, 120)  # minutes after a cut-off
MORNINGS = {Every.WEEK: "0 8 * * 1", Every.MONTH: "0 8 1 * *"}
POOL = "kefu"
TAG = "kefu"  # marks the deployments that are ours to remove
BY_HAND_NAME = "by-hand"
ONE_AT_A_TIME_ELSE_DROP = ConcurrencyLimitConfig(
    limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
)
ONE_AT_A_TIME_ELSE_WAIT = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)


class DispatchDay(Protocol):
    """When the shop's day ends."""

    cutoff: time


class Shop(Protocol):
    """What the timetable asks of a shop's policies."""

    name: str
    zone: ZoneInfo
    dispatch: DispatchDay


def timetable(shops: Iterable[Shop]) -> list[RunnerDeployment]:
    """Every deployment there should be."""
    shops = list(shops)
    return [
        _deployment(remind_unpaid, "every-5-minutes", [_every(5)], ONE_AT_A_TIME_ELSE_DROP),
        _deployment(sync_orders, "every-5-minutes", [_every(5, after=1)], ONE_AT_A_TIME_ELSE_DROP),
        _deployment(release_refunds, "every-5-minutes", [_every(5, after=2)], ONE_AT_A_TIME_ELSE_DROP),
        _deployment(watch_orders, "every-10-minutes", [_every(10, after=4)], ONE_AT_A_TIME_ELSE_DROP),
        _deployment(chase_returns, "every-10-minutes", [_every(10, after=9)], ONE_AT_A_TIME_ELSE_DROP),
        _deployment(complaint_escalations, "every-5-minutes", [_every(5, after=3)], ONE_AT_A_TIME_ELSE_DROP),
        _deployment(complaint_callbacks, "every-10-minutes", [_every(10, after=6)], ONE_AT_A_TIME_ELSE_DROP),
        _deployment(deliver_outbox, "every-minute", [_every(1)], ONE_AT_A_TIME_ELSE_DROP),
        *(_of_shop(shop, shop.name, [_daily(shop)]) for shop in shops),
        *(_of_shop(shop, f"{shop.name}-late", [_daily(shop, late) for late in LATE]) for shop in shops),
        *(_bulletin(shop, every) for shop in shops for every in Every),
        *(_deployment(flow, BY_HAND_NAME) for flow in (*TIMED, *BY_HAND, *WRITTEN)),
    ]


def timetable_gaps(shops: Iterable[Shop], deployments: Iterable[Any] | None = None) -> list[str]:
    """What nobody would do, one sentence each; of the deployments on a server when given, else of the plan."""
    shops = list(shops)
    planned = timetable(shops) if deployments is None else list(deployments)
    scheduled = {
        (_flow_name(deployment), deployment.name)
        for deployment in planned
        if not deployment.paused
        and any(schedule.active is not False for schedule in deployment.schedules or [])
    }
    flows = {flow for flow, _ in scheduled}
    gaps = [f"nothing schedules {flow.name}" for flow in TIMED if flow.name not in flows]
    if dispatch_cutoff.name in flows:
        gaps += [
            f"nothing schedules the cut-off of {shop.name}"
            for shop in shops
            if (dispatch_cutoff.name, shop.name) not in scheduled
        ]
    return gaps + [
        f"nothing schedules the bulletin of {shop.name}, each {every}"
        for shop in shops
        for every in Every
        if (complaint_bulletin.name, f"{shop.name}-{every}") not in scheduled
    ]


def deploy(shops: Iterable[Shop], *, paused: bool = False) -> list[str]:
    """Make the Prefect server's timetable this one; what had to be changed, and what nobody does, one sentence each.

    Paused: nothing runs by itself, until `set_paused(False)`; from the first moment on, for the server plans the next
    runs at once, and those would be run.
    """
    shops = list(shops)
    wanted = timetable(shops)
    if paused:
        set_paused(True)
    with get_client(sync_client=True) as client:
        changes = _ensure_pool(client)
        for deployment in wanted:
            deployment.paused = paused and bool(deployment.schedules)
            changes += _ensure(client, deployment)
        names = {deployment.full_name for deployment in wanted}
        for found in deployed(client):
            if (name := f"{_flow_name(found, client)}/{found.name}") not in names:
                client.delete_deployment(found.id)
                changes.append(f"{name} removed")
        if not paused:
            changes += timetable_gaps(shops, deployed(client))
    return changes


def set_paused(paused: bool) -> None:
    """Stop, or resume, whatever runs by itself."""
    with get_client(sync_client=True) as client:
        for found in deployed(client):
            if found.schedules and found.paused != paused:
                (client.pause_deployment if paused else client.resume_deployment)(found.id)


def deployed(client: SyncPrefectClient) -> list[Any]:
    """The deployments on the server that are ours, however many others there are."""
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    found: dict[UUID, Any] = {}  # by id: a page may begin anew with what the last one ended with
    for start in count(0, PAGE):
        page = client.read_deployments(
            deployment_filter=ours, sort=DeploymentSort.CREATED_DESC, limit=PAGE, offset=start
        )
        found |= {deployment.id: deployment for deployment in page}
        if len(page) < PAGE:
            break
    return [deployment for deployment in found.values() if deployment.work_pool_name == POOL]


def _deployment(
    flow: Flow,
    name: str,
    schedules: list[DeploymentScheduleCreate] | None = None,
    limit: ConcurrencyLimitConfig | None = None,
    parameters: dict[str, Any] | None = None,
) -> RunnerDeployment:
    return RunnerDeployment.from_flow(
        flow,
        name=name,
        schedules=schedules or [],
        concurrency_limit=limit,
        parameters=parameters,
        tags=[TAG, "timed" if schedules else "by hand"],
        work_pool_name=POOL,
        # The flow checks its parameters itself. The server would refuse `prefect deployment run -p case_no=4711`,
        # which sends a number, and a form that offers text and number instead of one field is worse.
        enforce_parameter_schema=False,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def _every(minutes: int, after: int = 0) -> DeploymentScheduleCreate:
    """Sweeps take turns: started together, they would wait for each other and for the server's database."""
    times = f"{after}-59/{minutes}" if after else f"*/{minutes}"
    cron = CronSchedule(cron=f"{times} * * * *", timezone="UTC")
    slug = "every-minute" if minutes == 1 else f"every-{minutes}-minutes"
    return DeploymentScheduleCreate(schedule=cron, slug=slug)


def _of_shop(shop: Shop, name: str, schedules: list[DeploymentScheduleCreate]) -> RunnerDeployment:
    return _deployment(dispatch_cutoff, name, schedules, ONE_AT_A_TIME_ELSE_WAIT, {"shop": shop.name})


def _bulletin(shop: Shop, every: Every) -> RunnerDeployment:
    """Of the week that is over, on Monday; of the month, on the 1st: at 08:00 on the shop's clock (rule 129)."""
    cron = CronSchedule(cron=MORNINGS[every], timezone=shop.zone.key)
    schedule = DeploymentScheduleCreate(schedule=cron, slug=f"bulletin-{shop.name}-{every}")
    parameters = {"shop": shop.name, "every": every}
    name = f"{shop.name}-{every}"
    return _deployment(complaint_bulletin, name, [schedule], ONE_AT_A_TIME_ELSE_WAIT, parameters)


def _daily(shop: Shop, late: int = 0) -> DeploymentScheduleCreate:
    """The shop's cut-off, or so many minutes after it, on the shop's clock."""
    at = datetime.combine(ANY_DAY, shop.dispatch.cutoff) + timedelta(minutes=late)
    if at.second or at.microsecond:  # Prefect counts in minutes; the first one not before the cut-off
        at = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    cron = CronSchedule(cron=f"{at.minute} {at.hour} * * *", timezone=shop.zone.key)
    slug = f"cutoff-{shop.name}" + (f"-plus-{late}-minutes" if late else "")
    return DeploymentScheduleCreate(schedule=cron, slug=slug)


def _ensure_pool(client: SyncPrefectClient) -> list[str]:
    template = InProcessWorker.get_default_base_job_template()
    pool = WorkPoolCreate(
        name=POOL,
        type=TYPE,
        description="Runs kefu's flows inside the worker's process.",
        base_job_template=template,
    )
    try:
        client.create_work_pool(pool)
    except ObjectAlreadyExists:
        return []
    return [f"work pool {POOL} created"]


def _ensure(client: SyncPrefectClient, wanted: RunnerDeployment) -> list[str]:
    try:
        found = client.read_deployment_by_name(wanted.full_name)
    except ObjectNotFound:
        wanted.apply(_sync=True)  # also where an event loop runs, such as in a notebook
        return [f"{wanted.full_name} created"]
    settings = _settings(wanted)
    differing = {name: value for name, value in settings.items() if _of(found, name) != value}
    schedules = {schedule.slug: schedule for schedule in found.schedules}
    changes = []
    for schedule in wanted.schedules:
        known = schedules.pop(schedule.slug, None)
        if known is None or known.schedule != schedule.schedule:
            update = DeploymentScheduleUpdate(slug=schedule.slug, schedule=schedule.schedule)
            differing.setdefault("schedules", []).append(update)
    for stranger in schedules.values():  # its planned runs go with it
        client.delete_deployment_schedule(found.id, stranger.id)
        changes.append(f"{wanted.full_name}: schedule {stranger.slug or stranger.id} removed")
    if differing:
        client.update_deployment(found.id, DeploymentUpdate(**differing))
        changes.append(f"{wanted.full_name}: {', '.join(differing)} changed")
    return changes


def _settings(deployment: RunnerDeployment) -> dict[str, Any]:
    return {
        "description": deployment.description,
        "tags": deployment.tags,
        "parameters": deployment.parameters,
        "entrypoint": deployment.entrypoint,
        "work_pool_name": deployment.work_pool_name,
        "enforce_parameter_schema": deployment.enforce_parameter_schema,
        "concurrency_limit": deployment.concurrency_limit,
        "concurrency_options": deployment.concurrency_options,
        "parameter_openapi_schema": deployment._parameter_openapi_schema.model_dump(exclude_unset=True),
    }


def _of(found: Any, name: str) -> Any:
    if name == "concurrency_limit":
        limit = found.global_concurrency_limit
        return limit.limit if limit else None
    return getattr(found, name)


def _flow_name(deployment: Any, client: SyncPrefectClient | None = None) -> str:
    if isinstance(deployment, RunnerDeployment):
        return deployment.flow_name
    by_entrypoint = {f"{flow.__module__}.{flow.__name__}": flow.name for flow in (*TIMED, *BY_HAND, *WRITTEN)}
    if name := by_entrypoint.get(deployment.entrypoint):
        return name
    return client.read_flow(deployment.flow_id).name if client else deployment.entrypoint
