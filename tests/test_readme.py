"""The README says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from deployments.cli import app
from deployments.running import RECEIVER_PORT
from flows.complaint_desk import COMPLAINTS_HAND
from flows.gateways.payments import TOKEN, URL
from flows.imports.kefu import OPTIONAL, REQUIRED
from flows.pushes import SECRETS
from flows.return_desk import RETURNS_HAND
from flows.timed_steps import STEPS
from states.complaints import complaint_lifecycle
from states.diagrams import mermaid
from states.orders import order_lifecycle
from states.returns import return_lifecycle

ROOT = Path(__file__).parents[1]
GATEWAYS = list((ROOT / "flows" / "gateways").glob("*.py"))
OUTSIDE_THE_COMMAND_LINE = (
    "import-orders",
    "call-back",
    "complaint-bulletin",
)  # they have commands of their own
README = (ROOT / "README.md").read_text("utf-8")


def test_the_diagrams_in_the_readme_are_those_the_code_draws():
    diagrams = re.findall(r"```mermaid\n(.*?)```", README, re.S)
    assert diagrams == [mermaid(order_lifecycle), mermaid(return_lifecycle), mermaid(complaint_lifecycle)]


def test_every_flow_of_the_timetable_is_in_the_readme():
    named = re.findall(r"^\| ((?:`[a-z]+-[a-z]+`(?:, )?)+) \|", README, re.M)
    assert set(re.findall(r"[a-z]+-[a-z]+", " ".join(named))) == {*STEPS, *OUTSIDE_THE_COMMAND_LINE}


def test_the_settings_of_outside_parties_are_in_the_readme():
    asked = re.compile(r"""(?:text|address|secret|needed)\(\s*"([A-Z0-9_]+)\"""")
    named = {
        *(f"KEFU_{name}" for path in GATEWAYS for name in asked.findall(path.read_text("utf-8"))),
        *(f"KEFU_{name}" for name in SECRETS.values()),
        *(URL, TOKEN, "KEFU_KUAIDI100_SALT", RECEIVER_PORT),
    }
    told = re.findall(r"^\| `(KEFU_[A-Z0-9_]+)` \|", README, re.M)
    assert sorted(told) == sorted(named)


def test_the_rooms_and_files_a_change_is_sent_to_are_there():
    named = set(re.findall(r"`((?:models|states|flows|deployments)/[a-z_/]*(?:\.py)?)`", README))
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("line", re.findall(r"^kefu ((?:return|quote|complaint) [a-z]+)", README, re.M))
def test_every_command_of_a_group_in_the_readme_exists(line):
    group, name = line.split()
    assert name in typer.main.get_command(app).commands[group].commands


@pytest.mark.parametrize(
    ("group", "trigger"), re.findall(r"^kefu (return|complaint) act [0-9RC-]+ ([a-z_]+)", README, re.M)
)
def test_every_act_in_the_readme_is_one_a_person_may_do(group, trigger):
    assert trigger in {"return": RETURNS_HAND, "complaint": COMPLAINTS_HAND}[group].triggers


def test_our_own_format_is_documented_column_by_column():
    header = re.search(r"```\n(no,placed_at.*?)\n```", README, re.S)[1].replace("\n", "")
    assert set(header.split(",")) == {*REQUIRED, *OPTIONAL}


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^kefu ([a-z]+)", README, re.M))))
def test_every_command_of_the_readme_exists(command):
    assert command in typer.main.get_command(app).commands


def test_every_picture_of_the_readme_is_there():
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert pictures
    assert all((ROOT / picture).stat().st_size > 10_000 for picture in pictures)
