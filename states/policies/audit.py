"""Is an order fit to be verified: legal, accurate, complete and not a duplicate (rules 28, 29)?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Protocol

from pydantic import Field

from states.phones import phone_number
from states.policies.settings import Duration, Policy
from states.reasons import Reason, yuan

MASK = re.compile(r"[*＊•●]|[xX]{2,}")
CN_MOBILE = re.compile(
    r"1(?:3\d|5[0-35-9]|8\d)[0-9]{8}(?:-[0-9]{3,4})?", re.ASCII
)  # spares the slow look-up for most buyers


class RequiredField(StrEnum):
    """What an order of this shop must carry before it can be verified (rule 29)."""

    RECEIVER = "receiver"
    PHONE = "phone"
    ADDRESS = "address"
    REGION = "region"
    LINES = "lines"
    BUYER = "buyer"


class Finding(StrEnum):
    """What an audit can find; a named agent may override a finding by this code."""

    FORBIDDEN_GOODS = "forbidden_goods"
    MISSING_RECEIVER = "missing_receiver"
    MISSING_PHONE = "missing_phone"
    MISSING_ADDRESS = "missing_address"
    MISSING_REGION = "missing_region"
    MISSING_LINES = "missing_lines"
    MISSING_BUYER = "missing_buyer"
    MASKED_PHONE = "masked_phone"
    IMPOSSIBLE_PHONE = "impossible_phone"
    BAD_QUANTITY = "bad_quantity"
    NEGATIVE_PRICE = "negative_price"
    AMOUNTS_DISAGREE = "amounts_disagree"
    UNDERPAID = "underpaid"
    DUPLICATE = "duplicate"


class AuditedLine(Protocol):
    """One line of an order; `price_fen` is the price of one piece, None where the source tells none."""

    title: str | None
    sku: str | None
    quantity: int
    price_fen: int | None


class Sibling(Protocol):
    """Another order of the same buyer for the same goods; `closed_at` is None while it is open."""

    no: str
    state: str
    placed_at: datetime
    paid_at: datetime | None
    closed_at: datetime | None


class AuditedOrder(Protocol):
    """What an audit reads of an order; it may carry the buyer's `remark` besides."""

    no: str
    amount_fen: int
    paid_fen: int
    freight_fen: int | None
    discount_fen: int | None
    receiver: str | None
    phone: str | None
    address: str | None
    region: str | None
    buyer_id: object
    lines: Sequence[AuditedLine]
    goods_key: str | None
    placed_at: datetime
    paid_at: datetime | None
    siblings: Sequence[Sibling]


MISSING = {
    RequiredField.RECEIVER: Reason(
        Finding.MISSING_RECEIVER, "缺少收货人", "the receiver's name is missing", 29
    ),
    RequiredField.PHONE: Reason(Finding.MISSING_PHONE, "缺少联系电话", "the phone number is missing", 29),
    RequiredField.ADDRESS: Reason(Finding.MISSING_ADDRESS, "缺少收货地址", "the address is missing", 29),
    RequiredField.REGION: Reason(Finding.MISSING_REGION, "缺少收货省份", "the region is missing", 29),
    RequiredField.LINES: Reason(Finding.MISSING_LINES, "缺少商品明细", "the order names no goods", 29),
    RequiredField.BUYER: Reason(Finding.MISSING_BUYER, "缺少买家账号", "the buyer's account is missing", 29),
}
MASKED_PHONE = Reason(
    Finding.MASKED_PHONE,
    "联系电话被打码,快递无法联系收货人",
    "the phone number is masked: the carrier cannot call the receiver",
    29,
)
IMPOSSIBLE_PHONE = Reason(
    Finding.IMPOSSIBLE_PHONE, "联系电话不是有效号码", "the phone number is not one that can exist", 29
)
NEGATIVE_PRICE = Reason(Finding.NEGATIVE_PRICE, "价格或金额为负数", "a price or the amount is negative", 29)


