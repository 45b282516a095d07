"""A real shop's refunds lived through as after-sales cases, and the money checked by arithmetic of its own (Show 2).

`python -m tests.benchmarks.refunds_real [--postgres] [--scale]`, with the real data beside the repository; skipped
with a sentence where they are not. What is assumed, since the file does not say it, is in `refunds_life`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated, Any

import typer
from sqlalchemy import Engine, event, select

from flows import clock, return_cases
from flows.advance import advancing
from flows.order_import import ImportReport, Telling, import_orders
from flows.requests import Request, Status
from flows.return_steps import release_refunds
from models import Anomaly, Hold, Order, OutboxMessage, Refund, Return, StateChange, Timer
from states.return_states import OVER
from tests.benchmarks.real_checks import Checks
from tests.benchmarks.refunds_life import AN_HOUR, COOLING, SHOP, Life, Told, asking, live, pay, read, span
from tests.benchmarks.replay_real import TMALL, console, show
from tests.benchmarks.sample import OPENING, orders_of
from tests.benchmarks.sample import SHOP as SAMPLE_SHOP
from tests.benchmarks.stores import NewStore, stores
from tests.databases import TABLES, difference, everything, spelled
from tests.payment_service import PaymentService

BATCH, SCALE = 500, (100, 1_000, 10_000)
PAID_AT_MOST = 500  # each by itself: the cost of one is the cost of all
WHEN_WRITTEN = ("id", "recorded_at", "flow_run", "sent_at")


def main(
    postgres: Annotated[
        bool, typer.Option("--postgres", help="Also on PostgreSQL; both must end alike.")
    ] = False,
    scale: Annotated[
        bool, typer.Option("--scale", help="Also measure at 100, 1,000 and 10,000 cases.")
    ] = False,
) -> None:
    """Live through the real refunds; exit 1 when one of the promises was not kept."""
    if not TMALL.exists():
        console.print("skipped: the real orders are not beside the repository")
        return
    kept, ends = True, []
    for kind in ("sqlite", "postgresql") if postgres else ("sqlite",):
        with stores(kind) as new:
            engine = new()
            start = perf_counter()
            checks = lived_and_checked(engine, TMALL)
            show(f"{kind}: lived through in {perf_counter() - start:.1f} s", checks)
            ends.append(by_name(engine))
            kept &= checks.kept
            if scale:
                kept &= measured(kind, new)
    if postgres:
        unlike = difference(*ends)
        console.print(f"rows that differ between the databases: {unlike or 'none'}")
        kept &= not unlike
    if not kept:
        raise SystemExit(1)


def lived_and_checked(engine: Engine, file: Path, every: timedelta = AN_HOUR) -> Checks:
    """The whole life of a file's refunds, the whole file at its end, and everything once again."""
    checks = Checks()
    with PaymentService() as service:
        life = live(engine, file, service, every=every)
        told = import_orders(engine, file, SHOP)
        checks.equal(
            "the whole file: rows new, changed, quarantined",
            (told.new, told.changed, told.quarantined),
            (0,) * 3,
        )
        checks.equal("… facts that were news, anomalies", (told.facts, told.anomalies), (0, 0))
        rows = read(file)
        check_asked(checks, life)
        check_money(checks, engine, rows, service)
        check_times(checks, engine, rows, life, every)
        check_rest(checks, engine, rows)
        before, calls = everything(engine), len(service.calls)
        import_orders(engine, file, SHOP)
        with asking(service) as payments:
            pay(engine, payments, span([row for row in rows if row.way])[1] + AN_HOUR, life)
        checks.equal("a second run: every row as before", everything(engine) == before, True)
        checks.equal("… asked of the payment service", len(service.calls), calls)
    return checks


# -- checks ------------------------------------------------------------------------------------------


def check_asked(checks: Checks, life: Life) -> None:
    asked = Counter(outcome.request.trigger for outcome in life.outcomes)
    for trigger, number in asked.most_common():
        checks.say(f"asked or told: {trigger}", number)
    for outcome in life.unwell[:5]:
        checks.say(
            f"{outcome.status}: {outcome.no} {outcome.request.trigger}", [r.code for r in outcome.reasons]
        )
    checks.equal("asked or told, and not done", len(life.unwell), 0)
    checks.equal("runs that ended red", len(life.reports), 0)


