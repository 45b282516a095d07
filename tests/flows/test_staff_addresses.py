"""Each address of the staff is a destination of its own, and what can't wait goes to whichever can be reached."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from complaints_told import A_DAY, SAID_AT, clockwork, complain, done
from orders_told import PAID_AT, SHOP, rows
from outbox_told import messages, orders, owe, state
from outside import Answer, Outside

from flows.complaint_explaining import explain_complaint
from flows.outbox_delivery import deliver_outbox
from flows.outbox_desk import abandon, down, listed, retry_one
from models import Destination
from models.database import reading

A_MINUTE = timedelta(minutes=1)
AN_HOUR = timedelta(hours=1)
CRISIS = "complaint_crisis"


@pytest.fixture
def alive():
    with Outside() as service:
        yield service


@pytest.fixture
def silent():
    """A port at which nobody answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and never listening: nobody else gets it
        yield f"json://127.0.0.1:{taken.getsockname()[1]}/dead"


def at(service: Outside, path: str = "all") -> str:
    return f"{service.url.replace('http', 'json')}/{path}"


@pytest.fixture
def addresses(monkeypatch):
    return lambda *urls: monkeypatch.setenv("KEFU_STAFF_URLS", " ".join(urls))


def run(engine, moment=PAID_AT):
    """One run, from this moment on: the rate of an address is kept on a clock that goes."""
    began = time.monotonic()
    return deliver_outbox(
        engine, as_of=moment, clock=lambda: moment + timedelta(seconds=time.monotonic() - began)
    )


def heard(service: Outside) -> list[str]:
    return [call.target.strip("/") for call in service.calls]


def by_address(engine, **where) -> dict[str, list[str]]:
    """What became of the rows, by the kind of address and its place in the settings."""
    found: dict[str, list[str]] = {}
    for row in messages(engine, channel="staff", **where):
        found.setdefault(row.address, []).append(state(row))
    return found


def test_who_has_heard_it_does_not_hear_it_again_because_another_is_dead(engine, alive, silent, addresses):
    addresses(silent, at(alive))
    owe(engine, orders(engine, 1), channel="staff", what="order_in_doubt")
    for hours in range(4):
        run(engine, PAID_AT + hours * AN_HOUR)
    assert heard(alive) == ["all"]
    dead, healthy = messages(engine, channel="staff")
    assert (state(dead), dead.attempts, state(healthy), healthy.attempts) == ("waiting", 4, "sent", 1)
    assert healthy.copy_of == dead.id


def test_a_dead_address_opens_its_own_circuit_and_the_others_flow_on(engine, alive, silent, addresses):
    addresses(silent, at(alive))
    owe(engine, orders(engine, 6), channel="staff", what="order_in_doubt")
    run(engine)
    run(engine, PAID_AT + A_MINUTE)
    assert heard(alive) == ["all"] * 6
    dead, healthy = (
        messages(engine, channel="staff")[0].address,
        messages(engine, channel="staff")[-1].address,
    )
    circuits = {row.name: row.open_until is not None for row in rows(engine, Destination)}
    assert circuits == {f"{SHOP}/staff/{dead}": True, f"{SHOP}/staff/{healthy}": False}


def test_two_runs_at_once_tell_each_address_once(engine, alive, addresses):
    addresses(at(alive), at(alive, "second"))
    owe(engine, orders(engine, 4), channel="staff", what="order_in_doubt")
    with ThreadPoolExecutor() as pool:
        for done_ in [pool.submit(run, engine) for _ in range(3)]:
            done_.result()
    assert sorted(heard(alive)) == ["all"] * 4 + ["second"] * 4


def test_with_one_address_there_is_one_row(engine, alive, addresses):
    addresses(at(alive))
    owe(engine, orders(engine, 2), channel="staff", what="order_in_doubt")
    report = run(engine)
    assert [row.copy_of for row in messages(engine, channel="staff")] == [None, None]
    assert (heard(alive), report.done) == (["all"] * 2, 2)


