"""Rectifications for `advance`: begun, locked, loaded as light views with the complaints they are about, and saved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from flows.case_rows import ids_by_no, rows_of
from flows.policy_store import policy_versions
from flows.requests import Request
from flows.sql import insert_new, one_of, update_all
from models import Complaint, Rectification, Timer
from states.lifecycle import BEFORE
from states.policies.complaint_terms import IntakeClass
from states.policies.rectifications import About
from states.rectifications import RectificationState, rectification_lifecycle

COMPLAINTS, RECTIFICATIONS = Complaint.__table__, Rectification.__table__
WRITTEN = [c.name for c in RECTIFICATIONS.columns if c.name not in ("id", "shop", "no")]
BLANK = {"state": BEFORE, "version": 0, "counted": 0, "progress": []}
SUBJECTS = {About.GOODS: COMPLAINTS.c.sku, About.CAUSE: COMPLAINTS.c.nature}

kind = "rectification"
table = RECTIFICATIONS
lifecycle = rectification_lifecycle


def begin(connection: Connection, requests: Iterable[Request]) -> None:
    """A row for everything that is opened; `open` fills it in the same transaction."""
    new = sorted({(r.shop, r.no) for r in requests if r.trigger == "open"})
    insert_new(connection, RECTIFICATIONS, [{"shop": shop, "no": no, **BLANK} for shop, no in new])


def find(connection: Connection, requests: Sequence[Request]) -> dict[tuple[str, str], int]:
    """The ids of the rectifications these requests speak of."""
    return ids_by_no(connection, RECTIFICATIONS, requests)


def load(
    connection: Connection, ids: Sequence[int], requests: Sequence[Request] = (), *, lock: bool = True
) -> dict[int, SimpleNamespace]:
    """Lock these rectifications, always in the same sequence, and read all that deciding needs."""
    c = RECTIFICATIONS.c
    wanted = select(RECTIFICATIONS).where(one_of(connection, c.id, ids)).order_by(c.id)
    found = connection.execute(wanted.with_for_update() if lock else wanted)
    views = {row["id"]: SimpleNamespace(**row) for row in found.mappings().all()}
    _fill_in(views, requests)
    policies = policy_versions(connection, {v.shop for v in views.values()})
    timers = rows_of(connection, Timer.__table__, kind, ids)
    handlers, twins = _handlers(connection, ids), _twins(connection, views)
    for view in views.values():
        if view.policy_version_id is None:  # it follows the rules of the day on which it is opened
            view.policy_version_id = policies.in_force(view.shop, view.opened_at)
        view.policy = policies.settings(view.policy_version_id)
        view.timers, view.holds, view.known = timers.get(view.id, []), [], {}
        view.handlers, view.twin_no = handlers[view.id], twins.get(view.id)
    return views


def _fill_in(views: dict[int, SimpleNamespace], requests: Sequence[Request]) -> None:
    """What is told goes onto the view before anything is decided."""
    by_no = {(v.shop, v.no): v for v in views.values()}
    for request in requests:
        view = by_no.get((request.shop, request.no))
        if view is None or request.trigger != "open" or view.state != BEFORE:
            continue
        view.opened_at = request.at
        for name, value in {**request.facts, **(request.details or {})}.items():
            if name in WRITTEN:
                setattr(view, name, value)


def concerned() -> ColumnElement[bool]:
    """The complaints that a rectification is about: from the first one counted until it is done."""
    c, r = COMPLAINTS.c, RECTIFICATIONS.c
    return and_(
        c.shop == r.shop,
        c.intake == IntakeClass.COMPLAINT,
        or_(*(and_(r.about == about, column == r.subject) for about, column in SUBJECTS.items())),
        c.registered_at >= r.counted_since,
        or_(r.finished_at.is_(None), c.registered_at < r.finished_at),
    )


def _handlers(connection: Connection, ids: Sequence[int]) -> dict[int, list[str]]:
    """Who handles the complaints that each is about."""
    c, r = COMPLAINTS.c, RECTIFICATIONS.c
    found: dict[int, list[str]] = defaultdict(list)
    named = select(r.id, c.handler).join(COMPLAINTS, concerned())
    named = named.where(one_of(connection, r.id, ids), c.handler.is_not(None)).distinct()
    for id_, handler in connection.execute(named.order_by(r.id, c.handler)):
        found[id_].append(handler)
    return found


def _twins(connection: Connection, views: dict[int, Any]) -> dict[int, str]:
    """For those that begin: one about the same that is not done yet."""
    new = [v for v in views.values() if v.state == BEFORE]
    if not new:
        return {}
    r = RECTIFICATIONS.c
    mine = r.shop.in_({v.shop for v in new}), one_of(connection, r.subject, {v.subject for v in new})
    open_ = select(r.shop, r.about, r.subject, r.no).where(*mine, r.state == RectificationState.OPEN)
    nos = {(shop, about, subject): no for shop, about, subject, no in connection.execute(open_)}
    return {v.id: nos[key] for v in new if (key := (v.shop, v.about, v.subject)) in nos}


def save(connection: Connection, works: Sequence[Any]) -> int:
    """Write the changed ones, comparing and swapping their versions; say how many were still ours to write."""
    changed = [w for w in works if w.view.version != w.old_version]
    keys = [{"id": w.view.id, "version": w.old_version} for w in changed]
    written = update_all(connection, RECTIFICATIONS, keys, [vars(w.view) for w in changed], WRITTEN)
    return len(changed) - written
