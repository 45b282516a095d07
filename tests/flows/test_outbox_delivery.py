"""What is owed leaves: once in effect, in order, and whatever goes wrong with one message is that message's own."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from orders_told import AN_HOUR, PAID_AT, RECEIVER, SHOP, placed, rows, tell
from other_side import DOES_AND_500, DOWN, DROPS, MUMBLES, NORMAL, Behaviour, OtherSide, busy, rejects
from outbox_told import Calling, deliver, gateways, later, messages, orders, owe, posting, states

from flows import outbox_pump, stopping
from flows.clock import now
from flows.gateways import Limits
from flows.outbox_claims import LEASE
from flows.outbox_rows import Route, Wanted, claim, settle
from models import Destination
from models.database import transaction

BUYER = Route(SHOP, "buyer")


@pytest.fixture
def there():
    with OtherSide() as there:
        yield there


def buyer(there: OtherSide, **limits):
    return posting({"buyer": there.url}, **limits)


def nos_asked(there: OtherSide) -> list[str]:
    return [asked.body["no"] for asked in there.asked]


def test_what_is_owed_leaves_once_and_their_number_for_it_is_kept(engine, there):
    keys = owe(engine, orders(engine, 3))
    report = deliver(engine, buyer(there))
    assert sorted(there.done) == sorted(keys)
    assert states(engine) == ["sent"] * 3
    assert {row.ref for row in messages(engine)} == {"R1", "R2", "R3"}
    assert (report.done, report.claimed, report.red) == (3, 3, False)
    assert deliver(engine, buyer(there), later(PAID_AT, hours=1)).claimed == 0
    assert len(there.asked) == 3


def test_nothing_leaves_before_it_is_owed_or_before_its_recipient_is_on_duty(engine, there):
    nos = orders(engine, 2)
    owe(engine, nos[:1], owed_at=later(PAID_AT, seconds=1))
    owe(engine, nos[1:], not_before=later(PAID_AT, seconds=1))
    deliver(engine, buyer(there))
    assert there.asked == []
    deliver(engine, buyer(there), later(PAID_AT, seconds=1))
    assert sorted(nos_asked(there)) == nos


def test_a_dry_run_sends_nothing_and_says_how_much_waits(engine, there):
    owe(engine, orders(engine, 2))
    report = deliver(engine, buyer(there), dry_run=True)
    assert (report.waiting, there.asked, states(engine)) == (2, [], ["waiting"] * 2)
    assert {row.attempts for row in messages(engine)} == {0}


def test_without_a_gateway_nothing_is_claimed_and_the_run_says_how_many_wait(engine):
    owe(engine, orders(engine, 2))
    report = deliver(engine, gateways({}))
    assert (report.waiting, report.claimed, report.red) == (2, 0, False)
    assert report.told == "messages: 2 waiting: no gateway is configured for them"
    assert {(row.attempts, row.claimed_by) for row in messages(engine)} == {(0, None)}


def test_a_case_hears_things_in_the_order_they_were_owed_others_meanwhile(engine, there):
    nos = orders(engine, 4)
    owe(engine, nos, each=5)
    there.behave(lambda asked: Behaviour(after=0.3) if asked.body["no"] == "1" else NORMAL)
    deliver(engine, buyer(there))
    heard = {no: [a.key for a in there.asked if a.body["no"] == no] for no in nos}
    for no in nos:
        assert heard[no] == [f"{SHOP}/order/{no}/buyer/payment_reminder/{n}" for n in range(1, 6)]
    assert there.asked[-1].body["no"] == "1", "nobody waited for it"


def test_a_message_waits_for_an_older_one_that_has_to_be_tried_again_but_not_for_one_that_is_dead(
    engine, there
):
    owe(engine, orders(engine, 1), each=2)
    there.behave(lambda asked: DOWN)
    deliver(engine, buyer(there))
    assert len(there.asked) == 1
    there.behave(lambda asked: rejects("no") if asked.key.endswith("/1") else NORMAL)
    deliver(engine, buyer(there), later(PAID_AT, hours=2))
    assert states(engine) == ["dead", "sent"]


def test_a_colleague_off_duty_holds_up_nobody_elses_notice(engine, there):
    nos = orders(engine, 1)
    owe(engine, nos, channel="staff", recipient="王芳", not_before=later(PAID_AT, hours=9))
    owe(engine, nos, channel="staff", recipient="客服组长", what="escalation")
    deliver(engine, posting({"staff": there.url}))
    assert states(engine) == ["waiting", "sent"]


@pytest.mark.parametrize("behaviour", [DROPS, DOES_AND_500, MUMBLES], ids=["drops", "500", "mumbles"])
def test_an_unknown_outcome_is_tried_again_with_the_same_key_and_has_no_second_effect(
    engine, there, behaviour
):
    [key] = owe(engine, orders(engine, 1))
    there.behave(lambda asked: behaviour if asked.times == 1 else NORMAL)
    report = deliver(engine, buyer(there))
    [row] = messages(engine)
    assert (report.postponed, report.red, row.attempts, row.misses) == (1, True, 1, 0)
    assert row.answer
    assert timedelta(seconds=30) <= row.retry_at - PAID_AT <= timedelta(seconds=45)
    deliver(engine, buyer(there), row.retry_at - timedelta(seconds=1))
    assert len(there.asked) == 1
    deliver(engine, buyer(there), row.retry_at)
    assert ([asked.key for asked in there.asked], there.done) == ([key, key], [key])
    assert states(engine) == ["sent"]


def test_it_is_tried_ever_more_rarely_and_given_up_after_the_last_try_with_the_last_answer_kept(
    engine, there
):
    owe(engine, orders(engine, 1))
    there.behave(lambda asked: Behaviour(acts=False, status=500, told={"message": f"bad day {asked.times}"}))
    at, waits = PAID_AT, []
    for _ in range(4):
        report = deliver(engine, buyer(there, tries=4), at)
        [row] = messages(engine)
        if row.retry_at:
            waits.append((row.retry_at - at).total_seconds())
            at = row.retry_at
    assert 30 <= waits[0] < 60 <= waits[1] < 120 <= waits[2] < 150
    assert (report.failed, report.postponed, states(engine)) == (1, 0, ["dead"])
    assert row.dead_why == "4 次未果 / given up after 4 tries"
    assert "bad day 4" in row.answer
    assert [died["key"] for died in report.died] == [row.key]
    deliver(engine, buyer(there), later(at, days=9))
    assert len(there.asked) == 4


def test_what_they_refuse_is_dead_at_once(engine, there):
    owe(engine, orders(engine, 1))
    there.behave(lambda asked: rejects("the shop is closed"))
    report = deliver(engine, buyer(there))
    [row] = messages(engine)
    assert (report.failed, states(engine), row.dead_why) == (1, ["dead"], "对方拒绝 / they said no")
    assert "the shop is closed" in row.answer


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_token_kills_no_message(engine, there, status):
    owe(engine, orders(engine, 1))
    there.behave(lambda asked: rejects("who are you", status=status))
    assert deliver(engine, buyer(there)).postponed == 1
    assert states(engine) == ["waiting"]


def test_one_poisonous_message_stops_nothing(engine, there):
    """Promise 8: the run ends red, after doing all the rest."""
    nos = orders(engine, 30)
    owe(engine, nos)

    def does(owed):
        if owed.case_no == "7":
            raise KeyError(owed.to.phone)
        return "R"

    report = deliver(engine, gateways({"buyer": Calling("buyer", does)}))
    assert (report.done, report.postponed, report.red) == (29, 1, True)
    [bad] = messages(engine, sent_at=None)
    assert bad.answer.startswith("KeyError in test_outbox_delivery.py, line ")


def test_a_gateway_that_never_answers_is_not_waited_for(engine, monkeypatch):
    monkeypatch.setattr("flows.outbox_tries.TRY_SECONDS", 0.1)
    owe(engine, orders(engine, 1))

    class Hangs(Calling):
        async def deliver(self, owed):
            await asyncio.sleep(60)

    began = time.monotonic()
    report = deliver(engine, gateways({"buyer": Hangs("buyer", None)}))
    assert (report.postponed, time.monotonic() - began < 30) == (1, True)


def test_a_run_that_is_to_stop_ends_what_is_under_way_and_puts_back_the_rest(engine, there):
    nos = orders(engine, 8)
    owe(engine, nos)

    def asked_to_stop(asked):
        stopping.asked.set()
        return Behaviour(after=0.1)

    there.behave(asked_to_stop)
    try:
        report = deliver(engine, buyer(there, at_once=2))
    finally:
        there.behave(lambda asked: NORMAL)
        stopping.asked.clear()
    under_way = len(there.asked)
    assert 1 <= under_way <= 2
    assert (report.done, report.red) == (under_way, False)
    back = messages(engine, sent_at=None)
    assert {(row.attempts, row.claimed_until, row.retry_at) for row in back} == {(0, None, None)}
    deliver(engine, buyer(there))
    assert sorted(nos_asked(there)) == nos


def test_keys_and_errors_carry_no_personal_data(engine, there, caplog):
    """Promise 9: whatever they quote back at us."""
    caplog.set_level(logging.DEBUG)
    tell(engine, placed(buyer="小明_88"))
    owe(engine, text="王小明您好,请付款")
    said = "王小明您好,请付款 13812341234 小明_88 xiaoming@example.com +86 138 1234 1234"
    for behaviour in (DOWN, rejects("")):
        told = {"error": {"code": "bad", "message": said}}
        there.behave(
            lambda asked, status=behaviour.status, told=told: Behaviour(acts=False, status=status, told=told)
        )
        report = deliver(engine, buyer(there), later(PAID_AT, hours=behaviour.status))
        told = repr((report, report.as_dict(), report.rows, report.died))
        told += repr([(row.key, row.answer, row.dead_why) for row in messages(engine)]) + caplog.text
        for secret in (RECEIVER["phone"], RECEIVER["receiver"], "小明_88", "xiaoming", "请付款"):
            assert secret not in told, (secret, told)


# -- claims -------------------------------------------------------------------------------------------


def taken(engine, by="one", at=PAID_AT, limit=100):
    with transaction(engine) as connection:
        return claim(connection, Wanted(at), BUYER, by=by, now=at, until=at + LEASE, limit=limit)


def test_what_one_has_claimed_is_nobody_elses_until_the_lease_is_over(engine):
    owe(engine, orders(engine, 5))
    assert len(taken(engine, "one", limit=3)) == 3
    assert len(taken(engine, "two")) == 2
    assert taken(engine, "three", PAID_AT + LEASE - timedelta(seconds=1)) == []
    again = taken(engine, "three", PAID_AT + LEASE)
    assert [(row.claimed_by, row.attempts) for row in again] == [("three", 2)] * 5


def test_who_has_lost_a_claim_settles_nothing(engine):
    owe(engine, orders(engine, 1))
    late = taken(engine, "one")
    [mine] = taken(engine, "two", PAID_AT + LEASE)
    with transaction(engine) as connection:
        assert settle(connection, late, [{"dead_at": PAID_AT}]) == 0
        assert settle(connection, [mine], [{"sent_at": PAID_AT}]) == 1
    assert states(engine) == ["sent"]


def test_a_dead_workers_messages_come_back_and_arrive_once(engine, there):
    [key] = owe(engine, orders(engine, 1))
    taken(engine, "gone")
    deliver(engine, buyer(there), PAID_AT + LEASE - timedelta(seconds=1))
    assert there.asked == []
    deliver(engine, buyer(there), PAID_AT + LEASE)
    assert there.done == [key]


def test_two_workers_at_once_send_each_message_once(engine, there):
    """Promise 5."""
    keys = owe(engine, orders(engine, 40), each=3)
    there.behave(lambda asked: Behaviour(after=0.01))
    reports = []
    workers = [
        threading.Thread(target=lambda: reports.append(deliver(engine, buyer(there), clock=now)))
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    deliver(engine, buyer(there), clock=now)  # whoever came last may have met the others' claims
    assert Counter(asked.key for asked in there.asked) == Counter(keys)
    assert states(engine) == ["sent"] * 120
    for no in range(1, 41):
        mine = [asked.key[-1] for asked in there.asked if asked.body["no"] == str(no)]
        assert mine == ["1", "2", "3"]


def test_what_a_digest_tells_of_is_not_sent_by_itself_and_is_sent_when_the_digest_is(engine, there):
    nos = orders(engine, 2)
    owe(engine, nos[:1], what="digest")
    [digest] = messages(engine)
    owe(engine, nos, what="notice", digest_id=digest.id)
    report = deliver(engine, buyer(there))
    assert ([asked.body["what"] for asked in there.asked], report.done) == (["digest"], 1)
    assert states(engine) == ["sent"] * 3


# -- destinations -------------------------------------------------------------------------------------


def test_a_destination_that_is_down_is_left_alone_and_the_others_flow_on(engine, there):
    nos = orders(engine, 100)
    owe(engine, nos)
    owe(engine, nos, channel="staff")
    with OtherSide() as down:
        down.behave(lambda asked: DOWN)
        report = deliver(engine, posting({"buyer": there.url, "staff": down.url}, at_once=4))
        assert len(down.asked) <= 5 + 4, "five in a row, and what was under way"
        assert states(engine, channel="buyer") == ["sent"] * 100
        untouched = [row for row in messages(engine, channel="staff") if not row.attempts]
        assert len(untouched) == 100 - len(down.asked)
        assert report.lines[f"{SHOP}/staff"].put_back > 0
        [circuit] = rows(engine, Destination, name=f"{SHOP}/staff")
        assert circuit.open_until > PAID_AT

        asked = len(down.asked)
        deliver(
            engine,
            posting({"buyer": there.url, "staff": down.url}),
            circuit.open_until - timedelta(seconds=1),
        )
        assert len(down.asked) == asked, "it is left alone"
        deliver(
            engine, posting({"buyer": there.url, "staff": down.url}), later(circuit.open_until, seconds=20)
        )
        assert len(down.asked) == asked + 1, "one message finds out whether it is back"


def test_a_destination_that_is_back_gets_all_that_waited_in_order(engine, there):
    owe(engine, orders(engine, 20), each=2)
    there.behave(lambda asked: DOWN)
    deliver(engine, buyer(there, at_once=3))
    there.behave(lambda asked: NORMAL)
    tried = len(there.asked)
    [circuit] = rows(engine, Destination, name=f"{SHOP}/buyer")
    at = later(circuit.open_until, seconds=20)
    deliver(engine, buyer(there, at_once=3), at)
    assert states(engine) == ["sent"] * 40, "those tried before, too, without waiting for their own time"
    for no in range(1, 21):
        assert [a.key[-1] for a in there.asked[tried:] if a.body["no"] == str(no)] == ["1", "2"]
    assert rows(engine, Destination, name=f"{SHOP}/buyer")[0].open_until is None


def test_retry_after_is_honoured_by_the_message_and_for_the_whole_destination(engine, there):
    owe(engine, orders(engine, 30))
    there.behave(lambda asked: busy(600))
    deliver(engine, buyer(there, at_once=1))
    assert len(there.asked) == 1
    there.behave(lambda asked: NORMAL)
    deliver(engine, buyer(there), later(PAID_AT, seconds=599))
    assert len(there.asked) == 1
    deliver(engine, buyer(there), later(PAID_AT, seconds=600))
    assert states(engine).count("sent") == 30


def test_a_destination_is_never_asked_faster_than_its_rate_by_all_together(engine, there, monkeypatch):
    turns = []

    def claimed(*asked):
        batch, done = claim_batch(*asked)
        turns.extend(one.at for one in batch)
        return batch, done

    claim_batch = outbox_pump.claim_batch
    monkeypatch.setattr(outbox_pump, "claim_batch", claimed)
    owe(engine, orders(engine, 30))
    began, began_at = time.monotonic(), now()
    workers = [
        threading.Thread(target=lambda: deliver(engine, buyer(there, per_second=20), clock=now))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(there.asked) == 30
    assert time.monotonic() - began >= 29 / 20 * 0.95
    for first, last in zip(sorted(turns), sorted(turns)[20:], strict=False):
        assert last - first >= timedelta(seconds=1), "no 21 have their turn in a second"
    asked = sorted(began_at + timedelta(seconds=asked.at - began) for asked in there.asked)
    for turn, at in zip(sorted(turns), asked, strict=True):
        assert at >= turn - timedelta(milliseconds=20), "late on a busy machine, never before its turn"


def test_no_more_than_its_limit_is_under_way_at_once(engine):
    owe(engine, orders(engine, 40))
    under_way = highest = 0

    class Counting(Calling):
        async def deliver(self, owed):
            nonlocal under_way, highest
            under_way += 1
            highest = max(highest, under_way)
            await asyncio.sleep(0.01)
            under_way -= 1

    there = Counting("buyer", None, Limits(at_once=7, per_second=10_000))
    deliver(engine, gateways({"buyer": there}))
    assert (highest, states(engine)) == (7, ["sent"] * 40)


def test_a_run_for_one_order_sends_what_is_owed_for_it_only(engine, there):
    owe(engine, orders(engine, 3))
    deliver(engine, buyer(there), shop=SHOP, case_no="2")
    assert nos_asked(there) == ["2"]


def test_what_was_owed_an_hour_ago_is_not_what_a_run_owes_just_now(engine, there):
    nos = orders(engine, 2)
    owe(engine, nos[:1], recorded_at=PAID_AT - AN_HOUR)
    owe(engine, nos[1:])
    deliver(engine, buyer(there), since=PAID_AT)
    assert nos_asked(there) == ["2"]


def test_a_mistake_in_sending_neither_hangs_the_run_nor_hides(engine, there, monkeypatch):
    async def mistaken(row, owed, gateway, circuit):
        if owed.case_no == "2":
            raise ZeroDivisionError
        return await tried(row, owed, gateway, circuit)

    owe(engine, orders(engine, 3))
    tried = outbox_pump.tried
    monkeypatch.setattr(outbox_pump, "tried", mistaken)
    with pytest.raises(ZeroDivisionError):
        deliver(engine, buyer(there))
    assert states(engine) == ["sent", "waiting", "sent"]
    monkeypatch.undo()
    deliver(engine, buyer(there), later(PAID_AT + LEASE, seconds=1))
    assert states(engine) == ["sent"] * 3
