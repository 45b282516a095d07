"""Why an order is where it is, what comes next, what blocks it and what would unblock it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from flows import order_cases
from flows.complaint_sentences import STATES as COMPLAINT_STATES
from flows.order_documents import documents
from flows.return_sentences import FREES, OF_ITS_CASE, WITHDRAW
from flows.return_sentences import STATES as RETURN_STATES
from states.order_guards import holds_open
from states.order_reasons import FOR_A_CASE, free_since
from states.orders import OrderState, dispatch_blockers, order_lifecycle
from states.policies.working_days import provisional
from states.reasons import Reason, yuan

STATES = {
    "unpaid": ("待付款", "waiting for payment"),
    "paid": ("已付款,待审单", "paid, not verified yet"),
    "verified": ("已审单,待截单放行", "verified, waiting for its cut-off"),
    "released": ("已放行,待仓库发货", "released, waiting for the warehouse"),
    "shipped": ("已发货", "shipped"),
    "delivered": ("已签收", "delivered"),
    "completed": ("已完成", "completed"),
    "cancelled": ("已取消", "cancelled"),
    "refunded": ("已退款", "refunded"),
}

TOLD = {
    "place": ("买家下单,应付 {amount} 元", "the buyer ordered; {amount} is due"),
    "remind": ("第 {round} 次催付(规则 38)", "payment reminder {round} (rule 38)"),
    "pay": ("买家付款 {amount} 元", "the buyer paid {amount}"),
    "expire": ("过了付款期限仍未付款,订单关闭", "not paid by the deadline: closed"),
    "reopen": ("{by}恢复了订单", "{by} reopened it"),
    "verify": ("{by}审单通过(规则 28-31)", "verified by {by} (rules 28-31)"),
    "chase_verification": ("仍未审单,已提醒客服(规则 32)", "still not verified: staff were told (rule 32)"),
    "amend": ("信息已修改:{fields}", "changed: {fields}"),
    "repromise": ("{by}重新承诺了发货时间", "{by} promised anew"),
    "hold": ("{by}要求不要发货:{reason}(规则 84)", "{by} put a hold on it: {reason} (rule 84)"),
    "unhold": ("{by}解除扣留:{reason}", "{by} lifted the hold: {reason}"),
    "recall": (
        "放行后撤回,通知仓库拦截(规则 84)",
        "called back after its release: the warehouse is told to stop it (rule 84)",
    ),
    "release": ("截单放行(规则 40、41)", "released at the cut-off (rules 40, 41)"),
    "flag_overdue": (
        "超过规定时间未发货,已提醒客服(规则 42)",
        "not shipped in time: staff were told (rule 42)",
    ),
    "ship": ("已发货,运单号 {waybill}", "shipped, waybill {waybill}"),
    "ship_part": ("部分发货,运单号 {waybill}", "a part was shipped, waybill {waybill}"),
    "deliver": ("已签收", "delivered"),
    "follow_up": ("签收后回访(规则 130)", "asked how it went (rule 130)"),
    "confirm": ("买家确认收货", "the buyer confirmed receipt"),
    "complete": ("无异议,自动完成", "nobody objected: completed"),
    "close": ("{by}关闭了订单", "{by} closed it"),
    "cancel": ("交易取消:{reason}", "cancelled: {reason}"),
    "refund": ("已全额退款 {amount} 元", "refunded in full, {amount}"),
    "refund_part": ("已部分退款,累计 {amount} 元", "refunded in part, {amount} in all"),
    "opt_out": ("买家不愿再收到催付", "the buyer wants no reminders"),
    "settle": ("{by}已处理异常", "{by} settled the anomalies"),
}

WHO = {
    "platform": ("平台", "the platform"),
    "timer": ("系统", "the timetable"),
    "audit": ("系统", "the machine"),
    "calendar": ("系统按最新工作日历", "the calendar"),
    "operator": ("未具名客服", "an unnamed operator"),
    "payments": ("支付平台", "the payment service"),
}

NEXT = {
    "payment_reminder": ("第 {round} 次催付", "payment reminder {round}"),
    "payment_deadline": ("付款期限到,未付款则关闭", "the payment deadline: closed if still unpaid"),
    "verification_chase": ("若仍未审单,提醒客服", "staff are told if it is still not verified"),
    "dispatch_cutoff": ("截单:没有阻碍就放行", "the cut-off: released if nothing blocks it"),
    "dispatch_overdue": ("若仍未发货,提醒客服", "staff are told if it is still not shipped"),
    "follow_up": ("回访买家", "the buyer is asked how it went"),
    "completion": ("若无异议,自动完成", "completed if nobody objects"),
}

REMEDIES = {
    "held": ("解除扣留 kefu order unhold {no} --reason {hold} --by 姓名", "lift the hold, with the same command"),
    "not_verified": ("审单 kefu order act {no} verify --by 姓名", "verify it, with the same command"),
    "before_cutoff": ("等到截单时间即可", "nothing to do but wait"),
    "not_paid": ("等买家付款", "wait for the buyer to pay"),
    "free_since": ("现在就放行 kefu order act {no} release --by 姓名", "let it go now, with the same command"),
}  # fmt: skip
AMENDABLE = {"missing_phone": "phone", "masked_phone": "phone", "impossible_phone": "phone"} | {
    f"missing_{name}": name for name in ("receiver", "address")
}


@dataclass
class Explanation:
    """The answer in parts; `lines` is how people read it, zh first, English beside it."""

    order: dict
    returns: list[dict] = field(default_factory=list)
    complaints: list[dict] = field(default_factory=list)
    story: list[dict] = field(default_factory=list)
    next: list[dict] = field(default_factory=list)
    blockers: list[dict] = field(default_factory=list)
    anomalies: list[dict] = field(default_factory=list)
    possible: list[str] = field(default_factory=list)

    def as_dict(self) -> dict:
        """The parts by name, as `kefu explain --json` gives them."""
        return vars(self)


def explain(connection: Connection, case_id: int, at: datetime) -> Explanation:
    """One order's story as of `at`; nothing is changed."""
    order = next(documents(connection, [case_id]))
    view = order_cases.load(connection, [case_id], lock=False)[case_id]
    answer = Explanation(order)
    answer.story = [_told(entry, view) for entry in order["history"]]
    answer.returns = [{**case, **_words_of(RETURN_STATES[case["state"]])} for case in order["returns"]]
    answer.complaints = [
        {**case, **_words_of(COMPLAINT_STATES[case["state"]])} for case in order["complaints"]
    ]
    answer.next = what_comes_next(order, NEXT)
    if view.state in (OrderState.UNPAID, OrderState.PAID, OrderState.VERIFIED):
        holds = iter(holds_open(view, at))  # their reasons come first, in this sequence
        reasons = dispatch_blockers(view, at) or [free_since()]
        findings = ",".join(r.code for r in reasons if r.code not in {*AMENDABLE, *REMEDIES})
        answer.blockers = [
            _blocker(r, order, next(holds).reason if r.code == "held" else "", findings) for r in reasons
        ]
    answer.anomalies = [_to_settle(a, view.no) for a in order["anomalies"] if not a["settled_at"]]
    by_hand = order_lifecycle.by_people | order_lifecycle.facts
    answer.possible = sorted({t for t in order_lifecycle.allowed_from(view.state) if t in by_hand})
    return answer


