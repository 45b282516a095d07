"""The timetable, as planned and as a real Prefect server keeps it."""

import pkgutil
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from importlib import import_module
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

import flows

SHANGHAI = ZoneInfo("Asia/Shanghai")
A_DAY = datetime(2026, 3, 10, 17, tzinfo=SHANGHAI)


@dataclass
class DispatchDay:
    cutoff: time


@dataclass
class Shop:
    name: str
    dispatch: DispatchDay
    zone: ZoneInfo = SHANGHAI


def shop(name: str, cutoff: time, zone: ZoneInfo = SHANGHAI) -> Shop:
    return Shop(name, DispatchDay(cutoff), zone)


BAGS, KITCHEN = shop("bags", time(17)), shop("kitchen", time(16))


def planned(*shops: Shop) -> dict:
    from deployments.timetable import timetable

    return {deployment.full_name: deployment for deployment in timetable(shops)}


def test_every_timed_flow_has_a_schedule_and_every_shop_its_cutoff():
    from deployments.timetable import timetable_gaps

    assert timetable_gaps([BAGS, KITCHEN]) == []


def test_a_flow_or_a_shop_nobody_schedules_is_found():
    from deployments.timetable import timetable, timetable_gaps

    forgotten = ("remind-unpaid", "release-refunds", "chase-returns")
    of_one_shop = [d for d in timetable([BAGS]) if d.flow_name not in forgotten or d.name == "by-hand"]
    assert timetable_gaps([BAGS, KITCHEN], of_one_shop) == [
        *(f"nothing schedules {flow}" for flow in forgotten),
        "nothing schedules the cut-off of kitchen",
        *(f"nothing schedules the bulletin of kitchen, each {every}" for every in ("week", "month")),
    ]


def test_no_two_sweeps_start_in_the_same_minute():
    from deployments.timetable import timetable

    starts: dict[str, set[int]] = {}
    for deployment in timetable([BAGS]):
        sweeps = (
            deployment.name.startswith("every-") and deployment.name != "every-minute"
        )  # that decides nothing
        for schedule in deployment.schedules if sweeps else ():
            starts.setdefault(deployment.flow_name, set()).update(minutes(schedule.schedule.cron))
    pulls = starts.pop("sync-orders")
    assert sum(map(len, starts.values())) == len(set().union(*starts.values())) == 3 * 12 + 3 * 6
    # there are not minutes enough: the pull, which mostly waits for the platforms, shares half of its own
    assert {name for name, sweeps in starts.items() if sweeps & pulls} == {"complaint-callbacks"}


def minutes(cron: str) -> range:
    """The minutes of an hour that "4-59/10 * * * *" names."""
    times, step = cron.split()[0].split("/")
    return range(int(times.split("-")[0]) if times != "*" else 0, 60, int(step))


def test_every_flow_of_the_project_is_either_timed_or_by_hand():
    from prefect import Flow

    from deployments.timetable import BY_HAND, TIMED, WRITTEN
    from flows.timed_steps import TIMED_STEPS

    modules = [import_module(m.name) for m in pkgutil.walk_packages(flows.__path__, "flows.")]
    found = {thing.name for module in modules for thing in vars(module).values() if isinstance(thing, Flow)}
    assert found == {flow.name for flow in (*TIMED, *BY_HAND, *WRITTEN)}
    assert {flow.name for flow in TIMED} == set(TIMED_STEPS)


def test_a_cutoff_is_the_shops_clock_in_the_shops_zone():
    paris = shop("paris", time(15, 30), ZoneInfo("Europe/Paris"))
    [schedule] = planned(paris)["dispatch-cutoff/paris"].schedules
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("30 15 * * *", "Europe/Paris")
    assert schedule.slug == "cutoff-paris"


@pytest.mark.parametrize(
    ("cutoff", "cron"), [(time(16, 0, 30), "1 16 * * *"), (time(23, 59, 59), "0 0 * * *")]
)
def test_a_cutoff_between_two_minutes_is_seen_to_at_the_next_one(cutoff, cron):
    [schedule] = planned(shop("odd", cutoff))["dispatch-cutoff/odd"].schedules
    assert schedule.schedule.cron == cron


def test_what_is_heard_of_late_still_leaves_on_the_day_over_midnight_too():
    late = planned(shop("night", time(23, 30)))["dispatch-cutoff/night-late"]
    assert [s.schedule.cron for s in late.schedules] == [
        *("35 23 * * *", "45 23 * * *", "0 0 * * *", "30 0 * * *", "30 1 * * *")
    ]
    assert [s.slug for s in late.schedules][:2] == [
        "cutoff-night-plus-5-minutes",
        "cutoff-night-plus-15-minutes",
    ]
    assert late.parameters == {"shop": "night"}


