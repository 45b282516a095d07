"""When complaints about the same are enough to be put right (rule 102)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from states.policies.rectifications import About, RectificationPolicy

NOW = datetime(2026, 3, 3, 3, tzinfo=UTC)
A_DAY, AN_INSTANT = timedelta(days=1), timedelta(microseconds=1)
RULES = RectificationPolicy(about_goods=3, about_cause=4, within=timedelta(days=10))
moments = st.lists(
    st.integers(0, 40).map(lambda days: NOW - days * A_DAY)
    | st.timedeltas(timedelta(0), 40 * A_DAY).map(lambda ago: NOW - ago),
    max_size=12,
)


@pytest.mark.parametrize(("apart", "enough"), [(10 * A_DAY, True), (10 * A_DAY + AN_INSTANT, False)])
def test_the_time_includes_its_last_moment(apart, enough):
    came_at = [NOW - apart, NOW - A_DAY, NOW]
    assert bool(RULES.cluster(came_at, About.GOODS, NOW)) is enough


def test_goods_and_causes_have_counts_of_their_own():
    came_at = [NOW - A_DAY, NOW, NOW]
    assert RULES.cluster(came_at, About.GOODS, NOW).count == 3
    assert RULES.cluster(came_at, About.CAUSE, NOW) is None


@given(came_at=moments, about=st.sampled_from(About))
def test_it_is_enough_exactly_where_some_complaint_of_late_has_enough_before_it_in_time(came_at, about):
    def has_enough(last: datetime) -> bool:
        return sum(last - RULES.within <= at <= last for at in came_at) >= RULES.enough(about)

    of_late = [at for at in came_at if at >= NOW - RULES.within]
    found = RULES.cluster(came_at, about, NOW)
    assert bool(found) is any(map(has_enough, of_late))
    if found:
        assert found.since in came_at
        assert found.count == sum(at >= found.since for at in came_at) >= RULES.enough(about)
        assert found.since >= RULES.looks_back_to(NOW)


@given(came_at=moments, about=st.sampled_from(About))
def test_what_is_older_than_it_looks_back_to_makes_no_difference(came_at, about):
    recent = [at for at in came_at if at >= RULES.looks_back_to(NOW)]
    assert RULES.cluster(came_at, about, NOW) == RULES.cluster(recent, about, NOW)


@given(st.timedeltas(timedelta(0), 30 * A_DAY))
def test_the_next_question_comes_later_within_the_time_and_never_passes_the_deadline_over(since):
    at, due_at = NOW + since, NOW + RULES.finish_within
    asks_at = RULES.asks_at(at, due_at)
    assert at < asks_at <= at + RULES.report_every
    assert not at < due_at < asks_at
