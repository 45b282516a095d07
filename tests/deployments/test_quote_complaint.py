"""`kefu quote complaint`: what a shop would do about one, as scripts and people read it (issue 4)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from deployments.cli import run
from models.database import engine_from_env

SHOPS = Path(__file__).parents[2] / "deployments" / "shops"
THE_KEYS = {
    "answer", "reasons", "class", "at", "grade", "urgency", "urgency_reasons", "deadlines", "ladder", "callback",
}  # fmt: skip
MONDAY = "2026-03-02T10:00"


@pytest.fixture
def asked(kefu_home, capsys):
    """Ask; the exit code and what is said."""
    run(["migrate"])
    for path in sorted(SHOPS.glob("*.toml")):
        run(["shop", "apply", str(path)])
    capsys.readouterr()

    def ask(*arguments: str) -> tuple[int, str]:
        code = run(["quote", "complaint", *arguments])
        said = capsys.readouterr()
        return code, said.out + said.err

    return ask


@pytest.fixture
def quoted(asked):
    """The document that comes back."""

    def quote(*arguments: str, shop: str = "bag-studio") -> dict:
        code, said = asked("--shop", shop, *arguments, "--json")
        assert code == 0, said
        document = json.loads(said)
        assert set(document) >= THE_KEYS
        for reason in _reasons(document):
            assert set(reason) == {"code", "rule", "zh", "en"}
            assert reason["zh"] and reason["en"]  # noqa: PT018
        return document

    return quote


def _reasons(document: object) -> list[dict]:
    if isinstance(document, list):
        return [reason for item in document for reason in _reasons(item)]
    if not isinstance(document, dict):
        return []
    return [document] if "zh" in document else _reasons(list(document.values()))


def test_a_general_complaint_climbs_from_the_agent_and_is_called_back(quoted):
    said = quoted("--nature", "logistics", "--at", MONDAY, "--resolved-at", "2026-03-03T14:00")
    assert (said["answer"], said["grade"], said["urgency"]) == ("general", "general", "normal")
    assert {owed["kind"]: owed["due_at"][:16] for owed in said["deadlines"]} == {
        "first_response": "2026-03-02T12:00",
        "promised_callback": "2026-03-02T14:00",
        "next_update": "2026-03-02T18:00",
        "resolution": "2026-03-04T16:00",  # 24 hours of 10:00-19:00
    }
    assert [(notice["who"], notice["at"][:16]) for notice in said["ladder"]["notices"]] == [
        ("值班客服", "2026-03-02T10:00"),
        ("客服组长", "2026-03-02T10:30"),
        ("客服经理", "2026-03-02T11:30"),
        ("公司领导", "2026-03-02T13:30"),
    ]
    assert said["ladder"]["unheard_at"] == "2026-03-02T17:30:00+08:00"
    callback = said["callback"]
    assert (callback["assumed"], callback["until"]) == (False, "2026-03-10T14:00:00+08:00")
    assert [call["at"][:16] for call in callback["calls"]] == [
        "2026-03-05T15:00",
        "2026-03-06T10:00",
        "2026-03-09T18:00",  # after a weekend
    ]
    assert callback["survey"]["at"] == "2026-03-09T18:00:00+08:00"
    assert callback["survey"]["open_until"] == "2026-03-16T18:00:00+08:00"


def test_a_crisis_at_half_past_eleven_at_night_wakes_the_leaders(quoted):
    said = quoted("--nature", "spoiled", "--at", "2026-10-01T23:30", shop="urumqi-kitchen")
    assert (said["answer"], said["urgency"], said["reasons"][0]["rule"]) == ("crisis", "immediate", 94)
    ladder = said["ladder"]
    assert (ladder["starts"], ladder["calm_first"], ladder["duty_hours"]) == ("top", True, False)
    assert [(notice["who"], notice["at"][:16]) for notice in ladder["notices"]] == [
        ("公司领导", "2026-10-01T23:30"),
        ("客服经理", "2026-10-01T23:45"),
        ("客服组长", "2026-10-02T00:00"),
    ]
    assert ladder["bring_in"] == ["技术部", "营业部"]
    first = said["deadlines"][0]
    assert first["due_at"] == "2026-10-02T09:45:00+08:00"
    assert [how["code"] for how in first["how"]] == ["counts_from", "counted", "due"]


def test_a_major_complaint_waits_for_the_leaders_duty_hours(quoted):
    said = quoted("--nature", "attitude", "--furious", "--at", "2026-03-02T23:30")
    assert (said["answer"], said["reasons"][0]["code"]) == ("major", "furious")
    top = said["ladder"]["notices"][0]
    assert (top["who"], top["at"]) == ("公司领导", "2026-03-03T10:00:00+08:00")
    assert [reason["code"] for reason in top["reasons"]] == [
        "told_at_once",
        "calm_first",
        "moved_to_duty_hours",
    ]


@pytest.mark.parametrize(
    ("words", "grade", "reasons"),
    [
        (["--amount-fen", "49999"], "general", ["general"]),
        (["--amount-fen", "50000"], "major", ["amount"]),
        (["--repeat-buyer", "1"], "general", ["general"]),
        (["--repeat-buyer", "2"], "major", ["buyer_repeats"]),
        (["--repeat-goods", "3"], "major", ["goods_repeats"]),
        (["--hard-to-judge"], "major", ["hard_to_judge"]),
        (["--amount-fen", "50000", "--repeat-goods", "3"], "major", ["amount", "goods_repeats"]),
    ],
)
def test_what_is_told_decides_the_grade_and_every_reason_is_named(quoted, words, grade, reasons):
    said = quoted("--nature", "packaging", *words, "--at", MONDAY)
    assert (said["grade"], [reason["code"] for reason in said["reasons"]]) == (grade, reasons)


@pytest.mark.parametrize("intake", ["consultation", "query"])
def test_a_question_has_deadlines_but_no_grade_ladder_or_callback(quoted, intake):
    said = quoted("--class", intake, "--at", MONDAY)
    assert (said["answer"], said["grade"], said["ladder"], said["callback"]) == (intake, None, None, None)
    assert [owed["kind"] for owed in said["deadlines"]] == [
        "first_response",
        "promised_callback",
        "next_update",
    ]
    assert said["deadlines"][0]["due_at"] == "2026-03-02T10:15:00+08:00"
    assert said["reasons"][0]["rule"] == 93


def test_without_a_resolution_the_callback_is_planned_for_its_deadline(quoted):
    said = quoted("--nature", "logistics", "--at", MONDAY)
    assert (said["callback"]["assumed"], said["callback"]["resolved_at"]) == (
        True,
        said["deadlines"][-1]["due_at"],
    )


@pytest.mark.parametrize("shop", ["tmall-2020", "olist-br"])
def test_a_shop_without_settings_of_its_own_has_the_built_in_ones(quoted, shop):
    said = quoted("--nature", "expired", "--at", MONDAY, shop=shop)
    assert said["grade"] == "crisis"
    assert said["at"][-6:] == {"tmall-2020": "+08:00", "olist-br": "-03:00"}[shop]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--nature", "qualty"], "there is no nature 'qualty'; did you mean quality?"),
        (["--nature", ""], "there is no nature ''"),
        ([], "a complaint needs --nature: packaging, attitude"),
        (["--nature", "quality", "--class", "querry"], "there is no class 'querry'; did you mean query?"),
        (["--nature", "quality", "--amount-fen", "-1"], "amount_fen can't be below nothing, and -1 is"),
        (["--nature", "quality", "--repeat-buyer", "-2"], "buyer_repeats can't be below nothing, and -2 is"),
        (["--nature", "quality", "--repeat-goods", "x"], "should be a valid integer"),
        (["--nature", "quality", "--at", "noon"], "--at: 'noon' is no time"),
        (["--nature", "quality", "--resolved-at", "later"], "--resolved-at: 'later' is no time"),
        (["--nature", "quality", "--at", MONDAY, "--resolved-at", "2026-03-02T09:59:59"], "is before the complaint"),
        (["--class", "query", "--resolved-at", MONDAY], "no callback follows a query"),
    ],
)  # fmt: skip
def test_bad_input_is_answered_in_one_sentence(asked, words, sentence):
    code, said = asked("--shop", "bag-studio", *words)
    assert (code, sentence in said) == (2, True), said
    assert "Traceback" not in said
    code, said = asked("--shop", "bag-studio", *words, "--json")
    assert (code, sentence in json.loads(said)["error"]["message"]) == (2, True), said


def test_an_unknown_shop_is_answered_too(asked):
    assert asked("--shop", "nowhere", "--nature", "quality")[0] == 2


def test_people_read_grade_deadlines_ladder_and_callback_with_every_reason(asked):
    code, said = asked(
        "--shop", "bag-studio", "--nature", "safety", "--at", MONDAY, "--resolved-at", "2026-03-02T18:00"
    )
    assert code == 0
    for words in (
        "crisis",
        "性质:安全问题 / its nature: safety (规则 rule 94)",
        "紧急程度 urgency: immediate",
        "期限 resolution: 2026-03-02 18:00:00",
        "通知 told: 2026-03-02 10:00:00 公司领导",
        "先安抚客户",
        "协同部门 brought in: 技术部, 营业部",
        "回访 call: 2026-03-04 15:00:00",
        "书面回访 survey: 2026-03-06 18:00:00",
        "回访期限 callback until: 2026-03-09 18:00:00",
    ):
        assert words in said, words


def test_asking_changes_nothing(quoted):
    def stored() -> dict:
        with engine_from_env().connect() as connection:
            tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
            return {n: connection.execute(text(f'SELECT * FROM "{n}"')).all() for (n,) in tables}

    before = stored()
    quoted("--nature", "safety", "--at", MONDAY)
    quoted("--class", "query", "--at", MONDAY)
    assert stored() == before
