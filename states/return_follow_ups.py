"""What follows from a change of an after-sales case: who hears of it, what is waited for, what its order is told."""

from __future__ import annotations

from datetime import datetime

from states.follow_ups import Ask, FollowUp, Note, Owe, PayBack, SetTimer, SettleRefund, Tell
from states.lifecycle import Asked, Change
from states.order_guards import MACHINE, holds_open
from states.order_reasons import FOR_A_CASE
from states.orders import OVER as ORDER_OVER
from states.orders import OrderState, fact_key
from states.policies.return_requests import Answer, ReturnKind, ReturnReason
from states.reasons import Reason
from states.return_guards import all_refunded
from states.return_refusals import sent_instead, still_held
from states.return_states import GIVEN_UP, ReturnTimer
from states.return_states import ReturnState as S

K = ReturnKind


def follow_ups(case, change: Change) -> list[FollowUp]:
    """Timers set, messages owed, the order told, money sent on its way by a change."""
    at, facts, returns = change.at, change.facts, case.policy.returns
    rows: list[FollowUp] = [Note(change.anomaly)] if change.anomaly else []
    if change.dest in GIVEN_UP and change.source != change.dest:
        rows += _let_go_on(case, change)
    match change.trigger:
        case "open":
            rows += [*_stop(case, at), *_answered(case, at)]
        case "become_return":
            rows += [
                Tell("unhold", {"reason": hold_of(case)}),
                Owe("became_return", "buyer"),
                *_answered(case, at),
            ]
        case "show_evidence" if change.dest == S.REQUESTED != change.source:
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
            rows += _phone(case)
        case "approve":
            again = _stop(case, at) if change.source == S.DECLINED else []
            rows += [*again, *_remedy(case, at)]
        case "decline":
            rows += [_to_buyer("return_declined", S.DECLINED, reasons=_why_declined(case, change))]
        case "cool" if case.bought.shipped:
            rows += [Ask("become_return", by=MACHINE)]
        case "cool":
            rows += [
                _to_buyer("return_cooling", S.COOLING),
                SetTimer(ReturnTimer.COOLING_OVER, case.cooling_until),
            ]
        case "withdraw":
            rows += [_to_buyer("return_withdrawn", S.WITHDRAWN)]
        case "await_parcel":
            rows += [Tell("unhold", {"reason": hold_of(case)})] if is_held(case.order, case, at) else []
            rows += [
                _to_buyer("return_address", S.AWAITING_PARCEL),
                SetTimer(ReturnTimer.WAYBILL_REMINDER, _when_open(case, at + returns.waybill_reminder_after)),
                SetTimer(ReturnTimer.SEND_BY, case.send_by),
                *_sent_already(case),
            ]
        case "remind_waybill":
            rows += [_to_buyer("waybill_reminder", S.AWAITING_PARCEL)]
        case "expire":
            rows += [_to_buyer("return_expired", S.CLOSED)]
        case "track" if change.dest == S.IN_TRANSIT != change.source:
            rows += [SetTimer(ReturnTimer.PARCEL_OVERDUE, at + returns.parcel_within)]
        case "chase_parcel":
            rows += [Owe("parcel_overdue", "staff", only_while=(S.IN_TRANSIT,))]
        case "receive" if change.dest == S.RECEIVED != change.source:
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
        case "chase_dispute" if case.finding == "as_described":  # it was not the goods that were in the way
            rows += _still_undecided(case)
        case "chase_dispute":
            rows += [Owe("dispute_overdue", "staff", {"finding": case.finding}, only_while=(S.INSPECTED,))]
        case "pay_back":
            rows += _pay_back(case, at)
        case "refund_paid" if change.expected:
            rows += _paid(case, change)
        case "refund_failed" if change.expected:
            failed = {"fen": case.refund_fen, "reason": facts.get("reason")}
            rows += [SettleRefund(False, error=facts.get("reason"))]
            if (
                case.kind == K.REFUND_UNSHIPPED and case.bought.shipped
            ):  # it left meanwhile, and nothing was paid
                rows += [Ask("become_return", by=MACHINE)]
            else:
                rows += [Owe("refund_failed", "staff", failed, only_while=(S.REFUNDING,))]
        case "send_anew":
            rows += _send_anew(case, change)
        case "reship_left" if change.expected:
            parcel = {"waybill": facts.get("waybill"), "carrier": facts.get("carrier")}
            rows += [_to_buyer("reshipped", S.RESHIPPED, **parcel)]
            rows += [Note(sent_instead(hold_of(case)))] if is_held(case.order, case, at) else []
        case "close":
            if change.source == S.RESHIPPING:
                rows += [Tell("hold", {"reason": hold_of(case)}, no=case.linked_no)]
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
    return _a_person_decides(case, at, case.reasons)


def _a_person_decides(case, at: datetime, reasons: list[dict]) -> list[FollowUp]:
    """Outside the desk's hours the buyer hears when it opens (rules 91, 188)."""
    answer_by = _answer_by(case, at)
    return [
        _to_buyer("return_opened", S.REQUESTED, opens_at=case.policy.desk_opens(at), answer_by=answer_by),
        Owe("judge_return", "staff", {"reasons": reasons}, only_while=(S.REQUESTED,)),
        SetTimer(ReturnTimer.DECISION, answer_by),
    ]


