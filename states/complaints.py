"""The life of a consultation, query or complaint, as a process manual (rules 93-101, 111-121).

The rules its decisions keep to are in `complaint_guards.py`, what is written down in `complaint_records.py`, what
follows in `complaint_follow_ups.py`; deadlines, ladder and callback are policies.
"""

from __future__ import annotations

from states.complaint_follow_ups import follow_ups, when_refused
from states.complaint_guards import (
    a_complaint,
    before_it_began,
    before_it_was_resolved,
    call_told_wrongly,
    escalated_by_nobody,
    grade_unchanged,
    no_complaint,
    no_outcome,
    no_problem_found,
    no_time_to_call,
    nobody_to_tell,
    not_to_be_reopened,
    not_told_how,
    not_waiting,
    nothing_late,
    off_duty_now,
    open_already,
    waiting_already,
)
from states.complaint_records import record
from states.complaint_states import AT_WORK, OVER, SETTLED, ComplaintState, ComplaintTimer
from states.lifecycle import BEFORE, SAME, Lifecycle, Waits
from states.order_guards import not_by_name, not_by_name_nor_calendar

S, T = ComplaintState, ComplaintTimer

# fmt: off
TRANSITIONS = [
    {"trigger": "register",     "source": BEFORE,           "dest": S.REGISTERED,    "unless": open_already},
    {"trigger": "hear",         "source": list(S),          "dest": SAME},
    {"trigger": "respond",      "source": list(S),          "dest": SAME},
    {"trigger": "become_complaint", "source": [*AT_WORK, S.ANSWERED], "dest": S.REGISTERED,
                                "unless": [not_by_name, a_complaint, open_already]},
    {"trigger": "answer",       "source": AT_WORK,          "dest": S.ANSWERED,
                                "unless": [not_by_name, a_complaint, before_it_began]},

    {"trigger": "climb",        "source": AT_WORK,          "dest": SAME,            "unless": nobody_to_tell},
    {"trigger": "acknowledge",  "source": AT_WORK,          "dest": S.INVESTIGATING,
                                "unless": [not_by_name, before_it_began]},
    {"trigger": "assign",       "source": AT_WORK,          "dest": SAME,            "unless": not_by_name},
    {"trigger": "regrade",      "source": AT_WORK,          "dest": SAME,
                                "unless": [not_by_name, no_complaint, grade_unchanged]},
    {"trigger": "escalate",     "source": AT_WORK,          "dest": S.ESCALATED,
                                "unless": [escalated_by_nobody, no_complaint]},
    {"trigger": "give_up",      "source": AT_WORK,          "dest": S.ESCALATED,
                                "unless": [not_by_name, no_complaint]},
    {"trigger": "bring_in",     "source": AT_WORK,          "dest": SAME,            "unless": not_by_name},
    {"trigger": "promise_call", "source": AT_WORK,          "dest": SAME,
                                "unless": [not_by_name, before_it_began]},
    {"trigger": "wait",         "source": AT_WORK,          "dest": SAME,
                                "unless": [not_by_name, waiting_already, before_it_began]},
    {"trigger": "resume",       "source": AT_WORK,          "dest": SAME,
                                "unless": [not_by_name, not_waiting]},
    {"trigger": "chase_response",   "source": AT_WORK,      "dest": SAME,
                                "unless": [nothing_late, off_duty_now]},
    {"trigger": "chase_promise",    "source": AT_WORK,      "dest": SAME,
                                "unless": [nothing_late, off_duty_now]},
    {"trigger": "chase_update",     "source": AT_WORK,      "dest": SAME,
                                "unless": [nothing_late, off_duty_now]},
    {"trigger": "chase_resolution", "source": AT_WORK,      "dest": SAME,
                                "unless": [nothing_late, off_duty_now]},

    {"trigger": "resolve",      "source": AT_WORK,          "dest": S.RESOLVED,
                                "unless": [not_by_name, no_complaint, not_told_how, before_it_began]},
    {"trigger": "replan",       "source": [S.RESOLVED, S.CALLBACK_DUE], "dest": SAME,
                                "unless": not_by_name_nor_calendar},
    {"trigger": "call_due",     "source": S.RESOLVED,       "dest": S.CALLBACK_DUE,  "unless": no_time_to_call},
    {"trigger": "chase_call",   "source": S.CALLBACK_DUE,   "dest": SAME,
                                "unless": [off_duty_now, no_time_to_call]},
    {"trigger": "call",         "source": [S.RESOLVED, S.CALLBACK_DUE], "dest": S.RESOLVED,
                                "unless": [not_by_name, before_it_was_resolved, call_told_wrongly]},
    {"trigger": "call",         "source": S.SURVEYED,       "dest": SAME,
                                "unless": [not_by_name, before_it_was_resolved, call_told_wrongly]},
    {"trigger": "survey",       "source": [S.RESOLVED, S.CALLBACK_DUE], "dest": S.SURVEYED,
                                "unless": before_it_was_resolved},
    {"trigger": "answer_survey","source": [*SETTLED, S.CLOSED], "dest": SAME},
    {"trigger": "lapse",        "source": S.SURVEYED,       "dest": S.CLOSED},
    {"trigger": "close",        "source": SETTLED,          "dest": S.CLOSED,
                                "unless": [before_it_was_resolved, no_outcome]},
    {"trigger": "begin_round",  "source": SETTLED,          "dest": S.REGISTERED,    "unless": no_problem_found},
    {"trigger": "reopen",       "source": [*SETTLED, *OVER],"dest": S.REGISTERED,
                                "unless": [not_to_be_reopened, open_already]},
    {"trigger": "settle",       "source": list(S),          "dest": SAME,            "unless": not_by_name},
]

FACTS = ["hear", "respond", "answer_survey"]
# fmt: on

TIMERS = {
    T.FIRST_RESPONSE: Waits("chase_response", while_in=tuple(AT_WORK), when_reached=True),
    T.PROMISED_CALLBACK: Waits("chase_promise", while_in=tuple(AT_WORK), when_reached=True),
    T.NEXT_UPDATE: Waits("chase_update", while_in=tuple(AT_WORK), when_reached=True),
    T.RESOLUTION: Waits("chase_resolution", while_in=tuple(AT_WORK), when_reached=True),
    T.LADDER: Waits("climb", while_in=tuple(AT_WORK), when_reached=True),
    T.CALLBACK: Waits("call_due", while_in=(S.RESOLVED,), when_reached=True),
    T.UNCALLED: Waits("chase_call", while_in=(S.CALLBACK_DUE,), when_reached=True),
    T.SURVEY: Waits("survey", while_in=(S.RESOLVED, S.CALLBACK_DUE)),
    T.SURVEY_OVER: Waits("lapse", while_in=(S.SURVEYED,)),
}

complaint_lifecycle = Lifecycle(
    "complaint",
    ComplaintState,
    TRANSITIONS,
    facts=FACTS,
    final=OVER,
    timers=TIMERS,
    by_people=(
        *(
            "register",
            "become_complaint",
            "answer",
            "acknowledge",
            "assign",
            "regrade",
            "escalate",
            "give_up",
        ),
        *("bring_in", "promise_call", "wait", "resume", "resolve", "call", "close", "reopen", "settle"),
    ),
    record=record,
    follow_ups=follow_ups,
    when_refused=when_refused,
)