def check_money(checks: Checks, engine: Engine, rows: list[Told], service: PaymentService) -> None:
    """Paid − refunded = received, for each order and in total, to the fen."""
    orders = {o.no: o for o in _all(engine, Order)}
    back = {row.no: row for row in rows if row.refunded_fen}
    checks.equal("orders", len(orders), len(rows))
    checks.equal("orders refunded", sum(o.refunded_fen > 0 for o in orders.values()), len(back))
    part = [row for row in back.values() if not row.in_full]
    checks.equal("… in part", sum(0 < o.refunded_fen < o.paid_fen for o in orders.values()), len(part))
    checks.equal(
        "refunded, fen", sum(o.refunded_fen for o in orders.values()), sum(r.refunded_fen for r in rows)
    )
    kept = sum(o.paid_fen - o.refunded_fen for o in orders.values())
    checks.equal("paid − refunded = received, fen", kept, sum(row.kept_fen for row in rows))
    wrong = [r.no for r in rows if (orders[r.no].paid_fen - orders[r.no].refunded_fen) != r.kept_fen]
    wrong += [r.no for r in rows if orders[r.no].refunded_fen != r.refunded_fen]
    checks.equal("… orders for which it is not so", len(wrong), 0)
    checks.equal(
        "orders with money still on its way back", sum(o.refunding_fen != 0 for o in orders.values()), 0
    )
    paid = service.paid
    checks.equal(
        "at the payment service, fen", sum(fen for _, fen in paid), sum(r.refunded_fen for r in rows)
    )
    checks.equal(
        "… payments, each key once",
        (len(paid), len(dict(paid))),
        (sum(len(r.shares) for r in back.values()),) * 2,
    )
    checks.equal("… asked for, once each", len(service.calls), len(paid))
    by_order: Counter[str] = Counter()
    for call in service.calls:
        by_order[call.body["order_no"]] += call.body["fen"]
    checks.equal(
        "… for each order what the file says", by_order == {r.no: r.refunded_fen for r in back.values()}, True
    )
    stored = sorted((r.key, r.fen) for r in _all(engine, Refund) if r.state == "succeeded")
    checks.equal("… the refunds stored", stored == sorted(paid), True)


def check_times(checks: Checks, engine: Engine, rows: list[Told], life: Life, every: timedelta) -> None:
    """The 24 hours of rule 84, by the second; and paid by the next run after them."""
    refund_of = {r.key.split("/")[2]: r for r in _all(engine, Refund)}
    unsent = {
        f"{r.no}-R{2 if r.way == 'regretted' else 1}": r for r in rows if r.way in ("unsent", "regretted")
    }
    on_time = sum(refund_of[no].requested_at == row.asked_at + COOLING for no, row in unsent.items())
    checks.equal("24-hour refunds due 24 h after asking, to the second", on_time, len(unsent))
    waits = [life.paid_in[refund_of[no].key] - row.asked_at - COOLING for no, row in unsent.items()]
    checks.equal("… paid before", sum(wait < timedelta(0) for wait in waits), 0)
    checks.equal("… paid later than by the next run", sum(wait >= every for wait in waits), 0)
    late = sum(row.asked_at >= row.cut_off for row in unsent.values())
    checks.say("… asked before their cut-off, after it", (len(unsent) - late, late))
    orders = {o.no: o for o in _all(engine, Order)}
    left = [row.no for row in unsent.values() if row.in_full and orders[row.no].batch_cutoff_at]
    checks.equal("refunded before leaving, and still in a batch", len(left), 0)
    by_id = {o.id: o.no for o in orders.values()}
    releases = [(by_id[h.case_id], h.at) for h in _all(engine, StateChange) if h.trigger == "release"]
    asked_at = {row.no: row.asked_at for row in unsent.values()}
    stopped = sum(no in asked_at and asked_at[no] <= at <= asked_at[no] + COOLING for no, at in releases)
    checks.equal("let go while their refund was cooling", stopped, 0)


def check_rest(checks: Checks, engine: Engine, rows: list[Told]) -> None:
    """Every case is over, nothing waits, nothing is held, nothing surprised anybody."""
    cases, back = _all(engine, Return), [row for row in rows if row.refunded_fen]
    states = Counter(case.state for case in cases)
    expected = sum(len(row.shares) + (row.way == "regretted") for row in back)
    checks.equal(f"cases: {', '.join(f'{s} {n}' for s, n in states.most_common())}", len(cases), expected)
    checks.equal("… not over", sum(n for s, n in states.items() if s not in OVER), 0)
    checks.equal("… refunded", states["refunded"], sum(len(row.shares) for row in back))
    for kind, number in Counter(f"{case.kind}, {case.answer}" for case in cases).most_common():
        checks.say(f"… {kind}", number)
    ends = Counter(o.state for o in _all(engine, Order))
    found = ", ".join(f"{s} {n}" for s, n in ends.most_common())
    checks.equal(f"orders: {found}", ends["refunded"], sum(row.in_full for row in rows))
    checks.equal("… come to rest on the way", sum(ends[state] for state in ("unpaid", "paid", "verified")), 0)
    history = Counter(h.case_kind for h in _all(engine, StateChange))
    checks.equal(
        "changes of cases, as many as their versions", history["return"], sum(c.version for c in cases)
    )
    timers = [t for t in _all(engine, Timer) if t.done_at is None and t.cancelled_at is None]
    checks.equal("timers waiting", len(timers), 0)
    checks.equal("holds open", sum(hold.released_at is None for hold in _all(engine, Hold)), 0)
    told = sum(row.what == "refund_paid" for row in _all(engine, OutboxMessage))
    checks.equal("buyers told that they have their money", told, states["refunded"])
    found = Counter((a.case_kind, a.code) for a in _all(engine, Anomaly))
    for (kind, code), number in found.most_common():
        checks.say(f"anomaly of {kind}: {code}", number)
    checks.equal("anomalies", sum(found.values()), 0)


