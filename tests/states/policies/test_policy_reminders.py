from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from states.policies.hours import OpeningHours
from states.policies.reminders import PaymentPolicy, Rung

SHANGHAI = ZoneInfo("Asia/Shanghai")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
DAYTIME = OpeningHours(daily=["09:00-23:30"])
ALWAYS = OpeningHours(daily=["00:00-24:00"])
POLICY = PaymentPolicy(desk="in_sales")
A_SECOND = timedelta(seconds=1)


def at(day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, second, tzinfo=SHANGHAI)


def planned(placed_at, policy=POLICY, hours=DAYTIME, pay_by=None):
    plan = policy.plan(placed_at, pay_by or policy.pay_by(placed_at), hours, SHANGHAI)
    return [(rung.rung, rung.due_at) for rung in plan]


def a_policy(*ladder: dict, deadline: str = "72 h") -> PaymentPolicy:
    return PaymentPolicy(desk="in_sales", deadline=deadline, ladder=ladder)


def test_an_order_is_to_be_paid_within_72_hours():
    assert POLICY.pay_by(at(2, 10)) == at(5, 10)


def test_the_deadline_counts_real_hours_when_the_clock_changes():
    placed = datetime(2017, 10, 14, 12, tzinfo=SAO_PAULO)
    assert POLICY.pay_by(placed) - placed.astimezone(UTC) == timedelta(hours=72)


def test_the_default_ladder_speaks_three_times():
    assert planned(at(2, 10)) == [(1, at(2, 10, 30)), (2, at(2, 22)), (3, at(5, 9))]


def test_a_rung_outside_contact_hours_waits_for_the_next_opening():
    one = a_policy({"after": "30 min"})
    assert planned(at(2, 22, 59, 59), one) == [(1, at(2, 23, 29, 59))]
    assert planned(at(2, 23), one) == [(1, at(3, 9))]


def test_a_moved_rung_says_so():
    (moved,) = a_policy({"after": "30 min"}).plan(at(2, 23), at(5, 23), DAYTIME, SHANGHAI)
    assert [reason.code for reason in moved.reasons] == ["unpaid", "moved_to_contact_hours"]
    (punctual,) = a_policy({"after": "30 min"}).plan(at(2, 10), at(5, 10), DAYTIME, SHANGHAI)
    assert [(reason.code, reason.rule) for reason in punctual.reasons] == [("unpaid", 38)]


def test_of_rungs_that_wait_for_the_same_opening_only_the_later_speaks():
    two = a_policy({"after": "30 min"}, {"after": "3 h"})
    assert planned(at(2, 23, 15), two) == [(2, at(3, 9))]


def test_of_rungs_for_the_very_same_moment_only_the_later_speaks():
    two = a_policy({"after": "70 h"}, {"before_deadline": "2 h"})
    assert planned(at(2, 12), two) == [(2, at(5, 10))]


def test_a_rung_that_would_come_at_the_deadline_or_later_is_dropped():
    last = a_policy({"before_deadline": "2 h"})
    assert planned(at(2, 0), last, pay_by=at(3, 9, 0)) == []
    assert planned(at(2, 0), last, pay_by=at(3, 9, 0, 1)) == [(1, at(3, 9))]
    assert planned(at(2, 10), a_policy({"after": "24 h"}, deadline="24 h")) == []


def test_a_rung_before_placing_is_dropped():
    hasty = a_policy({"before_deadline": "2 h"}, {"after": "30 min"}, deadline="2 h")
    assert planned(at(2, 10), hasty) == [(2, at(2, 10, 30))]


def test_rungs_keep_their_number_and_speak_by_time():
    shuffled = a_policy({"after": "12 h"}, {"after": "30 min"})
    assert planned(at(2, 10), shuffled) == [(2, at(2, 10, 30)), (1, at(2, 22))]


def test_a_ladder_may_have_any_number_of_rungs():
    assert planned(at(2, 10), a_policy()) == []
    assert len(planned(at(2, 10), a_policy(*({"after": f"{hour} h"} for hour in range(1, 14))))) == 13


def test_the_next_rung_follows_the_one_done():
    def next_rung(done):
        rung = POLICY.next_rung(done, at(2, 10), at(5, 10), DAYTIME, SHANGHAI)
        return rung and rung.rung

    assert [next_rung(done) for done in (None, 1, 2, 3)] == [1, 2, 3, None]
    with pytest.raises(ValueError, match="rung 4 is not on this ladder of 3"):
        next_rung(4)


def test_the_next_rung_is_found_after_one_that_was_itself_merged_away():
    ladder = a_policy({"after": "30 min"}, {"after": "3 h"}, {"after": "24 h"})
    placed = at(2, 23, 15)
    rungs = [ladder.next_rung(done, placed, at(5, 23), DAYTIME, SHANGHAI) for done in (None, 1, 2)]
    assert [rung.rung for rung in rungs] == [2, 2, 3]


def test_nothing_is_next_on_an_empty_ladder():
    assert a_policy().next_rung(None, at(2, 10), at(5, 10), DAYTIME, SHANGHAI) is None


@pytest.mark.parametrize("rung", [{}, {"after": "1 h", "before_deadline": "1 h"}])
def test_a_rung_counts_from_exactly_one_end(rung):
    with pytest.raises(ValidationError, match="exactly one of after and before_deadline"):
        Rung(**rung)


A_RUNG = st.builds(
    lambda key, hours: {key: f"{hours} h"}, st.sampled_from(["after", "before_deadline"]), st.integers(1, 100)
)


@given(st.lists(A_RUNG, max_size=8), st.integers(1, 100), st.integers(0, 10_000))
def test_every_planned_rung_lies_between_placing_and_deadline_in_contact_hours(ladder, hours, minutes):
    policy = a_policy(*ladder, deadline=f"{hours} h")
    placed = at(2, 0) + timedelta(minutes=minutes)
    plan = policy.plan(placed, policy.pay_by(placed), DAYTIME, SHANGHAI)
    assert all(placed < rung.due_at < policy.pay_by(placed) for rung in plan)
    assert all(DAYTIME.is_open(rung.due_at, SHANGHAI) for rung in plan)
    moments = [rung.due_at for rung in plan]
    assert moments == sorted(set(moments))
