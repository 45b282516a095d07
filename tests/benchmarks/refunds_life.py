"""The refunds of a Tmall report, lived through as after-sales cases.

The file says of an order: its number, what was due (all of it paid, in one payment), what the shop keeps, what was
refunded, when it was placed and paid, and the province. It does not say when or why a refund was asked for, in how
many payments it went, whether a parcel left, arrived or came back, nor what was in it: an order is one piece.

So, by assumption, each refunded order goes one of these ways, in turn by its number:

* Five of ten in full before any parcel leaves, asked for 10 minutes to 30 hours after payment: before its cut-off,
  or after it, when it is called back. Paid 24 hours later (rule 84).
* One of ten the same, but withdrawn after 4 hours and asked for again 4 hours after that: two cases.
* Four of ten come back. The parcel leaves 3 hours after its cut-off and arrives 39 hours later. It is asked for a
  day after that: without a reason; for its quality, where the buyer has to show a picture; without anybody knowing
  of the receipt, so that a person looks, with a dispute about the goods; after a compensation of a tenth.
* Refunds in part: before the parcel leaves, the rest of the order going afterwards; as a compensation, which a person
  grants where it is above the shop's limits; in two compensations; for a parcel that comes back.

Buyers, carriers and colleagues take a few hours for each turn that is theirs. The file was written some time after
the last moment it names, so its refunds may be later than that. What it does say is told when it happened, its refunds
only at the end, by the whole file: kefu must know of them by then.
"""

from __future__ import annotations

import csv
import gzip
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import chain, count, takewhile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import Connection, Engine, select

from flows import clock, return_cases
from flows.advance import advancing
from flows.gateways.payments import PaymentsGateway
from flows.imports.readers import read_orders
from flows.order_import import ImportReport, Telling
from flows.policy_store import current_policy
from flows.replay import due_runs, moments
from flows.requests import Outcome, Request, Status
from flows.return_steps import chase_returns, release_refunds
from models import Order, Return
from models.database import reading
from states.orders import fact_key
from tests.payment_service import PaymentService

SHOP, ZONE = "tmall-2020", ZoneInfo("Asia/Shanghai")
CUT_OFF, LEAVES, ARRIVES = time(16), timedelta(hours=3), timedelta(hours=42)  # the last two after the cut-off
A_MINUTE, AN_HOUR, A_DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
COOLING = timedelta(hours=24)
AFTER_PAYING = (10 * A_MINUTE, 2 * AN_HOUR, 7 * AN_HOUR, 23 * AN_HOUR, 30 * AN_HOUR)
IN_FULL = (
    "unsent",
    "unsent",
    "returned",
    "unsent",
    "regretted",
    "faulty",
    "unsent",
    "doubtful",
    "unsent",
    "eased",
)
IN_PART = ("unsent", "compensated", "returned", "compensated_twice")
BEFORE_LEAVING = ("unsent", "regretted")
PICTURE = {"kind": "photo", "link": "https://img.example.com/1.jpg"}
RETURNS, ORDERS = Return.__table__, Order.__table__


@dataclass(frozen=True)
class Told:
    """One row of the file, in fen and UTC; `way`, by assumption, is how its refund came about."""

    no: str
    due_fen: int
    kept_fen: int
    refunded_fen: int
    paid_at: datetime | None
    way: str = ""
    rank: int = 0

    @property
    def in_full(self) -> bool:
        return self.refunded_fen > 0 and not self.kept_fen

    @property
    def cut_off(self) -> datetime:
        here = self.paid_at.astimezone(ZONE)
        day = here.date() + A_DAY * (here.time() >= CUT_OFF)
        return datetime.combine(day, CUT_OFF, ZONE).astimezone(UTC)

    @property
    def asked_at(self) -> datetime:
        """When its last case is opened."""
        if self.way == "unsent":
            return self.paid_at + AFTER_PAYING[self.rank % len(AFTER_PAYING)]
        if self.way == "regretted":
            return self.paid_at + 9 * AN_HOUR
        twice = self.way in ("eased", "compensated_twice")
        return self.cut_off + ARRIVES + A_DAY * (2 if twice else 1) + self.rank % 60 * A_MINUTE

    @property
    def shares(self) -> tuple[int, ...]:
        """The refund, payment by payment."""
        first = {"eased": self.refunded_fen // 10, "compensated_twice": self.refunded_fen // 2}.get(
            self.way, 0
        )
        return (first, self.refunded_fen - first) if first else (self.refunded_fen,)


