"""What tests/stories/test_return_machine.py has found, each told as the story of one case."""

from datetime import timedelta

from orders_told import AN_HOUR, PAID_AT, fact, paid, placed, tell
from returns_told import case_state, chase, open_case, tell_return

SENT_AT = PAID_AT + 6 * AN_HOUR
ASKED_AT = PAID_AT + timedelta(days=3)
NOTE = [{"kind": "delivery_note", "link": "https://pics.example.com/1"}]


def shipped(engine):
    tell(engine, placed(), paid(), fact("ship", SENT_AT, waybill="SF1234567890"))


def test_a_reshipment_told_of_before_there_was_one_does_not_hide_the_real_one(engine):
    shipped(engine)
    open_case(engine, ASKED_AT, reason="missing")
    tell_return(engine, "reship_left", ASKED_AT + AN_HOUR, key="reship_left")
    tell_return(engine, "show_evidence", ASKED_AT + 2 * AN_HOUR, by="buyer", **NOTE[0])
    assert case_state(engine) == "reshipping"

    left_at = ASKED_AT + timedelta(days=1)
    tell(engine, fact("ship", left_at, no="1-S1", waybill="SF7777777777"))
    chase(engine, left_at + AN_HOUR)
    assert case_state(engine) == "reshipped"
