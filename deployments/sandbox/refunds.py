"""The payment service: pays each key once, and never back more than was paid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deployments.sandbox.answers import No
from deployments.sandbox.ledger import DONE, REFUSED, Ledger
from deployments.sandbox.orders import Orders
from deployments.sandbox.store import Store

PARTY = "payments"
SUCCEEDED, PENDING, FAILED = "succeeded", "pending", "failed"
Refund = dict[str, Any]


class Refunds:
    """What became of each key. One that is pending is paid when it is next asked about."""

    def __init__(
        self, store: Store, book: Ledger, orders: Orders, announce: Callable[[Refund], None]
    ) -> None:
        self._store, self._book, self._orders, self._announce = store, book, orders, announce

    def ask(self, key: str, terms: dict[str, Any], becomes: str) -> tuple[int, dict[str, Any]]:
        """A new refund becomes this; a known one is told as it is by now."""
        known = self._store.get("refund", key)
        with self._store.change():
            status, answer = self._book.once(
                PARTY, "refund", key, terms["order_no"], terms, lambda: self._new(key, terms, becomes)
            )
            if answer.get("status") == FAILED:
                self._book.settle(PARTY, key, REFUSED, FAILED)
        return (200, self.find(key)) if known and status < 400 else (status, answer)

    def find(self, key: str) -> Refund:
        """Raises No where this key was never heard of."""
        with self._store.change():
            refund = self._store.get("refund", key)
            if refund is None:
                raise No(404, "not_found", "no refund was asked for with this key")
            if refund["status"] == PENDING:
                self._pay(refund)
                self._book.settle(PARTY, key, DONE, None)
            return refund

    def settle_all(self) -> list[Refund]:
        """What is pending is paid without being asked about."""
        pending = [refund["key"] for refund in self._store.all("refund") if refund["status"] == PENDING]
        return [self.find(key) for key in pending]

    def _new(self, key: str, terms: dict[str, Any], becomes: str) -> tuple[int, dict[str, Any]]:
        self._orders.reserve(terms["order_no"], terms["shop"], terms["fen"] if becomes != FAILED else 0)
        refund = {"key": key, **terms, "status": becomes, "refund_ref": f"P{self._store.number('refund')}"}
        if becomes == FAILED:
            refund["reason"] = "the account is closed"
            self._announce(refund)
        self._keep(refund)
        if becomes == SUCCEEDED:
            self._pay(refund)
        return 202 if becomes == PENDING else 201, refund

    def _pay(self, refund: Refund) -> None:
        self._orders.refunded(refund["order_no"], refund["fen"])
        refund["status"] = SUCCEEDED
        self._keep(refund)
        self._announce(refund)

    def _keep(self, refund: Refund) -> None:
        self._store.put("refund", refund["key"], refund, shop=refund["shop"])
