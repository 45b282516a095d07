"""The rules a return case's decisions keep to: each guard says why not, and all of them speak."""

from __future__ import annotations

from collections.abc import Iterable

from states.lifecycle import Asked
from states.order_guards import MACHINE, NOBODY, PAYMENTS, TIMER, not_by_name
from states.order_reasons import needs_a_named_person
from states.policies.return_reasons import PART_SHIPPED
from states.policies.return_requests import Answer, ReturnKind
from states.reasons import Reason
from states.return_refusals import (
    amount_needed,
    came_after_all,
    came_too_late,
    evidence_missing,
    goods_not_back,
    handed_over,
    in_dispute,
    more_than_approved,
    more_than_is_left,
    needs_a_supervisor,
    no_goods,
    no_money,
    not_handed_over,
    nothing_to_pay,
    others_refunded,
    pieces_taken,
    refund_under_way,
    refunded_elsewhere,
    still_cooling,
    too_late_to_withdraw,
)
from states.return_states import ReturnState

K = ReturnKind
PAYS = (K.REFUND_UNSHIPPED, K.RETURN_REFUND, K.COMPENSATION)
SENDS = (K.EXCHANGE, K.RESHIP)
MAY_BE_PAID = ("sent", "unknown")  # refunds that nobody knows the outcome of
UNSETTLED = ("requested", *MAY_BE_PAID)  # refunds whose outcome is awaited


GONE = ("all_returned", "more_than_bought")


def nothing_to_open(case, asked: Asked) -> Iterable[Reason]:
    """An order that holds no money, and pieces or amounts that are not there, make no case."""
    in_another_case = any(pieces_in_another_case(case, asked)) and not _more_than_bought(case)
    for reason in case.policy.obstacles(case.bought, case.request):
        if not (in_another_case and reason.code in GONE):  # not gone: that case is still open
            yield reason


def _more_than_bought(case) -> bool:
    bought = {line.position: line.quantity for line in case.bought.goods}
    return any(piece.quantity > bought.get(piece.position, 0) for piece in case.lines)


def pieces_in_another_case(case, asked: Asked) -> Iterable[Reason]:
    """Each piece is in one open case only; the database sees to it as well."""
    named = [line.position for line in case.lines]
    left_over = [line.position for line in case.bought.goods if line.quantity > line.returned]
    positions = named or left_over or list(case.taken)
    yield from (pieces_taken(p, case.taken[p]) for p in positions if p in case.taken)


def rules_against(case, asked: Asked) -> Iterable[Reason]:
    """What the rules refuse, a person with a name may override with a reason; where they are silent, one decides."""
    named, override = asked.by not in NOBODY, asked.facts.get("override")
    a_person_decides = case.answer == Answer.A_PERSON_MUST_LOOK or case.state == ReturnState.DECLINED
    if not named and (override or a_person_decides):
        yield needs_a_named_person("approve")
    if override:
        return
    if case.answer == Answer.REFUSED:
        yield from (Reason(**reason) for reason in case.reasons)
    if case.evidence_wanted:
        yield evidence_missing(case.evidence_wanted)


def declined_by_nobody(case, asked: Asked) -> Iterable[Reason]:
    """The rules decline by themselves what they refuse; all else a person with a name."""
    if asked.by != MACHINE or case.answer != Answer.REFUSED:
        yield from not_by_name(case, asked)


def compensation_not_granted(case, asked: Asked) -> Iterable[Reason]:
    """Above the shop's limits a supervisor grants it, by name (rule 85)."""
    if case.kind != K.COMPENSATION:
        return
    fen, limit_fen, supervisors = _amount(case, asked), case.limit_fen or 0, case.policy.returns.supervisors
    if not fen:
        yield amount_needed()
    elif fen > limit_fen and (asked.by in NOBODY or (supervisors and asked.by not in supervisors)):
        yield needs_a_supervisor(limit_fen, supervisors)


def no_money_in_it(case, asked: Asked) -> Iterable[Reason]:
    """An exchange or a reshipment brings goods, not money (rules 69, 80)."""
    if case.kind not in PAYS and (asked.trigger == "pay_back" or asked.facts.get("amount_fen") is not None):
        yield no_money(case.kind)


def no_goods_in_it(case, asked: Asked) -> Iterable[Reason]:
    """Goods are sent anew where that was the remedy, and in exchange only for what is back (rule 80)."""
    if case.kind not in SENDS:
        yield no_goods(case.kind)
    elif case.kind == K.EXCHANGE and not case.finding:
        yield goods_not_back()


def more_than_left(case, asked: Asked) -> Iterable[Reason]:
    """All refunds of an order, also those on their way, are never more than was paid (promise 7); and who has
    all of it back gets nothing more."""
    fen, left_fen = _amount(case, asked), left(case.order)
    if all_refunded(case.order):
        yield refunded_elsewhere()
    elif fen > left_fen:
        yield more_than_is_left(fen, left_fen)


