"""Whatever is thrown at the receiver, it answers, and never with a 500; schemathesis reads its OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from orders_told import rows
from pushed import a_track, event, push, push_scan
from pushed import settings as set_up
from schemathesis.checks import not_a_server_error
from strangers_told import ANY, FEW, WORDS, as_sent

from deployments.receiver import Receiver
from flows import clock
from flows.inbox_processing import process_inbox
from models import InboxFact

EXAMPLES = settings(FEW, max_examples=40)
PLAIN = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | PLAIN
JSON = ANY | st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PLAIN, inner, max_size=4)
)
A_TIME = st.sampled_from(["2026-03-02T10:00:00+08:00", "2026-03-02 10:00:00", "9999-12-31T23:59:59-12:00"])
COLUMNS = ["no", "placed_at", "paid_at", "amount_fen", "items", "phone", "updated_at", "remark", "waybill"]
ORDERS = st.dictionaries(st.sampled_from(COLUMNS), JSON | A_TIME | st.just("1"), max_size=9)
ABOUT = st.sampled_from(["order", "complaint", "refund", "reason", "order_no"])
EVENTS = st.fixed_dictionaries(
    {
        "id": st.integers(0, 9).map(str) | JSON,
        "type": st.sampled_from(["order.changed", "refund.settled", "message.bounced", "moon.risen"]) | JSON,
        "at": A_TIME | JSON,
        "more": st.dictionaries(ABOUT, JSON | ORDERS, max_size=2),
    }
)
SCANS = st.dictionaries(st.sampled_from(["time", "ftime", "context"]), JSON | A_TIME, max_size=3)
TRACKS = st.fixed_dictionaries(
    {"nu": JSON | st.just("SF1"), "state": JSON | st.just("3"), "data": JSON | st.lists(SCANS, max_size=3)}
)
PARAMS = st.fixed_dictionaries({"status": JSON, "message": JSON, "lastResult": TRACKS | JSON})


@pytest.fixture
def receiver(engine, monkeypatch) -> Iterator[Receiver]:
    set_up(monkeypatch)
    with Receiver(engine, port=0) as running:
        running.engine = engine
        yield running


def test_nothing_that_strangers_send_is_answered_with_a_500(receiver):
    schema = schemathesis.openapi.from_url(f"{receiver.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert {operation.path for operation in operations} == {
        *("/push/platform/{shop}", "/push/payments/{shop}", "/push/kuaidi100/{shop}", "/health")
    }
    for operation in operations:

        @EXAMPLES
        @given(case=operation.as_strategy())
        def throw(case):
            case.validate_response(case.call(), checks=[not_a_server_error])

        throw()
    assert rows(receiver.engine, InboxFact) == []


def test_nothing_that_a_party_signs_is_answered_with_a_500_and_all_of_it_is_worked_on(receiver):
    @EXAMPLES
    @given(EVENTS, st.sampled_from(["platform", "payments"]))
    def throw(told, source):
        more = told.pop("more")
        answer = push(receiver.url, as_sent({**event(), **told, **more}), source=source)
        assert answer.status_code in (200, 400, 403, 413), answer.text

    throw()
    _all_worked_on(receiver)


def test_nothing_that_kuaidi100_signs_is_answered_with_a_500_and_all_of_it_is_worked_on(receiver):
    @EXAMPLES
    @given(PARAMS.map(json.dumps) | WORDS.map(_as_utf8))
    def throw(param):
        answer = push_scan(receiver.url, param)
        assert answer.status_code in (200, 400), answer.text

    throw()
    assert push_scan(receiver.url, a_track()).status_code == 200
    _all_worked_on(receiver)


def _as_utf8(words: str) -> str:
    return words.encode("utf-8", "replace").decode()


def _all_worked_on(receiver: Receiver) -> None:
    process_inbox(receiver.engine, now=clock.now())
    facts = rows(receiver.engine, InboxFact)
    assert facts
    assert [fact.error for fact in facts if fact.error] == []
