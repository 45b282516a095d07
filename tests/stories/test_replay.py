"""Whole weeks of orders, lived through hour by hour, against expectations worked out here by hand."""

from __future__ import annotations

import csv
import gzip
import random
import threading
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from databases import difference, end_state
from orders_told import AN_HOUR, SHANGHAI, real_data, rows

from flows import clock
from flows.dispatch_cutoff import dispatch_cutoff
from flows.imports.readers import read_orders
from flows.order_import import ImportReport, Telling, import_orders
from flows.order_watch import watch_orders
from flows.payment_reminders import remind_unpaid
from flows.replay import replay
from models import Anomaly, DispatchBatch, Order, OutboxMessage, StateChange, Timer

TMALL = "tmall-2020"  # 24 h to pay; 30 min, 12 h, 2 h before; 9:00-23:30; 16:00 every day
HEADER = ["订单编号", "总金额", "买家实际支付金额", "收货地址 ", "订单创建时间", "订单付款时间 ", "退款金额"]


# -- what should come of an order, by hand ----------------------------------------------------------


class Told(NamedTuple):
    """One row of a Tmall report, as its shop reads it: times on the shop's wall."""

    no: str
    total: float
    refunded: float
    placed: datetime
    paid: datetime | None

    @property
    def rungs(self) -> list[tuple[int, datetime]]:
        """The reminders this buyer gets: each at a permitted hour, of two at one moment the later one."""
        said: dict[datetime, int] = {}
        for rung, after in enumerate((timedelta(minutes=30), timedelta(hours=12), timedelta(hours=22)), 1):
            at = self.placed + after
            if at.time() < time(9):
                at = datetime.combine(at.date(), time(9))
            elif at.time() >= time(23, 30):
                at = datetime.combine(at.date() + timedelta(days=1), time(9))
            if at < self.placed + timedelta(hours=24):
                said[at] = rung
        return [(rung, at) for at, rung in said.items() if self.paid is None or at < self.paid]

    @property
    def promised(self) -> date | None:
        """Paid before 16:00: that day. Else the next."""
        if self.paid is None:
            return None
        return self.paid.date() + timedelta(days=self.paid.time() >= time(16))

    @property
    def cutoff(self) -> datetime | None:
        return self.promised and datetime.combine(self.promised, time(16))

    @property
    def state(self) -> str:
        if self.paid is None:
            return "cancelled"
        return "refunded" if self.refunded and self.refunded >= self.total else "released"


def read(path: Path, every: int = 1) -> list[Told]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        cells = list(csv.reader(file))[1:]
    return [
        Told(
            no,
            float(total),
            float(refunded),
            datetime.fromisoformat(placed),
            datetime.fromisoformat(paid) if paid else None,
        )
        for no, total, _, _, placed, paid, refunded in cells[::every]
    ]


def sample(path: Path, target: Path, every: int) -> Path:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = list(file)
    target.write_text("".join([lines[0], *lines[1::every]]), encoding="utf-8")
    return target


