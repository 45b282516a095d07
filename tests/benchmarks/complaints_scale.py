"""What a complaint costs: registered, escalated, called back, at several sizes and sizes of batch.

`python -m tests.benchmarks.complaints_scale [--postgres] [--most N]`
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import perf_counter, process_time
from typing import Annotated

import typer
from sqlalchemy import Engine

from flows import complaint_cases
from flows.advance import advancing
from flows.complaint_steps import complaint_callbacks, complaint_escalations
from flows.requests import Request, Status
from flows.sweep import SweepReport
from tests.benchmarks.real_checks import Checks
from tests.benchmarks.refunds_real import counted
from tests.benchmarks.replay_real import show
from tests.benchmarks.stores import stores

SHOP, BATCHES, SIZES = "bag-studio", (10, 500), (1_000, 10_000, 100_000)
AT = datetime(2026, 3, 3, 3, tzinfo=UTC)  # 11:00 on a Tuesday in Shanghai
A_MINUTE, AN_HOUR, A_DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SOME = 1_000  # of each size are worked on: the others are only there


def main(
    postgres: Annotated[bool, typer.Option("--postgres", help="Also on PostgreSQL.")] = False,
    most: Annotated[int, typer.Option(help="The largest size.")] = SIZES[-1],
) -> None:
    """Measure; exit 1 when the number of statements grows with the batch."""
    kept = True
    for kind in ("sqlite", "postgresql") if postgres else ("sqlite",):
        with stores(kind) as new:
            for size in (size for size in SIZES if size <= most):
                checks = Checks()
                measure(checks, new(), size)
                show(f"{kind}: what a complaint costs among {size:,}", checks)
                kept &= checks.kept
    if not kept:
        raise SystemExit(1)


def measure(checks: Checks, engine: Engine, size: int) -> None:
    """Many complaints called back already, and some that are lived through now."""
    _told(engine, [_register(n) for n in range(size - SOME)])
    _told(engine, [_asked(n, "acknowledge", AT) for n in range(size - SOME)])
    _told(engine, [_asked(n, "resolve", AT, remedy="apology", text="已道歉") for n in range(size - SOME)])
    now = AT + A_MINUTE
    statements = {}
    for start, batch in ((size - SOME, BATCHES[0]), (size - SOME + BATCHES[0], BATCHES[1])):
        with counted(engine) as sent:
            _told(engine, [_register(n, now) for n in range(start, start + batch)])
        statements[batch] = len(sent)
    checks.equal(f"{size:,}: statements to register 10, and 500", statements[500], statements[10])
    rest = range(size - SOME + sum(BATCHES), size)
    with _measuring(checks, engine, f"{size:,}: registered", len(rest)):
        _told(engine, [_register(n, now) for n in rest])
    _sweep(checks, engine, f"{size:,}: told the first on the ladder", complaint_escalations, now)
    late = now + 2 * AN_HOUR + A_MINUTE
    _sweep(checks, engine, f"{size:,}: a missed deadline, escalated", complaint_escalations, late)
    some = range(size - SOME, size)
    with _measuring(checks, engine, f"{size:,}: resolved", SOME):
        _told(engine, [_asked(n, "resolve", late, remedy="apology", text="已道歉") for n in some])
    _sweep(checks, engine, f"{size:,}: nothing due", complaint_callbacks, late)
    _sweep(checks, engine, f"{size:,}: to be called", complaint_callbacks, AT + 2 * A_DAY + 4 * AN_HOUR)
    _sweep(checks, engine, f"{size:,}: asked in writing", complaint_callbacks, AT + 8 * A_DAY)


def _register(number: int, at: datetime = AT) -> Request:
    facts = {"intake": "complaint", "channel": "phone", "nature": "packaging", "sku": f"BAG-{number}"}
    return Request(SHOP, str(number), "register", at, "li", facts, None, {"words": "盒子破了"})


def _asked(number: int, trigger: str, at: datetime, **facts: str) -> Request:
    return Request(SHOP, str(number), trigger, at, "li", facts)


def _told(engine: Engine, requests: list[Request]) -> None:
    for start in range(0, len(requests), BATCHES[1]):
        batch = requests[start : start + BATCHES[1]]
        done = advancing(engine, batch, recorded_at=AT, cases=complaint_cases)
        assert {outcome.status for outcome in done.outcomes} == {Status.CHANGED}, done.outcomes[0]


def _sweep(checks: Checks, engine: Engine, what: str, step: object, at: datetime) -> None:
    found: list[SweepReport] = []
    with _measuring(checks, engine, what, found):
        found.append(step(engine, as_of=at))


@contextmanager
def _measuring(checks: Checks, engine: Engine, what: str, number: int | list[SweepReport]) -> Iterator[None]:
    with counted(engine) as statements:
        start, busy = perf_counter(), process_time()
        yield
        seconds, busy = perf_counter() - start, process_time() - busy
    cases = number if isinstance(number, int) else len(number[0].rows)
    each = f"{busy / max(cases, 1) * 1e3:.2f} ms of this process each" if cases else "none"
    checks.say(f"{what} ({cases:,})", f"{each}, {seconds:.1f} s, {len(statements):,} statements")


if __name__ == "__main__":
    typer.run(main)
