"""Rectifications as documents for people and scripts, and which complaints each is about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from flows.document_parts import pages, parts_of, plain
from flows.policy_store import policy_versions
from flows.rectification_cases import COMPLAINTS, RECTIFICATIONS, concerned
from flows.sql import one_of


def documents(connection: Connection, ids: Sequence[int]) -> Iterator[dict]:
    """These rectifications, in this sequence, a page at a time."""
    for found in pages(connection, RECTIFICATIONS, ids):
        page = list(found)
        policies = policy_versions(connection, {row.shop for row in found.values()})
        parts = parts_of(connection, "rectification", page, ("timers", "history", "owed", "anomalies"))
        complaints = _complaints_of(connection, page)
        for id_, row in found.items():
            document = {
                **_head(row, policies.number(row.policy_version_id)),
                "complaints": complaints[id_],
                **{name: rows[id_] for name, rows in parts.items()},
            }
            yield plain(document, policies.settings(row.policy_version_id).zone)


def _head(row: Any, policy_number: int) -> dict:
    names = ("no", "shop", "state", "about", "subject", "opened_at", "counted", "counted_since", "owner")
    return {
        **{name: getattr(row, name) for name in (*names, "due_at", "finished_at", "changed_at")},
        "progress": row.progress,
        "policy_version": policy_number,
    }


def _complaints_of(connection: Connection, ids: Sequence[int]) -> dict[int, list]:
    c, r = COMPLAINTS.c, RECTIFICATIONS.c
    mine = select(r.id, c.no, c.state, c.registered_at).join(COMPLAINTS, concerned())
    found: dict[int, list] = defaultdict(list)
    for id_, *values in connection.execute(
        mine.where(one_of(connection, r.id, ids)).order_by(c.registered_at, c.no)
    ):
        found[id_].append(dict(zip(("no", "state", "registered_at"), values, strict=True)))
    return found


def rectifications_of(connection: Connection, complaint_ids: Sequence[int]) -> dict[int, list]:
    """The rectifications that these complaints led to, by complaint, oldest first."""
    c, r = COMPLAINTS.c, RECTIFICATIONS.c
    mine = select(c.id, r.no, r.state, r.owner, r.due_at).join(RECTIFICATIONS, concerned())
    found: dict[int, list] = defaultdict(list)
    for id_, *values in connection.execute(
        mine.where(one_of(connection, c.id, complaint_ids)).order_by(r.id)
    ):
        found[id_].append(dict(zip(("no", "state", "owner", "due_at"), values, strict=True)))
    return found
