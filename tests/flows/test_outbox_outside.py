"""From a decision to the outside world and back: the shop file's gateways, over the sandbox's real protocols."""

from __future__ import annotations

from datetime import timedelta

import pytest
from orders_told import PAID_AT, SHOP, moment, paid, placed, tell
from outbox_told import messages, state
from sandbox_told import Sandbox

from flows.dispatch_cutoff import dispatch_cutoff
from flows.outbox_delivery import decide_and_deliver, deliver_outbox


@pytest.fixture(scope="module")
def running():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running, monkeypatch):
    running.push_to(None)
    running.control("POST", "/reset")
    running.set_clock(moment("03-02 17:00").isoformat())
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name, value in running.environment().items():
        monkeypatch.setenv(name, value)
    return running


def test_an_order_let_go_at_the_cut_off_is_let_go_there_within_the_same_run(engine, sandbox):
    times = {"placed_at": "2026-03-02T10:00:00+08:00", "paid_at": PAID_AT.isoformat()}
    sandbox.place({"no": "1", "shop": SHOP, "amount_fen": 10_000, **times})
    tell(engine, placed(), paid())
    report, delivery = decide_and_deliver(dispatch_cutoff, engine, as_of=moment("03-02 17:00"))
    assert report.triggers["release"] == 1
    ship = messages(engine, what="ship")[0]
    assert (state(ship), delivery.red) == ("sent", False), delivery.rows
    did = [(e["what"], e["key"]) for e in sandbox.effects("platform", "done") if e["what"] == "ship"]
    assert did == [("ship", ship.key)]


@pytest.mark.parametrize("fault", ["lost_answer", "error"])
def test_whatever_happens_on_the_way_there_each_message_has_one_effect(engine, sandbox, fault):
    times = {"placed_at": "2026-03-02T10:00:00+08:00", "paid_at": PAID_AT.isoformat()}
    nos = [str(number) for number in range(1, 11)]
    sandbox.place(*({"no": no, "shop": SHOP, "amount_fen": 10_000, **times} for no in nos))
    tell(engine, *(fact for no in nos for fact in (placed(no), paid(no))))
    sandbox.misbehave("platform", seed=7, **{fault: 0.5}, first_tries=3)
    at = PAID_AT
    for _ in range(40):
        deliver_outbox(engine, as_of=at, clock=lambda at=at: at)
        at += timedelta(minutes=2)
    sent = messages(engine, channel="buyer")
    assert {state(row) for row in sent} == {"sent"}
    told = [e["key"] for e in sandbox.effects("platform", "done")]
    assert sorted(told) == sorted(row.key for row in sent)
