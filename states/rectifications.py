"""The life of a rectification: what is put right because many complained of it (rule 102).

It is opened where complaints are enough, or by a person; its owner is asked how it stands until it is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from states.complaint_refusals import off_duty
from states.follow_ups import FollowUp, MoveTimer, Owe, SetTimer
from states.lifecycle import BEFORE, SAME, Asked, Change, Lifecycle, Waits
from states.order_guards import MACHINE, not_by_name
from states.reasons import Reason


class RectificationState(StrEnum):
    """Where a rectification is in its life."""

    OPEN = "open"
    DONE = "done"


class RectificationTimer(StrEnum):
    """What a rectification may wait for."""

    PROGRESS = "progress"  # a word of its owner's


S, T = RectificationState, RectificationTimer
STILL_OPEN = (S.OPEN,)


# -- what its decisions keep to ---------------------------------------------------------------------


def opened_by_nobody(case, asked: Asked) -> Iterable[Reason]:
    """The machine opens where complaints are enough; else a person answers for it (rule 102)."""
    if asked.by != MACHINE:
        yield from not_by_name(case, asked)


def open_already(case, asked: Asked) -> Iterable[Reason]:
    """One problem is put right by one owner at a time; the database sees to it as well."""
    if case.twin_no:
        yield Reason(
            "already_open",
            f"同一问题已有未完成的整改 {case.twin_no}",
            f"{case.twin_no} about the same is not done yet",
            102,
        )


def before_it_was_opened(case, asked: Asked) -> Iterable[Reason]:
    """Nothing is reported of it before it is known."""
    if asked.at < case.opened_at:
        opened_at = _local(case, case.opened_at)
        yield Reason(
            "too_early",
            f"时间早于整改立项({opened_at:%Y-%m-%d %H:%M:%S})",
            f"that is before it was opened ({opened_at:%Y-%m-%d %H:%M:%S})",
        )


def owner_unchanged(case, asked: Asked) -> Iterable[Reason]:
    """Another owner is another one."""
    if asked.facts["owner"] == case.owner:
        yield Reason("same_owner", f"负责人已经是 {case.owner}", f"its owner is {case.owner} already")


def off_duty_now(case, asked: Asked) -> Iterable[Reason]:
    """Colleagues are asked while they are there."""
    if until := case.policy.off_duty_until(asked.at):
        yield off_duty(_local(case, until))


# fmt: off
TRANSITIONS = [
    {"trigger": "open",   "source": BEFORE, "dest": S.OPEN, "unless": [opened_by_nobody, open_already]},
    {"trigger": "report", "source": S.OPEN, "dest": SAME,   "unless": [not_by_name, before_it_was_opened]},
    {"trigger": "assign", "source": S.OPEN, "dest": SAME,   "unless": [not_by_name, owner_unchanged]},
    {"trigger": "chase",  "source": S.OPEN, "dest": SAME,   "unless": off_duty_now},
    {"trigger": "finish", "source": S.OPEN, "dest": S.DONE, "unless": [not_by_name, before_it_was_opened]},
]
# fmt: on

TIMERS = {T.PROGRESS: Waits("chase", while_in=STILL_OPEN, when_reached=True)}


# -- what is written down ---------------------------------------------------------------------------


def record(case, change: Change, asked: Asked) -> None:
    """The new values; progress is a list, oldest first."""
    at, facts = change.at, change.facts
    match change.trigger:
        case "open":
            rules = case.policy.complaints.rectification
            case.opened_at, case.due_at = at, rules.due_at(at)
            case.owner = facts.get("owner") or rules.owner
        case "assign":
            case.owner = facts["owner"]
        case "report" | "finish":
            case.progress = [*case.progress, {"at": at.isoformat(), "by": change.by, "text": facts["text"]}]
            case.finished_at = at if change.trigger == "finish" else None


# -- what follows -----------------------------------------------------------------------------------


def follow_ups(case, change: Change) -> list[FollowUp]:
    """Who hears of it, and when its owner is asked next."""
    at, lead = change.at, case.policy.complaints.lead
    match change.trigger:
        case "open":
            return [_to(case, "rectification_opened", case.owner, at), _ask_next(case, at)]
        case "assign":
            return [_to(case, "rectification_opened", case.owner, at)]
        case "report":
            return [_to(case, "rectification_progress", lead, at), _ask_next(case, at)]
        case "chase":
            asked = [case.owner, lead] if is_overdue(case, at) else [case.owner]
            what = "rectification_overdue" if is_overdue(case, at) else "rectification_asked"
            return [*(_to(case, what, who, at) for who in dict.fromkeys(asked)), _ask_next(case, at)]
        case "finish":
            heard_by = dict.fromkeys([lead, *case.handlers])
            return [_to(case, "rectification_done", who, at, only_while=()) for who in heard_by]
    return []


def is_overdue(case, at: datetime) -> bool:
    """The deadline itself is too late."""
    return at >= case.due_at


def _ask_next(case, at: datetime) -> SetTimer:
    return SetTimer(T.PROGRESS, case.policy.complaints.rectification.asks_at(at, case.due_at))


def _to(case, what: str, who: str, at: datetime, only_while: tuple[str, ...] = STILL_OPEN) -> Owe:
    return Owe(what, "staff", only_while=only_while, to=who, not_before=case.policy.off_duty_until(at))


def _local(case, at: datetime) -> datetime:
    return at.astimezone(case.policy.zone)


def when_refused(case, asked: Asked, reasons: tuple[Reason, ...]) -> list[FollowUp]:
    """A no to the timer: the owner is asked when somebody is there."""
    off = reasons[0].code == "off_duty"
    return [MoveTimer(case.policy.off_duty_until(asked.at))] if off else []


rectification_lifecycle = Lifecycle(
    "rectification",
    RectificationState,
    TRANSITIONS,
    facts=(),
    final=(S.DONE,),
    timers=TIMERS,
    by_people=("open", "report", "assign", "finish"),
    record=record,
    follow_ups=follow_ups,
    when_refused=when_refused,
)
