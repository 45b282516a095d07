"""The life of a complaint, rule by rule, without a database (rules 93-101, 111-121)."""

from types import SimpleNamespace

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
    shop,
    timers,
    unregistered,
)
from orders_told import A_MINUTE, A_SECOND, AN_HOUR, moment

from states.complaint_states import AT_WORK, OVER, SETTLED, ComplaintTimer
from states.complaint_states import ComplaintState as S
from states.complaints import FACTS, TIMERS, complaint_lifecycle
from states.errors import GuardRefused, Refused
from states.follow_ups import Ask, CancelTimer, MoveTimer, Note, Owe
from states.lifecycle import BEFORE, Asked
from states.order_guards import MACHINE

# -- intake and grades (93-96, 111) -----------------------------------------------------------------


def test_registering_sets_the_clock_and_starts_the_ladder():
    case = unregistered()
    change, rows = decide(case, "register", words="开线了")
    assert (change.source, change.dest) == (BEFORE, S.REGISTERED)
    assert timers(rows) == {
        T.FIRST_RESPONSE: SAID_AT + 2 * AN_HOUR,
        T.RESOLUTION: moment("03-05 17:00"),
        T.LADDER: SAID_AT,
    }
    assert owed(rows) == [("complaint_received_general", None)]
    assert [word["words"] for word in case.said] == ["开线了"]


def test_history_holds_none_of_the_customers_words():
    change, _ = decide(unregistered(), "register", words="我的电话是13812341234")
    assert "words" not in change.facts


@pytest.mark.parametrize(
    ("told", "grade", "urgency"),
    [
        ({}, "general", "normal"),
        ({"buyer_repeats": 1}, "general", "high"),
        ({"amount_fen": 50_000}, "major", "high"),
        ({"hard_to_judge": True}, "major", "high"),
        ({"nature": "spoiled"}, "crisis", "immediate"),
        ({"furious": True}, "crisis", "immediate"),
    ],
)
def test_the_policy_grades_it_with_its_reasons(told, grade, urgency):
    case = registered(**told)
    assert (case.grade, case.urgency) == (grade, urgency)
    assert case.reasons
    assert all(reason["zh"] and reason["en"] for reason in case.reasons)


def test_a_question_has_no_grade_no_ladder_and_no_resolution_to_wait_for():
    case = unregistered(intake="consultation", nature=None)
    _, rows = decide(case, "register", words="有多大?")
    assert timers(rows) == {T.FIRST_RESPONSE: SAID_AT + 15 * A_MINUTE}
    assert (case.grade, owed(rows)) == (None, [("inquiry", None)])
    assert refusal(case, "resolve") == ["not_a_complaint"]
    assert refusal(case, "regrade") == ["not_a_complaint"]


def test_a_complaint_is_not_settled_by_an_answer():
    assert refusal(registered(), "answer") == ["is_a_complaint"]


def test_a_person_changes_the_grade_and_a_graver_one_is_escalated_again():
    case = acknowledged()
    change, rows = decide(case, "regrade", SAID_AT + AN_HOUR, grade="major")
    assert (case.grade, case.graded_by, case.urgency) == ("major", "li", "high")
    assert rows_of(Ask, rows) == [Ask("escalate", by=MACHINE)]
    assert case.current.acknowledged_at is None
    assert refusal(case, "regrade", grade="major") == ["same_grade"]


def test_a_milder_grade_leaves_the_acknowledgement_as_it_is():
    case = acknowledged(amount_fen=50_000)
    _, rows = decide(case, "regrade", SAID_AT + AN_HOUR, grade="general")
    assert rows_of(Ask, rows) == []
    assert case.current.acknowledged_by == "li"


def test_the_same_order_and_cause_make_no_second_complaint():
    with pytest.raises(GuardRefused, match="1-C1 about the same order and cause is still open"):
        decide(unregistered(no="1-C2", others=[an_open_one("1-C1")]), "register")


# -- the ladder (98, 99, 120) -----------------------------------------------------------------------


def test_an_acknowledgement_needs_a_name_and_stops_the_ladder():
    case = registered()
    for nobody in ("", "operator", "timer", "platform", MACHINE):
        assert refusal(case, "acknowledge", by=nobody) == ["needs_a_person"]
    _, rows = decide(case, "acknowledge", SAID_AT + A_MINUTE)
    assert CancelTimer(T.LADDER) in rows
    assert (case.handler, case.current.acknowledged_by) == ("li", "li")
    assert refusal(case, "climb", SAID_AT + AN_HOUR, by="timer") == ["acknowledged"]


