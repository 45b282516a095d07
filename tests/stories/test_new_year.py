"""A week over New Year, of which nobody knows the working days (promise 13): nothing is stranded."""

from __future__ import annotations

import pytest
from complaints_told import complaint, complaint_steps
from new_year_told import KITCHEN, live, stranded
from orders_told import SHOP, anomalies, clock, of_case, order, rows
from payment_service import PaymentService

from flows.timed_steps import TIMED_STEPS
from models import Anomaly, Order, OutboxMessage, Timer


@pytest.fixture
def payments(monkeypatch):
    with PaymentService() as service:
        monkeypatch.setenv("KEFU_PAYMENTS_URL", service.url)
        yield service


def test_a_week_over_new_year_ends_with_nothing_stranded(engine, library, payments):
    red = []

    def run(step: str, at) -> None:
        report = TIMED_STEPS[step](engine, as_of=at)
        if report.red:
            red.append((step, clock(at), report.rows))

    live(engine, run)
    assert red == []
    assert stranded(engine) == []
    assert rows(engine, Anomaly) == []
    assert [t for t in rows(engine, Timer, done_at=None, cancelled_at=None) if t.unknown_on] == []
    assert {o.state for o in rows(engine, Order)} <= {"delivered", "completed", "refunded"}
    tells_its_story(engine)
    assert [fen for _, fen in payments.paid] == [10_000]


def tells_its_story(engine) -> None:
    """What each of them met."""
    left = {
        no: clock(order(engine, no).batch_cutoff_at)
        for no in ("12-30/18", "12-31/18", "01-01/18", "01-02/10")
    }
    assert left == {"12-30/18": "12-31 17:00", **dict.fromkeys(list(left)[1:], "01-03 17:00")}, "and no later"
    assert clock(order(engine, "12-30/10").batch_cutoff_at) == "01-03 17:00", "held until then"
    assert clock(order(engine, "01-01/18", KITCHEN).batch_cutoff_at) == "01-02 16:00", "works every day"
    moved = {row.case_id: row.text for row in rows(engine, OutboxMessage, what="promise_moved")}
    assert len(moved) == len(rows(engine, OutboxMessage, what="promise_moved")), "each is told once"
    told = {o.no for o in rows(engine, Order) if o.id in moved}
    assert told == {"12-31/18", "01-01/10", "01-01/18", "01-02/10"}
    assert anomalies(engine, "12-31/10") == []
    assert order(engine, "12-31/10").state == "refunded"
    assert {complaint(engine, no, shop).state for no, shop in CASES} <= {"surveyed", "closed"}
    assert ("call_due", "12-28 15:00") in complaint_steps(engine, "old-C1")
    called = dict(complaint_steps(engine, "new-C1"))["call_due"]
    assert called == "01-03 15:00", "its ideal day was a Saturday; the Sunday turned out to be a working day"
    warned = [clock(row.owed_at) for row in rows(engine, OutboxMessage, what="days_end")]
    assert warned == ["12-28 16:00", "01-01 16:00"], "until the days came"
    assert of_case(engine, OutboxMessage, "12-31/18", what="address_confirmation")[0].text.count("预计") == 1


CASES = (("old-C1", SHOP), ("new-C1", SHOP), ("new-C1", KITCHEN))
