"""A refund request, its withdrawal, the cut-off and the platform's "shipped", all at once on one order (Show 3).

`python -m tests.benchmarks.refund_race [--rounds 500] [--seed 1]`: on PostgreSQL, with a payment service that counts.
Each round is an order of its own. First the four meet it, from a connection each; when the 24 hours are over, two runs
that pay meet what has come late; then the clock moves on until nothing is due any more. What must hold is in `broken`.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, event, select, text

from flows import return_cases
from flows.advance import advancing
from flows.clock import now
from flows.dispatch_cutoff import dispatch_cutoff
from flows.gateways.payments import PaymentsGateway
from flows.order_watch import watch_orders
from flows.requests import Outcome, Request, Status
from flows.return_steps import chase_returns, release_refunds
from models import Anomaly, Hold, Order, Refund, Return, StateChange, Timer
from models.database import engine_for
from states.orders import fact_key
from states.return_states import OVER
from tests.databases import PostgresServer
from tests.payment_service import (
    NORMAL,
    PAYS_AND_HANGS_UP,
    PAYS_THEN_500,
    UNAVAILABLE_503,
    PaymentService,
)

SHOP, PAID_FEN, TOGETHER = "bag-studio", 10_000, 50
PLACED_AT = datetime.fromisoformat("2026-03-02T10:00:00+08:00")  # a Monday; its cut-off is at 17:00
CUTOFF = PLACED_AT + timedelta(hours=7)
A_SECOND, A_MINUTE, AN_HOUR, A_DAY = (timedelta(seconds=s) for s in (1, 60, 3600, 86_400))
ENDLESS = 150  # moments, after which a case that still waits is called stuck
SERVICE_DOES = [NORMAL, NORMAL, NORMAL, PAYS_AND_HANGS_UP, PAYS_THEN_500, UNAVAILABLE_503]


@dataclass
class Round:
    """What is drawn for one order: the moments all these things stand for, and which of them come late or never."""

    no: str
    draw: random.Random
    late: dict[str, str] = field(default_factory=dict)
    errors: list[BaseException] = field(default_factory=list)
    shipped_told_at: datetime | None = None  # stored by then, by the real clock

    def __post_init__(self) -> None:
        draw = self.draw
        seconds = partial(draw.choice, (-2, -1, 0, 1, 2))
        self.ask_at = CUTOFF + seconds() * A_SECOND
        self.over_at = self.ask_at + A_DAY
        if draw.random() < 0.5:  # all four at once; else some of them come when the money is due, or never
            self.late["withdraw"] = draw.choice(("at once", "late", "never", "never"))
            self.late["ship"] = draw.choice(("at once", "late", "late", "never"))
        self.ship_at = (self.over_at if self.when("ship") == "late" else CUTOFF) + seconds() * A_SECOND
        late = self.when("withdraw") == "late"
        self.withdraw_at = (
            self.over_at - A_SECOND if late else self.ask_at + draw.choice((0, 1, 2)) * A_SECOND
        )
        self.sends_it_back, self.is_let_off = draw.random() < 0.7, draw.random() < 0.8
        self.asks_twice = draw.random() < 0.3

    def when(self, what: str) -> str:
        return self.late.get(what, "at once")

    @property
    def case_nos(self) -> list[str]:
        return [f"{self.no}-R{n}" for n in (1, 2)]


class Race:
    """Rounds in one database."""

    def __init__(self, engine: Engine, service: PaymentService) -> None:
        self.engine, self.service = engine, service
        self.deadlocks = 0
        event.listen(engine, "handle_error", self._count)

    def _count(self, context: Any) -> None:
        self.deadlocks += getattr(context.original_exception, "sqlstate", None) == "40P01"

    # -- telling -------------------------------------------------------------------------------------

    def tell(self, no: str, trigger: str, at: datetime, by: str = "li", *, key=None, details=None, **facts):
        cases = {"cases": return_cases} if "-R" in no else {}
        told = Request(SHOP, no, trigger, at, by, facts, key, details)
        return advancing(self.engine, [told], recorded_at=now(), **cases).outcomes[0]

    def fact(self, no: str, trigger: str, at: datetime, **facts) -> Outcome:
        return self.tell(no, trigger, at, "platform", key=fact_key(trigger, facts), **facts)

    def place(self, no: str) -> int:
        line = {"sku": "BAG-1", "title": "帆布包", "quantity": 1, "price_fen": PAID_FEN}
        receiver = {"receiver": "王小明", "phone": "13812341234", "address": "浙江省杭州市西湖区文三路 1 号"}
        details = {**receiver, "buyer": f"buyer of {no}", "lines": [line]}
        placed = Request(SHOP, no, "place", PLACED_AT, "platform", {"amount_fen": PAID_FEN}, "place", details)
        paid = Request(SHOP, no, "pay", PLACED_AT + A_MINUTE, "platform", {"amount_fen": PAID_FEN}, "pay")
        advancing(self.engine, [placed, paid], recorded_at=now())
        return self.rows(Order, no=no)[0].id

    def ask(self, round: Round, order_id: int, number: int = 1) -> None:
        no = round.case_nos[number - 1]
        self.tell(no, "open", round.ask_at, details={"order_id": order_id}, reason="disliked")

    def withdraw(self, round: Round) -> None:
        """Of two requests at once, one is a case."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            for no in round.case_nos:
                if self.tell(no, "withdraw", round.withdraw_at).status is not Status.UNKNOWN:
                    return
            time.sleep(0.002)  # nothing has been asked for yet
        raise TimeoutError("nobody has asked for a refund")

    def ship(self, round: Round) -> None:
        self.fact(round.no, "ship", round.ship_at, waybill=f"SF{int(round.no):010}")
        round.shipped_told_at = now()

    def release(self, as_of: datetime, **scope: Any) -> None:
        client = httpx.Client(base_url=self.service.url, timeout=10, trust_env=False)
        with closing(PaymentsGateway(client)) as payments:
            release_refunds(self.engine, as_of=as_of, payments=payments, **scope)

    # -- the race ------------------------------------------------------------------------------------

    def run(self, rounds: list[Round]) -> None:
        for round in rounds:
            order_id = self.place(round.no)
            cut_off = partial(dispatch_cutoff, self.engine, as_of=CUTOFF + 2 * A_SECOND, case_no=round.no)
            fired = {
                "ask": partial(self.ask, round, order_id),
                "cut off": cut_off,
                "withdraw": partial(self.withdraw, round),
                "ship": partial(self.ship, round),
            }
            if round.asks_twice:
                fired["ask twice"] = partial(self.ask, round, order_id, 2)
            at_once(round, [do for what, do in fired.items() if round.when(what) == "at once"])
        for round in rounds:
            self.service.behave(round.draw.choice(SERVICE_DOES), NORMAL)
            [case, *_] = [case for no in round.case_nos for case in self.rows(Return, no=no)]
            pays = partial(self.release, round.over_at, case_no=case.no)
            late = {"withdraw": partial(self.withdraw, round), "ship": partial(self.ship, round)}
            at_once(round, [pays, pays, *(do for what, do in late.items() if round.when(what) == "late")])
        self.move_on(rounds)

    def move_on(self, rounds: list[Round]) -> None:
        """From one moment at which anything is due to the next; buyers, warehouse and staff do their part."""
        at = max(round.over_at for round in rounds)
        for _ in range(ENDLESS):
            for round in rounds:
                self.live(round, at)
            dispatch_cutoff(self.engine, as_of=at)
            self.release(at)
            chase_returns(self.engine, as_of=at)
            watch_orders(self.engine, as_of=at)
            due = self.next_due()
            if due is None:
                return
            at = max(at + A_MINUTE, due)

    def next_due(self) -> datetime | None:
        t, r = Timer.__table__.c, Refund.__table__.c
        waits = select(t.due_at).where(t.done_at.is_(None), t.cancelled_at.is_(None))
        asked_again = select(r.retry_at).where(r.settled_at.is_(None), r.retry_at.is_not(None))
        with self.engine.connect() as connection:
            return min([*connection.scalars(waits), *connection.scalars(asked_again)], default=None)

    def live(self, round: Round, at: datetime) -> None:
        order = self.rows(Order, no=round.no)[0]
        if order.state == "released" and order.released_at <= at - AN_HOUR:
            self.fact(
                round.no, "ship", at, waybill=f"SF{int(round.no):010}"
            )  # the warehouse does as it is told
        elif order.state == "shipped" and at >= order.shipped_at + A_DAY:
            self.fact(round.no, "deliver", at)
        for case in self.rows(Return, order_id=order.id):
            self.settle(round, case, at)

    def settle(self, round: Round, case: Any, at: datetime) -> None:
        match case.state:
            case "requested" | "approved" if round.is_let_off:
                self.tell(case.no, "approve", at, override="a good customer")
            case "requested":
                self.tell(case.no, "decline", at, text="no")
            case "awaiting_parcel" if round.sends_it_back:
                self.tell(case.no, "track", at, waybill="YT12345678")
            case "in_transit":
                self.tell(case.no, "receive", at)
            case "received":
                self.tell(case.no, "inspect", at, finding="as_described")

    # -- what came of it -----------------------------------------------------------------------------

    def rows(self, model: Any, **where: Any) -> list[Any]:
        table = model.__table__
        wanted = select(table).filter_by(**where)
        with self.engine.connect() as connection:
            return list(connection.execute(wanted.order_by(table.c.id)).all())

    def story(self, round: Round) -> Story:
        order = self.rows(Order, no=round.no)[0]
        cases = {case.id: case for case in self.rows(Return, order_id=order.id)}

        def of(model: Any, **where: Any) -> list[Any]:
            mine = self.rows(model, case_kind="order", case_id=order.id, **where)
            for id_ in cases:
                mine += self.rows(model, case_kind="return", case_id=id_, **where)
            return sorted(mine, key=lambda row: row.id)

        return Story(
            round,
            order,
            cases,
            of(StateChange),
            self.rows(Refund, order_id=order.id),
            [fen for key, fen in self.service.paid if key.startswith(f"{SHOP}/return/{round.no}-R")],
            of(Hold, released_at=None),
            of(Timer, done_at=None, cancelled_at=None),
            [anomaly.code for anomaly in of(Anomaly)],
        )


