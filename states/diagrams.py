"""A lifecycle as a picture: Mermaid, drawn from the table itself."""

from __future__ import annotations

from states.lifecycle import BEFORE, Lifecycle


def mermaid(lifecycle: Lifecycle) -> str:
    """The moves between states as a Mermaid state diagram.

    What stays where it is, is left out, and so are the surprises: facts out of order are recorded as they
    come, but they are not how it should go.
    """
    moves: dict[tuple[str, str], list[str]] = {}
    for row in lifecycle.rows:
        if row["source"] != row["dest"] and not row["anomaly"]:
            moves.setdefault((_state(row["source"]), row["dest"]), []).append(row["trigger"])
    lines = ["stateDiagram-v2"]
    lines += [f"    {source} --> {dest}: {', '.join(labels)}" for (source, dest), labels in moves.items()]
    lines += [f"    {state} --> [*]" for state in lifecycle.states if state in lifecycle.final]
    return "\n".join(lines) + "\n"


def _state(name: str) -> str:
    return "[*]" if name == BEFORE else name
