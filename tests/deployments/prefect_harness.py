"""One real Prefect server for all tests of a process that need one, on a free port, in a home of its own."""

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from deployments.server import PrefectServer, client_settings, free_port, start_server


@dataclass
class Harness:
    """A server, and a way to run deployments on it."""

    server: PrefectServer
    home: Path

    def client(self) -> Any:
        from prefect import get_client

        return get_client(sync_client=True)

    def start(self, deployment: str, **parameters: Any) -> Any:
        with self.client() as client:
            found = client.read_deployment_by_name(deployment)
            return client.create_flow_run_from_deployment(found.id, parameters=parameters)

    def until_final(self, run: Any) -> Any:
        return self.until(run, lambda run: run.state.is_final())

    def until_begun(self, run: Any) -> Any:
        return self.until(run, lambda run: run.start_time is not None)

    def until(self, run: Any, so_far: Callable[[Any], bool]) -> Any:
        with self.client() as client:

            def found() -> Any:
                read = client.read_flow_run(run.id)
                return read if so_far(read) else None

            return wait_until(found, f"{run.name} does not come so far")

    def plan(self, deployment: str) -> None:
        """Make a deployment's next runs, as the scheduler would: on this server it is off."""
        with self.client() as client:
            found = client.read_deployment_by_name(deployment)
            client.request("POST", f"/deployments/{found.id}/schedule", json={})

    def run_of(self, deployment: str, **parameters: Any) -> Any:
        """The run that somebody else has started with these parameters, None when there is none: the server
        is shared, so the newest run may be one that a timetable has planned for tomorrow."""
        from prefect.client.schemas.filters import DeploymentFilter

        with self.client() as client:
            found = client.read_deployment_by_name(deployment)
            of_it = DeploymentFilter(id={"any_": [found.id]})
            runs = client.read_flow_runs(deployment_filter=of_it)
        return next((r for r in runs if r.parameters.items() >= parameters.items()), None)

    def run(self, deployment: str, **parameters: Any) -> Any:
        return self.until_final(self.start(deployment, **parameters))

    @contextmanager
    def worker(self, **how: Any) -> Iterator[Any]:
        from deployments.worker import InProcessWorker

        worker = InProcessWorker("kefu", **how)
        loop = asyncio.new_event_loop()
        serving = loop.create_task(worker.start(printer=lambda *_: None))
        thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.wait([serving])))
        thread.start()
        try:
            yield worker
        finally:
            loop.call_soon_threadsafe(serving.cancel)
            thread.join(120)
            assert not thread.is_alive(), "the worker did not stop"
            loop.close()


@cache  # the fixture is there for two folders, the server once
def _shared_server(home: Path) -> PrefectServer:
    with pytest.MonkeyPatch.context() as environment:
        # What nobody asked for comes when it likes: every five minutes a run that this test does not expect, and
        # runs at a schedule's old time, planned from what was read before it changed. `plan` makes them, when asked;
        # that the scheduler does, is seen to with `kefu up`.
        environment.setenv("PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED", "false")
        server = start_server(home, free_port())
    atexit.register(server.stop)
    return server


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> PrefectServer:
    return _shared_server(tmp_path_factory.getbasetemp() / "prefect")


@pytest.fixture
def prefect(
    prefect_server: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Harness]:
    """The harness, with a kefu home and database of the test's own."""
    settings = client_settings(prefect_server.home, prefect_server.api_url)
    for name, value in (settings | {"KEFU_HOME": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("KEFU_DATABASE_URL", raising=False)
    from deployments.running import use_settings

    before = dict(os.environ)
    use_settings(settings)
    from flows.secret_blocks import stored_blocks

    stored_blocks.cache_clear()  # what another test's run has just read
    yield Harness(prefect_server, tmp_path)
    stored_blocks.cache_clear()
    os.environ.clear()
    os.environ.update(before)
