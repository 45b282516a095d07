"""A real Prefect server beside the crew, and who asks it for runs: killed like the others, started again on what it
has stored. Nothing of kefu's may depend on it."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine

from deployments import running
from deployments.auth import auth_string
from deployments.server import client_settings, free_port, start_server
from flows import outbox_delivery
from flows.timed_steps import TIMED_STEPS
from tests.benchmarks import kill_workers

PRELOADED = (
    "deployments.timetable",
    "deployments.alarms",
)  # to import Prefect takes seconds: once for all workers
EVERY = 3.0  # seconds, from one run that is asked for to the next
WAITS = 120  # seconds for a run to complete on the last server
CUT = ("OperationalError", "AdminShutdown", "InterfaceError")  # the database's connection
AWAY = ("ConnectError", "ReadError", "RemoteProtocolError", "ReadTimeout", "ConnectTimeout", "WriteError")
STATES = (
    "SCHEDULED",
    "PENDING",
    "RUNNING",
    "COMPLETED",
    "FAILED",
    "CRASHED",
    "CANCELLED",
    "CANCELLING",
    "PAUSED",
)


def deploy(url: str, environ: Mapping[str, str], home: Path, api_url: str) -> None:
    """All of kefu's deployments; nothing of them runs by itself."""
    _set_to(url, environ, home, api_url)
    running.deploy(api_url, paused=True)


def work(url: str, environ: Mapping[str, str], moment: Synchronized, home: Path, api_url: str) -> None:
    """A worker as `kefu worker` starts it, until it is killed, or its server was away for too long."""
    _set_to(url, environ, home, api_url)
    # What a run has owed leaves as of now; what it put off would else be owed months after the week is over.
    outbox_delivery.now = lambda: datetime.fromtimestamp(moment.value, UTC)
    running.start_worker(api_url, say=lambda line: None)


def _set_to(url: str, environ: Mapping[str, str], home: Path, api_url: str) -> None:
    kill_workers.begin({**environ, "KEFU_DATABASE_URL": url})
    running.use_settings(client_settings(home, api_url))


class PrefectSide:
    """One server, and a thread that asks for a run of some timed step every few seconds."""

    def __init__(self, engine: Engine, folder: Path, moment: Synchronized, seed: int) -> None:
        """Starts the server."""
        self.home, self._port = folder / "prefect", free_port()
        self._engine, self._moment, self._draw = engine, moment, random.Random(seed)
        self._server = start_server(self.home, self._port)
        auth = tuple(auth_string(self.home).split(":", 1))
        self._client = httpx.Client(base_url=self._server.api_url, auth=auth, timeout=60, trust_env=False)
        self._restarting: threading.Thread | None = None
        self._ended = threading.Event()
        self._asking = threading.Thread(target=self._ask, daemon=True)
        self.restarted_at: list[datetime] = []
        self.did: Counter[str] = Counter()

    @property
    def api_url(self) -> str:
        """Where it answers, each time it is started."""
        return self._server.api_url

    def begin(self) -> None:
        """Ask for runs, from now on; kefu is deployed by now."""
        self._asking.start()

    def restart(self) -> None:
        """Killed at once, and started again beside what goes on."""
        self._server.process.kill()
        self._server.process.wait()
        self.did["the server was killed"] += 1
        self._restarting = threading.Thread(target=self._start_again, daemon=True)
        self._restarting.start()

    def _start_again(self) -> None:
        self._server = start_server(self.home, self._port)
        self.restarted_at.append(datetime.now(UTC))

    def _ask(self) -> None:
        while not self._ended.wait(EVERY):
            as_of = datetime.fromtimestamp(self._moment.value, UTC)
            name = self._draw.choice(sorted(TIMED_STEPS))
            try:
                for how in kill_workers.runs(self._engine, name, as_of):
                    self._start(name, {**how, "as_of": how["as_of"].isoformat()})
            except httpx.HTTPError:
                self.did["asked for a run, and the server was away"] += 1

    def _start(self, name: str, parameters: dict[str, Any]) -> None:
        found = self._client.get(f"/deployments/name/{name}/by-hand").raise_for_status().json()
        path = f"/deployments/{found['id']}/create_flow_run"
        self._client.post(path, json={"parameters": parameters}).raise_for_status()
        self.did["asked for a run"] += 1

    def end(self) -> tuple[list[str], list[str]]:
        """What should not have been: starts after which no run has completed, and mistakes of ours. Counts the rest."""
        if self._restarting:
            self._restarting.join()
        give_up_at = time.monotonic() + WAITS
        while self._silent() and time.monotonic() < give_up_at:
            time.sleep(1)
        silent = [
            f"no flow run completed after start {number} of the Prefect server" for number in self._silent()
        ]
        self._stop_asking()
        for state in STATES:
            if number := self._counted({"state": {"type": {"any_": [state]}}}):
                self.did[f"run {state.lower()}"] = number
        return silent, [told for told in self._mistakes() if told]

    def stop(self) -> None:
        """Whatever happened."""
        self._stop_asking()
        if self._restarting:
            self._restarting.join()
        self._client.close()
        self._server.stop()

    def _stop_asking(self) -> None:
        self._ended.set()
        if self._asking.is_alive():
            self._asking.join()

    def _silent(self) -> list[int]:
        """The restarts after which no run has completed, before the next one."""
        silent = []
        for number, at in enumerate(self.restarted_at, start=1):
            ended = {"after_": at.isoformat()}
            if number < len(self.restarted_at):
                ended["before_"] = self.restarted_at[number].isoformat()
            if not self._counted({"state": {"type": {"any_": ["COMPLETED"]}}, "end_time": ended}):
                silent.append(number)
        return silent

    def _counted(self, wanted: dict[str, Any]) -> int:
        return self._client.post("/flow_runs/count", json={"flow_runs": wanted}).raise_for_status().json()

    def _mistakes(self) -> list[str]:
        """What a run ended with and nobody has planned. A cut connection, or a server that is away, ends a run."""
        mistakes, wanted = [], {"state": {"type": {"any_": ["FAILED", "CRASHED"]}}}
        for offset in range(0, self._counted(wanted), 200):
            page = {"flow_runs": wanted, "sort": "START_TIME_ASC", "limit": 200, "offset": offset}
            for run in self._client.post("/flow_runs/filter", json=page).raise_for_status().json():
                message = run["state"]["message"] or ""
                kind = message.partition("exception: ")[2] or (
                    message if run["state"]["type"] == "CRASHED" else ""
                )
                if kind.startswith(CUT) or "the worker was killed" in kind:
                    self.did["run lost its database or its worker"] += 1
                elif kind.startswith(AWAY):
                    self.did["run lost its server"] += 1
                elif kind:
                    mistakes.append(f"flow run {run['name']}: {kind}")
        return mistakes
