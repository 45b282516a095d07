"""What is written down of an after-sales case: its new values, and what the rules answer to it."""

from __future__ import annotations

from types import SimpleNamespace

from states.lifecycle import Asked, Change
from states.policies.return_requests import Answer, ReturnKind, Verdict
from states.return_guards import UNSETTLED, elsewhere_fen
from states.return_states import OVER
from states.return_states import ReturnState as S

K = ReturnKind


def record(case, change: Change, asked: Asked) -> None:
    """The new values. A fact's values are written even where it surprised us (promise 2)."""
    at, facts, returns = change.at, change.facts, case.policy.returns
    match change.trigger:
        case "open":
            case.asked_at, case.elsewhere_fen = at, elsewhere_fen(case.order)
            judge(case)
            case.holds_order = _waits(case)
            case.lines = case.lines or [_piece(judged, case.goods) for judged in case.judged]
        case "become_return":
            case.asked_kind, case.holds_order = K.RETURN_REFUND, False
            judge(case)
        case "show_evidence":
            case.evidence = [*case.evidence, {"kind": facts["kind"], "link": facts["link"]}]
            if change.dest == S.REQUESTED:
                judge(case)
        case "want_evidence":
            case.send_by = at + returns.evidence_within
        case "approve":
            if change.source == S.DECLINED:  # its order has gone on since
                judge(case)
                case.holds_order = _waits(case, granted=True)
            if case.answer == Answer.REFUSED:
                _grant(case)
            if facts.get("amount_fen") is not None:
                case.refund_fen = facts["amount_fen"]
            if facts.get("override"):
                case.overridden_by, case.override_reason = change.by, facts["override"]
        case "cool":  # who had to wait for a person's yes longer than that is paid at once
            case.cooling_until = max(case.cooling_until or at, at)
        case "await_parcel":
            case.send_by, case.holds_order = at + returns.waybill_within, False
        case "track" if "waybill" in facts:
            case.waybill, case.carrier = facts["waybill"], facts.get("carrier")
        case "receive":
            case.received_at = case.received_at or at
        case "inspect":
            case.finding = facts["finding"]
        case "pay_back":
            case.refund_fen = case.refund_fen if facts.get("amount_fen") is None else facts["amount_fen"]
            case.order.refunding_fen += case.refund_fen
        case "refund_paid" | "refund_failed" if change.expected:
            _settled(case, paid=change.trigger == "refund_paid")
        case "send_anew":
            case.linked_no = case.no.replace(f"{case.order.no}-R", f"{case.order.no}-S")
    if change.dest != change.source:
        case.closed_at = at if change.dest in OVER else None


def judge(case) -> None:
    """What the rules answer, by the policy the order was placed under, to what was asked when it was asked."""
    verdict = case.policy.verdict(case.bought, case.request)
    case.kind, case.answer, case.judged = verdict.kind, verdict.answer, verdict.lines
    case.reasons = [reason.as_dict() for reason in verdict.reasons]
    case.evidence_wanted = [str(evidence) for evidence in verdict.evidence_wanted]
    case.until, case.anchor = verdict.until, verdict.anchor
    _bring(case, verdict)


def _grant(case) -> None:
    """Against the rules' no: what the yes of a person brings."""
    _bring(case, case.policy.granted(case.bought, case.request))


def _bring(case, verdict: Verdict) -> None:
    case.cooling_until, case.limit_fen = verdict.cooling_until, verdict.limit_fen
    case.refund_fen = verdict.refund_fen
    case.postage_outward, case.postage_back = verdict.outward, verdict.back


def _waits(case, *, granted: bool = False) -> bool:
    """Whether the order is stopped until it is settled (rule 84): not by what cannot come of it anyway."""
    wanted = granted or case.answer != Answer.REFUSED
    return wanted and not case.bought.shipped and case.kind != K.COMPENSATION


def _piece(judged, goods) -> SimpleNamespace:
    pieces = {"position": judged.line.position, "quantity": judged.quantity, "condition": judged.condition}
    return SimpleNamespace(**pieces, goods=goods)


def under_way(case):
    """The refund of this case whose outcome is awaited."""
    return next((refund for refund in case.refunds if refund.state in UNSETTLED), None)


def told_of(case, paid: bool):
    """The refund that an answer is about: the one under way, or one that had failed and was paid after all, by a
    person or late."""
    if any(refund.state == "succeeded" for refund in case.refunds):
        return None
    failed = [refund for refund in case.refunds if refund.state == "failed"]
    return under_way(case) or (failed[-1] if paid and failed else None)


def _settled(case, *, paid: bool) -> None:
    order, refund = case.order, told_of(case, paid)
    if refund is None:
        return
    order.refunding_fen -= refund.fen if refund.state in UNSETTLED else 0
    if paid:
        refund.elsewhere_fen = elsewhere_fen(order)
        order.repaid_fen += refund.fen
        order.refunded_fen = max(order.refunded_fen, refund.elsewhere_fen + order.repaid_fen)
