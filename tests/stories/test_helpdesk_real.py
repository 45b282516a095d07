"""A real help desk's tickets of one spring, lived through as complaints and reckoned again (Show 1, a part of it).

All 4,580 are lived through by `python -m tests.benchmarks.helpdesk_real`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from orders_told import real_data

from tests.benchmarks.helpdesk_life import SHOP_FILE
from tests.benchmarks.helpdesk_real import lived_and_checked
from tests.benchmarks.helpdesk_rules import Desk, Rules
from tests.benchmarks.helpdesk_tickets import Entry, Ticket, read

ROME = ZoneInfo("Europe/Rome")
SPRING = datetime(2011, 2, 21, tzinfo=UTC), datetime(2011, 4, 30, tzinfo=UTC)  # the clock changes on 27 March
A_MINUTE = timedelta(minutes=1)


def test_real_tickets_come_out_as_the_rules_text_reckons_them(engine):
    first, last = SPRING
    tickets = [
        ticket
        for ticket in read(real_data("helpdesk/helpdesk_events.csv.gz"))
        if first <= ticket.entries[0].at and ticket.entries[-1].at < last
    ]
    checks = lived_and_checked(engine, tickets)
    assert [row for row in checks.rows if row[3] is False] == []
    said = {name: found for name, found, *_ in checks.rows}
    assert len(tickets) > 100
    assert said["told: wait"] > 40
    assert said["told: hear"] > 10
    assert said["by the clock: survey"] > 30


def test_made_up_tickets_come_out_as_the_rules_text_reckons_them(engine):
    """Where the real ones are not at hand: every kind of entry, one after the other, by each kind of caller."""
    checks = lived_and_checked(engine, [made_up(number) for number in range(12)])
    assert [row for row in checks.rows if row[3] is False] == []


def made_up(number: int) -> Ticket:
    """In charge, waiting, resolved, taken up again, resolved: at other hours and intervals for each number."""
    at, entries = datetime(2013, 3, 25, 7, tzinfo=UTC) + number * timedelta(hours=5, minutes=7), []
    steps = ["Insert ticket", "Assign seriousness", "Take in charge ticket", "Wait", "Take in charge ticket"]
    steps += [
        "Schedule intervention",
        "Resolve ticket",
        "Require upgrade",
        "Wait",
        "Resolve ticket",
        "Closed",
    ]
    for place, activity in enumerate(steps):
        value = f"Value {1 + (number + place) % 4}"
        entries.append(Entry(activity, at, f"Value {place % 3}", value, "Value 1"))
        at += timedelta(minutes=(61 * (number + 1) * (place + 1)) % 2_000)
    return Ticket(str(number), entries)


# -- the reckoning itself, reckoned by hand ---------------------------------------------------------------


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2011-{text}").replace(tzinfo=ROME).astimezone(UTC)


@pytest.mark.parametrize(
    ("start", "minutes", "pauses", "due"),
    [
        ("03-25 17:30", 30, [], "03-25 18:00"),  # a Friday: used up as the desk closes
        ("03-25 17:30", 31, [], "03-28 09:01"),  # over a weekend on which the clock is put forward
        ("03-25 12:59", 2, [], "03-25 14:01"),  # over noon
        ("03-25 10:00", 60, [("03-25 10:30", "03-25 11:00")], "03-25 11:30"),
        ("03-25 10:00", 60, [("03-25 10:30", None)], None),
        ("03-25 10:00", 60, [("03-25 11:00", None)], "03-25 11:00"),
        ("03-25 10:45", 60, [("03-25 10:30", "03-25 17:30")], "03-28 09:30"),
    ],
)
def test_the_reckoning_counts_desk_hours_and_no_pauses(start, minutes, pauses, due):
    desk = Desk({"daily": ["09:00-13:00", "14:00-18:00"], "sat": [], "sun": []}, ROME)
    told = [[at(begins), ends and at(ends)] for begins, ends in pauses]
    found = desk.due(at(start), minutes * A_MINUTE, told)
    assert found == (due and at(due))
    if found and not pauses:
        assert minute_by_minute(at(start), minutes) == found


def minute_by_minute(moment: datetime, minutes: int) -> datetime:
    """The same, walked."""
    while minutes:
        local = moment.astimezone(ROME)
        minutes -= local.weekday() < 5 and (9 <= local.hour < 13 or 14 <= local.hour < 18)
        moment += A_MINUTE
    return moment


def test_the_reckoning_knows_the_numbers_of_the_shop_file():
    rules = Rules(SHOP_FILE)
    assert (rules.within, rules.attempts) == (timedelta(days=7), 3)
    assert rules.desk.hours(at("03-25 12:00").date())[:2] == [at("03-25 09:00"), at("03-25 10:00")]
