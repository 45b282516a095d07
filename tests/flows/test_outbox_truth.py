"""Nothing leaves that is no longer true (promise 6)."""

from __future__ import annotations

import pytest
from days_told import days_come
from orders_told import A_MINUTE, A_SECOND, AN_HOUR, CUTOFF, PAID_AT, SHOP, fact, order, paid, placed, tell
from other_side import DOES_AND_500, NORMAL, OtherSide
from outbox_told import deliver, later, messages, owe, posting, state
from returns_told import open_case, tell_return
from sqlalchemy import update

from flows.dispatch_cutoff import dispatch_cutoff
from flows.remaking import repromise
from models import OutboxMessage
from models.database import transaction

A_DAY = 24 * AN_HOUR


@pytest.fixture
def there():
    with OtherSide() as there:
        yield there


@pytest.fixture
def bought(engine):
    tell(engine, placed(), paid())
    return engine


def commands(engine) -> list[tuple[str, str]]:
    """What the warehouse is told, and what became of it."""
    return [(row.what, state(row)) for row in messages(engine, channel="warehouse")]


def send(engine, there, at):
    return deliver(engine, posting({"warehouse": there.url}), at)


def test_a_reminder_to_someone_who_has_paid_meanwhile_is_not_sent(engine, there):
    tell(engine, placed())
    owe(engine, only_while=["unpaid"])
    tell(engine, paid())
    report = deliver(engine, posting({"buyer": there.url}), at := later(PAID_AT, minutes=1))
    reminder = messages(engine, what="payment_reminder")[0]
    assert (state(reminder), reminder.lapsed_at, reminder.attempts) == ("lapsed", at, 0)
    assert reminder.lapsed_why == "状态现为 verified / the order is verified by now"
    assert not [asked for asked in there.asked if asked.body["what"] == "payment_reminder"]
    assert (report.refused, report.red) == (1, False)


def test_a_reminder_to_someone_who_has_opted_out_meanwhile_is_not_sent(engine, there):
    tell(engine, placed())
    owe(engine, only_while=["unpaid"])
    tell(engine, fact("opt_out", PAID_AT))
    deliver(engine, posting({"buyer": there.url}), PAID_AT)
    assert ([state(row) for row in messages(engine)], there.asked) == (["lapsed"], [])


def test_the_command_to_ship_tells_the_batch_it_was_owed_for(bought, there):
    dispatch_cutoff(bought, as_of=CUTOFF)
    [ship] = messages(bought, channel="warehouse")
    assert ship.payload == {"cutoff_at": CUTOFF.isoformat()}
    send(bought, there, CUTOFF)
    assert commands(bought) == [("ship", "sent")]


def test_what_was_called_back_before_anybody_was_told_needs_no_stopping(bought, there):
    dispatch_cutoff(bought, as_of=CUTOFF)
    open_case(bought, CUTOFF + A_SECOND)
    send(bought, there, CUTOFF + A_MINUTE)
    assert commands(bought) == [("ship", "lapsed"), ("stop_shipping", "lapsed")]
    assert there.asked == []


def test_what_was_called_back_after_it_was_sent_is_stopped(bought, there):
    dispatch_cutoff(bought, as_of=CUTOFF)
    send(bought, there, CUTOFF)
    open_case(bought, CUTOFF + A_SECOND)
    send(bought, there, CUTOFF + A_MINUTE)
    assert commands(bought) == [("ship", "sent"), ("stop_shipping", "sent")]
    assert [asked.body["what"] for asked in there.asked] == ["ship", "stop_shipping"]


@pytest.mark.parametrize(
    ("behaviour", "stopped"), [(DOES_AND_500, "sent"), (None, "lapsed")], ids=["may have come", "never came"]
)
def test_a_command_that_may_have_come_is_stopped_one_that_never_came_is_not(
    bought, there, behaviour, stopped
):
    dispatch_cutoff(bought, as_of=CUTOFF)
    there.behave(lambda asked: behaviour if asked.body["what"] == "ship" else NORMAL)
    url = there.url if behaviour else "http://127.0.0.1:1"  # nobody listens there
    deliver(bought, posting({"warehouse": url}), CUTOFF)
    open_case(bought, CUTOFF + A_SECOND)
    send(bought, there, CUTOFF + AN_HOUR)
    assert commands(bought) == [("ship", "lapsed"), ("stop_shipping", stopped)]


