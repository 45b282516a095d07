"""What is owed to a customer by when and how that came about, who has been told, and the calls afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flows.complaint_deliveries import became_of
from flows.complaint_sentences import OUTCOMES, OWED, STANDS
from states.complaint_clock import (
    DUE,
    calls_of,
    countdown,
    is_awaited,
    next_notice,
    next_step,
    tellable_at,
)
from states.complaint_states import AT_WORK, ComplaintState
from states.policies.complaint_calls import StepKind
from states.policies.complaint_recitals import recited
from states.policies.complaint_terms import Owed
from states.reasons import Reason

LADDER = "complaint_"  # with the grade behind it: what a level of the ladder is told
DONE = {Owed.FIRST_RESPONSE: "responded_at", Owed.RESOLUTION: "resolved_at"}
CALLS = (ComplaintState.RESOLVED, ComplaintState.CALLBACK_DUE)


def promises_told(view: Any, at: datetime) -> list[dict]:
    """Every deadline of every round and how it stands; of the round it is in also, from its start over every pause,
    how it came about."""
    earlier = (promise for round_ in view.rounds[:-1] for promise in _earlier(view, round_, at))
    return [*earlier, *_current(view, at)]


def _earlier(view: Any, round_: Any, at: datetime) -> Iterator[dict]:
    for owed, column in DONE.items():
        if done_at := getattr(round_, column):
            yield _promise(view, round_, owed, getattr(round_, DUE[owed]), done_at, at)


def _current(view: Any, at: datetime) -> Iterator[dict]:
    round_ = view.current
    for owed in Owed:
        done_at = getattr(round_, DONE[owed]) if owed in DONE else None
        waited_for = view.state in AT_WORK and is_awaited(view, owed)
        counted = countdown(view, round_, owed) if waited_for or done_at else None
        if counted:
            how = [reason.as_dict() for reason in recited(counted, view.policy.zone)]
            yield {**_promise(view, round_, owed, counted.due_at, done_at, at), "how": how}


def _promise(
    view: Any, round_: Any, owed: Owed, due_at: datetime | None, done_at: datetime | None, at: datetime
) -> dict:
    stands = _stands(due_at, done_at, at)
    due, done = local(due_at, view), local(done_at, view)
    zh, en = (text.format(due=due, done=done) for text in STANDS[stands])
    if len(view.rounds) > 1:
        zh, en = f"{zh}(第 {round_.number} 轮)", f"{en} (round {round_.number})"
    return {
        **{"round": round_.number, "owed": str(owed), "stands": stands},
        "due_at": due_at and due_at.astimezone(view.policy.zone).isoformat(),
        **{"zh": f"{OWED[owed][0]}:{zh}", "en": f"{OWED[owed][1]}: {en}", "how": []},
    }


def _stands(due_at: datetime | None, done_at: datetime | None, at: datetime) -> str:
    if due_at is None:
        return "done" if done_at else "paused"
    if done_at:
        return "kept" if done_at < due_at else "missed"
    return "open" if at < due_at else "late"


# -- the ladder -------------------------------------------------------------------------------------


def who_was_told(view: Any, case: dict, at: datetime) -> list[dict]:
    """The ladder of this round in the sequence it went, the departments, who acknowledged, and who is next; and of each
    whether it has reached them."""
    return list(_told(view, case, at))


def _told(view: Any, case: dict, at: datetime) -> Iterator[dict]:
    round_ = case["rounds"][-1]
    for notice in round_["told"]:
        level, who = notice["level"], notice["who"]
        became = became_of(case, LADDER, who, notice["at"])
        yield _at(notice["at"], f"第 {level} 级:{who}", f"level {level}: {who}", became)
    asked = {(owed["owed_at"], owed["recipient"]) for owed in case["owed"] if owed["what"] == "brought_in"}
    for at_, who in sorted(asked):
        if at_ >= round_["began_at"]:
            became = became_of(case, "brought_in", who, at_)
            yield _at(at_, f"请{who}协助", f"{who} was brought in", became)
    if who := round_["acknowledged_by"]:
        yield _at(round_["acknowledged_at"], f"{who} 确认接手", f"{who} acknowledged it")
    notice = next_notice(view) if view.state in AT_WORK else None
    if notice:
        told_at = tellable_at(view, notice, at).astimezone(view.policy.zone).isoformat()
        yield _at(
            told_at, f"若仍无人确认,通知{notice.who}", f"{notice.who} is told if nobody has acknowledged"
        )


def _at(at: str, zh: str, en: str, became: tuple[str, str] = ("", "")) -> dict:
    if any(became):
        zh, en = f"{zh};{became[0]}", f"{en}; {became[1]}"
    return {"at": at, "zh": zh, "en": en}


# -- the call after the resolution ------------------------------------------------------------------


def calls_told(view: Any) -> list[dict]:
    """The calls of the last round that was resolved, and what is planned after them (rule 100)."""
    settled = [round_ for round_ in view.rounds if round_.resolved_at]
    return list(_calls(view, settled[-1])) if settled else []


def _calls(view: Any, round_: Any) -> Iterator[dict]:
    of = (f"(第 {round_.number} 轮)", f" (round {round_.number})") if len(view.rounds) > 1 else ("", "")
    until = local(round_.call_until, view)
    yield _line(f"{until} 前须回访(规则 100){of[0]}", f"to be called by {until} (rule 100){of[1]}")
    for number, (call, told) in enumerate(zip(calls_of(round_), round_.calls, strict=True), start=1):
        zh, en = OUTCOMES[call.outcome]
        later = (
            (f",改到 {local(call.later_at, view)}", f", at {local(call.later_at, view)}")
            if call.later_at
            else ("", "")
        )
        at, by = local(call.at, view), told["by"]
        yield _line(
            f"第 {number} 次 {at},{by}:{zh}{later[0]}", f"call {number} at {at}, by {by}: {en}{later[1]}"
        )
    if view.state in CALLS:
        yield from _planned(view)
    if round_.surveyed_at:
        at = local(round_.surveyed_at, view)
        yield _line(f"{at} 发出书面问卷", f"asked in writing at {at}")
    if round_.outcome:
        zh, en = OUTCOMES[round_.outcome]
        mark = (
            (f",评分 {round_.satisfaction}", f", mark {round_.satisfaction}")
            if round_.satisfaction
            else ("", "")
        )
        yield _line(f"结果:{zh}{mark[0]}", f"the outcome: {en}{mark[1]}")


def _planned(view: Any) -> Iterator[dict]:
    """The calls that are left; before the first, the whole plan as it is if nobody is ever reached."""
    round_ = view.current
    step = next_step(view, max([round_.resolved_at, *(call.at for call in calls_of(round_))]))
    steps = [step]
    if not round_.calls:
        plan = view.policy.callback_plan(round_.resolved_at)
        steps = [*plan.calls, plan.survey]
    for step in steps:
        at, (zh, en) = local(step.at, view), _said(step.reasons)
        kind = ("书面问卷", "a survey") if step.kind is StepKind.SURVEY else ("打电话", "a call")
        yield _line(f"计划 {at} {kind[0]}:{zh}", f"planned: {kind[1]} at {at}: {en}")


def _said(reasons: tuple[Reason, ...]) -> tuple[str, str]:
    return ";".join(reason.zh for reason in reasons), "; ".join(reason.en for reason in reasons)


def _line(zh: str, en: str) -> dict:
    return {"zh": zh, "en": en}


def local(at: datetime | None, view: Any) -> str:
    """A moment as the shop's clock shows it, with seconds only where there are any."""
    return f"{at.astimezone(view.policy.zone):%Y-%m-%d %H:%M:%S}".removesuffix(":00") if at else "—"