class AuditPolicy(Policy):
    """What is checked between payment and verification; `automatic`: the machine verifies a clean order.

    Only required fields are judged: a shop that asks for no phone number does not mind a wrong one.
    """

    required: tuple[RequiredField, ...] = (
        RequiredField.RECEIVER,
        RequiredField.PHONE,
        RequiredField.ADDRESS,
        RequiredField.LINES,
    )
    duplicate_window: Duration | None = (
        None  # between placing one and the other; None: duplicates are not sought
    )
    automatic: bool = Field(default=True, strict=True)
    chase_after: Duration = timedelta(hours=2)  # from payment; not verified by then: shown to staff
    forbidden_words: tuple[Annotated[str, Field(min_length=1)], ...] = ()  # in goods or remark, in any case

    def findings(self, order: AuditedOrder, at: datetime, phone_region: str = "CN") -> tuple[Reason, ...]:
        """All doubts in the order as of `at`, none when it may be verified; no personal data in them."""
        return (
            *self._illegal(order),
            *self._incomplete(order, phone_region),
            *_inaccurate(order),
            *self._duplicate(order, at),
        )

    def _illegal(self, order: AuditedOrder) -> Iterator[Reason]:
        if not self.forbidden_words:
            return
        texts = [line.title or "" for line in order.lines] + [getattr(order, "remark", None) or ""]
        everything = "\n".join(texts).casefold()
        for word in self.forbidden_words:
            if word.casefold() in everything:
                yield Reason(
                    Finding.FORBIDDEN_GOODS,
                    f"商品或备注含有禁止发货的“{word}”",
                    f"goods or remark contain “{word}”, which this shop may not ship",
                    28,
                )

    def _incomplete(self, order: AuditedOrder, phone_region: str) -> Iterator[Reason]:
        for field in self.required:
            match field:
                case RequiredField.LINES:
                    present = len(order.lines) > 0
                case RequiredField.BUYER:
                    present = order.buyer_id not in (None, "")
                case _:
                    present = bool((getattr(order, field) or "").strip())
            if not present:
                yield MISSING[field]
            elif field is RequiredField.PHONE:
                yield from phone_doubts(order.phone, phone_region)

    def _duplicate(self, order: AuditedOrder, at: datetime) -> Iterator[Reason]:
        """Of several orders for the same goods the first paid stands, later ones are doubted (28, 35); so is one
        paid first that we heard of when another had passed the audit."""
        if self.duplicate_window is None or order.goods_key is None or order.paid_at is None:
            return
        standing = [
            (sibling.paid_at, sibling.no)
            for sibling in order.siblings
            if sibling.paid_at is not None
            and (_passed(sibling) or (sibling.paid_at, sibling.no) < (order.paid_at, order.no))
            and abs(sibling.placed_at - order.placed_at) <= self.duplicate_window
            and (sibling.closed_at is None or sibling.closed_at >= at)
        ]
        if standing:
            _, no = min(standing)
            yield Reason(
                Finding.DUPLICATE,
                f"与订单{no}重复:同一买家、同样商品,间隔很短",
                f"a duplicate of order {no}: same buyer, same goods, placed shortly before or after",
                28,
            )


def _passed(order: Sibling) -> bool:
    return order.state not in ("unpaid", "paid")


def phone_doubts(phone: str, region: str) -> Iterator[Reason]:
    """What speaks against this being a telephone number somebody can be called at (rule 29)."""
    if region == "CN" and CN_MOBILE.fullmatch(phone):
        return
    if MASK.search(phone):
        yield MASKED_PHONE
    elif phone_number(phone, region) is None:
        yield IMPOSSIBLE_PHONE


def _inaccurate(order: AuditedOrder) -> Iterator[Reason]:
    """Quantities, prices and sums that cannot be right (rules 28, 29)."""
    goods_fen: int | None = 0  # None as soon as one line tells no price
    negative = order.amount_fen < 0
    for number, line in enumerate(order.lines, start=1):
        if line.quantity < 1:
            yield Reason(
                Finding.BAD_QUANTITY,
                f"第{number}行商品数量为{line.quantity}",
                f"line {number} has a quantity of {line.quantity}",
                29,
            )
        if line.price_fen is None:
            goods_fen = None
            continue
        negative = negative or line.price_fen < 0
        if goods_fen is not None:
            goods_fen += line.quantity * line.price_fen
    if negative:
        yield NEGATIVE_PRICE
    if order.lines and goods_fen is not None:
        expected = goods_fen + (order.freight_fen or 0) - (order.discount_fen or 0)
        if expected != order.amount_fen:
            yield Reason(
                Finding.AMOUNTS_DISAGREE,
                f"商品加运费减优惠为 {yuan(expected)} 元,订单金额为 {yuan(order.amount_fen)} 元",
                f"goods plus freight less discount make {yuan(expected)}, the order says {yuan(order.amount_fen)}",
                29,
            )
    if order.paid_at is not None and order.paid_fen < order.amount_fen:
        yield Reason(
            Finding.UNDERPAID,
            f"实付 {yuan(order.paid_fen)} 元,少于订单金额 {yuan(order.amount_fen)} 元",
            f"{yuan(order.paid_fen)} was paid of {yuan(order.amount_fen)}",
            28,
        )
