"""A timed flow that does not come to run three times in a row is told of, on a real Prefect server."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest
from other_side import OtherSide
from waiting import wait_until

from deployments.abandoned_runs import LOOKS

A_MINUTE = timedelta(minutes=1)
NAME = "takes-its-time/every-minute"


@pytest.fixture
def every_minute(prefect):
    """A deployment of which one run at a time may be, one each minute; none of them is planned."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.deployments.runner import EntrypointType, RunnerDeployment
    from run_by_the_worker import takes_its_time

    from deployments.running import deploy, prepare
    from deployments.timetable import ONE_AT_A_TIME_ELSE_DROP

    prepare(say=lambda _: None)
    deploy(paused=True)
    with prefect.client() as client:
        found = RunnerDeployment.from_flow(
            takes_its_time,
            name="every-minute",
            schedules=[DeploymentScheduleCreate(schedule=CronSchedule(cron="* * * * *", timezone="UTC"))],
            concurrency_limit=ONE_AT_A_TIME_ELSE_DROP,
            work_pool_name="kefu",
            entrypoint_type=EntrypointType.MODULE_PATH,
        ).apply()
        yield found
        client.delete_deployment(found)


def planned(prefect, deployment, since: datetime, runs: int) -> list:
    """The runs of so many minutes, in their sequence."""
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    until = since + runs * A_MINUTE
    due = {"after_": since.isoformat(), "before_": until.isoformat()}
    with prefect.client() as client:
        wanted = {
            "start_time": since.isoformat(),
            "end_time": until.isoformat(),
            "min_runs": runs,
            "max_runs": runs,
        }
        client.request("POST", f"/deployments/{deployment}/schedule", json=wanted)
        found = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(deployment_id={"any_": [deployment]}, expected_start_time=due),
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        )
    assert len(found) == runs
    return found


def begun(prefect, run):
    from prefect.states import Pending, Running

    with prefect.client() as client:
        client.set_flow_run_state(run.id, Pending())
        client.set_flow_run_state(run.id, Running(), force=True)  # also before its time
        return client.read_flow_run(run.id)


def dropped(prefect, *runs) -> None:
    from prefect.states import Pending

    with prefect.client() as client:
        for run in runs:
            client.set_flow_run_state(run.id, Pending())
            assert client.read_flow_run(run.id).state.is_cancelled()


def told_after(looks: int, at: datetime, held_up=None) -> list[str]:
    """What is logged of our deployment; other tests have left theirs on the same server."""
    from prefect import get_client

    from deployments.held_up import HeldUp

    told = []
    logger = logging.Logger("told")
    logger.addFilter(lambda record: told.append(record.getMessage()))
    held_up = held_up or HeldUp("kefu")

    async def looking() -> None:
        async with get_client() as client:
            for _ in range(looks):
                await held_up.look(client, logger, at)

    asyncio.run(looking())
    return [line for line in told if NAME in line]


def test_two_runs_that_were_dropped_are_nothing_and_of_three_somebody_hears_once(
    prefect, every_minute, monkeypatch
):
    from deployments.alarms import deploy_alarms
    from deployments.held_up import HeldUp

    now = datetime.now(UTC)
    holds = begun(prefect, planned(prefect, every_minute, now - A_MINUTE, 1)[0])
    runs = planned(prefect, every_minute, now + A_MINUTE, 4)
    dropped(prefect, *runs)
    with OtherSide() as staff:
        monkeypatch.setenv("KEFU_STAFF_URLS", staff.url.replace("http://", "json://") + "/")
        deploy_alarms()
        assert told_after(LOOKS * 2, runs[1].expected_start_time) == []
        assert told_after(LOOKS, runs[2].expected_start_time) == []  # seen for too short a time
        one = HeldUp("kefu")
        [line] = told_after(LOOKS * 2, runs[2].expected_start_time, one)
        assert f"{NAME} 连续 3 次没有轮到运行 / did not come to run 3 times in a row" in line
        assert f"{holds.name}: Running" in line
        assert told_after(LOOKS * 2, runs[3].expected_start_time, one) == []
        assert told_after(LOOKS * 2, runs[3].expected_start_time) == [line]  # the log of another worker

        def heard() -> list:
            return [asked for asked in staff.asked if NAME in asked.body["title"]]

        [told] = wait_until(heard, "nobody was told")
        assert told.body["title"] == f"kefu: {NAME} 轮不到运行 / is held up"
        assert f"{holds.name}: Running" in told.body["message"]


def test_what_waits_is_held_up_too_and_a_run_that_began_meanwhile_is_not(prefect, every_minute):
    now = datetime.now(UTC)
    runs = planned(prefect, every_minute, now - 9 * A_MINUTE, 3)
    assert "never ran" in told_after(LOOKS + 1, runs[2].expected_start_time)[0]
    begun(prefect, runs[0])  # after a pause: the first of them catches up
    dropped(prefect, *runs[1:])
    assert told_after(LOOKS + 1, runs[2].expected_start_time) == []


def test_what_a_person_cancelled_or_planned_by_hand_is_not_held_up(prefect, every_minute):
    from prefect.states import Cancelled

    runs = planned(prefect, every_minute, datetime.now(UTC) - 9 * A_MINUTE, 3)
    by_hand = [prefect.start(NAME) for _ in range(3)]
    with prefect.client() as client:
        client.set_flow_run_state(runs[1].id, Cancelled(message="not today"))
    assert told_after(LOOKS + 1, runs[2].expected_start_time) == []
    assert told_after(LOOKS + 1, by_hand[2].expected_start_time) == []
