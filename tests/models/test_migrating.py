"""Which shape the database has, and the way to ours: with all that is in it, and a way back (promise 5)."""

from __future__ import annotations

import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from old_databases import bring_to, copies, fill, lost, rows_of
from sqlalchemy import text

from deployments.cli import run
from models.database import engine_for, engine_from_env
from models.migrating import alone, migrate
from models.shape import HEAD, REVISIONS, DatabaseUnfit, check_shape, known_revision

OLDER = REVISIONS[:-1]
COMMANDS = [
    "migrate",
    "up",
    "deploy",
    "worker",
    "receiver --port 0",
    "shop list",
    "import orders.csv --shop bag-studio",
    "run remind-unpaid",
    "replay orders.csv --shop bag-studio --from 2026-03-02 --until 2026-03-03",
    "order list",
    "return list",
    "complaint list",
    "rectification list",
    "inbox list",
    "outbox list",
    "due",
    "repromise --shop bag-studio",
    "explain 4711",
    "quote promise --shop bag-studio --paid-at 2026-03-02T10:00",
]


def file_of(engine) -> Path:
    return Path(engine.url.database)


def touched_by_a_newer_kefu(engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))


def test_the_revisions_are_those_that_alembic_goes_through():
    config = Config()
    config.set_main_option("script_location", "models:migrations")
    script = ScriptDirectory.from_config(config)
    assert [one.revision for one in script.walk_revisions()][::-1] == REVISIONS
    assert script.get_heads() == [HEAD]


@pytest.mark.parametrize("revision", OLDER)
def test_an_upgrade_from_any_revision_keeps_every_row(databases, database_kind, revision):
    engine = databases.empty(database_kind)
    bring_to(engine, revision)
    before = fill(engine)
    migrate(engine)
    check_shape(engine)
    assert lost(before, rows_of(engine)) == []


def test_what_was_there_before_an_upgrade_lies_beside_it_for_its_owner_alone(databases):
    engine = databases.empty("sqlite")
    bring_to(engine, OLDER[-1])
    before = fill(engine)
    file = file_of(engine)
    half_written = file.with_name(f"{file.name}.before-{HEAD}.part")
    half_written.write_bytes(b"by one that was killed")

    copy = migrate(engine)

    assert copy == file.with_name(f"{file.name}.before-{HEAD}")
    assert copies(file) == [copy.name]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    kept = engine_for(f"sqlite:///{copy}")
    assert rows_of(kept) == before
    with kept.connect() as connection:
        assert known_revision(connection) == OLDER[-1]


def test_who_upgrades_is_told_where_the_copy_is(kefu_home, capsys):
    kefu_home.mkdir()
    bring_to(engine_for(f"sqlite:///{kefu_home / 'kefu.db'}"), OLDER[-1])
    assert run(["migrate"]) == 0
    assert f"{kefu_home / 'kefu.db'}.before-{HEAD}" in capsys.readouterr().out
    assert run(["migrate"]) == 0
    assert "before" not in capsys.readouterr().out


def test_only_the_copy_from_before_the_last_upgrade_is_kept(databases):
    engine = databases.empty("sqlite")
    bring_to(engine, OLDER[0])
    earlier = file_of(engine).with_name(f"{file_of(engine).name}.before-{OLDER[0]}")
    earlier.touch()
    copy = migrate(engine)
    assert copies(file_of(engine)) == [copy.name]


def test_an_old_database_put_back_and_worked_on_is_copied_anew(databases):
    engine = databases.empty("sqlite")
    bring_to(engine, OLDER[-1])
    file = file_of(engine)
    shutil.copy(migrate(engine), file)  # back to the old kefu …
    before = fill(engine)  # … which goes on working
    assert rows_of(engine_for(f"sqlite:///{migrate(engine)}")) == before


