"""The database itself keeps an order's refunds below what was paid, whatever the rules overlook (promise 7)."""

import threading
from types import SimpleNamespace

import pytest
from orders_told import AN_HOUR
from returns_told import (
    DELIVERED_AT,
    case,
    case_state,
    delivered,
    goods,
    money,
    of_return,
    open_case,
    paid_back,
    pieces,
    refunds,
    sent_back,
    tell_return,
    tell_returns,
)
from sqlalchemy import update

from flows import refund_rows
from flows.refund_rows import MoreThanPaid
from flows.requests import Status
from models import Order
from models.database import transaction
from states import return_guards

AT = DELIVERED_AT + AN_HOUR


@pytest.fixture
def order_of_100(engine):
    """Two lines, two open cases without a refund yet."""
    delivered(engine, lines=goods(("A", 1, 4_000), ("B", 1, 6_000)))
    for position in (1, 2):
        open_case(engine, AT, lines=pieces((position, 1)))
    return engine


def a_refund(fen, *, round_=1, number=1, **values):
    usual = {"id": None, "key": f"{number}/{round_}", "round": round_, "fen": fen, "elsewhere_fen": 0}
    unsettled = {"settled_at": None, "refund_ref": None, "error": None, "frees": False}
    return SimpleNamespace(**{**usual, "state": "requested", "requested_at": AT, **unsettled, **values})


def written(engine, *wanted, number=1):
    """Each refund as the work of one case would bring it."""
    view = SimpleNamespace(id=case(engine, f"1-R{number}").id, order_id=1, shop="bag-studio")
    with transaction(engine) as connection:
        refund_rows.write(connection, [SimpleNamespace(view=view, refunds=list(wanted))])


def stored(engine):
    with engine.connect() as connection:
        return refund_rows.of_orders(connection, [1])


def refunded(engine, fen, of="1"):
    with transaction(engine) as connection:
        connection.execute(update(Order.__table__).filter_by(no=of).values(refunded_fen=fen))


def test_as_much_as_was_paid_can_be_reserved_and_not_a_fen_more(order_of_100):
    written(order_of_100, a_refund(10_000))
    with pytest.raises(MoreThanPaid):
        written(order_of_100, a_refund(1, number=2), number=2)
    assert (money(order_of_100), len(stored(order_of_100))) == ((10_000, 0, 10_000), 1)


def test_what_was_refunded_before_counts(order_of_100):
    refunded(order_of_100, 3_000)
    with pytest.raises(MoreThanPaid):
        written(order_of_100, a_refund(7_001))
    written(order_of_100, a_refund(7_000))
    assert money(order_of_100) == (10_000, 3_000, 7_000)


def test_two_of_one_batch_are_counted_together(order_of_100):
    with pytest.raises(MoreThanPaid):
        written(order_of_100, a_refund(6_000), a_refund(4_001, round_=2))
    assert (money(order_of_100), stored(order_of_100)) == ((10_000, 0, 0), [])


def settled(refund, state):
    refund.state, refund.settled_at, refund.frees = state, AT, True
    return refund


def test_what_failed_is_free_again_also_for_the_next_try_of_the_same_batch(order_of_100):
    written(order_of_100, a_refund(10_000))
    [failed] = stored(order_of_100)
    written(order_of_100, settled(failed, "failed"), a_refund(10_000, round_=2))
    assert money(order_of_100) == (10_000, 0, 10_000)
    assert [r.state for r in stored(order_of_100)] == ["failed", "requested"]


def test_what_was_paid_is_not_free_before_its_order_has_heard_of_it(order_of_100):
    """Else a second refund of the same batch would slip in between."""
    written(order_of_100, a_refund(6_000))
    [succeeded] = stored(order_of_100)
    with pytest.raises(MoreThanPaid):
        written(order_of_100, settled(succeeded, "succeeded"), a_refund(6_000, round_=2))
    assert (money(order_of_100), [r.state for r in stored(order_of_100)]) == (
        (10_000, 0, 6_000),
        ["requested"],
    )


def test_what_is_settled_is_set_free_once(order_of_100):
    written(order_of_100, a_refund(6_000))
    [refund] = stored(order_of_100)
    written(order_of_100, settled(refund, "failed"))
    [refund] = stored(order_of_100)
    refund.state = "succeeded"  # after all; its reservation is gone already
    written(order_of_100, refund)
    assert money(order_of_100) == (10_000, 0, 0)


def test_when_the_rule_forgets_the_money_the_database_does_not(order_of_100, monkeypatch):
    """The pure guard is broken on purpose: the case that asks too much fails, and nothing of it is kept."""
    sent_back(order_of_100, AT + AN_HOUR, "1-R1")
    assert money(order_of_100) == (10_000, 0, 4_000)
    monkeypatch.setattr(return_guards, "left", lambda order: 10**9)
    monkeypatch.setattr(return_guards, "all_refunded", lambda order: False)
    refunded(order_of_100, 1_000)
    for trigger, facts in (("receive", {}), ("inspect", {"finding": "other_condition"})):
        tell_return(order_of_100, trigger, AT + 30 * AN_HOUR, no="1-R2", **facts)
    outcome = tell_return(order_of_100, "pay_back", AT + 40 * AN_HOUR, no="1-R2")
    assert outcome.status is Status.FAILED
    assert "MoreThanPaid" in outcome.error
    assert (case_state(order_of_100, "1-R2"), refunds(order_of_100, "1-R2")) == ("inspected", [])
    assert money(order_of_100) == (10_000, 1_000, 4_000)
    paid_back(order_of_100, AT + 50 * AN_HOUR, "1-R1")
    assert money(order_of_100) == (10_000, 5_000, 0)


def test_one_case_that_asks_too_much_does_not_stop_the_others_of_its_batch(engine, monkeypatch):
    for no in ("1", "2"):
        delivered(engine, no)
        open_case(engine, AT, of=no)
        sent_back(engine, AT, f"{no}-R1", finding="other_condition")
    refunded(engine, 1, of="1")
    monkeypatch.setattr(return_guards, "left", lambda order: 10**9)
    at = AT + 40 * AN_HOUR
    both = [of_return("pay_back", at, no=f"{no}-R1") for no in ("1", "2")]
    assert [o.status for o in tell_returns(engine, *both).outcomes] == [Status.FAILED, Status.CHANGED]
    assert (money(engine, "1"), money(engine, "2")) == ((10_000, 1, 0), (10_000, 0, 10_000))


def test_of_two_connections_at_once_one_gets_the_money(databases):
    """PostgreSQL: the second waits for the first, then looks again."""
    engine = databases.new("postgresql")
    delivered(engine, lines=goods(("A", 1, 4_000), ("B", 1, 6_000)))
    for position in (1, 2):
        open_case(engine, AT, lines=pieces((position, 1)))
    for round_ in range(1, 6):
        start, failed = threading.Barrier(2), []

        def reserve(number, round_=round_, start=start, failed=failed):
            start.wait()
            try:
                written(engine, a_refund(1_500, number=number, round_=round_), number=number)
            except MoreThanPaid:
                failed.append(number)

        threads = [threading.Thread(target=reserve, args=(number,)) for number in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert money(engine) == (10_000, 0, 9_000), "six of ten"
    assert len(stored(engine)) == 6
