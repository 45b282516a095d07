"""The processes of the kill test, as their number and places stay the same while one after the other is killed."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from deployments.server import free_port
from tests.benchmarks import kill_prefect, kill_workers
from tests.benchmarks.kill_lives import START
from tests.benchmarks.kill_prefect import PrefectSide

WORKERS = 2
CATCHES_UP = 60  # seconds that the week waits for them


class Crew:
    """The processes that are killed. Each belongs to this one, so none is killed that we have not started."""

    def __init__(
        self, url: str, environ: dict[str, str], notes: Path, seed: int, preloaded: Iterable[str] = ()
    ) -> None:
        """Takes what all of them would have to import."""
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["__main__", kill_workers.__name__, *preloaded])
        self.moment = self._context.Value("d", START.timestamp(), lock=False)  # who is killed holds no lock
        self._done = self._context.Value("d", START.timestamp(), lock=False)
        self._told, self._notes, self._draw = (url, environ), notes, random.Random(seed)
        self.port, self._number = free_port(), 0
        self._roles: list[Callable[[], Any]] = [self._worker] * WORKERS + [self._receiver]
        self._crew = [role() for role in self._roles]

    def _worker(self) -> Any:
        self._number += 1
        return self.started(kill_workers.work, self.moment, self._done, self._notes, self._number)

    def _receiver(self) -> Any:
        return self.started(kill_workers.receive, self.port, self._notes)

    def join_in(self, prefect: PrefectSide) -> None:
        """What is deployed there has a worker from now on."""
        there = (prefect.home, prefect.api_url)
        deploying = self.started(kill_prefect.deploy, *there)
        deploying.join()
        assert deploying.exitcode == 0, "kefu could not be deployed"

        def worker() -> Any:
            prefect.did["a worker began"] += 1
            return self.started(kill_prefect.work, self.moment, *there)

        self._roles.append(worker)
        self._crew.append(worker())
        prefect.begin()

    def started(self, what: Callable, *args: Any) -> Any:
        """A process of ours."""
        process = self._context.Process(target=what, args=(*self._told, *args), daemon=True)
        process.start()
        return process

    def kill_one(self) -> None:
        """Any of them, at once, and put another into its place."""
        self.tend()
        at = self._draw.randrange(len(self._crew))
        self._crew[at].kill()
        self._crew[at].join()
        self._crew[at] = self._roles[at]()

    def tend(self) -> None:
        """A Prefect worker ends with its server, and is started again, as systemd would. No other ends by itself."""
        for at, process in enumerate(self._crew):
            if not process.is_alive():
                assert at > WORKERS, "it has ended by itself"
                self._crew[at] = self._roles[at]()

    def wait_for(self, moment: datetime) -> None:
        """Until the workers have come so far: on a slow machine the week is a longer one, not another one."""
        give_up_at = time.monotonic() + CATCHES_UP
        while self._done.value < moment.timestamp() and time.monotonic() < give_up_at:
            time.sleep(0.05)

    def end(self) -> None:
        """All of them, without a word."""
        for process in self._crew:
            process.kill()
            process.join()
