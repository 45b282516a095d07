"""Taking in files: each fact once, each at its own time, whatever the sequence of files (promises 3, 5, 10)."""

import csv
from datetime import timedelta
from pathlib import Path

import pytest
from databases import difference, end_state, everything
from orders_told import (
    AN_HOUR,
    RECEIVER,
    SHOP,
    anomalies,
    holds,
    moment,
    order,
    paid,
    placed,
    rows,
    steps,
    tell,
    triggers,
)
from sqlalchemy import text

from flows import order_import
from flows.imports.rows import UnreadableFile
from flows.order_import import import_orders
from models import Anomaly, Order, StateChange
from models.database import home, transaction
from states.errors import NotFound

COLUMNS = (
    "no,placed_at,amount_fen,paid_at,paid_fen,shipped_at,waybill,delivered_at,cancelled_at,refunded_at,refunded_fen,"
    "buyer,receiver,phone,address,remark,items"
)


def a_row(no="1", **values) -> dict:
    usual = {**RECEIVER, "placed_at": "2026-03-02 10:00:00", "amount_fen": 10_000, "buyer": f"buyer of {no}"}
    return {**usual, "items": "BAG-1:帆布包:1:", **values, "no": no}


def a_file(tmp_path: Path, *orders: dict, name: str = "orders.csv") -> Path:
    path = tmp_path / name
    with path.open("w", encoding="utf-8", newline="") as file:
        sheet = csv.DictWriter(file, COLUMNS.split(","), restval="")
        sheet.writeheader()
        sheet.writerows(orders)
    return path


PAID = {"paid_at": "2026-03-02 10:20:00"}
SHIPPED = {**PAID, "shipped_at": "2026-03-02 18:00:00", "waybill": "SF1"}
DELIVERED = {**SHIPPED, "delivered_at": "2026-03-04 12:00:00"}


def test_a_row_becomes_facts_each_at_its_own_time(engine, tmp_path):
    report = import_orders(engine, a_file(tmp_path, a_row(**DELIVERED)), SHOP)
    assert [s for s in steps(engine) if s[0] != "verify"] == [
        ("place", "03-02 10:00"),
        ("pay", "03-02 10:20"),
        ("release", "03-02 17:00"),
        ("ship", "03-02 18:00"),
        ("deliver", "03-04 12:00"),
    ]
    assert (report.rows, report.orders, report.new, report.changed, report.facts) == (1, 1, 1, 0, 4)


def test_importing_again_adds_nothing(engine, tmp_path):
    file = a_file(tmp_path, a_row("1"), a_row("2", **PAID), a_row("3", **DELIVERED))
    import_orders(engine, file, SHOP)
    before = everything(engine)
    again = import_orders(engine, file, SHOP)
    assert everything(engine) == before
    assert (again.new, again.changed, again.unchanged, again.facts, again.anomalies) == (0, 0, 3, 0, 0)


def test_overlapping_files_say_together_what_one_would(databases, database_kind, tmp_path):
    one, other = databases.new(database_kind), databases.new(database_kind)
    all_rows = [a_row(str(n), **(PAID if n % 2 else {})) for n in range(8)]
    import_orders(one, a_file(tmp_path, *all_rows), SHOP)
    import_orders(other, a_file(tmp_path, *all_rows[:5], name="a.csv"), SHOP)
    report = import_orders(other, a_file(tmp_path, *all_rows[3:], name="b.csv"), SHOP)
    assert (report.new, report.unchanged) == (3, 2)
    assert difference(end_state(one), end_state(other)) == []


def test_a_later_file_moves_orders_on(engine, tmp_path):
    for n, stage in enumerate(({}, PAID, SHIPPED, DELIVERED)):
        report = import_orders(engine, a_file(tmp_path, a_row(**stage), name=f"{n}.csv"), SHOP)
        assert (report.new, report.changed) == ((1, 0) if n == 0 else (0, 1))
        assert report.anomalies == 0
    assert order(engine).state == "delivered"


