"""Complaints for `advance`: begun, locked, loaded as light views with their rounds, and saved.

A complaint is locked after its order, or without it: nothing that a complaint decides changes an order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, select

from flows.case_rows import ids_by_no, known_of, rows_of
from flows.policy_store import policy_versions
from flows.requests import Request
from flows.sql import insert_all, insert_new, one_of, one_row_of, update_all
from models import Buyer, Complaint, ComplaintRound, Order, OrderLine, Timer
from states.complaints import complaint_lifecycle
from states.lifecycle import BEFORE
from states.policies.complaint_terms import IntakeClass

COMPLAINTS, ROUNDS, ORDERS = Complaint.__table__, ComplaintRound.__table__, Order.__table__
LINES, BUYERS = OrderLine.__table__, Buyer.__table__
WRITTEN = [c.name for c in COMPLAINTS.columns if c.name not in ("id", "shop", "no")]
OF_A_ROUND = [c.name for c in ROUNDS.columns if c.name not in ("complaint_id", "number")]
OPENS = ("become_complaint", "hear", "answer_survey", "reopen")  # what may take up again what was over
BLANK = {
    **{"state": BEFORE, "version": 0, "said": [], "reasons": [], "is_open": False},
    **{"furious": False, "hard_to_judge": False, "buyer_repeats": 0, "goods_repeats": 0},
}

kind = "complaint"
table = COMPLAINTS
lifecycle = complaint_lifecycle


class ComplaintView(SimpleNamespace):
    """A complaint's columns as attributes, with its policy, rounds and timers, and the order it is about, if any."""

    last_words: str = ""  # what the customer has just said
    others: Sequence[Any] = ()  # all complaints about the same order, those of this batch as they are by now

    @property
    def current(self) -> Any:
        """The round it is in; None before the first."""
        return self.rounds[-1] if self.rounds else None


# -- read -------------------------------------------------------------------------------------------


def begin(connection: Connection, requests: Iterable[Request]) -> None:
    """A row for everything that is registered; `register` fills it in the same transaction. The orders are locked
    first: of two complaints at once about the same, the second sees the first."""
    new = {(r.shop, r.no): (r.details or {}).get("order_id") for r in requests if r.trigger == "register"}
    again = sorted({(r.shop, r.no) for r in requests if r.trigger in OPENS})
    about = {order_id for order_id in new.values() if order_id} | _orders_of(connection, again)
    if about:
        mine = select(ORDERS.c.id).where(one_of(connection, ORDERS.c.id, sorted(about))).order_by(ORDERS.c.id)
        connection.execute(mine.with_for_update(key_share=True))
    insert_new(connection, COMPLAINTS, [{"shop": shop, "no": no, **BLANK} for shop, no in sorted(new)])


def _orders_of(connection: Connection, named: Sequence[tuple[str, str]]) -> set[int]:
    if not named:
        return set()
    c = COMPLAINTS.c
    mine = select(c.order_id).where(one_row_of(connection, (c.shop, c.no), named), c.order_id.is_not(None))
    return set(connection.scalars(mine))


def find(connection: Connection, requests: Sequence[Request]) -> dict[tuple[str, str], int]:
    """The ids of the complaints these requests speak of."""
    return ids_by_no(connection, COMPLAINTS, requests)


def load(
    connection: Connection, ids: Sequence[int], requests: Sequence[Request] = (), *, lock: bool = True
) -> dict[int, ComplaintView]:
    """Lock these complaints, always in the same sequence, and read all that deciding needs."""
    wanted = select(COMPLAINTS).where(one_of(connection, COMPLAINTS.c.id, ids)).order_by(COMPLAINTS.c.id)
    found = connection.execute(wanted.with_for_update() if lock else wanted)
    views = {row["id"]: ComplaintView(**row, stored=row) for row in map(dict, found.mappings().all())}
    new = _fill_in(views, requests)
    policies = policy_versions(connection, {v.shop for v in views.values()})
    orders = _orders(connection, {v.order_id for v in views.values()} - {None})
    timers = rows_of(connection, Timer.__table__, kind, ids)
    known = known_of(connection, kind, ids) if any(r.key for r in requests) else {}
    rounds = _rounds(connection, ids)
    for view in views.values():
        if view.policy_version_id is None:
            view.policy_version_id = policies.in_force(view.shop, view.registered_at)
        view.policy = policies.settings(view.policy_version_id)
        view.order = orders.get(view.order_id)
        view.rounds, view.timers = rounds[view.id], timers.get(view.id, [])
        view.holds, view.known = [], known.get(view.id, {})
    _of_its_order(new)
    _count_repeats(connection, new)
    _find_others(connection, [v for v in views.values() if v.order_id and requests])
    return views


def _fill_in(views: dict[int, ComplaintView], requests: Sequence[Request]) -> list[ComplaintView]:
    """What is told goes onto the view before anything is decided; the views of what is registered now."""
    by_no = {(v.shop, v.no): v for v in views.values()}
    new = []
    for request in requests:
        view = by_no.get((request.shop, request.no))
        if request.trigger == "register" and view is not None and view.state == BEFORE and view not in new:
            view.registered_at = request.at
            for name, value in {**request.facts, **(request.details or {})}.items():
                if name in WRITTEN:
                    setattr(view, name, value)
            new.append(view)
    return new


