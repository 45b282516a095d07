"""Was every promise kept? Worked out from the export alone, in plain arithmetic, without asking kefu's policies.

The shop: 24 h to pay, reminders after 30 min, 12 h and 22 h within 09:00-23:30, cut-off 16:00 every day.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select

from models import Anomaly, Order, OutboxMessage, StateChange

TO_PAY = timedelta(hours=24)
RUNGS = (timedelta(minutes=30), timedelta(hours=12), timedelta(hours=22))
OPENS, CLOSES, CUT_OFF = time(9), time(23, 30), time(16)
A_DAY = timedelta(days=1)


@dataclass
class Checks:
    """What was found and what arithmetic says, line by line."""

    rows: list[tuple[str, Any, Any, bool | None]] = field(default_factory=list)

    def equal(self, name: str, found: Any, expected: Any) -> None:
        self.rows.append((name, found, expected, found == expected))

    def say(self, name: str, found: Any) -> None:
        self.rows.append((name, found, None, None))

    @property
    def kept(self) -> bool:
        return all(kept is not False for *_, kept in self.rows)


@dataclass
class Told:
    """One row of the export, in local time."""

    placed_at: datetime
    paid_at: datetime | None
    refunded: bool  # in full

    @property
    def reminders(self) -> dict[int, datetime]:
        """Rung by rung, when its buyer has to hear from us: until paid or too late, in contact hours."""
        planned: dict[datetime, int] = {}
        for rung, after in enumerate(RUNGS, 1):
            at = in_contact_hours(self.placed_at + after)
            if at < self.placed_at + TO_PAY:
                planned[at] = rung  # of two that wait for the same opening the later speaks
        return {rung: at for at, rung in planned.items() if self.paid_at is None or at < self.paid_at}

    @property
    def cut_off(self) -> datetime | None:
        return self.paid_at and cut_off_after(self.paid_at)


def in_contact_hours(at: datetime) -> datetime:
    if at.time() < OPENS:
        return datetime.combine(at.date(), OPENS, at.tzinfo)
    if at.time() >= CLOSES:
        return datetime.combine(at.date() + A_DAY, OPENS, at.tzinfo)
    return at


def cut_off_after(at: datetime) -> datetime:
    today = datetime.combine(at.date(), CUT_OFF, at.tzinfo)
    return today if at < today else today + A_DAY


@dataclass
class Export:
    """The orders of the file, by number."""

    orders: dict[str, Told]

    @classmethod
    def read(cls, file: Path, zone: ZoneInfo) -> Export:
        opened = gzip.open if file.suffix == ".gz" else open
        with opened(file, "rt", encoding="utf-8", newline="") as text:
            rows = csv.DictReader(text)
            rows.fieldnames = [name.strip() for name in rows.fieldnames]
            return cls({row["订单编号"]: _told(row, zone) for row in rows})


def _told(row: dict[str, str], zone: ZoneInfo) -> Told:
    def at(text: str) -> datetime | None:
        return datetime.fromisoformat(text).replace(tzinfo=zone) if text.strip() else None

    in_full = float(row["退款金额"]) > 0 and float(row["买家实际支付金额"]) == 0
    return Told(at(row["订单创建时间"]), at(row["订单付款时间"]), in_full)


def check(engine: Engine, shop: str, export: Export, zone: ZoneInfo) -> Checks:
    """Every promise about these orders, with its numbers."""
    checks = Checks()
    with engine.connect() as connection:
        orders = {o.no: o for o in connection.execute(select(Order.__table__).where(Order.shop == shop))}
        no_of = {o.id: o.no for o in orders.values()}
        history, owed = defaultdict(list), defaultdict(list)
        for h in connection.execute(select(StateChange.case_id, StateChange.trigger, StateChange.at)):
            history[no_of[h.case_id], h.trigger].append(h.at.astimezone(zone))
        for row in connection.execute(select(OutboxMessage.__table__)):
            owed[no_of[row.case_id], row.what].append((row.payload.get("rung"), row.owed_at.astimezone(zone)))
        anomalies = connection.execute(select(Anomaly.code)).all()
    told = export.orders
    paid = {no: order for no, order in told.items() if order.paid_at}
    unpaid = {no: order for no, order in told.items() if not order.paid_at}
    checks.equal("orders stored", len(orders), len(told))
    checks.equal("the same numbers", set(orders) == set(told), True)
    checks.equal("paid + unpaid", sum(o.paid_at is not None for o in orders.values()), len(paid))
    checks.equal("unpaid ones cancelled", sum(orders[no].state == "cancelled" for no in unpaid), len(unpaid))
    late = [no for no in unpaid if history[no, "expire"] != [unpaid[no].placed_at + TO_PAY]]
    checks.equal("… not at their deadline to the second", len(late), 0)
    _reminders(checks, told, owed)
    _promises(checks, paid, orders, owed, zone)
    ended = sum(order.refunded for order in told.values())
    refunded = sum(o.state == "refunded" for o in orders.values())
    checks.equal("refunded in full", refunded, ended)
    states = defaultdict(int)
    for order in orders.values():
        states[order.state] += 1
    checks.equal(
        "states add up: " + ", ".join(f"{s} {n}" for s, n in sorted(states.items())),
        sum(states.values()),
        len(told),
    )
    checks.equal("anomalies", len(anomalies), 0)
    return checks


def _reminders(checks: Checks, told: dict[str, Told], owed: dict) -> None:
    sent = {no: owed[no, "payment_reminder"] for no in told}
    wanted = {no: sorted(order.reminders.items()) for no, order in told.items()}
    checks.equal("reminders owed", sum(map(len, sent.values())), sum(map(len, wanted.values())))
    wrong = [no for no in told if sorted(sent[no]) != wanted[no]]
    checks.equal("orders whose rungs, times or number of reminders differ", len(wrong), 0)
    outside = sum(not OPENS <= at.time() < CLOSES for rows in sent.values() for _, at in rows)
    checks.equal("reminders outside contact hours", outside, 0)
    after = sum(at >= told[no].paid_at for no, rows in sent.items() if told[no].paid_at for _, at in rows)
    checks.equal("reminders after paying", after, 0)
    checks.equal("rungs sent twice", sum(len(rows) - len({r for r, _ in rows}) for rows in sent.values()), 0)


def _promises(checks: Checks, paid: dict[str, Told], orders: dict, owed: dict, zone: ZoneInfo) -> None:
    promised = {no: orders[no].promise_cutoff_at for no in paid}
    checks.equal("paid ones promised", sum(at is not None for at in promised.values()), len(paid))
    wrong = [no for no, at in promised.items() if at != paid[no].cut_off]
    checks.equal("promises other than the payment's second gives", len(wrong), 0)
    last_minute = [no for no, order in paid.items() if (order.paid_at.hour, order.paid_at.minute) == (15, 59)]
    same_day = sum(orders[no].promise_on == paid[no].paid_at.date() for no in last_minute)
    checks.equal("paid within 15:59, promised the same day", same_day, len(last_minute))
    released = {no for no in paid if orders[no].released_at}
    at_cut_off = sum(
        orders[no].released_at == paid[no].cut_off == orders[no].batch_cutoff_at for no in released
    )
    checks.equal("released, all at their cut-off", at_cut_off, len(released))
    checks.equal("ship commands owed, one for each", sum(len(owed[no, "ship"]) for no in paid), len(released))
    closing = max(order.paid_at for order in paid.values())
    kept_back = {no for no, order in paid.items() if order.refunded and order.cut_off > closing}
    checks.equal("not released: refunded before their cut-off", len(paid) - len(released), len(kept_back))
