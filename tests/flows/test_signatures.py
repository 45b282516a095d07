"""Who it is from, unchanged, and not an old one; with the examples that carriers and platforms have published."""

from datetime import UTC, datetime, timedelta

import pytest

from flows.signatures import (
    NONCE,
    SIGNATURE,
    TIMESTAMP,
    WINDOW,
    BadSignature,
    check_kuaidi100_push,
    check_signed,
    kuaidi100_query_sign,
    signature,
    signed,
    top_sign,
)

AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)
ASKED = ("POST", "/push/platform/bag-studio?try=1", '{"id": "买家"}'.encode())


def test_a_signed_message_is_known_by_its_nonce():
    headers = signed("secret", *ASKED, at=AT)
    assert check_signed(headers, "secret", *ASKED, at=AT) == headers[NONCE]
    assert signed("secret", *ASKED, at=AT)[NONCE] != headers[NONCE]


@pytest.mark.parametrize(
    "changed",
    [
        ("GET", *ASKED[1:]),
        (ASKED[0], "/push/platform/bag-studio?try=2", ASKED[2]),
        (ASKED[0], "/push/platform/urumqi-kitchen?try=1", ASKED[2]),
        (*ASKED[:2], ASKED[2] + b" "),
        (*ASKED[:2], b""),
    ],
)
def test_what_was_changed_on_the_way_does_not_count(changed):
    with pytest.raises(BadSignature, match="another one"):
        check_signed(signed("secret", *ASKED, at=AT), "secret", *changed, at=AT)


@pytest.mark.parametrize("name", [TIMESTAMP, NONCE, SIGNATURE])
@pytest.mark.parametrize("value", ["", "0", "é", "a\r\nb"])
def test_a_header_that_is_missing_or_another_does_not_count(name, value):
    headers = {**signed("secret", *ASKED, at=AT), name: value}
    with pytest.raises(BadSignature):
        check_signed(headers, "secret", *ASKED, at=AT)


def test_another_secret_does_not_count():
    with pytest.raises(BadSignature) as refused:
        check_signed(signed("guessed", *ASKED, at=AT), "secret", *ASKED, at=AT)
    assert "secret" not in str(refused.value)


def test_a_time_stamp_counts_up_to_ten_minutes_off_and_not_at_ten_minutes():
    headers = signed("secret", *ASKED, at=AT)
    for off in (WINDOW - A_SECOND, A_SECOND - WINDOW):
        assert check_signed(headers, "secret", *ASKED, at=AT + off)
    for off in (WINDOW, -WINDOW, timedelta(days=400)):
        with pytest.raises(BadSignature, match="off"):
            check_signed(headers, "secret", *ASKED, at=AT + off)


def test_a_time_stamp_that_is_no_number_is_as_old_as_can_be():
    for timestamp in ("now", "99999999999999999999", "１７７２４１６８００", "-1"):
        sign = signature("s", timestamp=timestamp, nonce="n", method="GET", target="/", body=b"")
        headers = {TIMESTAMP: timestamp, NONCE: "n", SIGNATURE: sign}
        with pytest.raises(BadSignature, match="off"):
            check_signed(headers, "s", "GET", "/", b"", at=AT)


# -- published examples -------------------------------------------------------------------------------

# Taobao open platform, "API 调用方法详解" (docs/doc.htm?docType=1&articleId=101617)
TAOBAO = {
    "method": "taobao.item.seller.get",
    "app_key": "12345678",
    "session": "test",
    "timestamp": "2016-01-01 12:00:00",
    "format": "json",
    "v": "2.0",
    "sign_method": "md5",
    "fields": "num_iid,title,nick,price,num",
    "num_iid": "11223344",
}
# an earlier edition of the same page
TAOBAO_2013 = {
    "method": "taobao.user.seller.get",
    "timestamp": "2013-05-06 13:52:03",
    "format": "xml",
    "app_key": "test",
    "v": "2.0",
    "fields": "nick",
    "sign_method": "md5",
    "session": "test",
}
# Pinduoduo open platform, "签名算法"
PINDUODUO = {
    "access_token": "asd78172s8ds9a921j9qqwda12312w1w21211",
    "client_id": "1",
    "data_type": "XML",
    "type": "pdd.order.number.list.get",
    "timestamp": "1480411125",
    "order_status": "1",
    "page": "1",
    "page_size": "10",
}


@pytest.mark.parametrize(
    ("params", "secret", "sign"),
    [
        (TAOBAO, "helloworld", "66987CB115214E59E6EC978214934FB8"),
        (TAOBAO_2013, "test", "72CB4D809B375A54502C09360D879C64"),
        (PINDUODUO, "testSecret", "E4DE3ED21002510DED352819E7AE6775"),
    ],
)
def test_the_platforms_published_examples(params, secret, sign):
    assert top_sign(params, secret) == sign
    assert top_sign(dict(reversed(params.items())), secret) == sign


@pytest.mark.parametrize(
    ("method", "sign"),
    [
        ("hmac", "750C783E6AB0B503EAA86E310A5DB738"),  # RFC 2202, test case 2
        ("hmac-sha256", "5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843"),  # RFC 4231, 2
    ],
)
def test_the_keyed_digests_are_those_of_the_standard(method, sign):
    """The platforms print no example of theirs; their text says which digest over which words."""
    assert top_sign({"what do ya want ": "for nothing?"}, "Jefe", method) == sign


def test_kuaidi100_signs_the_words_in_the_sequence_its_documentation_names():
    """It prints no example, only 32 capital digits of MD5(param + key + customer); RFC 1321 has one of MD5."""
    assert kuaidi100_query_sign("message", " ", "digest") == "F96B697D7CB7938D525A2F31AAF161D0"


def test_a_push_of_kuaidi100_is_known_by_the_salt_in_whichever_case_it_is_written():
    for sign in ("F96B697D7CB7938D525A2F31AAF161D0", "f96b697d7cb7938d525a2f31aaf161d0"):
        check_kuaidi100_push("message ", "digest", sign)
    for param, salt, sign in (
        ("message", "digest", "F96B697D7CB7938D525A2F31AAF161D0"),
        ("message ", "", "F96B697D7CB7938D525A2F31AAF161D0"),
        ("message ", "digest", ""),
    ):
        with pytest.raises(BadSignature):
            check_kuaidi100_push(param, salt, sign)