def test_two_shops_closing_in_the_same_minute_do_not_share_a_limit():
    twins = planned(shop("one", time(16)), shop("two", time(16)))
    limits = [twins[f"dispatch-cutoff/{name}"] for name in ("one", "two")]
    assert [(d.concurrency_limit, d.concurrency_options.collision_strategy) for d in limits] == [
        (1, "ENQUEUE")
    ] * 2
    sweeps = twins["remind-unpaid/every-5-minutes"]
    assert (sweeps.concurrency_limit, sweeps.concurrency_options.collision_strategy) == (1, "CANCEL_NEW")


def test_the_form_has_a_description_for_every_field_and_nothing_is_required():
    from deployments.timetable import TIMED

    for flow in TIMED:
        schema = planned()[f"{flow.name}/by-hand"]._parameter_openapi_schema
        assert list(schema.properties) == ["shop", "case_no", "as_of", "dry_run"]
        assert all(field["description"] for field in schema.properties.values())
        assert schema.required == []


def test_the_form_for_one_case_asks_for_its_number_and_nothing_schedules_it():
    schema = planned()["return-case/by-hand"]._parameter_openapi_schema
    assert sorted(schema.properties) == ["as_of", "case_no", "dry_run", "shop"]
    assert all(field["description"] for field in schema.properties.values())
    assert schema.required == ["case_no"]
    assert [name for name in planned() if name.startswith("return-case/")] == ["return-case/by-hand"]


# -- on a server


@pytest.fixture
def empty(prefect):
    """A server without deployments of ours, before and after: a planned run must not fall due in another test."""
    from deployments.timetable import deployed

    def clear():
        with prefect.client() as client:
            for found in deployed(client):
                client.delete_deployment(found.id)

    clear()
    yield prefect
    clear()


def schedules(prefect) -> dict:
    from deployments.timetable import deployed

    with prefect.client() as client:
        return {schedule.slug: schedule for found in deployed(client) for schedule in found.schedules}


def planned_runs(prefect, name: str) -> dict[datetime, str]:
    """The scheduled runs of a deployment, by their times, with their keys."""
    with prefect.client() as client:
        deployment = client.read_deployment_by_name(name)
        found = client.request(
            "POST", "/flow_runs/filter", json={"deployments": {"id": {"any_": [str(deployment.id)]}}}
        ).json()
    return {datetime.fromisoformat(run["expected_start_time"]): run["idempotency_key"] for run in found}


def test_deploying_again_changes_nothing(empty):
    from deployments.timetable import deploy

    assert len(deploy([BAGS, KITCHEN])) >= 8
    before = schedules(empty)
    assert deploy([BAGS, KITCHEN]) == []
    assert {slug: s.id for slug, s in schedules(empty).items()} == {slug: s.id for slug, s in before.items()}


def test_all_deployments_of_ours_are_found_however_many_there_are(empty, monkeypatch):
    from deployments import timetable

    timetable.deploy([BAGS, KITCHEN])
    monkeypatch.setattr(timetable, "PAGE", 3)  # at most 200, as the server has it
    with empty.client() as client:
        found = [deployment.id for deployment in timetable.deployed(client)]
    assert len(found) == len(set(found)) == len(timetable.timetable([BAGS, KITCHEN]))
    assert timetable.deploy([BAGS, KITCHEN]) == []


def test_a_moved_cutoff_keeps_its_schedule_and_fires_once_a_day(empty):
    from deployments.timetable import deploy

    deploy([BAGS, KITCHEN])
    for name in ("bags", "kitchen"):
        empty.plan(f"dispatch-cutoff/{name}")
    before, runs = schedules(empty), planned_runs(empty, "dispatch-cutoff/kitchen")
    assert len(runs) == len(planned_runs(empty, "dispatch-cutoff/bags")) == 3
    later = shop("bags", time(17, 30))
    assert deploy([later, KITCHEN]) == [
        "dispatch-cutoff/bags: schedules changed",
        "dispatch-cutoff/bags-late: schedules changed",
    ]
    after = schedules(empty)
    assert after["cutoff-bags"].id == before["cutoff-bags"].id
    assert after["cutoff-bags"].schedule.cron == "30 17 * * *"
    changed_at = datetime.now(UTC)  # what has fallen due until then may still run
    empty.plan("dispatch-cutoff/bags")
    planned = planned_runs(empty, "dispatch-cutoff/bags")
    moved = [at.astimezone(SHANGHAI) for at in planned if at > changed_at]
    assert [at.time() for at in moved] == [time(17, 30)] * 3
    assert len({at.date() for at in moved}) == 3
    assert planned_runs(empty, "dispatch-cutoff/kitchen") == runs


