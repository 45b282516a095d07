"""One request judged by one shop's rules: the findings, the money, the answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from states.policies import return_reasons as why
from states.policies.freight import Payer
from states.policies.moments import utc
from states.policies.return_money import kept_fen, line_shares, piece_share, prices_known, worth
from states.policies.return_requests import (
    PERSONAL,
    Answer,
    AskedLine,
    BoughtLine,
    BoughtOrder,
    Condition,
    Evidence,
    Exclusion,
    GoodsClass,
    JudgedLine,
    RefundPart,
    ReturnKind,
    ReturnReason,
    ReturnRequest,
    Verdict,
)
from states.reasons import Reason

if TYPE_CHECKING:
    from states.policies.returns import ReturnPolicy

K, R = ReturnKind, ReturnReason
ALLOWED, LOOK, REFUSED = Answer
POSTED = (K.RETURN_REFUND, K.EXCHANGE, K.RESHIP)
MONEY_BACK = (K.REFUND_UNSHIPPED, K.RETURN_REFUND)


class Finding(NamedTuple):
    """A reason, and the answer it speaks for; None: it explains, whatever the answer."""

    answer: Answer | None
    reason: Reason


@dataclass(frozen=True)
class Judging:
    """What is judged, and by what. Nothing in here is changed, and nothing is guessed."""

    policy: ReturnPolicy
    order: BoughtOrder
    request: ReturnRequest
    free_from_fen: int | None

    def verdict(self) -> Verdict:
        impossible = tuple(self._impossible())
        if impossible:
            return Verdict(Answer.REFUSED, impossible, self.kind)
        findings = [*self._findings()]
        answer = max((f.answer for f in findings if f.answer), key=list(Answer).index)
        if answer is not REFUSED:
            findings += self._grounds()
        return Verdict(
            answer,
            _sorted(findings, answer),
            self.kind,
            until=self.until,
            anchor="delivered_at" if self.until else None,
            parts=() if answer is REFUSED else self.parts,
            outward=self.payer if answer is not REFUSED else None,
            back=self.payer if answer is not REFUSED and self.kind is not K.RESHIP else None,
            remedies=tuple(self._remedies(findings)),
            evidence_wanted=() if answer is REFUSED else self.evidence_wanted,
            cooling_until=self._cooling_until(answer),
            limit_fen=self.limit_fen if self.kind is K.COMPENSATION else None,
            lines=self.lines,
        )

    # -- what is asked ------------------------------------------------------------------------------

    @cached_property
    def kind(self) -> ReturnKind:
        """What the case would be: before shipping a refund without a parcel, after it never one."""
        asked, shipped = self.request.kind, self.order.shipped
        if asked in (None, *MONEY_BACK) and not shipped:
            return K.REFUND_UNSHIPPED
        if asked is None and self.request.reason is R.MISSING:
            return K.RESHIP
        return K.RETURN_REFUND if asked in (None, K.REFUND_UNSHIPPED) else asked

    @cached_property
    def asked(self) -> tuple[AskedLine, ...]:
        """The pieces named, or all that are left."""
        request, order = self.request, self.order
        left = ((line.position, line.quantity - line.returned) for line in order.goods)
        everything = (AskedLine(at, n, request.condition, request.goods) for at, n in left if n > 0)
        return tuple(request.lines) or tuple(everything)

    @cached_property
    def lines(self) -> tuple[JudgedLine, ...]:
        shares, bought = line_shares(self.order), {line.position: line for line in self.order.goods}
        return tuple(self._judged(a, bought[a.position], shares[a.position]) for a in self.asked)

    def _judged(self, asked: AskedLine, line: BoughtLine, shares: tuple[int, int]) -> JudgedLine:
        classes = (asked.goods,) if asked.goods else self.policy.classes(line)
        goods_fen, freight_fen = (piece_share(fen, line, asked.quantity) for fen in shares)
        return JudgedLine(line, asked.quantity, asked.condition, classes, goods_fen, freight_fen)

    @cached_property
    def staying(self) -> tuple[int, int]:
        """How many pieces stay with the buyer: goods, and gifts."""
        gone = {judged.line.position: judged for judged in self.lines}
        goods = gifts = 0
        for line in self.order.goods:
            judged = gone.get(line.position)
            stays = line.quantity - line.returned - (judged.quantity if judged else 0)
            if GoodsClass.GIFT in (judged.classes if judged else self.policy.classes(line)):
                gifts += stays
            else:
                goods += stays
        return goods, gifts

    @property
    def personal(self) -> bool:
        return self.request.reason in PERSONAL

    @property
    def fault(self) -> bool:
        return not self.personal and self.request.reason is not R.OTHER

    # -- the findings -------------------------------------------------------------------------------

    def _impossible(self) -> Iterator[Reason]:
        """Why there is nothing to judge: an order that holds no money, pieces or amounts that are not there."""
        order, amount_fen = self.order, self.request.amount_fen
        if order.state == "cancelled" and not order.left_fen:
            yield why.CANCELLED
        elif order.state == "unpaid" or (order.amount_fen and not order.paid_fen):
            yield why.NOT_PAID
        elif order.state == "refunded" or (order.paid_fen and not order.left_fen):
            yield why.ALREADY_REFUNDED
        elif amount_fen is not None and amount_fen < 1:
            yield why.BAD_AMOUNT
        elif amount_fen is not None and amount_fen > order.left_fen:
            yield why.above_what_is_left(amount_fen, order.left_fen)
        yield from self._impossible_pieces()

    def _impossible_pieces(self) -> Iterator[Reason]:
        bought = {line.position: line for line in self.order.goods}
        if not self.asked and self.kind is not K.COMPENSATION:
            yield why.ALL_RETURNED
        for position in sorted({a.position for a in self.asked}):
            pieces = [a.quantity for a in self.asked if a.position == position]
            if (line := bought.get(position)) is None:
                yield why.no_such_line(position)
            elif len(pieces) > 1:
                yield why.line_named_twice(position)
            elif pieces[0] < 1:
                yield why.bad_quantity(line, pieces[0])
            elif pieces[0] > line.quantity - line.returned:
                yield why.more_than_bought(line, pieces[0])

    def _findings(self) -> Iterator[Finding]:
        if self.order.state == "cancelled":
            yield Finding(LOOK, why.CANCELLED_BUT_PAID)
        if self.request.kind in MONEY_BACK and self.request.kind is not self.kind:
            yield Finding(None, why.ALREADY_HANDED_OVER if self.order.shipped else why.NOT_SHIPPED_YET)
        yield from self._after_shipping() if self.order.shipped else self._before_shipping()
        if self.kind is K.COMPENSATION:
            yield self._compensation()
        if self.kind in MONEY_BACK:
            yield from self._amount()

    def _before_shipping(self) -> Iterator[Finding]:
        """Rule 84 asks for no reason; rule 35 sends who ordered the wrong thing to order anew."""
        match self.kind:
            case K.REFUND_UNSHIPPED:
                yield Finding(ALLOWED, why.after_cooling(self.policy.cooling))
                if self.request.reason is R.BOUGHT_BY_MISTAKE and self.policy.order_anew:
                    yield Finding(ALLOWED, why.ORDER_ANEW)
                if any(self.staying):
                    yield Finding(LOOK, why.PART_UNSHIPPED)
            case K.EXCHANGE if self.policy.order_anew:
                yield Finding(REFUSED, why.ORDER_ANEW)
            case K.EXCHANGE:
                yield Finding(LOOK, why.EXCHANGE_UNSHIPPED)
            case K.RESHIP:
                yield Finding(REFUSED, why.NOTHING_SHIPPED)
            case K.COMPENSATION:
                yield Finding(LOOK, why.NOTHING_SHIPPED)

    def _after_shipping(self) -> Iterator[Finding]:
        reason, open_ = self.request.reason, self._open()
        if reason is R.OTHER:
            yield Finding(LOOK, why.REASON_UNCLEAR)
        elif self.kind not in open_:
            yield Finding(REFUSED, why.remedy_not_open(self.kind, reason, open_))
        if self.fault:
            yield from self._fault()
        elif self.personal:
            yield from self._no_reason()

    def _fault(self) -> Iterator[Finding]:
        """Our fault is always looked after, whatever the goods and their condition (73, 76, 77)."""
        yield Finding(ALLOWED, why.fault_open(self.request.reason))
        if self.until and utc(self.request.at) > self.until:
            yield Finding(LOOK, why.fault_late(self.policy.fault_within))
        as_sent = all(judged.condition is Condition.AS_NEW for judged in self.lines)
        if self.request.reason is R.WRONG_ITEM and self.kind in POSTED and not as_sent:
            yield Finding(LOOK, why.USED_THOUGH_WRONG)

    def _no_reason(self) -> Iterator[Finding]:
        """Seven days from receipt (74, 78), except for what the shop excludes (75-77, 79)."""
        if self.until is None:
            yield Finding(LOOK, why.RECEIPT_UNKNOWN)
        elif utc(self.request.at) > self.until:
            yield Finding(REFUSED, why.window_over(self.policy.no_reason_within))
        else:
            yield Finding(ALLOWED, why.within_window(self.policy.no_reason_within))
        gifts_alone = all(GoodsClass.GIFT in judged.classes for judged in self.lines)
        for judged in self.lines:
            for exclusion in judged.exclusions:
                if exclusion is Exclusion.GIFT and not gifts_alone:
                    continue  # it goes back with the goods it came with
                if exclusion in self.policy.not_returnable:
                    yield Finding(REFUSED, why.excluded(exclusion, judged.line))
                elif exclusion in self.policy.a_person_looks_at:
                    yield Finding(LOOK, why.doubtful(exclusion, judged.line))

    def _compensation(self) -> Finding:
        asked, limit = self.request.amount_fen, self.limit_fen
        if asked is None:
            return Finding(LOOK, why.AMOUNT_NEEDED)
        if asked > limit:
            return Finding(LOOK, why.above_limit(asked, limit))
        return Finding(ALLOWED, why.within_limit(limit))

    def _amount(self) -> Iterator[Finding]:
        asked, share = self.request.amount_fen, sum(part.fen for part in self.parts)
        if asked is not None and asked > share:
            yield Finding(LOOK, why.above_share(asked, share))
        if any(self.staying) and len(self.order.goods) > 1 and not prices_known(self.order):
            yield Finding(LOOK, why.PRICES_UNKNOWN)

    def _grounds(self) -> Iterator[Finding]:
        """What goes with anything but a no."""
        reason, open_ = self.request.reason, self._open()
        if self.fault and self.order.shipped and open_:
            yield Finding(None, why.remedies_open(reason, open_))
        if self.payer:
            yield Finding(None, why.postage(reason, self.payer is Payer.SHOP))
        if self._gifts_missing():
            yield Finding(None, why.GIFT_COMES_BACK)
        for evidence in self.evidence_wanted:
            yield Finding(None, why.wanted(evidence))

    # -- what follows -------------------------------------------------------------------------------

    @cached_property
    def until(self) -> datetime | None:
        return self.policy.until(self.order, self.request.reason)

    @property
    def payer(self) -> Payer | None:
        """Of the postage (55, 73, 74); None where there is no parcel or nobody knows whose fault it is."""
        if self.kind not in POSTED or not self.order.shipped:
            return None
        if self.request.reason in self.policy.shop_pays:
            return Payer.SHOP
        return None if self.request.reason is R.OTHER else Payer.CUSTOMER

    @property
    def limit_fen(self) -> int:
        return self.policy.compensation.left_fen(self.order, self.request.reason)

    @property
    def evidence_wanted(self) -> tuple[Evidence, ...]:
        if not self.order.shipped:
            return ()
        wanted = self.policy.evidence.get(self.request.reason, ())
        return tuple(evidence for evidence in wanted if evidence not in self.request.evidence)

    def _open(self) -> tuple[ReturnKind, ...]:
        if not self.order.shipped:
            return (K.REFUND_UNSHIPPED,)
        return self.policy.remedies.get(self.request.reason, ())

    def _remedies(self, findings: list[Finding]) -> tuple[ReturnKind, ...]:
        """What is open instead of a wrong kind; nothing is where the goods themselves can't come back."""
        about_kind = ("remedy_not_open", why.ORDER_ANEW.code, why.NOTHING_SHIPPED.code)
        no = {f.reason.code for f in findings if f.answer is REFUSED}
        return self._open() if no <= set(about_kind) else ()

    def _cooling_until(self, answer: Answer) -> datetime | None:
        if self.kind is not K.REFUND_UNSHIPPED or answer is REFUSED:
            return None
        return utc(self.request.at) + self.policy.cooling

    # -- the money ----------------------------------------------------------------------------------

    @cached_property
    def parts(self) -> tuple[RefundPart, ...]:
        """A wish brings the goods' share back, our fault or an unshipped order the freight's too (55, 80, 84)."""
        if self.kind is K.COMPENSATION and self.request.amount_fen:
            return (RefundPart(self.request.amount_fen, why.COMPENSATION),)
        if self.kind not in MONEY_BACK:
            return ()
        with_freight = self.kind is K.REFUND_UNSHIPPED or self.payer is Payer.SHOP
        parts = list(worth(self.order, self.lines, with_freight=with_freight))
        rest = sum(part.fen for part in parts)
        for fen, reason in self._kept_back():
            fen = min(fen, rest)
            rest -= fen
            parts += [RefundPart(-fen, reason)] if fen else []
        if rest > self.order.left_fen:
            parts.append(RefundPart(self.order.left_fen - rest, why.REFUNDED_BEFORE))
            rest = self.order.left_fen
        if self.request.amount_fen is not None and self.request.amount_fen < rest:
            parts.append(RefundPart(self.request.amount_fen - rest, why.ASKED_LESS))
        return tuple(parts)

    def _kept_back(self) -> Iterator[tuple[int, Reason]]:
        """The free shipping and the gifts that a buyer has no claim to who sends goods back by a wish."""
        if not self.personal or self.kind is not K.RETURN_REFUND:
            return
        if self._free_freight_lost():
            yield self.policy.lost_free_freight_fen, why.free_freight_lost(self.free_from_fen)
        yield self.policy.gift_kept_fen * self._gifts_missing(), why.GIFT_KEPT

    def _free_freight_lost(self) -> bool:
        """It came free for its amount, and with this return what stays falls below that amount."""
        free_from, order = self.free_from_fen, self.order
        if order.freight_fen != 0 or free_from is None or not prices_known(order):
            return False
        return kept_fen(order) >= free_from > kept_fen(order, self.lines)

    def _gifts_missing(self) -> int:
        """Gifts that stay though by a wish all that was bought goes back."""
        goods, gifts = self.staying
        return gifts if self.personal and self.kind is K.RETURN_REFUND and not goods else 0


def _sorted(findings: list[Finding], answer: Answer) -> tuple[Reason, ...]:
    """The deciding reasons first; a no is not watered down with what would have spoken for a yes."""
    ranks = [REFUSED, LOOK, None] if answer is REFUSED else [LOOK, ALLOWED, None]
    found = (f.reason for rank in ranks for f in findings if f.answer is rank)
    return tuple(dict.fromkeys(found))
