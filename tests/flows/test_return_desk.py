"""The after-sales desk: what a person opens and decides by hand, and what is refused to whom (rules 75-80, 82, 85)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from orders_told import AN_HOUR, PAID_AT, fact, paid, placed, tell
from returns_told import case, case_state, money, open_case, refunds, refused, tell_return

from flows.return_desk import open_return, waybill
from models import Return
from states.errors import BadInput, Refused

DELIVERED_AT = PAID_AT + timedelta(days=2)
TOO_LATE = DELIVERED_AT + timedelta(days=8)


@pytest.fixture
def delivered(engine):
    tell(engine, placed(), paid(), fact("ship", PAID_AT + AN_HOUR, waybill="SF1234567890"))
    tell(engine, fact("deliver", DELIVERED_AT))
    return engine


def test_a_case_gets_the_number_that_stands_on_the_slip(delivered):
    """Rule 81."""
    first = open_return(delivered, "1", reason="disliked", at=TOO_LATE.isoformat(), by="li")
    second = open_return(delivered, "1", reason="quality", at=TOO_LATE.isoformat(), by="li")
    assert (first.no, second.no) == ("1-R1", "1-R2")


def test_who_decides_against_the_rules_gives_back_what_a_yes_would_have(delivered):
    open_case(delivered, TOO_LATE)
    assert (case_state(delivered), case(delivered).refund_fen) == ("declined", 0)
    assert refused(tell_return(delivered, "approve", TOO_LATE, override="老顾客", by="operator"))
    tell_return(delivered, "approve", TOO_LATE, override="老顾客", by="主管")
    found = case(delivered)
    assert (found.state, found.refund_fen, found.postage_back) == ("awaiting_parcel", 10_000, "customer")
    assert (found.overridden_by, found.override_reason) == ("主管", "老顾客")

    tell_return(delivered, "receive", TOO_LATE + AN_HOUR, key="receive")
    tell_return(delivered, "inspect", TOO_LATE + 2 * AN_HOUR, finding="as_described", by="王芳")
    assert refunds(delivered) == [("requested", 10_000)]
    assert money(delivered) == (10_000, 0, 10_000)


def test_a_compensation_the_rules_do_not_know_is_granted_by_a_supervisor_with_its_amount(delivered):
    """Rule 85: dislike is no cause for a compensation, and nothing crashes on its missing limit."""
    open_case(delivered, TOO_LATE, kind="compensation")
    override = {"override": "写了好评"}
    assert refused(tell_return(delivered, "approve", TOO_LATE, **override, by="li")) == ["amount_needed"]
    much = {**override, "amount_fen": 5_000}
    assert refused(tell_return(delivered, "approve", TOO_LATE, **much, by="li")) == ["needs_a_supervisor"]
    tell_return(delivered, "approve", TOO_LATE, **much, by="主管")
    assert (case_state(delivered), refunds(delivered)) == ("refunding", [("requested", 5_000)])


def test_what_makes_no_case_leaves_no_row(delivered):
    with pytest.raises(Refused):
        open_return(delivered, "1", reason="quality", lines=["BAG-1=2"], by="li")
    with delivered.connect() as connection:
        assert connection.execute(Return.__table__.select()).all() == []


@pytest.mark.parametrize("text", ["SF1234567890", "sf 1234 5678 90", "75-1234-5678", "123456789012"])
def test_a_waybill_is_letters_and_digits(text):
    assert waybill(text) == text.replace(" ", "")


@pytest.mark.parametrize(
    "text", ["SF123", "yesterday", "顺丰1234567890", "13812341234", "+8613812341234", "18877771111-123", ""]
)
def test_what_is_no_waybill_is_not_taken_for_one(text):
    """Not a telephone number either, which would then be shown wherever the waybill is (promise 9)."""
    with pytest.raises(ValueError, match="waybill"):
        waybill(text)


@pytest.mark.parametrize(
    "evidence", ["photo", "photo=", "photo=here", "picture=https://a/b", "https://a/b", "photo=ftp://a/b"]
)
def test_evidence_is_a_kind_and_a_link(delivered, evidence):
    with pytest.raises(BadInput, match="write it as photo="):
        open_return(delivered, "1", reason="quality", evidence=[evidence])
