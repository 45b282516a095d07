"""Kuaidi100 as its documentation and real answers show it."""

import hashlib
import json

import pytest


def _query(sandbox, number, company="shunfeng", **other):
    param = json.dumps({"com": company, "num": number})
    secrets = sandbox.secrets
    signed = param + secrets.kuaidi100_key + secrets.kuaidi100_customer
    fields = {
        "customer": secrets.kuaidi100_customer,
        "sign": hashlib.md5(signed.encode()).hexdigest().upper(),
        "param": param,
        **other,
    }
    answer = sandbox.client.post("/carrier/poll/query.do", data=fields)
    assert answer.status_code == 200  # as there: a no is in the body
    return answer.json()


@pytest.fixture
def parcel(sandbox):
    """The waybill of an order that left at 17:40."""
    sandbox.set_clock("2026-03-02T17:40:00+08:00")
    [no] = sandbox.make_up("bag-studio", paid=True)
    return sandbox.act(no, "depart", carrier="顺丰速运")["waybill"]


def test_a_parcel_is_followed_from_pick_up_to_signature(sandbox, parcel):
    first = _query(sandbox, parcel)
    assert (first["status"], first["state"], first["ischeck"]) == ("200", "1", "0")
    sandbox.set_clock("2026-03-03T09:10:00+08:00")
    sandbox.scan(parcel, "5")
    sandbox.scan(parcel, "3")
    told = _query(sandbox, parcel)
    assert {key: told[key] for key in ("message", "nu", "com", "state", "ischeck", "condition")} == {
        **{"message": "ok", "nu": parcel, "com": "shunfeng", "state": "3", "ischeck": "1", "condition": "F00"}
    }
    assert told["data"][-1]["ftime"] == "2026-03-02 17:40:00"  # China's time, the newest first
    assert told["data"][0]["time"] == "2026-03-03 09:10:00"
    assert "签收" in told["data"][0]["context"]
    [order] = sandbox.orders()
    assert (order["status"], order["delivered_at"]) == ("delivered", "2026-03-03T01:10:00.000000+00:00")


@pytest.mark.parametrize(("number", "company"), [("SF404", "shunfeng"), (None, "zhongtong")])
def test_a_number_it_does_not_know_is_answered_as_kuaidi100_does(sandbox, parcel, number, company):
    told = _query(sandbox, number or parcel, company)
    assert (told["status"], told["state"], told["data"]) == ("201", "0", [])
    assert told["message"] == "快递公司参数异常：单号不存在或者已经过期"


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"sign": "0" * 32}, "503"),
        ({"sign": "签"}, "503"),
        ({"customer": "somebody"}, "503"),
        ({"param": "{}"}, "503"),
    ],
)
def test_a_wrong_signature_is_told_nothing(sandbox, parcel, other, code):
    assert _query(sandbox, parcel, **other)["returnCode"] == code


@pytest.mark.parametrize(
    "param", ["", "[]", "{", "[" * 9_000, '{"num": 1, "com": "sf"}', '{"num": "", "com": ""}']
)
def test_a_param_that_is_none_is_refused_although_it_is_signed(sandbox, param):
    secrets = sandbox.secrets
    signed = param + secrets.kuaidi100_key + secrets.kuaidi100_customer
    sign = hashlib.md5(signed.encode()).hexdigest().upper()
    assert _query(sandbox, "x", param=param, sign=sign)["returnCode"] == "400"


def test_a_parcel_that_comes_back_delivers_no_order(sandbox, parcel):
    [order] = sandbox.orders()
    sandbox.control("POST", "/parcels", {"waybill": "YT0000001", "order_no": order["no"], "carrier": "圆通"})
    sandbox.scan("YT0000001", "3")
    assert _query(sandbox, "YT0000001", "yuantong")["state"] == "3"
    assert sandbox.order(order["no"])["status"] == "shipped"
