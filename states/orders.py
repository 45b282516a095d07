"""The life of an order, as a process manual: the rules, the table, what is written down, what follows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from states.follow_ups import (
    Ask,
    FollowUp,
    JoinBatch,
    LiftHold,
    MoveTimer,
    Note,
    OptOut,
    Owe,
    PlaceHold,
    SetTimer,
    Settle,
)
from states.lifecycle import BEFORE, SAME, Asked, Change, Lifecycle, Waits
from states.order_guards import (
    CALENDAR,
    MACHINE,
    PLATFORM,
    already_shipped,
    audit_findings,
    cancelled_since,
    cut_off_not_reached,
    deadline_not_past,
    deadline_past,
    hold_unknown,
    holds_open,
    never_verified,
    not_by_name,
    not_by_name_nor_calendar,
    not_in_contact_hours,
    not_paid_at_all,
    open_holds,
    opted_out,
    paid_too_late,
    rung_not_due,
)
from states.order_reasons import (
    before_it_was_placed,
    cancelled_after_hand_over,
    changed_after_release,
    delivered_before_shipped,
    held_after_release,
    late_payment,
    not_paid,
    paid_not_due,
    refunded_more_than_paid,
    shipped_before_paid,
    shipped_though_held,
    shipped_though_over,
    unverified,
)
from states.policies.dispatch import Promise
from states.reasons import Reason


class OrderState(StrEnum):
    """Where an order is in its life (design.md §6)."""

    UNPAID = "unpaid"
    PAID = "paid"
    VERIFIED = "verified"
    RELEASED = "released"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


S = OrderState
BEFORE_HAND_OVER = [S.PAID, S.VERIFIED, S.RELEASED]
AFTER_HAND_OVER = [S.SHIPPED, S.DELIVERED, S.COMPLETED]
OVER = [S.CANCELLED, S.REFUNDED]

# -- The table --------------------------------------------------------------------------------------

# fmt: off
TRANSITIONS = [
    {"trigger": "place",    "source": BEFORE,               "dest": S.UNPAID},

    {"trigger": "remind",   "source": S.UNPAID,             "dest": SAME,
                            "unless": [rung_not_due, deadline_past, not_in_contact_hours, opted_out]},
    {"trigger": "opt_out",  "source": list(S),              "dest": SAME},
    {"trigger": "pay",      "source": S.UNPAID,             "dest": S.PAID,        "unless": paid_too_late},
    {"trigger": "pay",      "source": S.CANCELLED,          "dest": S.PAID,
                            "unless": [paid_too_late, cancelled_since]},
    {"trigger": "pay",      "source": AFTER_HAND_OVER,      "dest": SAME},
    {"trigger": "expire",   "source": S.UNPAID,             "dest": S.CANCELLED,   "unless": deadline_not_past},
    {"trigger": "reopen",   "source": S.CANCELLED,          "dest": S.PAID,
                            "unless": [not_by_name, not_paid_at_all]},

    {"trigger": "chase_verification", "source": S.PAID,     "dest": SAME},
    {"trigger": "verify",   "source": S.PAID,               "dest": S.VERIFIED,    "unless": audit_findings},
    {"trigger": "amend",    "source": [S.UNPAID, S.PAID],   "dest": SAME},
    {"trigger": "amend",    "source": S.VERIFIED,           "dest": S.PAID},
    {"trigger": "amend",    "source": [S.RELEASED, *AFTER_HAND_OVER, *OVER], "dest": SAME,
                            "anomaly": changed_after_release()},
    {"trigger": "repromise","source": [S.PAID, S.VERIFIED], "dest": SAME,
                            "unless": not_by_name_nor_calendar},

    {"trigger": "hold",     "source": [S.UNPAID, S.PAID, S.VERIFIED, *OVER], "dest": SAME},
    {"trigger": "hold",     "source": [S.RELEASED, *AFTER_HAND_OVER],        "dest": SAME,
                            "anomaly": held_after_release()},
    {"trigger": "unhold",   "source": list(S),              "dest": SAME,          "unless": hold_unknown},
    {"trigger": "release",  "source": S.PAID,               "dest": SAME,          "unless": never_verified},
    {"trigger": "release",  "source": S.VERIFIED,           "dest": S.RELEASED,
                            "unless": [open_holds, cut_off_not_reached, already_shipped]},
    {"trigger": "recall",   "source": S.RELEASED,           "dest": S.VERIFIED,    "unless": already_shipped},
    {"trigger": "flag_overdue", "source": BEFORE_HAND_OVER, "dest": SAME},

    {"trigger": "ship",     "source": BEFORE_HAND_OVER,     "dest": S.SHIPPED},
    {"trigger": "ship",     "source": S.UNPAID,             "dest": S.SHIPPED,     "anomaly": shipped_before_paid()},
    {"trigger": "ship",     "source": OVER,                 "dest": S.SHIPPED,     "anomaly": shipped_though_over()},
    {"trigger": "ship",     "source": AFTER_HAND_OVER,      "dest": SAME},
    {"trigger": "ship_part","source": [*BEFORE_HAND_OVER, *AFTER_HAND_OVER], "dest": SAME},
    {"trigger": "deliver",  "source": S.SHIPPED,            "dest": S.DELIVERED},
    {"trigger": "deliver",  "source": [S.UNPAID, *BEFORE_HAND_OVER, *OVER],  "dest": S.DELIVERED,
                            "anomaly": delivered_before_shipped()},
    {"trigger": "deliver",  "source": S.COMPLETED,          "dest": SAME},
    {"trigger": "follow_up","source": [S.DELIVERED],        "dest": SAME},
    {"trigger": "confirm",  "source": [S.SHIPPED, S.DELIVERED], "dest": S.COMPLETED},
    {"trigger": "confirm",  "source": [S.UNPAID, *BEFORE_HAND_OVER],         "dest": S.COMPLETED,
                            "anomaly": delivered_before_shipped()},
    {"trigger": "complete", "source": S.DELIVERED,          "dest": S.COMPLETED},

    {"trigger": "close",    "source": S.UNPAID,             "dest": S.CANCELLED,   "unless": not_by_name},
    {"trigger": "cancel",   "source": [S.UNPAID, *BEFORE_HAND_OVER],         "dest": S.CANCELLED},
    {"trigger": "cancel",   "source": OVER,                 "dest": SAME},
    {"trigger": "cancel",   "source": AFTER_HAND_OVER,      "dest": SAME,
                            "anomaly": cancelled_after_hand_over()},
    {"trigger": "refund",   "source": [*BEFORE_HAND_OVER, *AFTER_HAND_OVER, S.CANCELLED], "dest": S.REFUNDED},
    {"trigger": "refund_part", "source": [*BEFORE_HAND_OVER, *AFTER_HAND_OVER, S.CANCELLED], "dest": SAME},
    {"trigger": "settle",   "source": list(S),              "dest": SAME,          "unless": not_by_name},
]

FACTS = ["place", "opt_out", "pay", "amend", "hold", "ship", "ship_part", "deliver", "confirm", "cancel",
         "refund", "refund_part"]
# fmt: on


class TimerKind(StrEnum):
    """What an order may wait for."""

    PAYMENT_REMINDER = "payment_reminder"
    PAYMENT_DEADLINE = "payment_deadline"
    VERIFICATION_CHASE = "verification_chase"
    DISPATCH_CUTOFF = "dispatch_cutoff"
    DISPATCH_OVERDUE = "dispatch_overdue"
    FOLLOW_UP = "follow_up"
    COMPLETION = "completion"


TIMERS = {
    TimerKind.PAYMENT_REMINDER: Waits("remind", while_in=(S.UNPAID,)),
    TimerKind.PAYMENT_DEADLINE: Waits("expire", while_in=(S.UNPAID,)),
    TimerKind.VERIFICATION_CHASE: Waits("chase_verification", while_in=(S.PAID,)),
    TimerKind.DISPATCH_CUTOFF: Waits("release", while_in=(S.PAID, S.VERIFIED)),
    TimerKind.DISPATCH_OVERDUE: Waits("flag_overdue", while_in=(*BEFORE_HAND_OVER,)),
    TimerKind.FOLLOW_UP: Waits("follow_up", while_in=(S.DELIVERED,)),
    TimerKind.COMPLETION: Waits("complete", while_in=(S.DELIVERED,)),
}

# -- What is written down ---------------------------------------------------------------------------


def record(order, change: Change, asked: Asked) -> None:
    """The new values. A fact's values are written even where it surprised us (promise 2)."""
    at, facts = change.at, change.facts
    match change.trigger:
        case "place":
            order.placed_at, order.pay_by = at, order.policy.pay_by(at)
            order.amount_fen = facts["amount_fen"]
        case "remind":
            order.reminded_rung = asked.round
        case "pay":
            order.paid_at = order.paid_at or at
            order.paid_fen += facts["amount_fen"]
        case "release":
            order.released_at, order.batch_cutoff_at = at, order.policy.last_cutoff(at)
        case "recall":
            order.released_at = order.batch_cutoff_at = None
        case "ship":
            order.shipped_at = order.shipped_at or at
            order.waybill = facts.get("waybill") or order.waybill
            order.carrier = facts.get("carrier") or order.carrier
        case "ship_part":
            order.part_shipped_at = order.part_shipped_at or at
        case "deliver":
            order.delivered_at = order.delivered_at or at
        case "refund" | "refund_part":
            order.refunded_fen = max(order.refunded_fen, facts["amount_fen"])
        case "amend":
            for name, value in (asked.details or {}).items():
                setattr(order, name, value)
        case "opt_out":
            order.opted_out_at = at
    if change.dest != change.source:
        order.closed_at = at if change.dest in (S.COMPLETED, *OVER) else None
        if change.dest == S.PAID and change.source in (S.UNPAID, S.CANCELLED):
            _promise(order, change)
    if change.trigger == "repromise":
        _promise(order, change)


