"""A month at the complaints desks of two shops, made up from a seed: customers, colleagues, a clock that runs ahead.

Customers turn to us at any hour, about orders and without; some are furious, some write again, thank, come back,
answer surveys late or never. Colleagues acknowledge soon, late or never, answer, wait for the customer, promise
calls, bring in others, and forget. The timed steps run every ten minutes, as on the timetable; moments at which
nothing is due and nobody speaks are passed over. What is owed is delivered each time as always, to a gateway that notes
it. Twice the system stands still; what happens meanwhile is told when it is back.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, func, select

from flows import complaint_cases, order_cases
from flows.advance import advancing
from flows.complaint_steps import complaint_callbacks, complaint_escalations
from flows.gateways import Limits, Owed
from flows.outbox_delivery import deliver_outbox
from flows.outbox_rows import unsent
from flows.requests import Outcome, Request, Status
from models import Order, OutboxMessage, Timer
from models.database import reading
from states.orders import fact_key

ZONE = ZoneInfo("Asia/Shanghai")
A_MINUTE, AN_HOUR, A_DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVERY, BATCH = 10 * A_MINUTE, 500
BEGINS_AT = datetime(2026, 3, 2, tzinfo=ZONE)  # a Monday; Qingming falls on the weekend after the month
DAYS = 31
LAST_MOMENT = BEGINS_AT + 150 * A_DAY
STOPS = (  # hours on a Wednesday, and a weekend
    (datetime(2026, 3, 11, 10, 35, tzinfo=ZONE), datetime(2026, 3, 11, 16, 20, tzinfo=ZONE)),
    (datetime(2026, 3, 20, 18, 5, tzinfo=ZONE), datetime(2026, 3, 23, 10, 40, tzinfo=ZONE)),
)
SHOPS = ("bag-studio", "bag-studio", "bag-studio", "urumqi-kitchen")
NATURES = {"logistics": 30, "packaging": 18, "quality": 20, "attitude": 12, "other": 10,
           "expired": 3, "spoiled": 4, "safety": 3}  # fmt: skip
INTAKES = {"complaint": 72, "query": 17, "consultation": 11}
CHANNELS = ("phone", "chat", "email", "wechat", "shop_message", "platform")
CALLS = {"satisfied": 48, "problem": 12, "not_reached": 24, "wrong_number": 5, "later": 8, "refused": 3}
BEGINS_A_ROUND = ("register", "become_complaint", "begin_round", "reopen")
PEOPLE = ("李娜", "王强", "陈静", "刘洋", "赵敏")
AT_WORK, SETTLED = ("registered", "investigating", "escalated"), ("resolved", "callback_due", "surveyed")
TIMERS, OUTBOX, ORDERS = Timer.__table__, OutboxMessage.__table__, Order.__table__


@dataclass(slots=True)
class Known:
    """What the world knows of one case."""

    shop: str
    intake: str
    state: str = ""
    round: int = 0
    reactions: int = 0


@dataclass
class Life:
    """What happened while the month was lived through."""

    outcomes: Counter = field(default_factory=Counter)  # (trigger, status, code)
    triggers: Counter = field(default_factory=Counter)  # of the timed steps
    failed: list[Outcome] = field(default_factory=list)
    every: timedelta = EVERY
    red: list[Any] = field(default_factory=list)
    left: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))  # messages, by key
    after_stops: list[datetime] = field(default_factory=list)  # the first run after each
    moments: int = 0


def at_the_desk(at: datetime) -> datetime:
    """When somebody is there to do it: from ten to half past six."""
    local = at.astimezone(ZONE)
    opens, closes = local.replace(hour=10, minute=0), local.replace(hour=18, minute=30)
    if local < opens:
        return opens + timedelta(minutes=local.minute)
    return local if local < closes else opens + A_DAY + timedelta(minutes=local.minute)


class Month:
    """So many consultations, queries and complaints of one month."""

    def __init__(
        self,
        engine: Engine,
        number: int,
        seed: int,
        *,
        begins_at: datetime = BEGINS_AT,
        days: int = DAYS,
        every: timedelta = EVERY,
    ) -> None:
        self.engine, self.number, self.seed = engine, number, seed
        self.begins_at, self.days, self.every = begins_at, days, every
        self.life = Life(every=every)
        self.known: dict[str, Known] = {}
        self._coming: list[tuple] = []  # a heap: (at, rank, no, round or None, trigger, by, facts, details)
        self._ranks = count()
        self._made: Counter = Counter()  # complaints by order

    def live(self, progress: Callable[[datetime], None] = lambda moment: None) -> Life:
        """From the first word until nothing is left to do."""
        self._place_orders()
        self._plan_customers()
        before = self.begins_at - self.every
        for moment in self._moments():
            if any(before < start and moment >= end for start, end in STOPS):
                self.life.after_stops.append(moment)
            self._tell(moment)
            self._sweep(moment)
            self._deliver(moment)
            self.life.moments += 1
            before = moment
            progress(moment)
        return self.life

    # -- what is there at the beginning --------------------------------------------------------------

    def _random(self, *about: Any) -> Random:
        return Random(":".join(map(str, (self.seed, *about))))

    def _place_orders(self) -> None:
        asked = []
        for n in range(max(self.number // 3, 1)):
            luck = self._random("order", n)
            shop, at = (
                luck.choice(SHOPS),
                self.begins_at - luck.randint(1, 20) * A_DAY + luck.randint(0, 1439) * A_MINUTE,
            )
            no, fen = f"N{n:05}", luck.choice((990, 4_900, 12_800, 29_900, 68_000))
            line = {"sku": f"SKU-{luck.randint(1, 60)}", "title": "商品", "quantity": 1, "price_fen": fen}
            who = {"receiver": "王小明", "phone": f"138{n:08}", "address": f"浙江省杭州市文三路 {n} 号"}
            details = {**who, "buyer": f"buyer {n % max(self.number // 4, 1)}", "lines": [line]}
            asked.append(Request(shop, no, "place", at, "platform", {"amount_fen": fen}, "place", details))
            paid = {"amount_fen": fen}
            asked.append(Request(shop, no, "pay", at + 9 * A_MINUTE, "platform", paid, fact_key("pay", paid)))
        for start in range(0, len(asked), BATCH):
            told = asked[start : start + BATCH]
            done = advancing(self.engine, told, recorded_at=self.begins_at, cases=order_cases)
            assert {outcome.status for outcome in done.outcomes} == {Status.CHANGED}
        with reading(self.engine) as connection:
            found = connection.execute(
                select(ORDERS.c.id, ORDERS.c.no, ORDERS.c.shop).order_by(ORDERS.c.no)
            ).all()
        self._orders = [tuple(row) for row in found]

    def _plan_customers(self) -> None:
        for n in range(self.number):
            luck = self._random("customer", n)
            minute = luck.randint(480, 1439) if luck.random() < 0.85 else luck.randint(0, 479)
            at = (
                self.begins_at
                + luck.randrange(self.days) * A_DAY
                + minute * A_MINUTE
                + timedelta(seconds=luck.randrange(60))
            )
            intake = _drawn(luck, INTAKES)
            facts = {
                "intake": intake,
                "channel": luck.choice(CHANNELS),
                "nature": _drawn(luck, NATURES) if intake == "complaint" else None,
                "sku": f"SKU-{luck.randint(1, 60)}" if luck.random() < 0.3 else None,
                "amount_fen": luck.choice((None, 990, 12_800, 68_000)),
                "furious": luck.random() < 0.05,
                "hard_to_judge": luck.random() < 0.02,
            }
            order_id, shop, no = None, luck.choice(SHOPS), f"C{n:05}"
            if luck.random() < 0.65:
                order_id, order_no, shop = luck.choice(self._orders)
                self._made[order_no] += 1
                no = f"{order_no}-C{self._made[order_no]}"
            self.known[no] = Known(shop, intake)
            details = {"order_id": order_id, "words": "这是怎么回事", "name": "王小明", "phone": f"139{n:08}"}
            self._plan(at, no, None, "register", luck.choice(PEOPLE), facts, details)

    def _plan(
        self, at: datetime, no: str, round_: int | None, trigger: str, by: str, facts=None, details=None
    ) -> None:
        heapq.heappush(self._coming, (at, next(self._ranks), no, round_, trigger, by, facts or {}, details))

    # -- the clock -----------------------------------------------------------------------------------

    def _moments(self) -> Iterator[datetime]:
        """Every tenth minute at which something is due, may leave, or somebody has spoken."""
        last = self.begins_at - self.every
        while (wanted := self._next()) is not None and wanted < LAST_MOMENT:
            steps = max(-((self.begins_at - wanted) // self.every), (last - self.begins_at) // self.every + 1)
            moment = self.begins_at + steps * self.every
            for start, end in STOPS:
                if start <= moment < end:
                    moment = end
            last = moment
            yield moment

    def _next(self) -> datetime | None:
        c, o = TIMERS.c, OUTBOX.c
        mine = (c.case_kind == "complaint", c.done_at.is_(None), c.cancelled_at.is_(None))
        with reading(self.engine) as connection:
            due = connection.scalar(select(func.min(c.due_at)).where(*mine))
            waits = func.coalesce(o.retry_at, o.not_before)
            leaves = connection.scalar(select(func.min(waits)).where(unsent(o), o.digest_id.is_(None)))
        coming = self._coming[0][0] if self._coming else None
        return min((at for at in (due, leaves, coming) if at), default=None)

    def _tell(self, moment: datetime) -> None:
        asked = []
        while self._coming and self._coming[0][0] <= moment:
            at, _, no, round_, trigger, by, facts, details = heapq.heappop(self._coming)
            known = self.known[no]
            if round_ is None or round_ == known.round:
                asked.append(Request(known.shop, no, trigger, at, by, facts, None, details))
        for start in range(0, len(asked), BATCH):
            told = asked[start : start + BATCH]
            for outcome in advancing(self.engine, told, recorded_at=moment, cases=complaint_cases).outcomes:
                self._hear(outcome)

    def _hear(self, outcome: Outcome) -> None:
        request, codes = outcome.request, [reason.code for reason in outcome.reasons]
        self.life.outcomes[request.trigger, str(outcome.status), codes[0] if codes else ""] += 1
        if outcome.status is Status.REFUSED:
            if codes[0] == "already_open":  # what is said belongs to the one that is open
                twin = outcome.reasons[0].en.split()[0]
                self._plan(request.at, twin, None, "hear", "platform", {}, {"words": "怎么还没人理我"})
        elif outcome.status is not Status.CHANGED:
            self.life.failed.append(outcome)
        for change in outcome.changes:
            self._follow(request.no, change.trigger, str(change.dest), change.at)

    def _sweep(self, moment: datetime) -> None:
        for step in (complaint_escalations, complaint_callbacks):
            report = step(self.engine, as_of=moment)
            self.life.triggers.update(report.triggers)
            if report.red:
                self.life.red.append(report)
            for row in report.rows:
                if row["no"] not in self.known:  # a rectification, which others see to
                    continue
                for did in row["did"]:
                    self._follow(row["no"], did["trigger"], did["state"], moment)

    def _deliver(self, moment: datetime) -> None:
        async def taken(owed: Owed) -> None:
            self.life.left[owed.key].append(moment)

        noted = SimpleNamespace(name="noted", limits=Limits(at_once=200, per_second=1e6), deliver=taken)

        @asynccontextmanager
        async def gateways() -> AsyncIterator[Any]:
            yield SimpleNamespace(of=lambda owed: noted)

        report = deliver_outbox(self.engine, as_of=moment, gateways=gateways, clock=lambda: moment)
        if report.red:
            self.life.red.append(report)

    # -- what people do about it ---------------------------------------------------------------------

    def _follow(self, no: str, trigger: str, state: str, at: datetime) -> None:
        known = self.known[no]
        known.state, known.reactions = state, known.reactions + 1
        if trigger in BEGINS_A_ROUND:
            known.round += 1
            known.intake = "complaint" if trigger == "become_complaint" else known.intake
        luck = self._random(no, trigger, known.reactions)

        def soon(
            low: int, high: int, what: str, by: str, *, desk: bool = True, anyway: bool = False, **facts
        ) -> None:
            then = at + timedelta(minutes=luck.randint(low, high), seconds=luck.randrange(60))
            words = facts.pop("words", None)
            details = {"words": words} if words else None
            round_ = None if anyway else known.round
            self._plan(at_the_desk(then) if desk else then, no, round_, what, by, facts, details)

        agent = luck.choice(PEOPLE)
        match trigger:
            case "register" | "become_complaint" | "begin_round" | "reopen" if known.intake == "complaint":
                self._work_begins(luck, soon, agent)
            case "register" | "reopen":
                _answer(luck, soon, agent)
            case "acknowledge" if luck.random() < 0.9:
                _work(luck, soon, agent)
            case "climb" if luck.random() < 0.55:
                soon(
                    4, 150, "acknowledge", luck.choice(("王组长", "孙经理", "周总")), desk=luck.random() < 0.8
                )
            case "chase_response" | "chase_promise" if luck.random() < 0.8:
                soon(3, 90, "respond", agent, text="已回复客户")
            case "chase_resolution" if luck.random() < 0.5:
                soon(20, 600, "resolve", agent, remedy="compensation", text="已补偿")
            case "wait":
                if luck.random() < 0.75:
                    soon(60, 4_000, "hear", "platform", desk=False, words="照片发了")
                else:
                    soon(4_000, 5_000, "resume", agent)
            case "resolve":
                if luck.random() < 0.08:
                    soon(
                        1,
                        600,
                        "hear",
                        "platform",
                        desk=False,
                        words=luck.choice(("谢谢", "谢谢亲", "好的,谢谢您!")),
                    )
                if luck.random() < 0.05 and known.round < 4:
                    soon(60, 9_000, "hear", "platform", desk=False, words="还是不行")
            case "call_due" | "chase_call" if luck.random() < (0.85 if trigger == "call_due" else 0.6):
                self._call(luck, soon, at, known)
            case "survey":
                if luck.random() < 0.4:
                    problem = luck.random() < 0.2 and known.round < 4
                    told = {"outcome": "problem", "words": "没解决"} if problem else {"outcome": "satisfied"}
                    soon(
                        30,
                        14_000,
                        "answer_survey",
                        "platform",
                        desk=False,
                        satisfaction=luck.randint(1, 5),
                        **told,
                    )
            case "close" if luck.random() < 0.04 and known.round < 4:
                soon(1_000, 27_000, "hear", "platform", desk=False, words="又坏了")

    def _work_begins(self, luck: Random, soon: Callable, agent: str) -> None:
        if luck.random() < 0.7:
            soon(2, 100, "acknowledge", agent)
        if luck.random() < 0.12:
            soon(20, 2_000, "hear", "platform", desk=False, words="什么时候处理好?")
        soon(
            7_000, 13_000, "resolve", "孙经理", remedy="apology", text="经理致歉并补偿"
        )  # in the end somebody does

    def _call(self, luck: Random, soon: Callable, at: datetime, known: Known) -> None:
        outcome = _drawn(luck, CALLS)
        outcome = "satisfied" if outcome == "problem" and known.round >= 4 else outcome
        facts: dict[str, Any] = {"outcome": outcome}
        if outcome == "satisfied":
            facts["satisfaction"] = luck.randint(3, 5)
        if outcome == "later":
            facts["later_at"] = at + timedelta(hours=luck.randint(3, 60))
        soon(2, 70, "call", "回访员小赵", desk=False, **facts)


def _drawn(luck: Random, weights: dict[str, int]) -> str:
    return luck.choices(list(weights), list(weights.values()))[0]


def _answer(luck: Random, soon: Callable, agent: str) -> None:
    """What is asked is answered at once, or after a call that was promised; some of it turns out as a complaint."""
    if luck.random() < 0.08:
        soon(5, 200, "become_complaint", agent, nature=_drawn(luck, NATURES))
    if luck.random() < 0.15:
        soon(3, 20, "promise_call", agent)
    soon(3, 40 if luck.random() < 0.8 else 2_000, "answer", agent, text="已答复")


def _work(luck: Random, soon: Callable, agent: str) -> None:
    """What is done after somebody has taken it on."""
    if luck.random() < 0.85:
        soon(3, 150, "respond", agent, text="已联系客户")
    if luck.random() < 0.1:
        soon(10, 100, "promise_call", agent)
    if luck.random() < 0.08:
        soon(10, 300, "assign", agent, handler=luck.choice(PEOPLE))
    if luck.random() < 0.06:
        soon(10, 900, "regrade", agent, grade=luck.choice(("general", "major", "crisis")), text="核定等级")
    if luck.random() < 0.05:
        soon(10, 900, "bring_in", agent, department="技术部", text="请协助")
    if luck.random() < 0.05:
        soon(60, 1_500, luck.choice(("escalate", "give_up")), agent, text="需上级处理")
    if luck.random() < 0.2:
        soon(60, 700, "wait", agent, text="等客户提供照片")
    if luck.random() < 0.85:
        soon(
            90,
            3_000,
            "resolve",
            agent,
            remedy=luck.choice(("apology", "refund", "replacement")),
            text="已处理并告知",
        )
