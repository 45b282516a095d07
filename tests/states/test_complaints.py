"""The life of a complaint, rule by rule, without a database (rules 93-101, 111-121)."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from orders_told import A_MINUTE, A_SECOND, AN_HOUR, moment

from deployments.shop_files import load_shop_file
from flows.complaint_cases import BLANK, ComplaintView
from models import Complaint
from states.complaint_states import AT_WORK, OVER, SETTLED, ComplaintTimer
from states.complaint_states import ComplaintState as S
from states.complaints import FACTS, TIMERS, complaint_lifecycle
from states.errors import GuardRefused, Refused
from states.follow_ups import Ask, CancelTimer, MoveTimer, Note, Owe, SetTimer
from states.lifecycle import BEFORE, Asked
from states.order_guards import MACHINE

SHOPS = Path(__file__).parents[2] / "deployments" / "shops"
SAID_AT = moment("03-03 11:00")  # a Tuesday; the desk is there from 10:00 to 19:00
RESOLVED_AT = SAID_AT + 3 * AN_HOUR
A_DAY = timedelta(days=1)
T = ComplaintTimer
NEEDED = {  # the least that each trigger is told with
    "become_complaint": {"nature": "logistics"},
    "answer": {"text": "明天到"},
    "assign": {"handler": "王"},
    "regrade": {"grade": "major", "text": "影响大"},
    "escalate": {"text": "处理不了"},
    "give_up": {"text": "处理不了"},
    "bring_in": {"department": "技术部"},
    "wait": {"text": "等照片"},
    "resolve": {"remedy": "apology", "text": "已道歉"},
    "call": {"outcome": "satisfied"},
    "answer_survey": {"outcome": "satisfied"},
}


@cache
def shop(name="bag-studio"):
    return load_shop_file(SHOPS / f"{name}.toml")


def unregistered(policy=None, **told):
    """Nobody has told us of it yet: a complaint about quality over 100 yuan, unless told otherwise."""
    columns = dict.fromkeys(c.name for c in Complaint.__table__.columns) | BLANK
    usual = {"no": "1-C1", "intake": "complaint", "nature": "quality", "amount_fen": 10_000}
    loaded = {"policy": policy or shop(), "rounds": [], "timers": [], "order": None, "known": {}}
    return ComplaintView(**{**columns, **usual, **loaded, **told})


def an_open_one(no):
    """Another complaint about the same order and cause."""
    return SimpleNamespace(no=no, is_open=True, nature="quality")


def decide(case, trigger, at=SAID_AT, by="li", round_=None, words=None, **facts):
    details = {"words": words} if words is not None else None
    asked = Asked(trigger, at, by, {**NEEDED.get(trigger, {}), **facts}, round_, details)
    return complaint_lifecycle.decide(case, asked)


def registered(**told):
    case = unregistered(**told)
    decide(case, "register", words="开线了")
    return case


def acknowledged(**told):
    case = registered(**told)
    decide(case, "acknowledge", SAID_AT + A_MINUTE)
    return case


def resolved(**told):
    case = acknowledged(**told)
    decide(case, "resolve", RESOLVED_AT)
    return case


def in_state(state):
    """A complaint that has come to this state on its usual way; an inquiry, where it was answered."""
    case = registered(intake="query", nature=None) if state == S.ANSWERED else registered()
    way = {
        S.REGISTERED: [],
        S.INVESTIGATING: ["acknowledge"],
        S.ESCALATED: ["escalate"],
        S.RESOLVED: ["resolve"],
        S.CALLBACK_DUE: ["resolve", "call_due"],
        S.SURVEYED: ["resolve", "survey"],
        S.CLOSED: ["resolve", "call", "close"],
        S.ANSWERED: ["answer"],
    }
    for trigger in way[state]:
        decide(case, trigger, SAID_AT + A_DAY if trigger in ("call_due", "call") else SAID_AT)
    assert case.state == state
    return case


def rows_of(kind, rows):
    return [row for row in rows if isinstance(row, kind)]


def owed(rows):
    return [(row.what, row.to) for row in rows_of(Owe, rows)]


def timers(rows):
    return {row.kind: row.due_at for row in rows_of(SetTimer, rows)}


def refusal(case, trigger, at=SAID_AT, **told):
    with pytest.raises(Refused) as no:
        decide(case, trigger, at, **told)
    return [reason.code for reason in no.value.reasons]


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
