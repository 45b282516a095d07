"""Both databases for every test that stores something, and a home of its own for each test."""

from __future__ import annotations

import os
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import KINDS, Databases, PostgresServer
from days_told import Library
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine

from flows import stopping

# A busy machine is no finding; what CI finds, it finds every time.
settings.register_profile(
    "kefu", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("kefu")

# The package's zones, whatever this machine has; Prefect's client is faster by it, too.
zoneinfo.reset_tzpath(())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on the Prefect server stay in one process, so that there is one server."""
    for item in items:
        if "prefect_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("prefect"))


@pytest.fixture(autouse=True)
def kefu_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test writes where a person works."""
    monkeypatch.setenv("KEFU_HOME", str(tmp_path / "kefu"))
    monkeypatch.delenv("KEFU_DATABASE_URL", raising=False)
    return tmp_path / "kefu"


@pytest.fixture(autouse=True)
def nobody_is_stopped() -> Iterator[None]:
    """What served in this process, and ended, has asked all of it to stop: the next test goes on."""
    yield
    stopping.asked.clear()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL, one for each test process."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sqlite") / "template.db"


@pytest.fixture
def databases(request: pytest.FixtureRequest, sqlite_template: Path, tmp_path: Path) -> Iterator[Databases]:
    """As many fresh databases as a story needs: migrated, with the four shops of `deployments/shops/`."""
    made = Databases(sqlite_template, tmp_path, lambda: request.getfixturevalue("postgres"))
    yield made
    made.close()


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def engine(databases: Databases, database_kind: str) -> Engine:
    """One fresh database; the test runs once on SQLite and once on PostgreSQL."""
    return databases.new(database_kind)


@pytest.fixture
def library() -> Iterator[Library]:
    """The library of working days, whatever is installed: it ends with 2026 until the test upgrades it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        library = Library(monkeypatch)
        yield library
        library.forget()
