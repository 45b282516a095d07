"""A shop's refunds, lived through as after-sales cases until the money is counted: paid − refunded = received."""

from __future__ import annotations

import csv
import gzip
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from orders_told import AN_HOUR, SHANGHAI, real_data
from orders_told import rows as rows_of

from flows.order_import import import_orders
from flows.requests import Request
from flows.return_steps import release_refunds
from models import Anomaly, Order, Refund, Return
from tests.benchmarks.real_checks import Checks
from tests.benchmarks.refunds_life import IN_FULL, IN_PART, SHOP, Life, asking, pay, read
from tests.benchmarks.refunds_real import (
    COOLING,
    OPENING,
    by_name,
    counted,
    lived_and_checked,
    open_in_batches,
    openings,
)
from tests.databases import TABLES, difference
from tests.payment_service import PaymentService

HEADER = ["订单编号", "总金额", "买家实际支付金额", "收货地址 ", "订单创建时间", "订单付款时间 ", "退款金额"]
EIGHT_HOURS = 8 * AN_HOUR  # and each cut-off is met
PLACED = datetime(2020, 2, 1, 1)  # noqa: DTZ001  on the shop's wall


def broken(checks: Checks) -> list[tuple]:
    return [(name, found, expected) for name, found, expected, kept in checks.rows if kept is False]


def made_up(path: Path) -> Path:
    """Every way a refund can come about, of amounts that don't divide well, beside orders nobody sends back."""
    full = [("19.99", "0", "19.99"), ("0.11", "0", "0.11"), ("1234.57", "0", "1234.57")]
    part = [("102.0", "64.0", "38.0"), ("19.9", "19.89", "0.01"), ("500.0", "166.67", "333.33")]
    kept = [("21.0", "21.0", "0.0"), ("0.01", "0.01", "0.0")]
    amounts = (
        [full[n % 3] for n in range(2 * len(IN_FULL))] + [part[n % 3] for n in range(2 * len(IN_PART))] + kept
    )
    found: list[list] = [[99, "37.0", "0.0", "安徽省", PLACED, "", "0.0"]]  # never paid
    for n, (due, left, back) in enumerate(amounts):
        placed = PLACED + n * timedelta(minutes=53)
        found.append([100 + n, due, left, "浙江省", placed, placed + timedelta(seconds=20), back])
    return written(path, found)


def written(path: Path, orders: list[list]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *orders])
    return path


def test_every_way_of_a_refund_comes_out_to_the_fen_and_alike_on_both_databases(databases, tmp_path):
    file, ends = made_up(tmp_path / "tmall.csv"), []
    assert {(row.way, row.in_full) for row in read(file) if row.way} == {
        *((way, True) for way in IN_FULL),
        *((way, False) for way in IN_PART),
    }
    for kind in ("sqlite", "postgresql"):
        engine = databases.new(kind)
        assert broken(lived_and_checked(engine, file, every=EIGHT_HOURS)) == []
        ends.append(by_name(engine))
    assert difference(*ends) == []


def test_a_fortieth_of_the_real_refunds_comes_out_to_the_fen(databases, tmp_path):
    """Show 2 on a sample; the whole is a benchmark."""
    real, sample = real_data("tmall/tmall_orders_2020-02-01_20.csv.gz"), tmp_path / "tmall.csv"
    with gzip.open(real, "rt", encoding="utf-8") as file:
        lines = list(file)
    sample.write_text("".join([lines[0], *lines[1::40]]), encoding="utf-8")
    assert broken(lived_and_checked(databases.new("sqlite"), sample, every=EIGHT_HOURS)) == []


@pytest.mark.parametrize("step", ["open", "let go"])
def test_a_batch_of_cases_takes_as_many_statements_as_a_small_one(databases, database_kind, step):
    took = []
    for number in (10, 500):
        engine = databases.new(database_kind)
        asked = openings(engine, number)
        if step == "let go":
            open_in_batches(engine, asked)
        with counted(engine) as statements:
            if step == "open":
                open_in_batches(engine, asked)
            else:
                release_refunds(engine, as_of=OPENING + 2 * COOLING)
        took.append(len(statements))
        with engine.connect() as connection:
            cases = connection.execute(Return.__table__.select()).all()
            refunds = connection.execute(Refund.__table__.select()).all()
        assert len(cases) == number
        assert len(refunds) == (number if step == "let go" else 0)
    assert took[0] == took[1] < 60


def test_no_run_reads_what_is_over_and_done(databases):
    """However many cases, refunds and orders there were, they are found by an index."""
    engine = databases.new("sqlite")
    asked = openings(engine, 10)
    with PaymentService() as service, asking(service) as payments, counted(engine) as statements:
        open_in_batches(engine, asked)
        pay(engine, payments, OPENING + 2 * COOLING, Life())
        assert len(service.paid) == 10
    read = {s for s in statements if s.startswith(("SELECT", "UPDATE"))}
    with engine.connect() as connection:
        plans = [
            (step.detail, statement)
            for statement in read
            for step in connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", (None,) * statement.count("?")
            )
        ]
    of_tables = tuple(f"SCAN {name}" for name in TABLES)
    assert [plan for plan in plans if plan[0].startswith(of_tables)] == []


def test_what_the_platform_has_refunded_in_full_meanwhile_is_not_paid_again(engine, tmp_path):
    """The file comes while the 24 hours run: its refunds are facts, and every case ends without a payment."""
    before, after = tmp_path / "before.csv", tmp_path / "after.csv"
    for file, left, back in ((before, "19.99", "0"), (after, "0", "19.99")):
        rows = [
            [n, "19.99", left, "浙江省", PLACED, PLACED + timedelta(seconds=20), back]
            for n in range(100, 110)
        ]
        written(file, rows)
    import_orders(engine, before, SHOP)
    asked_at = (PLACED + 10 * AN_HOUR).replace(tzinfo=SHANGHAI)
    asked = [
        Request(SHOP, f"{o.no}-R1", "open", asked_at, "李娜", {"reason": "other"}, None, {"order_id": o.id})
        for o in rows_of(engine, Order)
    ]
    open_in_batches(engine, asked)
    assert import_orders(engine, after, SHOP).changed == 10
    with PaymentService() as service, asking(service) as payments:
        pay(engine, payments, asked_at + COOLING, Life())
        assert service.calls == []
    assert {case.state for case in rows_of(engine, Return)} == {"closed"}
    assert {(o.state, o.refunded_fen, o.refunding_fen) for o in rows_of(engine, Order)} == {
        ("refunded", 1999, 0)
    }
    assert rows_of(engine, Anomaly) == []
    assert import_orders(engine, after, SHOP).facts == 0
