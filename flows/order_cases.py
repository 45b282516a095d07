"""Orders for `advance`: found or begun, locked, and loaded as light views in a handful of statements."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import itemgetter
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, select

from flows.case_rows import ids_by_no, known_of, rows_of
from flows.policy_store import policy_versions
from flows.requests import Request
from flows.sql import insert_new, one_of, one_row_of, update_all
from models import Buyer, Hold, Order, OrderLine, Timer
from states.lifecycle import BEFORE
from states.orders import OrderState, order_lifecycle

ORDERS, LINES, BUYERS = Order.__table__, OrderLine.__table__, Buyer.__table__
# what is on its way back is counted where refunds are stored, by the database itself
WRITTEN = [c.name for c in ORDERS.columns if c.name not in ("id", "shop", "no", "refunding_fen")]
AUDITED = (BEFORE, OrderState.UNPAID, OrderState.PAID)
AUDITED_AGAIN = (
    OrderState.VERIFIED,
    OrderState.CANCELLED,
)  # by what is told of them: amended, paid after all

kind = "order"
table = ORDERS
lifecycle = order_lifecycle


class OrderView(SimpleNamespace):
    """An order's columns as attributes, with policy, holds, timers, lines and what is known of it."""

    alike: dict[tuple, list]

    @property
    def siblings(self) -> list:
        """Other orders of the same buyer for the same goods, for the duplicate check (rule 28)."""
        pair = (self.buyer_id, self.goods_key)
        return [o for o in self.alike.get(pair, ()) if o.id != self.id] if all(pair) else []


def begin(connection: Connection, requests: Iterable[Request]) -> None:
    """A row for every order told for the first time; `place` fills it in the same transaction."""
    placing = sorted({(r.shop, r.no) for r in requests if r.trigger == "place"})
    rows = [{"shop": shop, "no": no, "state": BEFORE} for shop, no in placing]
    insert_new(connection, ORDERS, rows)


def find(connection: Connection, requests: Sequence[Request]) -> dict[tuple[str, str], int]:
    """The ids of the orders these requests speak of."""
    return ids_by_no(connection, ORDERS, requests)


def load(
    connection: Connection, ids: Sequence[int], requests: Sequence[Request] = (), *, lock: bool = True
) -> dict[int, OrderView]:
    """Lock these orders, always in the same sequence, and read all that deciding about them needs."""
    wanted = select(ORDERS).where(one_of(connection, ORDERS.c.id, ids)).order_by(ORDERS.c.id)
    found = connection.execute(wanted.with_for_update() if lock else wanted)
    views = {row["id"]: OrderView(**row, stored=row) for row in map(dict, found.mappings().all())}
    old = [v.id for v in views.values() if v.state != BEFORE]
    _fill_in_details(connection, views, requests)
    policies = policy_versions(connection, {v.shop for v in views.values()})
    parts = {
        "holds": rows_of(connection, Hold.__table__, kind, old),
        "timers": rows_of(connection, Timer.__table__, kind, old),
        "lines": _lines_of(connection, old),
        "known": known_of(connection, kind, old) if any(r.key for r in requests) else {},
    }
    buyers = _opted_out(connection, {v.buyer_id for v in views.values()} - {None})
    for view in views.values():
        if view.policy_version_id is None:
            view.policy_version_id = policies.in_force(view.shop, view.placed_at)
        view.policy = policies.settings(view.policy_version_id)
        for name, found in parts.items():
            empty = {} if name == "known" else []
            if not hasattr(view, name):
                setattr(view, name, found.get(view.id, empty))
        view.buyer_opted_out_at = buyers.get(view.buyer_id)
    audited = AUDITED + AUDITED_AGAIN if requests else AUDITED
    _find_alike(connection, views, [v for v in views.values() if v.state in audited], lock)
    return views


def _fill_in_details(
    connection: Connection, views: dict[int, OrderView], requests: Sequence[Request]
) -> None:
    """What a `place` tells of buyer, receiver and goods goes onto the view before anything is decided."""
    by_no = {(v.shop, v.no): v for v in views.values() if v.state == BEFORE}
    placing = [r for r in requests if r.trigger == "place" and (r.shop, r.no) in by_no]
    buyer_ids = _buyers(connection, {(r.shop, (r.details or {}).get("buyer")) for r in placing})
    for request in placing:
        view, details = by_no[request.shop, request.no], dict(request.details or {})
        view.placed_at = request.at
        view.buyer_id = buyer_ids.get((request.shop, details.pop("buyer", None)))
        view.lines = [SimpleNamespace(**line) for line in details.pop("lines", ())]
        view.goods_key = goods_key(view.lines)
        for name, value in details.items():
            setattr(view, name, value)


