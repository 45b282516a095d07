"""What is pushed to kefu's receiver: signed, in order, again when nobody took it, and wrong only on demand."""

import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest


class Receiver(ThreadingHTTPServer):
    """Keeps what came; answers 200, or what it is told to for the first ones."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came, self.statuses = [], []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append((self.path, dict(self.headers), body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _told(came, secret=b"sandbox-platform-secret"):
    """The event, if it is rightly signed and whole; else why not."""
    path, headers, body = came
    signed = "\n".join((headers["X-Kefu-Timestamp"], headers["X-Kefu-Nonce"], "POST", path, "")).encode()
    if headers["X-Kefu-Signature"] != hmac.new(secret, signed + body, hashlib.sha256).hexdigest():
        return "forged"
    try:
        return json.loads(body)
    except ValueError:
        return "garbled"


def _orders(receiver):
    """The orders' events that came, in the order they came in."""
    return [_told(came) for came in receiver.came if came[0].startswith("/push/platform/")]


def test_each_change_is_pushed_signed_and_in_order(sandbox, receiver):
    sandbox.push_to(receiver.url)
    [no] = sandbox.make_up("bag-studio")
    sandbox.act(no, "pay")
    sandbox.act(no, "complain", nature="packaging", text="盒子破了")
    sandbox.wait_until_pushed()
    assert {came[0] for came in receiver.came} == {"/push/platform/bag-studio"}
    placed, paid, complaint = _orders(receiver)
    assert [event["id"] for event in (placed, paid, complaint)] == ["evt-1", "evt-2", "evt-3"]
    assert (placed["type"], placed["order"]["status"]) == ("order.changed", "unpaid")
    assert (paid["type"], paid["order"]["status"]) == ("order.changed", "paid")
    assert paid["order"] == sandbox.signed("GET", f"/platform/orders/{no}").json()
    assert (complaint["type"], complaint["complaint"]["nature"]) == ("complaint.made", "packaging")
    assert complaint["complaint"]["order_no"] == no


def test_refunds_that_have_ended_are_pushed_by_the_payment_service(sandbox, receiver):
    nos = sandbox.make_up("bag-studio", 2, paid=True)
    sandbox.misbehave("payments", pending=1)
    sandbox.refund("a", nos[0], 100)
    sandbox.misbehave("payments", failed=1)
    sandbox.refund("b", nos[1], 100)
    sandbox.control("POST", "/refunds/settle")
    assert [effect["outcome"] for effect in sandbox.effects("payments")] == ["done", "refused"]
    sandbox.push_to(receiver.url)
    sandbox.wait_until_pushed()
    events = [
        _told(came, b"sandbox-payments-secret")
        for came in receiver.came
        if came[0] == "/push/payments/bag-studio"
    ]
    assert {event["type"] for event in events} == {"refund.settled"}
    told = {event["refund"]["key"]: event["refund"] for event in events}
    assert (told["a"]["status"], told["a"]["refund_ref"], told["a"]["fen"]) == ("succeeded", "P1", 100)
    assert (told["b"]["status"], told["b"]["reason"]) == ("failed", "the account is closed")


def test_a_message_that_bounces_was_taken_first(sandbox, receiver):
    [no] = sandbox.make_up("bag-studio")
    sandbox.control("PUT", f"/people/{sandbox.order(no)['buyer']}", {"answers": "bounces"})
    sandbox.push_to(receiver.url)
    answer = sandbox.signed("POST", f"/platform/orders/{no}/message", {"text": "您好"}, key="k")
    assert answer.status_code == 200
    sandbox.wait_until_pushed()
    bounced = _orders(receiver)[-1]
    assert (bounced["type"], bounced["order_no"], bounced["reason"]) == (
        "message.bounced",
        no,
        "买家已关闭会话",
    )


