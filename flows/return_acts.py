"""What can be done about an after-sales case where it is now, each with the command that does it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from flows.return_desk import RETURNS_HAND
from flows.return_sentences import ACTS
from states.lifecycle import Asked
from states.return_guards import MAY_BE_PAID
from states.return_records import under_way
from states.returns import return_lifecycle

NAME = "NAME"
SAID = {  # how an approval may have to be said, the plainest first
    "approve": [{}, {"override": "…"}, {"amount_fen": 1}, {"amount_fen": 1, "override": "…"}],
}


def possible_acts(view: Any, at: datetime, unsettled: Sequence[Any] = ()) -> list[dict]:
    """Every act that no rule would refuse to somebody with a name: trigger, command, and what it does."""
    return list(_acts(view, at, bool(unsettled)))


def _acts(view: Any, at: datetime, unsettled: bool) -> Iterator[dict]:
    for trigger in ACTS:
        if trigger not in RETURNS_HAND.triggers or _pointless(view, trigger, unsettled):
            continue
        if (said := _accepted(view, trigger, at)) is not None:
            facts, name = said
            zh, en = ACTS["override" if "override" in facts else trigger]
            yield {"trigger": trigger, "command": _command(view, trigger, facts, name), "zh": zh, "en": en}


def _pointless(view: Any, trigger: str, unsettled: bool) -> bool:
    """Facts about nothing: no refund is under way, or we know that none was sent; no anomaly waits."""
    if trigger in ("refund_paid", "refund_failed"):
        refund = under_way(view)
        return refund is None or (trigger == "refund_failed" and refund.state not in MAY_BE_PAID)
    return trigger == "settle" and not unsettled


def _accepted(view: Any, trigger: str, at: datetime) -> tuple[Mapping[str, Any], str] | None:
    """The facts and the name with which the rules let it pass."""
    for row in return_lifecycle.rows:
        if (row["trigger"], row["source"]) != (trigger, view.state) or _leads_nowhere(row):
            continue
        for facts in SAID.get(trigger, [{}]):
            for name in (NAME, *view.policy.returns.supervisors):
                asked = Asked(trigger, at, name, facts)
                if not any(reason for guard in row["unless"] for reason in guard(view, asked)):
                    return facts, name
    return None


def _leads_nowhere(row: Mapping[str, Any]) -> bool:
    """A fact that is noted for the record only, or as a surprise."""
    stays = row["trigger"] in return_lifecycle.facts - {"refund_failed"} and row["source"] == row["dest"]
    return bool(row["anomaly"]) or stays


def _command(view: Any, trigger: str, facts: Mapping[str, Any], name: str) -> str:
    needed = [n.rstrip("!") for n in RETURNS_HAND.facts.get(trigger, {}) if n.endswith("!")]
    told = dict.fromkeys([*needed, *facts], "…")
    if trigger == "show_evidence" and view.evidence_wanted:
        told["kind"] = view.evidence_wanted[0]
    said = "".join(f" --fact {fact}={value}" for fact, value in told.items())
    return f"kefu return act {view.no} {trigger}{said} --by {name}"
