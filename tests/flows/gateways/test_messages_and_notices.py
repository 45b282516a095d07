"""SMS, mail and notices to staff: to whom, in which words, and what an answer amounts to."""

import email
import email.policy
import tracemalloc
from itertools import repeat
from threading import active_count

import pytest
from gateway_samples import BUYER, SHOP, an_owed, deliver, served_by, tell_staff
from outside import Answer, MailServer, Outside
from rude import DRIPS_A_BODY, DRIPS_HEADERS, Rude, bomb, drips, silent
from waiting import wait_until

from flows.gateways import Contact, bounds
from flows.gateways.buyer_messages import mobile
from flows.gateways.registry import check_kinds
from states.errors import BadInput, GatewayRejected, GatewayUnavailable

NOT_ON_THE_PLATFORM = {"order_no": None}
ONLY_MAIL = {**NOT_ON_THE_PLATFORM, "to": Contact(email="ming@example.com", name="王小明")}


@pytest.fixture
def sms(monkeypatch):
    with Outside({"ref": "S1"}) as service:
        monkeypatch.setenv("KEFU_SMS_URL", service.url)
        monkeypatch.setenv("KEFU_SMS_TOKEN", "t0ken")
        yield service


@pytest.fixture
def mails(monkeypatch):
    with MailServer() as server:
        monkeypatch.setenv("KEFU_SMTP_URL", server.url)
        monkeypatch.setenv("KEFU_SMTP_FROM", "shop@example.com")
        yield server


@pytest.fixture
def staff(monkeypatch):
    with Outside() as service:
        monkeypatch.setenv("KEFU_STAFF_URLS", f"{service.url.replace('http', 'json')}/notify")
        yield service


def test_a_text_message_goes_to_the_buyers_number_as_the_world_writes_it(sms):
    owed = an_owed(**NOT_ON_THE_PLATFORM)
    assert deliver(owed) == "S1"
    (call,) = sms.calls
    assert call.json == {"phone": "+8613812341234", "text": "您好"}
    assert call.headers["authorization"] == "Bearer t0ken"
    assert call.headers["idempotency-key"] == owed.key


def test_only_a_mobile_number_takes_a_text_message():
    assert mobile("138 1234 1234", "CN") == mobile("+86 13812341234", "BR") == "+8613812341234"
    for none in (None, "", "0571-88888888", "400-820-8820", "12345", "王小明", "13812341234\r\nX: y"):
        assert mobile(none, "CN") is None


@pytest.mark.parametrize(
    "number", ["18877771111-123", "17012345678转1234", "17012345678,1234", "13812341234 ext 1"]
)
def test_a_number_that_many_share_takes_no_text_message(sms, number):
    """It would come to the platform, or to another buyer: only the extension says whose it is."""
    assert mobile(number, "CN") is None
    assert served_by(an_owed(**NOT_ON_THE_PLATFORM | {"to": Contact(phone=number)})) is None


def test_a_buyer_is_reached_by_the_first_way_that_is_set_and_has_an_address(sms, mails, monkeypatch):
    assert served_by(an_owed()) == "bag-studio/sms"  # no platform is set
    monkeypatch.setenv("KEFU_PLATFORM_URL", "https://platform.example")
    monkeypatch.setenv("KEFU_PLATFORM_SECRET", "s")
    assert served_by(an_owed()) == "bag-studio/platform"
    assert served_by(an_owed(**NOT_ON_THE_PLATFORM)) == "bag-studio/sms"
    assert served_by(an_owed(**ONLY_MAIL)) == "bag-studio/email"
    assert served_by(an_owed(**NOT_ON_THE_PLATFORM, to=Contact())) is None


@pytest.mark.parametrize("channel", ["platform", "warehouse", "buyer", "staff", "moon"])
def test_where_nobody_is_set_nobody_serves(channel):
    assert served_by(an_owed(channel=channel)) is None
    assert served_by(an_owed(channel=channel, shop="another")) is None


def test_a_shop_file_that_names_a_party_there_is_not_is_refused():
    odd = SHOP.model_copy(update={"gateways": {"platform": "moon", "staff": "apprise"}})
    with pytest.raises(BadInput, match="'moon' among its gateways; known there: kefu"):
        check_kinds(odd)
    with pytest.raises(BadInput, match="moon"):
        served_by(an_owed(channel="platform"), odd)
    check_kinds(SHOP)


def test_a_mail_has_the_shops_name_a_subject_and_the_same_number_at_every_try(mails):
    owed = an_owed(**ONLY_MAIL, text="您好，订单 1 还没有付款。\n请在今天付款。")
    assert deliver(owed) == deliver(owed)
    mail = email.message_from_bytes(mails.mails[0], policy=email.policy.default)
    assert (mail["From"], mail["To"]) == ("包包工作室 <shop@example.com>", "王小明 <ming@example.com>")
    assert mail["Subject"] == "您好，订单 1 还没有付款。"
    assert mail.get_content().splitlines() == owed.text.splitlines()
    another = deliver(an_owed(**ONLY_MAIL, key="another"))
    assert another != mail["Message-ID"]


@pytest.mark.parametrize(
    "to",
    [
        Contact(email="ming@example.com", name="王小明\r\nBcc: everybody@example.com"),
        Contact(email="ming@example.com\r\nBcc: everybody@example.com"),
        Contact(email="ming@example.com, everybody@example.com"),
        Contact(email="nobody"),
    ],
)
def test_a_name_that_wants_headers_of_its_own_gets_no_mail(mails, to):
    with pytest.raises(GatewayRejected) as refused:
        deliver(an_owed(**NOT_ON_THE_PLATFORM, to=to))
    assert mails.mails == []
    assert "everybody" not in str(refused.value)