def _all(engine: Engine, model: Any) -> list[Any]:
    with engine.connect() as connection:
        return connection.execute(select(model.__table__)).all()


def by_name(engine: Engine) -> dict[str, list[dict]]:
    """Every row of every table by its natural names, cases of both kinds, without ids and moments of writing."""
    with engine.connect() as connection:
        tables = {
            name: list(map(dict, connection.execute(select(t)).mappings())) for name, t in TABLES.items()
        }
    names: dict[tuple[str, int], Any] = {}
    for kind, table in (
        ("order", "orders"),
        ("return", "returns"),
        ("buyer", "buyers"),
        ("policy_version", "policy_versions"),
    ):
        names |= {
            (kind, row["id"]): row.get("no") or row.get("handle") or row.get("number")
            for row in tables[table]
        }

    def named(row: dict[str, Any]) -> dict[str, Any]:
        row = {name: value for name, value in row.items() if name not in WHEN_WRITTEN}
        for name in [name for name in row if name.endswith("_id")]:
            kind = row["case_kind"] if name == "case_id" else name.removesuffix("_id")
            row[name] = names.get((kind, row[name]))
        return row

    return {name: sorted(map(named, rows), key=spelled) for name, rows in tables.items()}


# -- how fast ----------------------------------------------------------------------------------------


def measured(kind: str, new: NewStore) -> bool:
    """Cases opened, refunds let go and refunds paid a second, at several sizes, and the statements it took."""
    checks = Checks()
    for number in SCALE:
        measure(checks, new(), number)
    show(f"{kind}: how fast", checks)
    return checks.kept


def measure(checks: Checks, engine: Engine, number: int) -> None:
    asked, over_at = openings(engine, number), OPENING + 2 * COOLING
    some = min(number, PAID_AT_MOST)
    few = count()

    def a_few(step: Callable[..., Any], *told: Any) -> Any:
        return step(*told) if next(few) < some else None

    with _measuring(checks, engine, f"{number:,} cases opened", number):
        open_in_batches(engine, asked)
    with _measuring(checks, engine, f"{number:,} refunds let go", number):
        release_refunds(engine, as_of=over_at)
    with PaymentService() as service, asking(service) as payments:
        with _measuring(checks, engine, f"{some:,} of {number:,} refunds paid over HTTP", some):
            release_refunds(engine, as_of=over_at, payments=payments, run_batch=a_few)
        checks.equal("… each once", len(dict(service.paid)), some)


@contextmanager
def _measuring(checks: Checks, engine: Engine, what: str, number: int) -> Iterator[None]:
    with counted(engine) as statements:
        start, busy = perf_counter(), process_time()
        yield
        seconds, busy = perf_counter() - start, process_time() - busy
    speed = f"{number / seconds:,.0f} a second, {busy / number * 1e6:,.0f} µs of this process each"
    checks.say(what, f"{speed}, {len(statements):,} statements")


def openings(engine: Engine, number: int) -> list[Request]:
    """So many paid orders stored, and a request for each to have its money back."""
    file = orders_of(2 * number)
    file.rows = [row for row in file.rows if len(row.facts) > 1]  # the others are not paid
    Telling(engine, SAMPLE_SHOP, file).until(None, ImportReport("sample", SAMPLE_SHOP))
    with engine.connect() as connection:
        ids = dict(map(tuple, connection.execute(select(Order.no, Order.id))))
    facts, at = {"reason": "disliked"}, OPENING + COOLING
    return [
        Request(SAMPLE_SHOP, f"{no}-R1", "open", at, "李娜", facts, None, {"order_id": n})
        for no, n in ids.items()
    ]


def open_in_batches(engine: Engine, asked: list[Request]) -> None:
    for start in range(0, len(asked), BATCH):
        done = advancing(engine, asked[start : start + BATCH], recorded_at=clock.now(), cases=return_cases)
        assert {o.status for o in done.outcomes} == {Status.CHANGED}, done.outcomes[0]


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements that were sent, each with however many rows."""
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


if __name__ == "__main__":
    typer.run(main)
