"""After-sales cases as tests tell of them, and what became of them."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
from orders_told import PAID_AT, RECORDED, SHOP, clock, fact, moment, order, paid, placed, rows, tell
from payment_service import PaymentService
from sqlalchemy import Engine

from flows import return_cases
from flows.advance import advancing
from flows.gateways.payments import PaymentsGateway
from flows.refunds import RefundReport
from flows.requests import Advanced, Outcome, Request, Status
from flows.return_steps import chase_returns, release_refunds
from models import Anomaly, Order, OutboxMessage, Refund, Return, StateChange, Timer

ASKED_AT = PAID_AT + timedelta(hours=1)  # Monday 03-02, 11:20, before the cut-off
SHIPPED_AT = moment("03-03 09:00")
DELIVERED_AT = moment("03-05 15:00")  # a Thursday
WAYBILL = "SF1234567890"


# -- goods ------------------------------------------------------------------------------------------


def goods(*lines: tuple[str, int, int]) -> list[dict]:
    """An order's lines: sku, pieces, price of one."""
    return [{"sku": s, "title": f"帆布包 {s}", "quantity": n, "price_fen": fen} for s, n, fen in lines]


def pieces(*asked: tuple[int, int]) -> list[dict]:
    """Of an order's line so many pieces go back, as new."""
    return [{"position": p, "quantity": n, "condition": "as_new", "goods": None} for p, n in asked]


def bought(
    engine: Engine, no: str = "1", *, amount_fen: int = 10_000, shop: str = SHOP, **details: Any
) -> None:
    """Paid, and as the shop's audit likes it: waiting for its cut-off."""
    tell(engine, placed(no, amount_fen=amount_fen, shop=shop, **details))
    tell(engine, paid(no, amount_fen=amount_fen, shop=shop))


def delivered(engine: Engine, no: str = "1", *, shop: str = SHOP, **details: Any) -> None:
    """Bought, sent and signed for."""
    bought(engine, no, shop=shop, **details)
    tell(engine, fact("ship", SHIPPED_AT, no=no, shop=shop, waybill=f"YT{no}"))
    tell(engine, fact("deliver", DELIVERED_AT, no=no, shop=shop))


# -- telling ----------------------------------------------------------------------------------------


def asked(
    at: datetime,
    *,
    of: str = "1",
    number: int = 1,
    order_id: int = 1,
    shop: str = SHOP,
    by: str = "li",
    **told: Any,
) -> Request:
    """A buyer's request: reason, kind, amount_fen; lines, evidence, condition and goods as the desk reads them."""
    details = {
        "order_id": order_id,
        **{k: told.pop(k) for k in ("lines", "evidence", "condition", "goods") if k in told},
    }
    return Request(shop, f"{of}-R{number}", "open", at, by, {"reason": "disliked", **told}, None, details)


def of_return(
    trigger: str, at: datetime, *, no: str = "1-R1", shop: str = SHOP, by: str = "li", **told: Any
) -> Request:
    """A fact or a decision about a case; `key` makes a fact count once."""
    key = told.pop("key", None)
    return Request(shop, no, trigger, at, by, told, key)


def tell_returns(engine: Engine, *requests: Any, **how: Any) -> Advanced:
    return advancing(engine, requests, **{"recorded_at": RECORDED, "cases": return_cases, **how})


def open_case(engine: Engine, at: datetime, *, of: str = "1", shop: str = SHOP, **told: Any) -> Outcome:
    order_id = order(engine, of, shop).id
    number = len(rows(engine, Return, order_id=order_id)) + 1
    request = asked(at, of=of, number=number, order_id=order_id, shop=shop, **told)
    return tell_returns(engine, request).outcomes[0]


def tell_return(engine: Engine, trigger: str, at: datetime, **told: Any) -> Outcome:
    return tell_returns(engine, of_return(trigger, at, **told)).outcomes[0]


def told(engine: Engine, trigger: str, at: datetime, **facts: Any) -> None:
    """Tell or ask it; fails when the answer was no."""
    outcome = tell_return(engine, trigger, at, **facts)
    assert outcome.status is Status.CHANGED, outcome


