"""Who may decide about a complaint, when, and who hears of what (rules 93-101, 111-121)."""

import pytest
from complaint_views import (
    A_DAY,
    RESOLVED_AT,
    SAID_AT,
    T,
    acknowledged,
    an_open_one,
    decide,
    in_state,
    owed,
    refusal,
    registered,
    resolved,
    rows_of,
    timers,
)
from orders_told import A_MINUTE, A_SECOND, AN_HOUR, moment

from states.complaint_states import ComplaintState as S
from states.complaints import complaint_lifecycle
from states.errors import GuardRefused
from states.follow_ups import Ask, MoveTimer, Owe
from states.lifecycle import Asked
from states.order_guards import MACHINE

# -- who may, and when ------------------------------------------------------------------------------

BY_NAME = {  # and the state it is asked in
    **dict.fromkeys(("acknowledge", "assign", "regrade", "escalate", "give_up", "bring_in"), S.INVESTIGATING),
    **dict.fromkeys(("promise_call", "wait", "resolve"), S.INVESTIGATING),
    **{"call": S.CALLBACK_DUE, "settle": S.CLOSED},
}


@pytest.mark.parametrize("nobody", ["", "operator", "timer", "platform"])
@pytest.mark.parametrize("trigger", BY_NAME)
def test_what_somebody_answers_for_is_decided_by_a_person_with_a_name(trigger, nobody):
    at = SAID_AT + 2 * A_DAY
    assert refusal(in_state(BY_NAME[trigger]), trigger, at, by=nobody) == ["needs_a_person"]
    decide(in_state(BY_NAME[trigger]), trigger, at, by="王")


@pytest.mark.parametrize(
    ("trigger", "state"), [("call", S.RESOLVED), ("call", S.SURVEYED), ("resume", S.INVESTIGATING)]
)
def test_so_it_is_on_the_other_ways_there(trigger, state):
    case = in_state(state)
    if trigger == "resume":
        decide(case, "wait")
    assert refusal(case, trigger, SAID_AT + 2 * A_DAY, by="operator") == ["needs_a_person"]


@pytest.mark.parametrize("trigger", ["answer", "become_complaint"])
def test_a_question_is_answered_or_made_a_complaint_by_name(trigger):
    question = registered(intake="query", nature=None)
    assert refusal(question, trigger, by="platform") == ["needs_a_person"]
    decide(question, trigger)


def test_a_complaint_cannot_become_one_and_no_second_one_about_the_same():
    assert refusal(registered(), "become_complaint") == ["is_a_complaint"]
    question = registered(intake="query", nature=None)
    question.others = [an_open_one("1-C9")]
    assert refusal(question, "become_complaint", nature="quality") == ["already_open"]
    decide(question, "become_complaint", nature="logistics")


@pytest.mark.parametrize("trigger", ["acknowledge", "promise_call", "wait", "resolve"])
def test_nothing_is_done_about_a_complaint_before_it_is_known(trigger):
    assert refusal(registered(), trigger, SAID_AT - A_SECOND) == ["too_early"]
    decide(registered(), trigger, SAID_AT)


def test_a_question_is_not_answered_before_it_was_asked():
    question = registered(intake="query", nature=None)
    assert refusal(question, "answer", SAID_AT - A_SECOND) == ["too_early"]


@pytest.mark.parametrize("trigger", ["escalate", "give_up"])
def test_only_complaints_are_escalated(trigger):
    assert refusal(registered(intake="query", nature=None), trigger) == ["not_a_complaint"]


def test_the_clock_escalates_by_itself():
    change, _ = decide(registered(), "escalate", by=MACHINE)
    assert change.dest == S.ESCALATED


def test_a_closed_complaint_is_not_taken_up_again_while_another_is_open_about_the_same():
    closed = in_state(S.CLOSED)
    closed.last_words, closed.others = "又坏了", [an_open_one("1-C9")]
    assert refusal(closed, "reopen", closed.closed_at) == ["already_open"]


def test_who_should_have_called_is_told_again_while_the_desk_is_there():
    case = in_state(S.CALLBACK_DUE)
    at_night = refusal(case, "chase_call", moment("03-04 20:00"), by="timer")
    assert at_night == ["off_duty", "outside_call_hours"]
    _, rows = decide(case, "chase_call", moment("03-05 11:00"), by="timer")
    assert owed(rows) == [("callback_overdue", "回访员"), ("callback_overdue", "客服组长")]


@pytest.mark.parametrize(
    ("told", "owed_now"),
    [
        ({"handler": None}, ("customer_wrote", "值班客服")),
        ({"handler": "王"}, ("customer_wrote", "王")),
        ({"handler": None, "intake": "query", "nature": None, "grade": None}, ("customer_wrote", None)),
    ],
)
def test_a_further_word_goes_to_whoever_handles_it(told, owed_now):
    case = registered(**{k: v for k, v in told.items() if k in ("intake", "nature")})
    case.handler = told["handler"]
    _, rows = decide(case, "hear", SAID_AT + A_MINUTE, by="platform", words="还没人理我")
    assert owed(rows) == [owed_now]


def test_at_night_a_further_word_waits_for_the_desk():
    _, rows = decide(acknowledged(), "hear", moment("03-03 23:00"), by="platform", words="在吗")
    assert [row.not_before for row in rows_of(Owe, rows)] == [moment("03-04 10:00")]