def actor(by: str) -> tuple[str, str]:
    """Who did it, as a sentence calls them."""
    if by.startswith("return "):
        return f"售后单 {by.removeprefix('return ')} ", f"case {by.removeprefix('return ')}"
    return WHO.get(by, (f"{by} ", by))


def _words_of(pair: tuple[str, str]) -> dict:
    return dict(zip(("zh", "en"), pair, strict=True))


def case_of(hold: str | None) -> str:
    """The after-sales case that an order is held for under this reason; empty when it is another one."""
    return (hold or "").removeprefix(FOR_A_CASE) if (hold or "").startswith(FOR_A_CASE) else ""


def _told(entry: dict, view: Any) -> dict:
    facts = entry["facts"]
    case = case_of(facts.get("reason")) or facts.get("case", "")
    words = {
        "amount": yuan(facts.get("amount_fen", 0)),
        "round": facts.get("round", ""),
        "fields": ", ".join(facts.get("fields", [])),
        "reason": facts.get("text") or facts.get("reason") or "—",
        "waybill": facts.get("waybill") or "—",
        "case": case,
    }
    who = actor(entry["by"])
    if entry["trigger"] == "hold" and facts.get("reason") == "remark":
        who = ("备注", "a remark")
    texts = (case and OF_ITS_CASE.get(entry["trigger"])) or TOLD[entry["trigger"]]
    zh, en = (text.format(by=by, **words) for text, by in zip(texts, who, strict=True))
    if case and texts is TOLD[entry["trigger"]]:
        zh, en = f"{zh}(售后单 {case})", f"{en} (case {case})"
    if "override" in facts:
        zh, en = f"{zh},不计 {facts['override']}", f"{en}, overriding {facts['override']}"
    if facts.get("assumed"):
        zh, en = f"{zh}(时间为文件截止时刻,原表未给出)", f"{en} (time assumed: the file gives none)"
    return {"at": entry["at"], "zh": zh, "en": en, "moved": moved(entry)}