def goods_key(lines: Sequence[Any]) -> str | None:
    """Equal for the same goods in the same quantities, whatever their sequence."""
    goods = sorted((line.sku or line.title, line.quantity) for line in lines)
    return hashlib.blake2b(repr(goods).encode(), digest_size=8).hexdigest() if goods else None


def _buyers(connection: Connection, names: set[tuple[str, str | None]]) -> dict[tuple[str, str], int]:
    named = sorted((shop, handle) for shop, handle in names if handle)
    if not named:
        return {}
    insert_new(connection, BUYERS, [{"shop": shop, "handle": handle} for shop, handle in named])
    found = select(BUYERS.c.id, BUYERS.c.shop, BUYERS.c.handle).where(
        one_row_of(connection, (BUYERS.c.shop, BUYERS.c.handle), named)
    )
    return {(row.shop, row.handle): row.id for row in connection.execute(found)}


def _opted_out(connection: Connection, ids: set[int]) -> dict[int, Any]:
    if not ids:
        return {}
    found = select(BUYERS.c.id, BUYERS.c.opted_out_at).where(
        one_of(connection, BUYERS.c.id, ids), BUYERS.c.opted_out_at.is_not(None)
    )
    return {row.id: row.opted_out_at for row in connection.execute(found)}


def _lines_of(connection: Connection, ids: Sequence[int]) -> dict[int, list]:
    found: dict[int, list] = defaultdict(list)
    if ids:
        mine = one_of(connection, LINES.c.order_id, ids)
        lines = select(LINES).where(mine).order_by(LINES.c.order_id, LINES.c.position)
        for row in connection.execute(lines).all():
            found[row.order_id].append(SimpleNamespace(**row._mapping))
    return found


def _find_alike(
    connection: Connection, views: dict[int, OrderView], audited: Sequence[OrderView], lock: bool
) -> None:
    """Group orders by buyer and goods; those of this batch take part as they are now, not as they are stored.

    Whoever audits a buyer's order has the buyer: of two orders paid at once, the second sees the first.
    """
    alike: dict[tuple, list] = defaultdict(list)
    wanted = {
        (v.buyer_id, v.goods_key)
        for v in audited
        if v.buyer_id and v.goods_key and v.policy.audit.duplicate_window
    }
    if wanted and lock:
        ids = sorted({buyer_id for buyer_id, _ in wanted})
        mine = select(BUYERS.c.id).where(one_of(connection, BUYERS.c.id, ids)).order_by(BUYERS.c.id)
        connection.execute(mine.with_for_update(key_share=True))
    if wanted:
        c = ORDERS.c
        others = select(
            *(c.id, c.no, c.state, c.buyer_id, c.goods_key, c.placed_at, c.paid_at, c.closed_at)
        ).where(one_row_of(connection, (c.buyer_id, c.goods_key), sorted(wanted)))
        for row in connection.execute(others).all():
            if row.id not in views:
                alike[row.buyer_id, row.goods_key].append(row)
    for view in views.values():
        alike[view.buyer_id, view.goods_key].append(view)
        view.alike = alike


def save(connection: Connection, works: Sequence[Any]) -> int:
    """Write the changed orders, comparing and swapping their versions; say how many were still ours to write."""
    changed = [w for w in works if w.view.version != w.old_version]
    if not changed:
        return 0
    keys = [{"id": w.view.id, "version": w.old_version} for w in changed]
    news = [vars(w.view) for w in changed]
    written = update_all(connection, ORDERS, keys, news, _differing(news))
    lines = [
        {"order_id": w.view.id, "position": n, **vars(line)}
        for w in changed
        if w.old_version == 0
        for n, line in enumerate(w.view.lines, 1)
    ]
    insert_new(connection, LINES, lines)
    opted = [w for w in works if w.opted_out_at and w.view.buyer_id]
    ids = [{"id": w.view.buyer_id} for w in opted]
    update_all(connection, BUYERS, ids, [{"opted_out_at": w.opted_out_at} for w in opted], ["opted_out_at"])
    return len(changed) - written


def _differing(news: Sequence[dict]) -> list[str]:
    """The columns that changed in any of these orders: most changes touch a few of them."""
    differing: set[str] = set()
    for new in news:
        pairs = zip(WRITTEN, _written(new), _written(new["stored"]), strict=True)
        differing.update(name for name, now, before in pairs if now is not before and now != before)
    return [name for name in WRITTEN if name in differing]


_written = itemgetter(*WRITTEN)