def test_a_word_after_the_end_is_weighed_and_after_the_window_shown_to_an_operator():
    closed = in_state(S.CLOSED)
    _, rows = decide(closed, "hear", closed.closed_at + 20 * A_DAY, by="platform", words="又坏了")
    assert rows == [Ask("reopen", by=MACHINE)]
    asked = Asked("reopen", closed.closed_at + 20 * A_DAY, MACHINE)
    with pytest.raises(GuardRefused) as no:
        complaint_lifecycle.decide(closed, asked)
    [note] = complaint_lifecycle.when_refused(closed, asked, no.value.reasons)
    assert note.reason.code == "after_reopening"


def test_a_survey_nobody_answers_is_closed_as_unanswered():
    case = in_state(S.SURVEYED)
    change, _ = decide(case, "lapse", SAID_AT + 14 * A_DAY, by="timer")
    assert (change.dest, case.current.outcome) == (S.CLOSED, "unanswered")


def test_a_late_answer_to_the_survey_that_tells_of_a_problem_takes_it_up_again():
    case = in_state(S.SURVEYED)
    decide(case, "lapse", SAID_AT + 14 * A_DAY, by="timer")
    _, rows = decide(case, "answer_survey", SAID_AT + 15 * A_DAY, by="platform", outcome="problem")
    assert rows == [Ask("reopen", by=MACHINE)]
    _, rows = decide(case, "answer_survey", SAID_AT + 15 * A_DAY, by="platform", outcome="satisfied")
    assert rows == []


@pytest.mark.parametrize("trigger", ["chase_response", "chase_promise", "chase_update", "chase_resolution"])
def test_what_is_late_at_night_is_told_when_the_desk_opens(trigger):
    case = acknowledged()
    if trigger == "chase_update":
        decide(case, "respond", SAID_AT + AN_HOUR)
    decide(case, "promise_call", SAID_AT + 2 * AN_HOUR)
    night = moment("03-09 19:00")  # the desk has just closed
    asked = Asked(trigger, night, "timer")
    with pytest.raises(GuardRefused) as no:
        complaint_lifecycle.decide(case, asked)
    assert complaint_lifecycle.when_refused(case, asked, no.value.reasons) == [
        MoveTimer(moment("03-10 10:00"))
    ]
    _, rows = decide(case, trigger, moment("03-10 10:00"), by="timer")
    assert rows_of(Owe, rows)


@pytest.mark.parametrize("trigger", ["chase_update", "chase_resolution"])
def test_news_and_the_resolution_are_not_chased_before_their_time_either(trigger):
    case = acknowledged()
    decide(case, "respond", SAID_AT + AN_HOUR)
    round_ = case.current
    due_at = round_.update_by if trigger == "chase_update" else round_.resolve_by
    assert refusal(case, trigger, due_at - A_SECOND, by="timer") == ["nothing_late"]
    decide(case, trigger, due_at, by="timer")


def test_when_a_call_is_due_who_calls_is_told_and_told_again_two_hours_later():
    _, rows = decide(resolved(), "call_due", moment("03-05 15:00"), by="timer")
    assert owed(rows) == [("callback_due", "回访员")]
    assert timers(rows) == {T.UNCALLED: moment("03-05 17:00")}


def test_a_survey_is_open_for_seven_days_and_no_call_is_planned_any_more():
    case, at = resolved(), RESOLVED_AT + 6 * A_DAY
    _, rows = decide(case, "survey", at, by="timer")
    assert owed(rows) == [("survey", None)]
    assert timers(rows) == {T.SURVEY_OVER: at + 7 * A_DAY}
    assert (case.current.surveyed_at, case.current.next_call_at) == (at, None)


def test_of_a_survey_that_is_out_a_call_before_the_resolution_is_none_either():
    assert refusal(in_state(S.SURVEYED), "call", SAID_AT - A_SECOND) == ["too_early"]


def test_an_acknowledged_ladder_and_a_word_of_thanks_leave_nothing_for_an_operator():
    case = acknowledged()
    asked = Asked("climb", SAID_AT + AN_HOUR, "timer")
    with pytest.raises(GuardRefused) as no:
        complaint_lifecycle.decide(case, asked)
    assert complaint_lifecycle.when_refused(case, asked, no.value.reasons) == []
    closed = in_state(S.CLOSED)
    closed.last_words = "谢谢"
    asked = Asked("reopen", closed.closed_at, MACHINE)
    with pytest.raises(GuardRefused) as no:
        complaint_lifecycle.decide(closed, asked)
    assert complaint_lifecycle.when_refused(closed, asked, no.value.reasons) == []


def test_a_question_that_becomes_a_complaint_is_graded_and_clocked_anew():
    question = registered(intake="query", nature=None)
    decide(question, "become_complaint", SAID_AT + AN_HOUR, nature="spoiled")
    assert (question.intake, question.grade, len(question.rounds)) == ("complaint", "crisis", 2)
    assert question.current.began_at == SAID_AT + AN_HOUR


def test_another_colleague_takes_it_over_by_name():
    case = acknowledged()
    decide(case, "assign", SAID_AT + AN_HOUR, handler="王")
    assert case.handler == "王"


def test_a_pause_is_ended_by_hand_too():
    case = acknowledged()
    decide(case, "wait", SAID_AT + AN_HOUR)
    _, rows = decide(case, "resume", SAID_AT + 2 * AN_HOUR)
    assert case.current.pauses[0]["end"] == (SAID_AT + 2 * AN_HOUR).isoformat()
    assert T.RESOLUTION in timers(rows)


def test_what_was_answered_is_kept_with_who_answered():
    question = registered(intake="query", nature=None)
    decide(question, "answer", SAID_AT + A_MINUTE, by="王", text="明天到")
    assert (question.current.answer, question.handler) == ("明天到", "王")
    assert question.current.responded_at == SAID_AT + A_MINUTE
