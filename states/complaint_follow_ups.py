"""What follows from a change of a complaint: who hears of it, and what is waited for."""

from __future__ import annotations

from datetime import datetime

from states.complaint_clock import (
    CHASES,
    DUE,
    is_about_this_round,
    is_awaited,
    is_complaint,
    is_missed,
    ladder_of,
    next_notice,
    next_step,
    off_duty_until,
    tellable_at,
    told_of,
)
from states.complaint_refusals import ACKNOWLEDGED
from states.complaint_states import AT_WORK, OVER, SETTLED, ComplaintTimer
from states.complaint_states import ComplaintState as S
from states.follow_ups import Ask, CancelTimer, FollowUp, MoveTimer, Note, Owe, SetTimer
from states.lifecycle import Asked, Change
from states.order_guards import MACHINE
from states.policies.complaint_calls import CallOutcome, Step, StepKind
from states.policies.complaint_terms import Owed
from states.reasons import Reason

T = ComplaintTimer
TIMER_OF = {
    Owed.FIRST_RESPONSE: T.FIRST_RESPONSE,
    Owed.PROMISED_CALLBACK: T.PROMISED_CALLBACK,
    Owed.NEXT_UPDATE: T.NEXT_UPDATE,
    Owed.RESOLUTION: T.RESOLUTION,
}
UNACKNOWLEDGED = (S.REGISTERED, S.ESCALATED)  # the states in which the ladder goes on


def follow_ups(case, change: Change) -> list[FollowUp]:
    """Timers set, messages owed, and what is decided next."""
    at, facts = change.at, change.facts
    rows: list[FollowUp] = [Note(change.anomaly)] if change.anomaly else []
    match change.trigger:
        case "register" | "become_complaint":
            rows += _taken_in(case, at)
        case "hear" if change.source in AT_WORK:
            rows += [_to_handler(case, "customer_wrote", at)]
        case "hear":
            rows += [Ask("reopen", by=MACHINE)]
        case "climb":
            rows += _ladder_told(case, at)
        case "regrade":
            rows += _regraded(case, change)
        case "bring_in":
            text = {"text": facts.get("text")}
            rows += [_to_staff(case, "brought_in", facts["department"], at, **text)]
        case "give_up":
            rows += [Owe("other_ways", "buyer", {"ways": case.policy.complaints.other_ways})]
        case "chase_response" | "chase_promise" | "chase_update" | "chase_resolution":
            rows += _deadline_missed(case, change)
        case "resolve":
            rows += [Owe("complaint_resolved", "buyer", only_while=tuple(SETTLED)), *_call_planned(case, at)]
        case "replan":
            rows += _planned_anew(case, at)
        case "call_due":
            rows += _call_now(case, at)
        case "chase_call":
            for who in dict.fromkeys((case.policy.complaints.callback.who, case.policy.complaints.lead)):
                rows += [Owe("callback_overdue", "staff", only_while=(S.CALLBACK_DUE,), to=who)]
        case "call":
            rows += _after_call(case, change)
        case "survey":
            open_until = at + case.policy.complaints.callback.survey_open
            rows += [
                Owe("survey", "buyer", {"open_until": open_until}, only_while=(S.SURVEYED,)),
                SetTimer(T.SURVEY_OVER, open_until),
            ]
        case "answer_survey":
            rows += _survey_answered(case, change)
        case "begin_round" | "reopen":
            rows += _taken_up_again(case, at)
    return rows + (_clock(case, change) if change.dest in AT_WORK else [])


# -- deadlines and ladder ---------------------------------------------------------------------------


def _clock(case, change: Change) -> list[FollowUp]:
    """What is waited for, as it stands after any change: nothing of it that is done, paused or missed."""
    round_ = case.current
    rows: list[FollowUp] = []
    for owed, timer in TIMER_OF.items():
        due_at = getattr(round_, DUE[owed])
        open_ = is_awaited(case, owed) and due_at is not None and not is_missed(round_, owed)
        rows.append(SetTimer(timer, due_at) if open_ else CancelTimer(timer))
    return [*rows, *_ladder(case, change)]


