"""Runs whose worker is gone are ended, on a real Prefect server; those of the living are not."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prefect_harness import Harness
from waiting import wait_until

from deployments.abandoned_runs import LOOKS
from deployments.lifelines import dead_workers, hold_lifeline
from deployments.running import prepare, use_settings
from deployments.server import PrefectServer, client_settings, free_port
from deployments.steady import Steady
from models.database import database_url

KEFU_ON = """import platform, sys
host = sys.argv.pop(1)
platform.node = lambda: host
from deployments.cli import main
main()
"""


@pytest.fixture
def deployed(prefect):
    """What `deploy_flows` brings, beside our timetable, of which nothing runs by itself."""
    from deployments.running import deploy

    prepare(say=lambda _: None)
    deploy(paused=True)
    deploy_flows()


def deploy_flows() -> None:
    """One flow for each way of not overlapping, and one that is slow to import."""
    import run_by_the_worker
    import slow_to_import
    from prefect.deployments.runner import EntrypointType, RunnerDeployment

    from deployments.timetable import ONE_AT_A_TIME_ELSE_DROP, ONE_AT_A_TIME_ELSE_WAIT

    for flow, name, limit in (
        (run_by_the_worker.takes_its_time, "sweep", ONE_AT_A_TIME_ELSE_DROP),
        (run_by_the_worker.takes_its_time, "cut-off", ONE_AT_A_TIME_ELSE_WAIT),
        (slow_to_import.is_imported, "sweep", ONE_AT_A_TIME_ELSE_DROP),
    ):
        RunnerDeployment.from_flow(
            flow,
            name=name,
            concurrency_limit=limit,
            work_pool_name="kefu",
            entrypoint_type=EntrypointType.MODULE_PATH,
        ).apply()


@contextmanager
def a_process(*arguments: str, host: str, home: Path, imported_within: float = 0, **environ: str):
    """kefu in a process of its own, on a machine of that name; it ends without a word, and so do its children."""
    started = subprocess.Popen(
        [sys.executable, "-c", KEFU_ON, host, *arguments],
        env=os.environ
        | {
            "KEFU_HOME": str(home),
            "PYTHONPATH": str(Path(__file__).parent),
            "PREFECT_WORKER_HEARTBEAT_SECONDS": "1",
            "IMPORTED_WITHIN": str(imported_within),
            **environ,
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        for pid in (started.pid, *children_of(started.pid)):
            os.kill(pid, signal.SIGKILL)
        started.wait()


def children_of(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(child) for child in found.stdout.split()]


def until_its_timetable_is_there(up: subprocess.Popen, server: PrefectServer) -> None:
    from prefect import get_client
    from prefect.exceptions import ObjectNotFound

    def timetable() -> bool:
        try:
            httpx.get(f"{server.api_url}/health")
            use_settings(client_settings(server.home, server.api_url))
            with get_client(sync_client=True) as client:
                return bool(client.read_deployment_by_name("deliver-outbox/by-hand"))
        except (httpx.HTTPError, ObjectNotFound):
            return False

    wait_until(timetable, f"{server.url} has no timetable", by=up)


def test_up_that_was_killed_with_its_server_goes_on_under_another_host_name(prefect, tmp_path):
    """As the container of `kefu up` is created anew, beside the home of the one before."""
    port = free_port()
    url, home = f"http://127.0.0.1:{port}", tmp_path / "home"
    up = ("up", "--port", str(port))
    here = Harness(PrefectServer(url, home / "prefect"), home)
    with a_process(*up, host="the-one-before", home=home) as process:
        until_its_timetable_is_there(process, here.server)
        deploy_flows()
        runs = [here.start(f"takes-its-time/{way}", seconds=3600) for way in ("sweep", "cut-off")]
        for run in runs:
            here.until(run, lambda run: run.state.is_running())
    with a_process(*up, host="the-next", home=home) as process:
        until_its_timetable_is_there(process, here.server)
        for run in runs:
            assert here.until_final(run).state.is_crashed()
        for way in ("sweep", "cut-off"):
            assert here.run(f"takes-its-time/{way}").state.is_completed()
        assert here.run("dispatch-cutoff/bag-studio").state.is_completed()


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize("elsewhere", [False, True], ids=["same home", "home elsewhere"])
def test_what_a_killed_worker_ran_is_ended_by_one_under_another_host_name(prefect, elsewhere, tmp_path):
    home = tmp_path / "elsewhere" if elsewhere else tmp_path
    shared = {"KEFU_DATABASE_URL": database_url()}
    with a_process("worker", host="a-container", home=home, imported_within=3600, **shared):
        running = [prefect.start(f"takes-its-time/{way}", seconds=3600) for way in ("sweep", "cut-off")]
        pending = prefect.start("is-imported/sweep")
        for run in running:
            prefect.until(run, lambda run: run.state.is_running())
        prefect.until(pending, lambda run: run.state.name == "Submitting")

    with prefect.worker(heartbeat_interval_seconds=1):
        waiting = prefect.start("takes-its-time/cut-off")
        for run in (*running, pending):
            ended = prefect.until_final(run)
            assert ended.state.is_crashed(), ended.state
            assert "已中断 / the worker was killed or is lost" in ended.state.message
        assert prefect.run("takes-its-time/sweep").state.is_completed()
        assert prefect.run("is-imported/sweep").state.is_completed()
        assert prefect.until_final(waiting).state.is_completed()


@pytest.mark.usefixtures("deployed")
def test_a_run_that_is_alive_is_nobodys_to_end_also_under_the_same_host_name(prefect, tmp_path, monkeypatch):
    with prefect.worker(heartbeat_interval_seconds=2):
        run = prefect.until_begun(prefect.start("takes-its-time/sweep", seconds=LOOKS * 2 * 2))
        monkeypatch.setenv("KEFU_HOME", str(tmp_path / "elsewhere"))  # all it knows is the heartbeat
        with prefect.worker(heartbeat_interval_seconds=2):
            assert prefect.until_final(run).state.is_completed()


@pytest.mark.usefixtures("deployed")
def test_what_is_pending_and_nobodys_is_ended_and_what_may_be_somebodys_is_not(prefect):
    from prefect.states import Pending, Running

    ours = {"prefect.worker.name": "seldom-heard", "prefect.worker.type": "kefu-in-process"}
    process = {"prefect.worker.name": "a-process-worker", "prefect.worker.type": "process"}
    running = [prefect.start("takes-its-time/cut-off") for _ in range(3)]
    nobodys = prefect.start("takes-its-time/cut-off")
    with prefect.client() as client:
        client.send_worker_heartbeat("kefu", "seldom-heard", heartbeat_interval_seconds=60)
        for run, labels in zip(running, (ours, process, {}), strict=True):  # the last one by hand
            client.request("PATCH", f"/flow_runs/{run.id}/labels", json=labels)
            client.set_flow_run_state(run.id, Running(), force=True)
        client.set_flow_run_state(nobodys.id, Pending(), force=True)
        with prefect.worker(heartbeat_interval_seconds=1):
            assert prefect.until_final(nobodys).state.is_crashed()
            for run in running:
                assert client.read_flow_run(run.id).state.is_running()


@pytest.mark.usefixtures("deployed")
def test_a_run_that_somebody_was_cancelling_ends_as_cancelled(prefect):
    from prefect.states import Cancelling, Pending, Running

    run = prefect.start("takes-its-time/cut-off")
    hold_lifeline("killed").close()
    labels = {"prefect.worker.name": "killed", "prefect.worker.type": "kefu-in-process"}
    with prefect.client() as client:
        client.request("PATCH", f"/flow_runs/{run.id}/labels", json=labels)
        for state in (Pending(), Running(), Cancelling()):
            client.set_flow_run_state(run.id, state)
    with prefect.worker():
        assert prefect.until_final(run).state.is_cancelled()
        wait_until(lambda: dead_workers().isdisjoint({"killed"}), "its file was left behind")


def test_a_look_that_fails_ends_no_worker(prefect, caplog):
    from deployments.worker import InProcessWorker

    async def work_in_a_pool_that_somebody_deletes() -> None:
        async with InProcessWorker("deleted-meanwhile") as worker:
            await worker.client.delete_work_pool("deleted-meanwhile")
            await worker.sync_with_backend()

    asyncio.run(work_in_a_pool_that_somebody_deletes())
    assert "looked in vain for abandoned runs" in caplog.text


def test_a_worker_lives_for_as_long_as_its_process_holds_its_file(tmp_path, monkeypatch):
    monkeypatch.setenv("KEFU_HOME", str(tmp_path))
    with hold_lifeline("alive"):
        hold_lifeline("ended").close()
        assert dead_workers() == {"ended"}
    assert dead_workers() == {"ended", "alive"}


def test_looks_are_counted_from_the_last_sign_of_life_and_none_is_between_two_looks():
    heard = Steady()
    assert [heard.look({"a": 1})["a"] for _ in range(LOOKS + 1)] == list(range(LOOKS + 1))
    assert heard.look({"a": 2}) == {"a": 0}
    assert heard.look({"b": 2}) == {"b": 0}
    assert heard.look({"a": 2, "b": 2}) == {"a": 0, "b": 1}
