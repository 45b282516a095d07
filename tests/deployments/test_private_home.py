"""KEFU_HOME and all in it is its owner's alone, from the first moment or from the next start on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.private_home import tighten

KEFU = [sys.executable, "-c", "from deployments.cli import main; main()"]
SHOP_FILE = Path(__file__).parents[2] / "deployments" / "shops" / "bag-studio.toml"
FILES = (
    *(
        "kefu.db",
        "kefu.db-wal",
        "kefu.db-shm",
        "sandbox.db",
        "demo/kefu.db",
        "demo/sandbox-2026-03-10.db-wal",
    ),
    *(
        "prefect/prefect.db",
        "prefect/server.log",
        "manifests/bag-studio/1.csv",
        "bulletins/1.md",
        "quarantine/1.csv",
    ),
)


def mode(path: Path) -> int:
    return path.lstat().st_mode & 0o777


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """One as an older version left it: open to everybody's eyes."""
    home = tmp_path / "home"
    for name in FILES:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).touch()
    for path in (home, *home.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    monkeypatch.setenv("KEFU_HOME", str(home))
    return home


@pytest.fixture
def said() -> list[str]:
    return []


def test_an_open_home_is_tightened_and_said_so_once(home, said):
    tighten(said.append)
    assert {mode(path) for path in home.rglob("*") if path.is_file()} == {0o600}
    assert {mode(path) for path in (home, *home.rglob("*")) if path.is_dir()} == {0o700}
    [line] = said
    assert line.endswith(f"{len(list(home.rglob('*'))) + 1} files and folders of {home} were open to others: "
                         "now they are their owner's alone")  # fmt: skip
    tighten(said.append)
    assert said == [line]


def test_what_only_its_owner_may_do_stays_so(home, said):
    (home / "prefect" / "tool").touch(0o755)
    tighten(said.append)
    assert mode(home / "prefect" / "tool") == 0o700


def test_what_is_not_kefus_is_left_alone(home, said, tmp_path):
    (home / "letter.txt").touch()
    (home / "letter.txt").chmod(0o644)
    (tmp_path / "elsewhere").touch()
    (tmp_path / "elsewhere").chmod(0o644)
    (home / "quarantine" / "link").symlink_to(tmp_path / "elsewhere")
    (home / "bulletins" / "link").symlink_to(tmp_path)
    tighten(said.append)
    assert mode(home / "letter.txt") == mode(tmp_path / "elsewhere") == 0o644


@pytest.mark.parametrize("shared", [0o1777, 0o757])
def test_a_folder_in_which_others_work_stays_open_and_kefus_files_in_it_do_not(home, said, shared):
    home.chmod(shared)
    tighten(said.append)
    assert home.stat().st_mode & 0o7777 == shared
    assert {mode(path) for path in home.rglob("*") if path.is_file()} == {0o600}
    assert said[-1].endswith(
        f"{home} is a folder of others, too: left as it is; KEFU_HOME should be kefu's own"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_folder_that_holds_somebody_elses_files_stays_open_and_they_stay_his(home, said):
    (home / "his").touch()
    (home / "quarantine" / "his").touch()
    for path in (home / "his", home / "quarantine" / "his"):
        path.chmod(0o644)
        os.chown(path, 12345, 12345)
    tighten(said.append)
    assert mode(home) == 0o755
    assert mode(home / "his") == mode(home / "quarantine" / "his") == 0o644
    assert mode(home / "kefu.db") == 0o600


def test_every_command_makes_its_files_for_its_owner_alone(tmp_path):
    home = tmp_path / "home"
    (tmp_path / "orders.csv").write_text("no,placed_at,amount_fen\n1,2026-03-02 10:00:00,-5\n")
    env = os.environ | {"KEFU_HOME": str(home)}
    for command, code in (
        (["migrate"], 0),
        (["shop", "apply", str(SHOP_FILE)], 0),
        (["import", str(tmp_path / "orders.csv"), "--shop", "bag-studio"], 1),
        (["bulletin", "--shop", "bag-studio", "--month"], 0),
    ):
        ended = subprocess.run([*KEFU, *command], env=env, umask=0o022, capture_output=True, text=True)
        assert ended.returncode == code, ended.stdout + ended.stderr
        assert "open to others" not in ended.stdout
    assert (home / "quarantine").is_dir()
    assert (home / "kefu.db").is_file()
    assert [path for path in (home, *home.rglob("*")) if mode(path) & 0o077] == []
