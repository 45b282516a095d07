"""A bounded part of the month of `tests/benchmarks/complaints_month.py`: two weeks with both stops of the system."""

from __future__ import annotations

from datetime import datetime

import pytest
from orders_told import AN_HOUR

from tests.benchmarks.month_checks import check
from tests.benchmarks.month_life import ZONE, Month
from tests.benchmarks.real_checks import Checks
from tests.databases import KINDS, difference, end_state

NUMBER, SEED = 80, 7
FORTNIGHT = {"begins_at": datetime(2026, 3, 9, tzinfo=ZONE), "days": 12, "every": AN_HOUR}


def broken(checks: Checks) -> list[tuple]:
    return [(name, found, expected) for name, found, expected, kept in checks.rows if kept is False]


@pytest.fixture
def lived(databases):
    """The same fortnight on both databases, what they hold at its end, and what was found in it."""
    lives = {}
    for kind in KINDS:
        engine = databases.new(kind)
        life = Month(engine, NUMBER, SEED, **FORTNIGHT).live()
        lives[kind] = (check(engine, life, NUMBER), life, end_state(engine))
    return lives


def test_every_promise_is_kept_in_a_fortnight_and_both_databases_end_alike(lived):
    (sqlite, life, one), (postgresql, _, other) = (lived[kind] for kind in KINDS)
    assert broken(sqlite) == []
    assert broken(postgresql) == []
    assert difference(one, other) == []
    assert len(life.after_stops) == 2
    happened = {
        trigger for (trigger, status, _), times in life.outcomes.items() if status == "changed" and times
    }
    assert happened >= {
        "register",
        "hear",
        "acknowledge",
        "respond",
        "wait",
        "resolve",
        "call",
        "answer",
        "escalate",
    }
    assert {*life.triggers} >= {"climb", "chase_response", "chase_resolution", "call_due", "survey", "lapse"}
