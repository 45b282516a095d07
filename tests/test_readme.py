"""The README says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from deployments.cli import app
from flows.imports.kefu import OPTIONAL, REQUIRED
from states.diagrams import mermaid
from states.orders import order_lifecycle

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_diagram_in_the_readme_is_the_one_the_code_draws():
    assert re.search(r"```mermaid\n(.*?)```", README, re.S)[1] == mermaid(order_lifecycle)


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