def test_an_older_file_after_a_newer_one_takes_nothing_back(engine, tmp_path):
    import_orders(engine, a_file(tmp_path, a_row(**DELIVERED), name="new.csv"), SHOP)
    before = everything(engine)
    report = import_orders(engine, a_file(tmp_path, a_row(**PAID), name="old.csv"), SHOP)
    assert (report.unchanged, report.facts) == (1, 0)
    assert everything(engine) == before


def test_hour_by_hour_says_what_all_at_once_says(databases, database_kind, tmp_path):
    """`until`: a file can be lived through."""
    slowly, at_once = databases.new(database_kind), databases.new(database_kind)
    mixed = [{}, PAID, SHIPPED, DELIVERED, {**PAID, "refunded_at": "2026-03-03 09:00:00"}]
    orders = [a_row(str(n), placed_at=f"2026-03-02 {8 + n % 3:02}:30:00", **mixed[n % 5]) for n in range(20)]
    file = a_file(tmp_path, *orders)
    import_orders(at_once, file, SHOP)
    now = moment("03-02 07:00")
    while now <= moment("03-04 12:00"):
        report = import_orders(slowly, file, SHOP, until=now)
        assert (
            report.rows == report.new + report.changed + report.unchanged + report.quarantined + report.later
        )
        now += AN_HOUR
    assert difference(end_state(slowly), end_state(at_once)) == []


def test_only_what_had_happened_by_then_is_told(engine, tmp_path):
    file = a_file(tmp_path, a_row("1", **PAID), a_row("2", placed_at="2026-03-02 12:00:00"))
    second_before = moment("03-02 10:20") - timedelta(seconds=1)
    report = import_orders(engine, file, SHOP, until=second_before)
    assert (report.new, report.later, report.orders) == (1, 1, 1)
    assert triggers(engine) == ["place"]
    import_orders(engine, file, SHOP, until=moment("03-02 10:20"))
    assert triggers(engine) == ["place", "pay", "verify"]


def test_an_order_that_we_placed_ourselves_is_not_amended_by_who_tells_it_as_it_is(engine, tmp_path):
    told = {"amount_fen": 0, "placed_at": "2026-03-02 10:00:00", "paid_at": "2026-03-02 10:00:00"}
    tell(engine, placed(at=moment("03-02 10:00"), amount_fen=0), paid(at=moment("03-02 10:00"), amount_fen=0))
    before = triggers(engine)
    assert import_orders(engine, a_file(tmp_path, a_row(**told)), SHOP).changed == 0
    assert triggers(engine) == before
    elsewhere = a_file(tmp_path, a_row(**told, address="上海市浦东新区世纪大道 1 号"), name="moved.csv")
    assert [import_orders(engine, elsewhere, SHOP).changed for _ in range(2)] == [1, 0]
    assert triggers(engine) == [*before, "amend", "verify"]


def test_a_new_address_is_an_amendment_once_and_the_old_file_does_not_turn_it_back(engine, tmp_path):
    old = a_file(tmp_path, a_row(**PAID), name="old.csv")
    new = a_file(tmp_path, a_row(**PAID, address="上海市浦东新区世纪大道 1 号"), name="new.csv")
    import_orders(engine, old, SHOP)
    assert import_orders(engine, new, SHOP).changed == 1
    assert triggers(engine) == ["place", "pay", "verify", "amend", "verify"]
    before = everything(engine)
    for file in (old, new, old):
        assert import_orders(engine, file, SHOP).changed == 0
    assert everything(engine) == before
    assert order(engine).address == "上海市浦东新区世纪大道 1 号"


def test_an_amount_that_changes_before_payment_is_the_new_amount(engine, tmp_path):
    import_orders(engine, a_file(tmp_path, a_row(), name="a.csv"), SHOP)
    cheaper = {"amount_fen": 9_000}
    import_orders(engine, a_file(tmp_path, a_row(**cheaper), name="b.csv"), SHOP)
    assert order(engine).amount_fen == 9_000
    import_orders(engine, a_file(tmp_path, a_row(**cheaper, **PAID), name="c.csv"), SHOP)
    assert (order(engine).state, anomalies(engine)) == ("verified", [])


