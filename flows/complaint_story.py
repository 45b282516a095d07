"""What happened to a complaint, round by round, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo

from flows.complaint_sentences import BY_THE_MACHINE, OUTCOMES, TOLD, WHY_TOLD
from flows.explaining import actor, moved
from states.order_guards import MACHINE
from states.policies.complaint_terms import GRADES, INTAKES, NATURES, REMEDIES
from states.policies.complaints import CLASSES

NEW_ROUND = {"become_complaint", "begin_round", "reopen"}
NOTHING = ("", "")


def story_of(case: dict, zone: tzinfo) -> list[dict]:
    """The history as people read it; each entry says of which round it is."""
    said, told = list(case["said"]), iter([notice for round_ in case["rounds"] for notice in round_["told"]])
    story, number = [], 1
    for entry in case["history"]:
        number += entry["trigger"] in NEW_ROUND
        notice = next(told, None) if entry["trigger"] == "climb" else None
        zh, en = _sentence(entry, number, notice, zone)
        if words := _taken(said, entry):
            zh, en = f"{zh}:“{words}”", f"{en}: “{words}”"
        story.append({"at": entry["at"], "round": number, "zh": zh, "en": en, "moved": moved(entry)})
    return story


def _taken(said: list[dict], entry: dict) -> str:
    """The customer's words that came with this entry: they stand beside the history, not in it."""
    for number, word in enumerate(said):
        if word["at"] == entry["at"] and entry["trigger"] in ("register", "hear", "answer_survey"):
            return said.pop(number)["words"]
    return ""


def _sentence(entry: dict, number: int, notice: dict | None, zone: tzinfo) -> tuple[str, str]:
    trigger, facts = entry["trigger"], entry["facts"]
    texts = (entry["by"] == MACHINE and BY_THE_MACHINE.get(trigger)) or TOLD[trigger]
    words = _words(facts, number, notice)
    zh, en = (text.format(by=by, **words) for text, by in zip(texts, actor(entry["by"]), strict=True))
    for more_zh, more_en in _extras(facts, zone):
        zh, en = zh + more_zh, en + more_en
    return zh, en


def _words(facts: dict, number: int, notice: dict | None) -> dict:
    intake, nature = facts.get("intake"), NATURES.get(facts.get("nature"), NOTHING)
    asks = CLASSES.get(intake)
    pairs = {
        "intake": INTAKES.get(intake, NOTHING),
        "nature": nature,
        "cause": nature if any(nature) or asks is None else (asks.zh, asks.en),
        "grade": GRADES.get(facts.get("grade"), NOTHING),
        "remedy": REMEDIES.get(facts.get("remedy"), NOTHING),
        "outcome": OUTCOMES.get(facts.get("outcome"), NOTHING),
        "why": WHY_TOLD.get((notice or {}).get("why"), NOTHING),
    }
    return {
        **{name: zh for name, (zh, _) in pairs.items()},
        **{f"{name}_en": en for name, (_, en) in pairs.items()},
        **{name: (notice or {}).get(name, "") for name in ("who", "level")},
        **{name: facts.get(name, "") for name in ("handler", "department")},
        "round": number,
    }


def _extras(facts: dict, zone: tzinfo) -> Iterator[tuple[str, str]]:
    """What was told along with it: words, a mark, a time to call, the case that carries it out."""
    if later := facts.get("later_at"):
        at = f"{datetime.fromisoformat(later).astimezone(zone):%Y-%m-%d %H:%M}"
        yield f",改到 {at}", f", at {at}"
    if mark := facts.get("satisfaction"):
        yield f",评分 {mark}", f", mark {mark}"
    if case := facts.get("case"):
        yield f",售后单 {case}", f", with case {case}"
    if said := facts.get("text"):
        yield f":{said}", f": {said}"
