"""Complaints from the first word to the last, by the clock of the shop (rules 93-101, 111-119)."""

from __future__ import annotations

import pytest
from complaints_told import (
    A_DAY,
    SAID_AT,
    clockwork,
    complain,
    complaint,
    complaint_anomalies,
    complaint_owed,
    complaint_state,
    complaint_steps,
    complaint_timers,
    done,
    of_complaint_case,
    rounds,
    said,
    settled,
    tell_complaint,
    tell_complaints,
)
from orders_told import A_MINUTE, A_SECOND, AN_HOUR, clock, moment, paid, placed, rows, tell
from returns_told import DELIVERED_AT, delivered, refused

from flows.complaint_acts import act
from flows.complaint_desk import hear, register
from flows.requests import Status
from models import Complaint, OutboxMessage, Return
from states.errors import Refused

RESOLVED_AT = SAID_AT + 3 * AN_HOUR  # Tuesday 03-03, 14:00
CALL_AT = moment("03-05 15:00")  # two days later, at the shop's time to call


def acknowledged(engine, at=SAID_AT + A_MINUTE, **told):
    complain(engine, **told)
    done(engine, "acknowledge", at)


def test_a_general_complaint_goes_up_the_ladder_until_somebody_acknowledges(engine):
    complain(engine)
    assert clockwork(engine, SAID_AT) == {"climb": 1}
    assert clockwork(engine, SAID_AT + 29 * A_MINUTE) == {}
    assert clockwork(engine, SAID_AT + 30 * A_MINUTE) == {"climb": 1, "escalate": 1}
    assert complaint_state(engine) == "escalated"
    done(engine, "acknowledge", SAID_AT + 40 * A_MINUTE, by="王组长")
    assert complaint_state(engine) == "investigating"
    assert "ladder" not in complaint_timers(engine)
    assert [who for what, who in complaint_owed(engine) if what == "complaint_general"] == [
        "值班客服",
        "客服组长",
    ]
    assert complaint(engine).handler == "王组长"


def test_nobody_is_told_twice_and_nobody_left_is_shown_to_an_operator(engine):
    complain(engine)
    done(engine, "respond", SAID_AT + A_MINUTE)  # so that no deadline is missed meanwhile
    for hours in range(9):
        clockwork(engine, SAID_AT + hours * AN_HOUR)
    told = [notice["who"] for notice in rounds(engine)[0].told]
    assert told == ["值班客服", "客服组长", "客服经理", "公司领导"]
    assert complaint_anomalies(engine) == ["nobody_acknowledged"]


def test_after_a_stop_of_the_system_nobody_climbs_several_levels_at_once(engine):
    complain(engine)
    assert clockwork(engine, SAID_AT + 5 * A_DAY)["climb"] == 1


@pytest.mark.parametrize("nature", ["spoiled", "expired", "safety"])
def test_a_crisis_calms_the_customer_first_and_tells_the_leaders_at_once_also_at_night(engine, nature):
    at = moment("03-03 23:30")
    complain(engine, at, nature=nature)
    clockwork(engine, at)
    assert complaint_owed(engine) == [
        ("complaint_received_crisis", None),
        ("complaint_crisis", "公司领导"),
        ("brought_in", "技术部"),
        ("brought_in", "营业部"),
    ]
    assert all(row.not_before is None for row in of_complaint_case(engine, OutboxMessage))
    assert complaint_state(engine) == "escalated"


def test_departments_hear_of_what_turns_out_graver_than_those_told_before_knew(engine):
    """Rule 98."""
    complain(engine)
    clockwork(engine, SAID_AT)
    done(engine, "acknowledge", SAID_AT + A_MINUTE)
    at = SAID_AT + 5 * A_MINUTE
    done(engine, "regrade", at, grade="major", text="多人反映")
    clockwork(engine, at)
    told = [who for what, who in complaint_owed(engine) if what in ("brought_in", "complaint_major")]
    assert sorted(told) == ["公司领导", "技术部", "营业部"]
    done(engine, "regrade", at + A_MINUTE, grade="general", text="核实为个例")
    assert [what for what, _ in complaint_owed(engine)].count("brought_in") == 2


@pytest.mark.parametrize(
    ("was", "becomes", "calmed"),
    [
        ("quality", "major", ["general", "major"]),
        ("quality", "crisis", ["general", "crisis"]),
        ("safety", "major", ["crisis"]),
        ("safety", "general", ["crisis"]),
    ],
)
def test_whose_complaint_turns_out_graver_is_calmed_anew(engine, was, becomes, calmed):
    """Rule 98: what must not be eaten or used any more is said to the customer, whenever we find it out."""
    complain(engine, nature=was)
    done(engine, "regrade", SAID_AT + A_MINUTE, grade=becomes, text="核实")
    told = [what for what, who in complaint_owed(engine) if who is None]
    assert told == [f"complaint_received_{grade}" for grade in calmed]


def test_of_a_general_complaint_at_night_colleagues_hear_when_they_are_there(engine):
    at = moment("03-03 23:30")
    complain(engine, at)
    assert clockwork(engine, at) == {}
    assert clockwork(engine, moment("03-04 10:00") - A_SECOND) == {}
    assert clockwork(engine, moment("03-04 10:00")) == {"climb": 1}


