"""The shape of the database: which one it has, and which ones this kefu knows.

No alembic here: every command asks this first, and importing alembic would slow each of them down.
"""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

VERSIONS = Path(__file__).parent / "migrations" / "versions"
REVISIONS = sorted(file.name.partition("_")[0] for file in VERSIONS.glob("[0-9]*.py"))
HEAD = REVISIONS[-1]


class DatabaseUnfit(Exception):
    """The database is not one that this kefu can work with; the sentence, zh and en, says what to do."""

    def __init__(self, message: str, *, code: str, where: str = "") -> None:
        super().__init__(message)
        self.code, self.where = code, where


def check_shape(engine: Engine) -> None:
    """Raises DatabaseUnfit unless the database has just the shape that this kefu works with."""
    with engine.connect() as connection:
        found = known_revision(connection)
    if found is None:
        raise DatabaseUnfit(
            "数据库还是空的:请运行 kefu migrate / the database is empty: run `kefu migrate`",
            code="database_empty",
        )
    if found != HEAD:
        raise DatabaseUnfit(
            f"数据库是旧版本({found},需要 {HEAD}):请运行 kefu migrate"
            f" / the database is old (revision {found}, this kefu needs {HEAD}): run `kefu migrate`",
            code="database_old",
        )


def known_revision(connection: Connection) -> str | None:
    """The last revision that the database has gone through; None before the first.

    Raises DatabaseUnfit where a newer kefu has been at it: what that one keeps there, this one would spoil.
    """
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if found is not None and found not in REVISIONS:
        raise DatabaseUnfit(
            f"数据库比这个 kefu 新(版本 {found},本程序只认识到 {HEAD}):请升级 kefu"
            f" / the database is newer than this kefu (revision {found}, known up to {HEAD}): upgrade kefu",
            code="database_newer",
        )
    return found
