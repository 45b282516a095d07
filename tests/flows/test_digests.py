"""No flood: what waits for one colleague leaves as one message, and only what is still true (promise 6)."""

from __future__ import annotations

from complaints_told import SAID_AT, clockwork, complain, complaint_owed, done
from orders_told import A_MINUTE, rows
from sqlalchemy import event

from flows.complaint_steps import complaint_escalations
from flows.digests import bundle
from models import OutboxMessage

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
            assert len(sent) <= 4, sent  # the notices, their cases, the shop's settings


def test_two_runs_at_the_same_moment_make_one_digest(engine):
    for number in range(6):
        complain(engine, no=str(number))
    complaint_escalations(engine, as_of=SAID_AT)
    assert bundle(engine, SAID_AT) == 0
    assert len(digests(engine)) == 1
