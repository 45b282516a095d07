"""What is written down of a complaint: its new values, its ledgers, and by when what is owed."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace

from states.complaint_clock import (
    CHASES,
    DUE,
    countdown,
    is_about_this_round,
    is_complaint,
    is_graver,
    is_paused,
    next_notice,
    next_step,
)
from states.complaint_states import OVER, ComplaintState
from states.lifecycle import Asked, Change
from states.order_guards import MACHINE
from states.policies.complaint_calls import CallOutcome, StepKind
from states.policies.complaint_grades import URGENCIES
from states.policies.complaint_terms import ComplaintFacts, Grade, IntakeClass, Nature, Owed

UNANSWERED = "unanswered"  # the survey's outcome where nobody answered it
OUTCOMES = (CallOutcome.SATISFIED, CallOutcome.PROBLEM, CallOutcome.REFUSED)


def record(case, change: Change, asked: Asked) -> None:
    """The new values. A fact's values are written even where it surprised us (promise 2)."""
    at, facts, details = change.at, change.facts, asked.details or {}
    match change.trigger:
        case "register":
            case.registered_at = at
            _said(case, change, details)
            judge(case)
            begin_round(case, at, "registered")
        case "hear" | "answer_survey":
            _said(case, change, details)
            _end_pause(case, at)
            answered = change.trigger == "answer_survey" and change.expected
            if answered and is_about_this_round(case, at):
                _outcome(case, facts["outcome"], facts.get("satisfaction"))
        case "become_complaint":
            case.intake, case.nature = IntakeClass.COMPLAINT, facts["nature"]
            judge(case)
            begin_round(case, at, "registered")
        case "acknowledge":
            _acknowledge(case, change)
        case "assign":
            case.handler = facts["handler"]
        case "regrade":
            if is_graver(facts["grade"], case.grade):
                _take_ladder_up(case, at)
            case.grade, case.graded_by = facts["grade"], change.by
            case.urgency = URGENCIES[Grade(case.grade)]
        case "respond":
            _responded(case, at)
        case "promise_call":
            case.current.promised_at = at
        case "wait":
            case.current.pauses = [*case.current.pauses, {**_span(at), "why": facts["text"]}]
        case "resume":
            _end_pause(case, at)
        case "climb":
            _told(case, at)
        case "escalate" | "give_up" if change.by != MACHINE:
            _take_ladder_up(case, at)
        case "chase_response" | "chase_promise" | "chase_update" | "chase_resolution":
            _missed(case, CHASES[change.trigger], at)
        case "resolve":
            _resolved(case, change)
        case "answer":
            _responded(case, at)
            case.current.answer, case.handler = facts["text"], case.handler or change.by
        case "call":
            _called(case, change)
        case "replan" if case.state == ComplaintState.RESOLVED:
            _plan_call(case, at)
        case "survey":
            case.current.surveyed_at, case.current.next_call_at = at, None
        case "lapse":
            case.current.outcome = case.current.outcome or UNANSWERED
        case "begin_round" | "reopen":
            begin_round(case, at, _why(case, change))
    _owe(case)
    case.is_open = change.dest not in OVER
    if change.dest != change.source:
        case.closed_at = at if change.dest in OVER else None


def judge(case) -> None:
    """Grade and urgency as the policy proposes them; who registers it may know better (rules 94, 111)."""
    if not is_complaint(case):
        return
    told = ComplaintFacts(
        Nature(case.nature),
        case.amount_fen,
        case.buyer_repeats,
        case.goods_repeats,
        case.furious,
        case.hard_to_judge,
    )
    proposal = case.policy.proposal(told)
    case.grade, case.urgency = proposal.grade, proposal.urgency
    reasons = dict.fromkeys(proposal.reasons + proposal.urgency_reasons)
    case.reasons = [reason.as_dict() for reason in reasons]


def begin_round(case, at: datetime, why: str) -> None:
    """Fresh deadlines, ladder and callback (rule 101)."""
    ledgers = {name: [] for name in ("pauses", "missed", "told", "calls")}
    unknown = dict.fromkeys(
        (
            *(
                "respond_by",
                "responded_at",
                "promised_at",
                "call_by",
                "last_word_at",
                "update_by",
                "resolve_by",
            ),
            *(
                "acknowledged_at",
                "acknowledged_by",
                "resolved_at",
                "remedy",
                "answer",
                "return_no",
                "handler",
            ),
            *("call_until", "next_call_at", "surveyed_at", "outcome", "satisfaction", "ladder_since"),
        )
    )
    number = len(case.rounds) + 1
    case.rounds.append(SimpleNamespace(number=number, why=why, began_at=at, **unknown, **ledgers))
    if is_complaint(case):
        case.current.ladder_since = at


