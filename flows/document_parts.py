"""What every kind of case has in its document: a page of cases at a time, rows by case, times as people have them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, Table, select

from flows.masking import mask_text
from models import Anomaly, Hold, OutboxMessage, StateChange, Timer

PAGE = 500

PARTS = {
    "holds": (Hold, ("reason", "by", "since", "until", "released_at", "released_by")),
    "timers": (
        Timer,
        ("kind", "round", "due_at", "unknown_on", "done_at", "cancelled_at", "refused", "error"),
    ),
    "history": (StateChange, ("trigger", "source", "dest", "at", "recorded_at", "by", "flow_run", "facts")),
    "owed": (
        OutboxMessage,
        (
            "what",
            "channel",
            "recipient",
            "address",
            "key",
            "owed_at",
            "sent_at",
            "lapsed_at",
            "answer",
            "dead_at",
        ),
    ),
    "anomalies": (Anomaly, ("code", "trigger", "at", "rule", "zh", "en", "settled_at", "settled_by")),
}


def pages(connection: Connection, table: Table, ids: Sequence[int]) -> Iterator[dict[int, Any]]:
    """The rows of these cases by id, in this sequence, a page at a time."""
    for start in range(0, len(ids), PAGE):
        page = ids[start : start + PAGE]
        found = {row.id: row for row in connection.execute(select(table).where(table.c.id.in_(page)))}
        yield {id_: found[id_] for id_ in page}


def parts_of(
    connection: Connection, kind: str, ids: Sequence[int], names: Sequence[str] = tuple(PARTS)
) -> dict[str, dict[int, list[dict]]]:
    """The rows that belong to these cases of one kind: by part, then by case."""
    return {name: _rows_of(connection, kind, *PARTS[name], ids) for name in names}


def _rows_of(
    connection: Connection, kind: str, model: Any, columns: Sequence[str], ids: Sequence[int]
) -> dict[int, list]:
    table = model.__table__
    found: dict[int, list] = defaultdict(list)
    rows = select(table.c.case_id, *(table.c[name] for name in columns)).where(
        table.c.case_kind == kind, table.c.case_id.in_(ids)
    )
    for case_id, *values in connection.execute(rows.order_by(table.c.id)):
        found[case_id].append(_renamed(dict(zip(columns, values, strict=True))))
    return found


def _renamed(row: dict) -> dict:
    if "dead_at" in row:
        row["dead"] = row.pop("dead_at") is not None
    facts = row.get("facts", {})
    if "told" in facts:  # digests of personal data are nobody's business
        row["facts"] = facts = {k: v for k, v in facts.items() if k != "told"}
    if "link" in facts:
        row["facts"] = {**facts, "link": mask_text(facts["link"])}
    return row


def plain(value: Any, zone: tzinfo) -> Any:
    """Times in the shop's zone with their offset, days as they are."""
    match value:
        case datetime():
            return value.astimezone(zone).isoformat()
        case dict():
            return {k: plain(v, zone) for k, v in value.items()}
        case list():
            return [plain(v, zone) for v in value]
        case None | str() | int() | float():
            return value
        case _:
            return str(value)
