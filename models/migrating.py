"""Bringing the database to this version's shape: each revision whole or not at all, and a copy beside it before."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select, text

from models.shape import HEAD, DatabaseUnfit, known_revision

LOCK = 0x6B656675  # "kefu": PostgreSQL's advisory locks have numbers, no names


def migrate(engine: Engine) -> Path | None:
    """Create the tables, or bring them to this version's shape; harmless when they have it, or when others do the same.

    Killed or out of space at any moment, the next one goes on after the last whole revision. Answers with the copy of a
    SQLite file from before its upgrade, where there was anything to upgrade. Raises DatabaseUnfit where the database is
    newer than we are, or where the copy can't be written: then nothing has been changed.
    """
    with alone(engine) as connection:
        found = known_revision(connection)
        upgrades = engine.dialect.name == "sqlite" and found not in (None, HEAD)
        copy = _copy(connection, found) if upgrades else None
    while _go_one_revision(engine):
        pass
    return copy


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """A transaction in which nobody else migrates, and tables that others refer to may be rebuilt."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.detach()  # closed afterwards, for nobody else must work without foreign keys
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")  # within a transaction it would be ignored
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
        yield connection
        connection.commit()


def _go_one_revision(engine: Engine) -> bool:
    """In a transaction of its own; False when there is none left to go."""
    from alembic import command  # only here: it would slow every other command down
    from alembic.config import Config

    with alone(engine) as connection:
        if known_revision(connection) == HEAD:
            return False
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", "models:migrations")
        command.upgrade(config, "+1")
    return True


def _copy(connection: Connection, revision: str) -> Path:
    """What is there, as FILE.before-REVISION for its owner's eyes only; copies of earlier upgrades go."""
    file = Path(connection.scalar(text("SELECT file FROM pragma_database_list WHERE name = 'main'")))
    copy = file.with_name(f"{file.name}.before-{HEAD}")
    draft = copy.with_name(f"{copy.name}.part")
    try:
        if (_revision_in(copy) or revision) < revision:
            return copy  # an upgrade to here was cut short: this is from before it, and wanted more than what is now
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(draft)) as target:
            source.backup(target)
        draft.replace(copy)
    except (sqlite3.Error, OSError) as error:
        draft.unlink(missing_ok=True)
        megabytes = -(-file.stat().st_size // 2**20)
        raise DatabaseUnfit(
            f"升级前的副本无法写入({error}):{copy.parent} 需要 {megabytes} MB 空间,数据库没有改动"
            f" / the copy before the upgrade could not be written ({error}): {copy.parent} needs {megabytes} MB of"
            " space; the database was not changed",
            code="no_copy",
            where=str(copy),
        ) from error
    for earlier in set(file.parent.glob(f"{file.name}.before-*")) - {copy}:
        earlier.unlink()
    return copy


def _revision_in(copy: Path) -> str | None:
    """None for what is no copy of ours, or none at all."""
    if not copy.is_file():
        return None
    try:
        with closing(sqlite3.connect(copy)) as connection:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        return None
    return found and found[0]
