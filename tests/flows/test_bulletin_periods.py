"""Which days a bulletin is about, and when they begin and end by the shop's clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.bulletin_periods import A_DAY, Every, Period, chosen, read_day
from states.errors import BadInput

days = st.dates(date(1990, 1, 1), date(2100, 1, 1))


@pytest.mark.parametrize(
    ("first", "last", "name", "before"),
    [
        ("2026-03-01", "2026-03-31", "2026-03", "2026-02"),
        ("2026-01-01", "2026-01-31", "2026-01", "2025-12"),
        ("2026-03-02", "2026-03-08", "2026-W10", "2026-W09"),
        ("2024-12-30", "2025-01-05", "2025-W01", "2024-W52"),
        ("2026-03-01", "2026-03-01", "2026-03-01", "2026-02-28"),
        ("2026-03-01", "2026-03-10", "2026-03-01_2026-03-10", "2026-02-19_2026-02-28"),
        ("2026-03-03", "2026-03-09", "2026-03-03_2026-03-09", "2026-02-24_2026-03-02"),
    ],
)
def test_a_period_has_a_name_and_one_before_it(first, last, name, before):
    period = Period(date.fromisoformat(first), date.fromisoformat(last))
    assert (period.name, period.before().name) == (name, before)


@pytest.mark.parametrize(
    ("today", "every", "name"),
    [
        ("2026-03-02", Every.WEEK, "2026-W09"),  # on Monday: the week that ended yesterday
        ("2026-03-08", Every.WEEK, "2026-W09"),  # on Sunday: this week is not over
        ("2026-03-01", Every.MONTH, "2026-02"),
        ("2026-03-31", Every.MONTH, "2026-02"),
        ("2026-01-01", Every.MONTH, "2025-12"),
    ],
)
def test_without_days_it_is_the_last_one_that_is_over(today, every, name):
    assert chosen(date.fromisoformat(today), every).name == name


def test_days_begin_and_end_by_the_clock_of_the_shop_also_where_clocks_change():
    march = Period(date(2026, 3, 1), date(2026, 3, 31))
    shanghai = march.bounds(ZoneInfo("Asia/Shanghai"))
    assert shanghai == (datetime(2026, 2, 28, 16, tzinfo=UTC), datetime(2026, 3, 31, 16, tzinfo=UTC))
    start, end = march.bounds(ZoneInfo("Europe/Berlin"))
    assert end - start == timedelta(days=31) - timedelta(hours=1)


@given(days, st.sampled_from(Every))
def test_the_one_before_ends_the_day_before_and_is_of_its_kind(day, every):
    period = Period.around(day, every)
    assert period.first <= day <= period.last
    assert period.before().last + A_DAY == period.first
    assert period.before() == Period.around(period.before().first, every)


@given(days, st.integers(0, 400))
def test_each_day_is_in_it_once(first, more):
    period = Period(first, first + more * A_DAY)
    assert period.days[0] == first
    assert period.days[-1] == period.last
    assert len(set(period.days)) == more + 1


@pytest.mark.parametrize(("first", "last"), [(None, date(2026, 3, 1)), (date(2026, 3, 2), date(2026, 3, 1))])
def test_what_is_no_period_is_answered(first, last):
    with pytest.raises(BadInput):
        chosen(date(2026, 3, 3), Every.WEEK, first, last)


@pytest.mark.parametrize("text", ["2026-3-1", "2026-02-30", "yesterday", "20260301", "2026-03-01T00:00"])
def test_what_is_no_day_is_answered(text):
    with pytest.raises(BadInput, match="is no day"):
        read_day(text, "--from")