def _orders(connection: Connection, ids: set[int]) -> dict[int, Any]:
    """What a complaint has to know of its order, as it is now: nothing of it is decided here."""
    if not ids:
        return {}
    mine = select(ORDERS).where(one_of(connection, ORDERS.c.id, sorted(ids)))
    orders = {row.id: SimpleNamespace(**row._mapping, lines=[]) for row in connection.execute(mine)}
    lines = select(LINES).where(one_of(connection, LINES.c.order_id, sorted(ids)))
    for line in connection.execute(lines.order_by(LINES.c.order_id, LINES.c.position)):
        orders[line.order_id].lines.append(line)
    return orders


def _rounds(connection: Connection, ids: Sequence[int]) -> dict[int, list]:
    found: dict[int, list] = defaultdict(list)
    mine = select(ROUNDS).where(one_of(connection, ROUNDS.c.complaint_id, ids))
    for row in connection.execute(mine.order_by(ROUNDS.c.complaint_id, ROUNDS.c.number)).all():
        found[row.complaint_id].append(SimpleNamespace(**row._mapping, stored=row._mapping))
    return found


def _of_its_order(new: Sequence[ComplaintView]) -> None:
    """What nobody told is as the order has it: who and where the buyer is, what is at stake, the one article in it."""
    for view in new:
        order = view.order
        if order is None:
            continue
        view.buyer_id = order.buyer_id
        view.name, view.phone = view.name or order.receiver, view.phone or order.phone
        view.address = view.address or order.address
        if view.amount_fen is None and view.intake == IntakeClass.COMPLAINT:
            view.amount_fen = order.amount_fen
        if view.sku is None and len(order.lines) == 1:
            view.sku = order.lines[0].sku


def _count_repeats(connection: Connection, new: Sequence[ComplaintView]) -> None:
    """Earlier complaints of the same buyer and about the same goods, within the shop's time (rules 102, 109, 111).

    Those registered in the same batch count for each other in its sequence.
    """
    for of, column in (("buyer_id", "buyer_repeats"), ("sku", "goods_repeats")):
        asking = [v for v in new if getattr(v, of) is not None and v.intake == IntakeClass.COMPLAINT]
        if not asking:
            continue
        earlier = _earlier(connection, of, asking)
        for view in sorted(asking, key=lambda v: (v.registered_at, v.id)):
            since = view.registered_at - view.policy.complaints.repeats_within
            times = earlier[view.shop, getattr(view, of)]
            setattr(view, column, sum(since <= at <= view.registered_at for at in times))
            times.append(view.registered_at)


def _earlier(connection: Connection, of: str, asking: Sequence[ComplaintView]) -> dict[tuple, list[datetime]]:
    c = COMPLAINTS.c
    since = min(v.registered_at - v.policy.complaints.repeats_within for v in asking)
    found = select(c.shop, c[of], c.registered_at).where(
        c.shop.in_({v.shop for v in asking}),
        one_of(connection, c[of], sorted({getattr(v, of) for v in asking})),
        c.registered_at >= since,
        c.intake == IntakeClass.COMPLAINT,
        c.state != BEFORE,
    )
    times: dict[tuple, list[datetime]] = defaultdict(list)
    for shop, about, at in connection.execute(found):
        times[shop, about].append(at)
    return times


def _find_others(connection: Connection, views: Sequence[ComplaintView]) -> None:
    """The complaints about the same order: a second one about the same cause is none of its own."""
    if not views:
        return
    c = COMPLAINTS.c
    about = sorted({v.order_id for v in views})
    found = select(c.id, c.no, c.order_id, c.nature, c.is_open).where(one_of(connection, c.order_id, about))
    here = {v.id: v for v in views}
    others: dict[int, list] = defaultdict(list)
    for row in connection.execute(found.order_by(c.id)):
        if row.id not in here:
            others[row.order_id].append(row)
    for view in views:
        others[view.order_id].append(view)
    for view in views:
        view.others = others[view.order_id]


def open_twin(connection: Connection, order_id: int | None, nature: str | None) -> str | None:
    """The number of the open complaint about this order and cause, to which all else about them belongs (rule 95)."""
    c = COMPLAINTS.c
    return connection.scalar(select(c.no).where(c.order_id == order_id, c.nature == nature, c.is_open))


# -- write ------------------------------------------------------------------------------------------


def save(connection: Connection, works: Sequence[Any]) -> int:
    """Write the changed complaints, comparing and swapping their versions; say how many were still ours to write."""
    changed = [w for w in works if w.view.version != w.old_version]
    if not changed:
        return 0
    written = 0
    for is_open in (False, True):  # what is over makes room for another one about the same
        mine = [w for w in changed if w.view.is_open is is_open]
        keys = [{"id": w.view.id, "version": w.old_version} for w in mine]
        written += update_all(connection, COMPLAINTS, keys, [vars(w.view) for w in mine], WRITTEN)
    _save_rounds(connection, [w.view for w in changed])
    return len(changed) - written


def _save_rounds(connection: Connection, views: Sequence[ComplaintView]) -> None:
    new, old = [], []
    for view in views:
        for round_ in view.rounds:
            (old if hasattr(round_, "stored") else new).append({**vars(round_), "complaint_id": view.id})
    insert_all(connection, ROUNDS, [{n: r[n] for n in ("complaint_id", "number", *OF_A_ROUND)} for r in new])
    touched = [r for r in old if any(r[name] != r["stored"][name] for name in OF_A_ROUND)]
    keys = [{"complaint_id": r["complaint_id"], "number": r["number"]} for r in touched]
    update_all(connection, ROUNDS, keys, touched, OF_A_ROUND)