def _answer_by(case, at: datetime) -> datetime:
    return case.policy.desk_time(at, case.policy.returns.judge_within)


def _still_undecided(case) -> list[FollowUp]:
    overdue = Owe("judge_overdue", "staff", {"reasons": case.reasons}, only_while=(case.state,))
    return [overdue, *_phone(case)]


def _phone(case) -> list[FollowUp]:
    """What was lost or short and is not solved online is solved by telephone (rule 69)."""
    missing = case.reason == ReturnReason.MISSING
    return [Owe("buyer_must_be_phoned", "staff", only_while=(case.state,))] if missing else []


def _remedy(case, at: datetime) -> list[FollowUp]:
    """What an approved case goes on with (rules 69, 80, 84, 85)."""
    if case.kind == K.EXCHANGE and not case.bought.shipped:
        # a person changes the order, then closes the case
        return [SetTimer(ReturnTimer.DECISION, _answer_by(case, at))]
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


def _sent_already(case) -> list[FollowUp]:
    """A parcel refused at the door, or sent before we had agreed: what the buyer owes has been done."""
    if case.received_at:
        return [Ask("receive", by=MACHINE)]
    return [Ask("track", by=MACHINE)] if case.waybill else []


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
    return f"{FOR_A_CASE}{case.no}"


def is_held(order, case, at: datetime) -> bool:
    """Whether its order is held for this case now."""
    return any(hold.reason == hold_of(case) for hold in holds_open(order, at))


def _stop(case, at: datetime) -> list[FollowUp]:
    """Do not ship, at once, even what was let go and has not left (rule 84)."""
    if not case.holds_order:
        return []
    hold = [] if is_held(case.order, case, at) else [Tell("hold", {"reason": hold_of(case)})]
    return [*_recall(case), *hold]


def _recall(case) -> list[FollowUp]:
    return [Tell("recall")] if case.order.state == OrderState.RELEASED else []


def _let_go_on(case, change: Change) -> list[FollowUp]:
    """Nothing came of it: what was held back for it gets a new promise; but what was paid back in another way
    is not shipped as well."""
    if not case.holds_order:
        return []
    paid_otherwise = change.trigger == "refunded_elsewhere" or change.source == S.REFUNDING
    if paid_otherwise and case.order.state not in ORDER_OVER:
        return [Note(still_held(hold_of(case)))]
    return [Tell("unhold", {"reason": hold_of(case)}), Tell("repromise")]


# -- money and goods --------------------------------------------------------------------------------


def _pay_back(case, at: datetime) -> list[FollowUp]:
    rows: list[FollowUp] = _stop(case, at) if case.kind == K.REFUND_UNSHIPPED else []
    return [*rows, PayBack(case.refund_fen) if case.refund_fen else Ask("refund_paid", by=MACHINE)]


def _paid(case, change: Change) -> list[FollowUp]:
    order = case.order
    in_full = order.refunded_fen >= order.paid_fen
    trigger = "refund" if in_full else "refund_part"
    total = {"amount_fen": order.refunded_fen, "case": case.no}
    rows: list[FollowUp] = [
        SettleRefund(True, change.facts.get("refund_ref")),
        _to_buyer("refund_paid", S.REFUNDED, fen=case.refund_fen),
    ]
    if case.refund_fen or in_full:
        rows.append(Tell(trigger, total, fact_key(trigger, total)))
    if in_full:  # nothing of it leaves any more: neither this part nor those refunded before it
        settled = [c for c in order.cases if c.state == S.REFUNDED and is_held(order, c, change.at)]
        rows += [Tell("unhold", {"reason": hold_of(c)}) for c in settled]
    elif case.holds_order:  # the rest leaves when somebody has taken these goods out
        rows.append(Owe("ship_the_rest", "staff", {"hold": hold_of(case)}, only_while=(S.REFUNDED,)))
    return rows


def _send_anew(case, change: Change) -> list[FollowUp]:
    """A linked order, which goes through audit and cut-off like any other; its goods cost nothing (rules 69, 80)."""
    order = case.order
    by_position = {line.position: line for line in order.lines}
    goods = [
        {"sku": line.sku, "title": line.title, "quantity": piece.quantity, "price_fen": 0}
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
    if asked.trigger not in ("approve", "pay_back", "send_anew"):
        return []
    if case.state == S.COOLING and case.bought.shipped:
        return [Ask("become_return", by=MACHINE)]
    if all_refunded(case.order):
        return [Ask("refunded_elsewhere", by=MACHINE)]
    return [Note(reasons[0]), *_stuck(case, asked, [reason.as_dict() for reason in reasons])]


def _stuck(case, asked: Asked, reasons: list[dict]) -> list[FollowUp]:
    """Somebody decides; a refund is tried again all the same, for another one that was in its way may have failed."""
    if case.state == S.REQUESTED:
        return _a_person_decides(case, asked.at, reasons)
    told = {1: "judge_return", 2: "judge_overdue"}.get(asked.round or 1)
    timer = {S.COOLING: ReturnTimer.COOLING_OVER, S.INSPECTED: ReturnTimer.DISPUTE}.get(case.state)
    rows: list[FollowUp] = [SetTimer(timer or ReturnTimer.DECISION, _answer_by(case, asked.at))]
    return [*rows, *([Owe(told, "staff", {"reasons": reasons}, only_while=(case.state,))] if told else [])]
