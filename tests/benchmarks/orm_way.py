"""The same three steps as they are often written: order by order, a Session and a commit for each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, select

from flows.clock import now
from flows.imports.rows import OrderFile, OrderRow
from flows.messages import render
from flows.order_cases import goods_key
from flows.order_import import told
from flows.policy_store import current_policies, current_policy
from models import Buyer, DispatchBatch, Order, OrderLine, OutboxMessage, PolicyVersion, StateChange, Timer
from states.policies.shops import ShopPolicies
from tests.benchmarks.sample import CUT_OFF_AT, REMIND_AT, SHOP

CASE = "order"


class Desk:
    """One order in one session, with the policy of its shop."""

    def __init__(self, session: Session, order: Order, policy: ShopPolicies) -> None:
        self.session, self.order, self.policy = session, order, policy

    def changed(
        self, trigger: str, dest: str, at: datetime, by: str, facts: dict, key: str | None = None
    ) -> None:
        order = self.order
        source, order.state, order.changed_at = order.state, dest, at
        order.version += 1
        self.session.add(
            StateChange(
                case_kind=CASE, case_id=order.id, number=order.version, trigger=trigger, source=source, dest=dest,
                at=at, recorded_at=now(), by=by, key=key, facts=facts,
            )
        )  # fmt: skip

    def timer(self, kind: str, due_at: datetime, round: int = 1) -> Timer:
        timer = Timer(case_kind=CASE, case_id=self.order.id, shop=SHOP, kind=kind, round=round, due_at=due_at)
        self.session.add(timer)
        return timer

    def owe(
        self, what: str, channel: str, cause: str, at: datetime, only_while: list[str], payload: dict
    ) -> None:
        order = self.order
        text = render(what, _Seen(order, self.policy), payload)
        self.session.add(
            OutboxMessage(
                case_kind=CASE, case_id=order.id, shop=SHOP, what=what, channel=channel,
                key=f"{SHOP}/{CASE}/{order.no}/{cause}/{what}", owed_at=at, recorded_at=now(),
                only_while=only_while, payload=payload, text=text,
            )
        )  # fmt: skip


class _Seen:
    """An order as a message template sees it."""

    def __init__(self, order: Order, policy: ShopPolicies) -> None:
        self._order, self.policy = order, policy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._order, name)


def take_in(engine: Engine, orders: OrderFile) -> None:
    with engine.connect() as connection:
        policy = current_policy(connection, SHOP)
    for row in orders.rows:
        with Session(engine) as session:
            _take_in(session, row, policy)
            session.commit()


def _take_in(session: Session, row: OrderRow, policy: ShopPolicies) -> None:
    details = {k: v for k, v in row.details.items() if k not in ("buyer", "amount_fen")}
    buyer = Buyer(shop=SHOP, handle=row.details["buyer"])
    session.add(buyer)
    session.flush()
    at, amount = row.placed_at, row.details["amount_fen"]
    order = Order(
        shop=SHOP, no=row.no, state="–", policy_version_id=_version_id(session), buyer_id=buyer.id, amount_fen=amount,
        goods_key=goods_key(row.lines), placed_at=at, pay_by=policy.pay_by(at), **details,
    )  # fmt: skip
    session.add(order)
    session.flush()
    for position, line in enumerate(row.lines, 1):
        goods = {"sku": line.sku, "title": line.title, "quantity": line.quantity, "price_fen": line.price_fen}
        session.add(OrderLine(order_id=order.id, position=position, **goods))
    desk = Desk(session, order, policy)
    desk.changed(
        "place", "unpaid", at, "platform", {"amount_fen": amount, "told": told(row.details)}, "place"
    )
    waiting = [
        desk.timer("payment_reminder", policy.next_rung(None, at, order.pay_by).due_at),
        desk.timer("payment_deadline", order.pay_by),
    ]
    for fact in row.facts[1:]:
        _pay(desk, fact.at, fact.facts["amount_fen"], waiting)


def _version_id(session: Session) -> int:
    return session.exec(select(PolicyVersion.id).where(PolicyVersion.shop == SHOP)).one()


def _pay(desk: Desk, at: datetime, amount: int, waiting: list[Timer]) -> None:
    order, policy = desk.order, desk.policy
    promise = policy.promise(at)
    order.paid_at, order.paid_fen = at, amount
    order.promise_kind, order.promise_on = promise.kind, promise.on
    order.promise_cutoff_at = promise.cutoff_at
    desk.changed("pay", "paid", at, "platform", {"amount_fen": amount}, "pay")
    for timer in waiting:
        timer.cancelled_at = at
    desk.owe("address_confirmation", "buyer", "pay/v2", at, ["paid", "verified", "released"], {})
    desk.changed("verify", "verified", at, "audit", {})
    desk.timer("dispatch_cutoff", promise.cutoff_at)
    desk.timer("dispatch_overdue", at + policy.dispatch.ship_within)


def _due(engine: Engine, kind: str, as_of: datetime, do: Callable[[Desk, Timer], None]) -> None:
    policy = next(p for p in current_policies(engine) if p.name == SHOP)
    with Session(engine) as session:
        waiting = select(Timer.id).where(
            Timer.kind == kind, Timer.due_at <= as_of, Timer.done_at.is_(None), Timer.cancelled_at.is_(None)
        )
        ids = session.exec(waiting).all()
    for id_ in ids:
        with Session(engine) as session:
            timer = session.get(Timer, id_)
            timer.done_at = timer.due_at
            do(Desk(session, session.get(Order, timer.case_id), policy), timer)
            session.commit()


def remind(engine: Engine) -> None:
    def do(desk: Desk, timer: Timer) -> None:
        order, rung = desk.order, timer.round
        order.reminded_rung = rung
        desk.changed("remind", "unpaid", timer.due_at, "timer", {"round": rung})
        desk.owe("payment_reminder", "buyer", f"remind/{rung}", timer.due_at, ["unpaid"], {"rung": rung})
        following = desk.policy.next_rung(rung, order.placed_at, order.pay_by)
        desk.timer("payment_reminder", following.due_at, following.rung)

    _due(engine, "payment_reminder", REMIND_AT, do)


def cut_off(engine: Engine) -> None:
    def do(desk: Desk, timer: Timer) -> None:
        order, at = desk.order, timer.due_at
        if desk.session.get(DispatchBatch, (SHOP, at)) is None:
            desk.session.add(DispatchBatch(shop=SHOP, cutoff_at=at))
            desk.session.flush()
        order.released_at = order.batch_cutoff_at = at
        desk.changed("release", "released", at, "timer", {"round": timer.round})
        desk.owe("ship", "warehouse", f"release/{timer.round}", at, ["released"], {})

    _due(engine, "dispatch_cutoff", CUT_OFF_AT, do)
