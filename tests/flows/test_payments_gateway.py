"""Refunds over real HTTP, against a service that counts what it pays."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from payment_service import (
    FAILS,
    HANGS_UP,
    NORMAL,
    PAYS_AND_HANGS_UP,
    PAYS_AND_MUMBLES,
    PAYS_THEN_500,
    PENDING_FIRST,
    PENDING_THEN_FAILS,
    REDIRECTS,
    UNAVAILABLE_503,
    Behaviour,
    PaymentService,
    late,
    rejects,
    slow,
)

from flows.gateways import send
from flows.gateways.payments import PaymentsGateway, RefundAnswer, RefundState, payments_from_env
from states.errors import BadInput, GatewayError, GatewayRejected, GatewayUnavailable, OutsideFailed

ROOT = Path(__file__).parents[2]
KEY = "bag-studio/return/4711-R1/refund/1"
TOKEN = "sk-live-4242-secret"
PAID = RefundAnswer(RefundState.SUCCEEDED, "P1")


@pytest.fixture
def service() -> Iterator[PaymentService]:
    with PaymentService() as service:
        yield service


@pytest.fixture
def payments(service: PaymentService, monkeypatch: pytest.MonkeyPatch) -> Iterator[PaymentsGateway]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("KEFU_PAYMENTS_URL", service.url)
    monkeypatch.setenv("KEFU_PAYMENTS_TOKEN", TOKEN)
    with closing(payments_from_env()) as payments:
        yield payments


@pytest.fixture
def hasty(service: PaymentService) -> Iterator[PaymentsGateway]:
    """Who waits a fifth of a second for an answer."""
    client = httpx.Client(base_url=service.url, timeout=0.2, trust_env=False)
    with closing(PaymentsGateway(client)) as payments:
        yield payments


def refund(payments: PaymentsGateway, fen: int = 1000, key: str = KEY) -> RefundAnswer:
    return payments.refund(order_no="4711", shop="bag-studio", fen=fen, idempotency_key=key)


def test_a_refund_is_paid_and_found_again(service, payments):
    assert refund(payments) == PAID
    assert payments.find_refund(KEY) == PAID
    assert service.paid == [(KEY, 1000)]
    asked, looked = service.calls
    assert asked.body == {"order_no": "4711", "shop": "bag-studio", "fen": 1000}
    assert asked.key == asked.headers["idempotency-key"] == looked.key == KEY
    assert looked.path == "/refunds/bag-studio%2Freturn%2F4711-R1%2Frefund%2F1"
    assert {call.headers["authorization"] for call in service.calls} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("key", ["shop/return/订单 1/refund/1", "a%2Fb", "a?b#c+d:é"])
def test_a_key_of_any_letters_is_the_same_key_in_both_questions(service, payments, key):
    assert refund(payments, key=key) == payments.find_refund(key) == PAID
    assert len(service.paid) == 1


def test_two_keys_are_two_refunds_however_alike_they_travel(service, payments):
    for key in ("订", "%E8%AE%A2"):
        refund(payments, key=key)
    assert len(service.paid) == 2


def test_asked_twice_it_is_paid_once(service, payments):
    assert refund(payments) == refund(payments) == PAID
    assert service.paid == [(KEY, 1000)]


def test_asked_by_many_at_once_it_is_paid_once(service, payments):
    service.behave(slow(0.05))
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(refund(payments))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [PAID] * 5
    assert service.paid == [(KEY, 1000)]


def test_a_key_stands_for_one_amount(service, payments):
    refund(payments)
    with pytest.raises(GatewayRejected, match="stands for another refund") as refused:
        refund(payments, fen=1001)
    assert (refused.value.code, refused.value.status) == ("key_reused", 422)
    assert service.paid == [(KEY, 1000)]


def test_a_refund_the_provider_never_heard_of_is_none(service, payments):
    assert payments.find_refund(KEY) is None
    service.behave(rejects("forbidden", status=403), when="GET")
    with pytest.raises(GatewayRejected):
        payments.find_refund(KEY)


def test_a_pending_refund_is_asked_about_with_the_same_key(service, payments):
    service.behave(PENDING_FIRST)
    assert refund(payments).state is RefundState.PENDING
    assert service.paid == []
    assert payments.find_refund(KEY) == PAID
    assert service.paid == [(KEY, 1000)]


@pytest.mark.parametrize("behaviour", [FAILS, PENDING_THEN_FAILS])
def test_a_failed_refund_says_why(service, payments, behaviour):
    service.behave(behaviour)
    refund(payments)
    assert refund(payments) == RefundAnswer(RefundState.FAILED, "P1", "the account is closed")
    assert service.paid == []


@pytest.mark.parametrize(
    "behaviour", [PAYS_AND_HANGS_UP, PAYS_THEN_500, PAYS_AND_MUMBLES, Behaviour(body=b"[1]"), late(5)]
)
def test_paid_but_not_heard_is_unknown_and_found_with_the_same_key(service, hasty, behaviour):
    service.behave(behaviour, NORMAL)
    with pytest.raises(GatewayUnavailable) as unavailable:
        refund(hasty)
    assert unavailable.value.unknown
    assert hasty.find_refund(KEY) == refund(hasty) == PAID
    assert service.paid == [(KEY, 1000)]


@pytest.mark.parametrize(
    "behaviour",
    [HANGS_UP, UNAVAILABLE_503, REDIRECTS, slow(5), *(rejects(status=no) for no in (408, 409, 425, 429))],
)
def test_not_paid_and_nobody_knows_so_it_is_asked_again(service, hasty, behaviour):
    service.behave(behaviour, NORMAL)
    with pytest.raises(GatewayUnavailable) as unavailable:
        refund(hasty)
    assert unavailable.value.unknown
    assert service.paid == []
    assert refund(hasty) == PAID
    assert service.paid == [(KEY, 1000)]


def test_a_redirect_is_not_followed(service):
    service.behave(REDIRECTS)
    client = httpx.Client(base_url=service.url, follow_redirects=True, trust_env=False)
    with client, pytest.raises(GatewayUnavailable):
        send(client, "POST", "/refunds")
    assert [call.path for call in service.calls] == ["/refunds"]


def test_where_nobody_listens_nothing_was_sent():
    with PaymentService() as gone:
        pass
    client = httpx.Client(base_url=gone.url, trust_env=False)
    with client, pytest.raises(GatewayUnavailable, match="nothing was sent") as unavailable:
        refund(PaymentsGateway(client))
    assert not unavailable.value.unknown


def test_a_no_is_told_with_the_code_and_the_words_of_the_provider(service, payments):
    service.behave(rejects("card_closed", "the card is closed"))
    with pytest.raises(GatewayRejected) as refused:
        refund(payments)
    assert str(refused.value) == ("POST 127.0.0.1/refunds answered 402: card_closed: the card is closed")
    assert (refused.value.code, refused.value.status, refused.value.unknown) == ("card_closed", 402, False)
    assert isinstance(refused.value, OutsideFailed)  # exit 3
    assert service.paid == []


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b'{"error": null}', b'{"error": {"code": null}}'])
def test_a_no_without_a_word_is_a_no(service, payments, body):
    service.behave(Behaviour(acts=False, status=400, body=body))
    with pytest.raises(GatewayRejected, match="answered 400$") as refused:
        refund(payments)
    assert refused.value.code == "gateway_rejected"


@pytest.mark.parametrize("told", [{"fen": 100}, {"fen": "1000"}])
def test_another_amount_than_asked_for_is_no_yes_and_no_no(service, payments, told):
    service.behave(Behaviour(told=told))
    service.behave(Behaviour(told=told), when="GET")
    for ask in (lambda: refund(payments), lambda: payments.find_refund(KEY, fen=1000)):
        with pytest.raises(
            GatewayUnavailable, match=f"asked for 1000 fen, the provider tells '?{told['fen']}"
        ) as odd:
            ask()
        assert (odd.value.code, odd.value.unknown) == ("amount_differs", True)


def test_an_answer_need_not_tell_the_amount(service, payments):
    service.behave(Behaviour(told={"fen": None}))
    assert refund(payments) == PAID


@pytest.mark.parametrize("status", ["maybe", None, {}])
def test_a_status_we_do_not_know_is_unknown(service, payments, status):
    service.behave(Behaviour(told={"status": status}))
    with pytest.raises(GatewayUnavailable, match="status we don't know") as odd:
        refund(payments)
    assert odd.value.unknown


# -- what must not come out ----------------------------------------------------------------------------


def test_personal_data_in_the_words_of_a_provider_is_masked(service, payments):
    service.behave(rejects("closed 13812341234", "call 138 1234 1234\nor 13812341234"))
    with pytest.raises(GatewayRejected) as refused:
        refund(payments)
    assert str(refused.value).endswith("closed 138****1234: call 138****1234 or 138****1234")
    assert "13812341234" not in refused.value.code
    service.behave(Behaviour(told={"reason": "拨打 13812341234"}))
    assert refund(payments).reason == "拨打 138****1234"


def test_a_long_tale_is_cut_and_no_number_survives_at_the_cut(service, payments):
    service.behave(rejects(message="x" * 190 + " 13812341234 " + "y" * 5000))
    with pytest.raises(GatewayRejected) as refused:
        refund(payments)
    assert len(str(refused.value)) < 300
    assert "13812341" not in str(refused.value)


@pytest.mark.parametrize(
    "behaviour",
    [HANGS_UP, UNAVAILABLE_503, rejects(message=f"no such key {TOKEN}"), PAYS_AND_MUMBLES],
)
def test_the_token_is_in_no_error_and_no_log(service, payments, caplog, behaviour):
    caplog.set_level(logging.DEBUG)
    service.behave(behaviour, NORMAL)
    with pytest.raises(GatewayError) as failed:
        refund(payments)
    refund(payments)
    assert TOKEN not in f"{failed.value} {failed.value.code} {failed.value.where} {failed.value.__cause__}"
    assert "4711" not in str(failed.value)  # nor anything else of the request
    assert "/refunds" in caplog.text
    assert TOKEN not in caplog.text


# -- settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [None, "", "  "])
def test_without_an_address_there_is_no_provider(monkeypatch, url):
    monkeypatch.delenv("KEFU_PAYMENTS_URL", raising=False)
    if url is not None:
        monkeypatch.setenv("KEFU_PAYMENTS_URL", url)
    assert payments_from_env() is None


@pytest.mark.parametrize(
    "url",
    ["pay.example.com", "ftp://pay.example.com", "http://", "https:///v1", "http://[", "http://h:99999",
     "http://h:x", "http://a b", "http://a..b", "http://me:secret@h", "http://h/?token=secret", "http://h?", "http://h/#x"],
)  # fmt: skip
def test_an_address_that_can_not_be_asked_is_bad_input(monkeypatch, url):
    monkeypatch.setenv("KEFU_PAYMENTS_URL", url)
    with pytest.raises(BadInput, match="KEFU_PAYMENTS_URL") as bad:
        payments_from_env()
    assert bad.value.where == "KEFU_PAYMENTS_URL"
    assert "secret" not in str(bad.value)


def test_a_token_that_no_header_carries_is_bad_input(monkeypatch):
    monkeypatch.setenv("KEFU_PAYMENTS_URL", "https://pay.example.com")
    monkeypatch.setenv("KEFU_PAYMENTS_TOKEN", "sécret\nX: y")
    with pytest.raises(BadInput, match="KEFU_PAYMENTS_TOKEN") as bad:
        payments_from_env()
    assert "cret" not in str(bad.value)


def test_a_path_of_the_address_is_kept_and_a_line_break_after_the_token_is_not(monkeypatch):
    monkeypatch.setenv("KEFU_PAYMENTS_URL", "https://pay.example.com/v1")
    monkeypatch.setenv("KEFU_PAYMENTS_TOKEN", f"{TOKEN}\n")
    with closing(payments_from_env()) as payments:
        asked = payments._client.build_request("POST", "/refunds")
    assert (str(asked.url), asked.headers["Authorization"]) == (
        "https://pay.example.com/v1/refunds",
        f"Bearer {TOKEN}",
    )
    assert asked.extensions["timeout"] == {"connect": 5, "read": 10, "write": 10, "pool": 10}


def test_naming_the_gateway_does_not_load_httpx():
    loaded = "import sys, flows.gateways.payments; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], cwd=ROOT).returncode == 0


# -- the service beside a test -------------------------------------------------------------------------


def test_the_service_leaves_no_thread_behind():
    before = threading.active_count()
    with PaymentService() as service:
        service.behave(late(60))
        client = httpx.Client(base_url=service.url, timeout=0.1, trust_env=False)
        with client, pytest.raises(GatewayUnavailable):
            refund(PaymentsGateway(client))
    assert threading.active_count() == before
