"""The money of an after-sales case in sentences: how much and of what, how far it is, who pays the postage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flows.return_sentences import PAYERS, REFUNDS
from states.reasons import yuan


def parts_of(view: Any) -> list[dict]:
    """What the refund is made of, worked out anew: nothing once an agent or a later case has changed the sum."""
    parts = view.policy.verdict(view.bought, view.request).parts
    same = sum(part.fen for part in parts) == view.refund_fen
    return [{"fen": part.fen, **part.reason.as_dict()} for part in parts] if same else []


def money_told(view: Any, case: dict, parts: list[dict]) -> Iterator[dict]:
    """Line by line, zh and en."""
    if view.refund_fen:
        amount = yuan(view.refund_fen)
        yield _line(f"应退 {amount} 元", f"{amount} is to be paid back")
        for part in parts if len(parts) > 1 else ():
            yield _line(
                f"其中 {yuan(part['fen'])} 元:{part['zh']}", f"of it {yuan(part['fen'])}: {part['en']}"
            )
    for refund in case["refunds"]:
        zh, en = REFUNDS[refund["state"]]
        error = f":{refund['error']}" if refund["error"] and refund["state"] != "succeeded" else ""
        yield _line(
            f"第 {refund['round']} 笔退款 {yuan(refund['fen'])} 元:{zh}{error}",
            f"refund {refund['round']}, {yuan(refund['fen'])}: {en}{error.replace(':', ': ')}",
        )
    if view.limit_fen is not None:
        limit = yuan(view.limit_fen)
        yield _line(f"客服可自行补偿 {limit} 元以内(规则 85)", f"an agent may grant up to {limit} (rule 85)")
    if view.postage_back and view.postage_back == view.postage_outward:
        yield _postage("来回运费", "postage both ways", view.postage_back)
    elif view.postage_back or view.postage_outward:
        yield _postage("寄回运费", "postage of the parcel back", view.postage_back)
        yield _postage("寄给买家的运费", "postage to the buyer", view.postage_outward)
    order = view.order
    paid, gone, going = yuan(order.paid_fen), yuan(order.refunded_fen), yuan(order.refunding_fen)
    yield _line(
        f"订单 {order.no}:实付 {paid} 元,已退 {gone} 元,退款中 {going} 元",
        f"order {order.no}: {paid} paid, {gone} refunded, {going} on its way back",
    )


def _postage(zh: str, en: str, payer: str | None) -> dict:
    by_zh, by_en = PAYERS[payer]
    return _line(f"{zh}:{by_zh}承担", f"{en}: {by_en}")


def _line(zh: str, en: str) -> dict:
    return {"zh": zh, "en": en}