def test_the_ladder_is_not_climbed_before_its_time():
    case = registered()
    decide(case, "climb", SAID_AT, by="timer")
    early = SAID_AT + 30 * A_MINUTE - A_SECOND
    assert refusal(case, "climb", early, by="timer") == ["off_duty"]
    _, rows = decide(case, "climb", SAID_AT + 30 * A_MINUTE, by="timer")
    assert owed(rows) == [("complaint_general", "客服组长")]
    assert rows_of(Ask, rows) == [Ask("escalate", by=MACHINE)]


@pytest.mark.parametrize(
    ("told", "grade"), [({"hard_to_judge": True}, "major"), ({"nature": "expired"}, "crisis")]
)
def test_grave_ones_start_at_the_top_with_the_departments(told, grade):
    case = registered(**told)
    _, rows = decide(case, "climb", by="timer")
    assert owed(rows) == [
        (f"complaint_{grade}", "公司领导"),
        ("brought_in", "技术部"),
        ("brought_in", "营业部"),
    ]
    decide(case, "escalate", by=MACHINE)
    _, rows = decide(case, "climb", SAID_AT + AN_HOUR, by="timer")
    assert owed(rows) == [(f"complaint_{grade}", "客服经理")]


def test_at_night_only_a_crisis_is_told_and_all_else_when_the_desk_opens():
    night, opening = moment("03-03 23:30"), moment("03-04 10:00")
    quiet, grave = registered(), registered(nature="safety")
    asked = Asked("climb", night, "timer")
    with pytest.raises(GuardRefused) as no:
        complaint_lifecycle.decide(quiet, asked)
    assert complaint_lifecycle.when_refused(quiet, asked, no.value.reasons) == [MoveTimer(opening)]
    _, rows = decide(grave, "climb", night, by="timer")
    assert [row.not_before for row in rows_of(Owe, rows)] == [None] * 3


def test_when_everybody_was_told_in_vain_an_operator_sees_it():
    case = registered()
    at = SAID_AT
    for _ in shop().complaints.general.ladder.levels:
        _, rows = decide(case, "climb", at, by="timer")
        at = timers(rows)[T.LADDER]
    asked = Asked("climb", at, "timer")
    with pytest.raises(GuardRefused) as no:
        complaint_lifecycle.decide(case, asked)
    [note] = complaint_lifecycle.when_refused(case, asked, no.value.reasons)
    assert isinstance(note, Note)
    assert note.reason.code == "nobody_acknowledged"


def test_what_cannot_be_solved_goes_up_and_the_customer_is_shown_other_ways():
    case = acknowledged()
    change, rows = decide(case, "give_up", SAID_AT + AN_HOUR)
    assert change.dest == S.ESCALATED
    assert [row.payload["ways"] for row in rows_of(Owe, rows)] == [shop().complaints.other_ways]
    assert timers(rows)[T.LADDER] == SAID_AT + AN_HOUR  # the next one is told at once


def test_a_department_is_brought_in_when_it_is_there():
    case = acknowledged()
    _, rows = decide(case, "bring_in", moment("03-03 20:00"))
    assert [(row.to, row.not_before) for row in rows_of(Owe, rows)] == [("技术部", moment("03-04 10:00"))]


# -- deadlines (97, 112-119) ------------------------------------------------------------------------


@pytest.mark.parametrize("trigger", ["chase_response", "chase_promise", "chase_resolution"])
def test_a_missed_deadline_is_told_to_the_handler_and_taken_up_the_ladder(trigger):
    case = acknowledged()
    decide(case, "promise_call", SAID_AT + A_MINUTE)
    _, rows = decide(case, trigger, SAID_AT + 5 * A_DAY, by="timer")
    assert [to for _, to in owed(rows)] == ["li"]
    assert rows_of(Ask, rows) == [Ask("escalate", by=MACHINE)]
    assert case.current.acknowledged_at is None


def test_news_that_are_late_are_chased_again_and_nobody_is_escalated():
    case = acknowledged()
    decide(case, "respond", SAID_AT + AN_HOUR)
    due_at = case.current.update_by
    _, rows = decide(case, "chase_update", due_at, by="timer")
    assert owed(rows) == [("missed_next_update", "li")]
    assert rows_of(Ask, rows) == []
    assert timers(rows)[T.NEXT_UPDATE] > due_at