def test_an_address_named_twice_hears_it_once(engine, alive, addresses):
    addresses(at(alive), at(alive))
    owe(engine, orders(engine, 1), channel="staff", what="order_in_doubt")
    run(engine)
    assert heard(alive) == ["all"]


def test_nothing_that_is_stored_or_told_holds_the_address(engine, alive, silent, addresses):
    addresses(f"{silent}/token-abc", at(alive, "token-xyz"))
    owe(engine, orders(engine, 1), channel="staff", what="order_in_doubt")
    report = run(engine)
    everything = repr([*messages(engine), *rows(engine, Destination), report.as_dict(), report.rows])
    assert "token-" not in everything
    assert "127.0.0.1" not in everything
    assert [row.address.partition("-")[0] for row in messages(engine, channel="staff")] == ["json", "json"]


def test_an_address_that_comes_back_hears_what_waited_in_its_sequence_and_nobody_else_hears_it_again(
    engine, alive, addresses
):
    with Outside(Answer({}, 503)) as down:
        addresses(at(down), at(alive))
        nos = orders(engine, 1)
        for what in ("order_in_doubt", "order_overdue"):
            owe(engine, nos, channel="staff", what=what, text=what)
            run(engine)
        down.answers[0] = Answer()
        down.calls.clear()
        for minutes in range(1, 61, 3):
            run(engine, PAID_AT + minutes * A_MINUTE)
        assert [call.json["message"] for call in down.calls] == ["order_in_doubt", "order_overdue"]
    assert [call.json["message"] for call in alive.calls] == ["order_in_doubt", "order_overdue"]


# -- the settings change ------------------------------------------------------------------------------


def test_what_waits_for_an_address_that_is_set_no_more_lapses_where_others_have_heard_it(
    engine, alive, silent, addresses
):
    addresses(silent, at(alive))
    owe(engine, orders(engine, 1), channel="staff", what="order_in_doubt")
    run(engine)
    addresses(at(alive))
    run(engine, PAID_AT + A_MINUTE)
    gone, _ = messages(engine, channel="staff")
    assert (state(gone), heard(alive)) == ("lapsed", ["all"])
    assert "set no more" in gone.lapsed_why


def test_whoever_replaces_the_only_address_reads_what_waited_for_it(engine, alive, silent, addresses):
    addresses(silent)
    owe(engine, orders(engine, 1), channel="staff", what="order_in_doubt")
    run(engine)
    addresses(at(alive), at(alive, "second"))
    run(engine, PAID_AT + A_MINUTE)
    assert sorted(heard(alive)) == ["all", "second"]
    assert [state(row) for row in messages(engine, channel="staff")] == ["sent", "sent"]


def test_of_two_addresses_that_are_gone_one_notice_is_left(engine, alive, silent, addresses):
    addresses(silent, f"{silent}/2")
    owe(engine, orders(engine, 1), channel="staff", what="order_in_doubt")
    run(engine)
    addresses(at(alive))
    run(engine, PAID_AT + A_MINUTE)
    assert heard(alive) == ["all"]
    assert sorted(state(row) for row in messages(engine, channel="staff")) == ["lapsed", "sent"]


def test_a_new_address_is_not_told_of_the_past(engine, alive, addresses):
    addresses(at(alive))
    owe(engine, orders(engine, 1), channel="staff", what="order_in_doubt")
    run(engine)
    addresses(at(alive), at(alive, "new"))
    run(engine, PAID_AT + A_MINUTE)
    assert heard(alive) == ["all"]


# -- what can't wait (rule 98) -----------------------------------------------------------------------


def a_crisis(engine, moment=SAID_AT):
    complain(engine, moment, nature="safety")
    clockwork(engine, moment)


def crisis_heard(service: Outside) -> list[str]:
    return [c.target.strip("/") for c in service.calls if "公司领导" in c.json["title"]]


def test_a_crisis_reaches_whichever_address_works_in_the_same_run(engine, alive, silent, addresses):
    addresses(silent, at(alive))
    a_crisis(engine)
    run(engine, SAID_AT)
    assert crisis_heard(alive) == ["all"]


