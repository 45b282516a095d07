"""The rules an order's decisions keep to: each guard says why not, and all of them speak."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from states.lifecycle import Asked
from states.order_reasons import (
    already_all_reminded,
    before_its_cut_off,
    buyer_opted_out,
    held,
    late_payment,
    needs_a_named_person,
    no_such_hold,
    not_past_its_payment_deadline,
    nothing_was_paid,
    outside_contact_hours,
    paid_and_cancelled_since,
    past_its_payment_deadline,
    rung_already_sent,
    shipped_already,
    unverified,
)
from states.reasons import Reason

MACHINE = "audit"  # who verifies when no person has to
PLATFORM = "platform"  # who tells what the shop platform knows
CALENDAR = "calendar"  # who makes a promise again once its days are known, or are others
PAYMENTS, KUAIDI100 = "payments", "kuaidi100"  # who tells of refunds, and of parcels
TIMER = "timer"  # who does what nobody asked for
NOT_BY_HAND = (
    MACHINE,
    CALENDAR,
    TIMER,
    PAYMENTS,
    KUAIDI100,
)  # actors whose word no person may give for his own
NOBODY = ("", *NOT_BY_HAND, PLATFORM, "operator")  # actors that are no named person


def rung_not_due(order, asked: Asked) -> Iterable[Reason]:
    """Each rung of the ladder is said once (rule 38)."""
    if asked.round is None:
        yield already_all_reminded()
    elif asked.round <= order.reminded_rung:
        yield rung_already_sent(asked.round)


def not_in_contact_hours(order, asked: Asked) -> Iterable[Reason]:
    """Buyers are left in peace outside the desk's hours (rules 138, 145)."""
    if not order.policy.in_contact_hours(asked.at):
        yield outside_contact_hours()


def opted_out(order, asked: Asked) -> Iterable[Reason]:
    """Rule of ours: who wants no reminders gets none, for any of his orders."""
    if order.opted_out_at or order.buyer_opted_out_at:
        yield buyer_opted_out()


def deadline_not_past(order, asked: Asked) -> Iterable[Reason]:
    """At the deadline itself it is past (rule 38)."""
    if asked.at < order.pay_by:
        yield not_past_its_payment_deadline(_local(order, order.pay_by))


def deadline_past(order, asked: Asked) -> Iterable[Reason]:
    """There is nothing left to remind of (rule 38)."""
    if asked.at >= order.pay_by:
        yield past_its_payment_deadline()


def paid_too_late(order, asked: Asked) -> Iterable[Reason]:
    """Rule of ours: paid before the deadline counts, whenever we hear of it."""
    if asked.at >= order.pay_by:
        yield late_payment()


def cancelled_since(order, asked: Asked) -> Iterable[Reason]:
    """We were told that it was cancelled before we heard of this payment, but the payment came first: only an
    order that nobody but we ourselves closed opens again by itself."""
    cancelled_at, _ = order.known.get("cancel", (None, None))
    if cancelled_at and asked.at <= cancelled_at:
        yield paid_and_cancelled_since()


def not_paid_at_all(order, asked: Asked) -> Iterable[Reason]:
    """Without money there is no order to reopen."""
    if not order.paid_fen:
        yield nothing_was_paid()


def not_by_name(order, asked: Asked) -> Iterable[Reason]:
    """What somebody has to answer for is decided by a person with a name."""
    if asked.by in NOBODY:
        yield needs_a_named_person(asked.trigger)


def not_by_name_nor_calendar(order, asked: Asked) -> Iterable[Reason]:
    """A promise is made again by a person, or by itself where its days are others than we thought (promise 13)."""
    if asked.by != CALENDAR:
        yield from not_by_name(order, asked)


def audit_findings(order, asked: Asked) -> Iterable[Reason]:
    """Legal, accurate, complete, no duplicate (rules 28-31); a named agent may override a finding by its code."""
    overridden = set(str(asked.facts.get("override", "")).split(",")) - {""}
    findings = order.policy.findings(order, asked.at)
    if overridden and asked.by in NOBODY:
        yield needs_a_named_person("override")
    yield from (f for f in findings if f.code not in overridden)


def never_verified(order, asked: Asked) -> Iterable[Reason]:
    """Rule 31: what nobody confirmed does not leave; the refusal names all that blocks it."""
    yield from open_holds(order, asked)
    yield from list(order.policy.findings(order, asked.at)) or [unverified()]


def open_holds(order, asked: Asked) -> Iterable[Reason]:
    """Every hold in force stands in the way, each by name (rule 84)."""
    yield from (held(h.reason, h.by, _local(order, h.until)) for h in holds_open(order, asked.at))


def cut_off_not_reached(order, asked: Asked) -> Iterable[Reason]:
    """An order leaves with the batch it was promised for (rules 40, 41). Of days that nobody knows yet a person with a
    name may know more: he waits only for the first cut-off that it could be (promise 13)."""
    cutoff_at = order.promise_cutoff_at
    if order.promise_unknown_on and asked.by not in NOBODY:
        cutoff_at = order.policy.cutoff_on(order.promise_unknown_on)
    if cutoff_at and asked.at < cutoff_at:
        yield before_its_cut_off(_local(order, cutoff_at))


def already_shipped(order, asked: Asked) -> Iterable[Reason]:
    """A parcel that has left is not let go again."""
    if order.shipped_at:
        yield shipped_already()


def hold_unknown(order, asked: Asked) -> Iterable[Reason]:
    """Only a hold in force can be lifted."""
    reason = asked.facts.get("reason")
    if not any(h.reason == reason for h in holds_open(order, asked.at)):
        yield no_such_hold(reason, [h.reason for h in holds_open(order, asked.at)])


def _local(order, at: datetime | None) -> datetime | None:
    """As the shop's clock shows it: sentences are read by its people."""
    return at and at.astimezone(order.policy.zone)


def holds_open(order, at: datetime) -> list:
    """The holds in force at this moment; one whose `until` has come has ended by itself."""
    return [h for h in order.holds if h.released_at is None and (h.until is None or at < h.until)]
