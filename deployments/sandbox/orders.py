"""The shop platform's orders: what buyers and the warehouse do with them, and what the shop may have done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from deployments.sandbox.answers import No, iso
from deployments.sandbox.moments import Hands
from deployments.sandbox.store import Store

Order = dict[str, Any]
Announce = Callable[[Order], None]
TIMES = ("paid_at", "shipped_at", "delivered_at", "confirmed_at", "cancelled_at", "refunded_at")
STATUS = (  # the first whose time is known
    *(("refunded_at", "refunded"), ("cancelled_at", "cancelled"), ("confirmed_at", "completed")),
    *(("delivered_at", "delivered"), ("shipped_at", "shipped"), ("paid_at", "paid")),
)
EMPTY = {
    **dict.fromkeys(TIMES),
    **dict.fromkeys(("waybill", "carrier", "paid_fen", "let_go_at", "cutoff_at", "stopped_at")),
    **{"refunded_fen": 0, "reserved_fen": 0},
    "remark": "",
}


def status_of(order: Order) -> str:
    """One word, as platforms give it; what was paid back in part keeps the word it had."""
    known = [status for time, status in STATUS if order[time]]
    if known[:1] == ["refunded"] and order["refunded_fen"] < (order["paid_fen"] or 0):
        known = known[1:]
    return known[0] if known else "unpaid"


class Orders:
    """Each change is whole, dated by the sandbox's time, and announced."""

    def __init__(self, store: Store, hands: Hands, announce: Announce) -> None:
        self._store, self._hands, self._announce = store, hands, announce

    def find(self, no: str, shop: str | None = None) -> Order:
        """Raises No where there is none in this shop (of any shop: None)."""
        order = self._store.get("order", no)
        if order is None or shop not in (None, order["shop"]):
            raise No(404, "unknown_order", "there is no order with this number")
        return order

    def place(self, told: Order) -> Order:
        """A buyer orders; what is told of later days, such as a payment, has happened already."""
        if self._store.get("order", told["no"]):
            raise No(422, "order_known", "there is an order with this number already")
        order = {**EMPTY, **told, "placed_at": told.get("placed_at") or iso(self._hands.now())}
        if order["paid_at"] and order["paid_fen"] is None:
            order["paid_fen"] = order["amount_fen"]
        if order["refunded_fen"] > (order["paid_fen"] or 0):
            raise No(422, "refund_above_paid", "more is paid back than was paid")
        self._take_from_stock(order)
        return self._changed(order)

    # -- what buyers do ------------------------------------------------------------------------------

    def pay(self, no: str, at: datetime | None, fen: int | None) -> Order:
        """Also an order that was closed meanwhile: money knows no deadline."""
        order = self.find(no)
        if order["paid_at"]:
            raise No(422, "paid_already", "this order is paid already")
        self._stamp(order, "paid_at", at)
        order["paid_fen"] = order["amount_fen"] if fen is None else fen
        if order["cancelled_at"]:
            order["cancelled_at"] = None
            self._take_from_stock(order)
        return self._changed(order)

    def cancel(self, no: str, at: datetime | None = None) -> Order:
        """The buyer changes their mind, or the shop closes it: before it is paid."""
        order = self.find(no)
        if order["paid_at"]:
            raise No(422, "paid_already", "a paid order is paid back, not closed")
        if order["cancelled_at"]:
            raise No(422, "closed_already", "this order is closed already")
        self._stamp(order, "cancelled_at", at)
        self._give_back_to_stock(order)
        return self._changed(order)

    def sign(self, no: str, at: datetime | None) -> Order:
        """The parcel is handed over."""
        return self._follows(no, "delivered_at", after="shipped_at", at=at)

    def confirm(self, no: str, at: datetime | None) -> Order:
        """The buyer confirms that it came."""
        return self._follows(no, "confirmed_at", after="shipped_at", at=at)

    # -- what the shop may have done -----------------------------------------------------------------

    def remark(self, no: str, text: str) -> Order:
        order = self.find(no)
        order["remark"] = "\n".join(filter(None, (order["remark"], text)))[-10_000:]
        return self._changed(order)

    def let_go(self, no: str, cutoff_at: datetime | None) -> Order:
        """The warehouse may pack it. A no for good where it must not leave, for now where it may yet be paid."""
        order = self._must_not_be_over(no)
        if not order["paid_at"]:
            raise No(409, "not_paid", "this order is not paid yet")
        if order["shipped_at"]:
            raise No(422, "left_already", "this order has left already")
        if order["let_go_at"]:
            raise No(422, "let_go_already", "the warehouse has this order already")
        order |= {"let_go_at": iso(self._hands.now()), "stopped_at": None}
        order["cutoff_at"] = iso(cutoff_at) if cutoff_at else None
        return self._changed(order)

    def stop(self, no: str) -> Order:
        """The warehouse puts it back. Stopping what it does not have is no harm: it stays where it is."""
        order = self.find(no)
        if order["shipped_at"]:
            raise No(422, "left_already", "this order has left already")
        order |= {"let_go_at": None, "cutoff_at": None, "stopped_at": iso(self._hands.now())}
        return self._changed(order)

    def ship(self, no: str, waybill: str, carrier: str | None) -> Order:
        """It leaves with this waybill; told twice it left once."""
        order = self._must_not_be_over(no)
        if order["shipped_at"]:
            if order["waybill"] == waybill:
                return order
            raise No(422, "left_already", "this order has left with another waybill")
        if not order["paid_at"]:
            raise No(409, "not_paid", "this order is not paid yet")
        self._stamp(order, "shipped_at", None)
        order |= {"waybill": waybill, "carrier": carrier, "let_go_at": None}
        return self._changed(order)

    def reserve(self, no: str, shop: str, fen: int) -> None:
        """Of what was paid, this much is about to go back: what is reserved can't be asked for again."""
        order = self.find(no, shop)
        if fen > (order["paid_fen"] or 0) - order["refunded_fen"] - order["reserved_fen"]:
            raise No(422, "refund_above_paid", "that is more than is left of what was paid")
        order["reserved_fen"] += fen
        self._keep(order)

    def refunded(self, no: str, fen: int) -> Order:
        """What was reserved went back."""
        order = self.find(no)
        order["refunded_fen"] += fen
        order["reserved_fen"] -= fen
        self._stamp(order, "refunded_at", None)
        if order["refunded_fen"] == order["paid_fen"] and not order["shipped_at"]:
            self._give_back_to_stock(order)
        return self._changed(order)

    def in_the_warehouse(self) -> list[Order]:
        """Let go, and neither stopped nor gone."""
        return [order for order in self._store.all("order") if order["let_go_at"]]

    # -- stock ---------------------------------------------------------------------------------------

    def set_stock(self, sku: str, pieces: int) -> None:
        """What is never set is never short."""
        self._store.put("stock", sku, {"sku": sku, "pieces": pieces})

    def _take_from_stock(self, order: Order) -> None:
        for item, stock in self._counted(order):
            if stock["pieces"] < item["quantity"]:
                raise No(422, "out_of_stock", f"there are only {stock['pieces']} of {item['sku']}")
            self.set_stock(item["sku"], stock["pieces"] - item["quantity"])

    def _give_back_to_stock(self, order: Order) -> None:
        for item, stock in self._counted(order):
            self.set_stock(item["sku"], stock["pieces"] + item["quantity"])

    def _counted(self, order: Order) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        counted = [(item, self._store.get("stock", item["sku"] or "")) for item in order["items"]]
        return [(item, stock) for item, stock in counted if stock]

    # -- for all of them -----------------------------------------------------------------------------

    def _must_not_be_over(self, no: str) -> Order:
        order = self.find(no)
        if (status := status_of(order)) in ("cancelled", "refunded"):
            raise No(422, f"order_{status}", f"this order is {status}: it must not leave")
        return order

    def _follows(self, no: str, time: str, *, after: str, at: datetime | None) -> Order:
        order = self.find(no)
        if not order[after]:
            raise No(409, "not_shipped", "this order has not left yet")
        if order[time]:
            raise No(422, "known_already", "that was known already")
        self._stamp(order, time, at)
        return self._changed(order)

    def _stamp(self, order: Order, time: str, at: datetime | None) -> None:
        order[time] = iso(at or self._hands.now())

    def _changed(self, order: Order) -> Order:
        order |= {"status": status_of(order), "updated_at": iso(self._hands.now())}
        self._keep(order)
        self._announce(order)
        return order

    def _keep(self, order: Order) -> None:
        self._store.put("order", order["no"], order, shop=order["shop"], updated_at=order["updated_at"])
