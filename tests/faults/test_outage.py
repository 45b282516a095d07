"""One destination down for an hour: the others do not notice, and it is not flooded when it is back."""

from outbox_told import states

from tests.benchmarks.outage import ORDERS, RATE, STEPS, lived


def test_one_destination_down_for_an_hour(engine):
    hour = lived(engine, outage=True)
    assert hour.p99 < 2, "whoever waited for its time-outs would have waited for all of them"
    assert len(hour.waited) == 2 * ORDERS * (STEPS + 1)
    assert hour.asked_while_down <= ORDERS + STEPS, "all at once before it was known, then one probe a time"
    assert len(hour.drained) == hour.expected
    assert hour.in_order
    assert hour.busiest <= RATE * 1.2
    assert states(engine) == ["sent"] * 3 * hour.expected
