"""What a round of a complaint owes by when: its ledgers as the policies read them, and what they answer."""

from __future__ import annotations

from datetime import datetime

from states.policies.complaint_calls import ENDS, Call, CallOutcome, Step
from states.policies.complaint_deadlines import Countdown, Pause
from states.policies.complaint_ladders import LadderNotice, LadderPolicy
from states.policies.complaint_terms import Grade, IntakeClass, Owed

CHASES = {
    "chase_response": Owed.FIRST_RESPONSE,
    "chase_promise": Owed.PROMISED_CALLBACK,
    "chase_update": Owed.NEXT_UPDATE,
    "chase_resolution": Owed.RESOLUTION,
}
DUE = {  # where a round keeps its deadlines
    Owed.FIRST_RESPONSE: "respond_by",
    Owed.PROMISED_CALLBACK: "call_by",
    Owed.NEXT_UPDATE: "update_by",
    Owed.RESOLUTION: "resolve_by",
}


def instant(text: str | None) -> datetime | None:
    """A ledger's time."""
    return datetime.fromisoformat(text) if text else None


def pauses_of(round_) -> list[Pause]:
    """When we waited, or still wait, for the customer."""
    return [Pause(instant(p["start"]), instant(p["end"]), p["why"]) for p in round_.pauses]


def is_paused(round_) -> bool:
    """Whether we wait for the customer now."""
    return bool(round_.pauses) and round_.pauses[-1]["end"] is None


def calls_of(round_) -> list[Call]:
    """The calls made after the resolution."""
    return [
        Call(instant(c["at"]), CallOutcome(c["outcome"]), instant(c.get("later_at"))) for c in round_.calls
    ]


def told_of(round_) -> dict[str, datetime]:
    """Who of the ladder has been told when in this round."""
    return {notice["who"]: instant(notice["at"]) for notice in round_.told}


def is_complaint(case) -> bool:
    """Not a mere question (rule 93)."""
    return case.intake == IntakeClass.COMPLAINT


def ladder_of(case) -> LadderPolicy | None:
    """Who is told of a case of this grade; nobody of a mere question."""
    return case.policy.complaints.graded(Grade(case.grade)).ladder if is_complaint(case) else None


def countdown(case, round_, owed: Owed) -> Countdown | None:
    """By when this is owed in this round, and how that came about; None: it is not owed."""
    start = _counted_from(round_, owed)
    if start is None:
        return None
    grade = Grade(case.grade) if case.grade else None
    return case.policy.owed_by(
        owed, start, intake=IntakeClass(case.intake), grade=grade, pauses=pauses_of(round_)
    )


def _counted_from(round_, owed: Owed) -> datetime | None:
    match owed:
        case Owed.PROMISED_CALLBACK:
            return round_.promised_at
        case Owed.NEXT_UPDATE:  # from our last word to the customer; once missed, from then (rule 119)
            missed = [instant(m["at"]) for m in round_.missed if m["owed"] == owed]
            return max([round_.began_at, round_.last_word_at or round_.began_at, *missed])
    return round_.began_at


def is_awaited(case, owed: Owed) -> bool:
    """Whether the customer still waits for it in this round."""
    round_ = case.current
    match owed:
        case Owed.FIRST_RESPONSE:
            return round_.responded_at is None
        case Owed.PROMISED_CALLBACK:
            return round_.promised_at is not None
        case Owed.NEXT_UPDATE:
            return round_.responded_at is not None
    return is_complaint(case)


def is_about_this_round(case, at: datetime) -> bool:
    """Whether what a customer answered then is about how it was settled last, not about an earlier round."""
    return at >= case.current.resolved_at


def is_missed(round_, owed: Owed) -> bool:
    """Whether staff have been told that this very deadline has passed."""
    due_at = getattr(round_, DUE[owed])
    return any(m["owed"] == owed and instant(m["due_at"]) == due_at for m in round_.missed)


def next_notice(case) -> LadderNotice | None:
    """Who of the ladder is told next if nobody acknowledges; None: nobody is left, or somebody has."""
    round_ = case.current
    if not is_complaint(case) or round_.ladder_since is None or round_.acknowledged_at:
        return None
    return case.policy.next_told(Grade(case.grade), round_.ladder_since, told_of(round_))


def tellable_at(case, notice: LadderNotice, at: datetime) -> datetime:
    """When this level is told, as seen at `at`: in its duty hours, unless too grave to wait for them (rule 98)."""
    return ladder_of(case).on_duty(notice.who, max(notice.at, at), case.policy.complaint_desks)


def is_graver(grade: str, than: str) -> bool:
    """Whether more is at stake with this grade (rule 94)."""
    grades = list(Grade)
    return grades.index(Grade(grade)) > grades.index(Grade(than))


def off_duty_until(case, at: datetime, who: str | None = None) -> datetime | None:
    """When this colleague may be told; None: now. A crisis waits for nobody's hours (rule 98)."""
    grade = Grade(case.grade) if is_complaint(case) else None
    return case.policy.off_duty_until(at, who=who, grade=grade)


def next_step(case, at: datetime) -> Step:
    """What comes after the calls made so far, as seen at `at` (rules 100, 101)."""
    calls = calls_of(case.current)
    ends = next((n for n, call in enumerate(calls, 1) if call.outcome in ENDS), None)
    # a call that had reached the customer may be told after a later one in vain
    return case.policy.callback_step(case.current.resolved_at, calls[:ends], at)