def test_a_missed_deadline_takes_the_ladder_up_again_at_the_next_level(engine):
    acknowledged(engine)
    assert clockwork(engine, SAID_AT + 2 * AN_HOUR - A_SECOND) == {}
    assert clockwork(engine, SAID_AT + 2 * AN_HOUR) == {"chase_response": 1, "escalate": 1, "climb": 1}
    assert ("missed_first_response", "li") in complaint_owed(engine)
    assert complaint_state(engine) == "escalated"


def test_what_was_answered_in_time_is_not_chased_although_we_hear_of_it_late(engine):
    acknowledged(engine)
    done(engine, "respond", SAID_AT + AN_HOUR)
    assert "chase_response" not in clockwork(engine, SAID_AT + 2 * AN_HOUR)


def test_while_we_wait_for_the_customer_the_clock_stands_still(engine):
    acknowledged(engine)
    done(engine, "respond", SAID_AT + AN_HOUR)
    assert (
        complaint_timers(engine)["resolution"] == "03-05 17:00"
    )  # 24 hours of a desk that is there for nine a day
    done(engine, "wait", SAID_AT + 2 * AN_HOUR, text="等照片")
    assert set(complaint_timers(engine)) == set()
    assert rounds(engine)[0].resolve_by is None
    done(engine, "hear", SAID_AT + 5 * AN_HOUR, by="platform", words="照片已发")
    assert complaint_timers(engine)["resolution"] == "03-06 11:00"


def test_a_complaint_is_called_back_and_closed_with_the_outcome(engine):
    acknowledged(engine)
    settled(engine, RESOLVED_AT)
    assert complaint_timers(engine) == {"callback": clock(CALL_AT), "survey": "03-10 14:00"}
    assert clockwork(engine, CALL_AT - A_SECOND) == {}
    assert clockwork(engine, CALL_AT) == {"call_due": 1}
    assert ("callback_due", "回访员") in complaint_owed(engine)
    done(engine, "call", CALL_AT + A_MINUTE, by="赵", outcome="satisfied", satisfaction=5)
    assert complaint_state(engine) == "closed"
    assert (rounds(engine)[0].outcome, rounds(engine)[0].satisfaction) == ("satisfied", 5)
    assert complaint_timers(engine) == {}


def test_without_the_outcome_of_a_callback_nothing_is_closed(engine):
    acknowledged(engine)
    settled(engine, RESOLVED_AT)
    assert refused(tell_complaint(engine, "close", CALL_AT)) == ["no_callback_outcome"]


def test_before_the_resolution_there_is_nothing_to_call_back_about(engine):
    acknowledged(engine)
    assert refused(tell_complaint(engine, "call", CALL_AT, outcome="satisfied")) == ["not_from_this_state"]


def test_three_calls_in_vain_are_followed_by_a_survey_and_never_by_silence(engine):
    acknowledged(engine)
    settled(engine, RESOLVED_AT)
    called = []
    while complaint_state(engine) != "surveyed":
        at = rounds(engine)[0].next_call_at
        assert clockwork(engine, at) == {"call_due": 1}
        done(engine, "call", at + A_MINUTE, by="赵", outcome="not_reached")
        called.append(clock(at))
    assert called == ["03-05 15:00", "03-06 10:00", "03-09 18:00"]
    assert ("survey", None) in complaint_owed(engine)
    assert clockwork(engine, rounds(engine)[0].surveyed_at + 7 * A_DAY) == {"lapse": 1}
    assert (complaint_state(engine), rounds(engine)[0].outcome) == ("closed", "unanswered")


def test_when_nobody_calls_the_survey_leaves_within_the_seven_days(engine):
    acknowledged(engine)
    settled(engine, RESOLVED_AT)
    for day in range(8):
        clockwork(engine, RESOLVED_AT + day * A_DAY)
    assert complaint_state(engine) == "surveyed"
    assert rounds(engine)[0].surveyed_at <= RESOLVED_AT + 7 * A_DAY


def test_a_problem_found_in_the_callback_opens_the_next_round(engine):
    acknowledged(engine)
    settled(engine, RESOLVED_AT)
    clockwork(engine, CALL_AT)
    done(engine, "call", CALL_AT + A_MINUTE, by="赵", outcome="problem", text="又开线了")
    first, second = rounds(engine)
    assert (first.outcome, second.why, complaint_state(engine)) == ("problem", "callback", "registered")
    assert second.respond_by == CALL_AT + A_MINUTE + 2 * AN_HOUR
    assert ("round_begun", "客服组长") in complaint_owed(engine)
    assert clockwork(engine, CALL_AT + A_MINUTE) == {"climb": 1}


