"""What buyers, the warehouse, couriers and agents do in the week of the kill test, hour by hour, drawn from a seed."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select

from flows import complaint_acts
from flows.acting import act
from flows.return_desk import RETURNS_HAND, open_return
from models import Complaint, Return
from models.database import reading
from states.errors import KefuError
from tests.sandbox_told import Sandbox

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 3, 2, tzinfo=ZONE)  # a Monday
WEEK = 7 * 24  # hours
SHOPS = ("bag-studio", "urumqi-kitchen")
WAYS = {  # of a hundred orders
    **{"plain": 18, "unpaid": 6, "paid_late": 4, "cancelled": 4, "unsent": 20, "withdrawn": 4},
    **{"returned": 14, "compensated": 6, "complains": 14, "troubled": 4, "refused": 4, "lost": 2},
}
NATURES = ("packaging", "attitude", "logistics", "quality", "safety")
NOT_YET = ("unknown_order", "unknown_return", "not_paid", "not_delivered")
PATIENCE = 24  # hours that an agent looks again for what kefu has not heard of
RETURNS, COMPLAINTS = Return.__table__, Complaint.__table__
Turn = tuple[str, dict[str, str]]  # a trigger, and what is told with it
TURNS: dict[str, list[Turn]] = {  # of a return, by its state
    "requested": [("approve", {})],
    "evidence_needed": [("show_evidence", {"kind": "photo", "link": "https://img.example.com/1.jpg"})],
    "received": [("inspect", {"finding": "as_described"})],
    "inspected": [("pay_back", {})],
}
SETTLES: list[Turn] = [
    ("resolve", {"remedy": "apology", "text": "已道歉,客户接受"}),
    (
        "resolve",
        {"remedy": "compensation", "return": "compensation", "amount_fen": "300", "text": "补偿三元"},
    ),
]
CALLS: list[Turn] = [
    ("call", {"outcome": how}) for how in ("satisfied", "satisfied", "not_reached", "problem")
]
ANSWERS: dict[str, list[Turn]] = {  # to a complaint, by its state
    "registered": [("acknowledge", {}), ("escalate", {"text": "需上级处理"}), ("", {}), ("", {})],
    "investigating": [*SETTLES, ("respond", {"text": "已联系客户"})],
    "escalated": SETTLES,
    "resolved": CALLS,
    "callback_due": CALLS,
}


class Lives:
    """All of them; the next moment that something happens is asked for hour by hour."""

    def __init__(self, sandbox: Sandbox, engine: Engine, orders: int, seed: int) -> None:
        self._sandbox, self._engine, self._seed = sandbox, engine, seed
        self._numbers, self._coming = count(), []
        self._placed: dict[int, list[dict]] = {}
        self._ways: dict[str, tuple[str, random.Random]] = {}  # of those that may leave
        self.now = START
        self.did: Counter[str] = Counter()
        for number in range(orders):
            self._draw(number)

    def _draw(self, number: int) -> None:
        draw = random.Random(f"{self._seed}/{number}")
        no, shop, hour = f"{number:06d}", SHOPS[number % 2], draw.randrange(4 * 24)
        way = draw.choices(list(WAYS), list(WAYS.values()))[0]
        pieces, fen = draw.choice((1, 1, 2)), draw.randrange(2_000, 30_000)
        self._placed.setdefault(hour, []).append(
            {
                **{"no": no, "shop": shop, "amount_fen": pieces * fen, "buyer": f"buyer{number % 700}"},
                **{
                    "receiver": "王小明",
                    "phone": f"139{number:08d}",
                    "address": f"杭州市西湖区文三路 {number} 号",
                },
                "items": [{"sku": f"BAG-{number % 50}", "title": "包", "quantity": pieces, "price_fen": fen}],
            }
        )
        self._choose(no, shop, hour, way, draw)

    def _choose(self, no: str, shop: str, hour: int, way: str, draw: random.Random) -> None:
        if way == "cancelled":
            self._at(hour + draw.randint(1, 5), "cancels", lambda: self._sandbox.act(no, "cancel"))
        if way in ("unpaid", "cancelled"):
            return
        paid = hour + (draw.randint(71, 76) if way == "paid_late" else draw.choice((0, 0, 1, 2, 8)))
        self._at(paid, "pays", lambda: self._sandbox.act(no, "pay"))
        if way in ("unsent", "withdrawn"):
            asked = paid + draw.randint(1, 30)
            self._at(asked, "wants money back", lambda: self._open(no, shop, reason="disliked"))
            if way == "withdrawn":
                self._at(asked + 4, "withdraws", lambda: self._turn(f"{no}-R1", shop, "withdraw", {}))
        self._ways[no] = (way, draw)

    def _at(self, hour: float, what: str, do: Callable[[], Any]) -> None:
        heapq.heappush(self._coming, (hour, next(self._numbers), what, do))

    # -- an hour -------------------------------------------------------------------------------------

    def live(self, hour: int) -> None:
        """Everything that happens in this hour; what is turned down is counted."""
        if orders := [order for at in sorted(self._placed) if at <= hour for order in self._placed.pop(at)]:
            self._sandbox.place(*orders)
            self.did["orders"] += len(orders)
        not_yet: list[tuple] = []
        while self._coming and self._coming[0][0] <= hour:
            due, _, what, do = heapq.heappop(self._coming)
            if self._do(what, do) in NOT_YET and hour < due + PATIENCE:
                not_yet.append((due, next(self._numbers), what, do))
        for again in not_yet:  # kefu has not heard of it so far: the agent looks again an hour later
            heapq.heappush(self._coming, again)
        for order in self._sandbox.empty_the_warehouse():
            self._leaves(order, hour)
        self._work(RETURNS, TURNS, self._turn)
        self._work(COMPLAINTS, ANSWERS, self._answer)

    def _do(self, what: str, do: Callable[[], Any]) -> str:
        """The code of a no; empty when it was done."""
        code = ""
        try:
            do()
        except KefuError as error:
            code = error.code or type(error).__name__
        except AssertionError as error:  # the sandbox says no: that is life
            code = str(error)[:60]
        self.did[f"{what}: no, {code}" if code else what] += 1
        return code

    def leave_unasked(self, no: str, hour: int) -> None:
        """The warehouse errs, and somebody takes it along."""
        self._do("leaves unasked", lambda: self._leaves(self._sandbox.act(no, "depart"), hour))

    def _leaves(self, order: dict, hour: int) -> None:
        """The courier has it; what the buyer does with it afterwards."""
        self.did["leaves"] += 1
        no, shop, waybill = order["no"], order["shop"], order["waybill"]
        way, draw = self._ways[no]
        there = hour + draw.randint(14, 40)
        if way == "lost":
            self._at(
                there, "is given up", lambda: self._sandbox.control("POST", f"/parcels/{waybill}/give-up")
            )
            return
        self._at(hour + 5, "scan", lambda: self._sandbox.scan(waybill, "0"))
        if way in ("troubled", "refused"):
            self._at(there - 4, "trouble", lambda: self._sandbox.scan(waybill, "2"))
        if way == "refused":
            self._at(there, "refuses", lambda: self._sandbox.scan(waybill, "4"))
            self._at(there + 9, "comes back refused", lambda: self._sandbox.scan(waybill, "6"))
            return
        self._at(there, "signs", lambda: self._sandbox.scan(waybill, "3"))
        if way == "returned":
            self._at(there + 3, "wants to return", lambda: self._open(no, shop, reason="disliked"))
            self._at(there + 8, "sends back", lambda: self._send_back(no, shop, there + 8))
        if way == "compensated":
            asked = {"reason": "quality", "kind": "compensation", "amount_fen": 300}
            asked["evidence"] = ["photo=https://img.example.com/1.jpg"]
            self._at(there + 2, "wants a compensation", lambda: self._open(no, shop, **asked))
        if way == "complains":
            nature = draw.choice(NATURES)
            for after in (1, draw.randint(1, 4))[: draw.randint(1, 2)]:
                self._at(there + after, "complains", lambda: self._complain(no, nature))

    def _complain(self, no: str, nature: str) -> None:
        self._sandbox.act(no, "complain", nature=nature, text="收到的商品有问题")

    def _send_back(self, no: str, shop: str, hour: int) -> None:
        waybill = f"YT{no}{hour:06d}"
        back = {"waybill": waybill, "order_no": no, "carrier": "圆通速递"}
        self._turn(f"{no}-R1", shop, "track", {"waybill": waybill, "carrier": "圆通速递"})
        self._sandbox.control("POST", "/parcels", back)
        self._at(hour + 20, "comes back", lambda: self._sandbox.scan(waybill, "3"))

    # -- the desk ------------------------------------------------------------------------------------

    def _open(self, no: str, shop: str, **asked: Any) -> None:
        open_return(self._engine, no, shop=shop, by="李娜", at=self.now.isoformat(), **asked)

    def _turn(self, no: str, shop: str, trigger: str, facts: dict) -> None:
        how = {"at": self.now.isoformat(), "by": "主管", "shop": shop, "hand": RETURNS_HAND}
        act(self._engine, no, trigger, facts=facts, **how)

    def _answer(self, no: str, shop: str, trigger: str, facts: dict) -> None:
        how = {"at": self.now.isoformat(), "by": "主管", "shop": shop}
        complaint_acts.act(self._engine, no, trigger, facts=facts, **how)

    def _work(self, table: Any, turns: dict[str, list[Turn]], do: Callable) -> None:
        """What lies there for two hours is taken up; not always at once."""
        c = table.c
        mine = select(c.no, c.shop, c.state, c.version).where(
            c.state.in_(turns), c.changed_at < self.now - timedelta(hours=2)
        )
        with reading(self._engine) as connection:
            cases = connection.execute(mine.order_by(c.id)).all()
        for case in cases:
            draw = random.Random(f"{self._seed}/{case.no}/{case.version}/{self.now}")
            trigger, facts = draw.choice(turns[case.state])
            if trigger:
                self._do(trigger, partial(do, case.no, case.shop, trigger, facts))
