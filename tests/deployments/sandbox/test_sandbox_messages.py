"""SMS, the staff's chat, and the phone book that says who can be reached."""

import pytest


def _sms(sandbox, phone="13900001234", text="您的订单已发出", key="k", token=None):
    return sandbox.client.post(
        "/sms/messages",
        json={"phone": phone, "text": text},
        headers={"Idempotency-Key": key, "Authorization": f"Bearer {token or sandbox.secrets.sms_token}"},
    )


def test_a_message_is_sent_once_for_each_key(sandbox):
    assert _sms(sandbox).json() == _sms(sandbox).json()
    assert _sms(sandbox, text="别的").status_code == 422
    [effect] = sandbox.effects("sms")
    assert (effect["subject"], effect["asked"], effect["body"]["text"]) == (
        "13900001234",
        3,
        "您的订单已发出",
    )


@pytest.mark.parametrize(
    ("answers", "code"), [("unknown", "number_unknown"), ("refuses", "recipient_refuses")]
)
def test_who_cannot_be_reached_is_a_refusal_kept_in_the_ledger(sandbox, answers, code):
    sandbox.control("PUT", "/people/13900001234", {"name": "王小明", "answers": answers})
    assert _sms(sandbox).json()["error"]["code"] == code
    assert sandbox.effects("sms", "refused")[0]["code"] == code


@pytest.mark.parametrize("phone", ["+8613900001234", "139 0000 1234", "+86 139-0000-1234"])
def test_a_number_is_the_same_however_it_is_written(sandbox, phone):
    sandbox.control("PUT", "/people/13900001234", {"answers": "unknown"})
    assert _sms(sandbox, phone).json()["error"]["code"] == "number_unknown"


def test_a_buyer_who_refuses_messages_on_the_platform_gets_none(sandbox):
    [no] = sandbox.make_up("bag-studio")
    sandbox.control("PUT", f"/people/{sandbox.order(no)['buyer']}", {"answers": "refuses"})
    answer = sandbox.signed("POST", f"/platform/orders/{no}/message", {"text": "您好"}, key="k")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "recipient_refuses")


def test_buyers_are_in_the_phone_book(sandbox):
    [no] = sandbox.make_up("bag-studio")
    order = sandbox.order(no)
    [person] = sandbox.control("GET", "/people")["people"]
    assert person == {"number": order["phone"], "name": order["receiver"], "answers": "reached"}


def test_the_staffs_chat_takes_what_apprise_sends(sandbox):
    told = {"version": "1.0", "title": "bag-studio", "message": "三单未发", "attachments": [], "type": "info"}
    assert sandbox.client.post("/staff/notify", json=told).status_code == 200
    assert sandbox.client.post("/staff/notify", data={"title": "t", "message": "m"}).status_code == 200
    assert [effect["body"]["message"] for effect in sandbox.effects("staff")] == ["三单未发", "m"]


def test_a_notice_without_a_key_is_a_line_each_time_and_with_one_is_said_once(sandbox):
    for headers in ({}, {}, {"Idempotency-Key": "k"}, {"Idempotency-Key": "k"}):
        sandbox.client.post("/staff/notify", json={"message": "m"}, headers=headers)
    assert [(effect["key"], effect["asked"]) for effect in sandbox.effects("staff")] == [
        *[(None, 1), (None, 1)],
        ("k", 2),
    ]
