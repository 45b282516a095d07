"""The engine: SQLite beside the work by default, PostgreSQL where KEFU_DATABASE_URL says so."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from models.shape import check_shape


def home(*below: str) -> Path:
    """Where an embedded kefu keeps its files: KEFU_HOME, or `.kefu` in the working directory; or a folder below.

    What is made is its owner's alone: names, addresses and secrets lie there.
    """
    path = Path(os.environ.get("KEFU_HOME", ".kefu")).absolute()
    for part in ("", *below):
        path /= part
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def database_url() -> str:
    """KEFU_DATABASE_URL, or a SQLite file at home."""
    return os.environ.get("KEFU_DATABASE_URL") or f"sqlite:///{home() / 'kefu.db'}"


def engine_for(url: str) -> Engine:
    """An engine for SQLite or PostgreSQL; PostgreSQL through psycopg whichever way the URL is spelled.

    Its errors don't quote the values of a statement: those may be personal data (promise 9).
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        return create_engine(parsed, pool_pre_ping=True, hide_parameters=True)
    if parsed.get_backend_name() != "sqlite":
        raise ArgumentError(f"{parsed.get_backend_name()} is neither postgresql nor sqlite")
    _make_private(parsed.database or "")
    engine = create_engine(parsed, connect_args={"timeout": 60}, hide_parameters=True)
    event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _make_private(file: str) -> None:
    """Whoever makes the database, it is for its owner's eyes only; -wal and -shm get the mode of the file."""
    if file and not file.startswith((":memory:", "file:")) and not Path(file).exists():
        with suppress(OSError):  # connecting says what is wrong there
            Path(file).touch(
                0o600
            )  # only here: to open and close a database that is in use drops SQLite's locks


def _set_up_sqlite(connection, _record) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    # FULL: whoever was told that we know something may rely on it, whatever happens to the power (promise 7)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=60000"):
        connection.execute(f"PRAGMA {pragma}")


def engine_from_env() -> Engine:
    """The engine this process works with. Raises DatabaseUnfit where its database has another shape than ours."""
    return _checked_engine(database_url())


@cache
def _checked_engine(url: str) -> Engine:
    engine = engine_for(url)
    check_shape(engine)
    return engine


@contextmanager
def transaction(engine: Engine, *, dry_run: bool = False) -> Iterator[Connection]:
    """All of it or nothing. On SQLite the write lock is taken at once, so that a read can't go stale
    before its write; a dry run decides everything and keeps nothing."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        connection.rollback() if dry_run else connection.commit()


def in_trouble(error: Exception) -> bool:
    """Whether it is the database itself that failed, so that all waits; else it can't hold what it was given, also
    where that is an OperationalError: PostgreSQL has limits to what it can index."""
    beyond_a_limit = (getattr(getattr(error, "orig", None), "sqlstate", None) or "").startswith("54")
    return isinstance(error, OperationalError) and not beyond_a_limit


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent look, no write."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        else:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection
        connection.rollback()