def _owe(case) -> None:
    """By when each thing is owed, as it stands now; a pause that has not ended leaves it open."""
    round_ = case.current
    for owed, column in DUE.items():
        counted = countdown(case, round_, owed)
        setattr(round_, column, counted.due_at if counted else None)


def _why(case, change: Change) -> str:
    if change.trigger == "reopen":
        return "reopened"
    by_phone = any(call["outcome"] == CallOutcome.PROBLEM for call in case.current.calls)
    return "callback" if by_phone else "survey"


def _said(case, change: Change, details) -> None:
    """The customer's words stay with the complaint; history holds none (promise 9)."""
    case.last_words = details.get("words") or ""
    if case.last_words:
        said = {"at": change.at.isoformat(), "by": change.by, "words": case.last_words}
        case.said = [*case.said, said]


def _span(start: datetime) -> dict:
    return {"start": start.isoformat(), "end": None}


def _end_pause(case, at: datetime) -> None:
    round_ = case.current
    if is_paused(round_):
        *before, last = round_.pauses
        end = max(at.isoformat(), last["start"])  # both in UTC: a word told late ends it where it began
        round_.pauses = [*before, {**last, "end": end}]


def _acknowledge(case, change: Change) -> None:
    round_ = case.current
    if round_.acknowledged_at is None:
        round_.acknowledged_at, round_.acknowledged_by = change.at, change.by
    case.handler = case.handler or change.by


def _take_ladder_up(case, at: datetime) -> None:
    """The next one on the ladder is told at once, whoever had acknowledged (rule 99)."""
    round_ = case.current
    round_.ladder_since, round_.acknowledged_at, round_.acknowledged_by = at, None, None


def _responded(case, at: datetime) -> None:
    """A word of ours: it is the answer that was owed, the call that was promised, the news of how it stands."""
    round_ = case.current
    round_.responded_at = min(round_.responded_at or at, at)
    round_.last_word_at = max(round_.last_word_at or at, at)
    round_.promised_at = None


def _told(case, at: datetime) -> None:
    notice, round_ = next_notice(case), case.current
    told = {"level": notice.level, "who": notice.who, "at": at.isoformat(), "why": notice.reasons[0].code}
    round_.told = [*round_.told, told]


def _missed(case, owed: Owed, at: datetime) -> None:
    round_ = case.current
    due_at = getattr(round_, DUE[owed])
    round_.missed = [*round_.missed, {"owed": owed, "due_at": due_at.isoformat(), "at": at.isoformat()}]
    if owed is not Owed.NEXT_UPDATE and is_complaint(case):
        _take_ladder_up(case, at)


def _resolved(case, change: Change) -> None:
    round_, at, facts = case.current, change.at, change.facts
    _end_pause(case, at)
    _responded(case, at)
    round_.resolved_at, round_.remedy, round_.answer = at, facts["remedy"], facts["text"]
    round_.return_no = facts.get("case")
    case.handler = case.handler or change.by
    round_.handler = case.handler
    round_.call_until = case.policy.complaints.callback.until(at)
    _plan_call(case, at)


def _called(case, change: Change) -> None:
    round_, facts = case.current, change.facts
    later_at = facts.get("later_at")
    call = {
        "at": change.at.isoformat(),
        "by": change.by,
        "outcome": str(facts["outcome"]),
        "later_at": later_at if later_at is None or isinstance(later_at, str) else later_at.isoformat(),
        "text": facts.get("text"),
    }
    round_.calls = sorted([*round_.calls, call], key=lambda call: call["at"])
    if facts["outcome"] in OUTCOMES:
        _outcome(case, facts["outcome"], facts.get("satisfaction"))
    _plan_call(case, change.at)


def _plan_call(case, at: datetime) -> None:
    step = next_step(case, at)
    calls = step.kind in (StepKind.CALL, StepKind.FIND_NUMBER) and case.current.surveyed_at is None
    case.current.next_call_at = step.at if calls else None


def _outcome(case, outcome: str, satisfaction: int | None) -> None:
    case.current.outcome, case.current.satisfaction = str(outcome), satisfaction
