"""What follows from a change of an after-sales case: who hears of it, what is waited for, what its order is told."""

from __future__ import annotations

from datetime import datetime

from states.follow_ups import Ask, FollowUp, Note, Owe, PayBack, SetTimer, SettleRefund, Tell
from states.lifecycle import Asked, Change
from states.order_guards import MACHINE
from states.orders import OrderState, fact_key
from states.policies.return_requests import Answer, ReturnKind, ReturnReason
from states.reasons import Reason
from states.return_guards import left
from states.return_states import GIVEN_UP, ReturnTimer
from states.return_states import ReturnState as S

K = ReturnKind


def follow_ups(case, change: Change) -> list[FollowUp]:
    """Timers set, messages owed, the order told, money sent on its way by a change."""
    at, facts, returns = change.at, change.facts, case.policy.returns
    rows: list[FollowUp] = [Note(change.anomaly)] if change.anomaly else []
    if change.dest in GIVEN_UP and change.source != change.dest:
        rows += _let_go_on(case)
    match change.trigger:
        case "open":
            rows += [*_stop(case), *_answered(case, at)]
        case "become_return":
            rows += [
                Tell("unhold", {"reason": hold_of(case)}),
                Owe("became_return", "buyer"),
                *_answered(case, at),
            ]
        case "show_evidence" if change.dest == S.REQUESTED:
            rows += _answered(case, at)
        case "chase_decision":
            rows += _still_undecided(case)
        case "want_evidence":
            rows += [
                _to_buyer("evidence_wanted", S.EVIDENCE_NEEDED, evidence=case.evidence_wanted),
                SetTimer(
                    ReturnTimer.EVIDENCE_REMINDER, _when_open(case, at + returns.evidence_reminder_after)
                ),
                SetTimer(ReturnTimer.SEND_BY, case.send_by),
            ]
        case "remind_evidence":
            rows += [_to_buyer("evidence_reminder", S.EVIDENCE_NEEDED, evidence=case.evidence_wanted)]
        case "approve":
            rows += _remedy(case, at)
        case "decline":
            rows += [_to_buyer("return_declined", S.DECLINED, reasons=_why_declined(case, change))]
        case "cool":
            rows += [
                _to_buyer("return_cooling", S.COOLING),
                SetTimer(ReturnTimer.COOLING_OVER, case.cooling_until),
            ]
        case "withdraw":
            rows += [_to_buyer("return_withdrawn", S.WITHDRAWN)]
        case "await_parcel":
            rows += [
                _to_buyer("return_address", S.AWAITING_PARCEL),
                SetTimer(ReturnTimer.WAYBILL_REMINDER, _when_open(case, at + returns.waybill_reminder_after)),
                SetTimer(ReturnTimer.SEND_BY, case.send_by),
            ]
        case "remind_waybill":
            rows += [_to_buyer("waybill_reminder", S.AWAITING_PARCEL)]
        case "expire":
            rows += [_to_buyer("return_expired", S.CLOSED)]
        case "track" if change.source == S.AWAITING_PARCEL:
            rows += [SetTimer(ReturnTimer.PARCEL_OVERDUE, at + returns.parcel_within)]
        case "chase_parcel":
            rows += [Owe("parcel_overdue", "staff", only_while=(S.IN_TRANSIT,))]
        case "receive" if change.dest == S.RECEIVED:
            rows += _to_inspect(case, at)
        case "chase_inspection":
            rows += [Owe("inspection_overdue", "staff", only_while=(S.RECEIVED,))]
        case "inspect" if case.finding == "as_described":
            rows += [Ask("send_anew" if case.kind == K.EXCHANGE else "pay_back", by=MACHINE)]
        case "inspect":
            rows += [
                Owe("dispute", "staff", {"finding": case.finding}, only_while=(S.INSPECTED,)),
                SetTimer(ReturnTimer.DISPUTE, case.policy.desk_time(at, returns.dispute_within)),
            ]
        case "chase_dispute":
            rows += [Owe("dispute_overdue", "staff", {"finding": case.finding}, only_while=(S.INSPECTED,))]
        case "pay_back":
            rows += _pay_back(case)
        case "refund_paid":
            rows += _paid(case, facts)
        case "refund_failed":
            failed = {"fen": case.refund_fen, "reason": facts.get("reason")}
            rows += [SettleRefund(False, error=facts.get("reason"))]
            rows += [Owe("refund_failed", "staff", failed, only_while=(S.REFUNDING,))]
        case "send_anew":
            rows += _send_anew(case, change)
        case "reship_left" if change.dest == S.RESHIPPED:
            parcel = {"waybill": facts.get("waybill"), "carrier": facts.get("carrier")}
            rows += [_to_buyer("reshipped", S.RESHIPPED, **parcel)]
        case "close":
            rows += [_to_buyer("return_closed", S.CLOSED, text=facts.get("text"))]
    return rows


# -- whose turn it is -------------------------------------------------------------------------------


def _answered(case, at: datetime) -> list[FollowUp]:
    """By the rules' answer: the machine goes on, the buyer shows something, or a person decides."""
    if case.answer == Answer.REFUSED:
        return [Ask("decline", by=MACHINE)]
    if case.evidence_wanted:
        return [Ask("want_evidence", by=MACHINE)]
    if case.answer == Answer.ALLOWED:
        return [Ask("approve", by=MACHINE)]
    answer_by = case.policy.desk_time(at, case.policy.returns.judge_within)
    rows: list[FollowUp] = [
        _to_buyer("return_opened", S.REQUESTED, opens_at=case.policy.desk_opens(at), answer_by=answer_by),
        Owe("judge_return", "staff", {"reasons": case.reasons}, only_while=(S.REQUESTED,)),
        SetTimer(ReturnTimer.DECISION, answer_by),
    ]
    return rows


