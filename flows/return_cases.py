"""After-sales cases for `advance`: begun, locked together with their orders, loaded as light views, and saved.

A case is locked before its order, never after it: orders know nothing of their cases.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, select

from flows import order_cases, refund_rows
from flows.case_rows import ids_by_no, known_of, rows_of
from flows.requests import Request
from flows.sql import insert_all, insert_new, one_of, update_all
from models import Order, Return, ReturnLine, Timer
from states.lifecycle import BEFORE
from states.policies.return_claims import MONEY_BACK
from states.policies.return_requests import (
    AskedLine,
    BoughtLine,
    BoughtOrder,
    Condition,
    Evidence,
    GoodsClass,
    ReturnKind,
    ReturnReason,
    ReturnRequest,
)
from states.return_states import GIVEN_UP, OVER
from states.returns import return_lifecycle

RETURNS, LINES, ORDERS = Return.__table__, ReturnLine.__table__, Order.__table__
WRITTEN = [c.name for c in RETURNS.columns if c.name not in ("id", "shop", "no", "order_id")]

kind = "return"
table = RETURNS
lifecycle = return_lifecycle


class ReturnView(SimpleNamespace):
    """A case's columns as attributes, with its order, policy, lines, refunds and timers; its order's other cases
    are at `order.cases`, those of the same batch as they are now."""

    condition: Condition = Condition.AS_NEW  # of all pieces, when a request names none
    goods: GoodsClass | None = None

    @property
    def bought(self) -> BoughtOrder:
        """What a verdict reads of the order: what other cases took back or pay back is gone."""
        return bought_order(self.order, [case for case in self.order.cases if case.id != self.id])

    @property
    def request(self) -> ReturnRequest:
        """What was asked, when it was asked, with the evidence shown since."""
        return ReturnRequest(
            reason=ReturnReason(self.reason),
            at=self.asked_at,
            kind=ReturnKind(self.asked_kind) if self.asked_kind else None,
            lines=[_asked_line(piece) for piece in self.lines],
            amount_fen=self.asked_fen,
            evidence=[Evidence(shown["kind"]) for shown in self.evidence],
            condition=self.condition,
            goods=self.goods,
        )

    @property
    def taken(self) -> dict[int, str]:
        """The order's lines that are in another open case, by position: the case's number."""
        others = (case for case in self.order.cases if case.id != self.id and is_open(case.state))
        return {piece.position: case.no for case in others for piece in case.lines}


def _asked_line(piece: Any) -> AskedLine:
    goods = GoodsClass(piece.goods) if piece.goods else None
    return AskedLine(piece.position, piece.quantity, Condition(piece.condition), goods)


def is_open(state: str) -> bool:
    """Something is still to come of a case in this state."""
    return state not in (BEFORE, *OVER)


def bought_order(order: Any, others: Iterable[Any] = ()) -> BoughtOrder:
    """What a verdict reads of an order, after what these cases of it have brought about."""
    gone: dict[int, int] = defaultdict(int)
    compensated_fen = 0
    for case in others:
        if case.state in (BEFORE, *GIVEN_UP):
            continue
        if case.kind == ReturnKind.COMPENSATION:
            compensated_fen += case.refund_fen
        if case.kind in MONEY_BACK:
            for piece in case.lines:
                gone[piece.position] += piece.quantity
    return BoughtOrder(
        state=order.state,
        amount_fen=order.amount_fen,
        paid_fen=order.paid_fen,
        lines=tuple(
            BoughtLine(n.position, n.sku, n.title, n.quantity, n.price_fen, gone[n.position])
            for n in order.lines
        ),
        refunded_fen=order.refunded_fen + order.refunding_fen,
        compensated_fen=compensated_fen,
        freight_fen=order.freight_fen,
        shipped_at=order.shipped_at,
        delivered_at=order.delivered_at,
        part_shipped=order.part_shipped_at is not None,
    )


# -- read -------------------------------------------------------------------------------------------


def begin(connection: Connection, requests: Iterable[Request]) -> None:
    """A row for every case asked for; `open` fills it in the same transaction. The orders are locked first: two
    requests at once are judged one after the other."""
    opening = {(r.shop, r.no): r.details["order_id"] for r in requests if r.trigger == "open"}
    if not opening:
        return
    mine = select(ORDERS.c.id).where(one_of(connection, ORDERS.c.id, sorted(set(opening.values()))))
    connection.execute(mine.order_by(ORDERS.c.id).with_for_update())
    blank = {"state": BEFORE, "version": 0, "evidence": [], "reasons": [], "evidence_wanted": []}
    flags = {"refund_fen": 0, "elsewhere_fen": 0, "holds_order": False}
    rows = [{"shop": s, "no": n, "order_id": o, **blank, **flags} for (s, n), o in sorted(opening.items())]
    insert_new(connection, RETURNS, rows)


def find(connection: Connection, requests: Sequence[Request]) -> dict[tuple[str, str], int]:
    """The ids of the cases these requests speak of."""
    return ids_by_no(connection, RETURNS, requests)


def load(
    connection: Connection, ids: Sequence[int], requests: Sequence[Request] = (), *, lock: bool = True
) -> dict[int, ReturnView]:
    """Lock these cases, then their orders, always in the same sequence, and read all that deciding needs."""
    wanted = select(RETURNS).where(one_of(connection, RETURNS.c.id, ids)).order_by(RETURNS.c.id)
    found = connection.execute(wanted.with_for_update() if lock else wanted)
    views = {row["id"]: ReturnView(**row, stored=row) for row in map(dict, found.mappings().all())}
    orders = load_orders(connection, sorted({v.order_id for v in views.values()}), views, lock=lock)
    timers = rows_of(connection, Timer.__table__, kind, ids)
    known = known_of(connection, kind, ids) if any(r.key for r in requests) else {}
    asked = {(r.shop, r.no): r for r in requests if r.trigger == "open"}
    for view in views.values():
        view.order = orders[view.order_id]
        view.policy, view.policy_version_id = view.order.policy, view.order.policy_version_id
        view.timers, view.known = timers.get(view.id, []), known.get(view.id, {})
        view.holds = []
        if view.state == BEFORE and (request := asked.get((view.shop, view.no))):
            _fill_in(view, request)
    return views


def load_orders(
    connection: Connection, ids: Sequence[int], views: dict[int, ReturnView], *, lock: bool
) -> dict[int, Any]:
    """The orders, each with all of its cases and what kefu has paid back of it so far."""
    orders = order_cases.load(connection, ids, lock=lock)
    mine = one_of(connection, RETURNS.c.order_id, ids)
    cases = [
        views.get(row.id) or SimpleNamespace(**row._mapping)
        for row in connection.execute(select(RETURNS).where(mine).order_by(RETURNS.c.id)).all()
    ]
    found = select(LINES).where(one_of(connection, LINES.c.return_id, [case.id for case in cases]))
    pieces, refunds = defaultdict(list), defaultdict(list)
    for row in connection.execute(found.order_by(LINES.c.return_id, LINES.c.position)).all():
        pieces[row.return_id].append(SimpleNamespace(**row._mapping))
    for refund in refund_rows.of_orders(connection, ids):
        refunds[refund.return_id].append(refund)
    for order in orders.values():
        order.cases, order.repaid_fen = [], 0
    for case in cases:
        case.lines, case.refunds = pieces[case.id], refunds[case.id]
        order = orders[case.order_id]
        order.cases.append(case)
        order.repaid_fen += sum(r.fen for r in case.refunds if r.state == "succeeded")
    return orders


def _fill_in(view: ReturnView, request: Request) -> None:
    """What was asked goes onto the view before anything is decided."""
    facts, details = request.facts, request.details or {}
    view.asked_at = request.at
    view.reason, view.asked_kind = facts["reason"], facts.get("kind")
    view.asked_fen = facts.get("amount_fen")
    view.evidence = list(details.get("evidence", ()))
    view.lines = [SimpleNamespace(**piece) for piece in details.get("lines", ())]
    view.condition = details.get("condition") or Condition.AS_NEW
    view.goods = details.get("goods")


# -- write ------------------------------------------------------------------------------------------


def save(connection: Connection, works: Sequence[Any]) -> int:
    """Write the changed cases, comparing and swapping their versions; say how many were still ours to write."""
    changed = [w for w in works if w.view.version != w.old_version]
    if not changed:
        return 0
    keys = [{"id": w.view.id, "version": w.old_version} for w in changed]
    written = update_all(connection, RETURNS, keys, [vars(w.view) for w in changed], WRITTEN)
    _save_lines(connection, [w.view for w in changed])
    refund_rows.write(connection, changed)
    return len(changed) - written


def _save_lines(connection: Connection, views: Sequence[ReturnView]) -> None:
    """Pieces are set free before others take them."""
    turned = [
        v for v in views if v.stored["state"] != BEFORE and is_open(v.state) != is_open(v.stored["state"])
    ]
    for now_open in (False, True):
        ids = [{"return_id": v.id} for v in turned if is_open(v.state) is now_open]
        update_all(connection, LINES, ids, [{"is_open": now_open}] * len(ids), ["is_open"])
    new = [
        {
            **{"return_id": view.id, "order_id": view.order_id, "position": piece.position},
            **{"quantity": piece.quantity, "condition": piece.condition, "goods": piece.goods},
            "is_open": is_open(view.state),
        }
        for view in views
        if view.stored["state"] == BEFORE
        for piece in view.lines
    ]
    insert_all(connection, LINES, new)
