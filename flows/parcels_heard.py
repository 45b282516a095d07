"""What the carrier tells of parcels: signed for is delivered, or received when it came back; the rest is for people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, select

from flows import clock, inbox_reasons, order_cases, return_cases
from flows.advance import advancing
from flows.case_work import TWO_CLOCKS
from flows.gateways.carriers import Track, read_push
from flows.imports.rows import CellError
from flows.inbox import Heard
from flows.inbox_reasons import Case
from flows.not_before import is_ahead
from flows.policy_store import current_policy
from flows.requests import Request, Status
from flows.sql import one_of
from models import Order, Return
from models.database import reading
from states.errors import BadInput
from states.order_guards import KUAIDI100
from states.reasons import Reason

ORDERS, RETURNS = Order.__table__, Return.__table__
SOON = timedelta(seconds=5)
KNOWN_BY_THEN = timedelta(
    minutes=15
)  # of a push: the platform tells the waybill of a parcel as quickly as that


@dataclass
class Parcel:
    """One push, and the cases its parcel belongs to."""

    row: Any
    track: Track
    orders: list[Any] = field(default_factory=list)
    returns: list[Any] = field(default_factory=list)


def hear_of_parcels(
    engine: Engine, shop: str, rows: Sequence[Any], now: datetime, flow_run: str | None
) -> dict[int, Heard]:
    """What these pushes tell of the shop's parcels; see `facts_heard.Hears`."""
    heard: dict[int, Heard] = {}
    parcels: list[Parcel] = []
    with reading(engine) as connection:
        latest = now + current_policy(connection, shop).gateways.clock_tolerance
    for row in rows:
        try:
            parcels.append(Parcel(row, _read(row, latest)))
        except CellError as error:
            odd = inbox_reasons.unreadable(error.column, error.zh, error.en)
            heard[row.id] = Heard("quarantined", [(odd, None)])
    with reading(engine) as connection:
        _find_cases(connection, shop, parcels)
    known = [parcel for parcel in parcels if parcel.orders or parcel.returns]
    heard |= {p.row.id: _of_nobody(p, now) for p in parcels if p not in known}
    heard |= _tell(engine, shop, known, flow_run)
    return heard


def _read(row: Any, latest: datetime) -> Track:
    try:
        track = read_push(row.raw)
    except BadInput as error:
        raise CellError("", "不是快递100的推送", str(error)) from None
    if track.scans and track.scans[-1].at > latest:
        raise CellError("", "时间在未来", "a scan lies in the future")
    return track


def _find_cases(connection: Connection, shop: str, parcels: Sequence[Parcel]) -> None:
    by_waybill = defaultdict(list)
    for parcel in parcels:
        by_waybill[parcel.track.waybill].append(parcel)
    for table, name in ((ORDERS, "orders"), (RETURNS, "returns")):
        mine = table.c.shop == shop, one_of(connection, table.c.waybill, by_waybill)
        for case in connection.execute(select(table).where(*mine).order_by(table.c.id)):
            for parcel in by_waybill[case.waybill]:
                getattr(parcel, name).append(case)


def _of_nobody(parcel: Parcel, now: datetime) -> Heard:
    """The order may be on its way to us; later it is a parcel that nobody here sent."""
    waited, wait_until = now - parcel.row.received_at, parcel.row.received_at + KNOWN_BY_THEN
    if is_ahead(wait_until, now, 2 * KNOWN_BY_THEN):
        return Heard("postponed", retry_at=min(now + max(SOON, waited / 2), wait_until))
    return Heard("unchanged", [(inbox_reasons.unknown_waybill(parcel.track.waybill), None)])


def _tell(engine: Engine, shop: str, parcels: Sequence[Parcel], flow_run: str | None) -> dict[int, Heard]:
    heard = {parcel.row.id: Heard("unchanged", list(_odd(parcel))) for parcel in parcels}
    signed = [parcel for parcel in parcels if parcel.track.signed_at]
    for cases, name, trigger in ((order_cases, "orders", "deliver"), (return_cases, "returns", "receive")):
        told = [
            (
                parcel,
                Request(shop, case.no, trigger, parcel.track.signed_at, KUAIDI100, _fact(parcel), trigger),
            )
            for parcel in signed
            for case in getattr(parcel, name)
        ]
        if told:
            _advance(engine, told, cases, heard, flow_run)
    return heard


def _advance(
    engine: Engine,
    told: Sequence[tuple[Parcel, Request]],
    cases: Any,
    heard: dict[int, Heard],
    flow_run: str | None,
) -> None:
    told = sorted(told, key=lambda pair: pair[1].at)
    requests = [request for _, request in told]
    advanced = advancing(engine, requests, recorded_at=clock.now(), flow_run=flow_run, cases=cases)
    for number, ((parcel, _), outcome) in enumerate(zip(told, advanced.outcomes, strict=True)):
        so_far = heard[parcel.row.id]
        result = {Status.CHANGED: "changed", Status.FAILED: "failed"}.get(outcome.status, so_far.outcome)
        anomalies = so_far.anomalies + (advanced.anomalies if number == 0 else 0)
        heard[parcel.row.id] = Heard(result, so_far.odd, anomalies, error=outcome.error)


def _fact(parcel: Parcel) -> dict[str, str]:
    return {"scan": parcel.track.waybill}


def _odd(parcel: Parcel) -> Iterator[tuple[Reason, Case | None]]:
    track = parcel.track
    for order in parcel.orders:
        case = ("order", order.id)
        if track.signed_at and order.shipped_at and track.signed_at < order.shipped_at - TWO_CLOCKS:
            yield inbox_reasons.signed_before_shipped(), case
        if not track.signed_at and order.delivered_at and track.scans:
            moved = track.scans[-1].at > order.delivered_at + TWO_CLOCKS
            yield (inbox_reasons.moved_after_signed() if moved else inbox_reasons.late_scan()), case
    cases = [("order", o.id) for o in parcel.orders] + [("return", r.id) for r in parcel.returns]
    for case in cases:
        if track.problem:
            yield inbox_reasons.parcel_in_trouble(track.problem), case
        if track.given_up:
            yield inbox_reasons.carrier_gave_up(track.given_up), case
