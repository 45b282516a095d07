"""Writes what was decided: history, timers, holds, outbox and anomalies, one bulk statement each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, update

from flows.case_work import CaseWork, plain
from flows.messages import render
from flows.requests import Advanced
from flows.sql import insert_all, insert_new, update_all
from models import Anomaly, DispatchBatch, Hold, OutboxMessage, StateChange, Timer

TIMERS, HOLDS, ANOMALIES = Timer.__table__, Hold.__table__, Anomaly.__table__


def begin_batches(connection: Connection, works: Sequence[CaseWork]) -> None:
    """The dispatch batches these orders join; one for each shop and cut-off, whoever comes first."""
    keys = sorted({(w.view.shop, cutoff_at) for w in works for cutoff_at in w.batches})
    insert_new(connection, DispatchBatch.__table__, [{"shop": s, "cutoff_at": c} for s, c in keys])


def write(
    connection: Connection,
    kind: str,
    works: Sequence[CaseWork],
    *,
    recorded_at: datetime,
    flow_run: str | None,
    report: Advanced,
) -> None:
    """Everything the changes bring with them, in the transaction of the changes."""

    def stamp(work: CaseWork) -> dict:
        return {"case_kind": kind, "case_id": work.view.id}

    history = [
        {**stamp(w), "recorded_at": recorded_at, "flow_run": flow_run, **change}
        for w in works
        for change in w.changes
    ]
    insert_all(connection, StateChange.__table__, history)
    _write_timers(connection, [(w, t, stamp(w)) for w in works for t in w.timers])
    _write_holds(connection, [(h, stamp(w)) for w in works for h in w.holds])
    owed = [{**stamp(w), "recorded_at": recorded_at, **row} for w in works for row in _owed(w, kind)]
    insert_all(connection, OutboxMessage.__table__, owed)
    notes = [
        {**stamp(w), "shop": w.view.shop, "recorded_at": recorded_at, **note}
        for w in works
        for note in w.notes
    ]
    report.anomalies += insert_new(connection, ANOMALIES, notes)
    _settle(connection, [(w, stamp(w)) for w in works if w.settled])


def _write_timers(connection: Connection, touched: list) -> None:
    new = [{**stamp, "shop": w.view.shop, **_columns(t)} for w, t, stamp in touched if t.id is None]
    insert_all(connection, TIMERS, new)
    old = [t for _, t, _ in touched if t.id is not None]
    update_all(connection, TIMERS, [{"id": t.id} for t in old], [vars(t) for t in old], _MOVING)


_MOVING = ("due_at", "unknown_on", "done_at", "cancelled_at", "refused", "retry_at", "error")


def _write_holds(connection: Connection, touched: list) -> None:
    new = [{**stamp, **_columns(h)} for h, stamp in touched if h.id is None]
    insert_all(connection, HOLDS, new)
    old = [h for h, _ in touched if h.id]
    update_all(connection, HOLDS, [{"id": h.id} for h in old], [vars(h) for h in old], _LIFTED)


_LIFTED = ("released_at", "released_by")


def _owed(work: CaseWork, kind: str) -> list[dict]:
    view = work.view
    return [
        {
            "shop": view.shop,
            "what": owe.what,
            "channel": owe.channel,
            "recipient": owe.to,
            "key": f"{view.shop}/{kind}/{view.no}/{key}",
            "owed_at": at,
            "not_before": owe.not_before,
            "only_while": [str(s) for s in owe.only_while],
            "payload": plain(owe.payload),
            "text": render(owe.what, view, owe.payload),
        }
        for owe, key, at in work.owed
    ]


def _settle(connection: Connection, settled: list) -> None:
    for work, stamp in settled:
        for codes, at, by in work.settled:
            c = ANOMALIES.c
            looked_at = update(ANOMALIES).where(
                c.case_kind == stamp["case_kind"], c.case_id == stamp["case_id"], c.settled_at.is_(None)
            )
            if codes:
                looked_at = looked_at.where(c.code.in_(codes))
            connection.execute(looked_at.values(settled_at=at, settled_by=by))


def _columns(row) -> dict:
    return {k: v for k, v in vars(row).items() if k not in ("id", "case_kind", "case_id", "shop")}
