"""How the parties misbehave: each fault is real, what was done is in the ledger, and the seed decides."""

import socket
import threading
import time

import httpx
import pytest


@pytest.fixture
def nos(sandbox):
    """Twenty paid orders."""
    return sandbox.make_up("bag-studio", 20, paid=True)


def _refund(sandbox, no, key="k"):
    """How it was answered: a status, or that nobody answered."""
    try:
        return sandbox.refund(key, no, 100).status_code
    except httpx.RemoteProtocolError:  # what came before: nothing, as the test with the bare socket shows
        return "hung up"


@pytest.mark.parametrize(
    ("fault", "answered", "done"),
    [
        *[("too_many", 429, 0), ("error", 500, 0), ("unreachable", "hung up", 0)],
        *[("error_after", 500, 1), ("lost_answer", "hung up", 1), ("garbage", 201, 1)],
    ],
)
def test_a_fault_strikes_before_or_after_the_work_and_the_next_try_does_it_once(
    sandbox, nos, fault, answered, done
):
    sandbox.misbehave("payments", **{fault: 1}, first_tries=1)
    assert _refund(sandbox, nos[0]) == answered
    assert len(sandbox.effects("payments")) == done
    assert sandbox.order(nos[0])["refunded_fen"] == 100 * done
    assert _refund(sandbox, nos[0]) == (200 if done else 201)
    [effect] = sandbox.effects("payments")
    assert (effect["asked"], effect["outcome"]) == (1 + done, "done")
    assert sandbox.order(nos[0])["refunded_fen"] == 100
    assert sandbox.met() == {"payments": {fault: 1}}


def test_a_lost_answer_is_a_closed_socket_without_one_byte(sandbox, nos):
    sandbox.misbehave("payments", lost_answer=1)
    told = b'{"order_no":"%s","shop":"bag-studio","fen":100}' % nos[0].encode()
    lines = [
        *(b"POST /payments/refunds HTTP/1.1", b"Host: localhost", b"Content-Type: application/json"),
        *(b"Idempotency-Key: k", b"Authorization: Bearer %s" % sandbox.secrets.payments_token.encode()),
        *(b"Content-Length: %d" % len(told), b"", told),
    ]
    url = httpx.URL(sandbox.url)
    with socket.create_connection((url.host, url.port), timeout=10) as connection:
        connection.sendall(b"\r\n".join(lines))
        assert connection.recv(1) == b""
    assert sandbox.order(nos[0])["refunded_fen"] == 100


def test_garbage_is_no_json(sandbox, nos):
    sandbox.misbehave("payments", garbage=1)
    with pytest.raises(ValueError, match="Unterminated"):
        sandbox.refund("k", nos[0], 100).json()


def test_429_says_when_to_come_again(sandbox, nos):
    sandbox.misbehave("payments", too_many=1, retry_after=7)
    assert sandbox.refund("k", nos[0], 100).headers["Retry-After"] == "7"


def test_more_than_the_rate_allows_are_turned_away_until_a_second_has_brought_more(sandbox, nos):
    sandbox.misbehave("payments", per_second=1)
    began = time.monotonic()
    answers = [sandbox.refund(str(number), nos[number], 100) for number in range(12)]
    took = time.monotonic() - began
    taken = [answer for answer in answers if answer.status_code == 201]
    assert 1 <= len(taken) <= 1 + took + 1
    turned_away = [answer for answer in answers if answer.status_code == 429]
    assert turned_away
    assert {answer.headers["Retry-After"] for answer in turned_away} == {"1"}
    time.sleep(1.1)
    assert sandbox.refund("later", nos[-1], 100).status_code == 201


def test_latency_is_waited_before_the_answer_and_not_by_the_others(sandbox, nos):
    sandbox.misbehave("payments", latency_ms=1_000)
    began = time.monotonic()
    asking = [threading.Thread(target=_refund, args=(sandbox, no, no)) for no in nos[:8]]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert 1 <= time.monotonic() - began < 8
    assert len(sandbox.effects("payments", "done")) == 8


def test_the_seed_decides_whatever_the_sequence(sandbox, nos):
    def struck(seed, order):
        sandbox.misbehave("payments", seed=seed, error=0.5)
        return {no: _refund(sandbox, no, f"{no}/{seed}") for no in order}

    once = struck(1, nos)
    assert set(once.values()) == {500, 201}
    sandbox.control("POST", "/reset")
    assert sandbox.make_up("bag-studio", 20, paid=True) == nos
    assert struck(1, reversed(nos)) == once
    assert struck(2, nos) != once


def test_a_fault_of_one_party_is_none_of_the_others(sandbox, nos):
    sandbox.misbehave("payments", unreachable=1)
    assert sandbox.signed("GET", "/platform/orders").status_code == 200


def test_all_behave_again_when_they_are_told_to(sandbox, nos):
    sandbox.misbehave("payments", unreachable=1)
    sandbox.behave()
    assert _refund(sandbox, nos[0]) == 201


def test_under_every_fault_at_once_each_key_is_still_done_once(sandbox, nos):
    share = 0.25
    names = ("too_many", "error", "unreachable", "error_after", "lost_answer", "garbage", "pending")
    sandbox.misbehave("payments", **dict.fromkeys(names, share), first_tries=6)
    for no in nos:
        tries = iter(range(20))
        while _refund(sandbox, no, no) not in (200, 201):
            next(tries)
        assert _refund(sandbox, no, no) in (200, 201, 429, 500, "hung up")
    sandbox.behave()
    for no in nos:
        assert sandbox.refund(no, no, 100).json()["status"] == "succeeded"
    effects = sandbox.effects("payments")
    assert sorted(effect["key"] for effect in effects) == sorted(nos)
    assert {effect["outcome"] for effect in effects} == {"done"}
    assert {order["refunded_fen"] for order in sandbox.orders()} == {100}
