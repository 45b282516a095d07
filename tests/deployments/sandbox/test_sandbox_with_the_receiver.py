"""The sandbox pushes, kefu's receiver takes: in the end both know the same of every order."""

from datetime import timedelta

from sqlalchemy import select
from waiting import wait_until

from deployments.receiver import Receiver
from flows import clock
from flows.inbox_processing import process_inbox
from models import InboxFact, Order
from models.database import reading

INBOX = InboxFact.__table__


def _known(engine):
    with reading(engine) as connection:
        return {row.no: (row.state, row.paid_fen) for row in connection.execute(select(Order.__table__))}


def _facts(engine, *which):
    with reading(engine) as connection:
        return connection.execute(select(INBOX).where(INBOX.c.processed_at.is_(None), *which)).all()


def _work_on_all(engine):
    """What came at once, and an hour later the scans that were quicker than their waybill's order."""
    wait_until(lambda: not _facts(engine, INBOX.c.retry_at.is_(None)), "facts still wait")
    process_inbox(engine, now=clock.now() + timedelta(hours=1))
    assert not _facts(engine)


def test_what_is_pushed_twice_late_forged_and_garbled_is_known_once_and_right(sandbox, engine, monkeypatch):
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    share = dict.fromkeys(("push_twice", "push_late", "push_forged", "push_garbled"), 0.5)
    for party in ("platform", "carrier"):
        sandbox.misbehave(party, **share, push_late_ms=200, seed=5)
    with Receiver(engine, port=0) as receiver:
        sandbox.push_to(receiver.url)
        nos = sandbox.make_up("bag-studio", 6)
        for no in nos[:4]:
            sandbox.act(no, "pay")
        for no in nos[:2]:
            sandbox.act(no, "depart")
        sandbox.act(nos[0], "sign")
        sandbox.wait_until_pushed()
        _work_on_all(engine)
    answers = {
        (answer["copy"], answer["status"]) for event in sandbox.events() for answer in event["answers"]
    }
    assert answers == {("true", 200), ("twice", 200), ("forged", 401), ("garbled", 400)}
    paid_fen = {order["no"]: order["paid_fen"] or 0 for order in sandbox.orders()}
    states = (
        "delivered",
        "shipped",
        "verified",
        "verified",
        "unpaid",
        "unpaid",
    )  # what is paid, kefu verifies
    assert _known(engine) == {no: (state, paid_fen[no]) for no, state in zip(nos, states, strict=True)}