def test_an_answer_is_the_first_response_the_promised_call_and_the_news():
    case = acknowledged()
    decide(case, "promise_call", SAID_AT + A_MINUTE)
    _, rows = decide(case, "respond", SAID_AT + AN_HOUR)
    assert {T.FIRST_RESPONSE, T.PROMISED_CALLBACK} <= {row.kind for row in rows_of(CancelTimer, rows)}
    assert (
        timers(rows)[T.NEXT_UPDATE] == case.current.update_by == moment("03-04 11:00")
    )  # 8 hours of the desk


def test_waiting_for_the_customer_stops_every_clock_until_the_customer_speaks():
    case = acknowledged()
    decide(case, "respond", SAID_AT + AN_HOUR)
    _, rows = decide(case, "wait", SAID_AT + 2 * AN_HOUR)
    assert timers(rows) == {}
    assert refusal(case, "wait", SAID_AT + 3 * AN_HOUR) == ["waiting_already"]
    _, rows = decide(case, "hear", SAID_AT + 4 * AN_HOUR, words="照片")
    assert timers(rows)[T.RESOLUTION] == moment("03-05 17:00") + 2 * AN_HOUR
    assert refusal(case, "resume", SAID_AT + 5 * AN_HOUR) == ["not_waiting"]


def test_a_word_told_late_ends_the_pause_where_it_began():
    case = acknowledged()
    decide(case, "wait", SAID_AT + 2 * AN_HOUR)
    decide(case, "hear", SAID_AT + AN_HOUR, words="照片")
    [pause] = case.current.pauses
    assert pause["start"] == pause["end"]


# -- resolution and callback (85, 97, 100, 101) -----------------------------------------------------


def test_resolving_needs_the_remedy_and_what_was_told():
    case = acknowledged()
    assert refusal(case, "resolve", remedy="", text="") == ["remedy_missing", "answer_missing"]
    assert refusal(case, "resolve", by="operator") == ["needs_a_person"]
    assert refusal(case, "resolve", SAID_AT - A_SECOND) == ["too_early"]


def test_from_the_resolution_a_call_is_planned_within_seven_days():
    case = acknowledged()
    _, rows = decide(case, "resolve", RESOLVED_AT)
    assert timers(rows) == {T.CALLBACK: moment("03-05 15:00"), T.SURVEY: RESOLVED_AT + 7 * A_DAY}
    assert case.current.next_call_at == moment("03-05 15:00")
    assert case.current.call_until == RESOLVED_AT + 7 * A_DAY


def test_nobody_is_told_to_call_outside_the_contact_hours():
    case = resolved()
    asked = Asked("call_due", moment("03-05 19:00"), "timer")
    with pytest.raises(GuardRefused) as no:
        complaint_lifecycle.decide(case, asked)
    assert no.value.code == "outside_call_hours"
    [moved] = complaint_lifecycle.when_refused(case, asked, no.value.reasons)
    assert moment("03-06 10:00") <= moved.due_at < moment("03-06 19:00")


@pytest.mark.parametrize(
    ("outcome", "follows"),
    [("satisfied", "close"), ("refused", "close"), ("problem", "begin_round")],
)
def test_what_the_customer_says_decides_what_comes_next(outcome, follows):
    case = resolved()
    _, rows = decide(case, "call", moment("03-05 15:00"), outcome=outcome)
    assert rows_of(Ask, rows) == [Ask(follows, by=MACHINE)]
    assert case.current.outcome == outcome


def test_who_asks_to_be_called_later_says_when():
    case, at, later = resolved(), moment("03-05 15:00"), moment("03-06 11:00")
    assert refusal(case, "call", at, outcome="later") == ["later_missing"]
    assert refusal(case, "call", at, outcome="later", later_at=at) == ["later_passed"]
    assert refusal(case, "call", at, outcome="satisfied", later_at=later) == ["later_not_asked"]
    _, rows = decide(case, "call", at, outcome="later", later_at=later)
    assert timers(rows)[T.CALLBACK] == later


def test_a_wrong_number_is_asked_for_in_writing():
    case = resolved()
    _, rows = decide(case, "call", moment("03-05 15:00"), outcome="wrong_number")
    assert owed(rows) == [("ask_number", None)]
    assert T.CALLBACK in timers(rows)


def test_a_call_before_the_resolution_is_none():
    assert refusal(resolved(), "call", RESOLVED_AT - A_SECOND) == ["too_early"]


def test_a_survey_that_is_out_stays_out_when_nobody_is_reached():
    case = resolved()
    decide(case, "survey", RESOLVED_AT + 6 * A_DAY, by="timer")
    _, rows = decide(case, "call", RESOLVED_AT + 6 * A_DAY + A_MINUTE, outcome="not_reached")
    assert rows == []
    _, rows = decide(case, "call", RESOLVED_AT + 6 * A_DAY + AN_HOUR, outcome="satisfied")
    assert rows_of(Ask, rows) == [Ask("close", by=MACHINE)]