def at_once(round: Round, things: list[Callable[[], Any]]) -> None:
    """All of them, each in a thread and a connection of its own, after a short and random wait."""
    start = threading.Barrier(len(things))
    waits = [round.draw.choice((0, 0, 0.002, 0.005, 0.01, 0.03)) for _ in things]
    if round.draw.random() < 0.5:  # one of them goes ahead: not always the one that has the least to do
        ahead = round.draw.randrange(len(things))
        waits = [0 if n == ahead else wait + 0.05 for n, wait in enumerate(waits)]

    def run(do: Callable[[], Any], wait: float) -> None:
        start.wait()
        time.sleep(wait)
        try:
            do()
        except BaseException as error:
            round.errors.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in zip(things, waits, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@dataclass
class Story:
    """One order and its cases when nothing is due any more."""

    round: Round
    order: Any
    cases: dict[int, Any]
    changes: list[Any]  # of all of them, as they were recorded
    refunds: list[Any]
    payments: list[int]  # at the payment service
    holds: list[Any]
    timers: list[Any]
    anomalies: list[str]

    @property
    def course(self) -> str:
        """In which sequence the first things were recorded, until the refund was due."""
        words = {"open": "asked", "withdraw": "withdrawn", "release": "released", "ship": "shipped"}
        words |= {"recall": "recalled", "pay_back": "due", "become_return": "a return"}
        until = self.round.over_at + 2 * A_SECOND
        return ", ".join(
            dict.fromkeys(words[c.trigger] for c in self.changes if c.trigger in words and c.at <= until)
        )

    @property
    def end(self) -> str:
        states = " and ".join(case.state for case in self.cases.values())
        back = ", parcel back" if self.parcel_back else ""
        return f"{states}{back}; order {self.order.state}; paid back {sum(self.payments) / 100:g}"

    @property
    def parcel_back(self) -> bool:
        return any(case.received_at for case in self.cases.values())

    def broken(self) -> Iterator[str]:
        """The promises that this story does not keep."""
        order, payments = self.order, self.payments
        states = [refund.state for refund in self.refunds]
        yield from (f"raised {error!r}" for error in self.round.errors)
        if len(payments) > 1 or sum(payments) > order.paid_fen:
            yield f"paid back {payments} of {order.paid_fen}"
        if order.refunded_fen != sum(payments) or states.count("succeeded") != len(payments):
            yield f"{order.refunded_fen} fen are said to be paid back, it was {payments}; refunds {states}"
        if order.refunding_fen or {*states} & {"requested", "sent", "unknown"}:
            yield f"{order.refunding_fen} fen are on their way for ever; refunds {states}"
        if [case.state for case in self.cases.values()].count("refunded") != len(payments):
            yield f"paid {payments}, and it ended as {self.end}"
        if payments and order.shipped_at and not (self.parcel_back or self.shipped_after_paying()):
            yield "shipped, and paid back without the parcel"
        if stuck := [case.state for case in self.cases.values() if case.state not in OVER]:
            yield f"stuck: {stuck}"
        if order.state not in ("refunded", "delivered", "completed"):
            yield f"stuck: the order is {order.state}"
        if holds := [hold.reason for hold in self.holds]:
            yield f"still held: {holds}"
        if timers := [timer.kind for timer in self.timers]:
            yield f"still due: {timers}"
        yield from self.let_go_though()

    def shipped_after_paying(self) -> bool:
        """Somebody else sent it though it was held, and we heard of it when the money had been sent: that is shown."""
        shown = {"shipped_though_held", "shipped_though_over"} & {*self.anomalies}
        [paid] = [refund for refund in self.refunds if refund.state == "succeeded"]
        told_at = self.round.shipped_told_at
        return bool(shown and told_at) and (paid.attempts > 1 or told_at > paid.sent_at)

    def let_go_though(self) -> Iterator[str]:
        """After every transaction: no order let go by us while the money is to go back."""
        order_state, of_cases = "", {}
        for n, change in enumerate(self.changes):
            if change.case_kind == "order":
                order_state = change.dest
            else:
                of_cases[change.case_id] = change.dest
            together = self.changes[n + 1 : n + 2]  # what one transaction wrote was recorded at one moment
            if together and together[0].recorded_at == change.recorded_at:
                continue
            if order_state == "released" and {*of_cases.values()} & {"cooling", "refunding", "refunded"}:
                yield f"the ship command was true while it was {[*of_cases.values()]} (at {change.trigger})"
                return


@contextmanager
def races(postgres: PostgresServer) -> Iterator[Callable[[], Race]]:
    """Each in a database of its own, all with one payment service."""
    made: list[Engine] = []

    def new() -> Race:
        made.append(engine_for(postgres.new()))
        return Race(made[-1], service)

    with PaymentService() as service:
        yield new
        for engine in made:
            engine.dispose()


def raced(new: Callable[[], Race], rounds: int, seed: int) -> tuple[list[Story], int]:
    """Every round's story, and how many deadlocks PostgreSQL broke."""
    stories: list[Story] = []
    deadlocks = 0
    drawn = [Round(str(n), random.Random(f"{seed}/{n}")) for n in range(1, rounds + 1)]
    for start in range(0, rounds, TOGETHER):
        race = new()
        together = drawn[start : start + TOGETHER]
        race.run(together)
        stories += [race.story(round) for round in together]
        with race.engine.connect() as connection:
            by_server = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
            deadlocks += max(race.deadlocks, connection.scalar(by_server))
    return stories, deadlocks


def table_of(stories: list[Story]) -> Table:
    """How often which sequence was seen, and how it ended."""
    ends: dict[str, Counter[str]] = defaultdict(Counter)
    for story in stories:
        ends[story.course][story.end] += 1
    table = Table("recorded in this sequence", "rounds", "ended", "rounds")
    for course, counts in sorted(ends.items(), key=lambda pair: -pair[1].total()):
        for n, (end, count) in enumerate(counts.most_common()):
            table.add_row("" if n else course, "" if n else str(counts.total()), end, str(count))
    return table


def main(
    rounds: Annotated[int, typer.Option(help="Orders to race for.")] = 500,
    seed: Annotated[int, typer.Option(help="Other draws.")] = 1,
) -> None:
    """Race, show what was seen; exit 1 when one of the promises was not kept."""
    console, began = Console(width=150), time.perf_counter()
    with PostgresServer() as postgres, races(postgres) as new:
        stories, deadlocks = raced(new, rounds, seed)
    console.print(table_of(stories))
    bad = [(story, what) for story in stories for what in story.broken()]
    for story, what in bad:
        console.print(
            f"order {story.round.no}: {what}\n  {[f'{c.case_kind} {c.trigger}' for c in story.changes]}"
        )
    paid = sum(sum(story.payments) for story in stories)
    console.print(
        f"{rounds} rounds in {time.perf_counter() - began:.0f} s, seed {seed}; {len(bad)} promises broken; "
        f"{deadlocks} deadlocks; {sum(map(bool, (s.payments for s in stories)))} refunds, {paid / 100:g} yuan"
    )
    raise typer.Exit(bool(bad))


if __name__ == "__main__":
    typer.run(main)