def test_a_crisis_goes_past_the_open_circuit_of_another(engine, alive, silent, addresses):
    addresses(silent, at(alive))
    owe(engine, orders(engine, 6), channel="staff", what="order_in_doubt", owed_at=SAID_AT)
    run(engine, SAID_AT)
    alive.calls.clear()
    a_crisis(engine, SAID_AT + timedelta(seconds=5))
    run(engine, SAID_AT + timedelta(seconds=5))
    assert crisis_heard(alive) == ["all"]


def test_a_crisis_is_tried_at_once_although_its_own_circuit_is_open(engine, alive, addresses):
    alive.answers[0] = Answer({}, 503)
    addresses(at(alive))
    owe(engine, orders(engine, 6), channel="staff", what="order_in_doubt", owed_at=SAID_AT)
    run(engine, SAID_AT)
    assert [row.open_until > SAID_AT for row in rows(engine, Destination)] == [True]
    alive.answers[0] = Answer()
    alive.calls.clear()
    soon = SAID_AT + timedelta(seconds=1)
    a_crisis(engine, soon)
    run(engine, soon)
    assert crisis_heard(alive) == ["all"]
    assert [row.open_until for row in rows(engine, Destination)] == [None]


def test_a_crisis_whose_own_address_is_dead_goes_to_the_addresses_for_all(engine, alive, silent, addresses):
    addresses(f"公司领导={silent}", at(alive), f"仓库={at(alive, 'warehouse')}")
    a_crisis(engine)
    run(engine, SAID_AT)
    assert crisis_heard(alive) == ["all"]
    run(engine, SAID_AT + AN_HOUR)
    assert crisis_heard(alive) == ["all"]


def test_a_crisis_goes_to_every_address_rather_than_to_none(engine, alive, silent, addresses):
    addresses(f"公司领导={silent}", f"{silent}/all", f"仓库={at(alive, 'warehouse')}")
    a_crisis(engine)
    run(engine, SAID_AT)
    assert crisis_heard(alive) == ["warehouse"]


def test_a_crisis_for_somebody_without_any_address_goes_to_every_address_there_is(engine, alive, addresses):
    addresses(f"仓库={at(alive, 'warehouse')}")
    a_crisis(engine)
    run(engine, SAID_AT)
    assert crisis_heard(alive) == ["warehouse"]


def test_what_is_no_crisis_stays_with_whom_it_is_for(engine, alive, silent, addresses):
    addresses(f"值班客服={silent}", at(alive))
    complain(engine)
    clockwork(engine, SAID_AT)
    run(engine, SAID_AT)
    assert [call.json["title"] for call in alive.calls if "值班客服" in call.json["title"]] == []


def test_a_crisis_does_not_wait_for_an_older_notice_of_its_case_that_is_put_off(engine, alive, addresses):
    alive.answers[0] = Answer({}, 503)
    addresses(at(alive))
    a_crisis(engine)
    run(engine, SAID_AT)
    [crisis] = messages(engine, what=CRISIS)
    owe(
        engine, orders(engine, 1), channel="staff", what=CRISIS, recipient=crisis.recipient, owed_at=SAID_AT,
        case_kind="complaint", case_id=crisis.case_id, text="再次",
    )  # fmt: skip
    alive.answers[0] = Answer()
    alive.calls.clear()
    run(engine, SAID_AT + timedelta(seconds=1))
    assert [call.json["message"] for call in alive.calls] == ["再次"]


# -- explained: what has reached nobody is not counted as said (promise 11) ----------------------------


def explained(engine, at=SAID_AT):
    with reading(engine) as connection:
        answer = explain_complaint(connection, 1, at)
    [ladder] = [line for line in answer.told if "公司领导" in line["zh"]]
    [message] = [line for line in answer.messages if line["zh"].startswith(CRISIS)]
    assert message["zh"].partition(":")[2] == ladder["zh"].partition(";")[2]
    return ladder["zh"], ladder["en"]


