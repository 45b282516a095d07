"""Many rows in one statement. PostgreSQL takes them as one JSON document, which costs a fifth of sending row by
row; SQLite takes them row by row, which is quickest there. Both take any number of keys as one parameter."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Insert,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

Row = Mapping[str, Any]


def insert_all(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert these rows, all with the columns of the first."""
    if rows:
        _insert(connection, insert(table), table, rows)


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    """Insert the rows that are not there yet, by any of the table's unique keys; say how many were new."""
    if not rows:
        return 0
    dialect = postgresql if _is_postgresql(connection) else sqlite
    return _insert(connection, dialect.insert(table).on_conflict_do_nothing(), table, rows)


def update_all(
    connection: Connection, table: Table, keys: Sequence[Row], values: Sequence[Row], names: Iterable[str]
) -> int:
    """Where a row has this key, give the columns named their new values; say how many rows were found."""
    names = list(names)
    told = [
        {f"key_{k}": v for k, v in key.items()} | {name: new[name] for name in names}
        for key, new in zip(keys, values, strict=True)
    ]
    if not told:
        return 0
    like = {f"key_{k}": table.c[k] for k in keys[0]} | {name: table.c[name] for name in names}
    postgres = _is_postgresql(connection)
    new = _as_table(told, like).c if postgres else {name: bindparam(name) for name in like}
    found = (table.c[k] == new[f"key_{k}"] for k in keys[0])
    statement = update(table).where(*found).values({name: new[name] for name in names})
    return connection.execute(statement, None if postgres else told).rowcount


def add_all(
    connection: Connection,
    target: Column,
    amounts: Mapping[int, int],
    only_if: Callable[[ColumnElement[int]], ColumnElement[bool]],
) -> int:
    """Add to the column in each row with one of these ids, where what would come of it is allowed; say in how
    many rows it was."""
    told = [{"key_id": id_, "amount": amount} for id_, amount in amounts.items()]
    if not told:
        return 0
    ids, postgres = target.table.c.id, _is_postgresql(connection)
    new = _as_table(told, {"key_id": ids, "amount": target}).c if postgres else None
    key = new.key_id if postgres else bindparam("key_id")
    amount = new.amount if postgres else bindparam("amount", type_=target.type)
    statement = update(target.table).where(ids == key, only_if(amount)).values({target: target + amount})
    return connection.execute(statement, None if postgres else told).rowcount


def one_of(connection: Connection, sought: Column, values: Iterable[Any]) -> ColumnElement[bool]:
    """The column has one of these values, however many they are."""
    if _is_postgresql(connection):
        return sought == any_(literal(list(values), ARRAY(sought.type, dimensions=1)))
    each = func.json_each(json.dumps(list(values))).table_valued("value")
    return sought.in_(select(each.c.value))


def one_row_of(
    connection: Connection, sought: Sequence[Column], rows: Iterable[tuple]
) -> ColumnElement[bool]:
    """These columns together have the values of one of these rows."""
    if _is_postgresql(connection):
        like = {c.name: c for c in sought}
        told = _as_table([dict(zip(like, row, strict=True)) for row in rows], like)
        return tuple_(*sought).in_(select(*told.c))
    each = func.json_each(json.dumps(list(rows))).table_valued("value")
    cells = (func.json_extract(each.c.value, f"$[{n}]") for n in range(len(sought)))
    return tuple_(*sought).in_(select(*cells))


def _insert(connection: Connection, statement: Insert, table: Table, rows: Sequence[Row]) -> int:
    if not _is_postgresql(connection):
        return connection.execute(statement, rows).rowcount
    told = _as_table(rows, {name: table.c[name] for name in rows[0]})
    statement = statement.from_select(list(rows[0]), select(*told.c))
    return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount


def _as_table(rows: Sequence[Row], like: Mapping[str, Column]) -> FromClause:
    """Rows as PostgreSQL reads them from JSON, each column with the type of the one it is like."""
    document = cast(literal(json.dumps(rows, ensure_ascii=False, default=_as_text), Text), JSON)
    columns = (column(name, c.type) for name, c in like.items())
    return (
        func.json_to_recordset(document).table_valued(*columns, name="told").render_derived(with_types=True)
    )


def _as_text(value: Any) -> str:
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError(f"{value} has no time zone; instants are stored aware")
    if isinstance(value, date):  # or an instant
        return value.isoformat()
    raise TypeError(f"{value!r} cannot be stored")


def _is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"
