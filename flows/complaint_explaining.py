"""Why a complaint is where it is, who has been told, what is owed by when and how that came about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from flows import complaint_cases
from flows.complaint_deliveries import deliveries_of
from flows.complaint_documents import documents
from flows.complaint_possible import possible_acts
from flows.complaint_promises import calls_told, promises_told, who_was_told
from flows.complaint_sentences import NEXT, STATES
from flows.complaint_story import story_of
from flows.complaint_turns import turn_of
from flows.explaining import STATES as ORDER_STATES
from flows.explaining import what_comes_next
from flows.rectification_explaining import STATES as RECTIFICATION_STATES
from flows.return_sentences import STATES as RETURN_STATES
from models import Complaint, Return
from states.policies.complaint_terms import CHANNELS, GRADES, NATURES, URGENCY_WORDS
from states.policies.complaints import CLASSES
from states.reasons import yuan

COMPLAINTS, RETURNS = Complaint.__table__, Return.__table__


@dataclass
class ComplaintExplanation:
    """The answer in parts, zh first, English beside it."""

    case: dict
    heading: dict  # grade and nature, in words
    turn: dict  # whose it is
    about: list[dict] = field(default_factory=list)  # the customer, the order and the cases it touches
    why: list[dict] = field(default_factory=list)
    story: list[dict] = field(default_factory=list)  # of every round; each entry names its own
    told: list[dict] = field(default_factory=list)
    messages: list[dict] = field(default_factory=list)  # what left, and what is owed still
    promises: list[dict] = field(default_factory=list)  # each with `how` it came about
    callback: list[dict] = field(default_factory=list)
    next: list[dict] = field(default_factory=list)
    possible: list[dict] = field(default_factory=list)
    anomalies: list[dict] = field(default_factory=list)

    def as_dict(self) -> dict:
        """The parts by name, as `kefu explain --json` gives them."""
        return vars(self)


def explain_complaint(connection: Connection, case_id: int, at: datetime) -> ComplaintExplanation:
    """One complaint's story as of `at`; nothing is changed."""
    case = next(documents(connection, [case_id]))
    view = complaint_cases.load(connection, [case_id], lock=False)[case_id]
    unsettled = [anomaly for anomaly in case["anomalies"] if not anomaly["settled_at"]]
    return ComplaintExplanation(
        case,
        heading=_heading(case),
        turn=turn_of(view, case, at),
        about=list(_about(connection, view, case)),
        why=list(_why(case)),
        story=story_of(case, view.policy.zone),
        told=who_was_told(view, case, at),
        messages=deliveries_of(case),
        promises=promises_told(view, at),
        callback=calls_told(view),
        next=what_comes_next(case, NEXT),
        possible=possible_acts(view, at, unsettled),
        anomalies=[{**a, "remedy": f"kefu complaint act {view.no} settle --by NAME"} for a in unsettled],
    )


def _heading(case: dict) -> dict:
    if not case["grade"]:
        asks = CLASSES[case["class"]]
        return {"zh": asks.zh, "en": asks.en}
    grade, nature, urgency = GRADES[case["grade"]], NATURES[case["nature"]], URGENCY_WORDS[case["urgency"]]
    return {
        "zh": f"{grade[0]}:{nature[0]},紧急程度:{urgency[0]}",
        "en": f"{grade[1]}: {nature[1]}; urgency: {urgency[1]}",
    }


def _about(connection: Connection, view: Any, case: dict) -> Iterator[dict]:
    reached = CHANNELS.get(case["channel"], ("", ""))
    if any(who := (case["name"], case["phone"], reached[0])):
        zh, en = ",".join(filter(None, who)), ", ".join(filter(None, (*who[:2], reached[1])))
        yield {"zh": f"客户 {zh}", "en": f"customer {en}"}
    if view.order:
        zh, en = ORDER_STATES[view.order.state]
        yield {"zh": f"订单 {view.order.no}:{zh}", "en": f"order {view.order.no}: {en}"}
    if case["sku"]:
        yield {"zh": f"商品 {case['sku']}", "en": f"goods {case['sku']}"}
    if case["amount_fen"] is not None:
        yield {
            "zh": f"涉及金额 {yuan(case['amount_fen'])} 元",
            "en": f"{yuan(case['amount_fen'])} are at stake",
        }
    yield from _linked(connection, view)
    for put_right in case["rectifications"]:
        zh, en = RECTIFICATION_STATES[put_right["state"]]
        no, owner = put_right["no"], put_right["owner"]
        yield {
            "zh": f"整改单 {no}({owner}):{zh}(规则 102)",
            "en": f"rectification {no} ({owner}): {en} (rule 102)",
        }


def _linked(connection: Connection, view: Any) -> Iterator[dict]:
    """The after-sales cases that carry a resolution out, and the complaints before and after this one."""
    returns = [round_.return_no for round_ in view.rounds if round_.return_no]
    mine = select(RETURNS.c.no, RETURNS.c.state).where(RETURNS.c.shop == view.shop, RETURNS.c.no.in_(returns))
    for no, state in connection.execute(mine.order_by(RETURNS.c.no)):
        zh, en = RETURN_STATES[state]
        yield {"zh": f"售后单 {no}:{zh}", "en": f"after-sales case {no}: {en}"}
    c = COMPLAINTS.c
    near = select(c.no, c.state).where(
        c.shop == view.shop, (c.no == view.linked_no) | (c.linked_no == view.no)
    )
    for no, state in connection.execute(near.order_by(c.registered_at)):
        zh, en = STATES[state]
        when = ("此前的", "earlier") if no == view.linked_no else ("之后的", "later")
        yield {"zh": f"{when[0]}关联投诉 {no}:{zh}", "en": f"{when[1]} linked complaint {no}: {en}"}


def _why(case: dict) -> Iterator[dict]:
    """Every reason of grade and urgency as the rules gave them, and who decided otherwise."""
    for reason in case["reasons"]:
        rule = reason["rule"]
        yield {
            "zh": reason["zh"] + (f"(规则 {rule})" if rule else ""),
            "en": reason["en"] + (f" (rule {rule})" if rule else ""),
        }
    for entry in case["history"]:
        if entry["trigger"] == "regrade":
            zh, en = GRADES[entry["facts"]["grade"]]
            said = entry["facts"]["text"]
            yield {
                "zh": f"{entry['by']} 核定为{zh}(规则 94):{said}",
                "en": f"{entry['by']} set {en} (rule 94): {said}",
            }
    if not case["grade"]:
        asks = CLASSES[case["class"]]
        yield {"zh": f"{asks.zh}(规则 {asks.rule})", "en": f"{asks.en} (rule {asks.rule})"}
