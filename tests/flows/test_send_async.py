"""Questions that many can ask at once are judged as those of one."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest
from other_side import DOWN, DROPS, MUMBLES, NORMAL, Behaviour, OtherSide, busy, rejects

from flows.gateways import Contact, Owed, open_client, send, send_async
from states.errors import GatewayError, GatewayRejected, GatewayUnavailable

TOKEN = "Bearer sk-live-4242"


@pytest.fixture
def there():
    with OtherSide() as there:
        yield there


def ask(url: str, path: str = "/messages?phone=13812341234", **how):
    async def asked():
        async with open_client(url, headers={"Authorization": TOKEN}) as client:
            return await send_async(client, "POST", path, **{"idempotency_key": "shop/订单/1", **how})

    return asyncio.run(asked())


def test_the_key_travels_as_it_does_elsewhere(there):
    assert ask(there.url, json={"a": 1}) == {"ref": "R1"}
    assert there.done == ["shop/%E8%AE%A2%E5%8D%95/1"]


def test_the_very_bytes_that_were_signed_are_sent_with_their_signature(there):
    ask(there.url, content=b'{"b":  2}', headers={"X-Kefu-Signature": "abc"})
    assert there.asked[0].headers["x-kefu-signature"] == "abc"
    assert there.asked[0].headers["content-length"] == "9"


@pytest.mark.parametrize(
    "behaviour", [DOWN, DROPS, MUMBLES, busy(7), rejects("13812341234 closed"), rejects("x", 409)]
)
def test_an_answer_is_judged_as_one_that_was_not_asked_for_asynchronously(there, behaviour):
    there.behave(lambda asked: behaviour)
    with pytest.raises(GatewayError) as asynchronous:
        ask(there.url, "/messages")
    with httpx.Client(base_url=there.url) as client, pytest.raises(GatewayError) as plain:
        send(client, "POST", "/messages", idempotency_key="k")
    one, other = vars(asynchronous.value), vars(plain.value)
    assert (type(asynchronous.value), str(asynchronous.value), one) == (
        type(plain.value),
        str(plain.value),
        other,
    )


def test_nothing_that_was_sent_is_in_an_error(there):
    there.behave(lambda asked: rejects(f"{TOKEN} is not allowed to write to 13812341234"))
    with pytest.raises(GatewayRejected) as no:
        ask(there.url, json={"text": "请付款"})
    for secret in ("sk-live", "13812341234", "请付款", "?"):
        assert secret not in str(no.value)


def test_where_nobody_listens_nothing_was_sent():
    with pytest.raises(GatewayUnavailable) as no:
        ask("http://127.0.0.1:1")
    assert no.value.unknown is False


@pytest.mark.parametrize(
    ("told", "wait"),
    [
        ({"Retry-After": "120"}, timedelta(minutes=2)),
        (
            {"Retry-After": "Wed, 11 Nov 2026 08:01:30 GMT", "Date": "Wed, 11 Nov 2026 08:00:00 GMT"},
            timedelta(seconds=90),
        ),
        (
            {"Retry-After": "Wed, 11 Nov 2026 08:00:00 GMT", "Date": "Wed, 11 Nov 2026 08:00:01 GMT"},
            timedelta(),
        ),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "9" * 30}, None),
        ({}, None),
    ],
)
def test_when_to_come_back_is_understood_in_both_spellings(there, told, wait):
    there.behave(lambda asked: Behaviour(acts=False, status=429, headers=tuple(told.items())))
    with pytest.raises(GatewayUnavailable) as later:
        ask(there.url)
    assert later.value.retry_after == wait


def test_who_a_message_is_for_is_never_shown():
    to = Contact(handle="小明_88", name="王小明", phone="13812341234", email="x@example.com")
    owed = Owed("k", "s", "w", "buyer", "order", "1", "1", None, "王小明您好", {"n": "王小明"}, None, to)
    assert not any(secret in repr(owed) for secret in ("小明", "138", "example"))


def test_many_are_asked_at_once(there):
    there.behave(lambda asked: NORMAL)

    async def all_at_once():
        async with open_client(there.url) as client:
            return await asyncio.gather(
                *(send_async(client, "POST", "/", idempotency_key=f"{n}") for n in range(50))
            )

    assert len({told["ref"] for told in asyncio.run(all_at_once())}) == 50