def _promise(order, change: Change) -> None:
    """Rules 40, 41: the second of payment decides; a payment an operator let in late counts from then. What the
    calendar moves it moves from now on, and leaves alone what should have left already."""
    order.promised_before = order.promise_on
    missed = order.promise_cutoff_at is not None and order.promise_cutoff_at <= change.at
    if change.by == CALENDAR and missed:
        return
    promise = (
        order.policy.promise(order.paid_at) if change.trigger == "pay" else _next_batch(order, change.at)
    )
    order.promise_kind, order.promise_on = promise.kind, promise.on
    order.promise_cutoff_at, order.promise_unknown_on = promise.cutoff_at, promise.unknown_on


def _next_batch(order, at: datetime) -> Promise:
    """What it could be promised now: no batch leaves before it was paid for, whatever clock was ahead."""
    return order.policy.promise(max(at, order.paid_at or at))


# -- What follows -----------------------------------------------------------------------------------


def follow_ups(order, change: Change) -> list[FollowUp]:
    """Timers set, messages owed, holds placed by a change. Timers without meaning are cancelled by themselves."""
    rows: list[FollowUp] = [Note(change.anomaly)] if change.anomaly else []
    if change.trigger in FACTS and change.at < order.placed_at:
        rows.append(Note(before_it_was_placed(change.trigger), key=change.trigger))
    match change.trigger:
        case "place":
            rows += [*_next_rung(order, None), SetTimer(TimerKind.PAYMENT_DEADLINE, order.pay_by)]
        case "remind":
            rung = change.round
            rows += [Owe("payment_reminder", "buyer", {"rung": rung}, only_while=(S.UNPAID,))]
            rows += _next_rung(order, rung)
        case "expire" | "close":
            rows += [Owe("order_closed", "buyer", only_while=(S.CANCELLED,)), Owe("close_order", "platform")]
        case "pay":
            rows += _after_paying(order, change)
        case "reopen":
            rows += [Settle(("late_payment", "cancelled_since")), *_dispatch(order, change.at)]
        case "repromise":
            rows += _promised_anew(order, change)
        case "chase_verification":
            rows += [Owe("verification_chase", "staff", _findings(order, change.at), only_while=(S.PAID,))]
        case "amend" if change.dest == S.PAID:
            rows += _verification(order, change.at)
        case "hold":
            rows += [PlaceHold(change.facts["reason"], change.facts.get("until"))]
        case "unhold":
            rows += [LiftHold(change.facts["reason"])]
        case "release":
            batch = {"cutoff_at": order.batch_cutoff_at}
            rows += [
                JoinBatch(order.batch_cutoff_at),
                Owe("ship", "warehouse", batch, only_while=(S.RELEASED,)),
            ]
        case "recall":
            # the command to ship is no longer true; should it have been sent, this stops the parcel
            rows += [Owe("stop_shipping", "warehouse", only_while=(S.PAID, S.VERIFIED))]
            rows += [_leaves_next(order, change.at)]
        case "flag_overdue":
            rows += [Owe("dispatch_overdue", "staff", only_while=tuple(BEFORE_HAND_OVER))]
        case "ship":
            rows += _after_shipping(order, change)
        case "deliver" if change.dest == S.DELIVERED:
            rows += _after_delivery(order, change.at)
        case "follow_up":
            rows += [Owe("follow_up", "buyer", only_while=(S.DELIVERED,))]
        case "opt_out":
            rows += [OptOut()]
        case "refund" | "refund_part" if order.refunded_fen > order.paid_fen:
            too_much = refunded_more_than_paid(order.refunded_fen, order.paid_fen)
            rows += [Note(too_much, key=f"{order.refunded_fen}")]
        case "settle":
            rows += [Settle()]
    return rows