@pytest.mark.parametrize(("outcome", "follows"), [("satisfied", "close"), ("problem", "begin_round")])
def test_an_answered_survey_counts_like_a_call(outcome, follows):
    case = in_state(S.SURVEYED)
    _, rows = decide(case, "answer_survey", SAID_AT + 7 * A_DAY, outcome=outcome, by="platform")
    assert rows_of(Ask, rows) == [Ask(follows, by=MACHINE)]


def test_the_next_round_has_a_clock_and_a_ladder_of_its_own_and_the_lead_hears_of_it():
    case = resolved()
    at = moment("03-05 15:00")
    decide(case, "call", at, outcome="problem")
    change, rows = decide(case, "begin_round", at, by=MACHINE)
    assert (change.dest, len(case.rounds), case.current.why) == (S.REGISTERED, 2, "callback")
    assert ("round_begun", "客服组长") in owed(rows)
    assert timers(rows)[T.FIRST_RESPONSE] == at + 2 * AN_HOUR
    assert case.current.told == []


def test_without_a_problem_there_is_no_next_round_and_without_an_outcome_no_end():
    case = resolved()
    assert refusal(case, "begin_round") == ["no_problem_found"]
    assert refusal(case, "close", RESOLVED_AT) == ["no_callback_outcome"]


def test_thanks_reopen_nothing_a_word_in_time_does_and_a_late_one_does_not():
    closed = in_state(S.CLOSED)
    closed.last_words = "谢谢"
    assert refusal(closed, "reopen", closed.closed_at) == ["only_thanks"]
    closed.last_words = "又坏了"
    end = closed.closed_at + 14 * A_DAY
    assert refusal(closed, "reopen", end + A_SECOND) == ["after_reopening"]
    change, _ = decide(closed, "reopen", end, by=MACHINE)
    assert (change.dest, closed.closed_at) == (S.REGISTERED, None)


@pytest.mark.parametrize(
    ("trigger", "owed_by"), [("chase_response", 2 * AN_HOUR), ("chase_promise", 4 * AN_HOUR + A_MINUTE)]
)
def test_what_is_not_late_yet_is_not_chased_and_at_its_second_it_is(trigger, owed_by):
    case = acknowledged()
    decide(case, "promise_call", SAID_AT + A_MINUTE)
    assert refusal(case, trigger, SAID_AT + owed_by - A_SECOND, by="timer") == ["nothing_late"]
    decide(case, trigger, SAID_AT + owed_by, by="timer")
    assert refusal(case, trigger, SAID_AT + owed_by + A_SECOND, by="timer") == ["nothing_late"]


def asked_of(case, trigger, at):
    """Why not; nothing where it was done."""
    try:
        decide(case, trigger, at)
    except Refused as no:
        return no.reasons
    return ()


# -- the table --------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("trigger", complaint_lifecycle.triggers)
def test_whatever_is_asked_in_whatever_state_is_done_or_refused_in_both_languages(state, trigger):
    if trigger == "register":
        return
    case = in_state(state)
    at = SAID_AT + 2 * A_DAY
    reasons = asked_of(case, trigger, at)
    assert all(reason.code and reason.zh and reason.en for reason in reasons)
    assert reasons or case.is_open == (case.state not in OVER)


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("trigger", FACTS)
def test_facts_are_never_refused(state, trigger):
    decide(in_state(state), trigger, SAID_AT + 2 * A_DAY, by="platform", words="您好")


def test_every_timer_ends_with_the_states_it_waits_in():
    for kind in ComplaintTimer:
        assert all(complaint_lifecycle.outlived(kind, state) for state in OVER)
    for owed_timer in (T.FIRST_RESPONSE, T.RESOLUTION, T.LADDER):
        assert all(complaint_lifecycle.outlived(owed_timer, state) for state in SETTLED)
        assert not any(complaint_lifecycle.outlived(owed_timer, state) for state in AT_WORK)


def test_what_tells_a_colleague_something_stands_for_the_moment_it_is_reached():
    own_time = {kind for kind, waits in TIMERS.items() if not waits.when_reached}
    assert own_time == {T.SURVEY, T.SURVEY_OVER}


def test_a_view_without_rounds_is_in_none():
    assert unregistered().current is None
    assert SimpleNamespace(**vars(registered())).rounds[0].number == 1