def test_an_amount_that_changes_with_its_payment_is_taken_first(engine, tmp_path):
    """One file says both: cheaper by agreement, and paid."""
    import_orders(engine, a_file(tmp_path, a_row(), name="a.csv"), SHOP)
    import_orders(engine, a_file(tmp_path, a_row(amount_fen=9_000, **PAID), name="b.csv"), SHOP)
    assert order(engine).amount_fen == 9_000
    assert anomalies(engine) == []


def test_an_amount_that_changes_after_payment_contradicts(engine, tmp_path):
    import_orders(engine, a_file(tmp_path, a_row(**PAID), name="a.csv"), SHOP)
    changed = a_file(tmp_path, a_row(**{**PAID, "amount_fen": 9_000}), name="b.csv")
    assert import_orders(engine, changed, SHOP).anomalies >= 1
    assert order(engine).amount_fen == 10_000
    assert set(anomalies(engine)) == {"contradicts"}
    before = everything(engine)
    assert import_orders(engine, changed, SHOP).anomalies == 0
    assert everything(engine) == before


def test_a_cancelled_order_stays_cancelled_whichever_file_tells_of_its_payment(engine, tmp_path):
    cancelled = {"cancelled_at": "2026-03-02 14:00:00"}
    known_first = a_file(tmp_path, a_row("1", **cancelled), name="a.csv")
    whole = a_file(tmp_path, a_row("1", **PAID, **cancelled), a_row("2", **PAID, **cancelled), name="b.csv")
    import_orders(engine, known_first, SHOP)
    import_orders(engine, whole, SHOP)
    assert [(o.state, o.paid_fen) for o in rows(engine, Order)] == [("cancelled", 10_000)] * 2
    assert anomalies(engine) == ["cancelled_since"]


def test_bad_rows_go_to_the_quarantine_and_every_row_is_counted(engine, tmp_path):
    """Promise 10."""
    file = a_file(
        tmp_path,
        a_row("1"),
        a_row("2", amount_fen=-5),
        a_row("3", placed_at="yesterday"),
        a_row("4", **PAID),
        a_row("4", **PAID),
        a_row("5", paid_fen=100),
        a_row("6", placed_at="2999-01-01 00:00:00"),
        a_row("7", placed_at="0001-01-01 12:00:00"),
    )
    report = import_orders(engine, file, SHOP)
    assert (report.rows, report.new, report.quarantined) == (8, 2, 5)
    assert report.rows == report.new + report.changed + report.unchanged + report.quarantined + report.later
    assert report.red
    assert sorted(o.no for o in rows(engine, Order)) == ["1", "4"]
    with report.quarantine.open(encoding="utf-8-sig", newline="") as sheet:
        found = [(int(row["line"]), row["column"]) for row in csv.DictReader(sheet)]
    assert found == [(3, "amount_fen"), (4, "placed_at"), (7, "paid_at"), (8, "placed_at"), (9, "placed_at")]
    assert report.quarantine.is_relative_to(home())
    assert report.quarantine.stat().st_mode & 0o077 == 0


def test_tomorrows_file_of_the_same_name_leaves_todays_bad_rows_in_the_quarantine(engine, tmp_path):
    def bad_row(no: str) -> Path:
        return import_orders(engine, a_file(tmp_path, a_row(no, amount_fen=-5)), SHOP).quarantine

    today, tomorrow = bad_row("1"), bad_row("2")
    assert today != tomorrow
    assert bad_row("1") == today  # the same again
    assert len(list(today.parent.iterdir())) == 2


def test_a_row_the_database_refuses_is_quarantined_and_the_others_are_in(engine, tmp_path):
    """Promises 8, 10."""
    with transaction(engine) as connection:
        if engine.dialect.name == "sqlite":
            refuse = "BEFORE INSERT ON orders WHEN NEW.no = '3' BEGIN SELECT RAISE(ABORT, 'poison'); END"
            connection.execute(text(f"CREATE TRIGGER poison {refuse}"))
        else:
            connection.execute(text("ALTER TABLE orders ADD CHECK (no != '3')"))
    report = import_orders(engine, a_file(tmp_path, *(a_row(str(n), **PAID) for n in range(6))), SHOP)
    assert (report.new, report.quarantined) == (5, 1)
    assert sorted(o.no for o in rows(engine, Order)) == ["0", "1", "2", "4", "5"]
    assert {o.state for o in rows(engine, Order)} == {"verified"}