def test_a_bare_thanks_reopens_nothing_and_a_new_word_within_the_window_joins(engine):
    acknowledged(engine)
    settled(engine, RESOLVED_AT)
    done(engine, "call", CALL_AT, by="赵", outcome="satisfied")
    done(engine, "hear", CALL_AT + AN_HOUR, by="platform", words="谢谢亲")
    assert complaint_state(engine) == "closed"
    done(engine, "hear", CALL_AT + 14 * A_DAY, by="platform", words="又坏了")
    assert complaint_state(engine) == "registered"
    assert [r.why for r in rounds(engine)] == ["registered", "reopened"]


def test_a_word_after_the_window_makes_a_linked_complaint(engine):
    acknowledged(engine)
    settled(engine, RESOLVED_AT)
    done(engine, "call", CALL_AT, by="赵", outcome="satisfied")
    late = CALL_AT + 14 * A_DAY + A_SECOND
    made = hear(engine, "1-C1", "又坏了", at=late.isoformat(), by="li")
    assert made.linked_no == "1-C1"
    assert complaint(engine, made.outcome.no).linked_no == "1-C1"
    assert complaint_state(engine) == "closed"


def test_the_same_order_and_cause_are_one_complaint(engine):
    tell(engine, placed(), paid())
    at = SAID_AT.isoformat()
    first = register(engine, order_no="1", words="开线了", nature="quality", at=at, by="li")
    second = register(engine, order_no="1", words="怎么没人理我", nature="quality", at=at, by="li")
    other = register(engine, order_no="1", words="客服骂人", nature="attitude", at=at, by="li")
    assert (first.outcome.no, second.outcome.no, other.outcome.no) == ("1-C1", "1-C1", "1-C2")
    assert (first.joined, second.joined, other.joined) == (False, True, False)
    assert [word["words"] for word in complaint(engine).said] == ["开线了", "怎么没人理我"]


def test_two_complaints_of_one_batch_about_the_same_are_one(engine):
    tell(engine, placed(), paid())
    order_id = 1
    outcomes = tell_complaints(engine, said(order_id=order_id), said(no="1-C2", order_id=order_id)).outcomes
    assert [outcome.status for outcome in outcomes] == [Status.CHANGED, Status.REFUSED]
    assert len(rows(engine, Complaint)) == 1


def test_repeats_of_the_buyer_and_of_the_goods_raise_the_grade(engine):
    tell(engine, placed("1", buyer="b"), paid("1"), placed("2", buyer="b", sku="BAG-2"), paid("2"))
    natures = ["quality", "attitude", "packaging"]
    for nature in natures:
        register(engine, order_no="1", words="…", nature=nature, at=SAID_AT.isoformat(), by="li")
    assert [complaint(engine, f"1-C{n}").grade for n in (1, 2, 3)] == ["general", "general", "major"]
    assert [complaint(engine, f"1-C{n}").buyer_repeats for n in (1, 2, 3)] == [0, 1, 2]


def test_a_resolution_may_open_the_return_case_that_carries_it_out(engine):
    tell(engine, placed(), paid())
    register(engine, order_no="1", words="开线了", nature="quality", at=SAID_AT.isoformat(), by="li")
    facts = {"remedy": "compensation", "text": "补偿十元", "return": "compensation", "amount_fen": "1000"}
    act(engine, "1-C1", "resolve", facts=facts, at=RESOLVED_AT.isoformat(), by="li")
    assert rounds(engine)[0].return_no == "1-R1"
    [opened] = rows(engine, Return)
    assert (opened.no, opened.kind, opened.reason, opened.asked_fen) == (
        "1-R1",
        "compensation",
        "quality",
        1000,
    )


def test_a_remedy_that_the_rules_decline_is_not_promised(engine):
    delivered(engine)
    at = (DELIVERED_AT + 8 * A_DAY).isoformat()
    register(engine, order_no="1", words="不喜欢", nature="other", at=at, by="li")
    facts = {"remedy": "refund", "text": "…", "return": "return_refund", "reason": "disliked"}
    with pytest.raises(Refused, match="7 days"):
        act(engine, "1-C1", "resolve", facts=facts, at=at, by="li")
    assert complaint_state(engine) == "registered"
    assert rows(engine, Return) == []


def test_a_question_is_answered_or_becomes_a_complaint(engine):
    complain(engine, intake="query", nature=None)
    assert complaint_timers(engine) == {"first_response": "03-03 11:15"}
    done(engine, "promise_call", SAID_AT + A_MINUTE)
    assert complaint_timers(engine)["promised_callback"] == "03-03 13:01"
    done(engine, "answer", SAID_AT + 10 * A_MINUTE, text="已发出,明天到")
    assert (complaint_state(engine), complaint_timers(engine)) == ("answered", {})
    done(engine, "become_complaint", SAID_AT + AN_HOUR, nature="logistics")
    assert (complaint_state(engine), complaint(engine).grade) == ("registered", "general")
    assert "resolution" in complaint_timers(engine)


def test_running_everything_twice_changes_nothing(engine):
    acknowledged(engine)
    settled(engine, RESOLVED_AT)
    clockwork(engine, CALL_AT)
    before = complaint_steps(engine), complaint_owed(engine)
    assert clockwork(engine, CALL_AT) == {}
    assert (complaint_steps(engine), complaint_owed(engine)) == before
