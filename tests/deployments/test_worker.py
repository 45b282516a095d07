"""The in-process worker, on a real Prefect server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.running import prepare

pytestmark = pytest.mark.usefixtures("deployed")


@pytest.fixture
def deployed(prefect):
    """Our timetable, and the flows of `run_by_the_worker`, whose module only the tests can import."""
    import run_by_the_worker as flows
    from prefect.deployments.runner import EntrypointType, RunnerDeployment

    from deployments.running import deploy

    prepare(say=lambda _: None)
    deploy(paused=True)
    for flow in (
        flows.notes_its_thread,
        flows.breaks,
        flows.leaves,
        flows.waits_politely,
        flows.takes_a_second,
        flows.waits_for_a_word,
    ):
        RunnerDeployment.from_flow(
            flow, name="test", work_pool_name="kefu", entrypoint_type=EntrypointType.MODULE_PATH
        ).apply()
    flows.threads.clear()


def prefect_command(*arguments):
    """Prefect's own command line, in a process that can import the tests' flows."""
    main = "from prefect.cli import app; import sys; sys.argv[0] = 'prefect'; app()"
    return subprocess.run(
        [sys.executable, "-c", main, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
    )


def logged(prefect, run):
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all(timeout=60)  # log lines are sent every two seconds, or now
    with prefect.client() as client:
        return [line["message"] for line in client.request("POST", "/logs/filter", json=of(run)).json()]


def of(run):
    return {"logs": {"flow_run_id": {"any_": [str(run.id)]}}}


def test_a_run_takes_a_thread_of_this_process_and_reports_every_state(prefect):
    from run_by_the_worker import threads

    with prefect.worker():
        run = prefect.run("notes-its-thread/test", word="a", times=2)
    assert run.state.is_completed()
    assert len(threads) == 1
    assert "MainThread" not in threads
    with prefect.client() as client:
        states = client.read_flow_run_states(run.id)
    assert [state.name for state in states] == ["Scheduled", "Pending", "Submitting", "Running", "Completed"]
    assert "noted a" in logged(prefect, run)


def test_a_run_by_hand_begins_within_seconds_and_costs_a_fraction_of_one(prefect):
    with prefect.worker():
        runs = [prefect.run("notes-its-thread/test", word=word) for word in "abcdef"]
    # of the quickest: what else this machine has to do at the moment costs the others more
    assert min(run.start_time - run.created for run in runs).total_seconds() < 4
    assert min(run.total_run_time for run in runs).total_seconds() < 1


def test_parameters_are_checked_by_the_flow(prefect):
    with prefect.worker():
        with prefect.client() as client:
            deployment = client.read_deployment_by_name("notes-its-thread/test")
            client.request("PATCH", f"/deployments/{deployment.id}", json={"enforce_parameter_schema": False})
        run = prefect.run("notes-its-thread/test", word="a", times="many")
    assert run.state.is_failed()
    assert "times" in run.state.message


def test_a_bug_fails_its_run_and_an_exit_crashes_it_and_the_worker_goes_on(prefect):
    with prefect.worker():
        assert prefect.run("breaks/test").state.is_failed()
        assert prefect.run("leaves/test").state.is_crashed()
        assert prefect.run("notes-its-thread/test", word="a").state.is_completed()


def test_an_async_flow_runs_too(prefect):
    with prefect.worker():
        assert prefect.run("waits-politely/test").state.is_completed()


def test_what_cannot_be_imported_crashes_its_run_with_a_sentence(prefect):
    with prefect.client() as client:
        deployment = client.read_deployment_by_name("breaks/test")
        client.request("PATCH", f"/deployments/{deployment.id}", json={"entrypoint": "flows.no_such.flow"})
    with prefect.worker():
        run = prefect.run("breaks/test")
    assert run.state.is_crashed()
    assert "no_such" in run.state.message


def test_no_more_runs_at_once_than_the_limit(prefect):
    with prefect.worker(limit=1):
        runs = [prefect.start("takes-a-second/test") for _ in range(3)]
        runs = sorted((prefect.until_final(run) for run in runs), key=lambda run: run.start_time)
    assert all(a.end_time <= b.start_time for a, b in zip(runs, runs[1:], strict=False))


def test_a_run_resumed_before_its_thread_has_ended_goes_on_and_so_does_the_worker(prefect):
    with prefect.worker(limit=2):
        run = prefect.until(prefect.start("waits-for-a-word/test"), lambda run: run.state.is_paused())
        with prefect.client() as client:
            answered = client.resume_flow_run(run.id, {"value": "yes"})
        assert answered.status.value == "ACCEPT"
        assert prefect.until_final(run).state.is_completed()
        assert prefect.run("notes-its-thread/test", word="a").state.is_completed()


def test_stopping_lets_the_run_in_progress_end_and_report(prefect):
    with prefect.worker():
        run = prefect.until_begun(prefect.start("takes-a-second/test"))
    assert prefect.until_final(run).state.type in ("COMPLETED", "CANCELLED")


def test_prefect_finds_the_worker_type_by_itself():
    from prefect.workers.base import BaseWorker

    assert "kefu-in-process" in BaseWorker.get_all_available_worker_types()


def test_the_command_of_prefect_starts_it(prefect):
    run = prefect.start("notes-its-thread/test", word="a")
    ended = prefect_command("worker", "start", "--type", "kefu-in-process", "--pool", "kefu", "--run-once")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert prefect.until_final(run).state.is_completed()


def test_digits_from_the_command_line_are_an_order_number(prefect):
    ended = prefect_command("deployment", "run", "remind-unpaid/by-hand", "-p", "case_no=123456")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    with prefect.worker():
        run = prefect.until_final(prefect.run_of("remind-unpaid/by-hand", case_no=123456))
    assert run.state.message.startswith("there is no order '123456'")


def test_half_a_number_is_no_order_number(prefect):
    with prefect.worker():
        assert "case_no" in prefect.run("remind-unpaid/by-hand", case_no=1.5).state.message


def test_an_unknown_shop_fails_the_run_with_one_sentence(prefect):
    with prefect.worker():
        run = prefect.run("remind-unpaid/by-hand", shop="nowhere")
    assert run.state.is_failed()
    assert run.state.message.startswith("there is no shop 'nowhere'")
    assert not any("Traceback" in line for line in logged(prefect, run))


def test_a_time_that_has_not_come_is_refused_unless_nothing_is_to_be_done(prefect):
    with prefect.worker():
        future = "2099-01-01T10:00:00+08:00"
        assert "future" in prefect.run("remind-unpaid/by-hand", as_of=future).state.message
        assert prefect.run("remind-unpaid/by-hand", as_of=future, dry_run=True).state.is_completed()


def test_a_time_without_offset_is_the_shops(prefect):
    with prefect.worker():
        run = prefect.run("dispatch-cutoff/by-hand", shop="bag-studio", as_of="2026-11-11T17:00:00")
    assert run.state.message.startswith("as of 2026-11-11T17:00:00+08:00")
