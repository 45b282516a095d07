"""What is stored: the same on both databases, and only as the migrations say."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from databases import end_state
from orders_told import SHOP, placed, tell
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlmodel import SQLModel

from models import Buyer, DispatchBatch, Order, Timer
from models.database import engine_for, reading, transaction
from models.migrating import migrate

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


def _differences(engine) -> list:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return compare_metadata(context, SQLModel.metadata)


def _indexes(inspector, table: str) -> set[tuple]:
    return {(i["name"], tuple(i["column_names"]), bool(i["unique"])) for i in inspector.get_indexes(table)}


def test_the_migrations_make_exactly_the_tables(databases, database_kind):
    migrated, created = databases.empty(database_kind), databases.empty(database_kind)
    migrate(migrated)
    SQLModel.metadata.create_all(created)

    assert _differences(migrated) == []
    one, other = inspect(migrated), inspect(created)
    for table in SQLModel.metadata.tables:
        assert _indexes(one, table) == _indexes(other, table)
        for part in ("get_unique_constraints", "get_foreign_keys", "get_pk_constraint"):
            assert repr(_plain(getattr(one, part)(table))) == repr(_plain(getattr(other, part)(table)))
        nullable = [{c["name"]: c["nullable"] for c in i.get_columns(table)} for i in (one, other)]
        assert nullable[0] == nullable[1]


def _plain(found):
    found = found if isinstance(found, list) else [found]
    return sorted(tuple(tuple(v) if isinstance(v, list) else str(v) for v in row.values()) for row in found)


def test_migrating_again_is_harmless_and_keeps_what_is_there(engine):
    tell(engine, placed())
    before = end_state(engine)
    migrate(engine)
    migrate(engine)
    assert end_state(engine) == before
    assert _differences(engine) == []


def test_an_instant_without_zone_is_refused(engine):
    """design.md §4: stored in UTC, and never by guess."""
    naive = {"shop": SHOP, "cutoff_at": datetime(2026, 3, 2, 17)}  # noqa: DTZ001
    with pytest.raises(StatementError, match="no time zone"), transaction(engine) as connection:
        connection.execute(insert(DispatchBatch.__table__), naive)


def test_an_instant_comes_back_as_the_same_instant_in_utc(engine):
    beijing = NOON.astimezone(timezone(timedelta(hours=8))).replace(microsecond=123456)
    with transaction(engine) as connection:
        connection.execute(insert(DispatchBatch.__table__), {"shop": SHOP, "cutoff_at": beijing})
    with reading(engine) as connection:
        found = connection.scalar(select(DispatchBatch.__table__.c.cutoff_at))
    assert found == beijing
    assert found.tzinfo is UTC


def test_sqlite_writes_ahead_to_the_disk_waits_for_others_and_keeps_foreign_keys(databases):
    engine = databases.new("sqlite")
    pragmas = {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 60000, "synchronous": 2}
    with engine.connect() as connection:
        for name, value in pragmas.items():
            assert connection.execute(text(f"PRAGMA {name}")).scalar() == value, name


def test_a_sqlite_file_is_made_for_its_owner_alone_and_so_is_what_lies_beside_it(tmp_path):
    engine = engine_for(f"sqlite:///{tmp_path / 'kefu.db'}")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id)")
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    engine.dispose()
    assert modes == dict.fromkeys(("kefu.db", "kefu.db-wal", "kefu.db-shm"), 0o600)


def test_sqlite_takes_the_write_lock_before_the_first_read(databases):
    engine = databases.new("sqlite")
    with transaction(engine), engine.connect() as other:
        other.exec_driver_sql("PRAGMA busy_timeout=0")
        with pytest.raises(Exception, match="locked"):
            other.exec_driver_sql("BEGIN IMMEDIATE")


def test_a_row_of_nobody_is_refused_by_the_foreign_keys(engine):
    stray = {"shop": SHOP, "no": "1", "state": "paid", "policy_version_id": 4711}
    stray |= {"version": 0, "amount_fen": 0, "paid_fen": 0, "refunded_fen": 0, "reminded_rung": 0}
    with pytest.raises(IntegrityError), transaction(engine) as connection:
        connection.execute(insert(Order.__table__), stray)


def test_a_transaction_that_fails_keeps_nothing(engine):
    lin = {"shop": SHOP, "handle": "lin"}

    def twice() -> None:
        with transaction(engine) as connection:
            connection.execute(insert(Buyer.__table__), lin)
            connection.execute(insert(Buyer.__table__), lin)

    with pytest.raises(IntegrityError):
        twice()
    with reading(engine) as connection:
        assert connection.execute(select(Buyer.__table__)).all() == []


def test_an_error_of_the_database_quotes_nobody(engine):
    """Promise 9: it ends in logs and on screens."""

    def failing() -> None:
        with transaction(engine) as connection:
            connection.execute(text("SELECT :phone FROM nowhere"), {"phone": "13812341234"})

    with pytest.raises(DBAPIError) as error:
        failing()
    assert "13812341234" not in str(error.value)


def test_a_dry_run_keeps_nothing(engine):
    with transaction(engine, dry_run=True) as connection:
        connection.execute(insert(Buyer.__table__), {"shop": SHOP, "handle": "lin"})
    with reading(engine) as connection:
        assert connection.execute(select(Buyer.__table__)).all() == []


def test_reading_is_one_consistent_look(engine):
    with reading(engine) as connection:
        assert connection.execute(select(Buyer.__table__)).all() == []
        with transaction(engine) as other:
            other.execute(insert(Buyer.__table__), {"shop": SHOP, "handle": "lin"})
        assert connection.execute(select(Buyer.__table__)).all() == []


def test_a_timer_of_one_kind_and_round_exists_once(engine):
    """Promise 4."""
    timer = {"case_kind": "order", "case_id": 1, "shop": SHOP, "kind": "payment_deadline", "round": 1}
    timer |= {"due_at": NOON, "attempts": 0}
    with transaction(engine) as connection:
        connection.execute(insert(Timer.__table__), timer)
    with pytest.raises(IntegrityError), transaction(engine) as connection:
        connection.execute(insert(Timer.__table__), {**timer, "due_at": NOON + timedelta(hours=1)})
