"""Why an after-sales case is where it is, what becomes of the money, and what can be done about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from flows import return_cases
from flows.explaining import STATES as ORDER_STATES
from flows.explaining import actor, moved, what_comes_next
from flows.return_acts import possible_acts
from flows.return_documents import documents
from flows.return_money import money_told, parts_of
from flows.return_sentences import ANSWERS, BY_THE_RULES, NEXT, TOLD, TURN
from models import Order
from states.order_guards import MACHINE
from states.policies.return_words import CAUSES, KINDS
from states.reasons import yuan
from states.return_guards import MAY_BE_PAID
from states.return_records import under_way
from states.return_refusals import EVIDENCE, FINDINGS
from states.return_states import OVER, ReturnState

ORDERS = Order.__table__


@dataclass
class ReturnExplanation:
    """The answer in parts, zh first, English beside it."""

    case: dict
    heading: dict  # kind and reason, in words
    turn: dict  # whose it is
    orders: list[dict]  # the order, and the one that carries goods sent anew
    why: list[dict] = field(default_factory=list)
    story: list[dict] = field(default_factory=list)
    money: list[dict] = field(default_factory=list)
    parts: list[dict] = field(default_factory=list)
    next: list[dict] = field(default_factory=list)
    possible: list[dict] = field(default_factory=list)
    anomalies: list[dict] = field(default_factory=list)

    def as_dict(self) -> dict:
        """The parts by name, as `kefu explain --json` gives them."""
        return vars(self)


def explain_return(connection: Connection, case_id: int, at: datetime) -> ReturnExplanation:
    """One case's story as of `at`; nothing is changed."""
    case = next(documents(connection, [case_id]))
    view = return_cases.load(connection, [case_id], lock=False)[case_id]
    kind, cause = KINDS[view.kind], CAUSES[view.reason]
    parts = parts_of(view)
    return ReturnExplanation(
        case,
        heading={"zh": f"{kind[0]}:{cause[0]}", "en": f"{kind[1]}: {cause[1]}"},
        turn=_turn(view, case),
        orders=list(_orders(connection, view)),
        why=list(_why(case)),
        story=[_told(entry, case) for entry in case["history"]],
        money=list(money_told(view, case, parts)),
        parts=parts,
        next=what_comes_next(case, NEXT),
        possible=possible_acts(view, at, unsettled=[a for a in case["anomalies"] if not a["settled_at"]]),
        anomalies=[
            {**a, "remedy": f"kefu return act {view.no} settle --by NAME"}
            for a in case["anomalies"]
            if not a["settled_at"]
        ],
    )


def _orders(connection: Connection, view: Any) -> Iterator[dict]:
    """The order, and that which carries the goods sent anew."""
    yield _named(view.order.no, view.order.state)
    if view.linked_no:
        linked = select(ORDERS.c.state).where(ORDERS.c.no == view.linked_no, ORDERS.c.shop == view.shop)
        yield _named(view.linked_no, connection.scalar(linked))


def _named(no: str, state: str) -> dict:
    zh, en = ORDER_STATES[state]
    return {"no": no, "state": state, "zh": zh, "en": en}


def _why(case: dict) -> Iterator[dict]:
    """What the rules answer, every reason of it, and who decided otherwise."""
    zh, en = ANSWERS[case["answer"]]
    yield _line(f"规则答复:{zh}", f"the rules' answer: {en}")
    for reason in case["reasons"]:
        rule = reason["rule"]
        yield _line(
            reason["zh"] + (f"(规则 {rule})" if rule else ""),
            reason["en"] + (f" (rule {rule})" if rule else ""),
        )
    if case["until"]:
        until = _when(case["until"])
        yield _line(f"期限至 {until},自签收起算", f"open until {until}, counted from the delivery")
    if said := case["overridden"]:
        yield _line(
            f"{said['by']} 特批,不按规则:{said['reason']}",
            f"overridden by {said['by']}: {said['reason']}",
        )


def _told(entry: dict, case: dict) -> dict:
    trigger, facts = entry["trigger"], entry["facts"]
    texts = BY_THE_RULES.get(trigger) if entry["by"] == MACHINE else None
    found = FINDINGS.get(facts.get("finding"), ("", ""))
    shown = EVIDENCE.get(facts.get("kind"), ("", ""))
    kind, cause = (
        KINDS.get(facts.get("kind") or case["kind"], ("", "")),
        CAUSES.get(facts.get("reason"), ("", "")),
    )
    words = {
        **{"kind": kind[0], "kind_en": kind[1], "cause": cause[0], "cause_en": cause[1]},
        **{"evidence": shown[0], "evidence_en": shown[1], "finding": found[0], "finding_en": found[1]},
        "until": _when(case["cooling_until"]),
        "waybill": facts.get("waybill") or "—",
        "linked": case["linked_no"],
        "reason": facts.get("reason") or "—",
        "amount": yuan(_fen(entry, case)),
    }
    zh, en = (
        t.format(by=by, **words) for t, by in zip(texts or TOLD[trigger], actor(entry["by"]), strict=True)
    )
    if "override" in facts:
        zh, en = f"{zh},不按规则:{facts['override']}", f"{en}, against the rules: {facts['override']}"
    if trigger == "approve" and "amount_fen" in facts:
        zh, en = f"{zh},核定 {words['amount']} 元", f"{en}, for {words['amount']}"
    if said := facts.get("text"):
        zh, en = f"{zh}:{said}", f"{en}: {said}"
    return {"at": entry["at"], "zh": zh, "en": en, "moved": moved(entry)}


def _fen(entry: dict, case: dict) -> int:
    """The amount an entry speaks of: told with it, or of the refund that was asked for or settled then."""
    if "amount_fen" in entry["facts"]:
        return entry["facts"]["amount_fen"]
    then = (r["fen"] for r in case["refunds"] if entry["at"] in (r["requested_at"], r["settled_at"]))
    return next(then, case["refund_fen"])


def _turn(view: Any, case: dict) -> dict:
    key = view.state
    if key in OVER and key != ReturnState.DECLINED:
        key = "over"
    elif key == ReturnState.REFUNDING and (refund := under_way(view)) is None:
        key = "refund_failed"
    elif key == ReturnState.REFUNDING and refund.state in MAY_BE_PAID:
        key = "refund_unknown"
    wanted = [EVIDENCE[kind] for kind in view.evidence_wanted]
    words = {
        "until": _when(case["cooling_until"]),
        "wanted": "、".join(zh for zh, _ in wanted),
        "wanted_en": ", ".join(en for _, en in wanted),
        "waybill": view.waybill or "—",
        "linked": view.linked_no,
    }
    return _line(*(text.format(**words) for text in TURN[key]))


def _line(zh: str, en: str) -> dict:
    return {"zh": zh, "en": en}


def _when(text: str | None) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S}" if text else "—"