def read(file: Path) -> list[Told]:
    """Every row of the file, by number."""
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rt", encoding="utf-8", newline="") as text:
        sheet = csv.DictReader(text)
        sheet.fieldnames = [name.strip() for name in sheet.fieldnames]
        rows = [_told(row) for row in sheet]
    ranks = {IN_FULL: count(), IN_PART: count()}
    return [_on_its_way(row, ranks) for row in sorted(rows, key=lambda row: row.no)]


def _told(row: dict[str, str]) -> Told:
    fen = [int(Decimal(row[name]) * 100) for name in ("总金额", "买家实际支付金额", "退款金额")]
    paid = row["订单付款时间"].strip()
    return Told(
        row["订单编号"],
        *fen,
        datetime.fromisoformat(paid).replace(tzinfo=ZONE).astimezone(UTC) if paid else None,
    )


def _on_its_way(row: Told, ranks: dict) -> Told:
    if not row.refunded_fen:
        return row
    ways = IN_FULL if row.in_full else IN_PART
    rank = next(ranks[ways])
    told = {**vars(row), "way": ways[rank % len(ways)], "rank": rank // len(ways)}
    return Told(**told)


# -- what is asked and told of an order and its cases, by assumption --------------------------------


def _request(no: str, trigger: str, at: datetime, by: str, key: str | None = None, **facts) -> Request:
    return Request(SHOP, no, trigger, at, by, facts, key)


def of_order(row: Told) -> Iterator[Request]:
    """What the parcel does, and that the rest of an order leaves after all."""
    if row.way not in ("", *BEFORE_LEAVING):
        parcel = {"waybill": f"SF{row.no:0>12}", "carrier": "顺丰"}
        yield _request(row.no, "ship", row.cut_off + LEAVES, "platform", fact_key("ship", parcel), **parcel)
        if row.way != "doubtful":
            yield _request(row.no, "deliver", row.cut_off + ARRIVES, "platform", "deliver")
    if row.way == "unsent" and not row.in_full:
        rest_at = row.asked_at + COOLING + 9 * AN_HOUR
        yield _request(row.no, "unhold", rest_at, "李娜", reason=f"aftersales {row.no}-R1")


def of_cases(row: Told) -> Iterator[Request]:
    """What the buyer asks for, and what one of them takes back."""

    def ask(number: int, at: datetime, fen: int | None = None, *, evidence: tuple = (), **facts) -> Request:
        facts = {"reason": "disliked", "kind": None, "amount_fen": fen, **facts}
        details = {"order_no": row.no, "evidence": list(evidence)}
        return Request(SHOP, f"{row.no}-R{number}", "open", at, "李娜", facts, None, details)

    last, shares = row.asked_at, row.shares
    compensation = {"kind": "compensation", "reason": "quality", "evidence": (PICTURE,)}
    part = None if row.in_full else shares[-1]
    match row.way:
        case "unsent" | "returned" | "doubtful":
            yield ask(1, last, part)
        case "regretted":
            yield ask(1, last - 8 * AN_HOUR, reason="bought_by_mistake")
            yield _request(f"{row.no}-R1", "withdraw", last - 4 * AN_HOUR, "李娜")
            yield ask(2, last, reason="other")
        case "faulty":
            yield ask(1, last, reason="quality")
        case "compensated":
            yield ask(1, last, shares[0], **compensation)
        case "eased":
            yield from [ask(1, last - A_DAY, shares[0], **compensation)] if len(shares) > 1 else []
            yield ask(len(shares), last, reason="unsuitable")
        case "compensated_twice":
            yield from (
                ask(n, last - A_DAY * (len(shares) - n), fen, **compensation)
                for n, fen in enumerate(shares, 1)
            )


TURNS = {  # by state: how many hours it takes, whose turn it is, and what is done
    "requested": (2, "李娜", "approve"),
    "evidence_needed": (3, "buyer", "show_evidence"),
    "awaiting_parcel": (20, "buyer", "track"),
    "in_transit": (44, "warehouse", "receive"),
    "received": (5, "王强", "inspect"),
    "inspected": (6, "王强", "pay_back"),
}


def turn(row: Told, case: Any) -> Request:
    """What is done next with a case in one of these states, and when."""
    hours, by, trigger = TURNS[case.state]
    facts = {
        "show_evidence": PICTURE,
        "track": {"waybill": f"YT{row.no:0>12}", "carrier": "圆通"},
        "inspect": {"finding": "other_condition" if row.way == "doubtful" else "as_described"},
    }.get(trigger, {})
    key = trigger if trigger in ("show_evidence", "track", "receive") else None
    return _request(case.no, trigger, case.changed_at + hours * AN_HOUR, by, key, **facts)


# -- living ------------------------------------------------------------------------------------------


@dataclass
class Life:
    """What happened while the file was lived through."""

    paid_in: dict[str, datetime] = field(default_factory=dict)  # by key: the run that paid
    outcomes: list[Outcome] = field(default_factory=list)  # of all that was asked and told beside the file
    reports: list = field(default_factory=list)  # of runs that met something bad

    @property
    def unwell(self) -> list[Outcome]:
        """What should have been done and was not."""
        return [o for o in self.outcomes if o.status is not Status.CHANGED]


def live(
    engine: Engine,
    file: Path,
    service: PaymentService,
    *,
    every: timedelta = AN_HOUR,
    progress: Callable[[datetime], None] = lambda moment: None,
) -> Life:
    """Hour by hour, from the first payment until the last case is over; the file's own refunds are not told."""
    rows = [row for row in read(file) if row.way]
    with reading(engine) as connection:
        policies = current_policy(connection, SHOP)
    of_file = read_orders(file, policies.zone, now=clock.now())
    for row in of_file.rows:
        row.facts = [fact for fact in row.facts if fact.trigger != "refund"]
    telling, taken_in, life = Telling(engine, SHOP, of_file), ImportReport(str(file), SHOP), Life()
    (start, end), coming = span(rows), Coming(rows)
    since = start - every
    with asking(service) as payments:
        for moment in moments(start, end, every):
            telling.until(moment, taken_in)
            coming.tell(engine, moment, life)
            life.reports += [run for run in due_runs(engine, policies, since, moment) if run.red]
            before = len(service.paid)
            pay(engine, payments, moment, life)
            life.paid_in |= {key: moment for key, _ in service.paid[before:]}
            since = moment
            progress(moment)
    return life


def asking(service: PaymentService) -> closing[PaymentsGateway]:
    """The way to the payment service, over real HTTP."""
    return closing(PaymentsGateway(httpx.Client(base_url=service.url, timeout=10, trust_env=False)))


def pay(engine: Engine, payments: PaymentsGateway, moment: datetime, life: Life) -> None:
    """The timed steps of after-sales."""
    runs = (release_refunds(engine, as_of=moment, payments=payments), chase_returns(engine, as_of=moment))
    life.reports += [run for run in runs if run.red]


def span(rows: list[Told]) -> tuple[datetime, datetime]:
    """From the day of the first payment until every case has had its time."""
    return _midnight(min(row.paid_at for row in rows)), _midnight(
        max(row.asked_at for row in rows)
    ) + 8 * A_DAY


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(ZONE).date(), time(0), ZONE).astimezone(UTC)


