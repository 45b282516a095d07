"""The door for pushes: what is taken, what is refused with which status, and that nothing of it is lost or told."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import quote, urlsplit

import httpx
import pytest
from orders_told import RECEIVER, SHOP, anomalies, order, placed, rows, tell, triggers
from pushed import FORM, SALT, SECRET, a_scan, a_track, event, push, push_scan, settings
from sqlalchemy import text

from deployments.receiver import Receiver
from flows import clock
from flows.inbox_documents import inbox_documents
from flows.pushes import DEEPEST, LARGEST
from flows.signatures import NONCE, SIGNATURE, TIMESTAMP, WINDOW, kuaidi100_query_sign, signed
from models import Anomaly, InboxFact, Order, SeenNonce
from models.database import reading, transaction

ORDER = {
    **{"no": "1", "placed_at": "2026-03-02T10:00:00+08:00", "updated_at": "2026-03-02T12:00:00+08:00"},
    **{"amount_fen": 10_000, "paid_at": "2026-03-02T10:20:00+08:00", "status": "paid", "buyer": "小明的账号"},
    **RECEIVER,
    "items": [{"sku": "BAG-1", "title": "帆布包", "quantity": 1, "price_fen": 10_000}],
}


@pytest.fixture
def receiver(engine, monkeypatch) -> Iterator[Receiver]:
    settings(monkeypatch)
    with Receiver(engine, port=0) as running:
        yield running


def settled(engine, count: int = 1) -> list:
    """The inbox, once so many facts in it have been worked on."""
    for _ in range(500):
        found = rows(engine, InboxFact)
        if sum(fact.processed_at is not None for fact in found) >= count:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not worked on: {found}")


def test_an_event_is_stored_answered_and_worked_on(engine, receiver):
    answer = push(receiver.url, event(order=ORDER))
    assert (answer.status_code, answer.json()) == (200, {"stored": True, "new": True})
    (fact,) = settled(engine)
    assert (fact.source, fact.kind, fact.fact_id, fact.case_no, fact.outcome) == (
        *("platform", "order.changed", "evt-1", "1"),
        "new",
    )
    assert json.loads(fact.raw)["order"] == ORDER
    assert (order(engine).state, triggers(engine)) == ("verified", ["place", "pay", "verify"])


@pytest.mark.parametrize(
    ("source", "kind"),
    [("platform", "refund.settled"), ("platform", "parcel.scanned"), ("payments", "order.changed"),
     ("payments", "complaint.made"), ("payments", "message.bounced"), ("platform", "moon.risen")],
)  # fmt: skip
def test_what_is_not_theirs_to_tell_is_refused_kept_and_shown(engine, receiver, source, kind):
    """Promise 14."""
    told = event(
        type=kind, order=ORDER, refund={"key": "k", "status": "succeeded", "fen": 1}, complaint={"text": "?"}
    )
    answer = push(receiver.url, told, source=source)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_theirs")
    (fact,) = settled(engine)
    assert (fact.source, fact.kind, fact.outcome) == (source, kind, "quarantined")
    assert [odd.code for odd in rows(engine, Anomaly)] == [
        "unknown_kind" if kind == "moon.risen" else "not_theirs"
    ]
    assert rows(engine, Order) == []
    with reading(engine) as connection:
        (listed,) = inbox_documents(connection, limit=10)
    assert (listed["id"], listed["kind"]) == (fact.id, kind)
    assert push(receiver.url, told, source=source).status_code == 403
    assert push(receiver.url, told, source=source, secret="guessed").status_code == 401


def test_the_same_event_again_does_nothing_twice_and_is_noted_once(engine, receiver):
    for new in (True, False, False):
        assert push(receiver.url, event(order=ORDER)).json()["new"] is new
    (fact,) = settled(engine)
    assert fact.repeated == 2
    assert [odd.code for odd in rows(engine, Anomaly)] == ["told_again"]
    assert triggers(engine) == ["place", "pay", "verify"]


def test_other_words_under_the_same_number_are_worked_on_and_noted(engine, receiver):
    push(receiver.url, event(order=ORDER))
    settled(engine)
    push(receiver.url, event(order={**ORDER, "no": "2", "buyer": "another"}))
    settled(engine, 2)
    assert order(engine, "2").state == "verified"
    assert [odd.code for odd in rows(engine, Anomaly)] == ["same_number"]


def test_a_signed_parcel_is_a_delivered_order(engine, receiver):
    tell(engine, placed())
    push(
        receiver.url, event(order={**ORDER, "shipped_at": "2026-03-02T18:00:00+08:00", "waybill": "SF123456"})
    )
    settled(engine)
    param = a_track(a_scan("2026-03-04 12:00:00", "已签收"), state="3", status="shutdown")
    answer = push_scan(receiver.url, param)
    assert answer.json() == {"result": True, "returnCode": "200", "message": "成功"}
    settled(engine, 2)
    assert order(engine).state == "delivered"


def test_what_waits_when_it_starts_is_worked_on(engine, monkeypatch):
    settings(monkeypatch)
    with Receiver(engine, port=0) as running:
        push(running.url, event(order=ORDER))
        settled(engine)
    with transaction(engine) as connection:
        connection.execute(text("UPDATE inbox SET processed_at = NULL, outcome = NULL"))
    with Receiver(engine, port=0):
        (fact,) = settled(engine)
    assert fact.outcome == "unchanged"


# -- refused ------------------------------------------------------------------------------------------


@pytest.fixture
def refuses(engine, receiver, caplog):
    """Says the status and code of an answer; nothing of it is stored, and no log line tells of a person."""
    caplog.set_level(logging.DEBUG)

    def check(answer: httpx.Response) -> tuple[int, str]:
        time.sleep(0.05)
        assert rows(engine, InboxFact) == rows(engine, SeenNonce) == []
        for personal in ("13812341234", "王小明", "文三路", SECRET, "小明的账号"):
            assert personal not in caplog.text
            assert personal not in answer.text
        assert "push refused" in caplog.text
        return answer.status_code, answer.json()["error"]["code"]

    return check


def test_a_body_over_the_limit_is_refused_and_one_at_the_limit_is_not(engine, receiver, refuses):
    def padded(length: int) -> bytes:
        body = json.dumps(event(order=ORDER)).encode()
        return body + b" " * (length - len(body))

    assert refuses(push(receiver.url, padded(LARGEST + 1))) == (413, "too_large")
    assert push(receiver.url, padded(LARGEST)).status_code == 200


def test_a_body_that_does_not_say_how_long_it_is_is_not_read_for_ever(receiver, refuses):
    def endless():
        for _ in range(100):
            yield b"x" * 65_536

    url = f"{receiver.url}/push/platform/{SHOP}"
    try:
        answer = httpx.post(url, content=endless())
    except httpx.WriteError:  # it hung up while we were still talking
        return
    assert refuses(answer) == (413, "too_large")


def test_the_limit_counts_also_where_no_length_is_announced(receiver, refuses):
    def in_pieces(length: int) -> Iterator[bytes]:
        yield b"x" * (length // 2)
        yield b"x" * (length - length // 2)

    url = f"{receiver.url}/push/platform/{SHOP}"
    assert refuses(httpx.post(url, content=in_pieces(LARGEST + 1))) == (413, "too_large")
    assert refuses(httpx.post(url, content=in_pieces(LARGEST))) == (401, "not_signed")


@pytest.mark.parametrize("length", ["-1", "1e3", "9" * 30, "０"])
def test_a_length_that_is_none_is_refused(receiver, length):
    host, port = urlsplit(receiver.url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        head = f"POST /push/platform/{SHOP} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(head.encode())
        status = connection.recv(1000).split(b" ", 2)[1]
    assert status in (b"400", b"413")


def test_another_charset_is_refused(receiver, refuses):
    told = json.dumps(event(order=ORDER), ensure_ascii=False)
    assert refuses(push(receiver.url, told.encode("gb18030"))) == (400, "not_utf8")
    named = {"Content-Type": "application/json; charset=GBK"}
    assert refuses(push(receiver.url, told.encode(), **named)) == (400, "not_utf8")
    assert refuses(push(receiver.url, told.encode("utf-16"))) == (400, "not_utf8")
    assert refuses(push(receiver.url, gzip.compress(told.encode()))) == (400, "not_utf8")


@pytest.mark.parametrize("name", [TIMESTAMP, NONCE, SIGNATURE])
def test_a_push_without_a_signature_is_refused(receiver, refuses, name):
    assert refuses(push(receiver.url, event(order=ORDER), **{name: ""})) == (401, "not_signed")


def test_a_wrong_signature_is_refused(receiver, refuses):
    assert refuses(push(receiver.url, event(order=ORDER), secret="guessed")) == (401, "bad_signature")
    assert refuses(push(receiver.url, event(order=ORDER), **{SIGNATURE: "0" * 64})) == (401, "bad_signature")
    assert refuses(push_scan(receiver.url, a_track(), salt="guessed")) == (401, "bad_signature")


def test_a_signature_for_another_address_is_refused(receiver, refuses):
    body = json.dumps(event(order=ORDER)).encode()
    elsewhere = signed(SECRET, "POST", "/push/payments/bag-studio", body, at=clock.now())
    answer = httpx.post(f"{receiver.url}/push/platform/{SHOP}", content=body, headers=elsewhere)
    assert refuses(answer) == (401, "bad_signature")
    assert (
        push(receiver.url, event(order=ORDER), query="?try=2").status_code == 200
    )  # the query is signed as well


def test_a_time_stamp_ten_minutes_off_is_refused_and_one_a_little_less_is_not(receiver, refuses):
    for off in (WINDOW, -WINDOW - timedelta(seconds=2)):
        at = clock.now() + off + timedelta(seconds=2 if off > timedelta() else 0)
        assert refuses(push(receiver.url, event(order=ORDER), at=at)) == (401, "bad_timestamp")
    nearly = WINDOW - timedelta(seconds=20)
    assert push(receiver.url, event(order=ORDER), at=clock.now() - nearly).status_code == 200
    assert push(receiver.url, event(order=ORDER), at=clock.now() + nearly).status_code == 200


def test_a_replayed_push_is_refused(engine, receiver):
    body = json.dumps(event(order=ORDER)).encode()
    target = f"/push/platform/{SHOP}"
    headers = signed(SECRET, "POST", target, body, at=clock.now())
    assert httpx.post(receiver.url + target, content=body, headers=headers).status_code == 200
    again = httpx.post(receiver.url + target, content=body, headers=headers)
    assert (again.status_code, again.json()["error"]["code"]) == (401, "replayed")
    (fact,) = settled(engine)
    assert fact.repeated == 0


def test_many_replays_at_once_are_one(engine, receiver):
    body = json.dumps(event(order=ORDER)).encode()
    target = f"/push/platform/{SHOP}"
    headers = signed(SECRET, "POST", target, body, at=clock.now())

    def send(_: int) -> int:
        return httpx.post(receiver.url + target, content=body, headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(send, range(8))) == [200] + [401] * 7


@pytest.mark.parametrize(
    "shop", ["moon", "urumqi-kitchen", "bag-studio%0d%0aX:y", "..%2f..", "%F0%9F%8F%AA", "a" * 500]
)
def test_a_shop_that_takes_no_pushes_is_not_found(receiver, refuses, shop):
    """Whether we know it or not: strangers learn nothing by it."""
    for source in ("platform", "payments"):
        answer = push(receiver.url, event(order=ORDER), source=source, shop=shop)
        if "%2f" not in shop:
            assert refuses(answer) == (404, "unknown_shop")
        assert answer.status_code == 404
    assert httpx.post(f"{receiver.url}/push/kuaidi100/{shop}", headers=FORM).status_code == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b'"x"', b"{", b"{'id': 1}", b'{"id": NaN}', b'{"id": "1", "id": "2"}', b"\x00",
     b'{"a": "\x00"}', b"[" * 100_000, b'{"a":' * 50_000, b'{"a": ' + b"9" * 5_000 + b"}"],
)  # fmt: skip
def test_what_is_no_json_object_or_a_bomb_is_refused(receiver, refuses, body):
    assert refuses(push(receiver.url, body)) == (400, "bad_json")

    param = body.decode("latin-1")
    form = f"sign={kuaidi100_query_sign(param, SALT, '')}&param={quote(param)}"
    if len(form) <= LARGEST:
        answer = httpx.post(f"{receiver.url}/push/kuaidi100/{SHOP}", content=form, headers=FORM)
        assert refuses(answer) == (400, "bad_json")


def test_json_deeper_than_anything_meant_well_is_refused(receiver, refuses):
    def deep(levels: int) -> dict:
        inner: dict = {}
        for _ in range(levels - 1):
            inner = {"a": inner}
        return event(order={**ORDER, "more": inner})

    assert refuses(push(receiver.url, deep(DEEPEST))) == (400, "too_deep")
    assert push(receiver.url, deep(DEEPEST - 2)).status_code == 200


@pytest.mark.parametrize(
    "order",
    [
        {"receiver": "王小明\r\nBcc: everybody@example.com"},
        {"buyer": "a\x00b"},
        {"no": "1\n2"},
        {"phone": "13812341234\x1b[31m"},
        {"receiver": "王\u2028小明"},
        {"receiver": "王\ud800"},
        {"a\r\nb": 1},
        {"items": [{"title": "包\r\n"}]},
    ],
)
def test_a_name_that_would_begin_a_line_of_its_own_is_refused(receiver, refuses, order):
    told = json.dumps(event(order={**ORDER, **order})).encode()
    assert refuses(push(receiver.url, told)) == (400, "control_characters")


def test_what_people_write_may_have_lines(engine, receiver):
    lines = {"buyer_message": "请包好\n谢谢", "address": "文三路 1 号\r\n3 楼"}
    assert push(receiver.url, event(order={**ORDER, **lines})).status_code == 200
    settled(engine)
    assert order(engine).buyer_message == lines["buyer_message"]


@pytest.mark.parametrize("name", ["callback_url", "callbackUrl", "webhook", "notify_url", "web_hook"])
@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/latest/meta-data", "http://127.0.0.1:4200/api", "file:///etc"]
)
def test_an_address_that_we_are_to_call_back_is_refused(receiver, refuses, name, address):
    assert refuses(push(receiver.url, event(**{name: address}))) == (400, "callback")
    assert refuses(push(receiver.url, event(order={**ORDER, "more": [{name: address}]}))) == (400, "callback")


@pytest.mark.parametrize(
    "told",
    [{}, {"id": "1"}, {"type": "order.changed"}, event(id=None), event(id=""), event(id="a b"), event(id="a" * 65),
     event(id=True), event(type="Order Changed"), event(type=7), event(type="x" * 65)],
)  # fmt: skip
def test_an_event_without_number_or_kind_is_refused(receiver, refuses, told):
    assert refuses(push(receiver.url, told)) == (400, "bad_event")


@pytest.mark.parametrize("part", ["order", "refund", "complaint"])
def test_an_event_that_tells_of_another_shop_within_is_refused(receiver, refuses, part):
    of_another = event(**{part: {**ORDER, "shop": "urumqi-kitchen"}})
    assert refuses(push(receiver.url, of_another)) == (400, "other_shop")
    assert push(receiver.url, event(**{part: {**ORDER, "shop": SHOP}})).status_code == 200


def test_an_event_of_another_shop_is_refused(receiver, refuses):
    assert refuses(push(receiver.url, {**event(order=ORDER), "shop": "urumqi-kitchen"})) == (
        400,
        "other_shop",
    )


@pytest.mark.parametrize("form", ["", "sign=1", "param={}", "&" * 100, "param=%ff&sign=1", "a=1&" * 50])
def test_what_is_no_form_of_kuaidi100_is_refused(receiver, refuses, form):
    answer = httpx.post(f"{receiver.url}/push/kuaidi100/{SHOP}", content=form, headers=FORM)
    assert refuses(answer)[0] in (400, 401)


@pytest.mark.parametrize(
    "param", ['{"status": "polling"}', '{"lastResult": {"nu": ""}}', '{"lastResult": 1}']
)
def test_a_push_that_is_no_track_is_refused(receiver, refuses, param):
    assert refuses(push_scan(receiver.url, param)) == (400, "bad_track")


def test_other_methods_and_other_addresses_are_not_there(receiver):
    assert httpx.get(f"{receiver.url}/push/platform/{SHOP}").status_code == 405
    assert httpx.post(f"{receiver.url}/push/moon/{SHOP}").status_code == 404
    assert httpx.get(f"{receiver.url}/health").json() == {"ok": True}


def test_a_database_that_is_away_is_a_not_now_and_nothing_is_lost(engine, receiver, databases):
    with transaction(engine) as connection:
        connection.execute(text("ALTER TABLE inbox RENAME TO inbox_gone"))
    told = event(order=ORDER)
    answer = push(receiver.url, told)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "inbox" not in answer.text
    with transaction(engine) as connection:
        connection.execute(text("ALTER TABLE inbox_gone RENAME TO inbox"))
    assert push(receiver.url, told).json() == {"stored": True, "new": True}
    settled(engine)
    assert anomalies(engine) == []


def test_a_setting_that_can_not_be_used_is_a_not_now(receiver, monkeypatch):
    monkeypatch.setenv("KEFU_BAG_STUDIO_PLATFORM_SECRET", "not a secret")
    assert push(receiver.url, event(order=ORDER)).status_code == 503


def test_a_port_that_is_taken_is_said(engine, receiver):
    port = urlsplit(receiver.url).port
    with pytest.raises(OSError, match="in use"), Receiver(engine, port=port):
        pass


def test_an_answer_is_not_held_back_until_the_sender_has_confirmed_its_first_half(receiver):
    """The system would otherwise keep it for some 40 ms: 22 pushes a second over one connection."""
    with httpx.Client(base_url=receiver.url, trust_env=False) as sender:
        waited = [sender.get("/health").elapsed for _ in range(60)]
    assert min(waited[40:]) < timedelta(milliseconds=30)


HEALTH = b"GET /health HTTP/1.1\r\nHost: kefu\r\n\r\n"


@pytest.mark.parametrize("first", [b"", HEALTH], ids=["at first", "after another"])
def test_who_sends_a_head_byte_by_byte_is_hung_up_on(engine, monkeypatch, first):
    monkeypatch.setattr("deployments.receiver.HEAD_SECONDS", 0.3)
    settings(monkeypatch)
    with Receiver(engine, port=0) as running, socket.create_connection(_where(running), timeout=0.02) as slow:
        slow.sendall(first + b"POST /push HTTP/1.1\r\nX: ")
        give_up_at = time.monotonic() + 20
        while not _hung_up(slow):
            assert time.monotonic() < give_up_at


def test_who_takes_his_time_over_several_requests_is_not_hung_up_on(engine, monkeypatch):
    monkeypatch.setattr("deployments.receiver.HEAD_SECONDS", 0.5)
    settings(monkeypatch)
    with Receiver(engine, port=0) as running, socket.create_connection(_where(running), timeout=5) as steady:
        for _ in range(6):
            steady.sendall(HEALTH)
            heard = b""
            while not heard.endswith(b"true}"):
                heard += steady.recv(1_000) or pytest.fail("hung up on")
            time.sleep(0.2)


def test_a_head_without_end_is_not_read_to_it(receiver):
    assert httpx.get(f"{receiver.url}/health", headers={"X": "x" * 8_000}).status_code == 200
    try:
        answered = httpx.get(f"{receiver.url}/health", headers={"X": "x" * 400_000}).status_code
    except httpx.TransportError:  # it hung up before we had told it all
        answered = 400
    assert answered == 400


def _hung_up(slow: socket.socket) -> bool:
    """After one more byte of ours."""
    try:
        slow.sendall(b"x")
        return not slow.recv(1_000)
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def _where(running: Receiver) -> tuple[str, int]:
    there = urlsplit(running.url)
    return there.hostname, there.port
