"""Rectifications on the command line: opened by hand, listed, explained, steered until done (rule 102)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from complaints_told import A_DAY, SAID_AT
from orders_told import clock
from rectifications_told import GOODS, LAST_AT, complaints, counted, daily, rectification

from deployments.cli import run
from flows.rectification_documents import rectifications_of
from models.database import engine_from_env

SHOPS = Path(__file__).parents[2] / "deployments" / "shops"


@pytest.fixture
def engine(kefu_home, capsys):
    run(["migrate"])
    run(["shop", "apply", str(SHOPS / "bag-studio.toml")])
    capsys.readouterr()
    return engine_from_env()


@pytest.fixture
def read(engine, capsys):
    """What people read after a command."""

    def asked(*command: str, code: int = 0) -> str:
        found = run(list(command))
        said = capsys.readouterr()
        assert found == code, (said.out, said.err)
        return said.out if code == 0 else said.err

    return asked


def test_it_names_its_complaints_and_they_name_it(engine, read):
    complaints(engine, *daily(5))
    counted(engine, LAST_AT)
    complaints(engine, LAST_AT + A_DAY, first=6)
    document = json.loads(read("rectification", "show", GOODS, "--json"))
    assert [c["no"] for c in document["complaints"]] == ["G1", "G2", "G3", "G4", "G5", "G6"]
    assert (document["about"], document["subject"], document["counted"]) == ("goods", "BAG-1", 5)
    assert document["opened_at"] == "2026-03-03T11:00:00+08:00"
    with engine.connect() as connection:
        named = rectifications_of(connection, [1, 6, 99])
    assert {id_: [r["no"] for r in found] for id_, found in named.items()} == {1: [GOODS], 6: [GOODS]}


def test_a_complaint_says_which_rectification_it_led_to(engine, read):
    complaints(engine, *daily(5))
    assert json.loads(read("complaint", "show", "G1", "--json"))["rectifications"] == []
    counted(engine, LAST_AT)
    [named] = json.loads(read("complaint", "show", "G1", "--json"))["rectifications"]
    assert (named["no"], named["state"], named["due_at"]) == (GOODS, "open", "2026-03-17T11:00:00+08:00")
    assert f"整改单 {GOODS}(质量技术部):整改中(规则 102)" in read("explain", "G1")


def test_explain_tells_why_it_was_opened_how_it_stands_and_what_can_be_done(engine, read):
    complaints(engine, *daily(5))
    counted(engine, LAST_AT)
    run(
        [
            "rectification",
            "act",
            GOODS,
            "report",
            "--fact",
            "text=在查",
            "--by",
            "质检员",
            "--at",
            "2026-03-04T10:00",
        ]
    )
    text = read("explain", GOODS, "--at", "2026-03-17T11:00")
    assert "自 2026-02-27 11:00 起有 5 起投诉(规则 102),至今共 5 起" in text
    assert "质量技术部 负责,期限 2026-03-17 11:00,已逾期" in text
    assert "质检员 反馈进展:在查" in text
    assert "2026-03-07 10:00:00  若仍无进展,催问负责人" in text
    assert f"kefu rectification act {GOODS} finish --fact text=… --by NAME" in text
    assert "overdue" not in read("explain", GOODS, "--at", "2026-03-17T10:59:59")


def test_a_person_opens_one_before_complaints_are_enough(engine, read):
    complaints(engine, *daily(3))
    asked = ("rectification", "open", "--shop", "bag-studio", "--goods", "BAG-1", "--at", LAST_AT.isoformat())
    assert "a person with a name" in read(*asked, code=1)
    read(*asked, "--by", "王组长", "--owner", "采购部")
    opened = rectification(engine)
    assert (opened.counted, opened.owner, opened.counted_since) == (3, "采购部", LAST_AT - 30 * A_DAY)
    assert "not done yet" in read(*asked, "--by", "王组长", code=1)
    complaints(engine, *daily(2, LAST_AT + A_DAY), first=4)
    assert "open" not in counted(engine, LAST_AT + A_DAY)


def test_it_is_listed_reported_handed_over_and_finished(engine, read):
    complaints(engine, *daily(5))
    counted(engine, LAST_AT)
    for trigger, fact in (
        ("report", "text=请打 13812341234"),
        ("assign", "owner=采购部"),
        ("finish", "text=换了"),
    ):
        read(
            "rectification",
            "act",
            GOODS,
            trigger,
            "--fact",
            fact,
            "--by",
            "质检员",
            "--at",
            "2026-03-05T10:00",
        )
    row = read("rectification", "list", "--state", "done")
    assert "已整改" in row
    assert "采购部" in row
    document = json.loads(read("rectification", "list", "--jsonl"))
    assert [p["text"] for p in document["progress"]] == ["请打 138****1234", "换了"]
    assert GOODS not in read("rectification", "list", "--state", "open")
    assert clock(rectification(engine).finished_at) == "03-05 10:00"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("open", "--shop", "bag-studio", "--by", "王组长"), "--goods SKU, or --cause"),
        (
            ("open", "--shop", "bag-studio", "--goods", "A", "--cause", "quality", "--by", "王"),
            "--goods SKU, or --cause",
        ),
        (("open", "--shop", "bag-studio", "--cause", "qualty", "--by", "王组长"), "did you mean quality"),
        (("open", "--shop", "nowhere", "--cause", "quality", "--by", "王组长"), "there is no shop 'nowhere'"),
        (("show", "BAG-1-ZG1"), "there is no rectification 'BAG-1-ZG1'"),
        (("list", "--state", "closed"), "known: open, done"),
        (("act", "BAG-1-ZG1", "chase"), "there is no rectification"),
    ],
)
def test_what_can_not_be_meant_is_answered_in_one_sentence(read, command, said):
    assert said in read("rectification", *command, code=2)


@pytest.mark.parametrize(
    ("act", "said"),
    [(("chase",), "unknown"), (("report",), "--fact text=…"), (("assign", "--fact", "owner= "), "is empty")],
)
def test_an_act_says_what_it_needs(engine, read, act, said):
    complaints(engine, *daily(5))
    counted(engine, SAID_AT)
    assert said in read("rectification", "act", GOODS, *act, "--by", "质检员", code=2)
