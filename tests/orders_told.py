"""Orders as tests tell of them, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select

from flows.advance import advancing
from flows.requests import Advanced, DueWork, Outcome, Request, Status
from models import Anomaly, Hold, Order, OutboxMessage, StateChange, Timer
from states.orders import fact_key

SHOP = "bag-studio"  # 17:00 on working days, 72 h to pay, duplicates within 30 min
SHANGHAI = ZoneInfo("Asia/Shanghai")
A_SECOND, A_MINUTE, AN_HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
RECORDED = datetime(2026, 11, 1, tzinfo=UTC)
RECEIVER = {"receiver": "王小明", "phone": "13812341234", "address": "浙江省杭州市西湖区文三路 1 号"}
REAL_DATA = Path(__file__).parents[2] / "shared" / "data"


def moment(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    """ "03-02 10:00" is a Monday morning in Shanghai, 2026."""
    text = text if text[4:5] == "-" else f"2026-{text}"
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


PLACED_AT = moment("03-02 10:00")
PAID_AT = PLACED_AT + timedelta(minutes=20)  # before the first reminder
PAY_BY = PLACED_AT + timedelta(hours=72)
CUTOFF = moment("03-02 17:00")


def real_data(name: str) -> Path:
    """A real file beside the repository; the test is skipped where there is none."""
    path = REAL_DATA / name
    if not path.exists():
        pytest.skip(f"the real data ({name}) is not beside the repository")
    return path


# -- telling ----------------------------------------------------------------------------------------


def a_request(
    trigger: str,
    at: datetime,
    *,
    no: str = "1",
    shop: str = SHOP,
    by: str = "platform",
    key: str | None = None,
    details: dict | None = None,
    **facts: Any,
) -> Request:
    return Request(shop, no, trigger, at, by, facts, key, details)


def placed(
    no: str = "1",
    at: datetime = PLACED_AT,
    *,
    amount_fen: int = 10_000,
    buyer: str | None = None,
    sku: str = "BAG-1",
    shop: str = SHOP,
    **details: Any,
) -> Request:
    """A sound order: nothing in it that an audit would doubt."""
    line = {"sku": sku, "title": "帆布包", "quantity": 1, "price_fen": amount_fen}
    told = {**RECEIVER, "buyer": buyer or f"buyer of {no}", "lines": [line], **details}
    return a_request("place", at, no=no, shop=shop, key="place", details=told, amount_fen=amount_fen)


def paid(no: str = "1", at: datetime = PAID_AT, *, amount_fen: int = 10_000, shop: str = SHOP):
    return a_request("pay", at, no=no, shop=shop, key="pay", amount_fen=amount_fen)


def fact(trigger: str, at: datetime, **told: Any) -> Request:
    """A fact as an import tells it: keyed, so that it counts once."""
    no, shop = told.pop("no", "1"), told.pop("shop", SHOP)
    return a_request(trigger, at, no=no, shop=shop, key=fact_key(trigger, told), **told)


def by(person: str, trigger: str, at: datetime, **told: Any) -> Request:
    """A person asks."""
    return a_request(trigger, at, by=person, **told)


def tell(engine: Engine, *requests: Request | DueWork, **how: Any) -> Advanced:
    return advancing(engine, requests, **{"recorded_at": RECORDED, **how})


def tell_one(engine: Engine, request: Request | DueWork) -> Outcome:
    return tell(engine, request).outcomes[0]


def refusal(engine: Engine, request: Request) -> list[str]:
    """The codes of a refusal; fails when it was none."""
    outcome = tell_one(engine, request)
    assert outcome.status is Status.REFUSED, outcome
    return [reason.code for reason in outcome.reasons]


# -- reading ----------------------------------------------------------------------------------------


def order(engine: Engine, no: str = "1", shop: str = SHOP) -> SimpleNamespace:
    found = rows(engine, Order, no=no, shop=shop)
    assert found, f"there is no order {no} in {shop}"
    return found[0]


def rows(engine: Engine, model: Any, **where: Any) -> list[SimpleNamespace]:
    table = model.__table__
    wanted = select(table).filter_by(**where)
    wanted = wanted.order_by(table.c.id) if "id" in table.c else wanted
    with engine.connect() as connection:
        return [SimpleNamespace(**row._mapping) for row in connection.execute(wanted)]


def of_case(engine: Engine, model: Any, no: str = "1", shop: str = SHOP, **where: Any) -> list:
    return rows(engine, model, case_kind="order", case_id=order(engine, no, shop).id, **where)


def history(engine: Engine, no: str = "1", shop: str = SHOP) -> list[SimpleNamespace]:
    return sorted(of_case(engine, StateChange, no, shop), key=lambda row: row.number)


def triggers(engine: Engine, no: str = "1", shop: str = SHOP) -> list[str]:
    return [row.trigger for row in history(engine, no, shop)]


def steps(engine: Engine, no: str = "1", shop: str = SHOP) -> list[tuple[str, str]]:
    """What happened, and the shop's clock when it did."""
    return [(row.trigger, clock(row.at)) for row in history(engine, no, shop)]


def clock(at: datetime | None) -> str | None:
    return at and f"{at.astimezone(SHANGHAI):%m-%d %H:%M}"


def timers(engine: Engine, no: str = "1", shop: str = SHOP, **where: Any) -> list[SimpleNamespace]:
    return of_case(engine, Timer, no, shop, **where)


def open_timers(engine: Engine, no: str = "1", shop: str = SHOP) -> dict[str, str]:
    waiting = timers(engine, no, shop, done_at=None, cancelled_at=None)
    return {timer.kind: clock(timer.due_at) for timer in waiting}


def owed(engine: Engine, no: str = "1", shop: str = SHOP) -> list[str]:
    return [row.what for row in of_case(engine, OutboxMessage, no, shop)]


def anomalies(engine: Engine, no: str = "1", shop: str = SHOP, **where: Any) -> list[str]:
    return [row.code for row in of_case(engine, Anomaly, no, shop, **where)]


def holds(engine: Engine, no: str = "1", shop: str = SHOP) -> list[str]:
    return [row.reason for row in of_case(engine, Hold, no, shop, released_at=None)]


def reminders(engine: Engine, nos: Iterable[str] = ("1",)) -> list[tuple[str, int, str]]:
    """Who was reminded by which rung, and when."""
    return [
        (no, row.payload["rung"], clock(row.owed_at))
        for no in nos
        for row in of_case(engine, OutboxMessage, no, what="payment_reminder")
    ]
