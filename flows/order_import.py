"""Taking in a merchant's file: every row becomes facts, each told at its own time, none told twice."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select

from flows import clock
from flows.advance import advancing
from flows.case_work import differences
from flows.imports.encodings import usual_encoding
from flows.imports.quarantine import write_quarantine
from flows.imports.readers import read_orders
from flows.imports.rows import BadRow, Fact, OrderFile, OrderRow
from flows.policy_store import current_policy
from flows.requests import Outcome, Request, Status
from models import Order, StateChange
from models.database import home, reading
from states.order_guards import PLATFORM
from states.orders import OrderState, fact_key

ORDERS, HISTORY = Order.__table__, StateChange.__table__
CHUNK = 1000  # facts told in one transaction
RANK = {
    t: n for n, t in enumerate(("place", "hold", "amend", "pay", "ship_part", "ship", "deliver", "confirm"))
}
AMENDABLE = ("receiver", "phone", "address", "region", "buyer_message", "remark")

Progress = Callable[[str, int, int], None]
Moment = tuple[datetime, OrderRow, Fact]  # when to tell it: no fact comes before its order was placed


@dataclass
class ImportReport:
    """rows = new + changed + unchanged + quarantined + later; `later` had not happened by `until`."""

    file: str
    shop: str
    format: str = ""
    encoding: str = ""
    encoding_guess: str | None = None  # zh / en: what spoke for it, where it was not certain
    rows: int = 0
    orders: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    later: int = 0
    quarantined: int = 0
    anomalies: int = 0
    facts: int = 0  # that were news
    quarantine: Path | None = None
    bad: list[BadRow] = field(default_factory=list, repr=False)

    @classmethod
    def of(cls, orders: OrderFile, file: str | Path, shop: str) -> ImportReport:
        """Before anything of the file is told."""
        how = orders.format, orders.encoding, orders.guess
        return cls(str(file), shop, *how, rows=orders.read, bad=orders.bad)

    @property
    def red(self) -> bool:
        """Whether rows were bad: all the others are in."""
        return self.quarantined > 0

    def close(self, orders: OrderFile, until: datetime | None) -> None:
        """Count what was left, and put the bad rows where somebody will find them."""
        self.later = sum(1 for row in orders.rows if until and row.placed_at > until)
        self.orders = len(orders.rows) - self.later
        self.quarantined = len(self.bad)
        self.unchanged = self.rows - self.new - self.changed - self.quarantined - self.later
        self.quarantine = write_quarantine(_quarantine_path(self.shop, self.file, self.bad), self.bad)

    def as_dict(self) -> dict:
        """The shape that scripts rely on."""
        plain = {k: v for k, v in vars(self).items() if k not in ("bad", "quarantine")}
        return {**plain, "quarantine": str(self.quarantine) if self.quarantine else None}


def import_orders(
    engine: Engine,
    file: str | Path,
    shop: str,
    *,
    format: str = "auto",
    encoding: str | None = None,
    until: datetime | None = None,
    progress: Progress | None = None,
    flow_run: str | None = None,
) -> ImportReport:
    """Read a file and tell `advance` every fact in it that had happened by `until`, oldest first.

    Told again, nothing is added; a later file moves orders on. Bad rows go to a quarantine file with line,
    column and reason (promise 10). Raises UnreadableFile or NotFound (the shop).
    """
    with reading(engine) as connection:
        policies = current_policy(connection, shop)
    read = (lambda done, size: progress("read", done, size)) if progress else None
    usual = usual_encoding(policies)
    orders = read_orders(file, policies.zone, format, encoding, now=clock.now(), usual=usual, progress=read)
    report = ImportReport.of(orders, file, shop)
    tell = Telling(engine, shop, orders, flow_run)
    tell.until(until, report, progress)
    report.close(orders, until)
    return report


def _quarantine_path(shop: str, file: str | Path, bad: Sequence[BadRow]) -> Path:
    """Among kefu's own files: the folder a file comes from may be anybody's.

    Other bad rows get another file: tomorrow's export may have the name of today's.
    """
    which = _digest("\n".join([shop, *(f"{row.line} {row.raw}" for row in bad)]))
    return home("quarantine") / f"{Path(file).name}.{which}.csv"


class Telling:
    """A file that is told bit by bit: each call of `until` tells what has happened since the last one."""

    def __init__(self, engine: Engine, shop: str, orders: OrderFile, flow_run: str | None = None) -> None:
        self._engine, self._shop, self._flow_run = engine, shop, flow_run
        self._orders = orders
        moments = ((max(f.at, row.placed_at), row, f) for row in orders.rows for f in row.facts)
        self._facts = sorted(moments, key=lambda m: (m[0], RANK.get(m[2].trigger, len(RANK)), m[1].no))
        self._told = 0
        self._new: set[str] = set()
        self._changed: set[str] = set()
        self._bad: set[str] = set()

    def until(
        self, until: datetime | None, report: ImportReport, progress: Progress | None = None
    ) -> ImportReport:
        """Tell every fact not told yet that had happened by `until` (all when empty)."""
        end = self._end(until)
        while self._told < end:
            part = self._facts[self._told : min(self._told + CHUNK, end)]
            self._tell(part, until, report)
            self._told += len(part)
            if progress:
                progress("tell", self._told, end)
        report.new = len(self._new - self._bad)
        report.changed = len(self._changed - self._new - self._bad)
        return report

    def became(self, no: str) -> str:
        """What became of an order in all that was told of it: failed, new, changed or unchanged."""
        kinds = (("failed", self._bad), ("new", self._new), ("changed", self._changed))
        return next((kind for kind, orders in kinds if no in orders), "unchanged")

    def _end(self, until: datetime | None) -> int:
        if until is None:
            return len(self._facts)
        return bisect_right(self._facts, until, lo=self._told, key=lambda moment: moment[0])

    def _tell(self, part: list[Moment], until: datetime | None, report: ImportReport) -> None:
        with reading(self._engine) as connection:
            known = known_orders(connection, self._shop, {row.no for _, row, _ in part})
        news = list(self._news(part, known, until))
        if not news:
            return
        advanced = advancing(self._engine, news, recorded_at=clock.now(), flow_run=self._flow_run)
        report.anomalies += advanced.anomalies
        lines = {row.no: row.line for _, row, _ in part}
        for outcome in advanced.outcomes:
            if outcome.status is Status.CHANGED:
                report.facts += 1
                (self._new if outcome.request.trigger == "place" else self._changed).add(outcome.no)
            elif outcome.status is Status.FAILED and outcome.no not in self._bad:
                self._bad.add(outcome.no)
                report.bad.append(_unworkable(lines[outcome.no], outcome))

    def _news(self, part: list[Moment], known: dict[str, Known], until: datetime | None) -> Iterator[Request]:
        for _, row, fact in part:
            order = known.get(row.no)
            if order and fact.trigger == "place":
                closing = min(filter(None, (row.closing_at or self._orders.closing_at, until)))
                yield from self._amendment(row, order, closing)
            request = self._request(row, fact)
            if not (order and order.has_been_told(request)):
                yield request

    def _request(self, row: OrderRow, fact: Fact) -> Request:
        trigger, facts = fact.trigger, {**fact.facts, **({"assumed": True} if fact.assumed else {})}
        if trigger == "place":
            facts = {"amount_fen": row.details["amount_fen"], "told": told(row.details)}
            details = {k: v for k, v in row.details.items() if k != "amount_fen"}
            details["lines"] = [_plain_line(line) for line in row.lines]
            return Request(self._shop, row.no, trigger, fact.at, PLATFORM, facts, "place", details)
        if trigger == "refund":
            paid = next((f.facts["amount_fen"] for f in row.facts if f.trigger == "pay"), 0)
            trigger = "refund" if facts["amount_fen"] >= paid else "refund_part"
        if trigger == "ship" and facts.pop("partial", False):
            trigger = "ship_part"
        return Request(self._shop, row.no, trigger, fact.at, PLATFORM, facts, fact_key(trigger, facts))

    def _amendment(self, row: OrderRow, order: Known, at: datetime) -> Iterator[Request]:
        """What this file says of receiver, address … or of an unpaid amount that no file has said before."""
        fresh = told(row.details)
        new = {k: row.details[k] for k, digest in fresh.items() if digest not in order.told.get(k, ())}
        if order.state != OrderState.UNPAID:
            new.pop("amount_fen", None)  # changed after payment: that is a contradiction, not news
        if new:
            digest = _digest(repr(sorted(new.items())))
            facts = {"fields": sorted(new), "told": {k: fresh[k] for k in new}}
            yield Request(self._shop, row.no, "amend", at, PLATFORM, facts, f"amend:{digest}", new)


def _unworkable(line: int, outcome: Outcome) -> BadRow:
    return BadRow(
        line, "", f"处理失败:{outcome.error}", f"could not be worked on: {outcome.error}", outcome.no
    )


@dataclass(slots=True)
class Known:
    """What we have been told of an order before."""

    state: str
    facts: dict[str, tuple[datetime, dict]] = field(default_factory=dict)
    told: dict[str, set[str]] = field(default_factory=dict)  # digests of the values heard, by field

    @property
    def is_ours(self) -> bool:
        """Placed by ourselves, such as for goods sent anew: nobody has told it."""
        return "place" in self.facts and "told" not in self.facts["place"][1]

    def has_been_told(self, request: Request) -> bool:
        """Told before and no different: nothing that `advance` would have to look at."""
        if request.key not in self.facts:
            return False
        at, facts = self.facts[request.key]
        if request.trigger == "place":
            heard = _digest(str(request.facts["amount_fen"])) in self.told.get("amount_fen", ())
            return at == request.at and (heard or self.state == OrderState.UNPAID)
        return not differences(request, at, facts)


def known_orders(connection: Connection, shop: str, numbers: Iterable[str]) -> dict[str, Known]:
    """What has been told of these orders, by number."""
    h = HISTORY.c
    told_before = (
        select(ORDERS.c.no, ORDERS.c.state, h.key, h.at, h.facts)
        .join(HISTORY, (h.case_id == ORDERS.c.id) & (h.case_kind == "order"))
        .where(ORDERS.c.shop == shop, ORDERS.c.no.in_(numbers), h.key.is_not(None))
    )
    found: dict[str, Known] = {}
    for no, state, key, at, facts in connection.execute(told_before):
        order = found.setdefault(no, Known(state))
        order.facts[key] = (at, facts)
        for name, digest in facts.get("told", {}).items():
            order.told.setdefault(name, set()).add(digest)
    _as_they_are(connection, shop, {no: order for no, order in found.items() if order.is_ours})
    return found


def _as_they_are(connection: Connection, shop: str, ours: dict[str, Known]) -> None:
    """Who tells an order of ours as it stands here changes nothing."""
    if ours:
        columns = [ORDERS.c[name] for name in ("amount_fen", *AMENDABLE)]
        stored = select(ORDERS.c.no, *columns).where(ORDERS.c.shop == shop, ORDERS.c.no.in_(ours))
        for row in connection.execute(stored).mappings():
            for name, digest in told(row).items():
                ours[row["no"]].told.setdefault(name, set()).add(digest)


def told(details: Mapping[str, Any]) -> dict[str, str]:
    """Which values a row names, as digests: enough to see a change, not enough to read a person."""
    named = {k: details.get(k) for k in ("amount_fen", *AMENDABLE)}
    return {k: _digest(str(v)) for k, v in named.items() if v is not None}


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=6).hexdigest()


def _plain_line(line: Any) -> dict:
    return {"sku": line.sku, "title": line.title, "quantity": line.quantity, "price_fen": line.price_fen}