def _ladder(case, change: Change) -> list[FollowUp]:
    round_ = case.current
    if notice := next_notice(case):
        return [SetTimer(T.LADDER, notice.at)]
    if round_.acknowledged_at or not is_complaint(case):
        return [CancelTimer(T.LADDER)]
    if change.trigger == "climb":  # the last one has been told: somebody has to see that nobody answers
        return [SetTimer(T.LADDER, ladder_of(case).unheard_at(told_of(round_), case.policy.complaint_desks))]
    if round_.ladder_since == change.at:  # taken up again, and nobody is left
        return [SetTimer(T.LADDER, change.at)]
    return []


def _ladder_told(case, at: datetime) -> list[FollowUp]:
    """Whoever is next, and with the first of them the departments (rules 98, 99, 120)."""
    *before, notice = case.current.told
    payload = {"level": notice["level"], "why": notice["why"]}
    rows: list[FollowUp] = [
        Owe(f"complaint_{case.grade}", "staff", payload, only_while=UNACKNOWLEDGED, to=notice["who"])
    ]
    if not before:
        rows += _departments(case, at)
    if notice["level"] > 1 and case.state != S.ESCALATED:
        rows += [Ask("escalate", by=MACHINE)]
    return rows


def _departments(case, at: datetime) -> list[FollowUp]:
    return [_to_staff(case, "brought_in", who, at, text=None) for who in ladder_of(case).bring_in]


def _regraded(case, change: Change) -> list[FollowUp]:
    """Graver than the customer and those who have been told knew: the customer is calmed first, the departments hear
    of it, too, and the ladder goes on (rule 98)."""
    round_ = case.current
    graver = round_.ladder_since == change.at
    rows: list[FollowUp] = [_calmed(case)] if graver and ladder_of(case).calm_first else []
    rows += _departments(case, change.at) if graver and round_.told else []
    goes_on = change.source == S.INVESTIGATING and round_.acknowledged_at is None
    return [*rows, Ask("escalate", by=MACHINE)] if goes_on else rows


def _deadline_missed(case, change: Change) -> list[FollowUp]:
    """Who handles it hears of it; what the customer waits for goes to the next on the ladder as well (rule 99)."""
    owed = CHASES[change.trigger]
    missed = {"owed": owed, "due_at": case.current.missed[-1]["due_at"]}
    rows: list[FollowUp] = [_to_handler(case, f"missed_{owed}", change.at, **missed)]
    escalates = is_complaint(case) and owed is not Owed.NEXT_UPDATE and change.dest != S.ESCALATED
    return [*rows, Ask("escalate", by=MACHINE)] if escalates else rows


# -- intake and rounds ------------------------------------------------------------------------------


def _taken_in(case, at: datetime) -> list[FollowUp]:
    """The customer is calmed first, then somebody is told (rules 95, 98)."""
    if not is_complaint(case):
        return [_to_handler(case, "inquiry", at)]
    return [_calmed(case)]


def _calmed(case) -> Owe:
    return Owe(f"complaint_received_{case.grade}", "buyer", only_while=tuple(AT_WORK))


def _taken_up_again(case, at: datetime) -> list[FollowUp]:
    """A fresh round: the customer hears of it, and who leads the previous handler (rule 101)."""
    rows: list[FollowUp] = [Owe("complaint_taken_up", "buyer", only_while=tuple(AT_WORK))]
    if not is_complaint(case):
        return [*rows, _to_handler(case, "inquiry", at)]
    before = {"why": case.current.why, "handler": case.rounds[-2].handler}
    return [*rows, _to_staff(case, "round_begun", case.policy.complaints.lead, at, **before)]


# -- the call after the resolution ------------------------------------------------------------------


