"""What a person hears of a case, whatever its kind: all that is stored of it, and what came of steering it by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from deployments import output
from flows.requests import Outcome, Status
from flows.scope import find_case
from models.database import engine_from_env, reading
from states.errors import BadInput


def show_stored(
    kind: str,
    documents: Callable[[Connection, Sequence[int]], Iterator[dict]],
    no: str,
    shop: str | None,
    json: bool,
) -> None:
    """Everything stored about one case of this kind, as its documents mask it. Raises BadInput and NotFound."""
    with reading(engine_from_env()) as connection:
        document = next(documents(connection, [find_case(connection, kind, no, shop)[0]]))
    output.as_json(document) if json else output.console.print(document)


def check_state(state: str | None, states: Iterable[str]) -> None:
    """Raise BadInput, naming those there are, for a state that is none of these."""
    if state is not None and state not in list(states):
        raise BadInput(
            f"there is no state {state!r}; known: {', '.join(states)}", code="unknown_state", where=state
        )


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