def test_scans_are_pushed_as_kuaidi100_does(sandbox, receiver):
    [no] = sandbox.make_up("bag-studio", paid=True)
    waybill = sandbox.act(no, "depart")["waybill"]
    sandbox.act(no, "sign")
    sandbox.control("POST", f"/parcels/{waybill}/give-up")
    sandbox.push_to(receiver.url)
    sandbox.wait_until_pushed()
    params = []
    for path, headers, body in receiver.came:
        if path == "/push/kuaidi100/bag-studio":
            assert headers["Content-Type"] == "application/x-www-form-urlencoded"
            form = {name: values[0] for name, values in parse_qs(body.decode(), strict_parsing=True).items()}
            right = hashlib.md5((form["param"] + "sandbox-kuaidi100-salt").encode()).hexdigest().upper()
            assert form["sign"] == right
            params.append(json.loads(form["param"]))
    told = [(param["status"], param["lastResult"]["state"], param["message"]) for param in params]
    assert told == [("polling", "1", ""), ("shutdown", "3", ""), ("shutdown", "3", "3天查询无记录")]
    assert {param["lastResult"]["nu"] for param in params} == {waybill}


def test_what_nobody_took_is_pushed_again(sandbox, receiver):
    receiver.statuses = [503]
    sandbox.push_to(receiver.url)
    sandbox.make_up("bag-studio")
    sandbox.wait_until_pushed()
    [event] = sandbox.events()
    assert [answer["status"] for answer in event["answers"]] == [503, 200]
    assert event["ended"] == "taken"
    assert len({_told(came)["id"] for came in receiver.came}) == 1


def test_until_a_receiver_is_named_events_wait(sandbox, receiver):
    sandbox.make_up("bag-studio", 3)
    assert sandbox.control("GET", "/state")["events_waiting"] == 3
    sandbox.push_to(receiver.url)
    sandbox.wait_until_pushed()
    assert len(receiver.came) == 3


@pytest.mark.parametrize(
    ("fault", "came"),
    [
        ("push_twice", ["evt-1", "evt-1"]),
        ("push_forged", ["forged", "evt-1"]),
        ("push_garbled", ["garbled", "evt-1"]),
    ],
)
def test_on_demand_an_event_comes_twice_or_after_a_bad_copy(sandbox, receiver, fault, came):
    sandbox.misbehave("platform", **{fault: 1})
    sandbox.push_to(receiver.url)
    sandbox.make_up("bag-studio")
    sandbox.wait_until_pushed()
    assert [told if isinstance(told, str) else told["id"] for told in _orders(receiver)] == came
    assert sandbox.met()["platform"] == {fault: 1}


def test_on_demand_an_event_is_overtaken_by_the_next(sandbox, receiver):
    sandbox.push_to(receiver.url)
    sandbox.misbehave("platform", push_late=1, push_late_ms=1_000)
    [no] = sandbox.make_up("bag-studio")
    sandbox.behave()
    sandbox.act(no, "pay")
    sandbox.wait_until_pushed()
    assert [event["order"]["status"] for event in _orders(receiver)] == ["paid", "unpaid"]


def test_on_demand_an_event_never_comes_and_the_page_can_push_it_again(sandbox, receiver):
    sandbox.push_to(receiver.url)
    sandbox.misbehave("platform", push_never=1)
    sandbox.make_up("bag-studio")
    sandbox.wait_until_pushed()
    [event] = sandbox.events()
    assert (event["ended"], receiver.came) == ("never_pushed", [])
    sandbox.control("POST", f"/events/{event['id']}/again")
    sandbox.wait_until_pushed()
    assert [event["id"] for event in _orders(receiver)] == ["evt-1"]


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://8.8.8.8/",
            "http://169.254.169.254/latest",
            "http://0.0.0.0:80",
            "http://[::ffff:169.254.169.254]",
        ),
        *(
            "file:///etc/passwd",
            "gopher://127.0.0.1",
            "http://user@127.0.0.1",
            "http://127.0.0.1/?x",
            "http://",
            "//x",
        ),
        *("http://no-such-host.invalid", "http://127.0.0.1:99999", "http://[::1", "http://2130706433.x:1"),
    ],
)
def test_nothing_is_pushed_to_an_address_beyond_its_own_network(sandbox, url):
    answer = sandbox.client.put("/control/receiver", json={"url": url})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] in ("bad_receiver", "receiver_too_far")
    assert sandbox.control("GET", "/state")["receiver"] is None