def _call_planned(case, at: datetime, *, again: bool = False) -> list[FollowUp]:
    """The next call, and the survey that is sent if nobody has called by the end of the seven days (rule 100)."""
    step = next_step(case, at)
    match step.kind:
        case StepKind.CLOSE:
            return [Ask("close", by=MACHINE)]
        case StepKind.NEW_ROUND:
            return [Ask("begin_round", by=MACHINE)]
        case StepKind.SURVEY if step.at <= at:
            return [Ask("survey", by=MACHINE)]
        case StepKind.SURVEY:
            return [CancelTimer(T.CALLBACK), _at_step(T.SURVEY, step)]
    asks = step.kind is StepKind.FIND_NUMBER and not again
    rows: list[FollowUp] = [Owe("ask_number", "buyer", only_while=(S.RESOLVED,))] if asks else []
    survey = case.policy.survey_by(case.current.resolved_at, step)
    return [*rows, _at_step(T.CALLBACK, step), _at_step(T.SURVEY, survey)]


def _planned_anew(case, at: datetime) -> list[FollowUp]:
    """The days are others than we thought: the same plan on these. Whoever is to call now calls all the same."""
    if case.state == S.RESOLVED:
        return _call_planned(case, at, again=True)
    called_at = case.current.next_call_at
    planned = called_at and Step(StepKind.CALL, called_at, ())
    return [_at_step(T.SURVEY, case.policy.survey_by(case.current.resolved_at, planned))]


def _at_step(kind: T, step: Step) -> SetTimer:
    return SetTimer(kind, step.at, None, step.unknown_on)


def _call_now(case, at: datetime) -> list[FollowUp]:
    callback = case.policy.complaints.callback
    remind_at = case.policy.call_hours.after(at, callback.remind_after)
    return [
        Owe("callback_due", "staff", only_while=(S.CALLBACK_DUE,), to=callback.who),
        SetTimer(T.UNCALLED, remind_at),
    ]


def _after_call(case, change: Change) -> list[FollowUp]:
    """A survey that is out stays out, unless this call has reached the customer."""
    if change.source == S.SURVEYED and change.facts["outcome"] not in (*_ENDS, CallOutcome.PROBLEM):
        return []
    return _call_planned(case, change.at)


_ENDS = (CallOutcome.SATISFIED, CallOutcome.REFUSED)


def _survey_answered(case, change: Change) -> list[FollowUp]:
    problem = change.facts["outcome"] == CallOutcome.PROBLEM
    if not change.expected or not is_about_this_round(case, change.at):
        return []
    if change.source in OVER:  # late: what it says counts all the same (rule 101)
        return [Ask("reopen", by=MACHINE)] if problem else []
    if problem:
        return [Ask("begin_round", by=MACHINE)]
    return [Ask("close", by=MACHINE)] if change.source == S.SURVEYED else []


# -- who hears of it --------------------------------------------------------------------------------


def _to_handler(case, what: str, at: datetime, **payload) -> Owe:
    """To who handles it; else to the lowest on the ladder, who has to find somebody."""
    ladder = ladder_of(case)
    return _to_staff(case, what, case.handler or (ladder.levels[0].who if ladder else None), at, **payload)


def _to_staff(case, what: str, who: str | None, at: datetime, **payload) -> Owe:
    until = off_duty_until(case, at, who)
    return Owe(what, "staff", payload, only_while=tuple(AT_WORK), to=who, not_before=until)


# -- when the answer is no --------------------------------------------------------------------------


def when_refused(case, asked: Asked, reasons: tuple[Reason, ...]) -> list[FollowUp]:
    """A no to a timer or to the machine: it is told when somebody is there, or a person looks."""
    match asked.trigger, reasons[0].code:
        case "climb", "off_duty":
            return [MoveTimer(tellable_at(case, next_notice(case), asked.at))]
        case _, "off_duty":
            return [MoveTimer(off_duty_until(case, asked.at))]
        case (("call_due" | "chase_call"), _):
            step = next_step(case, asked.at)
            if step.kind in (StepKind.CALL, StepKind.FIND_NUMBER):
                return [MoveTimer(step.at, step.unknown_on)]
            return [Ask("survey", by=MACHINE)] if asked.trigger == "call_due" else []
        case "climb", ACKNOWLEDGED.code:
            return []
        case "reopen", "only_thanks":
            return []
        case (("climb" | "reopen" | "close"), _):
            return [Note(reasons[0], f"{asked.trigger} {len(case.rounds)}")]
    return []
