"""An answer is bounded in all: its time, its bytes as they come and unpacked, its redirects (promise 14)."""

from __future__ import annotations

import asyncio
import gzip
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from rude import DRIPS_A_BODY, DRIPS_HEADERS, Rude, bomb, floods, floods_headers, says, silent

from flows import stopping
from flows.gateways import bounds, open_client, send, send_async
from flows.gateways.platform import Page, PlatformGateway
from states.errors import GatewayUnavailable

MEGABYTE = 1 << 20


def plainly(url: str, method: str = "POST", path: str = "/refunds", **how: Any) -> dict:
    with httpx.Client(base_url=url, trust_env=False, timeout=5) as client:
        return send(client, method, path, **how)


def asynchronously(url: str, method: str = "POST", path: str = "/refunds", **how: Any) -> dict:
    async def asked() -> dict:
        async with open_client(url) as client:
            return await send_async(client, method, path, **how)

    return asyncio.run(asked())


Ask = Callable[..., dict]
each_way = pytest.mark.parametrize("ask", [plainly, asynchronously])


@each_way
@pytest.mark.parametrize("manners", [DRIPS_HEADERS, DRIPS_A_BODY, silent])
def test_who_never_comes_to_an_end_is_cut_off_and_nobody_knows_what_it_did(ask: Ask, manners, monkeypatch):
    monkeypatch.setattr(bounds, "ANSWER_SECONDS", 0.4)
    with Rude(manners) as there, pytest.raises(GatewayUnavailable, match=r"within 0\.4 s") as no:
        ask(there.url)
    assert no.value.unknown


@each_way
def test_who_takes_long_but_ends_in_time_is_heard(ask: Ask):
    def in_pieces(there: Rude):
        for piece in (b"HTTP/1.1 200 OK\r\n", b"Content-Length: 7\r\n\r\n", b'{"a"', b":1}"):
            there.wait(0.05)
            yield piece

    with Rude(in_pieces) as there:
        assert ask(there.url) == {"a": 1}


@each_way
def test_after_the_time_of_an_answer_nobody_is_cut_off_any_more(ask: Ask, monkeypatch):
    monkeypatch.setattr(bounds, "ANSWER_SECONDS", 1)
    with Rude(says(b"{}")) as there:
        ask(there.url)
        time.sleep(1.1)
        assert ask(there.url) == {}


@each_way
def test_an_answer_without_end_is_read_to_the_limit(ask: Ask):
    with Rude(floods) as there, pytest.raises(GatewayUnavailable, match="4 MiB") as no:
        ask(there.url)
    assert no.value.unknown
    assert there.said < 16 * MEGABYTE  # ours, and what lay in the buffers between us


@each_way
@pytest.mark.parametrize("word", ["成功".encode(), b"\xff\xfe"], ids=["UTF-8", "no text"])
def test_a_header_that_is_not_ascii_costs_no_answer(ask: Ask, word: bytes):
    with Rude(says(b'{"a": 1}', b"X-Message: " + word)) as there:
        assert ask(there.url) == {"a": 1}


@each_way
def test_headers_without_end_are_not_read_to_it(ask: Ask):
    with Rude(floods_headers) as there, pytest.raises(GatewayUnavailable) as no:
        ask(there.url)
    assert no.value.unknown
    assert there.said < 8 * MEGABYTE


@each_way
def test_what_becomes_large_when_it_is_unpacked_is_unpacked_to_the_limit(ask: Ask):
    with Rude(bomb(megabytes=64)) as there:
        tracemalloc.start()
        with pytest.raises(GatewayUnavailable, match="4 MiB") as no:
            ask(there.url)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert no.value.unknown
    assert most < 20 * MEGABYTE


@each_way
@pytest.mark.parametrize("spaces", [0, 1])
def test_the_limit_itself_is_allowed_and_not_a_byte_more(ask: Ask, spaces: int, monkeypatch):
    monkeypatch.setattr(bounds, "LARGEST_ANSWER", 1_000)
    body = b'{"a":1}' + b" " * (993 + spaces)
    for manners in (says(body), says(gzip.compress(body), b"Content-Encoding: gzip")):
        with Rude(manners) as there:
            if spaces:
                with pytest.raises(GatewayUnavailable, match="more than"):
                    ask(there.url)
            else:
                assert ask(there.url) == {"a": 1}


@each_way
@pytest.mark.parametrize(
    ("body", "packing"),
    [
        (gzip.compress(b"{}")[:-9], b"gzip"),
        (b"{}", b"gzip"),
        (b"{}", b"br"),
        (gzip.compress(gzip.compress(b"{}")), b"gzip, gzip"),
    ],
    ids=["cut short", "not packed", "unknown", "packed twice"],  # packed bytes hold the time
)
def test_what_cannot_be_unpacked_is_no_answer(ask: Ask, body: bytes, packing: bytes):
    with Rude(says(body, b"Content-Encoding: " + packing)) as there, pytest.raises(GatewayUnavailable) as no:
        ask(there.url)
    assert no.value.unknown


@each_way
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(ask: Ask, status: int):
    def elsewhere(there: Rude):
        yield b"HTTP/1.1 %d Go\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n" % status

    with Rude(elsewhere) as there, pytest.raises(GatewayUnavailable):
        ask(there.url)
    assert len(there.heard) == 1


@each_way
def test_nobody_is_asked_any_more_once_we_are_to_stop(ask: Ask):
    with Rude(says(b"{}")) as there:
        stopping.asked.set()
        try:
            with pytest.raises(GatewayUnavailable, match="nothing was sent") as no:
                ask(there.url)
        finally:
            stopping.asked.clear()
        assert not no.value.unknown
        assert there.heard == []
        assert ask(there.url) == {}


def test_a_page_of_orders_may_be_larger_than_another_answer(monkeypatch):
    monkeypatch.setattr(bounds, "LARGEST_ANSWER", 1_000)
    page = b'{"orders": []' + b" " * 2_000 + b"}"

    async def pulled(url: str) -> Page:
        async with open_client(url) as client:
            return await PlatformGateway("shop/platform", client).orders_changed(
                datetime(2026, 3, 10, tzinfo=UTC)
            )

    with Rude(says(page)) as there:
        assert asyncio.run(pulled(there.url)).orders == []
        with pytest.raises(GatewayUnavailable):
            asynchronously(there.url)
