"""No flood: what waits for one colleague leaves as one message, and only what is still true (promise 6)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from threading import Barrier, Thread
from types import SimpleNamespace

import pytest
from complaints_told import SAID_AT, clockwork, complain, complaint_owed, done
from orders_told import A_MINUTE, A_SECOND, moment, rows
from sqlalchemy import event, update

from flows import clock
from flows.complaint_steps import complaint_escalations
from flows.digests import bundle
from flows.outbox_delivery import deliver_outbox
from flows.sql import insert_all
from models import OutboxMessage
from models.database import transaction

OUTBOX = OutboxMessage.__table__

ON_CALL = "值班客服"  # the lowest on the ladder


def digests(engine):
    return [row for row in rows(engine, OutboxMessage) if row.what == "digest"]


def test_from_the_shops_number_of_notices_on_they_leave_as_one(engine):
    for number in range(5):
        complain(engine, no=str(number))
    clockwork(engine, SAID_AT)
    assert digests(engine) == []
    complain(engine, SAID_AT + A_MINUTE, no="5")
    clockwork(engine, SAID_AT + A_MINUTE)
    [digest] = digests(engine)
    assert (digest.recipient, digest.payload) == (ON_CALL, {"count": 6})
    told = [row for row in rows(engine, OutboxMessage) if row.what == "complaint_general"]
    assert {row.digest_id for row in told} == {digest.id}


def test_what_is_no_longer_true_is_in_no_digest(engine):
    for number in range(5):
        complain(engine, no=str(number))
    clockwork(engine, SAID_AT)
    for number in range(3):
        done(engine, "acknowledge", SAID_AT + A_MINUTE, no=str(number))
    for number in range(5, 8):
        complain(engine, SAID_AT + A_MINUTE, no=str(number))
    clockwork(engine, SAID_AT + A_MINUTE)
    assert digests(engine) == []  # eight were written, five of them are still true
    complain(engine, SAID_AT + 2 * A_MINUTE, no="8")
    clockwork(engine, SAID_AT + 2 * A_MINUTE)
    assert [digest.payload for digest in digests(engine)] == [{"count": 6}]
    assert ("complaint_general", ON_CALL) in complaint_owed(engine, "0")
    [stale] = rows(engine, OutboxMessage, what="complaint_general", case_id=1)
    assert stale.digest_id is None  # delivery drops it by itself


def test_looking_for_floods_costs_the_same_however_many_colleagues_there_are(engine):
    sent = []
    event.listen(engine, "before_cursor_execute", lambda *told: sent.append(told[2]))
    for number in range(20):
        complain(engine, no=str(number), intake="query", nature=None, handler=f"li{number}")
        if number in (0, 19):
            sent.clear()
            assert bundle(engine, SAID_AT) == 0
            assert len(sent) <= 5, sent  # what is pulled back, the notices, their cases, the shop's settings


def test_two_runs_at_the_same_moment_make_one_digest(engine):
    for number in range(6):
        complain(engine, no=str(number))
    complaint_escalations(engine, as_of=SAID_AT)
    assert bundle(engine, SAID_AT) == 1
    assert bundle(engine, SAID_AT) == 0
    assert len(digests(engine)) == 1


# -- by themselves, without a complaint moving ------------------------------------------------------


def owe(engine, number, *, to=ON_CALL, shop="bag-studio", **told):
    """So many notices about the first complaint, of this shop and to this colleague."""
    before = len(rows(engine, OutboxMessage))
    usual = {
        "case_kind": "complaint",
        "case_id": 1,
        "shop": shop,
        "what": "customer_wrote",
        "channel": "staff",
    }
    usual |= {"recipient": to, "owed_at": SAID_AT, "not_before": None, "recorded_at": SAID_AT}
    usual |= {"only_while": [], "payload": {}, **told}
    with engine.begin() as connection:
        notices = [
            {"text": usual["what"], **usual, "key": f"{shop}/{to}/{before + n}"} for n in range(number)
        ]
        insert_all(connection, OutboxMessage.__table__, notices)


@pytest.mark.parametrize(("number", "made"), [(5, 0), (6, 1)])
def test_five_leave_by_themselves_and_six_as_one(engine, number, made):
    complain(engine)
    owe(engine, number)
    assert bundle(engine, SAID_AT) == made
    assert len(digests(engine)) == made


def test_each_colleague_of_each_shop_gets_a_digest_of_their_own(engine):
    complain(engine)
    for to, shop in ((ON_CALL, "bag-studio"), ("客服组长", "bag-studio"), (ON_CALL, "urumqi-kitchen")):
        owe(engine, 6, to=to, shop=shop)
    owe(engine, 5, to="客服经理")
    assert bundle(engine, SAID_AT) == 3
    assert {(digest.shop, digest.recipient, digest.payload["count"]) for digest in digests(engine)} == {
        ("bag-studio", ON_CALL, 6),
        ("bag-studio", "客服组长", 6),
        ("urumqi-kitchen", ON_CALL, 6),
    }


def test_a_digest_that_can_not_be_written_leaves_its_notices_and_the_other_colleagues_theirs(
    engine, monkeypatch
):
    """Promise 8."""
    complain(engine)
    owe(engine, 6, to="客服经理", text="!")
    owe(engine, 6, to="客服组长")

    def written(what, view, payload):
        return "\ud800" if payload["notices"][0]["text"] == "!" else "six of them"

    monkeypatch.setattr("flows.digests.render", written)
    assert bundle(engine, SAID_AT) == 1
    assert [(digest.recipient, digest.text) for digest in digests(engine)] == [("客服组长", "six of them")]
    assert {row.digest_id for row in rows(engine, OutboxMessage, recipient="客服经理")} == {None}


def test_what_may_not_be_told_yet_waits_and_does_not_count(engine):
    complain(engine)
    owe(engine, 5)
    owe(engine, 1, not_before=SAID_AT + A_MINUTE)
    owe(engine, 1, owed_at=SAID_AT + 2 * A_MINUTE)
    assert bundle(engine, SAID_AT + A_MINUTE - A_SECOND) == 0
    assert bundle(engine, SAID_AT + A_MINUTE) == 1
    assert digests(engine)[0].payload == {"count": 6}


def test_what_was_sent_or_given_up_is_in_no_digest(engine):
    complain(engine)
    owe(engine, 5)
    owe(engine, 1, sent_at=SAID_AT)
    owe(engine, 1, dead_at=SAID_AT)
    owe(engine, 3, to=None)
    owe(engine, 3, channel="buyer")
    assert bundle(engine, SAID_AT) == 0


def test_what_the_other_sweeps_find_within_three_minutes_joins_it_and_then_it_leaves(engine):
    """After a stop all sweeps are late at once, and each delivers what it owes."""
    complain(engine)
    owe(engine, 6)
    assert bundle(engine, SAID_AT) == 1
    [digest] = digests(engine)
    assert digest.not_before == SAID_AT + 3 * A_MINUTE
    owe(engine, 1, text="第七条")
    assert bundle(engine, SAID_AT + 3 * A_MINUTE - A_SECOND) == 0
    [grown] = digests(engine)
    assert (grown.key, grown.not_before, grown.payload) == (digest.key, digest.not_before, {"count": 7})
    assert grown.text.count("customer_wrote") == 6
    assert "第七条" in grown.text
    assert {row.digest_id for row in rows(engine, OutboxMessage, what="customer_wrote")} == {digest.id}


def test_no_notice_is_in_two_digests(engine):
    complain(engine)
    owe(engine, 7)
    assert bundle(engine, SAID_AT) == 1
    owe(engine, 6)
    assert bundle(engine, SAID_AT + 3 * A_MINUTE) == 1
    first, second = digests(engine)
    told = rows(engine, OutboxMessage, what="customer_wrote")
    assert [row.digest_id for row in told] == [first.id] * 7 + [second.id] * 6
    owe(engine, 5)  # neither of them gathers any more
    assert bundle(engine, SAID_AT + 6 * A_MINUTE) == 0


def test_what_a_delivery_has_begun_to_send_takes_in_nothing_more(engine):
    complain(engine)
    owe(engine, 6)
    bundle(engine, SAID_AT)
    with transaction(engine) as connection:
        tried = {"attempts": 1, "misses": 1, "answer": "not now"}
        connection.execute(update(OUTBOX).where(OUTBOX.c.what == "digest").values(tried))
    owe(engine, 1)
    assert bundle(engine, SAID_AT + A_MINUTE) == 0
    assert digests(engine)[0].payload == {"count": 6}


def test_of_several_runs_at_once_each_notice_is_in_one_digest(engine):
    complain(engine)
    owe(engine, 3_000)  # so many that two runs meet while they are at it
    start, made = Barrier(4), []

    def run() -> None:
        start.wait(timeout=30)
        made.append(bundle(engine, SAID_AT))

    runs = [Thread(target=run) for _ in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(timeout=60)
    assert sorted(made) == [0, 0, 0, 1]
    assert [digest.payload for digest in digests(engine)] == [{"count": 3_000}]


def test_a_run_that_comes_while_another_makes_the_digest_adds_to_it(engine):
    complain(engine)
    owe(engine, 6)
    second, met = Thread(target=lambda: bundle(engine, SAID_AT)), []

    def meanwhile(connection, cursor, statement, *_) -> None:
        if statement.startswith("INSERT INTO outbox") and not met:
            met.append(statement)
            if engine.dialect.name == "postgresql":  # SQLite has one writer
                owe(engine, 6)
            second.start()
            second.join(timeout=0.5)  # it would be through by then

    event.listen(engine, "before_cursor_execute", meanwhile)
    bundle(engine, SAID_AT)
    event.remove(engine, "before_cursor_execute", meanwhile)
    second.join(timeout=60)
    in_it = {"postgresql": 12, "sqlite": 6}[engine.dialect.name]
    assert [digest.payload for digest in digests(engine)] == [{"count": in_it}]


@pytest.mark.parametrize(
    ("at", "made"),
    [("03-03 10:00", 1), ("03-03 09:59:59", 0), ("03-03 18:59:59", 1), ("03-03 19:00", 0)],
)
def test_who_is_off_duty_gets_no_digest(engine, at, made):
    complain(engine)
    owe(engine, 6, owed_at=moment("03-02 09:00"))
    assert bundle(engine, moment(at)) == made


def test_just_before_the_desk_closes_a_digest_gathers_nothing_and_need_not_wait_until_the_morning(engine):
    complain(engine)
    owe(engine, 6)
    bundle(engine, moment("03-03 18:58"))
    assert digests(engine)[0].not_before == moment("03-03 18:58")


def test_at_night_a_crisis_is_told_at_once_and_the_rest_in_the_morning(engine):
    complain(engine)
    complain(engine, no="2-C1", nature="safety")
    owe(engine, 6)
    owe(engine, 6, case_id=2, what="complaint_crisis")
    assert bundle(engine, moment("03-03 23:30")) == 1
    [digest] = digests(engine)
    assert (digest.not_before, digest.payload) == (None, {"count": 6})
    assert "customer_wrote" not in digest.text
    assert bundle(engine, moment("03-04 10:00")) == 1


def test_a_crisis_leads_the_digest_and_lets_it_leave_at_once(engine):
    complain(engine)
    complain(engine, no="2-C1", nature="safety")
    owe(engine, 6)
    bundle(engine, SAID_AT)
    owe(engine, 1, case_id=2, what="complaint_crisis")
    began = clock.now()
    bundle(engine, SAID_AT + A_MINUTE)
    [digest] = digests(engine)
    assert (digest.case_id, digest.not_before, digest.payload) == (2, None, {"count": 7})
    assert digest.recorded_at >= began  # so that the run that owed it sends it
    assert digest.text.index("complaint_crisis") < digest.text.index("customer_wrote")


@pytest.mark.parametrize(
    "taken", [{"claimed_until": SAID_AT + A_MINUTE, "attempts": 1}, {"attempts": 1}, {"lapsed_at": SAID_AT}]
)
def test_what_a_delivery_has_taken_or_settled_is_told_by_no_digest_as_well(engine, taken):
    for number in range(6):
        complain(engine, no=str(number), intake="query", nature=None, handler="li")
    [first, *_] = rows(engine, OutboxMessage, channel="staff")
    with transaction(engine) as connection:
        connection.execute(update(OUTBOX).where(OUTBOX.c.id == first.id).values(taken))
    assert bundle(engine, SAID_AT) == 0


def test_delivery_makes_the_digest_before_it_sends_anything(engine):
    for number in range(6):
        complain(engine, no=str(number), intake="query", nature=None, handler="li")
    assert digests(engine) == []
    deliver_outbox(engine, as_of=SAID_AT, gateways=nobody)
    assert [row.payload for row in digests(engine)] == [{"count": 6}]
    deliver_outbox(engine, as_of=SAID_AT, gateways=nobody, dry_run=True)
    assert len(digests(engine)) == 1


@asynccontextmanager
async def nobody():
    """No gateway serves anybody."""
    yield SimpleNamespace(of=lambda owed: None)
