"""All the sandbox knows, in one SQLite file or in memory.

One connection, used by the event loop alone and never across an `await`: a change is whole or has not been. It
outlives the process being killed, not the machine: nobody's money is in it, and so it takes thousands a second.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TABLES = """
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT, key TEXT, shop TEXT, updated_at TEXT, body TEXT, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS documents_changed ON documents (kind, updated_at, key);
CREATE TABLE IF NOT EXISTS nonces (nonce TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger (
    id INTEGER PRIMARY KEY, party TEXT, what TEXT, key TEXT, subject TEXT, outcome TEXT, code TEXT, body TEXT,
    status INTEGER, answer TEXT, asked INTEGER, first_at TEXT, last_at TEXT, UNIQUE (party, key)
);
CREATE INDEX IF NOT EXISTS ledger_of_subject ON ledger (subject);
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, path TEXT, subject TEXT, body TEXT, made_at TEXT, due_at TEXT, tries INTEGER DEFAULT 0,
    struck TEXT, answers TEXT DEFAULT '[]', ended TEXT
);
CREATE INDEX IF NOT EXISTS events_waiting ON events (id) WHERE ended IS NULL;
"""
ALL = ("documents", "nonces", "ledger", "events")


class Store:
    """Documents by kind and key, and three tables that are no documents."""

    def __init__(self, file: Path | None = None) -> None:
        """Takes the file's place; None keeps everything in memory."""
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(file or ":memory:", isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;" + TABLES)
        self._depth = 0

    @contextmanager
    def change(self) -> Iterator[None]:
        """Whole, or not at all; one within another is a part of it that may fail by itself."""
        name = f"part_{self._depth}"
        self._connection.execute(f"SAVEPOINT {name}")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._connection.execute(f"ROLLBACK TO {name}")
            raise
        finally:
            self._depth -= 1
            self._connection.execute(f"RELEASE {name}")

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in self._connection.execute(sql, values)]

    def run(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return self._connection.execute(sql, values)

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        found = self.rows("SELECT body FROM documents WHERE kind = ? AND key = ?", kind, key)
        return json.loads(found[0]["body"]) if found else None

    def put(self, kind: str, key: str, body: dict[str, Any], *, shop: str = "", updated_at: str = "") -> None:
        self.run(
            "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?)",
            *(kind, key, shop, updated_at, json.dumps(body, ensure_ascii=False)),
        )

    def all(self, kind: str, *, newest: int | None = None) -> list[dict[str, Any]]:
        """By key; or the latest changed ones, the newest first."""
        order = f"updated_at DESC, key DESC LIMIT {newest:d}" if newest is not None else "key"
        found = self.rows(f"SELECT body FROM documents WHERE kind = ? ORDER BY {order}", kind)
        return [json.loads(row["body"]) for row in found]

    def changed_since(
        self, kind: str, since: str, after: str, shop: str | None, limit: int
    ) -> list[dict[str, Any]]:
        """In the order they changed, those of one moment by key; `after` this key of that very moment."""
        found = self.rows(
            "SELECT body FROM documents WHERE kind = ? AND (updated_at, key) > (?, ?) AND shop = ifnull(?, shop)"
            " ORDER BY updated_at, key LIMIT ?",
            *(kind, since, after, shop, limit),
        )
        return [json.loads(row["body"]) for row in found]

    def number(self, of: str) -> int:
        """The next one, from 1."""
        body = {"last": (self.get("numbers", of) or {"last": 0})["last"] + 1}
        self.put("numbers", of, body)
        return body["last"]

    def forget_all(self) -> None:
        with self.change():
            for table in ALL:
                self.run(f"DELETE FROM {table}")

    def close(self) -> None:
        self._connection.close()
