"""Whatever is sent to it: the right status, never 500, and nothing done."""

import json
import time

import pytest

from deployments.sandbox import signing

PATH = "/platform/orders/4711/remark"
GOOD = json.dumps({"text": "加急"}).encode()
SECRET = "sandbox-platform-secret"


@pytest.fixture
def order(sandbox):
    """There is a paid order 4711; afterwards nothing has happened to it."""
    sandbox.place(
        {
            **{"no": "4711", "shop": "bag-studio", "amount_fen": 12_800},
            **{"placed_at": "2026-03-02T09:00:00+08:00", "paid_at": "2026-03-02T10:00:00+08:00"},
        }
    )
    before = sandbox.orders()
    yield sandbox
    assert sandbox.orders() == before
    assert [effect for effect in sandbox.effects() if effect["outcome"] == "done"] == []


def _post(sandbox, body=GOOD, path=PATH, kind="application/json", **headers):
    signed = signing.signed_headers(SECRET, "POST", path, body)
    headers = {"Content-Type": kind, "Idempotency-Key": "k", **signed, **headers}
    answer = sandbox.client.post(path, content=body, headers=headers)
    return answer.status_code, answer.json()["error"]["code"]


def _signed(seconds=0, secret=SECRET, nonce="0123456789abcdef", **headers):
    timestamp = str(int(time.time() + seconds))
    return {
        signing.TIMESTAMP: timestamp,
        signing.NONCE: nonce,
        signing.SIGNATURE: signing.hmac_of(secret, timestamp, nonce, "POST", PATH, GOOD),
        **headers,
    }


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (_signed(secret="wrong"), "wrong_signature"),
        (_signed(**{signing.SIGNATURE: ""}), "not_signed"),
        (_signed(**{signing.NONCE: ""}), "not_signed"),
        (_signed(**{signing.TIMESTAMP: ""}), "not_signed"),
        (_signed(nonce="x" * 129), "not_signed"),
        (_signed(**{signing.NONCE: "another-nonce"}), "wrong_signature"),
        (_signed(**{signing.SIGNATURE: "ä".encode()}), "wrong_signature"),
        (_signed(**{signing.TIMESTAMP: "²"}), "bad_timestamp"),
        (_signed(**{signing.TIMESTAMP: "9" * 400}), "bad_timestamp"),
        (_signed(**{signing.TIMESTAMP: "-1"}), "bad_timestamp"),
    ],
)
def test_who_does_not_sign_rightly_is_nobody(order, headers, code):
    encoded = {name: value.encode() if isinstance(value, str) else value for name, value in headers.items()}
    assert _post(order, **encoded) == (401, code)


@pytest.mark.parametrize("seconds", [-600, -310, 310, 600])
def test_a_time_stamp_minutes_off_is_refused(order, seconds):
    assert _post(order, **_signed(seconds)) == (401, "bad_timestamp")


@pytest.mark.parametrize("seconds", [-290, 290])
def test_a_clock_that_is_a_little_off_is_borne(sandbox, seconds):
    answer = sandbox.client.post(PATH, content=GOOD, headers=_signed(seconds))
    assert answer.status_code == 422  # it has no key: the signature was taken


def test_a_signed_request_counts_once(sandbox):
    sandbox.make_up("bag-studio")
    headers = signing.signed_headers(SECRET, "GET", "/platform/orders?limit=1", b"")
    statuses = [sandbox.client.get("/platform/orders?limit=1", headers=headers).status_code for _ in range(2)]
    assert statuses == [200, 401]


def test_a_signature_is_for_one_path_query_and_body(order):
    headers = signing.signed_headers(SECRET, "GET", "/platform/orders?limit=1", b"")
    assert order.client.get("/platform/orders?limit=2", headers=headers).status_code == 401
    headers = signing.signed_headers(SECRET, "POST", PATH, GOOD)
    assert _post(order, GOOD + b" ", **headers) == (401, "wrong_signature")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        *[(b"", 422), (b"{", 400), (b"null", 422), (b"[]", 422), (b'"x"', 422), (b"{}", 422), (b"NaN", 422)],
        *[(b'{"text": 7}', 422), (b'{"text": ""}', 422), (b'{"text": "a", "b": 1}', 422)],
        (b'{"text": "' + b"x" * 2_001 + b'"}', 422),
        (b"[" * 60_000, 400),  # JSON bombs
        (b'{"text":' * 7_000, 400),
        (b"[" * 30_000 + b"]" * 30_000, 400),
        (b'{"text": ' + b"9" * 60_000 + b"}", 400),
        (b'{"text": "\\ud800"}', 422),  # half a character
        (b'{"\\ud800": "a"}', 422),
        (b'{"text": "a\\u0000b"}', 422),
        ('{"text": "加急"}'.encode("gbk"), 400),
        ('{"text": "加急"}'.encode("utf-16"), 400),
        (b"\x00\x01\x02", 400),
    ],
)
def test_a_body_that_is_none_is_refused(order, body, status):
    assert _post(order, body)[0] == status


