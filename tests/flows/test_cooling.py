"""The 24-hour refund (rule 84): stopped at once, paid back once, and not a second before."""

from datetime import timedelta

import pytest
from orders_told import (
    A_SECOND,
    AN_HOUR,
    CUTOFF,
    PAID_AT,
    fact,
    holds,
    open_timers,
    order,
    paid,
    placed,
    tell,
)
from payment_service import PaymentService
from returns_told import (
    case,
    case_owed,
    case_state,
    case_steps,
    money,
    open_case,
    refunds,
    refused,
    release,
    tell_return,
)

from flows.dispatch_cutoff import dispatch_cutoff

ASKED_AT = PAID_AT + AN_HOUR  # 03-02 11:20
OVER_AT = ASKED_AT + timedelta(hours=24)


@pytest.fixture
def service():
    with PaymentService() as service:
        yield service


@pytest.fixture
def bought(engine):
    """A paid order, verified, waiting for its cut-off."""
    tell(engine, placed(), paid())
    assert order(engine).state == "verified"
    return engine


def test_who_no_longer_wants_it_gets_the_money_after_24_hours_once(bought, service):
    assert open_case(bought, ASKED_AT).changes[-1].dest == "cooling"
    assert holds(bought) == ["aftersales 1-R1"]
    dispatch_cutoff(bought, as_of=CUTOFF)
    assert order(bought).state == "verified"

    release(bought, OVER_AT - A_SECOND, service)
    assert (case_state(bought), service.paid) == ("cooling", [])
    report = release(bought, OVER_AT, service)
    assert service.paid == [("bag-studio/return/1-R1/refund/1", 10_000)]
    assert (report.done, report.paid_fen, report.red) == (2, 10_000, False)
    assert (case_state(bought), order(bought).state) == ("refunded", "refunded")
    assert money(bought) == (10_000, 10_000, 0)
    assert refunds(bought) == [("succeeded", 10_000)]
    assert holds(bought) == []

    release(bought, OVER_AT + AN_HOUR, service)
    assert len(service.paid) == 1
    assert case_owed(bought) == ["return_cooling", "refund_paid"]


def test_who_withdraws_gets_the_order_after_all(bought, service):
    open_case(bought, ASKED_AT)
    tell_return(bought, "withdraw", OVER_AT - A_SECOND, by="li")
    assert case_state(bought) == "withdrawn"
    assert holds(bought) == []
    assert open_timers(bought)["dispatch_cutoff"] == "03-03 17:00"
    release(bought, OVER_AT, service)
    assert service.paid == []
    dispatch_cutoff(bought, as_of=CUTOFF + timedelta(hours=24))
    assert order(bought).state == "released"


def test_24_hours_on_it_is_too_late_to_withdraw_whoever_comes_first(bought):
    open_case(bought, ASKED_AT)
    assert refused(tell_return(bought, "withdraw", OVER_AT + A_SECOND)) == ["not_from_this_state"]
    assert case_state(bought) == "refunding"


def test_what_was_let_go_is_called_back(bought, service):
    dispatch_cutoff(bought, as_of=CUTOFF)
    assert order(bought).state == "released"
    open_case(bought, CUTOFF + A_SECOND)
    assert (order(bought).state, holds(bought)) == ("verified", ["aftersales 1-R1"])
    release(bought, CUTOFF + A_SECOND + timedelta(hours=24), service)
    assert (order(bought).state, len(service.paid)) == ("refunded", 1)


def test_a_parcel_that_had_left_makes_it_a_return(bought, service):
    open_case(bought, ASKED_AT)
    tell(bought, fact("ship", ASKED_AT + AN_HOUR, waybill="SF1234567890"))
    release(bought, OVER_AT, service)
    assert service.paid == []
    assert case(bought).kind == "return_refund"
    assert case_state(bought) == "requested"
    assert "became_return" in case_owed(bought)
    assert ("become_return", "03-02 12:20") in case_steps(bought)
    assert holds(bought) == []
