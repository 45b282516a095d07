"""The kill test: a week of a shop, with everything around it failing, and both ledgers compared in the end.

    python -m tests.benchmarks.kill_week --orders 2000 --kills 200 --seed 1 [--postgres] [--seconds 480]

The sandbox misbehaves in every way it knows; buyers, couriers and agents live a week under a virtual clock; two workers
that run all timed steps again and again, the receiver, and a Prefect worker that runs the flows that somebody asks for
again and again, are killed with SIGKILL at random moments and started again; so is the Prefect server, twice; on
PostgreSQL their connections are cut besides. Then everything is drained, and the sandbox's own ledger is compared with
our rows, row for row. `--seconds` is what the week takes at least: on a slow machine it takes longer, and starting,
draining and comparing come on top. Ends with 1 when anything differs.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # what the tests tell of the sandbox

from sqlalchemy import Engine, func, make_url, or_, select, text  # noqa: E402

from models import InboxFact, OutboxMessage, Refund  # noqa: E402
from models.database import reading  # noqa: E402
from tests.benchmarks import kill_prefect, kill_workers  # noqa: E402
from tests.benchmarks.kill_crew import Crew  # noqa: E402
from tests.benchmarks.kill_ledgers import Ledgers  # noqa: E402
from tests.benchmarks.kill_lives import START, WEEK, Lives  # noqa: E402
from tests.benchmarks.kill_prefect import PrefectSide  # noqa: E402
from tests.benchmarks.kill_unpaid import UnpaidDay  # noqa: E402
from tests.benchmarks.stores import stores  # noqa: E402
from tests.sandbox_told import Sandbox  # noqa: E402

A_DAY_MORE = 24
BEHIND = 12  # hours that the workers are, at most
QUIET = 3  # looks in a row that find nothing left
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

    struck: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    prefect: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    did: Counter[str] = field(default_factory=Counter)
    met: dict[str, dict[str, int]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """How much is lived through, and how fast."""

    orders: int
    kills: int
    seed: int
    seconds: float  # what the week takes at least
    patience: float  # seconds for draining
    restarts: int = 0  # of the Prefect server; without any there is none
    step: int = 1  # hours from one moment to the next: a divisor of a day


@dataclass(frozen=True)
class Stage:
    """Everything that plays a part."""

    engine: Engine
    sandbox: Sandbox
    lives: Lives
    unpaid: UnpaidDay
    crew: Crew
    prefect: PrefectSide | None
    plan: Plan
    seen: Seen
    progress: Callable[[str], None]


def live(
    engine: Engine, url: str, folder: Path, plan: Plan, progress: Callable[[str], None] = lambda line: None
) -> Seen:
    """The week, the draining, the comparison."""
    seen, notes, seed = Seen(), folder / "notes.txt", plan.seed
    with Sandbox(folder / "sandbox.db", apart=True) as sandbox, ExitStack() as after:
        environ = sandbox.environment() | {"NO_PROXY": "127.0.0.1", "KEFU_HOME": str(folder)}
        sandbox.set_clock(START.isoformat(), 0)
        for number, (party, faults) in enumerate(FAULTS.items()):
            sandbox.misbehave(party, seed=seed + number, **faults)
        lives = Lives(sandbox, engine, plan.orders, seed)
        unpaid = UnpaidDay(engine, sandbox, lives, FAULTS["payments"] | {"seed": seed}, seed)
        crew = Crew(_by_name(url), environ, notes, seed, kill_prefect.PRELOADED if plan.restarts else ())
        after.callback(crew.end)
        prefect = None
        if plan.restarts:
            prefect = PrefectSide(engine, folder, crew.moment, seed)
            after.callback(prefect.stop)
            crew.join_in(prefect)
        sandbox.push_to(f"http://127.0.0.1:{crew.port}")
        stage = Stage(engine, sandbox, lives, unpaid, crew, prefect, plan, seen, progress)
        _the_week(stage)
        seen.met = sandbox.met()
        sandbox.behave()
        for more in range(plan.step, A_DAY_MORE + 1, plan.step):
            _turn_the_clock(stage, WEEK + more)
            time.sleep(plan.seconds * plan.step / WEEK / 4)
        seen.differences += _drained(stage)
        if prefect:
            silent, seen.unexpected = prefect.end()
            seen.differences += silent
            seen.prefect = prefect.did
        after.close()
        ledgers = Ledgers(engine, sandbox, unpaid.not_to_be_paid)
        seen.counts = ledgers.counts()
        seen.differences += ledgers.differences()
    seen.did = lives.did
    lines = notes.read_text(encoding="utf-8").split("\n") if notes.exists() else []
    seen.notes = Counter(line for line in lines if line.startswith("database"))
    seen.unexpected += "\n".join(lines).split("unexpected: ")[1:]
    return seen


def _by_name(url: str) -> str:
    """As the workers open the database: it tells their connections from ours."""
    named = make_url(url)
    if named.get_backend_name() == "postgresql":
        named = named.update_query_dict({"application_name": kill_workers.NAME})
    return named.render_as_string(hide_password=False)


def _the_week(stage: Stage) -> None:
    plan, seen = stage.plan, stage.seen
    draw, began = random.Random(plan.seed), time.monotonic()
    coming = sorted(_planned(plan, draw))
    do = {
        "kill": lambda: stage.crew.kill_one() or 1,
        "cut": lambda: _cut(stage.engine, draw),
        "restart": lambda: stage.prefect.restart() or 1,
    }
    for hour in range(0, WEEK, plan.step):
        _turn_the_clock(stage, hour)
        until = max(time.monotonic(), began + plan.seconds * hour / WEEK)
        while coming and coming[0][0] < hour + plan.step:
            at, what = coming.pop(0)
            time.sleep(max(0, until + (at - hour) * plan.seconds / WEEK - time.monotonic()))
            seen.struck[what] += do[what]()
        time.sleep(max(0, until + plan.seconds * plan.step / WEEK - time.monotonic()))
        if (hour + plan.step) % 24 == 0:
            took = time.monotonic() - began
            stage.progress(f"day {hour // 24 + 1}: {dict(seen.struck)}, {took:.0f} s")


def _planned(plan: Plan, draw: random.Random) -> Iterator[tuple[float, str]]:
    """At which hour what strikes. The Prefect server is killed once in each part of the week, early enough in it for
    runs to complete before the next time."""
    for what, number in (("kill", plan.kills), ("cut", plan.kills // 2)):
        yield from ((draw.uniform(0, WEEK), what) for _ in range(number))
    for number in range(plan.restarts):
        yield (number + draw.uniform(0.2, 0.7)) * WEEK / plan.restarts, "restart"


def _turn_the_clock(stage: Stage, hour: int) -> None:
    stage.crew.wait_for(START + (hour - BEHIND) * AN_HOUR)
    stage.lives.now = START + hour * AN_HOUR
    stage.sandbox.set_clock(stage.lives.now.isoformat(), 0)
    stage.lives.live(hour)
    stage.unpaid.live(hour)
    stage.crew.tend()
    stage.crew.moment.value = stage.lives.now.timestamp()


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


def _drained(stage: Stage) -> list[str]:
    """Until nothing is owed, asked or told any more; what is left after all patience. What waits for a refund's next
    try needs the clock to go on."""
    give_up_at, quiet, hour = time.monotonic() + stage.plan.patience, 0, WEEK + A_DAY_MORE
    left = {}
    while quiet < QUIET and time.monotonic() < give_up_at:
        left = _left(stage)
        quiet = 0 if any(left.values()) else quiet + 1
        if not any(left.values()):
            _push_again(stage.sandbox)
        if left["refunds"] and not left["messages"]:
            hour += 1
            stage.lives.now = START + hour * AN_HOUR
            stage.sandbox.set_clock(stage.lives.now.isoformat(), 0)
            stage.crew.moment.value = stage.lives.now.timestamp()
        stage.crew.tend()
        stage.progress(f"draining: {left}")
        time.sleep(1)
    if quiet >= QUIET:
        return []
    return [f"{number} {what} are due, and nobody sees to them" for what, number in left.items() if number]


def _push_again(sandbox: Sandbox) -> None:
    """What the receiver was too long dead for."""
    for event in sandbox.events():
        if event["ended"] == "given_up":
            sandbox.control("POST", f"/events/{event['id']}/again")


def _left(stage: Stage) -> dict[str, int]:
    o, at = OUTBOX.c, stage.lives.now.astimezone(UTC)
    waits = (
        *(o.sent_at.is_(None), o.dead_at.is_(None), o.lapsed_at.is_(None), o.digest_id.is_(None)),
        *(o.owed_at <= at, or_(o.not_before.is_(None), o.not_before <= at)),
    )
    open_refunds = REFUNDS.c.state.in_(("requested", "sent", "unknown"))
    with reading(stage.engine) as connection:

        def counted(table: Any, *where: Any) -> int:
            return connection.scalar(select(func.count()).select_from(table).where(*where))

        return {
            "messages": counted(OUTBOX, *waits),
            "refunds": counted(REFUNDS, open_refunds),
            "facts": counted(INBOX, INBOX.c.processed_at.is_(None)),
            "events": stage.sandbox.control("GET", "/events?limit=1")["waiting"],
        }


@contextmanager
def _store(kind: str) -> Iterator[tuple[Engine, str]]:
    with stores(kind) as new:
        engine = new()
        yield engine, engine.url.render_as_string(hide_password=False)
        engine.dispose()


def told(seen: Seen) -> str:
    """As people read it."""
    lines = [f"{seen.struck['kill']} kills, {seen.struck['cut']} connections cut"]
    for name in ("did", "met", "notes", "prefect", "counts"):
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
    parser.add_argument("--restarts", type=int, default=2, help="of the Prefect server; 0: without Prefect")
    parser.add_argument("--step", type=int, default=1, help="hours from one moment to the next")
    parser.add_argument("--postgres", action="store_true", help="instead of SQLite")
    asked = vars(parser.parse_args())
    os.environ.setdefault(
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL"
    )  # what failed is told in the end
    with _store("postgresql" if asked.pop("postgres") else "sqlite") as (engine, url):
        folder = Path(os.environ["KEFU_HOME"])
        seen = live(engine, url, folder, Plan(**asked), lambda line: print(line, flush=True))
    print(told(seen))
    sys.exit(bool(seen.differences or seen.unexpected))


if __name__ == "__main__":
    main()
