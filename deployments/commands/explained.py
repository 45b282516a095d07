"""Explanations as people read them: zh first, English beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deployments.output import say, section, when
from flows.explaining import STATES, Explanation
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
        say(f"承诺 {d['promise']['on']} {kind},截单 {cutoff}")
        say(f"Promised: {d['promise']['kind']} on {d['promise']['on']}, with the cut-off of {cutoff}")
    section("经过 What happened", _story(answer.story))
    section("售后 After-sales", [(c["no"], c["zh"], c["en"]) for c in answer.returns])
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