def test_a_mailbox_that_is_not_there_is_a_no_and_a_full_one_a_not_now(mails):
    mails.refuses = "550 no such user ming@example.com"
    with pytest.raises(GatewayRejected, match="answered 550") as refused:
        deliver(an_owed(**ONLY_MAIL))
    assert "ming" not in str(refused.value)
    mails.refuses = "452 mailbox full"
    with pytest.raises(GatewayUnavailable) as later:
        deliver(an_owed(**ONLY_MAIL))
    assert not later.value.unknown


def test_a_mail_server_that_hangs_up_after_the_mail_may_have_taken_it(mails, monkeypatch):
    mails.hangs_up_after_data = True
    with pytest.raises(GatewayUnavailable) as unknown:
        deliver(an_owed(**ONLY_MAIL))
    assert unknown.value.unknown
    monkeypatch.setenv("KEFU_SMTP_URL", "smtp://127.0.0.1:1")
    with pytest.raises(GatewayUnavailable) as not_reached:
        deliver(an_owed(**ONLY_MAIL))
    assert not not_reached.value.unknown


@pytest.mark.parametrize("url", ["http://mail.example.com", "smtp://", "mail.example.com", "smtp://h:x"])
def test_a_mail_setting_that_is_none_is_refused(monkeypatch, url):
    monkeypatch.setenv("KEFU_SMTP_URL", url)
    monkeypatch.setenv("KEFU_SMTP_FROM", "shop@example.com")
    with pytest.raises(BadInput, match="KEFU_SMTP_URL"):
        deliver(an_owed(**ONLY_MAIL))


def test_staff_read_shop_case_and_text_and_a_service_of_ours_the_key(staff):
    owed = an_owed(channel="staff", what="judge_return", text="请审核", case_no="1-R1", to=BUYER)
    tell_staff(owed)
    (call,) = staff.calls
    assert (call.json["title"], call.json["message"]) == ("包包工作室 · 1-R1", "请审核")
    assert call.headers["idempotency-key"] == owed.key


def test_a_role_with_an_address_of_its_own_hears_what_is_for_it(staff, monkeypatch):
    at = staff.url.replace("http", "json")
    monkeypatch.setenv("KEFU_STAFF_URLS", f"{at}/all 客服组长={at}/leader")
    tell_staff(an_owed(channel="staff", recipient="客服组长"))
    tell_staff(an_owed(channel="staff", recipient="somebody"))
    tell_staff(an_owed(channel="staff"))
    assert [call.target.rstrip("/") for call in staff.calls] == ["/leader", "/all", "/all"]
    monkeypatch.setenv("KEFU_STAFF_URLS", f"客服组长={at}/leader")
    with pytest.raises(GatewayRejected, match="nobody is set"):
        tell_staff(an_owed(channel="staff"))


def test_staff_that_could_not_be_told_are_told_again(staff):
    staff.answers[0] = Answer({}, 500)
    with pytest.raises(GatewayUnavailable):
        tell_staff(an_owed(channel="staff"))


def test_an_address_that_apprise_does_not_know_is_refused_and_not_told(monkeypatch):
    monkeypatch.setenv("KEFU_STAFF_URLS", "moon://secret-token")
    with pytest.raises(BadInput, match="address 1") as refused:
        deliver(an_owed(channel="staff"))
    assert "secret" not in str(refused.value)


# -- parties that never come to an end -----------------------------------------------------------------


@pytest.fixture
def soon(monkeypatch):
    """All that takes longer than half a second is cut off; and no thread is left behind."""
    monkeypatch.setattr(bounds, "ANSWER_SECONDS", 0.5)
    before = active_count()
    yield
    wait_until(lambda: active_count() <= before, "a thread is still waiting for them")


@pytest.mark.parametrize("manners", [DRIPS_HEADERS, DRIPS_A_BODY, silent, bomb(megabytes=64)])
def test_a_service_of_the_staffs_that_never_ends_its_answer_holds_nobody(soon, monkeypatch, manners):
    with Rude(manners) as there:
        monkeypatch.setenv("KEFU_STAFF_URLS", there.url.replace("http", "json"))
        tracemalloc.start()
        with pytest.raises(GatewayUnavailable):
            tell_staff(an_owed(channel="staff"))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 40 << 20


def test_a_service_of_the_staffs_that_sends_us_elsewhere_is_not_followed(staff):
    staff.answers[0] = Answer({}, 307, {"Location": "/elsewhere"})
    with pytest.raises(GatewayUnavailable):
        tell_staff(an_owed(channel="staff"))
    assert len(staff.calls) == 1


def floods_with_lines(there: Rude):
    return repeat(b"220-and more\r\n" * 1_000)


@pytest.mark.parametrize("manners", [drips(b"220-"), drips(b"220 here\r\n250-"), silent, floods_with_lines])
def test_a_mail_server_that_never_ends_its_reply_holds_nobody(soon, monkeypatch, manners):
    with Rude(manners, greets=True) as there:
        monkeypatch.setenv("KEFU_SMTP_URL", there.url.replace("http", "smtp"))
        monkeypatch.setenv("KEFU_SMTP_FROM", "shop@example.com")
        with pytest.raises(GatewayUnavailable, match="did not take the mail"):
            deliver(an_owed(**ONLY_MAIL))
        assert there.said < 16 << 20