def test_a_sender_killed_after_its_claim_may_have_sent_the_command(bought, there):
    dispatch_cutoff(bought, as_of=CUTOFF)
    claimed = {"attempts": 1, "claimed_by": "gone", "claimed_until": CUTOFF + A_MINUTE}
    with transaction(bought) as connection:
        connection.execute(
            update(OutboxMessage.__table__).where(OutboxMessage.what == "ship").values(claimed)
        )
    open_case(bought, CUTOFF + A_SECOND)
    send(bought, there, CUTOFF + AN_HOUR)
    assert commands(bought) == [("ship", "lapsed"), ("stop_shipping", "sent")]


def test_of_two_releases_only_the_second_is_told(bought, there):
    dispatch_cutoff(bought, as_of=CUTOFF)
    open_case(bought, CUTOFF + A_SECOND)
    tell_return(bought, "withdraw", CUTOFF + AN_HOUR)
    dispatch_cutoff(bought, as_of=CUTOFF + A_DAY)
    assert order(bought).state == "released"
    send(bought, there, CUTOFF + A_DAY)
    assert commands(bought) == [("ship", "lapsed"), ("stop_shipping", "lapsed"), ("ship", "sent")]
    assert len(there.done) == 1


def test_a_command_never_stopped_is_stopped_by_the_next_recall_although_its_own_was_outlived(bought, there):
    """Sent, called back and released anew before that was told, called back again: the first is still out there."""
    dispatch_cutoff(bought, as_of=CUTOFF)
    send(bought, there, CUTOFF)
    open_case(bought, CUTOFF + A_SECOND)
    tell_return(bought, "withdraw", CUTOFF + AN_HOUR)
    dispatch_cutoff(bought, as_of=CUTOFF + A_DAY)
    open_case(bought, CUTOFF + A_DAY + A_SECOND)
    send(bought, there, CUTOFF + A_DAY + A_MINUTE)
    assert [what for what, became in commands(bought) if became == "sent"] == ["ship", "stop_shipping"]
    assert [asked.body["what"] for asked in there.asked] == ["ship", "stop_shipping"]


# -- a day that moves -------------------------------------------------------------------------------

MONDAY, TUESDAY = "2026-03-02", "2026-03-03"
FIRST, SECOND, THIRD = (PAID_AT + minutes * A_MINUTE for minutes in (10, 20, 30))


def closes(engine, at, *days: str) -> None:
    """From now on the shop is closed on these days, and on no others."""
    days_come(engine, at, closed=list(days))
    repromise(engine, SHOP, as_of=at)


def hears(engine, there, at) -> list[str]:
    """The days that the buyer was told of so far, by messages that say that the day has moved."""
    deliver(engine, posting({"buyer": there.url}), at)
    return [row.payload["on"] for row in messages(engine, what="promise_moved") if row.sent_at]


def lapsed(engine) -> list[str]:
    return [row.lapsed_why for row in messages(engine, what="promise_moved") if row.lapsed_at]


def test_a_day_that_moved_back_before_anything_was_told_is_told_to_nobody(bought, there):
    closes(bought, FIRST, MONDAY)
    closes(bought, SECOND)
    assert f"{order(bought).promise_on}" == MONDAY
    assert hears(bought, there, THIRD) == []
    assert lapsed(bought) == [
        "承诺日又有变动 / another day has been promised since",
        "买家所知的就是这一天 / it is the day that the buyer knows of",
    ]


def test_a_day_that_moves_back_after_the_other_was_told_is_told(bought, there):
    closes(bought, FIRST, MONDAY)
    assert hears(bought, there, FIRST) == [TUESDAY]
    closes(bought, SECOND)
    assert hears(bought, there, SECOND) == [TUESDAY, MONDAY]


def test_a_day_that_moves_back_to_the_last_one_that_left_is_told_once(bought, there):
    closes(bought, FIRST, MONDAY)
    hears(bought, there, FIRST)
    closes(bought, SECOND, MONDAY, TUESDAY)
    closes(bought, THIRD, MONDAY)
    assert hears(bought, there, THIRD) == [TUESDAY]
    assert len(lapsed(bought)) == 2


def test_a_day_that_may_have_been_told_is_taken_back(bought, there):
    hears(bought, there, PAID_AT)  # the day first promised
    there.behave(lambda asked: DOES_AND_500)
    closes(bought, FIRST, MONDAY)
    assert hears(bought, there, FIRST) == []
    there.behave(lambda asked: NORMAL)
    closes(bought, SECOND)
    assert hears(bought, there, SECOND + AN_HOUR) == [MONDAY]
