"""Every command that asks who does it takes only a name: one of a person, however it is written (promise 1)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import typer
from databases import set_up

from deployments.cli import app, run
from models.database import database_url, engine_for

ASKED = {
    "order act": "1 cancel",
    "order hold": "1 --reason x",
    "order unhold": "1 --reason x",
    "return open": "1 --reason disliked",
    "return act": "1-R1 withdraw",
    "complaint open": "--words x --nature quality --shop bag-studio",
    "complaint act": "1-C1 hear --fact words=x",
    "complaint callback": "1-C1 --show-number",
    "rectification open": "--shop bag-studio --goods A",
    "rectification act": "A-ZG1 report --fact text=x",
    "outbox abandon": "1 --reason x",
}


def _asking_for_a_name(command, path: tuple[str, ...] = ()) -> Iterator[str]:
    for name, below in getattr(command, "commands", {}).items():
        yield from _asking_for_a_name(below, (*path, name))
    if any("--by" in parameter.opts for parameter in command.params):
        yield " ".join(path)


def test_no_command_that_asks_for_a_name_is_forgotten_here():
    assert {*_asking_for_a_name(typer.main.get_command(app))} == {*ASKED}


@pytest.mark.parametrize("command", ASKED)
def test_a_name_that_is_nobodys_is_refused_before_anything_is_looked_for(kefu_home, capsys, command):
    set_up(engine_for(database_url()))
    asked = [*command.split(), *ASKED[command].split()]
    assert run([*asked, "--by", "Ｐayments", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "nobodys_name"
