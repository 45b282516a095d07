"""What machines that try anything found out about complaints, each told as a plain story."""

from __future__ import annotations

from complaints_told import (
    A_DAY,
    NO,
    SAID_AT,
    clockwork,
    complain,
    complaint,
    complaint_anomalies,
    complaint_state,
    complaint_timers,
    done,
    of_complaint,
    rounds,
    said,
    settled,
    tell_complaint,
    tell_complaints,
)
from orders_told import A_MINUTE, A_SECOND, AN_HOUR, clock, moment, paid, placed, tell
from returns_told import refused

from flows.complaint_desk import register
from flows.requests import Status

RESOLVED_AT = SAID_AT + 3 * AN_HOUR
CALL_AT = moment("03-05 15:00")
ABOUT = {"order_id": 1}


def resolved(engine, **told):
    complain(engine, **told)
    settled(engine, RESOLVED_AT)


def test_nobody_is_asked_how_it_went_before_it_is_done(engine):
    resolved(engine)
    assert refused(tell_complaint(engine, "survey", RESOLVED_AT - A_SECOND)) == ["too_early"]
    done(engine, "survey", RESOLVED_AT)


def test_a_call_that_reached_the_customer_counts_although_it_is_told_after_a_later_one_in_vain(engine):
    resolved(engine)
    done(engine, "call", CALL_AT, by="赵", outcome="not_reached")
    done(engine, "call", CALL_AT - AN_HOUR, by="钱", outcome="satisfied")
    assert [call["outcome"] for call in rounds(engine)[0].calls] == ["satisfied", "not_reached"]
    assert (complaint_state(engine), rounds(engine)[0].outcome) == ("closed", "satisfied")


def test_a_problem_told_in_writing_before_anybody_called_is_worked_on_at_once(engine):
    resolved(engine)
    done(engine, "answer_survey", RESOLVED_AT + AN_HOUR, by="platform", outcome="problem", words="还是坏的")
    first, second = rounds(engine)
    assert (first.outcome, second.why, complaint_state(engine)) == ("problem", "survey", "registered")


def test_content_in_writing_the_customer_is_called_all_the_same_and_the_answer_stays(engine):
    resolved(engine)
    done(engine, "answer_survey", RESOLVED_AT + AN_HOUR, by="platform", outcome="satisfied", satisfaction=5)
    assert complaint_state(engine) == "resolved"
    for day in range(1, 16):
        clockwork(engine, RESOLVED_AT + day * A_DAY)
    assert (complaint_state(engine), rounds(engine)[0].outcome) == ("closed", "satisfied")


def test_an_answer_from_before_the_resolution_says_nothing_about_it(engine):
    resolved(engine)
    done(engine, "answer_survey", RESOLVED_AT - A_SECOND, by="platform", outcome="problem", words="还是坏的")
    assert (complaint_state(engine), rounds(engine)[0].outcome) == ("resolved", None)
    assert complaint(engine).said[-1]["words"] == "还是坏的"


def test_taken_up_again_when_everybody_has_been_told_an_operator_sees_it(engine):
    complain(engine)
    done(engine, "respond", SAID_AT + A_MINUTE)
    for hours in range(8):  # the last one is told at 14:30 and acknowledges, the others never did
        clockwork(engine, SAID_AT + hours * AN_HOUR)
    done(engine, "acknowledge", SAID_AT + 7.5 * AN_HOUR, by="公司领导")
    done(engine, "respond", SAID_AT + 7.5 * AN_HOUR)
    assert complaint_anomalies(engine) == []
    done(engine, "escalate", SAID_AT + 7.6 * AN_HOUR, text="没有进展")
    assert clockwork(engine, SAID_AT + 7.7 * AN_HOUR) == {}
    assert complaint_anomalies(engine) == ["nobody_acknowledged"]
    assert "ladder" not in complaint_timers(engine)