def sent_back(
    engine: Engine, at: datetime, no: str = "1-R1", finding: str = "as_described", shop: str = SHOP
) -> None:
    """The parcel comes a day later, and is inspected an hour after that."""
    day, of = timedelta(days=1), {"no": no, "shop": shop}
    told(engine, "track", at, waybill=WAYBILL, key=f"track:{WAYBILL}", **of)
    told(engine, "receive", at + day, key="receive", **of)
    told(engine, "inspect", at + day + timedelta(hours=1), finding=finding, **of)


def paid_back(engine: Engine, at: datetime, no: str = "1-R1", *, round_: int = 1, shop: str = SHOP) -> None:
    """The payment service says that it has paid."""
    ref = {"refund_ref": f"ref {no}"}
    told(engine, "refund_paid", at, no=no, shop=shop, by="payments", key=f"refund_paid:{round_}", **ref)


def refused(outcome: Outcome) -> list[str]:
    """The codes of a refusal; fails when it was none."""
    assert outcome.status is Status.REFUSED, outcome
    return [reason.code for reason in outcome.reasons]


# -- the clock --------------------------------------------------------------------------------------


def gateway(service: PaymentService) -> PaymentsGateway:
    return PaymentsGateway(httpx.Client(base_url=service.url, timeout=5, trust_env=False))


def release(
    engine: Engine, at: datetime, service: PaymentService | None = None, **scope: Any
) -> RefundReport:
    if service is None:
        return release_refunds(engine, as_of=at, **scope)
    with closing(gateway(service)) as payments:
        return release_refunds(engine, as_of=at, payments=payments, **scope)


def chase(engine: Engine, at: datetime, **scope: Any) -> Any:
    return chase_returns(engine, as_of=at, **scope)


# -- reading ----------------------------------------------------------------------------------------


def case(engine: Engine, no: str = "1-R1", shop: str = SHOP) -> SimpleNamespace:
    found = rows(engine, Return, no=no, shop=shop)
    assert found, f"there is no case {no} in {shop}"
    return found[0]


def case_state(engine: Engine, no: str = "1-R1", shop: str = SHOP) -> str:
    return case(engine, no, shop).state


def of_return_case(engine: Engine, model: Any, no: str = "1-R1", shop: str = SHOP, **where: Any) -> list:
    return rows(engine, model, case_kind="return", case_id=case(engine, no, shop).id, **where)


def case_steps(engine: Engine, no: str = "1-R1", shop: str = SHOP) -> list[tuple[str, str]]:
    """What happened, and the shop's clock when it did."""
    found = sorted(of_return_case(engine, StateChange, no, shop), key=lambda row: row.number)
    return [(row.trigger, clock(row.at)) for row in found]


def case_owed(engine: Engine, no: str = "1-R1", shop: str = SHOP) -> list[str]:
    return [row.what for row in of_return_case(engine, OutboxMessage, no, shop)]


def case_timers(engine: Engine, no: str = "1-R1", shop: str = SHOP) -> dict[str, str]:
    """What it waits for, and until when."""
    found = of_return_case(engine, Timer, no, shop, done_at=None, cancelled_at=None)
    return {timer.kind: clock(timer.due_at) for timer in found}


def case_anomalies(engine: Engine, no: str = "1-R1", shop: str = SHOP) -> list[str]:
    return [row.code for row in of_return_case(engine, Anomaly, no, shop)]


def refunds(engine: Engine, no: str = "1-R1", shop: str = SHOP) -> list[tuple[str, int]]:
    """The case's refunds: how far, and how much."""
    found = rows(engine, Refund, return_id=case(engine, no, shop).id)
    return [(refund.state, refund.fen) for refund in found]


def money(engine: Engine, no: str = "1", shop: str = SHOP) -> tuple[int, int, int]:
    """Of an order: paid, paid back, on its way back; in fen."""
    found: Order = order(engine, no, shop)
    return found.paid_fen, found.refunded_fen, found.refunding_fen