def _next_rung(order, done: int | None) -> list[FollowUp]:
    rung = order.policy.next_rung(done, order.placed_at, order.pay_by)
    return [SetTimer(TimerKind.PAYMENT_REMINDER, rung.due_at, rung.rung)] if rung else []


def _after_paying(order, change: Change) -> list[FollowUp]:
    rows: list[FollowUp] = []
    if order.paid_fen != order.amount_fen:
        rows += [Note(paid_not_due(order.paid_fen, order.amount_fen)), PlaceHold("paid_not_due")]
    if not change.expected:  # after the deadline, or cancelled since: money is here, the order is not open
        late = change.anomaly == late_payment()
        return [*rows, *([Owe("late_payment", "staff", only_while=(S.CANCELLED, S.UNPAID))] if late else [])]
    if change.dest == S.PAID:
        rows += [Owe("address_confirmation", "buyer", only_while=tuple(BEFORE_HAND_OVER))]
        rows += _dispatch(order, change.at)
    return rows


def _dispatch(order, at: datetime) -> list[FollowUp]:
    rows = _verification(order, at) if order.state == S.PAID else []
    rows.append(SetTimer(TimerKind.DISPATCH_CUTOFF, order.promise_cutoff_at, None, order.promise_unknown_on))
    if within := order.policy.dispatch.ship_within:
        rows.append(SetTimer(TimerKind.DISPATCH_OVERDUE, at + within))
    return rows