class Coming:
    """What is still to be asked and told beside the file, by its moment."""

    def __init__(self, rows: list[Told]) -> None:
        self._rows = {row.no: row for row in rows}
        self._of_orders = deque(_by_time(of_order(row) for row in rows))
        self._of_cases = deque(_by_time(of_cases(row) for row in rows))

    def tell(self, engine: Engine, moment: datetime, life: Life) -> None:
        """In batches: first what happened to parcels, then what buyers and colleagues did."""
        parcels, asked = _due(self._of_orders, moment), _due(self._of_cases, moment)
        with reading(engine) as connection:
            asked = _of_stored_orders(connection, asked)
            asked += self._turns(connection, moment)
        if parcels:
            life.outcomes += advancing(engine, parcels, recorded_at=clock.now()).outcomes
        if asked:
            asked.sort(key=lambda request: (request.at, request.no))
            life.outcomes += advancing(engine, asked, recorded_at=clock.now(), cases=return_cases).outcomes

    def _turns(self, connection: Connection, moment: datetime) -> list[Request]:
        c = RETURNS.c
        waiting = select(c.no, c.state, c.changed_at).where(c.shop == SHOP, c.state.in_(TURNS)).order_by(c.id)
        turns = [turn(self._rows[case.no.rpartition("-")[0]], case) for case in connection.execute(waiting)]
        return [request for request in turns if request.at <= moment]


def _by_time(requests: Iterable[Iterable[Request]]) -> list[Request]:
    return sorted(chain.from_iterable(requests), key=lambda request: (request.at, request.no))


def _due(coming: deque[Request], moment: datetime) -> list[Request]:
    return [coming.popleft() for _ in takewhile(lambda request: request.at <= moment, tuple(coming))]


def _of_stored_orders(connection: Connection, asked: list[Request]) -> list[Request]:
    """The orders that cases are opened of, by the ids they have here."""
    wanted = {request.details["order_no"] for request in asked if request.details}
    mine = select(ORDERS.c.no, ORDERS.c.id).where(ORDERS.c.shop == SHOP, ORDERS.c.no.in_(wanted))
    ids = dict(map(tuple, connection.execute(mine)))
    return [
        replace(r, details={**r.details, "order_id": ids[r.details["order_no"]]}) if r.details else r
        for r in asked
    ]