def _still_undecided(case) -> list[FollowUp]:
    rows: list[FollowUp] = [
        Owe("judge_overdue", "staff", {"reasons": case.reasons}, only_while=(case.state,))
    ]
    if case.reason == ReturnReason.MISSING:  # rule 69: what is not solved online is solved by telephone
        rows.append(Owe("buyer_must_be_phoned", "staff", only_while=(case.state,)))
    return rows


def _remedy(case, at: datetime) -> list[FollowUp]:
    """What an approved case goes on with (rules 69, 80, 84, 85)."""
    if (
        case.kind == K.EXCHANGE and not case.bought.shipped
    ):  # a person changes the order, then closes the case
        return [SetTimer(ReturnTimer.DECISION, case.policy.desk_time(at, case.policy.returns.judge_within))]
    goes_on = {
        K.REFUND_UNSHIPPED: "cool",
        K.RETURN_REFUND: "await_parcel",
        K.EXCHANGE: "await_parcel",
        K.RESHIP: "send_anew",
        K.COMPENSATION: "pay_back",
    }
    return [Ask(goes_on[case.kind], by=MACHINE)]


def _why_declined(case, change: Change) -> list[dict]:
    text = change.facts.get("text")
    return [Reason("said_by_a_person", text, text).as_dict()] if text else case.reasons


def _to_inspect(case, at: datetime) -> list[FollowUp]:
    inspect_by = case.policy.desk_time(at, case.policy.returns.inspect_within)
    return [
        _to_buyer("parcel_received", S.RECEIVED, inspected_by=inspect_by),
        Owe("inspect_return", "staff", {"inspect_by": inspect_by}, only_while=(S.RECEIVED,)),
        SetTimer(ReturnTimer.INSPECTION, inspect_by),
    ]


def _to_buyer(what: str, while_in: S, **payload) -> Owe:
    return Owe(what, "buyer", payload, only_while=(while_in,))


def _when_open(case, at: datetime) -> datetime:
    """Buyers are written to while somebody is there to answer (rules 91, 145)."""
    return case.policy.after_sales_hours.next_open(at, case.policy.zone)


# -- what the order is told -------------------------------------------------------------------------


def hold_of(case) -> str:
    """The reason under which the order is held as long as this case is open (rule 84)."""
    return f"aftersales {case.no}"


def _stop(case) -> list[FollowUp]:
    """Do not ship, at once, even what was let go and has not left (rule 84)."""
    return [*_recall(case), Tell("hold", {"reason": hold_of(case)})] if case.holds_order else []


def _recall(case) -> list[FollowUp]:
    return [Tell("recall")] if case.order.state == OrderState.RELEASED else []


def _let_go_on(case) -> list[FollowUp]:
    """Nothing came of it: what was held back for it gets a new promise."""
    return [Tell("unhold", {"reason": hold_of(case)}), Tell("repromise")] if case.holds_order else []


# -- money and goods --------------------------------------------------------------------------------


def _pay_back(case) -> list[FollowUp]:
    rows: list[FollowUp] = _stop(case) if case.kind == K.REFUND_UNSHIPPED else []
    return [*rows, PayBack(case.refund_fen) if case.refund_fen else Ask("refund_paid", by=MACHINE)]


def _paid(case, facts) -> list[FollowUp]:
    order = case.order
    in_full = order.refunded_fen >= order.paid_fen
    trigger, total = (
        "refund" if in_full else "refund_part",
        {"amount_fen": order.refunded_fen, "case": case.no},
    )
    rows: list[FollowUp] = [
        SettleRefund(True, facts.get("refund_ref")),
        Tell(trigger, total, fact_key(trigger, total)),
        _to_buyer("refund_paid", S.REFUNDED, fen=case.refund_fen),
    ]
    if case.holds_order and in_full:
        rows.append(Tell("unhold", {"reason": hold_of(case)}))
    elif case.holds_order:  # the rest leaves when somebody has taken these goods out
        rows.append(Owe("ship_the_rest", "staff", {"hold": hold_of(case)}, only_while=(S.REFUNDED,)))
    return rows


def _send_anew(case, change: Change) -> list[FollowUp]:
    """A linked order, which goes through audit and cut-off like any other (rules 69, 80)."""
    order = case.order
    by_position = {line.position: line for line in order.lines}
    goods = [
        {"sku": line.sku, "title": line.title, "quantity": piece.quantity, "price_fen": line.price_fen}
        for piece in case.lines
        if (line := by_position.get(piece.position))
    ]
    receiver = {name: getattr(order, name) for name in ("buyer_id", "receiver", "phone", "address", "region")}
    nothing_due = {"amount_fen": 0, "case": case.no}
    return [
        Tell("place", nothing_due, "place", no=case.linked_no, details={**receiver, "lines": goods}),
        Tell("pay", nothing_due, "pay", no=case.linked_no),
        _to_buyer("reship_promised", S.RESHIPPING, no=case.linked_no),
    ]


# -- when the answer is no --------------------------------------------------------------------------


def when_refused(case, asked: Asked, reasons: tuple[Reason, ...]) -> list[FollowUp]:
    """A no to a timer or to the machine: the case goes another way, or a person looks."""
    if asked.trigger != "pay_back":
        return []
    if case.bought.shipped and case.kind == K.REFUND_UNSHIPPED:
        return [Ask("become_return", by=MACHINE)]
    if not left(case.order):
        return [Ask("refunded_elsewhere", by=MACHINE)]
    no_money = {"reasons": [reason.as_dict() for reason in reasons]}
    return [Note(reasons[0]), Owe("judge_return", "staff", no_money, only_while=(case.state,))]