def _leaves_next(order, at: datetime) -> SetTimer:
    batch = _next_batch(order, at)
    return SetTimer(TimerKind.DISPATCH_CUTOFF, batch.cutoff_at, None, batch.unknown_on)


def _promised_anew(order, change: Change) -> list[FollowUp]:
    """By the calendar only the day is another one; a person begins anew. Whoever was promised another day hears of
    it."""
    by_calendar = change.by == CALENDAR
    rows = [_leaves_next(order, change.at)] if by_calendar else _dispatch(order, change.at)
    before = order.promised_before
    if before and before != order.promise_on:
        rows.append(
            Owe(
                "promise_moved",
                "buyer",
                {"before": before, "on": order.promise_on},
                only_while=tuple(BEFORE_HAND_OVER),
            )
        )
    return [*rows, Settle(("no_promise",))]  # noted where kefu had no days to promise by, before it had any


def _verification(order, at: datetime) -> list[FollowUp]:
    """Rule 31: only a confirmed order goes on; the machine confirms the clean ones where the shop lets it."""
    return [Ask("verify", by=MACHINE)] if order.policy.audit.automatic else [_chase(order, at)]


def _chase(order, at: datetime) -> SetTimer:
    return SetTimer(TimerKind.VERIFICATION_CHASE, at + order.policy.audit.chase_after)