def moved(entry: dict) -> str:
    """From where to where an entry of the history led; nothing when it stayed."""
    return f"{entry['source']} → {entry['dest']}" if entry["source"] != entry["dest"] else ""


def what_comes_next(document: dict, words: Mapping[str, tuple[str, str]]) -> list[dict]:
    """The timers a case waits for, the next one first."""
    waiting = [t for t in document["timers"] if not t["done_at"] and not t["cancelled_at"]]
    return [_next(t, words[t["kind"]]) for t in sorted(waiting, key=lambda t: t["due_at"])]


def _next(timer: dict, texts: tuple[str, str]) -> dict:
    zh, en = (text.format(round=timer["round"]) for text in texts)
    if timer["error"]:
        zh, en = f"{zh}(上次处理出错,将重试)", f"{en} (the last try went wrong; it is tried again)"
    elif timer["refused"]:
        zh, en = f"{zh}(上次未通过)", f"{en} (refused last time)"
    unknown_on = timer["unknown_on"]
    if unknown_on:
        why = provisional(date.fromisoformat(unknown_on))
        zh, en = f"{zh}(预计:{why.zh})", f"{en} (expected: {why.en})"
    told = {"due_at": timer["due_at"], "kind": timer["kind"], "zh": zh, "en": en}
    return {**told, "provisional": unknown_on is not None}


def _to_settle(anomaly: dict, no: str) -> dict:
    act = "reopen" if anomaly["code"] in ("late_payment", "cancelled_since") else "settle"
    return {**anomaly, "remedy": f"kefu order act {no} {act} --by NAME"}


def _blocker(reason: Reason, order: dict, hold: str, findings: str) -> dict:
    no = order["no"]
    if case := next((c for c in order["returns"] if c["no"] == case_of(hold)), None):
        return _held_for(case, no, hold)
    if reason.code in AMENDABLE:
        name = AMENDABLE[reason.code]
        zh = en = f"kefu order act {no} amend --fact {name}=… --by NAME"
    elif reason.code in REMEDIES:
        hold = hold if re.fullmatch(r"[\w@%+=:,./-]+", hold) else shlex.quote(hold)
        zh, en = (text.format(no=no, hold=hold) for text in REMEDIES[reason.code])
    else:  # a finding of the audit that a person may overrule, with all the others of its kind or in vain
        zh = en = f"kefu order act {no} verify --fact override={findings} --by NAME"
    return {**reason.as_dict(), "unblock_zh": zh, "unblock_en": en}


def _held_for(case: dict, order_no: str, hold: str) -> dict:
    """Held for an after-sales case: it ends with the case, and is not lifted by hand before (rule 84)."""
    state_zh, state_en = RETURN_STATES[case["state"]]
    zh, en = (t.format(no=case["no"], order=order_no, hold=hold) for t in FREES.get(case["state"], WITHDRAW))
    reason = Reason(
        "held",
        f"不要发货:售后单 {case['no']} {state_zh}",
        f"held for its case {case['no']}, {state_en}",
        84,
    )
    return {**reason.as_dict(), "unblock_zh": zh, "unblock_en": en}
