"""All at once on one order: whoever comes first, nothing is paid twice, shipped and refunded, or stuck (Show 3)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from orders_told import A_MINUTE, AN_HOUR, PAID_AT, fact, order, paid, placed, rows, tell
from payment_service import PaymentService, rejects
from returns_told import case_state, money, of_return, open_case, refunds, release, tell_return, tell_returns
from sqlalchemy import Engine

from flows import refund_rows
from flows.requests import Status
from models import Refund
from models.database import transaction
from tests.benchmarks import refund_race

ROUNDS = 30  # 500: python -m tests.benchmarks.refund_race
ASKED_AT = PAID_AT + AN_HOUR
OVER_AT = ASKED_AT + timedelta(hours=24)


@pytest.fixture
def service():
    with PaymentService() as service:
        yield service


def at_once(*things: Callable[[], Any]) -> list[Any]:
    """What each of them answers, in their sequence; each has a thread and a connection of its own."""
    start, answers = threading.Barrier(len(things)), {}

    def run(n: int) -> None:
        start.wait()
        try:
            answers[n] = things[n]()
        except Exception as error:
            answers[n] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(things))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[n] for n in range(len(things))]


def test_asked_for_withdrawn_let_go_and_shipped_at_once_it_ends_well_whoever_is_first(postgres):
    with refund_race.races(postgres) as new:
        stories, deadlocks = refund_race.raced(new, ROUNDS, seed=7)
    assert [(story.round.no, what) for story in stories for what in story.broken()] == []
    assert deadlocks == 0
    assert len({story.course for story in stories}) > 5, "they all came in the same sequence"
    assert {bool(story.payments) for story in stories} == {True, False}


# -- never more than was paid -----------------------------------------------------------------------


@pytest.fixture
def bought(engine) -> Engine:
    """A delivered order of 100 yuan."""
    tell(engine, placed(), paid(), fact("ship", ASKED_AT, waybill="SF1234567890"))
    tell(engine, fact("deliver", ASKED_AT + A_MINUTE))
    return engine


def two_compensations(engine: Engine, fen: int) -> list[str]:
    """Two cases that wait for a supervisor's yes."""
    line = {"quantity": 1, "condition": "as_new", "goods": None}
    with transaction(engine) as connection:
        connection.exec_driver_sql(
            "INSERT INTO order_lines (order_id, position, sku, title, quantity) VALUES (1, 2, 'BAG-2', '包', 1)"
        )
    for position in (1, 2):
        told = {"reason": "other", "kind": "compensation", "amount_fen": fen}
        open_case(engine, ASKED_AT + AN_HOUR, lines=[{"position": position, **line}], **told)
    nos = ["1-R1", "1-R2"]
    assert [case_state(engine, no) for no in nos] == ["requested"] * 2
    return nos


@pytest.mark.parametrize("guard", ["kept", "patched out"])
def test_two_compensations_approved_at_once_are_never_more_than_was_paid(bought, service, monkeypatch, guard):
    """Each would do, both are too much; without the rule's own guard the database alone sees to it."""
    nos = two_compensations(bought, 6_000)
    if guard == "patched out":
        monkeypatch.setattr("states.return_guards.left", lambda order: 10**9)
    at = ASKED_AT + 2 * AN_HOUR

    def approve(no: str) -> Any:
        grants = {"amount_fen": 6_000, "override": "so sorry"}
        return tell_return(bought, "approve", at, no=no, by="主管", **grants)

    outcomes = at_once(*(lambda no=no: approve(no) for no in nos))
    no = Status.REFUSED if guard == "kept" else Status.FAILED
    assert sorted(outcome.status for outcome in outcomes) == sorted([Status.CHANGED, no])
    if guard == "patched out":
        assert any("MoreThanPaid" in outcome.error for outcome in outcomes)
    assert money(bought) == (10_000, 0, 6_000)
    assert sorted(case_state(bought, no) for no in nos) == ["refunding", "requested"]
    monkeypatch.undo()
    release(bought, at + A_MINUTE, service)
    assert ([fen for _, fen in service.paid], money(bought)) == ([6_000], (10_000, 6_000, 0))


def test_two_who_pay_back_anew_at_once_pay_back_once(engine, service):
    tell(engine, placed(), paid())
    open_case(engine, ASKED_AT)
    service.behave(rejects())
    release(engine, OVER_AT, service)
    assert refunds(engine) == [("failed", 10_000)]

    def pay_back(who: str) -> Any:
        return tell_returns(engine, of_return("pay_back", OVER_AT + AN_HOUR, by=who)).outcomes[0]

    outcomes = at_once(*(lambda who=who: pay_back(who) for who in ("li", "wang", "zhao")))
    assert sorted(o.status for o in outcomes) == [Status.CHANGED, Status.REFUSED, Status.REFUSED]
    assert refunds(engine) == [("failed", 10_000), ("requested", 10_000)]
    service.behave(refund_race.NORMAL)
    at_once(*(lambda: release(engine, OVER_AT + 2 * AN_HOUR, service) for _ in range(2)))
    assert [fen for _, fen in service.paid] == [10_000]
    assert (money(engine), order(engine).state) == ((10_000, 10_000, 0), "refunded")


def test_the_database_alone_reserves_no_more_than_is_left(bought):
    """Eight at once, with no lock and no guard before it: three times 30 yuan fit into 100."""

    def reserve() -> None:
        with transaction(bought) as connection:
            refund_rows._reserve(connection, {1: 3_000})

    answers = at_once(*[reserve] * 8)
    assert answers.count(None) == 3
    assert {type(answer) for answer in answers if answer} == {refund_rows.MoreThanPaid}
    assert money(bought) == (10_000, 0, 9_000)
    assert rows(bought, Refund) == []