def test_a_row_refused_half_way_is_counted_once_as_quarantined(engine, tmp_path, monkeypatch):
    """Promise 10, even where its first facts are in."""
    monkeypatch.setattr(order_import, "CHUNK", 1)
    with transaction(engine) as connection:
        if engine.dialect.name == "sqlite":
            refuse = (
                "BEFORE UPDATE ON orders WHEN NEW.delivered_at IS NOT NULL BEGIN SELECT RAISE(ABORT, ''); END"
            )
            connection.execute(text(f"CREATE TRIGGER poison {refuse}"))
        else:
            connection.execute(text("ALTER TABLE orders ADD CHECK (delivered_at IS NULL)"))
    report = import_orders(engine, a_file(tmp_path, a_row("1", **DELIVERED), a_row("2", **PAID)), SHOP)
    assert (report.new, report.changed, report.unchanged, report.quarantined) == (1, 0, 0, 1)


def test_more_facts_than_a_transaction_takes_are_all_told(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(order_import, "CHUNK", 7)
    report = import_orders(engine, a_file(tmp_path, *(a_row(str(n), **DELIVERED) for n in range(10))), SHOP)
    assert (report.new, report.facts) == (10, 40)
    assert {o.state for o in rows(engine, Order)} == {"delivered"}


def test_a_remark_that_asks_not_to_ship_holds(engine, tmp_path):
    """Rule 84."""
    import_orders(engine, a_file(tmp_path, a_row(remark="不要发货", **PAID)), SHOP)
    assert holds(engine) == ["remark"]


def test_a_second_remark_in_a_later_file_holds_too(engine, tmp_path):
    import_orders(engine, a_file(tmp_path, a_row(**PAID), name="a.csv"), SHOP)
    import_orders(engine, a_file(tmp_path, a_row(remark="先别发", **PAID), name="b.csv"), SHOP)
    assert holds(engine) == ["remark"]


def test_facts_and_anomalies_hold_no_personal_data(engine, tmp_path):
    """Promise 9."""
    import_orders(engine, a_file(tmp_path, a_row(**PAID), name="a.csv"), SHOP)
    moved = {"address": "上海市浦东新区世纪大道 1 号", "phone": "13912341234", "remark": "请打 13712341234"}
    import_orders(engine, a_file(tmp_path, a_row(**PAID, **moved), name="b.csv"), SHOP)
    stored = repr([vars(r) for model in (StateChange, Anomaly) for r in rows(engine, model)])
    for personal in ("13812341234", "13912341234", "13712341234", "王小明", "文三路", "世纪大道"):
        assert personal not in stored


@pytest.mark.parametrize("shop", ["moon", ""])
def test_an_unknown_shop_is_said_before_the_file_is_read(engine, tmp_path, shop):
    with pytest.raises(NotFound, match="there is no shop"):
        import_orders(engine, tmp_path / "nothing.csv", shop)


@pytest.mark.parametrize("what", ["missing", "directory", "empty", "picture"])
def test_what_is_no_file_of_orders_is_answered_in_one_sentence_and_changes_nothing(engine, tmp_path, what):
    path = tmp_path / "orders.csv"
    match what:
        case "directory":
            path.mkdir()
        case "empty":
            path.touch()
        case "picture":
            path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    before = everything(engine)
    with pytest.raises(UnreadableFile, match=r"orders\.csv"):
        import_orders(engine, path, SHOP)
    assert everything(engine) == before


def test_a_file_of_a_header_only_is_no_mistake(engine, tmp_path):
    report = import_orders(engine, a_file(tmp_path), SHOP)
    assert (report.rows, report.red) == (0, False)
    assert tell(engine).outcomes == []
