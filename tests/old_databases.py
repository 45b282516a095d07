"""Databases as older versions of kefu left them, with something in every table."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Boolean, Column, Date, DateTime, Engine, Integer, MetaData, Table, insert, select

from models.migrating import alone

Rows = dict[str, dict[str, Any]]  # by table, its only row

VALUES = {Boolean: True, Integer: 1, DateTime: datetime(2026, 3, 2, 4, tzinfo=UTC), Date: date(2026, 3, 2)}


def bring_to(engine: Engine, revision: str) -> None:
    """Where a kefu whose last revision this was would have brought it."""
    with alone(engine) as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", "models:migrations")
        command.upgrade(config, revision)


def fill(engine: Engine) -> Rows:
    """A row in each table that has none, referring to those of the others; all rows there are."""
    tables = _tables(engine)
    with engine.begin() as connection:
        for table in tables:
            if not connection.execute(select(table)).first():
                connection.execute(insert(table), {c.name: _value(c) for c in table.columns})
    return rows_of(engine)


def rows_of(engine: Engine) -> Rows:
    with engine.connect() as connection:
        found = {table.name: connection.execute(select(table)).one_or_none() for table in _tables(engine)}
    return {name: dict(row._mapping) for name, row in found.items() if row}


def lost(before: Rows, after: Rows) -> list[str]:
    """What was there and is no more."""
    cells = ((name, column, value) for name, row in before.items() for column, value in row.items())
    return [f"{name}.{column}" for name, column, value in cells if after[name][column] != value]


def copies(file: Path) -> list[str]:
    """The names of what lies beside a SQLite file for the way back."""
    return sorted(path.name for path in file.parent.glob(f"{file.name}.before-*"))


def _tables(engine: Engine) -> list[Table]:
    found = MetaData()
    found.reflect(engine)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def _value(column: Column) -> Any:
    of_its_kind = (value for kind, value in VALUES.items() if isinstance(column.type, kind))
    return next(of_its_kind, [] if column.type.__visit_name__ == "JSON" else "x")
