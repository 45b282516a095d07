"""`kefu up` and `kefu demo`, as processes and as a story."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from itertools import islice
from pathlib import Path
from threading import Event

import httpx
import pytest
from orders_told import rows
from rude import DRIPS_HEADERS, Rude
from waiting import wait_until

from deployments.auth import auth_string
from deployments.demo import _live_through
from deployments.demo_departures import IN_TURN, OFF_DUTY, departures, departures_table
from deployments.demo_world import kept_in
from deployments.running import _until_done, deploy, prepare
from deployments.sample_stories import SHOPS
from deployments.samples import ZONE, latest_full_day, orders_of, write_samples
from deployments.sandbox.alongside import Alongside
from deployments.server import PORT, ServerUnavailable, free_port, start_server
from flows.gateways import as_told, bounds
from flows.import_folder import import_folder
from flows.imports.readers import read_orders
from flows.outbox_desk import Standing
from models import Anomaly, OutboxMessage
from models.database import engine_from_env
from states.policies.working_days import DispatchDays, WorkingDays

A_DAY = date(2026, 3, 10)  # whenever this runs: the holidays of next year are not known yet
KEFU = [sys.executable, "-c", "from deployments.cli import main; main()"]


def children_of(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(child) for child in found.stdout.split()]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_up_serves_until_it_is_asked_to_end_and_leaves_nothing_behind(tmp_path: Path, sign):
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "KEFU_"))}
    home = tmp_path / "home"
    (home / "manifests").mkdir(parents=True)
    (home / "manifests" / "of-an-older-kefu.csv").touch()
    with (tmp_path / "said").open("w") as said:
        up = subprocess.Popen(
            [*KEFU, "up", "--port", str(port)],
            env=env | {"KEFU_HOME": str(home)},
            stdout=said,
            stderr=subprocess.STDOUT,
        )

        def asked(what: str, **wanted) -> list[dict]:
            assert up.poll() is None, (tmp_path / "said").read_text()
            try:
                known = tuple(auth_string(home / "prefect").split(":", 1))
                reply = httpx.post(f"http://127.0.0.1:{port}/api/{what}/filter", json=wanted, auth=known)
                return reply.json() if reply.is_success else []
            except (httpx.HTTPError, FileNotFoundError):
                return []

        def a_worker_is_online():
            return [w for w in asked("work_pools/kefu/workers") if w["status"] == "ONLINE"]

        def what_is_timed_is_planned():
            timed = asked("deployments", deployments={"tags": {"all_": ["timed"]}})
            planned = asked("flow_runs", flow_runs={"tags": {"all_": ["auto-scheduled"]}})
            return timed and {found["id"] for found in timed} == {run["deployment_id"] for run in planned}

        try:
            wait_until(a_worker_is_online, "no worker is online")
            wait_until(what_is_timed_is_planned, "nothing is planned")
            children = children_of(up.pid)
            assert httpx.post(f"http://127.0.0.1:{port}/api/flow_runs/filter", json={}).status_code == 401
            up.send_signal(sign)
            assert up.wait(120) == 0
        finally:
            up.kill()
    told = (tmp_path / "said").read_text()
    assert "shows what runs" in told
    assert told.count(auth_string(home / "prefect")) == 1
    assert told.count(f"3 files and folders of {home} were open to others") == 1
    for made in ("kefu.db", "import", "prefect/prefect.db", "prefect/server.log"):
        assert (home / made).exists()
    assert [path for path in (home, *home.rglob("*")) if path.stat().st_mode & 0o077] == []
    assert children
    assert not any(alive(child) for child in children)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/api/health")


def test_what_goes_on_beside_the_worker_ends_when_the_worker_does():
    begun, told = Event(), []

    def meanwhile(stopping: Event) -> bool:
        begun.set()
        told.append(stopping.wait(20))
        return True

    async def served_for_a_moment() -> None:
        serving = asyncio.create_task(_until_done(meanwhile))
        await asyncio.to_thread(begun.wait, 20)
        serving.cancel()

    asyncio.run(served_for_a_moment())
    assert told == [True]


def test_a_taken_port_is_one_sentence(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        with pytest.raises(ServerUnavailable, match=f"port {port} is taken by something else"):
            start_server(tmp_path, port)


def test_a_port_taken_by_something_that_never_ends_its_answer_is_told_in_time(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(bounds, "ANSWER_SECONDS", 0.4)
    with Rude(DRIPS_HEADERS) as there, pytest.raises(ServerUnavailable, match="taken by something else"):
        start_server(tmp_path, there.port)


def test_our_own_server_is_used_again_and_somebody_elses_is_not(prefect, tmp_path: Path):
    port = int(prefect.server.url.rpartition(":")[2])
    found = start_server(prefect.server.home, port)
    assert found.process is None
    found.stop()  # not ours to stop
    assert httpx.get(f"{found.api_url}/health").json() is True
    with pytest.raises(ServerUnavailable, match="taken by something else"):
        start_server(tmp_path / "another", port)


def test_a_second_start_beside_the_first_is_told_where_it_runs(tmp_path: Path):
    home, port = tmp_path / "prefect", free_port()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(start_server, home, port)
        wait_until((home / "server.log").exists, "it does not start")  # it takes its port seconds later
        for asked in (port, free_port()):
            with pytest.raises(
                ServerUnavailable, match=f"已在运行或正在启动.* at http://127.0.0.1:{port}: open"
            ):
                start_server(home, asked)
        first.result().stop()
    assert start_server(home, port).stop() is None, "and it may be started again"


def test_a_restart_does_not_undo_what_an_operator_applied(prefect):
    from flows.clock import now
    from flows.policy_store import apply_policy, current_policies

    prepare(say=lambda _: None)
    bags = next(p for p in current_policies(engine_from_env()) if p.name == "bag-studio")
    apply_policy(engine_from_env(), bags.model_copy(update={"title_en": "Changed"}), at=now())
    prepare(say=lambda _: None)
    titles = {p.name: p.title_en for p in current_policies(engine_from_env())}
    assert titles["bag-studio"] == "Changed"


def test_the_default_port_is_the_one_the_documents_name():
    assert PORT == 4200


# -- the samples and their day

# fmt: off
FATES = {
    "bag-studio": [
        "unpaid", "cancelled", "released", "verified", "verified", "verified", "paid",
        "released", "paid", "shipped", "completed", "cancelled", "paid",
        "refunded", "verified", "released", "shipped", "completed", "completed", "refunded", "completed", "completed",
    ],
    "urumqi-kitchen": [
        "released", "verified", "verified", "unpaid", "unpaid", "cancelled",
        "delivered", "verified", "paid", "cancelled", "verified",
        "refunded", *["delivered"] * 3,
    ],
}
CASES = [
    "refunded", "cooling", "withdrawn", "requested", "awaiting_parcel", "in_transit", "refunded", "inspected",
    "reshipped", "refunded", "declined", "refunded", "evidence_needed",
]
ANOMALIES = ["late_payment", "paid_not_due", "paid_not_due", "shipped_though_held"]  # as their stories say
COMPLAINTS = ["escalated", "escalated", "closed", "answered", "resolved"]
# fmt: on


@pytest.mark.parametrize("shop", SHOPS)
def test_every_sample_can_be_read(shop, tmp_path: Path):
    now = datetime.combine(A_DAY + timedelta(days=2), clock(), ZONE)
    file = read_orders(write_samples(tmp_path, A_DAY)[shop], ZONE, now=now)
    assert file.bad == []
    assert {row.no for row in file.rows} == {no for no, _ in orders_of(shop, A_DAY)}


def test_the_day_is_a_working_day_and_over():
    for month in range(1, 13):
        now = datetime(2026, month, 8, tzinfo=UTC)
        day = latest_full_day(now)
        assert WorkingDays(DispatchDays.CN_WORKING_DAYS).is_working(day)
        assert (now.date() - day).days >= 2


def test_a_day_under_prefect_gives_every_sample_its_fate(prefect, tmp_path: Path, monkeypatch):
    from deployments.timetable import BY_HAND, TIMED
    from flows.scheduled_bulletins import TIMED as BULLETINS

    day = A_DAY
    with Alongside(kept_in(day)) as world:
        for name, value in world.environment().items():
            monkeypatch.setenv(name, value)
        prepare(say=lambda _: None)
        deploy(paused=True)
        exports = write_samples(import_folder(), day)
        with prefect.worker():
            ran = list(_live_through(day, exports, world, Event()))
            first, cases, complaints = fates(day), cases_of(day), complaints_of()
            left = everything_left_once(world)
            list(islice(_live_through(day, exports, world, Event()), 9))  # again, and harmless
        assert everything_left_once(world) == left
    assert sorted(row.code for row in rows(engine_from_env(), Anomaly)) == ANOMALIES
    assert [run for run in ran if run.state != "Completed"] == []
    waits_for_a_person = {"call-back"}
    assert {run.flow for run in ran} == {
        flow.name for flow in (*TIMED, *BULLETINS, *BY_HAND)
    } - waits_for_a_person
    assert (fates(day), cases_of(day), complaints_of()) == (first, cases, complaints)
    assert first == FATES
    assert cases == CASES
    assert complaints == COMPLAINTS


def everything_left_once(world: Alongside) -> dict[str, int]:
    """What went to each destination: what we have sent is what is in the ledger there, and nothing is dead, nor waits
    but for a colleague who is off duty while this test runs."""
    found, kept = departures(engine_from_env(), world), until_the_desk_opens()
    for name, here in found.items():
        assert here.ours[Standing.SENT] == here.got, name
        assert here.ours[Standing.WAITING] <= kept, name
        assert len(here.ours[Standing.WAITING]) == here.why[OFF_DUTY] + here.why[IN_TURN], name
        assert not here.ours[Standing.DEAD], name
    ways = ("payments", "platform", "sms", "staff")
    assert set(found) == {f"{shop}/{way}" for shop in SHOPS for way in ways} - {"bag-studio/sms"}
    numbers = {name: [str(len(here.got))] * 2 for name, here in found.items()}
    sent, got = (list(column.cells) for column in departures_table(found).columns[1:3])
    assert [list(both) for both in zip(sent, got, strict=True)] == list(numbers.values())
    return {name: len(here.got) for name, here in found.items()}


def until_the_desk_opens() -> set[str]:
    """Keys of the notices about complaints that are kept until the colleagues' desk opens (rule 98), and of what
    waits its turn behind them."""
    untried = [
        row
        for row in rows(engine_from_env(), OutboxMessage)
        if (row.case_kind, row.channel, row.attempts) == ("complaint", "staff", 0)
    ]
    opening = {row.case_id for row in untried if row.retry_at}
    return {as_told(row.key) for row in untried if row.case_id in opening}


def fates(day) -> dict[str, list[str]]:
    from sqlalchemy import select

    from models import Order
    from models.database import reading

    c = Order.__table__.c
    with reading(engine_from_env()) as connection:
        states = {row.no: str(row.state) for row in connection.execute(select(c.no, c.state))}
    return {shop: [states[no] for no, _ in orders_of(shop, day)] for shop in SHOPS}


def complaints_of() -> list[str]:
    """Where the samples' complaints are, in the sequence of their orders."""
    from models import Complaint

    return [row.state for row in sorted(rows(engine_from_env(), Complaint), key=lambda row: row.no)]


def cases_of(day) -> list[str]:
    """Where the samples' cases are, those of the first shop first."""
    from sqlalchemy import select

    from models import Order, Return
    from models.database import reading

    o, r = Order.__table__.c, Return.__table__.c
    cases = select(o.no, r.state).join(Return.__table__, r.order_id == o.id)
    with reading(engine_from_env()) as connection:
        states = [tuple(row) for row in connection.execute(cases.order_by(r.id))]
    by_order = dict(states)
    assert len(by_order) == len(states), "an order has two cases"
    return [by_order[no] for shop in SHOPS for no, sample in orders_of(shop, day) if sample.desk]
