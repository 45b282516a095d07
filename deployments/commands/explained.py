"""Explanations as people read them: zh first, English beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deployments.output import say, section, when
from flows.complaint_explaining import ComplaintExplanation
from flows.complaint_sentences import STATES as COMPLAINT_STATES
from flows.complaint_sentences import WHY_BEGUN
from flows.explaining import STATES, Explanation
from flows.rectification_explaining import STATES as RECTIFICATION_STATES
from flows.rectification_explaining import RectificationExplanation
from flows.return_explaining import ReturnExplanation
from flows.return_sentences import STATES as RETURN_STATES


def order(answer: Explanation) -> None:
    """An order: where it is, what happened, what blocks it and what would unblock it."""
    d = answer.order
    zh, en = STATES[d["state"]]
    say(f"订单 {d['no']}({d['shop']}):{zh}", style="bold")
    say(f"Order {d['no']} ({d['shop']}): {en}")
    if d["promise"]:
        kind = {"delivered": "送达", "dispatched": "发货"}[d["promise"]["kind"]]
        cutoff = when(d["promise"]["cutoff_at"])
        zh, en = ("预计", "expected") if d["promise"]["provisional"] else ("承诺", "promised")
        say(f"{zh} {d['promise']['on']} {kind},截单 {cutoff}")
        say(
            f"{en.capitalize()}: {d['promise']['kind']} on {d['promise']['on']}, with the cut-off of {cutoff}"
        )
    section("经过 What happened", _story(answer.story))
    section("售后 After-sales", [(c["no"], c["zh"], c["en"]) for c in answer.returns])
    section("投诉 Complaints", [(c["no"], c["zh"], c["en"]) for c in answer.complaints])
    section("异常 To be looked at", _anomalies(answer.anomalies))
    section("阻碍 What blocks it", [("✗", _ruled(b), b["en"]) for b in answer.blockers])
    section(
        "怎么办 What would unblock it",
        dict.fromkeys(("→", b["unblock_zh"], b["unblock_en"]) for b in answer.blockers),
    )
    section("接下来 What comes next", _next(answer.next))


def after_sales(answer: ReturnExplanation) -> None:
    """A case: where it is and why, what happened, the money, whose turn it is and what can be done."""
    d = answer.case
    zh, en = RETURN_STATES[d["state"]]
    say(f"售后单 {d['no']}({d['shop']}):{zh}", style="bold")
    say(f"After-sales case {d['no']} ({d['shop']}): {en}")
    say(f"{answer.heading['zh']} / {answer.heading['en']}")
    if goods := [f"{n['title'] or n['sku']} × {n['quantity']}" for n in d["lines"] if n["sku"] is not None]:
        say(",".join(goods))
    names = (("订单", "order"), ("补发订单", "sent anew as order"))
    for told, (name_zh, name_en) in zip(answer.orders, names, strict=False):
        say(f"{name_zh} {told['no']}:{told['zh']} / {name_en} {told['no']}: {told['en']}")
    section("为什么 Why", _lines("·", answer.why))
    section("经过 What happened", _story(answer.story))
    section("钱 Money", _lines("¥", answer.money))
    section("异常 To be looked at", _anomalies(answer.anomalies))
    section("轮到谁 Whose turn it is", _lines("→", [answer.turn]))
    section("接下来 What comes next", _next(answer.next))
    section("可以做什么 What can be done", _acts(answer.possible))


def complaint(answer: ComplaintExplanation) -> None:
    """A complaint: where it is and why, the story of every round, who has been told, what is owed and how that came
    about, the calls, whose turn it is and what can be done."""
    d = answer.case
    zh, en = COMPLAINT_STATES[d["state"]]
    say(f"投诉 {d['no']}({d['shop']}):{zh}", style="bold")
    say(f"Complaint {d['no']} ({d['shop']}): {en}")
    say(f"{answer.heading['zh']} / {answer.heading['en']}")
    for line in answer.about:
        say(f"{line['zh']} / {line['en']}")
    section("为什么 Why", _lines("·", answer.why))
    for round_ in d["rounds"]:
        zh, en = WHY_BEGUN[round_["why"]]
        number = round_["number"]
        title = (
            f"经过:第 {number} 轮,{zh} What happened: round {number}, {en}"
            if len(d["rounds"]) > 1
            else "经过 What happened"
        )
        section(title, _story(entry for entry in answer.story if entry["round"] == number))
    section("通知 Who is told, and what has reached them", _story(answer.told))
    section("消息 Messages: what left, and what is owed still", _story(answer.messages))
    section("承诺与期限 What is owed, and how it came about", _promises(answer.promises))
    section("回访 Callback", _lines("·", answer.callback))
    section("异常 To be looked at", _anomalies(answer.anomalies))
    section("轮到谁 Whose turn it is", _lines("→", [answer.turn]))
    section("接下来 What comes next", _next(answer.next))
    section("可以做什么 What can be done", _acts(answer.possible))


def rectification(answer: RectificationExplanation) -> None:
    """A rectification: what it is about and why, what happened, its complaints and what can be done."""
    d = answer.case
    zh, en = RECTIFICATION_STATES[d["state"]]
    say(f"整改单 {d['no']}({d['shop']}):{zh}", style="bold")
    say(f"Rectification {d['no']} ({d['shop']}): {en}")
    say(f"{answer.heading['zh']} / {answer.heading['en']}")
    section("为什么 Why", _lines("·", answer.why))
    section("经过 What happened", _story(answer.story))
    section("投诉 Complaints", ((when(c["registered_at"]), c["no"], c["no"]) for c in d["complaints"]))
    section("接下来 What comes next", _next(answer.next))
    section("可以做什么 What can be done", _acts(answer.possible))


def _promises(promises: Iterable[dict]) -> Iterator[tuple[str, str, str]]:
    for promise in promises:
        yield "·", promise["zh"], promise["en"]
        yield from _lines("   ", promise["how"])


def _lines(mark: str, lines: Iterable[dict]) -> Iterator[tuple[str, str, str]]:
    return ((mark, line["zh"], line["en"]) for line in lines)


def _story(entries: Iterable[dict]) -> Iterator[tuple[str, str, str]]:
    return ((when(e["at"]), e["zh"], e["en"]) for e in entries)


def _next(timers: Iterable[dict]) -> Iterator[tuple[str, str, str]]:
    return ((when(n["due_at"]), n["zh"], n["en"]) for n in timers)


def _acts(acts: Iterable[dict]) -> Iterator[tuple[str, str, str]]:
    return ((a["command"], a["zh"], a["en"]) for a in acts)


def _anomalies(noted: Iterable[dict]) -> Iterator[tuple[str, str, str]]:
    for a in noted:
        yield "!", a["zh"], a["en"]
        yield "→", a["remedy"], a["remedy"]


def _ruled(reason: dict) -> str:
    return f"{reason['zh']}(规则 {reason['rule']})" if reason["rule"] else reason["zh"]
