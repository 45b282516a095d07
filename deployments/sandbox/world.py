"""Everything of one sandbox, put together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deployments.sandbox.events import Events
from deployments.sandbox.faults import Misbehaviour
from deployments.sandbox.ledger import Ledger
from deployments.sandbox.moments import Hands
from deployments.sandbox.orders import Order, Orders
from deployments.sandbox.parcels import SIGNED, Parcel, Parcels
from deployments.sandbox.people import BOUNCES, People
from deployments.sandbox.refunds import Refunds
from deployments.sandbox.secrets import Secrets
from deployments.sandbox.store import Store

TOLD = (  # the columns of kefu's own import format, and how they stand
    *("no", "shop", "status", "updated_at", "placed_at", "amount_fen", "paid_at", "paid_fen", "shipped_at"),
    *("waybill", "carrier", "delivered_at", "confirmed_at", "cancelled_at", "refunded_at", "refunded_fen"),
    *("buyer", "receiver", "phone", "address", "buyer_message", "remark", "items"),
)


def as_told(order: Order) -> dict[str, Any]:
    """An order as the platform tells it: of its warehouse and its payment service it says nothing."""
    told = {name: order[name] for name in TOLD}
    return told if told["refunded_at"] else told | {"refunded_fen": None}


class World:
    """The parties share one store and one time, and what happens at one is seen by the others."""

    def __init__(self, secrets: Secrets, file: Path | None = None) -> None:
        self.secrets = secrets
        self.store = Store(file)
        self.hands = Hands()
        self.misbehaviour = Misbehaviour(self.store)
        self.ledger = Ledger(self.store, self.hands)
        self.events = Events(self.store, self.hands, secrets, self.misbehaviour)
        self.orders = Orders(self.store, self.hands, self._announce)
        self.parcels = Parcels(self.store, self.hands, self.events.parcel_scanned)
        self.refunds = Refunds(self.store, self.ledger, self.orders, self.events.refund_settled)
        self.people = People(self.store)

    def _announce(self, order: Order) -> None:
        self.events.order_changed(order, as_told(order))

    def place(self, told: Order) -> Order:
        """With what comes with it: a person who can be reached, and a parcel where it has left already."""
        order = self.orders.place(told)
        self.people.meet(order)
        if order["shipped_at"] and order["waybill"]:
            self.parcels.hand_over(order["waybill"], order["carrier"], order["shop"], order["no"])
            if order["delivered_at"]:
                self.parcels.scan(order["waybill"], SIGNED)
        return order

    def message(self, no: str) -> Order:
        """To the buyer's chat; it may come back later."""
        order = self.orders.find(no)
        if self.people.reach(order["buyer"]) == BOUNCES:
            self.events.message_bounced(order, "买家已关闭会话")
        return order

    def ship(self, no: str, waybill: str, carrier: str | None) -> Order:
        """The carrier takes the parcel. Told twice with the same waybill it left once."""
        left_before = self.orders.find(no)["shipped_at"]
        order = self.orders.ship(no, waybill, carrier)
        if not left_before:
            self.parcels.hand_over(waybill, carrier, order["shop"], no)
        return order

    def scan(self, waybill: str, state: str, place: str) -> Parcel:
        """The courier scans it; a parcel that is signed for is a delivered order."""
        parcel = self.parcels.scan(waybill, state, place)
        if (
            state == SIGNED
            and not parcel["back"]
            and not self.orders.find(parcel["order_no"])["delivered_at"]
        ):
            self.orders.sign(parcel["order_no"], None)
        return parcel

    def sign(self, no: str, at: Any = None) -> Order:
        """The buyer has it in hand, and the courier says so."""
        order = self.orders.sign(no, at)
        if order["waybill"] and self.store.get("parcel", order["waybill"]):
            self.parcels.scan(order["waybill"], SIGNED, at=at)
        return order

    def forget(self) -> None:
        """As on the first day."""
        self.store.forget_all()
        self.misbehaviour.forget()
        self.hands.set(None, 1)

    def close(self) -> None:
        self.store.close()
