"""The payment service: each key once, never more than was paid, and a money trail that can be counted."""

from urllib.parse import quote

import pytest

KEY = "bag-studio/return/4711-R1/refund/1"


@pytest.fixture
def paid(sandbox):
    """One order of 128 yuan, paid."""
    sandbox.place(
        {
            **{"no": "4711", "shop": "bag-studio", "amount_fen": 12_800},
            **{"placed_at": "2026-03-02T09:00:00+08:00", "paid_at": "2026-03-02T10:00:00+08:00"},
        }
    )
    return sandbox


def _found(sandbox, key):
    token = {"Authorization": f"Bearer {sandbox.secrets.payments_token}"}
    return sandbox.client.get(f"/payments/refunds/{quote(key, safe='')}", headers=token)


def test_a_key_pays_once(paid):
    first, again = paid.refund(KEY, "4711", 12_800), paid.refund(KEY, "4711", 12_800)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() == _found(paid, KEY).json()
    assert (first.json()["status"], first.json()["fen"]) == ("succeeded", 12_800)
    order = paid.order("4711")
    assert (order["refunded_fen"], order["reserved_fen"], order["status"]) == (12_800, 0, "refunded")
    [effect] = paid.effects("payments")
    assert (effect["asked"], effect["outcome"], effect["body"]["fen"]) == (2, "done", 12_800)


def test_refunds_never_exceed_what_was_paid(paid):
    assert paid.refund("a", "4711", 12_700).status_code == 201
    no = paid.refund("b", "4711", 101)
    assert (no.status_code, no.json()["error"]["code"]) == (422, "refund_above_paid")
    assert paid.refund("c", "4711", 100).status_code == 201
    assert paid.order("4711")["refunded_fen"] == 12_800
    assert [effect["outcome"] for effect in paid.effects("payments")] == ["done", "refused", "done"]


def test_what_is_pending_is_reserved_and_paid_when_it_is_asked_about(paid):
    paid.misbehave("payments", pending=1)
    assert paid.refund("a", "4711", 12_800).status_code == 202
    assert paid.order("4711")["refunded_fen"] == 0
    assert paid.effects("payments")[0]["outcome"] == "pending"
    assert paid.refund("b", "4711", 1).status_code == 422
    assert _found(paid, "a").json()["status"] == "succeeded"
    assert paid.order("4711")["refunded_fen"] == 12_800
    assert paid.effects("payments")[0]["outcome"] == "done"


def test_a_failed_refund_pays_nothing_and_stays_failed(paid):
    paid.misbehave("payments", failed=1)
    assert paid.refund("a", "4711", 12_800).json()["status"] == "failed"
    paid.behave()
    assert paid.refund("a", "4711", 12_800).json()["status"] == "failed"
    assert paid.refund("b", "4711", 12_800).json()["status"] == "succeeded"
    assert [effect["outcome"] for effect in paid.effects("payments")] == ["refused", "done"]


def test_a_key_never_heard_of_is_not_found_and_a_key_for_other_terms_is_refused(paid):
    assert _found(paid, KEY).status_code == 404
    paid.refund(KEY, "4711", 100)
    assert paid.refund(KEY, "4711", 101).json()["error"]["code"] == "key_reused"
    assert paid.order("4711")["refunded_fen"] == 100


@pytest.mark.parametrize(("no", "shop"), [("9999", "bag-studio"), ("4711", "urumqi-kitchen")])
def test_an_order_it_does_not_know_is_not_found(paid, no, shop):
    assert paid.refund("a", no, 1, shop).status_code == 404
    assert paid.effects("payments")[0]["outcome"] == "refused"


def test_kefus_own_gateway_understands_it(paid, monkeypatch):
    from flows.gateways.payments import payments_from_env

    for name, value in paid.environment().items():
        monkeypatch.setenv(name, value)
    gateway = payments_from_env()
    assert gateway.find_refund(KEY) is None
    assert (
        gateway.refund(order_no="4711", shop="bag-studio", fen=500, idempotency_key=KEY).state == "succeeded"
    )
    assert gateway.find_refund(KEY, fen=500).refund_ref == "P1"
    gateway.close()


def test_without_the_token_nothing_is_paid_or_told(paid):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer ä".encode("latin-1")}):
        answer = paid.client.post(
            "/payments/refunds",
            json={"order_no": "4711", "shop": "bag-studio", "fen": 1},
            headers={"Idempotency-Key": "a", **headers},
        )
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert not paid.effects()
