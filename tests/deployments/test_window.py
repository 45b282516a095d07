"""Who is answered at the operators' window, by the name it was found by and the page that asks."""

import asyncio

import httpx
import pytest
from starlette.responses import PlainTextResponse

from deployments.window import OwnPagesOnly, is_local, own_names, own_url

LAN = "192.168.1.5:4200"


def status(listen, host, origin=None, names=()):
    app = OwnPagesOnly(PlainTextResponse("runs"), listen, names)
    headers = {"Host": host} | ({"Origin": origin} if origin is not None else {})

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://any") as client:
            return (await client.get("/", headers=headers)).status_code

    return asyncio.run(ask())


@pytest.mark.parametrize("host", ["127.0.0.1:4200", "localhost:4200", "[::1]:4200", "127.0.0.2"])
def test_this_machine_finds_it_by_its_own_numbers(host):
    assert status("127.0.0.1", host) == 200
    assert status("0.0.0.0", host) == 200


def test_another_number_is_ours_only_where_other_machines_may_ask():
    assert status("127.0.0.1", LAN) == 403
    assert status("0.0.0.0", LAN) == 200
    assert status("192.168.1.5", LAN) == 200
    assert status("0.0.0.0", "0.0.0.0:4200") == 403


@pytest.mark.parametrize("listen", ["127.0.0.1", "0.0.0.0"])
def test_a_name_is_ours_only_when_somebody_has_said_so(listen):
    assert status(listen, "kefu.example.com") == 403
    assert status(listen, "kefu.example.com", names=["KEFU.example.com"]) == 200
    assert status(listen, "kefu.example.com.evil.org", names=["kefu.example.com"]) == 403


def test_what_else_it_is_called_is_told_by_the_environment(monkeypatch):
    monkeypatch.setenv("KEFU_HOSTS", "kefu.example.com, desk")
    assert own_names() == ["kefu.example.com", "desk"]
    monkeypatch.delenv("KEFU_HOSTS")
    assert own_names() == []


def test_a_name_that_is_listened_on_is_ours():
    assert status("desk", "desk:4200") == 200


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:4201", "http://localhost:4200", "https://example.com", "null", "file://", ""]
)
def test_no_other_page_is_answered(origin):
    assert status("127.0.0.1", "127.0.0.1:4200", "http://127.0.0.1:4200") == 200
    assert status("127.0.0.1", "127.0.0.1:4200", origin) == 403


def test_behind_a_proxy_with_tls_the_page_is_still_ours():
    assert status("127.0.0.1", "kefu.example.com", "https://kefu.example.com", ["kefu.example.com"]) == 200


def test_what_listens_for_everybody_is_found_from_here_by_this_machines_number():
    assert own_url("0.0.0.0", 4200) == own_url("127.0.0.1", 4200) == "http://127.0.0.1:4200"
    assert own_url("::", 4200) == "http://[::1]:4200"
    assert own_url("192.168.1.5", 1) == "http://192.168.1.5:1"


def test_only_this_machines_own_numbers_are_local():
    assert all(map(is_local, ["127.0.0.1", "::1", "localhost", "127.9.9.9"]))
    assert not any(
        map(is_local, ["0.0.0.0", "::", "192.168.1.5", "localhost.example.com", "127.0.0.1.example.com"])
    )
