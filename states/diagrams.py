"""A lifecycle as a picture: Mermaid, drawn from the table itself."""

from __future__ import annotations

from states.lifecycle import BEFORE, Lifecycle


def mermaid(lifecycle: Lifecycle) -> str:
    """The moves between states as a Mermaid state diagram; what stays where it is, is left out.

    A surprise (a move that is noted as an anomaly) is marked with a question mark.
    """
    moves: dict[tuple[str, str], list[str]] = {}
    for row in lifecycle.rows:
        if row["source"] != row["dest"]:
            label = row["trigger"] + ("?" if row["anomaly"] else "")
            moves.setdefault((_state(row["source"]), row["dest"]), []).append(label)
    lines = ["stateDiagram-v2"]
    lines += [f"    {source} --> {dest}: {', '.join(labels)}" for (source, dest), labels in moves.items()]
    lines += [f"    {state} --> [*]" for state in lifecycle.states if state in lifecycle.final]
    return "\n".join(lines) + "\n"


def _state(name: str) -> str:
    return "[*]" if name == BEFORE else name