def _after_shipping(order, change: Change) -> list[FollowUp]:
    rows = [Note(shipped_though_held(h.reason), key=h.reason) for h in holds_open(order, change.at)]
    if change.source != change.dest:
        rows += [Owe("shipped", "buyer", only_while=(S.SHIPPED,))]
    if change.facts.get("waybill") and change.by != PLATFORM:  # what it told itself it knows (rule 44)
        parcel = {name: change.facts.get(name) for name in ("waybill", "carrier")}
        rows += [Owe("shipment", "platform", parcel)]
    return rows


def _after_delivery(order, at: datetime) -> list[FollowUp]:
    care = order.policy.aftercare
    waits = [(TimerKind.FOLLOW_UP, care.follow_up_after), (TimerKind.COMPLETION, care.complete_after)]
    return [SetTimer(kind, at + after) for kind, after in waits if after]


def _findings(order, at: datetime) -> dict:
    return {"findings": [f.as_dict() for f in order.policy.findings(order, at)]}


def when_refused(order, asked: Asked, reasons: tuple[Reason, ...]) -> list[FollowUp]:
    """A no to a timer or to the machine: who hears of it, and when to try again."""
    if asked.trigger == "release":  # at the next cut-off, and it is in this one's report
        batch = _next_batch(order, asked.at)
        return [MoveTimer(batch.cutoff_at, batch.unknown_on)]
    if asked.trigger == "verify":  # rule 32: any doubt is settled with the buyer at once
        in_doubt = Owe("order_in_doubt", "staff", _findings(order, asked.at), only_while=(S.PAID,))
        return [_chase(order, asked.at), in_doubt]
    return []


# -- What blocks ------------------------------------------------------------------------------------


def dispatch_blockers(order, at: datetime) -> list[Reason]:
    """Everything that keeps this order from leaving at `at`, not only the first thing (rules 28-31, 84)."""
    asked = Asked("release", at, "")
    if order.state == S.UNPAID:
        return [not_paid()]
    reasons = list(open_holds(order, asked))
    if order.state == S.PAID:
        reasons += list(order.policy.findings(order, at)) or [unverified()]
    return reasons + list(cut_off_not_reached(order, asked))


def fact_key(trigger: str, facts: Mapping[str, Any]) -> str:
    """What makes this fact itself: a second parcel or a further refund is another fact."""
    part = {
        "ship": facts.get("waybill"),
        "ship_part": facts.get("waybill"),
        "refund": facts.get("amount_fen"),
        "refund_part": facts.get("amount_fen"),
        "hold": facts.get("reason"),
    }.get(trigger)
    return f"{trigger}:{part}" if part else trigger


order_lifecycle = Lifecycle(
    "order",
    OrderState,
    TRANSITIONS,
    facts=FACTS,
    final=(S.COMPLETED, *OVER),
    timers=TIMERS,
    by_people=("verify", "reopen", "close", "unhold", "settle", "repromise", "release", "recall", "remind"),
    urgent=("hold",),
    record=record,
    follow_ups=follow_ups,
    when_refused=when_refused,
)
