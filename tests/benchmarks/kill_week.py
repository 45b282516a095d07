"""The kill test: a week of a shop, with everything around it failing, and both ledgers compared in the end.

    python -m tests.benchmarks.kill_week --orders 2000 --kills 200 --seed 1 [--postgres] [--seconds 480]

The sandbox misbehaves in every way it knows; buyers, couriers and agents live a week under a virtual clock; two workers
that run all timed steps again and again, and the receiver, are killed with SIGKILL at random moments and started
again; on PostgreSQL their connections are cut besides. Then everything is drained, and the sandbox's own ledger is
compared with our rows, row for row. 2,000 orders take about ten minutes on two cores; `--seconds` is what the week
takes at least, the rest is starting, draining, comparing. Ends with 1 when anything differs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # what the tests tell of the sandbox

from sqlalchemy import Engine, func, make_url, or_, select, text  # noqa: E402

from deployments.server import free_port  # noqa: E402
from models import InboxFact, OutboxMessage, Refund  # noqa: E402
from models.database import reading  # noqa: E402
from tests.benchmarks import kill_workers  # noqa: E402
from tests.benchmarks.kill_ledgers import Ledgers  # noqa: E402
from tests.benchmarks.kill_lives import START, WEEK, Lives  # noqa: E402
from tests.benchmarks.stores import stores  # noqa: E402
from tests.sandbox_told import Sandbox  # noqa: E402

WORKERS, A_DAY_MORE = 2, 24
AN_HOUR = timedelta(hours=1)
OFTEN = {"too_many": 0.03, "error": 0.05, "unreachable": 0.03}
UNKNOWN = {"error_after": 0.05, "lost_answer": 0.05, "garbage": 0.03}
LATE = {"latency_ms": 5, "slow": 0.03, "slow_ms": 300, "retry_after": 0}
EVENTS = {"push_twice": 0.1, "push_late": 0.1, "push_late_ms": 800, "push_forged": 0.05, "push_garbled": 0.05}
FAULTS = {
    "platform": {**OFTEN, **UNKNOWN, **LATE, **EVENTS},
    "payments": {**OFTEN, **UNKNOWN, **LATE, **EVENTS, "pending": 0.2, "failed": 0.05, "push_never": 0.1},
    "carrier": {**OFTEN, **UNKNOWN, **LATE, **EVENTS},
    "sms": {**OFTEN, **UNKNOWN, **LATE},
    "staff": {**OFTEN, **UNKNOWN, **LATE},
}
INBOX, OUTBOX, REFUNDS = (model.__table__ for model in (InboxFact, OutboxMessage, Refund))


@dataclass
class Seen:
    """What the week was like."""

    kills: int = 0
    cuts: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    did: Counter[str] = field(default_factory=Counter)
    met: dict[str, dict[str, int]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)


class Crew:
    """The processes that are killed. Each belongs to this one, so none is killed that we have not started."""

    def __init__(self, url: str, environ: dict[str, str], notes: Path, seed: int) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["__main__", kill_workers.__name__])
        self.moment = self._context.Value("d", START.timestamp(), lock=False)  # who is killed holds no lock
        self._told, self._notes, self._draw = (url, environ), notes, random.Random(seed)
        self.port, self._number = free_port(), 0
        self._crew = [self._worker() for _ in range(WORKERS)] + [self._receiver()]

    def _worker(self) -> Any:
        self._number += 1
        return self._started(kill_workers.work, self.moment, self._notes, self._number)

    def _receiver(self) -> Any:
        return self._started(kill_workers.receive, self.port, self._notes)

    def _started(self, what: Callable, *args: Any) -> Any:
        process = self._context.Process(target=what, args=(*self._told, *args), daemon=True)
        process.start()
        return process

    def kill_one(self) -> None:
        """Any of them, at once, and put another into its place."""
        at = self._draw.randrange(len(self._crew))
        assert self._crew[at].is_alive(), "it has ended by itself"
        self._crew[at].kill()
        self._crew[at].join()
        self._crew[at] = self._worker() if at < WORKERS else self._receiver()

    def end(self) -> None:
        """All of them, without a word."""
        for process in self._crew:
            process.kill()
            process.join()


def live(
    engine: Engine, url: str, folder: Path, *, orders: int, kills: int, seed: int, seconds: float,
    patience: float, progress: Callable[[str], None] = lambda line: None,
) -> Seen:  # fmt: skip
    """The week, the draining, the comparison."""
    seen, notes = Seen(), folder / "notes.txt"
    with Sandbox(folder / "sandbox.db", apart=True) as sandbox:
        environ = sandbox.environment() | {"NO_PROXY": "127.0.0.1", "KEFU_HOME": str(folder)}
        sandbox.set_clock(START.isoformat(), 0)
        for number, (party, faults) in enumerate(FAULTS.items()):
            sandbox.misbehave(party, seed=seed + number, **faults)
        lives = Lives(sandbox, engine, orders, seed)
        crew = Crew(_by_name(url), environ, notes, seed)
        try:
            sandbox.push_to(f"http://127.0.0.1:{crew.port}")
            _the_week(engine, sandbox, lives, crew, seen, orders, kills, seconds, progress)
            seen.met = sandbox.met()
            sandbox.behave()
            for more in range(1, A_DAY_MORE + 1):
                _turn_the_clock(sandbox, lives, crew, WEEK + more)
                time.sleep(seconds / WEEK / 4)
            _drain(engine, sandbox, lives, crew, patience, progress)
        finally:
            crew.end()
        ledgers = Ledgers(engine, sandbox)
        seen.counts, seen.differences = ledgers.counts(), ledgers.differences()
    seen.did = lives.did
    lines = notes.read_text(encoding="utf-8").split("\n") if notes.exists() else []
    seen.notes = Counter(line for line in lines if line.startswith("database"))
    seen.unexpected = "\n".join(lines).split("unexpected: ")[1:]
    return seen


def _by_name(url: str) -> str:
    """As the workers open the database: it tells their connections from ours."""
    named = make_url(url)
    if named.get_backend_name() == "postgresql":
        named = named.update_query_dict({"application_name": kill_workers.NAME})
    return named.render_as_string(hide_password=False)


def _the_week(
    engine: Engine, sandbox: Sandbox, lives: Lives, crew: Crew, seen: Seen, orders: int, kills: int, seconds: float,
    progress: Callable[[str], None],
) -> None:  # fmt: skip
    draw, began = random.Random(f"{kills}/{orders}"), time.monotonic()
    coming = [(draw.uniform(0, WEEK), "kill") for _ in range(kills)]
    coming = sorted(coming + [(draw.uniform(0, WEEK), "cut") for _ in range(kills // 2)])
    for hour in range(WEEK):
        _turn_the_clock(sandbox, lives, crew, hour)
        until = max(time.monotonic(), began + seconds * hour / WEEK)
        while coming and coming[0][0] < hour + 1:
            at, what = coming.pop(0)
            time.sleep(max(0, until + (at - hour) * seconds / WEEK - time.monotonic()))
            if what == "kill":
                crew.kill_one()
                seen.kills += 1
            else:
                seen.cuts += _cut(engine, draw)
        time.sleep(max(0, until + seconds / WEEK - time.monotonic()))
        if hour % 24 == 23:
            took = time.monotonic() - began
            progress(f"day {hour // 24 + 1}: {seen.kills} kills, {seen.cuts} connections cut, {took:.0f} s")


def _turn_the_clock(sandbox: Sandbox, lives: Lives, crew: Crew, hour: int) -> None:
    lives.now = START + hour * AN_HOUR
    sandbox.set_clock(lives.now.isoformat(), 0)
    lives.live(hour)
    crew.moment.value = lives.now.timestamp()


def _cut(engine: Engine, draw: random.Random) -> int:
    """The connections of one or of all of the workers; how many."""
    if engine.dialect.name != "postgresql":
        return 0
    with engine.connect() as connection:
        mine = text(
            "SELECT pid FROM pg_stat_activity WHERE application_name = :name AND datname = current_database()"
        )
        pids = list(connection.scalars(mine, {"name": kill_workers.NAME}))
        chosen = pids if draw.random() < 0.2 else pids and [draw.choice(pids)]
        return sum(
            connection.scalar(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid}) for pid in chosen
        )


def _drain(
    engine: Engine,
    sandbox: Sandbox,
    lives: Lives,
    crew: Crew,
    patience: float,
    progress: Callable[[str], None],
) -> None:
    """Until nothing is owed, asked or told any more. What waits for a refund's next try needs the clock to go on."""
    give_up_at, quiet, hour = time.monotonic() + patience, 0, WEEK + A_DAY_MORE
    while quiet < 3 and time.monotonic() < give_up_at:
        left = _left(engine, lives.now) | {"events": sandbox.control("GET", "/events?limit=1")["waiting"]}
        quiet = 0 if any(left.values()) else quiet + 1
        if not any(left.values()):
            _push_again(sandbox)
        if left["refunds"] and not left["messages"]:
            hour += 1
            lives.now = START + hour * AN_HOUR
            sandbox.set_clock(lives.now.isoformat(), 0)
            crew.moment.value = lives.now.timestamp()
        progress(f"draining: {left}")
        time.sleep(1)