def test_a_word_that_takes_it_up_again_and_a_second_complaint_about_it_in_one_batch_are_one(engine):
    tell(engine, placed(), paid())
    resolved(engine, **ABOUT)
    done(engine, "call", CALL_AT, by="赵", outcome="satisfied")
    heard = of_complaint("hear", CALL_AT + AN_HOUR, by="platform", words="又坏了")
    second = said(CALL_AT + 2 * AN_HOUR, no="1-C2", **ABOUT)
    outcomes = tell_complaints(engine, heard, second).outcomes
    assert [outcome.status for outcome in outcomes] == [Status.CHANGED, Status.REFUSED]
    assert refused(outcomes[1]) == ["already_open"]
    assert complaint_state(engine) == "registered"


def test_two_questions_about_one_order_do_not_both_become_the_same_complaint(engine):
    tell(engine, placed(), paid())
    for no in (NO, "1-C2"):
        complain(engine, no=no, intake="query", nature=None, **ABOUT)
    become = [
        of_complaint("become_complaint", SAID_AT + A_MINUTE, no=no, nature="quality") for no in (NO, "1-C2")
    ]
    outcomes = tell_complaints(engine, *become).outcomes
    assert [outcome.status for outcome in outcomes] == [Status.CHANGED, Status.REFUSED]
    assert refused(outcomes[1]) == ["already_open"]


def test_in_one_batch_one_complaint_may_end_and_an_older_one_about_the_same_begin_again(engine):
    tell(engine, placed(), paid())
    for no in (NO, "1-C2"):
        complain(engine, SAID_AT, no=no, **ABOUT)
        settled(engine, RESOLVED_AT, no=no)
        if no == NO:
            done(engine, "call", CALL_AT, by="赵", outcome="satisfied")
    ends = of_complaint("call", CALL_AT + A_MINUTE, no="1-C2", by="赵", outcome="satisfied")
    begins = of_complaint("hear", CALL_AT + AN_HOUR, by="platform", words="又坏了")
    outcomes = tell_complaints(engine, ends, begins).outcomes
    assert [outcome.status for outcome in outcomes] == [Status.CHANGED, Status.CHANGED]
    assert [complaint_state(engine, no) for no in (NO, "1-C2")] == ["registered", "closed"]


def test_what_is_told_at_the_desk_while_the_other_one_is_being_closed_is_a_complaint_of_its_own(
    engine, monkeypatch
):
    from flows import complaint_desk

    tell(engine, placed(), paid())
    told = {"order_no": "1", "nature": "quality", "by": "li"}
    register(engine, words="开线了", at=SAID_AT.isoformat(), **told)
    settled(engine, RESOLVED_AT)
    joined = complaint_desk._joined

    def closed_meanwhile(engine, first):
        if complaint_state(engine) != "closed":
            done(engine, "call", CALL_AT, by="赵", outcome="satisfied")
        return joined(engine, first)

    monkeypatch.setattr(complaint_desk, "_joined", closed_meanwhile)
    second = register(engine, words="又开线了", at=(CALL_AT + A_MINUTE).isoformat(), **told)
    assert (second.outcome.no, second.joined) == ("1-C2", False)
    assert clock(complaint(engine, "1-C2").registered_at) == clock(CALL_AT + A_MINUTE)


def test_on_a_day_on_which_nobody_is_called_nobody_is_reminded_to_call(engine):
    """The desk is there on Saturday; customers are called on working days (rule 100)."""
    wednesday, friday = moment("03-04 17:40"), moment("03-06 18:00")
    complain(engine, wednesday)
    settled(engine, wednesday + A_MINUTE)
    assert clockwork(engine, friday) == {"call_due": 1}  # due at 15:00
    assert complaint_timers(engine)["uncalled"] == "03-09 11:00"  # an hour of Friday, an hour of Monday
    assert clockwork(engine, moment("03-07 15:00")) == {}
    assert clockwork(engine, moment("03-09 11:00")) == {"chase_call": 1}


def test_after_a_stop_over_friday_nobody_is_reminded_on_saturday(engine):
    wednesday = moment("03-04 11:00")
    complain(engine, wednesday)
    settled(engine, wednesday + A_MINUTE)
    assert clockwork(engine, moment("03-06 15:00")) == {"call_due": 1}
    assert clockwork(engine, moment("03-07 11:00")) == {}
    assert complaint_timers(engine)["uncalled"] == "03-09 15:00"  # the next time to call
    assert clockwork(engine, moment("03-09 15:00")) == {"chase_call": 1}
