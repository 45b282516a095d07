"""What others rely on is on the disk before they hear of it: a power cut takes nothing back (promises 5, 7).

A power cut can't be had in a test; what SQLite does about one can be asked, on the very connection, at the very commit.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from orders_told import AN_HOUR, PAID_AT, RECEIVER, rows
from payment_service import PaymentService
from pushed import event, push, settings
from returns_told import bought, open_case, release
from sqlalchemy import Engine
from sqlalchemy import event as moments

from deployments.receiver import Receiver
from flows.clock import now
from models import InboxFact, Refund

ON_THE_DISK = 2  # PRAGMA synchronous: FULL
ASKED_AT = PAID_AT + AN_HOUR
OVER_AT = ASKED_AT + timedelta(hours=24)


@pytest.fixture
def engine(databases) -> Engine:
    return databases.new("sqlite")


@pytest.fixture
def commits(engine) -> list[int]:
    """How safe each commit from now on is."""
    found: list[int] = []

    def committing(connection) -> None:
        found.append(connection.exec_driver_sql("PRAGMA synchronous").scalar())

    moments.listen(engine, "commit", committing)
    return found


def test_a_push_is_on_the_disk_before_it_is_answered(engine, commits, monkeypatch):
    settings(monkeypatch)
    with Receiver(engine, port=0) as receiver:
        told = {"no": "1", "placed_at": PAID_AT.isoformat(), "updated_at": now().isoformat(), **RECEIVER}
        answer = push(receiver.url, event(order=told))
        by_then = list(commits)
    assert answer.json() == {"stored": True, "new": True}
    assert rows(engine, InboxFact)
    assert by_then
    assert set(by_then) == {ON_THE_DISK}


def test_that_a_refund_was_sent_is_on_the_disk_before_the_payment_service_hears_of_it(engine, commits):
    bought(engine)
    open_case(engine, ASKED_AT)
    by_then = []

    class Watched(PaymentService):
        def meet(self, call):
            by_then.append((rows(engine, Refund)[0].state, list(commits)))
            return super().meet(call)

    with Watched() as service:
        assert release(engine, OVER_AT, service).paid_fen == 10_000
    ((state, safe),) = by_then
    assert state == "sent"
    assert set(safe) == {ON_THE_DISK}
