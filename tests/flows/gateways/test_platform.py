"""The shop platform: what is asked of it, signed, each command with its key."""

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from gateway_samples import AT, SECRET, an_owed, deliver
from outside import Answer, Outside

from flows import clock
from flows.gateways.platform import open_platform
from flows.gateways.settings import Settings
from flows.signatures import BadSignature, check_signed
from states.errors import BadInput, GatewayRejected, GatewayUnavailable

PARCEL = {"waybill": "SF1", "carrier": "顺丰"}


@pytest.fixture
def platform(monkeypatch):
    with Outside() as service:
        monkeypatch.setenv("KEFU_PLATFORM_URL", f"{service.url}/platform")
        monkeypatch.setenv("KEFU_PLATFORM_SECRET", SECRET)
        yield service


def orders_changed(since=AT, cursor=None):
    async def ask():
        gateway = open_platform("bag-studio", Settings("bag-studio"))
        try:
            return await gateway.orders_changed(since, cursor)
        finally:
            await gateway.aclose()

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("channel", "what", "payload", "path", "told"),
    [
        ("platform", "close_order", {}, "close", {"reason": "not paid in time"}),
        ("platform", "remark", {}, "remark", {"text": "您好"}),
        ("platform", "shipment", PARCEL, "shipment", PARCEL),
        ("warehouse", "ship", {}, "ship", {"cutoff_at": AT.isoformat()}),
        ("warehouse", "ship", {"cutoff_at": "2026-03-02T17:00"}, "ship", {"cutoff_at": "2026-03-02T17:00"}),
        ("warehouse", "stop_shipping", {}, "stop", {}),
        ("buyer", "payment_reminder", {}, "message", {"text": "您好"}),
    ],
)  # fmt: skip
def test_what_is_owed_is_told_in_the_platforms_words_with_its_key(
    platform, channel, what, payload, path, told
):
    platform.answers[0] = Answer({"ref": "M1"})
    owed = an_owed(channel=channel, what=what, payload=payload, order_no="2026/1")
    assert deliver(owed) == "M1"
    (call,) = platform.calls
    assert (call.method, call.target) == ("POST", f"/platform/orders/2026%2F1/{path}")
    assert call.json == told
    assert call.headers["idempotency-key"] == owed.key


def test_each_request_is_signed_over_its_very_bytes_and_a_second_try_anew(platform):
    for _ in range(2):
        deliver(an_owed(channel="buyer"))
    nonces = set()
    for call in platform.calls:
        headers = {name.title(): value for name, value in call.headers.items()}
        asked = (headers, SECRET, call.method, call.target)
        nonces.add(check_signed(*asked, call.body, at=clock.now()))
        with pytest.raises(BadSignature):
            check_signed(*asked, call.body + b" ", at=clock.now())
    assert len(nonces) == 2


def test_what_the_platform_can_not_do_a_person_looks_at_and_nothing_is_asked(platform):
    for owed in (an_owed(channel="warehouse", what="dance"), an_owed(channel="platform", order_no=None)):
        with pytest.raises(GatewayRejected):
            deliver(owed)
    assert platform.calls == []


def test_a_no_is_rejected_and_a_not_now_is_unavailable_with_the_time_to_wait(platform):
    platform.answers.clear()
    platform.answers += [
        Answer({"code": "cancelled", "message": "已取消"}, 422),
        Answer({}, 429, {"Retry-After": "7"}),
        Answer(b"<h1>502</h1>", 502),
    ]
    with pytest.raises(GatewayRejected) as no:
        deliver(an_owed(channel="warehouse", what="ship"))
    assert (no.value.code, no.value.status) == ("cancelled", 422)
    with pytest.raises(GatewayUnavailable) as later:
        deliver(an_owed(channel="warehouse", what="ship"))
    assert later.value.retry_after == timedelta(seconds=7)
    with pytest.raises(GatewayUnavailable):
        deliver(an_owed(channel="warehouse", what="ship"))


def test_a_page_of_orders_is_asked_for_by_time_and_cursor(platform):
    told = {"orders": [{"no": "1"}, "what?"], "next_cursor": "c2", "server_time": "2026-03-02T10:00:00+08:00"}
    platform.answers[0] = Answer(told)
    page = orders_changed(AT, "c1")
    assert page.orders == told["orders"]
    assert (page.next_cursor, page.server_time) == ("c2", datetime(2026, 3, 2, 2, tzinfo=UTC))
    asked = parse_qs(urlsplit(platform.calls[0].target).query)
    assert asked == {"since": [AT.isoformat()], "cursor": ["c1"], "limit": ["200"]}


@pytest.mark.parametrize("told", [{}, {"orders": {}}, {"orders": [], "next_cursor": 7}, {"orders": None}])
def test_what_is_no_page_of_orders_is_asked_for_again_later(platform, told):
    platform.answers[0] = Answer(told)
    with pytest.raises(GatewayUnavailable, match="no page"):
        orders_changed()


def test_a_server_time_that_is_none_is_not_believed(platform):
    for told in ("soon", "2026-03-02T10:00:00", 7, None):
        platform.answers[0] = Answer({"orders": [], "next_cursor": None, "server_time": told})
        assert orders_changed().server_time is None


def test_a_platform_without_a_secret_is_refused_and_no_value_is_told(monkeypatch):
    monkeypatch.setenv("KEFU_PLATFORM_URL", "https://platform.example")
    with pytest.raises(BadInput, match="KEFU_PLATFORM_SECRET"):
        open_platform("bag-studio", Settings("bag-studio"))
    for bad in ("ftp://x", "http://user:pass@host", "http://", "javascript:1", "http://h/?q=1"):
        monkeypatch.setenv("KEFU_PLATFORM_URL", bad)
        with pytest.raises(BadInput, match="no address") as refused:
            open_platform("bag-studio", Settings("bag-studio"))
        assert bad not in str(refused.value)


def test_a_shops_own_setting_stands_before_the_one_for_all(monkeypatch):
    monkeypatch.setenv("KEFU_SMS_TOKEN", "all")
    assert Settings("bag-studio").secret("SMS_TOKEN") == "all"
    monkeypatch.setenv("KEFU_BAG_STUDIO_SMS_TOKEN", "own")
    assert Settings("bag-studio").secret("SMS_TOKEN") == "own"
    assert Settings("urumqi-kitchen").secret("SMS_TOKEN") == "all"