@pytest.mark.parametrize(
    ("kind", "status"),
    [("application/json; charset=gbk", 415), ("text/plain", 422), ("application/x-www-form-urlencoded", 422)],
)
def test_a_body_of_another_kind_is_refused(order, kind, status):
    assert _post(order, kind=kind)[0] == status


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_utf_8_is_taken_under_each_of_its_names(sandbox, kind):
    sandbox.place({"no": "4711", "shop": "bag-studio", "amount_fen": 1})
    headers = {
        "Content-Type": kind,
        "Idempotency-Key": "k",
        **signing.signed_headers(SECRET, "POST", PATH, GOOD),
    }
    assert sandbox.client.post(PATH, content=GOOD, headers=headers).status_code == 200


@pytest.mark.parametrize("length", [64 * 1024 + 1, 3_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_not_read(order, length, chunked):
    body = b"x" * length
    parts = (body[at : at + 50_000] for at in range(0, length, 50_000))
    answer = order.client.post(PATH, content=parts if chunked else body, headers=_signed())
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_a_body_at_the_limit_is_read(order):
    assert _post(order, b" " * (64 * 1024))[0] == 400


@pytest.mark.parametrize("no", ["9999", "4711-R1"])
def test_an_unknown_order_is_not_found(order, no):
    assert _post(order, path=f"/platform/orders/{no}/remark") == (404, "unknown_order")


@pytest.mark.parametrize(
    "no", ["47%0a11", "47%0d%0aX-Evil:1", "%00", "%e4%bd%a0", "%ff", "a" * 65, "4711;drop"]
)
def test_an_order_number_that_is_none_is_refused(order, no):
    assert _post(order, path=f"/platform/orders/{no}/remark")[0] in (404, 422)


@pytest.mark.parametrize("key", ["", "a b", "k" * 301, "键".encode(), b"\xff"])
def test_a_key_that_no_header_should_carry_is_refused(order, key):
    assert _post(order, **{"Idempotency-Key": key})[0] == 422


@pytest.mark.parametrize("fen", [-1, 0, 1.5, "100", True, None, 10**30, float("nan"), float("inf")])
def test_an_amount_that_is_none_pays_nothing(order, fen):
    answer = order.client.post(
        "/payments/refunds",
        content=json.dumps({"order_no": "4711", "shop": "bag-studio", "fen": fen}),
        headers={
            **{"Idempotency-Key": "k", "Authorization": f"Bearer {order.secrets.payments_token}"},
            "Content-Type": "application/json",
        },
    )
    assert answer.status_code == 422


@pytest.mark.parametrize("name", ["buyer", "receiver", "phone", "carrier", "waybill", "no"])
@pytest.mark.parametrize("line", ["a\r\nBcc: x@example.com", "a\nb", "a\x00b", "a\u2028b", "a\x85b"])
def test_a_name_cannot_begin_a_line_of_its_own(order, name, line):
    told = {"no": "4712", "shop": "bag-studio", "amount_fen": 1, name: line}
    assert order.client.post("/control/orders", json={"orders": [told]}).status_code == 422


@pytest.mark.parametrize(
    "told",
    [
        *[
            {"amount_fen": -1},
            {"amount_fen": 10**20},
            {"placed_at": "2026-03-02T09:00:00"},
            {"placed_at": "soon"},
        ],
        *[
            {"placed_at": "9999-12-31T23:59:59-14:00"},
            {"paid_fen": -5},
            {"refunded_fen": 2},
            {"delivered_at": "2026-03-02T09:00:00Z"},
        ],
        *[
            {"items": [{"sku": "x", "quantity": 0}]},
            {"items": [{"sku": "x", "quantity": 1, "price_fen": -1}]},
        ],
        *[{"colour": "red"}, {"shop": "../../etc"}, {"no": "a/b"}],
    ],
)
def test_an_order_that_makes_no_sense_is_not_placed(order, told):
    told = {"no": "4712", "shop": "bag-studio", "amount_fen": 1, **told}
    assert order.client.post("/control/orders", json={"orders": [told]}).status_code == 422


@pytest.mark.parametrize(
    "query", ["cursor=x", "cursor=4pyT", "cursor=", "limit=0", "limit=201", "limit=x", "since=yesterday"]
)
@pytest.mark.parametrize("more", ["", "&since=2026-03-02T09:00:00Z"])
def test_a_page_that_is_none_is_refused(order, query, more):
    if query.startswith("since") and more:
        return
    answer = order.signed("GET", f"/platform/orders?{query}{more}")
    assert answer.status_code in ((200,) if query == "cursor=" else (400, 422))


def test_what_was_sent_is_not_told_back(order):
    answer = order.client.post(
        "/sms/messages",
        json={"phone": "13912341234<", "text": "x"},
        headers={"Authorization": f"Bearer {order.secrets.sms_token}", "Idempotency-Key": "k"},
    )
    assert answer.status_code == 422
    assert "1391234" not in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/platform", "/platform/orders/4711/fly", "//", "/control/../x"]
)
def test_a_page_there_is_not_is_not_found(order, path):
    headers = signing.signed_headers(SECRET, "GET", path, b"")
    assert order.client.get(path, headers=headers).status_code in (401, 404)
