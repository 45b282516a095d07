"""A clock that was fifteen days ahead, and is right again, has frozen nothing (design.md §4)."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from types import SimpleNamespace

import pytest
from complaints_told import SAID_AT, clockwork, complain
from orders_told import A_MINUTE, A_SECOND, AN_HOUR, PAID_AT, SHOP, moment, paid, placed, rows, tell
from other_side import DOWN, NORMAL, OtherSide
from outbox_told import deliver, messages, orders, owe, posting, states
from payment_service import NORMAL as PAID_NOW
from payment_service import UNAVAILABLE_503, PaymentService
from returns_told import ASKED_AT, gateway, open_case, release
from sqlalchemy import Engine, select, update
from test_complaints_heard import NOW, a_complaint
from test_inbox import heard

from flows import circuits, sweep
from flows.digests import bundle
from flows.inbox_processing import LONGEST_DELAY, process_inbox
from flows.not_before import is_ahead, passed
from flows.outbox_desk import abandon
from flows.outbox_rows import LEASE, Route, Wanted, claim
from flows.outbox_tries import Ending, Try, became
from flows.payment_reminders import remind_unpaid
from flows.refunds import RefundReport, pay_refunds
from flows.scope import Scope
from flows.sql import insert_all
from models import Complaint, Destination, InboxFact, OutboxMessage, Refund, Timer
from models.database import transaction

AHEAD = timedelta(days=15)
OVER_AT = ASKED_AT + timedelta(hours=24)
BUYER = Route(SHOP, "buyer")


@pytest.fixture
def there():
    with OtherSide() as there:
        yield there


def stored(engine: Engine, table, **values) -> None:
    with transaction(engine) as connection:
        connection.execute(update(table.__table__).values(values))


def buyer(there: OtherSide):
    return posting({"buyer": there.url})


@pytest.mark.parametrize(
    ("ahead", "waits"),
    [
        (timedelta(), False),
        (A_SECOND, True),
        (AN_HOUR, True),
        (AN_HOUR + A_SECOND, False),
        (AHEAD, False),
    ],
)
def test_a_moment_is_waited_for_as_long_as_it_can_mean_and_not_a_second_longer(engine, ahead, waits):
    tell(engine, placed())
    stored(engine, Timer, retry_at=PAID_AT + ahead)
    with transaction(engine) as connection:
        due = select(Timer.__table__.c.id).where(passed(Timer.__table__.c.retry_at, PAID_AT, AN_HOUR))
        assert bool(connection.execute(due).first()) is not waits
    assert is_ahead(PAID_AT + ahead, PAID_AT, AN_HOUR) is waits
    assert not is_ahead(None, PAID_AT, AN_HOUR)


def test_messages_that_failed_then_are_sent_now_and_their_destination_is_asked_now(engine, there):
    owe(engine, orders(engine, 6))
    there.behave(lambda asked: DOWN)
    deliver(engine, buyer(there), PAID_AT + AHEAD)
    [destination] = rows(engine, Destination)
    assert min(destination.open_until, destination.next_at) >= PAID_AT + AHEAD
    there.behave(lambda asked: NORMAL)
    for minute in range(3):  # the first run asks by one message whether they are back
        deliver(engine, buyer(there), PAID_AT + minute * A_MINUTE)
    assert states(engine) == ["sent"] * 6


def test_a_place_in_the_rate_that_was_kept_then_holds_nobody_up_now(engine, there):
    owe(engine, orders(engine, 1))
    with transaction(engine) as connection:
        row = {"name": f"{SHOP}/buyer", "failures": 0, "next_at": PAID_AT + AHEAD}
        insert_all(connection, Destination.__table__, [row])
    deliver(engine, buyer(there))
    assert states(engine) == ["sent"]
    assert rows(engine, Destination)[0].next_at < PAID_AT + circuits.RESERVED


def test_what_somebody_claimed_then_is_free_now(engine, there):
    owe(engine, orders(engine, 1))
    then = PAID_AT + AHEAD
    with transaction(engine) as connection:
        assert claim(connection, Wanted(then), BUYER, by="x", now=then, until=then + LEASE, limit=1)
    deliver(engine, buyer(there))
    assert states(engine) == ["sent"]


def test_what_somebody_claimed_then_can_be_given_up_now(engine):
    [key] = owe(engine, orders(engine, 1))
    stored(engine, OutboxMessage, claimed_until=PAID_AT + AHEAD)
    abandon(engine, key, reason="不用了", by="li", now=PAID_AT)
    assert states(engine) == ["dead"]


def test_who_is_off_duty_for_days_is_looked_for_again_within_the_hour():
    row = SimpleNamespace(attempts=1, misses=0, answer=None)
    held = Try(row, "1", Ending.HELD, "shop/staff", retry_after=timedelta(days=3))
    assert became(held, PAID_AT)["retry_at"] == PAID_AT + circuits.LONGEST


def test_a_digest_begun_then_leaves_now(engine):
    for number in range(6):
        complain(engine, no=str(number))
    clockwork(engine, SAID_AT)
    then = SAID_AT + AHEAD
    with transaction(engine) as connection:
        frozen = update(OutboxMessage.__table__).where(OutboxMessage.__table__.c.what == "digest")
        connection.execute(frozen.values(owed_at=then, not_before=then + A_MINUTE))
    bundle(engine, SAID_AT + A_MINUTE)
    [digest] = messages(engine, what="digest")
    assert (digest.owed_at, digest.not_before) == (SAID_AT + A_MINUTE, None)


@pytest.mark.parametrize(
    "then",
    [
        {"state": "unknown", "attempts": 1, "retry_at": OVER_AT + AHEAD},
        {"state": "requested", "attempts": 1, "retry_at": OVER_AT + AHEAD},
        {"state": "sent", "attempts": 1, "sent_at": OVER_AT + AHEAD},
    ],
    ids=["unknown", "requested", "sent"],
)
def test_a_refund_that_was_put_off_or_sent_then_is_paid_now_and_once(engine, then):
    tell(engine, placed(), paid())
    open_case(engine, ASKED_AT)
    with PaymentService() as service, closing(gateway(service)) as payments:
        service.behave(UNAVAILABLE_503, PAID_NOW)
        release(engine, OVER_AT, service)
        stored(engine, Refund, **{"retry_at": None, **then})
        for at in (OVER_AT + A_MINUTE, OVER_AT + 2 * A_MINUTE):
            report = RefundReport("release-refunds", at)
            pay_refunds(engine, payments, report, Scope(), clock=lambda at=at: at)
    assert [row.state for row in rows(engine, Refund)] == ["succeeded"]
    assert len(service.paid) == 1


def test_a_timer_that_was_put_off_then_rings_now(engine):
    tell(engine, placed())
    rung = moment("03-02 10:30")
    stored(engine, Timer, retry_at=rung + sweep.LONGEST_DELAY, attempts=1)
    assert remind_unpaid(engine, as_of=rung).claimed == 0
    stored(engine, Timer, retry_at=rung + AHEAD, attempts=1)
    assert remind_unpaid(engine, as_of=rung).triggers == {"remind": 1}


def test_a_fact_that_was_put_off_then_is_worked_on_now(engine):
    heard(engine, a_complaint(), now=NOW)  # of an order that we don't know yet
    stored(engine, InboxFact, retry_at=NOW + LONGEST_DELAY, received_at=NOW - AN_HOUR)
    assert process_inbox(engine, now=NOW).facts == 0
    stored(engine, InboxFact, retry_at=NOW + AHEAD)
    assert process_inbox(engine, now=NOW).new == 1


def test_a_complaint_that_was_received_then_does_not_wait_for_its_order_until_then(engine):
    heard(engine, a_complaint(), now=NOW + AHEAD)
    stored(engine, InboxFact, received_at=NOW + AHEAD)
    process_inbox(engine, now=NOW)
    assert len(rows(engine, Complaint)) == 1