def refunded_meanwhile(case, asked: Asked) -> Iterable[Reason]:
    """What others have paid back since the buyer asked may be this very refund: a person with a name decides."""
    since_fen = elsewhere_fen(case.order) - case.elsewhere_fen
    if since_fen > 0 and asked.by in NOBODY and not all_refunded(case.order):
        yield others_refunded(since_fen)


def other_amount(case, asked: Asked) -> Iterable[Reason]:
    """What was approved may be lowered after an inspection, by a person with a name."""
    fen = asked.facts.get("amount_fen")
    if fen is None or fen == case.refund_fen:
        return
    if asked.by in NOBODY:
        yield needs_a_named_person("amount_fen")
    if not fen:
        yield nothing_to_pay()
    if fen > case.refund_fen:
        yield more_than_approved(fen, case.refund_fen)


def cooling_not_over(case, asked: Asked) -> Iterable[Reason]:
    """24 hours are elapsed time, across midnight and any clock change; at their end they are over (rule 84)."""
    if asked.at < case.cooling_until:
        yield still_cooling(case.cooling_until.astimezone(case.policy.zone))


def cooling_over(case, asked: Asked) -> Iterable[Reason]:
    """From then on it is paid back, whoever comes first: the buyer or the timetable (rule 84)."""
    if case.state == ReturnState.COOLING and asked.at >= case.cooling_until:
        yield too_late_to_withdraw(case.cooling_until.astimezone(case.policy.zone))


def parcel_handed_over(case, asked: Asked) -> Iterable[Reason]:
    """What has left us is not refunded before it is back (rules 80, 84)."""
    if case.kind == K.REFUND_UNSHIPPED and case.bought.shipped:
        yield handed_over()


def part_handed_over(case, asked: Asked) -> Iterable[Reason]:
    """When a part has left since the buyer asked, a person with a name decides what is still to be paid back."""
    left_at = case.order.part_shipped_at
    if left_at and left_at > case.asked_at and asked.by in NOBODY:
        yield PART_SHIPPED


def parcel_not_handed_over(case, asked: Asked) -> Iterable[Reason]:
    """A return needs something that can come back."""
    if not case.bought.shipped:
        yield not_handed_over()


def disputed(case, asked: Asked) -> Iterable[Reason]:
    """Goods that are not as described are settled with the buyer by a person (rule 89)."""
    if case.finding != "as_described" and asked.by in NOBODY:
        yield in_dispute(case.finding)


def awaiting_the_payment(case, asked: Asked) -> Iterable[Reason]:
    """A second refund before the outcome of the first is known might pay twice (promise 7)."""
    if any(refund.state in UNSETTLED for refund in case.refunds):
        yield refund_under_way()


def settled_by_nobody(case, asked: Asked) -> Iterable[Reason]:
    """Where money may have moved, the payment service says what became of it, or a person who has looked, by name
    (promise 7); or the run that has asked it, and sent nothing."""
    may_be_paid = any(refund.state in MAY_BE_PAID for refund in case.refunds)
    if may_be_paid and asked.by in NOBODY and asked.by not in (PAYMENTS, TIMER):
        yield needs_a_named_person(asked.trigger)


def lapsed_otherwise(case, asked: Asked) -> Iterable[Reason]:
    """What was done in time counts, also when we hear of it after the time was over (promise 3): but only if
    nothing but this was waited for."""
    wanted = "show_evidence" if case.evidence_wanted and not case.overridden_by else "track"
    in_time = case.send_by is not None and asked.at <= case.send_by == case.closed_at
    if not in_time or (wanted == "show_evidence") != (asked.trigger == "show_evidence"):
        yield came_after_all() if asked.trigger == "receive" else came_too_late(asked.trigger)


def all_refunded(order) -> bool:
    """Nothing of what was paid is ours any more."""
    return 0 < order.paid_fen <= order.refunded_fen


def elsewhere_fen(order) -> int:
    """What others than we have refunded of the order: of the sum we are told, all that cannot be ours.

    A platform that knows of a refund before its outcome is told to us counts it into its sum.
    """
    refunds = [refund for case in order.cases for refund in case.refunds]
    known = max((refund.elsewhere_fen for refund in refunds), default=0)
    news = order.refunded_fen - known - order.repaid_fen
    for refund in refunds:
        if refund.state in UNSETTLED and refund.fen <= news:
            news -= refund.fen
    return known + max(news, 0)


def left(order) -> int:
    """What can still be refunded of an order."""
    return max(order.paid_fen - order.refunded_fen - order.refunding_fen, 0)


def _amount(case, asked: Asked) -> int:
    fen = asked.facts.get("amount_fen")
    return case.refund_fen if fen is None else fen
