"""What operators see of the outbox and do about it: `kefu outbox list|show|retry|abandon`."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from databases import set_up
from orders_told import PAID_AT, RECEIVER, SHOP
from other_side import DOWN, NORMAL, OtherSide, rejects
from outbox_told import deliver, messages, orders, owe, posting, states

from deployments import output
from deployments.cli import run
from flows.clock import now
from flows.outbox_claims import LEASE
from flows.outbox_rows import Route, Wanted, claim
from models.database import database_url, engine_for, engine_from_env, transaction


@pytest.fixture
def engine(kefu_home):
    """The database of the command line."""
    set_up(engine_for(database_url()))
    return engine_from_env()


@pytest.fixture
def told(capsys):
    def asked(*arguments: str, code: int = 0):
        capsys.readouterr()
        assert run(["outbox", *arguments, "--json"]) == code, capsys.readouterr()
        return json.loads(capsys.readouterr().out)

    return asked


@pytest.fixture
def died(engine):
    """Of four messages two were sent, one refused, and one waits for its next try."""
    owe(engine, orders(engine, 4))
    plan = {"3": rejects("no such buyer"), "4": DOWN}
    with OtherSide() as there:
        there.behave(lambda asked: plan.get(asked.body["no"], NORMAL))
        deliver(engine, posting({"buyer": there.url}), now())
    return engine


def key(no: str) -> str:
    return f"{SHOP}/order/{no}/buyer/payment_reminder/1"


def test_what_waits_and_what_is_dead_is_listed_by_destination_and_age(died, told):
    listed = told("list")
    [route] = listed["routes"]
    assert {name: route[name] for name in ("shop", "channel", "waiting", "tried", "dead")} == {
        **{"shop": SHOP, "channel": "buyer"},
        **{"waiting": 1, "tried": 1, "dead": 1},
    }
    assert route["age_seconds"] >= (now() - PAID_AT).total_seconds() - 60
    assert [(m["key"], m["state"], m["attempts"]) for m in listed["messages"]] == [(key("4"), "waiting", 1)]
    assert [m["key"] for m in told("list", "--state", "dead")["messages"]] == [key("3")]
    assert [m["case"] for m in told("list", "--state", "sent")["messages"]] == ["1", "2"]
    assert told("list", "--what", "ship")["messages"] == []


def test_people_read_the_same(died, capsys):
    assert run(["outbox", "list", "--state", "dead"]) == 0
    screen = capsys.readouterr().out
    for word in ("bag-studio", "放弃 dead", "对方拒绝"):
        assert word in screen


def test_a_run_says_of_each_destination_how_much_left_and_how_long_the_oldest_had_waited(
    engine, capsys, monkeypatch
):
    monkeypatch.setattr(output.console, "width", 200)
    owe(engine, orders(engine, 1), owed_at=now() - timedelta(days=2))
    assert run(["run", "deliver-outbox", "--dry-run"]) == 0
    printed = capsys.readouterr().out.splitlines()
    [head] = [row for row in printed if "destination" in row]
    [line] = [row for row in printed if f"{SHOP}/buyer" in row]
    assert all(cell.strip() for cell in head.split("┃")[1:-1]), "a count without a heading"
    assert line.rstrip("│ ").endswith("2 days, 0:00:00")


def test_one_is_shown_whole_by_key_or_id_without_telephone_numbers(died, told):
    [row] = messages(died, key=key("3"))
    shown = told("show", key("3"))
    assert shown == told("show", str(row.id))
    assert (shown["state"], shown["text"], shown["case"]) == ("dead", "请付款", "3")
    assert "no such buyer" in shown["answer"]
    assert RECEIVER["phone"] not in json.dumps(shown)


def test_a_dead_one_is_tried_again_with_the_same_key_and_all_its_tries_before_it(died, told):
    assert told("retry", key("3"))["state"] == "waiting"
    [row] = messages(died, key=key("3"))
    assert (row.attempts, row.dead_at, row.retry_at) == (0, None, None)
    with OtherSide() as there:
        deliver(died, posting({"buyer": there.url}), now())
        assert there.done == [key("3")]


def test_all_dead_ones_of_a_kind_are_tried_again_but_those_that_a_person_gave_up(engine, told):
    nos = orders(engine, 3)
    owe(engine, nos, dead_at=PAID_AT, dead_why="no")
    owe(engine, nos[:1], what="shipped", dead_at=PAID_AT, dead_why="no")
    told("abandon", key("2"), "--reason", "moved away", "--by", "李娜")
    assert told("retry", "--what", "payment_reminder", "--shop", SHOP) == {"retried": 2}
    assert states(engine, what="payment_reminder") == ["waiting", "dead", "waiting"]
    assert states(engine, what="shipped") == ["dead"]


def test_given_up_it_is_never_sent_and_the_reason_stays(died, told):
    given_up = told("abandon", key("4"), "--reason", "phoned 13812341234 instead", "--by", "李娜")
    assert (given_up["state"], given_up["dead_why"]) == ("dead", "phoned 138****1234 instead")
    assert given_up["abandoned_by"] == "李娜"
    with OtherSide() as there:
        deliver(died, posting({"buyer": there.url}), now() + timedelta(days=1))
        assert there.asked == []


@pytest.mark.parametrize("command", [("retry",), ("abandon", "--reason", "x", "--by", "李娜")])
def test_what_was_sent_is_past_retrying_and_giving_up(died, told, command):
    refused = told(command[0], key("1"), *command[1:], code=1)["refused"]
    assert refused["zh"] in ("已发出", "已了结")


def test_what_is_on_its_way_just_now_is_not_given_up(engine, told):
    owe(engine, orders(engine, 1))
    with transaction(engine) as connection:
        how = {"by": "somebody", "now": now(), "until": now() + LEASE, "limit": 1}
        assert claim(connection, Wanted(now()), Route(SHOP, "buyer"), **how)
    assert told("abandon", "1", "--reason", "x", "--by", "李娜", code=1)["refused"]["code"] == "on_its_way"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("show", "nothing"), "unknown_message"),
        (("retry",), "which_messages"),
        (("retry", "1", "--what", "ship"), "which_messages"),
        (("list", "--state", "lost"), "unknown_state"),
        (("abandon", "1", "--reason", " ", "--by", "李娜"), "missing_reason"),
        (("abandon", "1", "--reason", "x", "--by", "Operator"), "missing_reason"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(engine, told, command, code):
    assert told(*command, code=2)["error"]["code"] == code
