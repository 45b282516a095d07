"""Returns under Prefect: refunds and chasing by the timetable, one case by hand, at a real payment service."""

import json
from datetime import timedelta

import httpx
import pytest
from orders_told import A_MINUTE, AN_HOUR, PAID_AT, fact, order, paid, placed, tell
from payment_service import HANGS_UP, PAYS_AND_HANGS_UP, PaymentService
from returns_told import case_owed, case_state, case_timers, open_case, refunds

from deployments.running import deploy, prepare
from deployments.server import free_port
from flows.gateways.payments import PaymentsGateway
from models.database import engine_from_env

ASKED_AT = PAID_AT + AN_HOUR
OVER_AT = ASKED_AT + timedelta(hours=24)
FIVE_MINUTES = timedelta(minutes=5)
KEYS = [f"bag-studio/return/{no}-R1/refund/1" for no in ("1", "2")]


@pytest.fixture
def service(monkeypatch):
    with PaymentService() as service:
        monkeypatch.setenv("KEFU_PAYMENTS_URL", service.url)
        yield service


@pytest.fixture
def cooling(prefect):
    """Two paid orders nobody wants any more, and the timetable, still."""
    prepare(say=lambda _: None)
    deploy(paused=True)
    engine = engine_from_env()
    tell(engine, *(fact for no in ("1", "2") for fact in (placed(no), paid(no))))
    for no in ("1", "2"):
        assert open_case(engine, ASKED_AT, of=no).changes[-1].dest == "cooling"
    return engine


def run(prefect, deployment: str, as_of, **parameters):
    return prefect.run(deployment, as_of=as_of.isoformat(), **parameters)


def table_of(prefect, run) -> list[dict]:
    """The run's table, as an operator sees it."""
    of_run = {"artifacts": {"flow_run_id": {"any_": [str(run.id)]}, "type": {"any_": ["table"]}}}
    with prefect.client() as client:
        [found] = client.request("POST", "/artifacts/filter", json=of_run).json()
    return json.loads(found["data"])


def tasks_of(prefect, run) -> int:
    of_run = {"flow_runs": {"id": {"any_": [str(run.id)]}}}
    with prefect.client() as client:
        return client.request("POST", "/task_runs/count", json=of_run).json()


def test_the_timetables_run_and_one_for_a_case_by_hand_do_the_same(prefect, cooling, service):
    with prefect.worker():
        by_hand = run(prefect, "return-case/by-hand", OVER_AT, case_no="2-R1")
        assert service.paid == [(KEYS[1], 10_000)]
        assert case_state(cooling, "1-R1") == "cooling"
        timed = run(prefect, "release-refunds/every-5-minutes", OVER_AT)
        again = run(prefect, "release-refunds/by-hand", OVER_AT + FIVE_MINUTES)
    assert service.paid == [(KEYS[1], 10_000), (KEYS[0], 10_000)]
    for no in ("1", "2"):
        assert (order(cooling, no).state, case_state(cooling, f"{no}-R1")) == ("refunded", "refunded")
        assert case_owed(cooling, f"{no}-R1") == ["return_cooling", "refund_paid"]
    said = f"as of {OVER_AT.isoformat()}: 2 claimed, 2 done, 0 refused, 0 postponed, 0 failed, 100.00 yuan paid back"
    said += "; messages: 1 waiting: no gateway is configured for them"
    assert (timed.state.type.value, timed.state.message) == ("COMPLETED", said)
    assert (by_hand.state.type.value, by_hand.state.message) == ("COMPLETED", said)
    assert "0 claimed" in again.state.message
    for ended, no in ((timed, "1-R1"), (by_hand, "2-R1")):
        did = [(row["no"], row["did"], row["yuan"]) for row in table_of(prefect, ended)]
        assert did == [(no, "pay_back → refunding", ""), (no, "refund_paid → refunded", "100.00")]
        assert tasks_of(prefect, ended) == 2, "the batch of cases, and the refund"


