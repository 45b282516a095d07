"""What a person hears after steering a case by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployments import output
from flows.requests import Outcome, Status


def answer(kind: str, outcome: Outcome, json: bool, more: Mapping[str, Any] | None = None) -> None:
    """What changed, and what surprised us; `more` goes into the document for machines."""
    changes = [{"trigger": c.trigger, "source": c.source, "dest": c.dest} for c in outcome.changes]
    surprises = [c.anomaly for c in outcome.changes if c.anomaly]
    if json:
        noted = [reason.as_dict() for reason in surprises]
        told = {
            "no": outcome.no,
            "status": outcome.status,
            **(more or {}),
            "changes": changes,
            "anomalies": noted,
        }
        output.as_json(told)
        return
    name = f"{kind} {outcome.no}"
    if outcome.status is Status.KNOWN:
        output.say(f"{name}: that was known already, nothing changed")
    if outcome.status is Status.CONTRADICTED:
        output.say(f"{name}: contradicts what is known; noted as an anomaly, see kefu explain")
    for change in changes:
        output.say(f"{name}: {change['trigger']}, {change['source']} → {change['dest']}")
    for reason in surprises:
        output.say(f"异常 anomaly: {reason.zh} / {reason.en}", style="yellow")
