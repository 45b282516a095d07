"""A day on which nobody can be paid back, and parcels that leave meanwhile although nobody let them go: once that is
known, they are not paid for as unsent."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, select

from models import Order, Refund, Return
from models.database import reading
from tests.benchmarks.kill_lives import START, Lives
from tests.sandbox_told import Sandbox

BEGINS, ENDS = 72, 96  # hours
WAITS = 120  # seconds to hear that they have left
REFUNDS, RETURNS, ORDERS = Refund.__table__, Return.__table__, Order.__table__


class UnpaidDay:
    """Lived hour by hour, with the lives."""

    def __init__(
        self, engine: Engine, sandbox: Sandbox, lives: Lives, faults: dict[str, Any], seed: int
    ) -> None:
        """Takes the faults that the payment service has on every other day."""
        self._engine, self._sandbox, self._lives, self._faults = engine, sandbox, lives, faults
        self._seed = seed
        self.not_to_be_paid: set[str] = set()  # by their keys

    def live(self, hour: int) -> None:
        """What this day is about."""
        if hour == BEGINS:
            self._sandbox.misbehave("payments", **self._faults | {"too_many": 1})
        elif BEGINS < hour < ENDS:
            for refund in self._asked_for():
                if random.Random(f"{self._seed}/{refund.key}/{hour}").random() < 0.2:
                    self._lives.leave_unasked(refund.no, hour)
        elif hour == ENDS:
            self._wait_until_known()
            self.not_to_be_paid = {refund.key for refund in self._asked_for() if refund.shipped_at}
            self._sandbox.misbehave("payments", **self._faults)

    def _asked_for(self) -> list[Any]:
        """On this day, for what was not to leave: none of them is paid before it ends."""
        r = REFUNDS.c
        mine = (
            select(r.key, ORDERS.c.no, ORDERS.c.shipped_at)
            .join(RETURNS, RETURNS.c.id == r.return_id)
            .join(ORDERS, ORDERS.c.id == r.order_id)
            .where(RETURNS.c.kind == "refund_unshipped", r.requested_at > START + timedelta(hours=BEGINS))
        )
        with reading(self._engine) as connection:
            return list(connection.execute(mine.order_by(r.id)).all())

    def _wait_until_known(self) -> None:
        left = {order["no"] for order in self._sandbox.orders() if order["shipped_at"]}
        give_up_at = time.monotonic() + WAITS
        while time.monotonic() < give_up_at:
            if not any(refund.no in left and not refund.shipped_at for refund in self._asked_for()):
                return
            time.sleep(0.1)