def _push_again(sandbox: Sandbox) -> None:
    """What the receiver was too long dead for."""
    for event in sandbox.events():
        if event["ended"] == "given_up":
            sandbox.control("POST", f"/events/{event['id']}/again")


def _left(engine: Engine, as_of: Any) -> dict[str, int]:
    o, at = OUTBOX.c, as_of.astimezone(UTC)
    waits = (
        *(o.sent_at.is_(None), o.dead_at.is_(None), o.lapsed_at.is_(None), o.digest_id.is_(None)),
        *(o.owed_at <= at, or_(o.not_before.is_(None), o.not_before <= at)),
    )
    open_refunds = REFUNDS.c.state.in_(("requested", "sent", "unknown"))
    with reading(engine) as connection:

        def counted(table: Any, *where: Any) -> int:
            return connection.scalar(select(func.count()).select_from(table).where(*where))

        return {
            "messages": counted(OUTBOX, *waits),
            "refunds": counted(REFUNDS, open_refunds),
            "facts": counted(INBOX, INBOX.c.processed_at.is_(None)),
        }


@contextmanager
def _store(kind: str) -> Iterator[tuple[Engine, str]]:
    with stores(kind) as new:
        engine = new()
        yield engine, engine.url.render_as_string(hide_password=False)
        engine.dispose()