def test_an_unreachable_payment_service_turns_the_run_red_and_the_next_one_pays_once(
    prefect, cooling, service, monkeypatch
):
    monkeypatch.setenv("KEFU_PAYMENTS_URL", f"http://127.0.0.1:{free_port()}")
    with prefect.worker():
        red = run(prefect, "release-refunds/by-hand", OVER_AT)
        assert red.state.type.value == "FAILED"
        assert "4 claimed, 2 done, 0 refused, 2 postponed" in red.state.message, "the rest was done"
        assert [row["error"] for row in table_of(prefect, red)][:2] == ["", ""]
        assert all(row["error"] for row in table_of(prefect, red)[2:])
        assert refunds(cooling, "1-R1") == [("requested", 10_000)]
        monkeypatch.setenv("KEFU_PAYMENTS_URL", service.url)
        mended = run(prefect, "release-refunds/by-hand", OVER_AT + FIVE_MINUTES)
    assert mended.state.type.value == "COMPLETED"
    assert "200.00 yuan paid back" in mended.state.message
    assert service.paid == [(key, 10_000) for key in KEYS]


def test_an_outcome_nobody_told_is_asked_about_and_not_paid_anew(prefect, cooling, service):
    service.behave(PAYS_AND_HANGS_UP, HANGS_UP)
    with prefect.worker():
        red = run(prefect, "return-case/by-hand", OVER_AT, case_no="1-R1")
        service.behave(PAYS_AND_HANGS_UP)
        mended = run(prefect, "return-case/by-hand", OVER_AT + FIVE_MINUTES, case_no="1-R1")
    assert red.state.type.value == "FAILED"
    assert "0.00 yuan paid back, 1 refund with an unknown outcome" in red.state.message
    assert mended.state.type.value == "COMPLETED"
    assert "1 done, 0 refused, 0 postponed, 0 failed, 100.00 yuan paid back" in mended.state.message
    assert service.paid == [(KEYS[0], 10_000)]


def test_without_a_payment_service_refunds_wait_and_the_run_says_so(prefect, cooling, monkeypatch):
    monkeypatch.delenv("KEFU_PAYMENTS_URL", raising=False)
    with prefect.worker():
        waits = run(prefect, "release-refunds/by-hand", OVER_AT)
        rehearsed = run(prefect, "release-refunds/by-hand", OVER_AT, dry_run=True)
        monkeypatch.setenv("KEFU_PAYMENTS_URL", "pay.example.com?secret")
        wrong = run(prefect, "release-refunds/by-hand", OVER_AT)
    assert waits.state.type.value == "COMPLETED"
    told = "2 refunds waiting: no payment service is configured (KEFU_PAYMENTS_URL)"
    assert waits.state.message.endswith(told)
    assert [case_state(cooling, f"{no}-R1") for no in ("1", "2")] == ["refunding"] * 2
    assert rehearsed.state.message.endswith("2 refunds waiting to be sent")
    assert wrong.state.type.value == "FAILED"
    assert wrong.state.message.startswith("KEFU_PAYMENTS_URL is no address like")
    assert "secret" not in wrong.state.message


def test_buyers_are_chased_and_one_case_by_hand_needs_its_number(prefect, cooling):
    parcel = {"no": "3", "waybill": "SF1234567890"}
    tell(cooling, placed("3"), paid("3"), fact("ship", PAID_AT + A_MINUTE, **parcel))
    tell(cooling, fact("deliver", PAID_AT + 2 * A_MINUTE, no="3"))
    missing = open_case(cooling, ASKED_AT, of="3", reason="missing")
    assert missing.changes[-1].dest == "evidence_needed"
    assert case_timers(cooling, "3-R1")["evidence_reminder"] == "03-03 11:20"
    with prefect.worker():
        chased = run(prefect, "chase-returns/every-10-minutes", OVER_AT)
        nameless = run(prefect, "return-case/by-hand", OVER_AT, case_no="")
        unknown = run(prefect, "return-case/by-hand", OVER_AT, case_no="9-R1")
    assert chased.state.type.value == "COMPLETED"
    assert [row["no"] for row in table_of(prefect, chased)] == ["3-R1"]
    assert case_owed(cooling, "3-R1")[:2] == ["evidence_wanted", "evidence_reminder"]
    assert nameless.state.message == "return-case is about one case: give its number"
    assert unknown.state.message == "there is no return '9-R1'; `kefu return list` shows those there are"


def test_the_client_of_the_payment_service_is_closed_again(cooling, service, monkeypatch):
    from flows import return_steps

    client = httpx.Client(base_url=service.url)
    monkeypatch.setattr(return_steps, "payments_from_env", lambda: PaymentsGateway(client))
    return_steps.release_refunds(cooling, as_of=OVER_AT)
    assert len(service.paid) == 2
    assert client.is_closed
