"""The rules a complaint's decisions keep to: each guard says why not, and all of them speak."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from states.complaint_clock import (
    CHASES,
    DUE,
    instant,
    is_awaited,
    is_complaint,
    is_missed,
    is_paused,
    next_notice,
    next_step,
    off_duty_until,
    tellable_at,
)
from states.complaint_refusals import (
    A_COMPLAINT,
    ACKNOWLEDGED,
    ANSWER_MISSING,
    LATER_MISSING,
    LATER_NOT_ASKED,
    LATER_PASSED,
    NO_OUTCOME,
    NO_PROBLEM,
    NOBODY_LEFT,
    NOT_A_COMPLAINT,
    NOT_WAITING,
    NOTHING_LATE,
    REGISTERED,
    REMEDY_MISSING,
    RESOLVED,
    WAITING_ALREADY,
    already_open,
    off_duty,
    outside_call_hours,
    same_grade,
    too_early,
)
from states.lifecycle import Asked
from states.order_guards import MACHINE, not_by_name
from states.policies.complaint_calls import CallOutcome
from states.policies.complaint_reopening import Reopens
from states.reasons import Reason


def open_already(case, asked: Asked) -> Iterable[Reason]:
    """One order and one cause are one complaint; the database sees to it as well (rule 95)."""
    nature = asked.facts.get("nature", case.nature)
    twins = (other for other in case.others if other is not case and other.is_open)
    if twin := next((twin for twin in twins if nature and twin.nature == nature), None):
        yield already_open(twin.no)


def no_complaint(case, asked: Asked) -> Iterable[Reason]:
    """What is owed to who only asks something is an answer (rule 93)."""
    if not is_complaint(case):
        yield NOT_A_COMPLAINT


def a_complaint(case, asked: Asked) -> Iterable[Reason]:
    """A complaint ends with a callback, not with an answer (rules 93, 100)."""
    if is_complaint(case):
        yield A_COMPLAINT


def escalated_by_nobody(case, asked: Asked) -> Iterable[Reason]:
    """The clock escalates by itself; all else a person answers for (rules 98, 99)."""
    if asked.by != MACHINE:
        yield from not_by_name(case, asked)


def before_it_began(case, asked: Asked) -> Iterable[Reason]:
    """Nothing is done about it before it is known."""
    if asked.at < case.current.began_at:
        yield too_early(REGISTERED, _local(case, case.current.began_at))


def waiting_already(case, asked: Asked) -> Iterable[Reason]:
    """A pause ends before the next one begins."""
    if is_paused(case.current):
        yield WAITING_ALREADY


def not_waiting(case, asked: Asked) -> Iterable[Reason]:
    """Only a pause can end."""
    if not is_paused(case.current):
        yield NOT_WAITING


def grade_unchanged(case, asked: Asked) -> Iterable[Reason]:
    """Another grade is another one."""
    if asked.facts["grade"] == case.grade:
        yield same_grade(case.grade)


def nobody_to_tell(case, asked: Asked) -> Iterable[Reason]:
    """An acknowledgement stops the ladder; at its end somebody else has to see to it (rules 98, 99)."""
    if case.current.acknowledged_at:
        yield ACKNOWLEDGED
    elif (notice := next_notice(case)) is None:
        yield NOBODY_LEFT
    elif (told_at := tellable_at(case, notice, asked.at)) > asked.at:
        yield off_duty(_local(case, told_at))


def off_duty_now(case, asked: Asked) -> Iterable[Reason]:
    """Colleagues are told while they are there; of a crisis at once (rule 98)."""
    if until := off_duty_until(case, asked.at):
        yield off_duty(_local(case, until))


def nothing_late(case, asked: Asked) -> Iterable[Reason]:
    """Only what is still awaited and past its time is chased; at its second it is past (rules 97, 112-119)."""
    owed, round_ = CHASES[asked.trigger], case.current
    due_at = getattr(round_, DUE[owed])
    if not is_awaited(case, owed) or due_at is None or asked.at < due_at or is_missed(round_, owed):
        yield NOTHING_LATE


def not_told_how(case, asked: Asked) -> Iterable[Reason]:
    """Resolved is what has a remedy and was told to the customer (rule 97)."""
    if not asked.facts.get("remedy"):
        yield REMEDY_MISSING
    if not asked.facts.get("text"):
        yield ANSWER_MISSING


def no_time_to_call(case, asked: Asked) -> Iterable[Reason]:
    """Customers are called in the contact hours (rule 100)."""
    if not case.policy.may_call(asked.at):
        yield outside_call_hours(_local(case, next_step(case, asked.at).at))


def before_it_was_resolved(case, asked: Asked) -> Iterable[Reason]:
    """Nobody is asked how it went before it is done (rule 100)."""
    if asked.at < case.current.resolved_at:
        yield too_early(RESOLVED, _local(case, case.current.resolved_at))


def call_told_wrongly(case, asked: Asked) -> Iterable[Reason]:
    """Who asks to be called later says when (rule 100)."""
    later, later_at = asked.facts["outcome"] == CallOutcome.LATER, asked.facts.get("later_at")
    if later and not later_at:
        yield LATER_MISSING
    elif later_at and not later:
        yield LATER_NOT_ASKED
    elif later_at and _as_instant(later_at) <= asked.at:
        yield LATER_PASSED


def no_outcome(case, asked: Asked) -> Iterable[Reason]:
    """A complaint closes only with a recorded callback outcome (rule 100)."""
    if case.current.outcome is None:
        yield NO_OUTCOME


def no_problem_found(case, asked: Asked) -> Iterable[Reason]:
    """The next round begins with a problem that a callback or survey found (rule 101)."""
    if case.current.outcome != CallOutcome.PROBLEM:
        yield NO_PROBLEM


def not_to_be_reopened(case, asked: Asked) -> Iterable[Reason]:
    """A bare word of thanks reopens nothing; after the shop's time it is a complaint of its own."""
    answer = case.policy.reopening(case.closed_at, max(asked.at, case.closed_at or asked.at), case.last_words)
    if answer.answer is not Reopens.JOINS:
        yield from answer.reasons


def _as_instant(at: datetime | str) -> datetime:
    return instant(at) if isinstance(at, str) else at


def _local(case, at: datetime) -> datetime:
    return at.astimezone(case.policy.zone)