def labels(engine) -> list[str]:
    return [row.address for row in messages(engine, what=CRISIS)]


def test_a_crisis_that_reached_nobody_is_owed_and_not_said(engine, silent, addresses):
    a_crisis(engine)
    assert explained(engine)[1] == "level 3: 公司领导; owed, not delivered yet"
    addresses(silent)
    run(engine, SAID_AT)
    [label] = labels(engine)
    assert explained(engine)[0] == f"第 3 级:公司领导;应发,尚未送达 ({label})"


def test_a_crisis_that_reached_one_address_is_said_there_and_not_at_the_other(
    engine, alive, silent, addresses
):
    addresses(silent, at(alive))
    a_crisis(engine)
    run(engine, SAID_AT)
    dead, healthy = labels(engine)
    zh, en = explained(engine)
    assert zh == f"第 3 级:公司领导;2026-03-03 11:00 送出 ({healthy});未送达 ({dead})"
    assert en == f"level 3: 公司领导; left 2026-03-03 11:00 ({healthy}); not delivered ({dead})"


def test_a_crisis_given_up_or_no_longer_true_is_not_said_either(engine, silent, addresses):
    addresses(silent)
    a_crisis(engine)
    run(engine, SAID_AT)
    [row] = messages(engine, what=CRISIS)
    abandon(engine, row.key, by="li", reason="打过电话", now=SAID_AT)
    assert "未送达,已放弃" in explained(engine)[0]
    retry_one(engine, row.key)
    done(engine, "acknowledge", SAID_AT + A_MINUTE, by="王芳")
    run(engine, SAID_AT + A_MINUTE)
    assert "未发出,已不成立" in explained(engine)[0]


def test_the_outbox_lists_each_address_and_one_can_be_given_up_alone(engine, alive, silent, addresses):
    addresses(silent, at(alive))
    a_crisis(engine)
    run(engine, SAID_AT)
    dead, healthy = labels(engine)
    with reading(engine) as connection:
        rows_ = {row["address"]: row for row in listed(connection, what=CRISIS)}
        assert [d["name"] for d in down(connection)] == []
    assert (rows_[dead]["state"], rows_[healthy]["state"]) == ("waiting", "sent")
    abandon(engine, rows_[dead]["key"], by="li", reason="地址已作废", now=SAID_AT + A_MINUTE)
    run(engine, SAID_AT + AN_HOUR)
    assert crisis_heard(alive) == ["all"]


# -- a flood (rule 98, no flood) ------------------------------------------------------------------------


def test_a_digest_is_one_message_for_each_address_and_what_it_tells_is_said_when_one_has_heard_it(
    engine, alive, silent, addresses
):
    addresses(silent, at(alive))
    for number in range(6):
        complain(engine, no=str(number))
    clockwork(engine, SAID_AT)
    for minutes in (0, 4, 5):
        run(engine, SAID_AT + minutes * A_MINUTE)
    [call] = [call for call in alive.calls if "值班客服" in call.json["title"]]
    assert {state(row) for row in messages(engine, what="complaint_general")} == {"sent"}
    assert [state(row) for row in messages(engine, what="digest")] == ["waiting", "sent"]


def test_what_piled_up_for_a_dead_address_comes_as_one_and_only_there(engine, alive, addresses):
    with Outside(Answer({}, 503)) as down:
        addresses(at(down), at(alive))
        for number in range(6):
            moment = SAID_AT + number * A_DAY
            complain(engine, moment, no=str(number))
            clockwork(engine, moment)
            run(engine, moment)
        told = len(alive.calls)
        down.answers[0] = Answer()
        down.calls.clear()
        back = SAID_AT + 5 * A_DAY + AN_HOUR
        for minutes in (0, 4, 8):
            run(engine, back + minutes * A_MINUTE)
        assert len(alive.calls) == told
        digests = [call for call in down.calls if "合并为一条通知" in call.json["message"]]
        assert [call.json["title"].split(" · ")[1] for call in digests] == ["值班客服"] * len(digests) != []
