"""What the payment service tells by itself of a refund: the same fact as its answer, so told once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select

from flows import clock, return_cases
from flows.advance import advancing
from flows.inbox import Heard
from flows.inbox_reasons import refund_differs, unknown_refund, unreadable
from flows.refund_rows import REFUNDS
from flows.requests import Request, Status
from flows.sql import one_of
from flows.strangers import decoded, short
from models import Return
from models.database import reading
from states.order_guards import PAYMENTS

RETURNS = Return.__table__


def hear_of_refunds(
    engine: Engine, shop: str, rows: Sequence[Any], now: datetime, flow_run: str | None
) -> dict[int, Heard]:
    """What became of these refunds; see `facts_heard.Hears`."""
    told = {row.id: _told(row) for row in rows}
    keys = {id_: key for id_, words in told.items() if isinstance(key := words.get("key"), str)}
    found = select(REFUNDS, RETURNS.c.no).join(RETURNS, RETURNS.c.id == REFUNDS.c.return_id)
    with reading(engine) as connection:
        mine = found.where(REFUNDS.c.shop == shop, one_of(connection, REFUNDS.c.key, set(keys.values())))
        refunds = {refund.key: refund for refund in connection.execute(mine)}
    return {
        row.id: _hear(engine, row, told[row.id], refunds.get(keys.get(row.id)), now, flow_run) for row in rows
    }


def _told(row: Any) -> dict[str, Any]:
    words = decoded(row.raw).get("refund")
    return words if isinstance(words, dict) else {}


def _hear(
    engine: Engine, row: Any, told: dict[str, Any], refund: Any, now: datetime, flow_run: str | None
) -> Heard:
    status = told.get("status")
    if status not in ("succeeded", "failed"):
        odd = unreadable("status", "状态不明", "is neither succeeded nor failed")
        return Heard("quarantined", [(odd, None)])
    if refund is None:
        return Heard("unchanged", [(unknown_refund(), None)])
    if told.get("fen") != refund.fen:  # some money may have moved: a person looks, nothing is settled by it
        return Heard(
            "unchanged", [(refund_differs(refund.fen, short(told.get("fen"))), ("return", refund.return_id))]
        )
    trigger = "refund_paid" if status == "succeeded" else "refund_failed"
    said = (
        {"refund_ref": short(told.get("refund_ref")) or None}
        if status == "succeeded"
        else {"reason": short(told.get("reason"))}
    )
    at = min(max(row.happened_at or row.received_at, refund.requested_at), now)
    key = f"{trigger}:{refund.round}"  # as the run tells it that asked for the refund
    request = Request(refund.shop, refund.no, trigger, at, PAYMENTS, {**said, "case": refund.no}, key)
    advanced = advancing(engine, [request], recorded_at=clock.now(), flow_run=flow_run, cases=return_cases)
    outcome = advanced.outcomes[0]
    result = {Status.CHANGED: "changed", Status.FAILED: "failed"}.get(outcome.status, "unchanged")
    return Heard(result, [], advanced.anomalies, error=outcome.error)
