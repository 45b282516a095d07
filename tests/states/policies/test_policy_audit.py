from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from states.phones import phone_number
from states.policies.audit import CN_MOBILE, AuditPolicy, Finding, RequiredField

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)
WINDOW = timedelta(minutes=10)
POLICY = AuditPolicy(duplicate_window=WINDOW)


@dataclass
class Line:
    title: str = "帆布包"
    sku: str = "BAG-1"
    quantity: int = 2
    price_fen: int | None = 5_000


@dataclass
class Sibling:
    no: str = "1"
    state: str = "paid"
    placed_at: datetime = NOON
    paid_at: datetime | None = NOON
    closed_at: datetime | None = None


@dataclass
class Order:
    no: str = "2"
    amount_fen: int = 10_300
    paid_fen: int = 10_300
    freight_fen: int | None = 500
    discount_fen: int | None = 200
    receiver: str | None = "张三"
    phone: str | None = "13812345678"
    address: str | None = "乌鲁木齐市天山区解放路1号"
    region: str | None = "新疆维吾尔自治区"
    buyer_id: int | None = 7
    lines: list[Line] = field(default_factory=lambda: [Line()])
    goods_key: str | None = "BAG-1x2"
    placed_at: datetime = NOON
    paid_at: datetime | None = NOON + A_SECOND
    siblings: list[Sibling] = field(default_factory=list)
    remark: str | None = None


def codes(order: Order, policy: AuditPolicy = POLICY, at: datetime = NOON + timedelta(hours=1), region="CN"):
    return [reason.code for reason in policy.findings(order, at, region)]


def test_a_clean_order_has_no_findings():
    assert codes(Order()) == []


@pytest.mark.parametrize("name", ["receiver", "phone", "address"])
@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_a_required_field_that_is_empty_is_missing(name, nothing):
    assert codes(replace(Order(), **{name: nothing})) == [f"missing_{name}"]


def test_goods_and_buyer_can_be_required_too():
    policy = AuditPolicy(required=("buyer", "lines"))
    assert codes(replace(Order(), buyer_id=None, lines=[]), policy) == ["missing_buyer", "missing_lines"]
    assert codes(replace(Order(), buyer_id=None, lines=[]), AuditPolicy(required=())) == []


def test_every_field_that_can_be_required_has_its_finding():
    policy = AuditPolicy(required=tuple(RequiredField))
    bare = replace(Order(), receiver=None, phone=None, address=None, region=None, lines=[], buyer_id=None)
    assert sorted(codes(bare, policy)) == sorted(f"missing_{name}" for name in RequiredField)


@pytest.mark.parametrize("phone", ["138****1234", "138＊＊＊＊1234", "138xxxx1234", "+86 138****1234"])
def test_a_masked_phone_is_a_finding_of_its_own(phone):
    assert codes(replace(Order(), phone=phone)) == [Finding.MASKED_PHONE]


@pytest.mark.parametrize(
    "phone", ["1381234567", "138123456789", "00000000000", "call me", "-", "12345678901"]
)
def test_what_cannot_be_a_phone_number_is_found(phone):
    assert codes(replace(Order(), phone=phone)) == [Finding.IMPOSSIBLE_PHONE]


@pytest.mark.parametrize(
    "phone", ["+86 138 1234 5678", "0991-2345678", "86-13812345678", "１３８１２３４５６７８"]
)
def test_a_phone_number_may_be_written_in_many_ways(phone):
    assert codes(replace(Order(), phone=phone)) == []


def test_phone_numbers_are_judged_in_the_shops_region():
    order = replace(Order(), phone="(11) 91234-5678")
    assert codes(order) == [Finding.IMPOSSIBLE_PHONE]
    assert codes(order, region="BR") == []


def test_a_shop_that_asks_for_no_phone_minds_no_masked_one():
    assert codes(replace(Order(), phone="138****1234"), AuditPolicy(required=("address",))) == []


@given(st.from_regex(CN_MOBILE, fullmatch=True))
def test_the_short_way_for_mobile_numbers_agrees_with_the_library(phone):
    assert phone_number(phone, "CN")


def test_a_quantity_is_at_least_one():
    assert codes(replace(Order(), lines=[Line(quantity=0, price_fen=None)])) == [Finding.BAD_QUANTITY]
    assert codes(replace(Order(), lines=[Line(quantity=1, price_fen=None)])) == []