def test_a_schedule_paused_by_an_operator_stays_paused_and_is_reported(empty):
    from deployments.timetable import deploy, deployed, timetable_gaps

    deploy([BAGS, KITCHEN])
    with empty.client() as client:
        found = client.read_deployment_by_name("dispatch-cutoff/kitchen")
        client.update_deployment_schedule(found.id, found.schedules[0].id, active=False)
    said = deploy([BAGS, shop("kitchen", time(15))])
    assert said[-1] == "nothing schedules the cut-off of kitchen", "whoever deploys is told"
    assert not schedules(empty)["cutoff-kitchen"].active
    with empty.client() as client:
        assert timetable_gaps([BAGS, KITCHEN], deployed(client)) == [
            "nothing schedules the cut-off of kitchen"
        ]


def test_a_timetable_deployed_paused_is_so_from_its_first_moment(empty, monkeypatch):
    from deployments import timetable

    monkeypatch.setattr(timetable.SyncPrefectClient, "pause_deployment", None)  # nobody pauses it afterwards
    timetable.deploy([BAGS], paused=True)
    with empty.client() as client:
        paused = {found.paused for found in timetable.deployed(client) if found.schedules}
        by_hand = {found.paused for found in timetable.deployed(client) if not found.schedules}
    assert (paused, by_hand) == ({True}, {False})
    timetable.set_paused(False)
    with empty.client() as client:
        assert not any(found.paused for found in timetable.deployed(client))


def test_a_shop_that_leaves_takes_only_its_own_schedule_along(empty):
    from deployments.timetable import deploy

    deploy([BAGS, KITCHEN])
    empty.plan("dispatch-cutoff/kitchen")
    runs = planned_runs(empty, "dispatch-cutoff/kitchen")
    assert runs
    assert sorted(deploy([KITCHEN])) == [
        *(f"complaint-bulletin/bags-{every} removed" for every in ("month", "week")),
        *("dispatch-cutoff/bags removed", "dispatch-cutoff/bags-late removed"),
    ]
    assert "cutoff-bags" not in schedules(empty)
    assert planned_runs(empty, "dispatch-cutoff/kitchen") == runs


def overdue(prefect, name: str, at: datetime, as_of: datetime) -> object:
    """A run whose time has passed while nobody worked."""
    from prefect.states import Scheduled

    with prefect.client() as client:
        deployment = client.read_deployment_by_name(name)
        return client.create_flow_run_from_deployment(
            deployment.id,
            parameters={"as_of": as_of.isoformat()},  # a day whose holidays are known, whenever this runs
            state=Scheduled(scheduled_time=at),
        )


def test_after_downtime_no_shop_loses_a_cutoff(empty):
    from deployments.running import deploy, prepare

    prepare(say=lambda _: None)
    deploy()
    yesterday = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    runs = [
        overdue(empty, f"dispatch-cutoff/{name}", yesterday + later, A_DAY + later)
        for name in ("bag-studio", "urumqi-kitchen")
        for later in (timedelta(), timedelta(hours=20))
    ]
    with empty.worker():
        ended = [empty.until_final(run) for run in runs]  # one waits for the other
    assert [run.state.type.value for run in ended] == ["COMPLETED"] * 4


def test_a_late_run_stands_for_its_scheduled_time():
    from prefect.client.schemas.objects import FlowRun
    from prefect.context import FlowRunContext

    from flows.clock import now
    from flows.flow_runs import as_of_or_scheduled
    from flows.scheduled import remind_unpaid

    due = datetime(2026, 11, 11, 8, tzinfo=UTC)

    def stands_for(auto_scheduled: bool, as_of: datetime | None = None) -> datetime:
        run = FlowRun(flow_id=uuid4(), auto_scheduled=auto_scheduled, expected_start_time=due)
        with FlowRunContext.model_construct(flow=remind_unpaid, flow_run=run):
            return as_of_or_scheduled(as_of)

    assert stands_for(auto_scheduled=True) == due
    tomorrow = stands_for(auto_scheduled=True).astimezone(SHANGHAI) + timedelta(days=1)
    assert tomorrow.utcoffset() == timedelta(hours=8), "it stays in its zone whatever is added to it"
    assert now() - stands_for(auto_scheduled=False) < timedelta(minutes=1)
    asked = due + timedelta(days=1)
    assert stands_for(auto_scheduled=True, as_of=asked) == asked
