"""The moments at which a file is lived through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flows.replay import moments

START = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "every", "lived"),
    [(0, 1, [0]), (3, 1, [0, 1, 2, 3]), (5, 2, [0, 2, 4, 5]), (3, 24, [0, 3])],
)
def test_both_ends_are_lived_through_whether_the_steps_meet_the_end_or_not(hours, every, lived):
    end, step = START + timedelta(hours=hours), timedelta(hours=every)
    assert list(moments(START, end, step)) == [START + timedelta(hours=h) for h in lived]