def test_a_negative_price_is_found_once():
    lines = [
        Line(quantity=1, price_fen=-100),
        Line(quantity=1, price_fen=-1),
        Line(quantity=1, price_fen=10_101),
    ]
    assert codes(replace(Order(), lines=lines)) == [Finding.NEGATIVE_PRICE]


def test_a_price_of_nothing_is_a_gift_and_no_finding():
    assert codes(replace(Order(), lines=[Line(), Line(price_fen=0)])) == []


def test_goods_plus_freight_less_discount_are_the_amount_to_the_fen():
    assert codes(replace(Order(), amount_fen=10_301, paid_fen=10_301)) == [Finding.AMOUNTS_DISAGREE]
    assert codes(replace(Order(), amount_fen=10_299)) == [Finding.AMOUNTS_DISAGREE]
    assert (
        codes(replace(Order(), amount_fen=10_000, paid_fen=10_000, freight_fen=None, discount_fen=None)) == []
    )


def test_sums_are_not_judged_where_a_line_tells_no_price():
    assert codes(replace(Order(), lines=[Line(), Line(price_fen=None)])) == []


def test_an_order_paid_in_part_is_found_and_one_overpaid_is_not():
    assert codes(replace(Order(), paid_fen=10_299)) == [Finding.UNDERPAID]
    assert codes(replace(Order(), paid_fen=10_301)) == []
    assert codes(replace(Order(), paid_fen=0, paid_at=None)) == []


def test_forbidden_goods_and_remarks_are_found_in_any_case():
    policy = AuditPolicy(forbidden_words=("Fireworks", "打火机"))
    assert codes(replace(Order(), lines=[Line(title="Big FIREWORKS box")]), policy) == [
        Finding.FORBIDDEN_GOODS
    ]
    assert codes(replace(Order(), remark="请附一个打火机"), policy) == [Finding.FORBIDDEN_GOODS]
    assert codes(Order(), policy) == []


def test_the_later_paid_of_two_equal_orders_is_a_duplicate():
    first = Sibling(no="9", paid_at=NOON)
    assert codes(replace(Order(), siblings=[first])) == [Finding.DUPLICATE]
    assert codes(replace(Order(), paid_at=NOON - A_SECOND, siblings=[first])) == []


def test_two_paid_in_the_same_moment_are_told_apart_by_number():
    assert codes(replace(Order(), no="2", paid_at=NOON, siblings=[Sibling(no="1")])) == [Finding.DUPLICATE]
    assert codes(replace(Order(), no="2", paid_at=NOON, siblings=[Sibling(no="3")])) == []


@pytest.mark.parametrize("side", [1, -1])
def test_the_window_reaches_to_both_sides_and_includes_its_edge(side):
    inside, outside = NOON + side * WINDOW, NOON + side * (WINDOW + A_SECOND)
    assert codes(replace(Order(), siblings=[Sibling(placed_at=inside)])) == [Finding.DUPLICATE]
    assert codes(replace(Order(), siblings=[Sibling(placed_at=outside)])) == []


def test_a_sibling_closed_before_the_audit_no_longer_counts():
    at = NOON + timedelta(hours=1)
    assert codes(replace(Order(), siblings=[Sibling(closed_at=at - A_SECOND)]), at=at) == []
    assert codes(replace(Order(), siblings=[Sibling(closed_at=at)]), at=at) == [Finding.DUPLICATE]


def test_an_unpaid_sibling_does_not_count():
    assert codes(replace(Order(), siblings=[Sibling(paid_at=None)])) == []


def test_duplicates_are_sought_only_where_the_shop_sets_a_window_and_the_goods_are_known():
    twins = replace(Order(), siblings=[Sibling()])
    assert codes(twins, AuditPolicy()) == []
    assert codes(replace(twins, goods_key=None)) == []


def test_of_several_the_first_paid_is_named():
    siblings = [Sibling(no="8"), Sibling(no="7", paid_at=NOON - A_SECOND)]
    (finding,) = POLICY.findings(replace(Order(), siblings=siblings), NOON)
    assert "order 7:" in finding.en
    assert "订单7" in finding.zh
    assert finding.rule == 28


def test_no_finding_tells_personal_data():
    order = Order(phone="1381234", receiver="张三丰", amount_fen=1, paid_fen=0, lines=[Line(quantity=-1)])
    told = " ".join(reason.zh + reason.en for reason in POLICY.findings(order, NOON))
    assert told
    assert not any(secret in told for secret in ("1381234", "张三", "天山区"))


def test_an_empty_forbidden_word_would_forbid_everything_and_is_refused():
    with pytest.raises(ValidationError):
        AuditPolicy(forbidden_words=("",))
