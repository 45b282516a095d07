"""Whose turn it is with a complaint."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flows.complaint_promises import local
from flows.complaint_sentences import TURN
from states.complaint_clock import instant, is_complaint, is_paused, next_notice, tellable_at
from states.complaint_states import OVER, ComplaintState
from states.complaint_states import ComplaintState as S

SOMEBODY = "客服"
UNACKNOWLEDGED = (ComplaintState.REGISTERED, ComplaintState.ESCALATED)


def turn_of(view: Any, case: dict, at: datetime) -> dict:
    """Whose it is, and what is to be done."""
    key, words = _turn(view, case, at)
    zh, en = (text.format(**words) for text in TURN[key])
    return {"turn": key, "zh": zh, "en": en}


def _turn(view: Any, case: dict, at: datetime) -> tuple[str, dict]:
    round_, caller = view.current, view.policy.complaints.callback.who
    handler = view.handler or round_.acknowledged_by or SOMEBODY
    if view.state in OVER:
        return "over", {}
    match view.state:
        case S.RESOLVED if round_.next_call_at:
            until = local(round_.next_call_at, view) + _expected(_waiting(view, "callback"))
            return "resolved", {"who": caller, "until": until}
        case S.RESOLVED:
            return "written", {"until": _timer(view, "survey")}
        case S.CALLBACK_DUE:
            return "callback_due", {"who": caller}
        case S.SURVEYED:
            return "surveyed", {"until": _timer(view, "survey_over")}
    if is_paused(round_):
        return "waiting", {"why": case["rounds"][-1]["pauses"][-1]["why"]}
    if not is_complaint(view):
        return "inquiry", {"who": handler}
    return _ladders(view, at) if view.state in UNACKNOWLEDGED else ("investigating", {"who": handler})


def _ladders(view: Any, at: datetime) -> tuple[str, dict]:
    """Whoever was told last since the ladder began or was taken up again; else whoever is told next."""
    round_, notice = view.current, next_notice(view)
    if round_.told and instant(round_.told[-1]["at"]) >= round_.ladder_since:
        return view.state, {"who": round_.told[-1]["who"]}
    if notice:
        return "to_be_told", {"who": notice.who, "until": local(tellable_at(view, notice, at), view)}
    return "nobody_left", {}


def _timer(view: Any, kind: str) -> str:
    timer = _waiting(view, kind)
    return local(timer and timer.due_at, view) + _expected(timer)


def _waiting(view: Any, kind: str) -> Any:
    waiting = (t for t in view.timers if t.kind == kind and not t.done_at and not t.cancelled_at)
    return next(waiting, None)


def _expected(timer: Any) -> str:
    return "(预计 expected)" if timer and timer.unknown_on else ""
