"""Kuaidi100: its questions signed, its answers and pushes read, as they were recorded and as they may be worse."""

import asyncio
import json
from datetime import datetime
from urllib.parse import parse_qs

import pytest
from orders_told import real_data
from outside import Answer, Outside

from flows.gateways import open_client
from flows.gateways.carriers import (
    CHINA,
    Kuaidi100Gateway,
    carrier_code,
    open_kuaidi100,
    read_push,
    read_track,
)
from flows.gateways.settings import Settings
from flows.signatures import kuaidi100_query_sign
from states.errors import BadInput, GatewayRejected, GatewayUnavailable


def scan(time: str, context: str = "在途", **more) -> dict:
    return {"time": time, "ftime": time, "context": context, **more}


def told(*scans: dict, state: str = "0", **more) -> dict:
    usual = {"message": "ok", "nu": "SF123456", "com": "shunfeng", "status": "200"}
    return {**usual, "state": state, "data": list(scans), **more}


def push(last: dict, status: str = "polling", message: str = "") -> str:
    return json.dumps({"status": status, "message": message, "lastResult": last}, ensure_ascii=False)


def china(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


SIGNED = (scan("2026-03-04 12:00:00", "已签收"), scan("2026-03-04 08:00:00", "派件中"))


@pytest.mark.parametrize("turned", [False, True])
def test_a_parcel_is_signed_when_the_scan_says_so_whichever_way_round_they_come(turned):
    scans = SIGNED[::-1] if turned else SIGNED
    track = read_track(told(*scans, state="3"))
    assert track.signed_at == china("2026-03-04 12:00:00")
    assert [s.at.hour for s in track.scans] == [8, 12]


def test_a_scan_after_the_signature_does_not_move_it():
    thanks = scan("2026-03-04 20:00:00", "感谢使用")
    assert read_track(told(thanks, *SIGNED, state="3")).signed_at == china("2026-03-04 12:00:00")
    assert read_track(told(scan("2026-03-04 12:00:00", "妥投"), state="301")).signed_at == china(
        "2026-03-04 12:00:00"
    )


@pytest.mark.parametrize("state", ["0", "1", "2", "4", "5", "6", "7", "8", "14", "30", ""])
def test_what_is_not_signed_is_not_delivered_whatever_its_scans_say(state):
    assert read_track(told(scan("2026-03-04 12:00:00", "客户拒签，等待签收"), state=state)).signed_at is None


@pytest.mark.parametrize(
    ("state", "problem"), [("2", "疑难"), ("4", "退签"), ("14", "拒签"), ("401", "退签"), ("0", None)]
)
def test_trouble_on_the_way_is_told_in_their_word(state, problem):
    assert read_track(told(scan("2026-03-04 12:00:00"), state=state)).problem == problem


@pytest.mark.parametrize(
    ("param", "given_up"),
    [
        (push(told(*SIGNED, state="3"), "shutdown"), None),  # signed: they have nothing more to look for
        (push(told(*SIGNED, state="3"), "shutdown", "3天查询无记录"), "3天查询无记录"),
        (push(told(scan("2026-03-04 08:00:00")), "shutdown"), "shutdown"),
        (push(told(scan("2026-03-04 08:00:00")), "abort", "60天无变化"), "60天无变化"),
        (push(told(scan("2026-03-04 08:00:00")), "polling"), None),
        (push(told(scan("2026-03-04 08:00:00")), "updateall"), None),
    ],
)
def test_a_parcel_they_no_longer_look_for_is_given_up(param, given_up):
    assert read_push(param).given_up == given_up


@pytest.mark.parametrize(
    "param",
    ["", "null", "[]", "{", "{}", '{"lastResult": []}', '{"lastResult": {"nu": "1"}}', push(told(scan("soon"))),
     push({**told(), "nu": ""}), push({**told(), "nu": 7}), push({**told(), "data": ["x"]}), "[" * 100_000],
)  # fmt: skip
def test_what_is_no_push_is_said_in_a_sentence_that_quotes_nothing(param):
    with pytest.raises(BadInput, match="no track as Kuaidi100"):
        read_push(param)


def test_the_recorded_answers_and_the_recorded_push_are_read():
    folder = real_data("payloads/kuaidi100")

    def recorded(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    pushed = read_push(recorded("push_shutdown_3days_no_record.json"))
    assert (pushed.waybill, pushed.given_up) == ("221014000145", "3天查询无记录")
    assert pushed.signed_at == china("2015-04-28 15:46:48")
    yunda = read_track(json.loads(recorded("query_yunda_signed_with_location.json")))
    assert (yunda.carrier, len(yunda.scans), yunda.signed_at) == ("yunda", 9, china("2017-11-08 16:16:46"))
    suning = read_track(json.loads(recorded("query_suning_signed_200.json")))
    assert suning.signed_at == china("2018-11-14 20:09:50")
    with pytest.raises(GatewayRejected, match="answered 201: 快递公司参数异常"):
        read_track(json.loads(recorded("error_201_number_unknown_or_expired.json")))


def test_a_question_is_signed_over_the_very_text_that_is_sent(monkeypatch):
    with Outside(Answer(told(*SIGNED, state="3"))) as service:
        monkeypatch.setenv("KEFU_KUAIDI100_URL", f"{service.url}/carrier")
        monkeypatch.setenv("KEFU_KUAIDI100_KEY", "k")
        monkeypatch.setenv("KEFU_KUAIDI100_CUSTOMER", "c")

        async def ask():
            gateway = open_kuaidi100(Settings("bag-studio"))
            try:
                return await gateway.query("shunfeng", "SF123456", "1234")
            finally:
                await gateway.aclose()

        track, words = asyncio.run(ask())
        assert words == told(*SIGNED, state="3")
        assert track.signed_at == china("2026-03-04 12:00:00")
        (call,) = service.calls
    form = {name: value for name, (value,) in parse_qs(call.body.decode()).items()}
    assert call.target == "/carrier/poll/query.do"
    assert form["sign"] == kuaidi100_query_sign(form["param"], "k", "c")
    assert json.loads(form["param"])["num"] == "SF123456"


@pytest.mark.parametrize(("asked", "is_it"), [("SF123456", True), ("sf123456", True), ("SF123457", False)])
def test_an_answer_about_another_parcel_is_none(monkeypatch, asked, is_it):
    async def ask(url: str) -> None:
        gateway = Kuaidi100Gateway(open_client(url), "k", "c")
        try:
            await gateway.query("shunfeng", asked)
        finally:
            await gateway.aclose()

    with Outside(told(*SIGNED, state="3")) as service:
        if is_it:
            asyncio.run(ask(service.url))
        else:
            with pytest.raises(GatewayUnavailable, match="told of another one"):
                asyncio.run(ask(service.url))


def test_without_a_key_nobody_is_asked(monkeypatch):
    assert open_kuaidi100(Settings("bag-studio")) is None
    monkeypatch.setenv("KEFU_KUAIDI100_KEY", "k")
    with pytest.raises(BadInput, match="KUAIDI100_CUSTOMER"):
        open_kuaidi100(Settings("bag-studio"))


@pytest.mark.parametrize(
    ("name", "code"),
    [("顺丰速运", "shunfeng"), ("YTO", "yuantong"), ("yunda", "yunda"), ("某快递", None), (None, None)],
)
def test_a_carrier_has_a_word_of_its_own_there(name, code):
    assert carrier_code(name) == code
