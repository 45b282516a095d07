"""Why a rectification was opened, how it stands, and what can be done about it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from flows.explaining import actor, moved, what_comes_next
from flows.rectification_documents import documents
from states.policies.rectifications import problem

STATES = {"open": ("整改中", "being put right"), "done": ("已整改", "done")}
TOLD = {
    "open": ("{by}立项:{counted} 起投诉(规则 102)", "opened by {by} for {counted} complaint(s) (rule 102)"),
    "report": ("{by}反馈进展", "{by} reported"),
    "assign": ("{by}改由{owner}负责", "{by} made {owner} its owner"),
    "chase": ("已催问进展", "its owner was asked how it stands"),
    "finish": ("{by}报告整改完成", "{by} reported it done"),
}
NEXT = {"progress": ("若仍无进展,催问负责人", "its owner is asked how it stands")}
ACTS = {
    "report": ("反馈进展", "report how it stands", " --fact text=…"),
    "assign": ("换人负责", "name another owner", " --fact owner=…"),
    "finish": ("整改完成", "it is done", " --fact text=…"),
}


@dataclass
class RectificationExplanation:
    """The answer in parts, zh first, English beside it."""

    case: dict
    heading: dict  # what it is about, in words
    why: list[dict] = field(default_factory=list)
    story: list[dict] = field(default_factory=list)
    next: list[dict] = field(default_factory=list)
    possible: list[dict] = field(default_factory=list)

    def as_dict(self) -> dict:
        """The parts by name, as `kefu explain --json` gives them."""
        return vars(self)


def explain_rectification(connection: Connection, case_id: int, at: datetime) -> RectificationExplanation:
    """One rectification's story as of `at`; nothing is changed."""
    case = next(documents(connection, [case_id]))
    zh, en = problem(case["about"], case["subject"])
    is_open = case["state"] == "open"
    return RectificationExplanation(
        case,
        heading={"zh": zh, "en": en},
        why=_why(case, at),
        story=[_told(entry, case) for entry in case["history"]],
        next=what_comes_next(case, NEXT),
        possible=[_act(case["no"], trigger) for trigger in ACTS] if is_open else [],
    )


def _why(case: dict, at: datetime) -> list[dict]:
    since, due = _when(case["counted_since"]), _when(case["due_at"])
    lines = [
        (
            f"自 {since} 起有 {case['counted']} 起投诉(规则 102),至今共 {len(case['complaints'])} 起",
            f"{case['counted']} complaint(s) since {since} (rule 102), {len(case['complaints'])} by now",
        )
    ]
    if case["finished_at"]:
        done = _when(case["finished_at"])
        lines.append(
            (
                f"{case['owner']} 负责,{done} 完成(期限 {due})",
                f"{case['owner']}, done at {done}, due by {due}",
            )
        )
    else:
        late = at >= datetime.fromisoformat(case["due_at"])
        zh, en = (",已逾期", ", overdue") if late else ("", "")
        lines.append((f"{case['owner']} 负责,期限 {due}{zh}", f"{case['owner']} owns it, due by {due}{en}"))
    return [{"zh": zh, "en": en} for zh, en in lines]


def _told(entry: dict, case: dict) -> dict:
    facts = entry["facts"]
    words = {"counted": facts.get("counted", case["counted"]), "owner": facts.get("owner", "")}
    zh, en = (
        text.format(by=by, **words)
        for text, by in zip(TOLD[entry["trigger"]], actor(entry["by"]), strict=True)
    )
    if said := facts.get("text"):
        zh, en = f"{zh}:{said}", f"{en}: {said}"
    return {"at": entry["at"], "zh": zh, "en": en, "moved": moved(entry)}


def _act(no: str, trigger: str) -> dict:
    zh, en, facts = ACTS[trigger]
    return {
        "trigger": trigger,
        "command": f"kefu rectification act {shlex.quote(no)} {trigger}{facts} --by NAME",
        **{"zh": zh, "en": en},
    }


def _when(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}"
