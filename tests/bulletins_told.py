"""A desk's days, simulated: complaints and questions of every kind, through the engine, by a virtual clock."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from complaints_told import clockwork, of_complaint, said, tell_complaints
from orders_told import SHOP
from sqlalchemy import Engine

from flows.requests import Request, Status

NATURES = (
    ("quality",) * 6 + ("packaging",) * 4 + ("logistics",) * 5 + ("attitude", "attitude", "safety", "other")
)
SKUS = ["BAG-1"] * 5 + [f"BAG-{n}" for n in range(2, 16)]
AGENTS = ("李静", "王磊", "赵敏", "陈晨")
OUTCOMES = ("satisfied",) * 14 + ("problem",) * 3 + ("not_reached",) * 4 + ("refused",)
REMEDIES = ("apology", "explanation", "replacement", "refund", "compensation")


def a_desk_at_work(
    engine: Engine, count: int, start: datetime, days: int, *, seed: int, every: timedelta, shop: str = SHOP
) -> None:
    """So many cases spread over these days, and twelve days more in which they are settled; the complaint flows run
    `every` so often."""
    chance = random.Random(seed)
    told = [request for n in range(count) for request in _a_case(chance, n, start, days, shop)]
    told.sort(key=lambda request: request.at)
    at, end = start, start + timedelta(days=days + 12)
    while at < end:
        batch = [request for request in told if at <= request.at < at + every]
        outcomes = tell_complaints(engine, *batch).outcomes if batch else []
        assert all(o.status in (Status.CHANGED, Status.REFUSED) for o in outcomes), outcomes
        at += every
        clockwork(engine, at)


def _a_case(chance: random.Random, n: int, start: datetime, days: int, shop: str) -> list[Request]:
    """What is told of one; what the rules refuse by then (it is closed, or was never resolved) is refused."""
    at = start + timedelta(days=chance.randrange(days), seconds=chance.randrange(9 * 3_600, 22 * 3_600))
    no, agent = f"S{n}", chance.choice(AGENTS)
    later = lambda hours: timedelta(hours=chance.expovariate(1 / hours), seconds=1)  # noqa: E731
    if chance.random() < 0.25:
        intake = chance.choice(("query", "consultation"))
        asked = said(at, no=no, shop=shop, intake=intake, nature=None)
        turns = chance.random() < 0.2
        steps = [of_complaint("respond", at := at + later(0.4), no=no, shop=shop, by=agent)]
        if not turns:
            return [
                asked,
                *steps,
                of_complaint("answer", at + later(1), no=no, shop=shop, by=agent, text="…"),
            ]
        turned = {"nature": chance.choice(NATURES)}
        steps.append(
            of_complaint("become_complaint", at := at + later(1), no=no, shop=shop, by=agent, **turned)
        )
    else:
        sku = chance.choice(SKUS) if chance.random() < 0.8 else None
        fen = chance.randrange(2_000, 60_000)
        steps = []
        asked = said(at, no=no, shop=shop, nature=chance.choice(NATURES), sku=sku, amount_fen=fen)
    for round_ in range(2):
        tell = lambda trigger, **facts: of_complaint(trigger, at, no=no, shop=shop, by=agent, **facts)  # noqa: B023, E731
        at += later(0.5)
        steps.append(tell("acknowledge"))
        at += later(1)
        steps.append(tell("respond"))
        if chance.random() < 0.3:
            at += later(1)
            steps.append(tell("wait", text="等照片"))
            at += later(8)
            steps.append(of_complaint("hear", at, no=no, shop=shop, by="platform", words="照片"))
        if chance.random() < 0.05:
            return [asked, *steps]
        at += later(14)
        steps.append(tell("resolve", remedy=chance.choice(REMEDIES), text="已办"))
        if chance.random() < 0.1:
            return [asked, *steps]
        at += later(50)
        outcome = chance.choice(OUTCOMES)
        mark = {"satisfaction": chance.choice((3, 4, 4, 5, 5, 5))} if outcome == "satisfied" else {}
        mark |= {"satisfaction": chance.choice((1, 2, 3))} if outcome == "problem" else {}
        steps.append(tell("call", outcome=outcome, **mark))
        if outcome != "problem" or round_:
            break
    return [asked, *steps]
