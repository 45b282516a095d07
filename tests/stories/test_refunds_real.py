"""A shop's refunds, lived through as after-sales cases until the money is counted: paid − refunded = received."""

from __future__ import annotations

import csv
import gzip
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from orders_told import AN_HOUR, real_data

from flows.return_steps import release_refunds
from models import Refund, Return
from tests.benchmarks.real_checks import Checks
from tests.benchmarks.refunds_life import IN_FULL, IN_PART, read
from tests.benchmarks.refunds_real import (
    COOLING,
    OPENING,
    by_name,
    counted,
    lived_and_checked,
    open_in_batches,
    openings,
)
from tests.databases import difference

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
    with path.open("w", encoding="utf-8", newline="") as file:
        sheet = csv.writer(file)
        sheet.writerow(HEADER)
        for n, (due, left, back) in enumerate(amounts, 100):
            placed = PLACED + timedelta(minutes=53) * (n - 100)
            sheet.writerow([n, due, left, "浙江省", placed, placed + timedelta(seconds=20), back])
        sheet.writerow([99, "37.0", "0.0", "安徽省", PLACED, "", "0.0"])  # never paid
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
