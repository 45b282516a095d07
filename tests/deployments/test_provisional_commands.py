"""What people hear on the command line of days that nobody knows yet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from complaints_told import complain, settled
from databases import KINDS
from orders_told import A_MINUTE, AN_HOUR, SHOP, moment, paid, placed, tell

from deployments.cli import run
from flows import clock

SHOPS = Path(__file__).parents[2] / "deployments" / "shops"
AFTER = moment("2026-12-31 17:00")
SAID = "2027-01-01 是否工作日尚未公布"


@pytest.fixture(params=KINDS)
def told(request, databases, monkeypatch, capsys, library):
    """A command line on a database with an order that was paid, and a complaint resolved, at the year's end: its exit
    code and words."""
    engine = databases.new(request.param)
    monkeypatch.setenv("KEFU_DATABASE_URL", databases.url(engine))
    monkeypatch.setattr(clock, "now", lambda: AFTER + AN_HOUR)
    tell(engine, placed(at=AFTER - A_MINUTE), paid(at=AFTER))
    complain(engine, AFTER - 2 * AN_HOUR)
    settled(engine, AFTER)
    capsys.readouterr()

    def asked(*arguments: str) -> tuple[int, str]:
        code = run(list(arguments))
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, said.out + said.err

    return asked


def as_json(answer: tuple[int, str]):
    assert answer[0] == 0, answer
    return json.loads(answer[1])


def shop_file(folder: Path, calendar: str) -> str:
    """bag-studio's, with its own days."""
    path = folder / "bag-studio.toml"
    path.write_text((SHOPS / "bag-studio.toml").read_text("utf-8") + f"\n[calendar]\n{calendar}\n", "utf-8")
    return str(path)


def test_explain_says_that_an_order_s_day_is_expected_and_why(told):
    code, said = told("explain", "1")
    assert code == 0
    assert "预计 2027-01-04 发货" in said
    assert "Expected: dispatched on 2027-01-04" in said
    assert SAID in said
    [cutoff] = [
        line for line in as_json(told("explain", "1", "--json"))["next"] if line["kind"] == "dispatch_cutoff"
    ]
    assert cutoff["provisional"] is True


def test_explain_says_that_a_callback_s_day_is_expected_and_why(told):
    code, said = told("explain", "1-C1")
    assert (code, "2027-01-02 是否工作日尚未公布" in said) == (0, True)  # the ideal day, a Saturday
    provisional = {
        line["kind"]: line["provisional"] for line in as_json(told("explain", "1-C1", "--json"))["next"]
    }
    assert provisional == {"callback": True, "survey": True}


@pytest.mark.parametrize(
    ("paid_at", "provisional"), [("2026-12-31T16:59:59", False), ("2026-12-31T17:00", True)]
)
def test_a_quoted_promise_says_whether_it_is_provisional(told, paid_at, provisional):
    asked = ("quote", "promise", "--shop", SHOP, "--paid-at", paid_at)
    answer = as_json(told(*asked, "--json"))
    assert (answer["provisional"], answer["reasons"][-1]["code"] == "provisional") == (
        provisional,
        provisional,
    )
    assert ("预计 expected" in told(*asked)[1]) is provisional


@pytest.mark.parametrize(
    ("resolved_at", "provisional"), [("2026-12-23T10:00", False), ("2026-12-30T10:00", True)]
)
def test_a_quoted_callback_says_whether_it_is_provisional(told, resolved_at, provisional):
    asked = ("quote", "complaint", "--shop", SHOP, "--nature", "quality", "--at", "2026-12-22T10:00")
    answer = as_json(told(*asked, "--resolved-at", resolved_at, "--json"))["callback"]
    assert (answer["provisional"], answer["calls"][0]["provisional"]) == (provisional, provisional)
    code, said = told(*asked, "--resolved-at", resolved_at)
    assert (code, SAID in said) == (0, provisional)


def test_an_order_is_shown_with_what_its_promise_is(told):
    order = as_json(told("order", "show", "1", "--json"))
    assert order["promise"] == {
        "kind": "dispatched",
        "on": "2027-01-04",
        "cutoff_at": "2027-01-04T17:00:00+08:00",
        "provisional": True,
    }
    assert {timer["kind"]: timer["unknown_on"] for timer in order["timers"]}[
        "dispatch_cutoff"
    ] == "2027-01-01"


def test_promising_anew_by_hand_promises(told):
    """It answered exit 0 and promised nothing."""
    code, _ = told("order", "act", "1", "repromise", "--by", "lin")
    assert code == 0
    assert as_json(told("order", "show", "1", "--json"))["promise"]["on"] == "2027-01-04"
    assert told("order", "act", "1", "repromise")[0] == 1, "without a name"


def test_applying_days_says_how_many_promises_are_closed_and_the_command_moves_them(told, tmp_path):
    applied = told("shop", "apply", shop_file(tmp_path, 'closed = ["2027-01-01/2027-01-05"]'))
    assert applied[0] == 0
    assert "2 个发货承诺或回访落在休息日,重新承诺:kefu repromise --shop bag-studio" in applied[1]
    dry = as_json(told("repromise", "--shop", SHOP, "--dry-run", "--json"))
    assert (dry["moved"], dry["confirmed"], dry["unchanged"], dry["failed"]) == (2, 0, 0, 0)
    assert as_json(told("order", "show", "1", "--json"))["promise"]["on"] == "2027-01-04"
    code, said = told("repromise", "--shop", SHOP)
    assert (code, "改期 2,确认 0,不变 0" in said) == (0, True)
    assert as_json(told("order", "show", "1", "--json"))["promise"]["on"] == "2027-01-06"
    again = as_json(
        told("shop", "apply", shop_file(tmp_path, 'closed = ["2027-01-01/2027-01-05"]'), "--json")
    )
    assert (again["new"], again["on_closed_days"]) == (False, 0)


def test_promises_of_a_shop_that_is_none_are_answered_in_one_sentence(told):
    code, said = told("repromise", "--shop", "moon")
    assert (code, "there is no shop 'moon'" in said) == (2, True)


def test_days_that_can_not_be_meant_are_refused_in_one_sentence(told, tmp_path):
    code, said = told("shop", "apply", shop_file(tmp_path, 'closed = ["2027-02-30"]'))
    assert code == 2
    assert "calendar.closed" in said
    assert "'2027-02-30' is no day" in said


def test_what_is_due_says_that_the_known_days_end(told):
    [end] = [row for row in as_json(told("due", "--json")) if row["kind"] == "days_end"]
    assert (end["shop"], end["due_at"], end["days_left"]) == (SHOP, "2027-01-01T00:00:00+08:00", 0)
    assert "已知的工作日到" in told("due")[1]
    assert "days_end" not in told("due", "--json", "--shop", "urumqi-kitchen")[1]


def test_a_cut_off_run_by_hand_says_it_too(told, monkeypatch):
    code, said = told("run", "dispatch-cutoff", "--shop", SHOP)
    assert (
        code,
        "bag-studio: 已知的工作日到 2026-12-31 为止" in said,
        "下次截单预计 2027-01-04" in said,
    ) == (*(0, True, True),)
