"""One claim: a request on an order, under one shop's rules, and the facts a judge reads of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from states.policies.freight import Payer
from states.policies.moments import utc
from states.policies.return_money import line_shares, piece_share, refund_parts
from states.policies.return_requests import (
    PERSONAL,
    AskedLine,
    BoughtLine,
    BoughtOrder,
    Evidence,
    GoodsClass,
    JudgedLine,
    RefundPart,
    ReturnKind,
    ReturnReason,
    ReturnRequest,
)

if TYPE_CHECKING:
    from states.policies.returns import ReturnPolicy

K, R = ReturnKind, ReturnReason
MONEY_BACK = (K.REFUND_UNSHIPPED, K.RETURN_REFUND)
POSTED = (K.RETURN_REFUND, K.EXCHANGE, K.RESHIP)


@dataclass(frozen=True)
class Claim:
    """What is judged, and by what; worked out once, nothing in it is changed."""

    policy: ReturnPolicy
    order: BoughtOrder
    request: ReturnRequest
    free_from_fen: int | None  # the amount from which the order shipped free

    @cached_property
    def kind(self) -> ReturnKind:
        """What the case would be: before shipping a refund without a parcel, after it never one."""
        asked, shipped = self.request.kind, self.order.shipped
        if asked in (None, *MONEY_BACK) and not shipped:
            return K.REFUND_UNSHIPPED
        if asked is None and self.request.reason is R.MISSING:
            return K.RESHIP
        return K.RETURN_REFUND if asked in (None, K.REFUND_UNSHIPPED) else asked

    @property
    def personal(self) -> bool:
        return self.request.reason in PERSONAL

    @property
    def fault(self) -> bool:
        return not self.personal and self.request.reason is not R.OTHER

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
    def anchor(self) -> str | None:
        """What `until` is counted from."""
        return "delivered_at" if self.until else None

    @property
    def cooling_until(self) -> datetime | None:
        """Not paid back before (rule 84)."""
        if self.kind is not K.REFUND_UNSHIPPED:
            return None
        return utc(self.request.at) + self.policy.cooling

    @property
    def limit_fen(self) -> int | None:
        """What an agent may grant; None: nothing is to be granted."""
        if self.kind is not K.COMPENSATION:
            return None
        return self.policy.compensation.left_fen(self.order, self.request.reason)

    @property
    def evidence_wanted(self) -> tuple[Evidence, ...]:
        if not self.order.shipped:
            return ()
        wanted = self.policy.evidence.get(self.request.reason, ())
        return tuple(evidence for evidence in wanted if evidence not in self.request.evidence)

    @property
    def open_remedies(self) -> tuple[ReturnKind, ...]:
        """The kinds that this reason allows."""
        if not self.order.shipped:
            return (K.REFUND_UNSHIPPED,)
        return self.policy.remedies.get(self.request.reason, ())

    @cached_property
    def parts(self) -> tuple[RefundPart, ...]:
        """What would be refunded after a yes."""
        return tuple(refund_parts(self))