def written(path: Path, orders: list[Told]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        sheet = csv.writer(file)
        sheet.writerow(HEADER)
        for o in orders:
            kept = o.total - o.refunded if o.paid else 0
            sheet.writerow([o.no, o.total, kept, "浙江省", o.placed, o.paid or "", o.refunded])
    return path


def made_up(days: int = 3, a_day: int = 22) -> list[Told]:
    """Orders on every edge there is: of the cut-off, the ladder, the contact hours and the deadline."""
    draw, found = random.Random(20200201), []
    first = datetime(2020, 2, 1)  # noqa: DTZ001  on the shop's wall
    edges = [
        time(15, 59, 59),
        time(16),
        time(16, 0, 1),
        time(0),
        time(8, 30),
        time(9),
        time(23),
        time(22, 59, 59),
    ]
    for n in range(days * a_day):
        day = first + timedelta(days=n // a_day)
        placed = (
            datetime.combine(day, edges[n % len(edges)])
            if n % 3
            else day + timedelta(seconds=draw.randrange(86_400))
        )
        waits = [timedelta(seconds=10), timedelta(minutes=30), timedelta(minutes=30, seconds=1)]
        waits += [
            timedelta(hours=12),
            timedelta(hours=23, minutes=59, seconds=59),
            timedelta(hours=5),
            None,
            None,
        ]
        wait = draw.choice(waits)
        refunded = draw.choice([0, 0, 0, 5.5, 20.0]) if wait else 0
        found.append(Told(str(1000 + n), 20.0, refunded, placed, wait and placed + wait))
    draw.shuffle(found)
    return found


def local(at: datetime | None) -> datetime | None:
    return at and at.astimezone(SHANGHAI).replace(tzinfo=None)


def in_shanghai(at: datetime) -> datetime:
    return at.replace(tzinfo=SHANGHAI).astimezone(UTC)


def check_every_order(engine, told: list[Told]) -> None:
    """State, reminders, promise and batch of each, against the arithmetic above; and the counts add up."""
    orders = {o.no: o for o in rows(engine, Order)}
    assert orders.keys() == {t.no for t in told}
    reminded = defaultdict(list)
    for row in rows(engine, OutboxMessage, what="payment_reminder"):
        reminded[row.case_id].append((row.payload["rung"], local(row.owed_at)))
    closing = max(max(t.placed, t.paid or t.placed) for t in told)
    for t in told:
        order = orders[t.no]
        assert reminded[order.id] == t.rungs, t
        assert order.state == t.state, t
        assert order.promise_on == t.promised, t
        assert local(order.promise_cutoff_at) == t.cutoff, t
        assert order.paid_fen == (round(t.total * 100) if t.paid else 0), t
        assert order.refunded_fen == round(t.refunded * 100), t
        left = t.paid and not (t.state == "refunded" and closing < t.cutoff)
        assert local(order.batch_cutoff_at) == (t.cutoff if left else None), t
        assert order.released_at == order.batch_cutoff_at
        if t.paid is None:
            assert local(order.closed_at) == t.placed + timedelta(hours=24), t
    states = Counter(o.state for o in orders.values())
    assert sum(states.values()) == len(told)
    assert states["cancelled"] == sum(t.paid is None for t in told)
    ships = Counter(o.batch_cutoff_at for o in orders.values() if o.batch_cutoff_at)
    assert {b.cutoff_at for b in rows(engine, DispatchBatch)} == ships.keys()
    assert len(rows(engine, OutboxMessage, what="ship")) == sum(ships.values())
    assert len(rows(engine, OutboxMessage, what="order_closed")) == states["cancelled"]
    assert rows(engine, Anomaly) == []
    assert all((t.done_at is None) != (t.cancelled_at is None) for t in rows(engine, Timer))
    history = rows(engine, StateChange)
    assert len(history) == sum(o.version for o in orders.values())


# -- Show 1 -----------------------------------------------------------------------------------------


def test_orders_on_every_edge_live_as_their_shop_would_reckon(engine, tmp_path):
    told = made_up()
    file = written(tmp_path / "tmall.csv", told)
    report = replay(
        engine, file, TMALL, start=in_shanghai(told_from(told)), end=in_shanghai(told_until(told))
    )
    assert not report.red
    assert report.taken_in.new == len(told)
    check_every_order(engine, told)


def told_from(told: list[Told]) -> datetime:
    return datetime.combine(min(t.placed for t in told).date(), time(0))


def told_until(told: list[Told]) -> datetime:
    return datetime.combine(max(t.placed for t in told).date() + timedelta(days=4), time(0))


def test_a_tenth_of_the_real_orders_live_as_their_shop_would_reckon(databases, tmp_path):
    """Show 1 on a sample; the whole is a benchmark."""
    path = real_data("tmall/tmall_orders_2020-02-01_20.csv.gz")
    told = read(path, every=10)
    file = sample(path, tmp_path / "tmall.csv", every=10)
    engine = databases.new("sqlite")
    start, end = datetime(2020, 2, 1, tzinfo=SHANGHAI), datetime(2020, 2, 25, tzinfo=SHANGHAI)
    report = replay(engine, file, TMALL, start=start.astimezone(UTC), end=end.astimezone(UTC))
    assert not report.red
    check_every_order(engine, told)


# -- Show 2, 3 --------------------------------------------------------------------------------------


def the_timetable(told: list[Told]) -> list[tuple[datetime, object]]:
    """The runs of these days: reminders and watch every hour, the cut-off at 16:00."""
    now, runs = in_shanghai(told_from(told)), []
    while now <= in_shanghai(told_until(told)):
        runs += [(now, remind_unpaid), (now, watch_orders)]
        runs += [(now, dispatch_cutoff)] if local(now).hour == 16 else []
        now += AN_HOUR
    return runs


def live_badly(engine, file: Path, told: list[Told], seed: int) -> int:
    """Each run up to three hours late, some twice, some at once with themselves or with the import.

    A run stands for its own hour; the import is by then as far as the clock is.
    """
    draw = random.Random(seed)
    agenda = []
    for n, (as_of, step) in enumerate(the_timetable(told)):
        for _ in range(draw.choice([1, 1, 2])):
            late = timedelta(minutes=draw.choice([0, 0, 20, 61, 130, 180]))
            agenda.append((as_of + late, n, draw.choice([1, 1, 1, 2]), as_of, step))
    agenda.sort(key=lambda entry: entry[:3])
    orders = read_orders(file, SHANGHAI, now=clock.now())
    telling, report = Telling(engine, TMALL, orders), ImportReport(str(file), TMALL)
    at_once = 0
    for now, n, times, as_of, step in agenda:
        runs = [lambda step=step, as_of=as_of: step(engine, as_of=as_of, shop=TMALL)] * times
        if now - as_of > AN_HOUR and n % 2:  # what is told now happened after the hour this run stands for
            telling.until(now - AN_HOUR, report)
            runs.append(lambda now=now: telling.until(now, report))
        else:
            telling.until(now, report)
        if n % 37 == 0:
            import_orders(engine, file, TMALL, until=now)
        at_once += len(runs) > 1
        together(runs)
    return at_once


def together(calls: list) -> None:
    if len(calls) == 1:
        calls[0]()
        return
    failures = []

    def run(call) -> None:
        try:
            call()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_runs_doubled_late_and_at_once_come_to_the_same_end(databases, database_kind, tmp_path):
    """Show 2: row for row, apart from recording times."""
    told = made_up(days=2)
    file = written(tmp_path / "tmall.csv", told)
    well, badly = databases.new(database_kind), databases.new(database_kind)
    replay(well, file, TMALL, start=in_shanghai(told_from(told)), end=in_shanghai(told_until(told)))
    assert live_badly(badly, file, told, seed=11) > 10
    assert difference(end_state(well), end_state(badly)) == []


def test_both_databases_come_to_the_same_end(databases, tmp_path):
    """Show 3."""
    told = made_up()
    file = written(tmp_path / "tmall.csv", told)
    ends = []
    for kind in ("sqlite", "postgresql"):
        engine = databases.new(kind)
        every = 2 * AN_HOUR
        replay(
            engine,
            file,
            TMALL,
            start=in_shanghai(told_from(told)),
            end=in_shanghai(told_until(told)),
            every=every,
        )
        ends.append(end_state(engine))
    assert difference(*ends) == []


def test_runs_every_six_hours_and_every_hour_come_to_the_same_end(databases, tmp_path):
    """Promise 3: how often we look changes nothing about what happened when."""
    told = made_up(days=2)
    file = written(tmp_path / "tmall.csv", told)
    ends = []
    for every in (AN_HOUR, 6 * AN_HOUR):
        engine = databases.new("sqlite")
        replay(
            engine,
            file,
            TMALL,
            start=in_shanghai(told_from(told)),
            end=in_shanghai(told_until(told)),
            every=every,
        )
        ends.append(end_state(engine))
    assert difference(*ends) == []


# -- the impossible orders of Olist -----------------------------------------------------------------

OLIST = "olist-br"
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def olist_sample(folder: Path, every: int) -> list[dict]:
    """Every so-manieth order, with what lies beside it in the other tables."""
    with gzip.open(real_data("olist/olist_orders.csv.gz"), "rt", encoding="utf-8") as file:
        wanted = list(csv.DictReader(file))[::every]
    numbers = {row["order_id"] for row in wanted}
    for name, key in (("orders", "order_id"), ("order_items", "order_id"), ("order_payments", "order_id")):
        with gzip.open(real_data(f"olist/olist_{name}.csv.gz"), "rt", encoding="utf-8", newline="") as file:
            sheet = csv.DictReader(file)
            with (folder / f"olist_{name}.csv").open("w", encoding="utf-8", newline="") as out:
                copy = csv.DictWriter(out, sheet.fieldnames)
                copy.writeheader()
                copy.writerows(row for row in sheet if row[key] in numbers)
    return wanted


def test_impossible_orders_become_anomalies_and_none_is_lost(engine, tmp_path):
    """Promise 2 on real data."""
    told = {row["order_id"]: row for row in olist_sample(tmp_path, every=9)}
    report = import_orders(engine, tmp_path / "olist_orders.csv", OLIST)
    watch_orders(engine, as_of=datetime(2018, 12, 31, tzinfo=UTC), shop=OLIST)

    orders = {o.no: o for o in rows(engine, Order)}
    assert orders.keys() == told.keys()
    assert (report.quarantined, report.new) == (0, len(told))
    noted = defaultdict(set)
    for anomaly in rows(engine, Anomaly):
        noted[anomaly.case_id].add(anomaly.code)

    def at(row: dict, name: str) -> datetime | None:
        text = row[f"order_{name}"]
        return datetime.fromisoformat(text).replace(tzinfo=SAO_PAULO) if text else None

    seen = Counter()
    for no, row in told.items():
        order, codes = orders[no], noted[orders[no].id]
        placed, paid = at(row, "purchase_timestamp"), at(row, "approved_at")
        handed, arrived = at(row, "delivered_carrier_date"), at(row, "delivered_customer_date")
        if handed and paid and placed <= handed < paid and row["order_status"] == "delivered":
            seen["shipped before paid"] += 1
            assert "shipped_unpaid" in codes, row
        if handed and arrived and arrived < handed:
            seen["arrived before handed over"] += 1
            assert "delivered_unshipped" in codes, row
        if row["order_status"] == "canceled" and handed:
            seen["cancelled after hand-over"] += 1
            assert "cancelled_after_hand_over" in codes, row
        if row["order_status"] == "delivered" and arrived:
            seen["delivered"] += 1
            assert order.state == "completed", row
            assert order.delivered_at == arrived.astimezone(UTC)
        if order.paid_at and order.paid_fen != order.amount_fen:
            assert "paid_not_due" in codes, row
    assert seen["delivered"] > 500
    assert seen["shipped before paid"] > 3
