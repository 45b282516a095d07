"""A bounded part of `tests/benchmarks/kill_week.py`: few orders, few kills, no Prefect, both databases."""

from __future__ import annotations

from tests.benchmarks.kill_week import Plan, live

# Draining takes seconds; a busy machine is no finding.
PLAN = Plan(orders=30, kills=4, seed=5, seconds=4, patience=300)


def test_after_a_week_of_kills_and_faults_both_ledgers_agree_row_for_row(engine, databases, kefu_home):
    kefu_home.mkdir()
    seen = live(engine, databases.url(engine), kefu_home, PLAN)
    assert (seen.differences, seen.unexpected) == ([], [])
    assert seen.struck["kill"] == PLAN.kills
    happened = {"orders", "pays", "leaves", "signs", "comes back", "complains", "resolve", "call"}
    assert happened <= seen.did.keys()
    compared = ("payments refund done", "platform message done", "our message sent", "event taken")
    assert all(seen.counts[what] for what in compared)
    assert {"platform", "payments", "carrier"} <= seen.met.keys()  # so few notices may all be lucky
