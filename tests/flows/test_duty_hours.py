"""Colleagues are told while they are on duty, only of a crisis at once (rule 98), whatever kept a message so long."""

from __future__ import annotations

import pytest
from complaints_told import SAID_AT, clockwork, complain
from orders_told import A_SECOND, moment, placed, tell
from outbox_told import Calling, deliver, gateways, messages, owe, states

OPENS = moment("03-04 10:00")


@pytest.fixture
def got():
    return []


@pytest.fixture
def told(got):
    """A gateway to colleagues, and one to customers who don't matter here."""
    return gateways(
        {
            "staff": Calling("staff", lambda owed: got.append((owed.what, owed.recipient))),
            "buyer": Calling("buyer", lambda owed: None),
        }
    )


@pytest.mark.parametrize(("at", "leaves"), [("03-03 18:59:59", True), ("03-03 19:00", False)])
def test_what_was_kept_until_the_evening_leaves_while_somebody_is_there(engine, told, got, at, leaves):
    complain(engine)
    clockwork(engine, SAID_AT)  # a colleague is to be told at eleven, and nothing could be sent all day
    deliver(engine, told, moment(at))
    assert got == ([("complaint_general", "值班客服")] if leaves else [])


def test_what_came_too_late_is_held_until_the_desk_opens_and_counts_as_no_try(engine, told, got):
    complain(engine)
    clockwork(engine, SAID_AT)
    report = deliver(engine, told, moment("03-03 19:00"))
    assert (report.waiting, report.postponed, report.red) == (0, 0, False)
    assert "1 held until their readers are on duty" in report.told
    [row] = messages(engine, channel="staff")
    assert (row.attempts, row.answer, row.retry_at) == (0, None, moment("03-03 20:00"))  # looked at each hour
    deliver(engine, told, OPENS - A_SECOND)
    assert messages(engine, channel="staff")[0].retry_at == OPENS
    assert got == []
    deliver(engine, told, OPENS)
    assert got == [("complaint_general", "值班客服")]


def test_a_crisis_is_told_at_any_hour(engine, told, got):
    complain(engine, nature="safety")
    clockwork(engine, SAID_AT)
    deliver(engine, told, moment("03-03 23:30"))
    assert ("complaint_crisis", "公司领导") in got


def test_what_concerns_nobody_by_name_is_held_as_well(engine, told, got):
    complain(engine, intake="query", nature=None)
    [row] = messages(engine, channel="staff")
    assert row.recipient is None
    deliver(engine, told, moment("03-03 19:00"))
    assert got == []
    deliver(engine, told, OPENS)
    assert got == [("inquiry", None)]


def test_what_an_order_needs_goes_to_the_shops_channel_at_once(engine, told, got):
    tell(engine, placed("1"))
    owe(engine, what="dispatch_overdue", channel="staff", owed_at=SAID_AT)
    deliver(engine, told, moment("03-03 23:30"))
    assert (got, states(engine)) == ([("dispatch_overdue", None)], ["sent"])
