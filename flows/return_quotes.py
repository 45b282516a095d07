"""What a shop would answer to a return of one stored order. Nothing is changed by asking."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import Connection

from flows import clock
from flows.return_cases import ReturnView, bought_order, load_orders
from flows.scope import find_order
from states.errors import BadInput
from states.lifecycle import Asked
from states.order_guards import MACHINE
from states.policies.return_requests import (
    Answer,
    AskedLine,
    BoughtOrder,
    Condition,
    Evidence,
    GoodsClass,
    JudgedLine,
    ReturnKind,
    ReturnReason,
    Verdict,
)
from states.returns import return_lifecycle

Word = TypeVar("Word", bound=StrEnum)


def quote_return(
    connection: Connection,
    no: str,
    *,
    reason: str,
    kind: str | None = None,
    condition: str | None = None,
    goods: str | None = None,
    sku: str | None = None,
    quantity: int | None = None,
    amount_fen: int | None = None,
    evidence: Iterable[str] = (),
    at: str | None = None,
    shop: str | None = None,
) -> dict:
    """The verdict on these words as a document, by the policy the order was placed under.

    Raises BadInput, naming the nearest known word, and NotFound.
    """
    order_id, _ = find_order(connection, no, shop)
    order = load_orders(connection, [order_id], {}, lock=False)[order_id]
    zone = order.policy.zone
    condition = read_word(Condition, condition or Condition.AS_NEW, "condition")
    goods = goods and read_word(GoodsClass, goods, "class")
    pieces = pieces_of(bought_order(order, order.cases), no, sku, quantity, condition, goods)
    case = ReturnView(
        id=None,
        order=order,
        policy=order.policy,
        reason=read_word(ReturnReason, reason, "reason"),
        asked_at=clock.read_time(at, zone, what="--at") if at else clock.now(),
        asked_kind=kind and read_word(ReturnKind, kind, "kind"),
        asked_fen=amount_fen,
        evidence=[{"kind": read_word(Evidence, text, "evidence")} for text in evidence],
        lines=pieces,
        condition=condition,
        goods=goods,
    )
    return document(_verdict(case), zone)


def _verdict(case: ReturnView) -> Verdict:
    """What opening this case would come to: what makes no case at all is refused here, too."""
    verdict = case.policy.verdict(case.bought, case.request)
    asked = Asked("open", case.asked_at, MACHINE)
    [row] = [row for row in return_lifecycle.rows if row["trigger"] == "open"]
    against = dict.fromkeys(reason for guard in row["unless"] for reason in guard(case, asked))
    return Verdict(Answer.REFUSED, tuple(against), verdict.kind) if against else verdict


def read_word(words: type[Word], text: str, what: str) -> Word:
    """The word this text is. Raises BadInput with the nearest one."""
    if text in list(words):
        return words(text)
    raise _unknown(what, text, words)


def document(verdict: Verdict, zone: tzinfo) -> dict:
    """A verdict for people and scripts; times in the shop's zone, money in fen."""
    return {
        "answer": verdict.answer,
        "reasons": [reason.as_dict() for reason in verdict.reasons],
        "kind": verdict.kind,
        "until": _local(verdict.until, zone),
        "anchor": verdict.anchor,
        "refund_fen": verdict.refund_fen,
        "parts": [{"fen": part.fen, **part.reason.as_dict()} for part in verdict.parts],
        "postage": {"outward": verdict.outward, "back": verdict.back},
        "remedies": list(verdict.remedies),
        "evidence_wanted": list(verdict.evidence_wanted),
        "cooling_until": _local(verdict.cooling_until, zone),
        "limit_fen": verdict.limit_fen,
        "lines": [_line(judged) for judged in verdict.lines],
    }


def _line(judged: JudgedLine) -> dict:
    return {
        "position": judged.line.position,
        "sku": judged.line.sku,
        "quantity": judged.quantity,
        "condition": judged.condition,
        "classes": list(judged.classes),
    }


def pieces_of(
    order: BoughtOrder,
    no: str,
    sku: str | None,
    quantity: int | None,
    condition: Condition,
    goods: GoodsClass | None,
) -> tuple[AskedLine, ...]:
    """The pieces these words mean; none named: all of the order."""
    if sku is None and quantity is None:
        return ()
    lines = [line for line in order.goods if sku in (None, line.sku)]
    if not lines:
        raise _unknown("sku", sku, [line.sku for line in order.goods], of=f" in order {no}")
    if len(lines) > 1:
        where = "--quantity needs --sku" if sku is None else f"--sku {sku} names several lines"
        raise BadInput(f"order {no} has {len(lines)} such lines: {where}", code="which_line", where=no)
    pieces = max(lines[0].quantity - lines[0].returned, 1) if quantity is None else quantity
    return (AskedLine(lines[0].position, pieces, condition, goods),)


def _unknown(what: str, text: str, words: Iterable[str], of: str = "") -> BadInput:
    known = [str(word) for word in words if word]
    near = difflib.get_close_matches(text, known, 1)
    meant = f"; did you mean {near[0]}?" if near else ";"
    return BadInput(
        f"there is no {what} {text!r}{of}{meant} known: {', '.join(known) or 'none'}",
        code=f"unknown_{what}",
        where=text,
    )


def _local(at: datetime | None, zone: tzinfo) -> str | None:
    return at.astimezone(zone).isoformat() if at else None
