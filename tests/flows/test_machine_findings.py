"""What tests/stories/test_return_machine.py has found, each told as the story of one case."""

from datetime import timedelta

from orders_told import AN_HOUR, PAID_AT, fact, holds, paid, placed, tell
from returns_told import case_anomalies, case_state, chase, open_case, tell_return

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


def test_what_was_sent_anew_before_the_order_left_is_not_sent_twice_and_somebody_hears_of_it(engine):
    tell(engine, placed(), paid())
    open_case(engine, PAID_AT + AN_HOUR, reason="missing", kind="reship")
    assert (case_state(engine), holds(engine)) == ("declined", [])  # rule: nothing has been shipped
    tell_return(engine, "approve", PAID_AT + 2 * AN_HOUR, by="lin", override="仓库丢件")
    assert holds(engine) == ["aftersales 1-R1"]

    tell(engine, fact("ship", SENT_AT, no="1-S1", waybill="SF7777777777"))
    chase(engine, SENT_AT + AN_HOUR)
    assert (case_state(engine), holds(engine)) == ("reshipped", ["aftersales 1-R1"])
    assert case_anomalies(engine) == ["still_held"]