def told(seen: Seen) -> str:
    """As people read it."""
    lines = [f"{seen.kills} kills, {seen.cuts} connections cut"]
    for name in ("did", "met", "notes", "counts"):
        lines += [f"{name}:", *(f"  {key}: {value}" for key, value in sorted(getattr(seen, name).items()))]
    lines += [f"{len(seen.unexpected)} unexpected errors", *seen.unexpected[:5]]
    return "\n".join([*lines, f"{len(seen.differences)} differences", *seen.differences[:40]])


def main() -> None:
    """Live the week, and tell."""
    parser = argparse.ArgumentParser(prog="kill_week", description=__doc__.split("\n")[0])
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=480, help="what the week takes")
    parser.add_argument("--patience", type=float, default=180, help="seconds for draining")
    parser.add_argument("--postgres", action="store_true", help="instead of SQLite")
    asked = parser.parse_args()
    how = {name: getattr(asked, name) for name in ("orders", "kills", "seed", "seconds", "patience")}
    with _store("postgresql" if asked.postgres else "sqlite") as (engine, url):
        seen = live(
            engine, url, Path(os.environ["KEFU_HOME"]), **how, progress=lambda line: print(line, flush=True)
        )
    print(told(seen))
    sys.exit(bool(seen.differences or seen.unexpected))


if __name__ == "__main__":
    main()
