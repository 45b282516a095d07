"""Orders that changed on the platform: told to `advance` as an import tells them, so that a fact counts once however
often, and by whichever way, it is told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from flows.case_rows import ids_of
from flows.imports.cells import Clock
from flows.imports.kefu import platform_order
from flows.imports.readers import storable
from flows.imports.rows import CellError, Fact, OrderFile, OrderRow
from flows.inbox import INBOX, Heard
from flows.inbox_reasons import late_fact, unreadable
from flows.order_import import ImportReport, Telling
from flows.policy_store import current_policy
from flows.sql import one_of
from flows.strangers import decoded
from models import Order
from models.database import reading
from states.order_guards import PLATFORM

ORDERS = Order.__table__
KIND = "order.changed"


def hear_of_orders(
    engine: Engine, shop: str, rows: Sequence[Any], now: datetime, flow_run: str | None
) -> dict[int, Heard]:
    """Every fact in these records, each record of another order; see `facts_heard.Hears`."""
    with reading(engine) as connection:
        policies = current_policy(connection, shop)
        newest, further = _newest(connection, shop, rows), _further(connection, shop, rows)
    clock = Clock(policies.zone, now + policies.gateways.clock_tolerance)
    heard: dict[int, Heard] = {}
    orders: dict[int, OrderRow] = {}
    for row in rows:
        try:
            order = _read(row, clock)
        except CellError as error:
            heard[row.id] = Heard("quarantined", [(unreadable(error.column, error.zh, error.en), None)])
            continue
        ahead = max(fact.at for fact in order.facts)
        if ahead > now:  # their clock is ahead of ours, by no more than we allow for
            heard[row.id] = Heard("postponed", retry_at=ahead)
            continue
        order.closing_at = max(order.placed_at, min(row.happened_at or row.received_at, now))
        order.facts += _known_further_on(order, further.get(row.case_no, []), clock)
        orders[row.id] = order
    report = ImportReport(PLATFORM, shop)
    file = OrderFile(PLATFORM, "utf-8", rows=list(orders.values()), closing_at=now)
    telling = Telling(engine, shop, file, flow_run)
    telling.until(None, report)
    heard |= {id_: Heard(telling.became(order.no)) for id_, order in orders.items()}
    return _completed(engine, shop, rows, heard, newest, report)


def _further(connection: Connection, shop: str, rows: Sequence[Any]) -> dict[str, list]:
    """By order, the records that wait behind these, newest first."""
    c, last = INBOX.c, {row.case_no: row.id for row in rows if row.case_no}
    waiting = c.shop == shop, c.source == PLATFORM, c.kind == KIND, c.processed_at.is_(None)
    found = select(INBOX).where(*waiting, one_of(connection, c.case_no, last)).order_by(c.id.desc())
    further: dict[str, list] = defaultdict(list)
    for row in connection.execute(found) if last else ():
        if row.id > last[row.case_no]:
            further[row.case_no].append(row)
    return further


def _known_further_on(order: OrderRow, further: Sequence[Any], clock: Clock) -> Iterator[Fact]:
    """What had happened by then, as records know that wait behind this one: nobody is to be reminded of what was paid
    long ago because its news are on the next page."""
    known = {fact.trigger for fact in order.facts}
    for row in further:
        try:
            facts = _read(row, clock).facts
        except CellError:  # its turn comes
            continue
        for fact in facts:
            if fact.trigger not in known and fact.trigger != "hold" and fact.at <= order.closing_at:
                known.add(fact.trigger)
                yield fact


def _read(row: Any, clock: Clock) -> OrderRow:
    try:
        told = decoded(row.raw)
    except ValueError:
        raise CellError("", "不是 JSON", "is not JSON") from None
    if row.pushed:  # the record is in an event
        told = told.get("order") if isinstance(told, dict) else None
    return storable(platform_order(told, clock))


def _newest(connection: Connection, shop: str, rows: Iterable[Any]) -> dict[str, datetime]:
    """By order, the latest moment of the records worked on before."""
    c = INBOX.c
    mine = c.shop == shop, one_of(connection, c.case_no, {row.case_no for row in rows if row.case_no})
    found = select(c.case_no, func.max(c.happened_at)).where(
        *mine, c.source == PLATFORM, c.kind == KIND, c.processed_at.is_not(None)
    )
    return {no: at for no, at in connection.execute(found.group_by(c.case_no)) if at}


def _completed(
    engine: Engine,
    shop: str,
    rows: Sequence[Any],
    heard: dict[int, Heard],
    newest: dict[str, datetime],
    report: ImportReport,
) -> dict[int, Heard]:
    """With what was odd about them: late news, and the errors of those that could not be worked on."""
    errors = {bad.raw: bad.reason_en for bad in report.bad}
    late = [
        row
        for row in rows
        if heard[row.id].outcome in ("new", "changed")
        and row.happened_at
        and row.happened_at < newest.get(row.case_no, row.happened_at)
    ]
    with reading(engine) as connection:
        ids = ids_of(connection, ORDERS, shop, {row.case_no for row in late}) if late else {}
    for row in late:
        heard[row.id].odd.append((late_fact(), ("order", ids[row.case_no])))
    for row in rows:
        if heard[row.id].outcome == "failed":
            heard[row.id] = Heard("failed", error=errors.get(row.case_no, ""))
    if rows:
        first = heard[rows[0].id]
        heard[rows[0].id] = Heard(first.outcome, first.odd, report.anomalies, first.retry_at, first.error)
    return heard
