"""What can be done about a complaint where it is now, each with the command that does it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from flows.complaint_desk import COMPLAINTS_HAND
from flows.complaint_sentences import ACTS
from states.complaint_states import AT_WORK, ComplaintState
from states.complaints import complaint_lifecycle
from states.lifecycle import Asked
from states.policies.complaint_terms import Grade

NAME = "NAME"
SAID = {  # what stands for the words that somebody will find
    "resolve": {"remedy": "…", "text": "…"},
    "call": {"outcome": "satisfied"},
}


def possible_acts(view: Any, at: datetime, unsettled: Sequence[Any] = ()) -> list[dict]:
    """Every act that no rule would refuse to somebody with a name: trigger, command, and what it does."""
    return list(_acts(view, at, bool(unsettled)))


def _acts(view: Any, at: datetime, unsettled: bool) -> Iterator[dict]:
    for trigger, (zh, en) in ACTS.items():
        if trigger not in COMPLAINTS_HAND.triggers or _pointless(view, trigger, unsettled):
            continue
        facts = {"grade": _another(view.grade)} if trigger == "regrade" else SAID.get(trigger, {})
        if _accepted(view, Asked(trigger, at, NAME, facts)):
            yield {"trigger": trigger, "command": _command(view.no, trigger, facts), "zh": zh, "en": en}


def _pointless(view: Any, trigger: str, unsettled: bool) -> bool:
    """Nothing would come of it: somebody has acknowledged, no survey is out, no anomaly waits."""
    match trigger:
        case "acknowledge":
            return view.current.acknowledged_at is not None
        case "respond":
            return view.state not in AT_WORK
        case "answer_survey":
            return view.state != ComplaintState.SURVEYED
        case "settle":
            return not unsettled
    return False


def _accepted(view: Any, asked: Asked) -> bool:
    rows = (r for r in complaint_lifecycle.rows if (r["trigger"], r["source"]) == (asked.trigger, view.state))
    return any(not any(reason for guard in row["unless"] for reason in guard(view, asked)) for row in rows)


def _another(grade: str | None) -> str:
    return next(str(other) for other in reversed(Grade) if other != grade)


def _command(no: str, trigger: str, facts: Mapping[str, Any]) -> str:
    if trigger == "call":
        return f"kefu complaint callback {no} --outcome … --by {NAME}"
    needed = [n.rstrip("!") for n in COMPLAINTS_HAND.facts.get(trigger, {}) if n.endswith("!")]
    told = "".join(f" --fact {fact}=…" for fact in dict.fromkeys([*needed, *facts]))
    return f"kefu complaint act {no} {trigger}{told} --by {NAME}"
