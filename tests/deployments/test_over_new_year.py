"""The week over New Year under `kefu up`: the days that are known end, and come in the middle of it.

The process is the real one, with its own Prefect server and worker; only its clock stands where the test puts it, and
its library ends with 2026 whatever is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from new_year_told import live, stranded
from orders_told import clock, moment, rows
from payment_service import PaymentService
from waiting import wait_until

from deployments.server import free_port
from flows.timed_steps import TIMED_STEPS
from models import Anomaly, Timer
from models.database import engine_for

REPOSITORY = Path(__file__).parents[2]
UP = """
import sys
from datetime import datetime
from pathlib import Path
import pytest
from flows import clock
stands_at = Path(sys.argv.pop(1))
clock.now = lambda: datetime.fromisoformat(stands_at.read_text())
from days_told import Library
Library(pytest.MonkeyPatch())
from deployments.cli import main
main()
"""
WEEK = (
    moment("2026-12-29 12:00"),
    moment("2027-01-05 12:00"),
)  # the story's other days are lived through plainly
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
AUTH = ("kefu", "over-new-year")


class Up:
    """The running system, asked for runs through its API like by anybody."""

    def __init__(self, home: Path, url: str) -> None:
        self._stands_at = home / "stands-at"
        self._client = httpx.Client(base_url=f"{url}/api", auth=AUTH, timeout=60, trust_env=False)

    def stands_at(self, at: datetime) -> None:
        """From now on it is this time there."""
        draft = self._stands_at.with_suffix(".part")
        draft.write_text(at.isoformat())
        draft.replace(self._stands_at)

    def ready(self) -> bool:
        """Whether a worker waits for runs: the timetable is there by then."""
        try:
            workers = self._post("/work_pools/kefu/workers/filter")
        except httpx.HTTPError:
            return False
        return any(worker["status"] == "ONLINE" for worker in workers)

    def pause(self) -> None:
        """The timetable goes by the machine's clock: here the story says what runs when."""
        for found in self._post("/deployments/filter", deployments={"tags": {"all_": ["timed"]}}):
            self._post(f"/deployments/{found['id']}/pause_deployment")

    def run(self, step: str, at: datetime) -> tuple[str, str]:
        """Run it as of then, to its end: the state's type and message."""
        self.stands_at(at)
        deployment = self._client.get(f"/deployments/name/{step}/by-hand").raise_for_status().json()["id"]
        asked = {"parameters": {"as_of": at.isoformat()}}
        run = self._post(f"/deployments/{deployment}/create_flow_run", **asked)["id"]

        def ended() -> dict[str, str] | None:
            state = self._client.get(f"/flow_runs/{run}").json()["state"]
            return state if state["type"] in FINAL else None

        state = wait_until(ended, f"{step} does not end")
        return state["type"], state["message"]

    def heard_of(self, event: str) -> list[dict[str, Any]]:
        """The events of this name that the server has heard of; waits for the first."""
        wanted = {"event": {"name": [event]}}
        return wait_until(
            lambda: self._post("/events/filter", filter=wanted)["events"], f"no {event} is heard of"
        )

    def _post(self, path: str, **body: Any) -> Any:
        def answered() -> httpx.Response | None:
            reply = self._client.post(path, json=body)
            return None if reply.status_code == 503 else reply  # its database is busy

        reply = wait_until(answered, f"{path} is busy for ever")
        return reply.raise_for_status().json() if reply.content else None


@contextmanager
def kefu_up(home: Path, at: datetime, **environ: str) -> Iterator[Up]:
    """`kefu up` at this time, in this home, until the end of the block."""
    home.mkdir()
    port = free_port()
    up = Up(home, f"http://127.0.0.1:{port}")
    up.stands_at(at)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "KEFU_"))}
    env |= {"KEFU_HOME": str(home), "KEFU_AUTH": ":".join(AUTH), **environ}
    env |= {"PYTHONPATH": str(REPOSITORY / "tests")}
    command = [sys.executable, "-c", UP, str(home / "stands-at"), "up", "--port", str(port)]
    with (home / "said").open("w") as said:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=env, stdout=said, stderr=subprocess.STDOUT)
    try:
        wait_until(up.ready, home / "said", by=process)
        up.pause()
        yield up
        process.terminate()
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()


def test_the_week_over_new_year_under_kefu_up_ends_with_nothing_stranded(
    tmp_path: Path, monkeypatch, library
):
    home, red = tmp_path / "home", []
    with PaymentService() as payments:
        monkeypatch.setenv("KEFU_PAYMENTS_URL", payments.url)
        with kefu_up(home, WEEK[0], KEFU_PAYMENTS_URL=payments.url) as up:
            engine = engine_for(f"sqlite:///{home / 'kefu.db'}")

            def run(step: str, at: datetime) -> None:
                if WEEK[0] <= at <= WEEK[1]:
                    kind, message = up.run(step, at)
                    red.extend([(clock(at), step, message)] if kind != "COMPLETED" else [])
                else:
                    report = TIMED_STEPS[step](engine, as_of=at)
                    red.extend([(clock(at), step, report.rows)] if report.red else [])

            live(engine, run)
            warned = up.heard_of("kefu.calendar.ends")
    assert red == []
    assert stranded(engine) == []
    assert rows(engine, Anomaly) == []
    assert [t for t in rows(engine, Timer, done_at=None, cancelled_at=None) if t.unknown_on] == []
    assert [fen for _, fen in payments.paid] == [10_000]
    assert {(e["resource"]["prefect.resource.id"], e["payload"]["known_until"]) for e in warned} == {
        ("kefu.shop.bag-studio", "2026-12-31")
    }
