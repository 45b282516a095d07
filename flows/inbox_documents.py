"""What others told us, as an operator may see it: nobody's name, number or address in it (promise 9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, or_, select

from flows.inbox import INBOX
from flows.inbox_reasons import INBOX_CASE
from flows.masking import mask_address, mask_name, mask_phone, mask_text
from flows.strangers import cleaned, decoded
from models import Anomaly
from states.errors import NotFound

ANOMALIES = Anomaly.__table__
MASKS = {
    "buyer": mask_name,
    "receiver": mask_name,
    "name": mask_name,
    "phone": mask_phone,
    "address": mask_address,
}
SHORT = (
    *("id", "shop", "source", "kind", "fact_id", "case_no", "happened_at", "received_at", "repeated"),
    *("processed_at", "outcome", "attempts", "retry_at", "error"),
)


def inbox_documents(
    connection: Connection, *, shop: str | None = None, every: bool = False, limit: int
) -> Iterator[dict[str, Any]]:
    """The newest facts first: those that wait or that were odd; every one, if wanted."""
    c, a = INBOX.c, ANOMALIES.c
    odd = select(a.case_id).where(a.case_kind == INBOX_CASE, a.settled_at.is_(None))
    wanted = select(INBOX).order_by(c.id.desc()).limit(limit)
    wanted = wanted.where(c.shop == shop) if shop else wanted
    if not every:
        wanted = wanted.where(or_(c.processed_at.is_(None), c.id.in_(odd)))
    for row in connection.execute(wanted).all():
        yield _short(row)


def inbox_document(connection: Connection, fact: int) -> dict[str, Any]:
    """All about one fact, its words masked. Raises NotFound."""
    row = connection.execute(select(INBOX).where(INBOX.c.id == fact)).first()
    if row is None:
        raise NotFound(f"there is no fact {fact} in the inbox", code="unknown_fact", where=str(fact))
    a = ANOMALIES.c
    odd = (
        select(a.code, a.rule, a.zh, a.en).where(a.case_kind == INBOX_CASE, a.case_id == fact).order_by(a.id)
    )
    return {
        **_short(row),
        "anomalies": [dict(found._mapping) for found in connection.execute(odd)],
        "told": _masked(_words(row.raw)),
    }


def _short(row: Any) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in SHORT}
    return {k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in plain.items()}


def _words(raw: str) -> Any:
    try:
        return decoded(raw)
    except ValueError:
        return cleaned(raw, lines=True)


def _masked(told: Any, key: str = "") -> Any:
    if isinstance(told, dict):
        return {name: _masked(value, name) for name, value in told.items()}
    if isinstance(told, list):
        return [_masked(value, key) for value in told]
    return MASKS.get(key, mask_text)(told) if isinstance(told, str) else told
