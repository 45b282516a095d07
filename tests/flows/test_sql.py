"""Many rows in one statement: what goes in comes out, on both databases, whatever it is."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, StatementError

from flows.sql import insert_all, insert_new, one_of, one_row_of, update_all
from models import Buyer, DispatchBatch, Order, StateChange, Timer
from models.database import reading, transaction

ORDERS, BUYERS, HISTORY = Order.__table__, Buyer.__table__, StateChange.__table__
NOON = datetime(2026, 3, 2, 4, 0, 0, 123456, tzinfo=UTC)
ANY_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
INSTANTS = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-3))]),
)
EMPTY = {"version": 0, "amount_fen": 0, "paid_fen": 0, "refunded_fen": 0, "reminded_rung": 0}
on_one_database = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def an_order(no: str, **values) -> dict:
    return {"shop": "s", "no": no, "state": "unpaid", **EMPTY, **values}


def stored(engine, table, *columns):
    with reading(engine) as connection:
        return connection.execute(select(*(table.c[c] for c in columns)).order_by(*table.primary_key)).all()


odd_orders = st.lists(
    st.tuples(
        ANY_TEXT,
        st.none() | ANY_TEXT,
        st.none() | INSTANTS,
        st.none() | st.dates(min_value=date(1990, 1, 1)),
        st.integers(-(2**31), 2**31 - 1),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda row: row[0],
)


@given(odd_orders)
@on_one_database
def test_what_goes_in_comes_out(engine, told):
    names = ("no", "receiver", "placed_at", "promise_on", "amount_fen")
    with transaction(engine) as connection:
        connection.execute(text("DELETE FROM orders"))
        insert_all(connection, ORDERS, [an_order(**dict(zip(names, row, strict=True))) for row in told])
    assert [tuple(row) for row in stored(engine, ORDERS, *names)] == told


@given(odd_orders, st.randoms(use_true_random=False))
@on_one_database
def test_each_row_gets_its_own_new_values_and_no_other(engine, told, draw):
    names = ("receiver", "placed_at", "promise_on", "amount_fen")
    numbers = [row[0] for row in told]
    chosen = [row for row in told if draw.random() < 0.6]
    with transaction(engine) as connection:
        connection.execute(text("DELETE FROM orders"))
        insert_all(connection, ORDERS, [an_order(no) for no in numbers])
        keys = [{"no": row[0], "version": 0} for row in chosen]
        news = [dict(zip(names, row[1:], strict=True)) for row in chosen]
        assert update_all(connection, ORDERS, keys, news, names) == len(chosen)
    untouched = (None, None, None, 0)
    expected = [tuple(row[1:]) if row in chosen else untouched for row in told]
    assert [tuple(row) for row in stored(engine, ORDERS, *names)] == expected


def test_a_row_of_another_version_is_not_written_and_is_missing_in_the_count(engine):
    """The compare of compare-and-swap (promise 5)."""
    with transaction(engine) as connection:
        insert_all(connection, ORDERS, [an_order("1"), an_order("2", version=7)])
        keys = [{"no": no, "version": 0} for no in "12"]
        found = update_all(connection, ORDERS, keys, [{"receiver": "林"}] * 2, ["receiver"])
    assert found == 1
    assert [tuple(row) for row in stored(engine, ORDERS, "no", "receiver")] == [("1", "林"), ("2", None)]


def test_only_rows_that_are_new_are_inserted_and_counted(engine):
    lin, wang = ({"shop": "s", "handle": name} for name in ("林", "王"))
    with transaction(engine) as connection:
        assert insert_new(connection, BUYERS, [lin]) == 1
        assert insert_new(connection, BUYERS, [lin, wang, wang]) == 1
        assert insert_new(connection, BUYERS, [lin, wang]) == 0
        assert insert_new(connection, BUYERS, []) == 0
    assert [row.handle for row in stored(engine, BUYERS, "handle")] == ["林", "王"]


def test_a_row_that_is_there_already_is_refused_where_it_must_be_new(engine):
    lin = {"shop": "s", "handle": "林"}

    def twice() -> None:
        with transaction(engine) as connection:
            insert_all(connection, BUYERS, [lin, lin])

    with pytest.raises(IntegrityError):
        twice()
    assert stored(engine, BUYERS, "handle") == []


documents = st.dictionaries(
    ANY_TEXT,
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | ANY_TEXT | st.lists(ANY_TEXT, max_size=2),
)


@given(st.lists(documents, min_size=1, max_size=3))
@on_one_database
def test_documents_come_back_as_they_were(engine, told):
    def change(number: int, facts: dict) -> dict:
        known = {
            "case_kind": "order",
            "case_id": 1,
            "trigger": "pay",
            "source": "a",
            "dest": "b",
            "by": "lin",
        }
        return {**known, "number": number, "at": NOON, "recorded_at": NOON, "key": None, "facts": facts}

    with transaction(engine) as connection:
        connection.execute(text("DELETE FROM state_changes"))
        insert_all(connection, HISTORY, [change(n, facts) for n, facts in enumerate(told)])
    assert [row.facts for row in stored(engine, HISTORY, "facts")] == told


@given(st.lists(ANY_TEXT, min_size=1, max_size=6, unique=True), st.data())
@on_one_database
def test_rows_are_found_by_any_number_of_names_and_pairs(engine, names, data):
    sought = data.draw(st.lists(st.sampled_from([*names, "nobody"]), unique=True))
    with transaction(engine) as connection:
        connection.execute(text("DELETE FROM buyers"))
        insert_all(connection, BUYERS, [{"shop": "s", "handle": name} for name in names])
        by_name = connection.scalars(
            select(BUYERS.c.handle).where(one_of(connection, BUYERS.c.handle, sought))
        )
        assert sorted(by_name) == sorted(set(sought) & set(names))
        pairs = [*(("s", name) for name in sought), *(("t", name) for name in names)]
        columns = (BUYERS.c.shop, BUYERS.c.handle)
        by_pair = connection.scalars(select(BUYERS.c.handle).where(one_row_of(connection, columns, pairs)))
        assert sorted(by_pair) == sorted(set(sought) & set(names))


def test_more_keys_than_a_statement_takes_parameters_are_one_parameter(engine):
    with reading(engine) as connection:
        found = select(ORDERS.c.id).where(one_of(connection, ORDERS.c.id, range(100_000)))
        assert connection.execute(found).all() == []


def test_an_instant_without_zone_is_refused_in_bulk_too(engine):
    naive = {"shop": "s", "cutoff_at": datetime(2026, 3, 2, 17)}  # noqa: DTZ001

    def store() -> None:
        with transaction(engine) as connection:
            insert_all(connection, DispatchBatch.__table__, [naive])

    with pytest.raises((StatementError, ValueError), match="no time zone"):
        store()


def test_a_default_that_no_row_names_is_the_tables_own(engine):
    """Rows name every column that must be told; ids number themselves."""
    timer = {"case_kind": "order", "case_id": 1, "shop": "s", "kind": "k", "due_at": NOON, "attempts": 0}
    with transaction(engine) as connection:
        insert_all(connection, Timer.__table__, [{**timer, "round": n} for n in (1, 2)])
    found = stored(engine, Timer.__table__, "id", "round", "due_at", "done_at")
    assert [(row.round, row.due_at, row.done_at) for row in found] == [(1, NOON, None), (2, NOON, None)]
    assert len({row.id for row in found}) == 2