def test_an_older_database_put_back_beside_a_newer_copy_is_copied_anew(databases):
    engine = databases.empty("sqlite")
    bring_to(engine, OLDER[-2])
    file = file_of(engine)
    older = file.read_bytes()
    bring_to(engine, OLDER[-1])
    migrate(engine)  # its copy holds the newer of the two
    engine.dispose()
    for beside in file.parent.glob(f"{file.name}-*"):
        beside.unlink()
    file.write_bytes(older)
    before = fill(engine_for(f"sqlite:///{file}"))
    assert rows_of(engine_for(f"sqlite:///{migrate(engine_for(f'sqlite:///{file}'))}")) == before


@pytest.mark.parametrize("damaged", [b"", b"no database"])
def test_a_damaged_copy_is_written_anew(databases, damaged):
    engine = databases.empty("sqlite")
    bring_to(engine, OLDER[-1])
    file, before = file_of(engine), fill(engine)
    file.with_name(f"{file.name}.before-{HEAD}").write_bytes(damaged)
    assert rows_of(engine_for(f"sqlite:///{migrate(engine)}")) == before


def test_where_there_is_nothing_to_upgrade_there_is_no_copy(databases):
    engine = databases.empty("sqlite")
    assert [migrate(engine), migrate(engine)] == [None, None]
    assert copies(file_of(engine)) == []


def test_where_the_copy_cannot_be_written_nothing_is_changed(databases):
    engine = databases.empty("sqlite")
    bring_to(engine, OLDER[-1])
    file = file_of(engine)
    in_its_way = file.with_name(f"{file.name}.before-{HEAD}")
    in_its_way.mkdir()
    with pytest.raises(DatabaseUnfit, match="没有改动 / .* the database was not changed"):
        migrate(engine)
    with engine.connect() as connection:
        assert known_revision(connection) == OLDER[-1]
    assert copies(file) == [in_its_way.name]


def test_several_that_migrate_at_once_do_no_harm(databases, database_kind):
    engine = databases.empty(database_kind)
    engines = [engine_for(databases.url(engine)) for _ in range(4)]
    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(migrate, engines))
    check_shape(engine)
    for one in engines:
        one.dispose()


def test_a_revision_may_rebuild_a_table_that_others_refer_to(databases, database_kind):
    engine = databases.empty(database_kind)
    migrate(engine)
    before = fill(engine)
    with alone(engine) as connection:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("orders") as orders:
            orders.alter_column("remark", new_column_name="note")
    after = rows_of(engine)
    assert after["orders"].pop("note") == before["orders"].pop("remark")
    assert after == before
    with engine.connect() as connection:
        if database_kind == "sqlite":
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_an_older_kefu_on_a_newer_database_says_so_and_does_nothing(kefu_home, capsys, command):
    engine = engine_for(f"sqlite:///{kefu_home / 'kefu.db'}")
    kefu_home.mkdir()
    touched_by_a_newer_kefu(engine)
    before = rows_of(engine)
    assert run(command.split()) == 3
    said = capsys.readouterr().err
    assert said.strip().splitlines() == [
        f"kefu: 数据库比这个 kefu 新(版本 9999,本程序只认识到 {HEAD}):请升级 kefu"
        f" / the database is newer than this kefu (revision 9999, known up to {HEAD}): upgrade kefu"
    ]
    assert rows_of(engine) == before


@pytest.mark.parametrize(
    ("left_by", "code"),
    [
        (lambda engine: None, "database_empty"),
        (lambda engine: bring_to(engine, OLDER[-1]), "database_old"),
        (touched_by_a_newer_kefu, "database_newer"),
    ],
    ids=["empty", "old", "newer"],
)
def test_nobody_gets_to_work_on_a_database_of_another_shape(
    databases, database_kind, monkeypatch, left_by, code
):
    engine = databases.empty(database_kind)
    left_by(engine)
    monkeypatch.setenv("KEFU_DATABASE_URL", databases.url(engine))
    with pytest.raises(DatabaseUnfit) as unfit:
        engine_from_env()
    assert unfit.value.code == code
    if code != "database_newer":
        migrate(engine)
        assert engine_from_env().url.database == engine.url.database
