import pytest
from import_samples import NOW, SAO_PAULO, SHANGHAI, local

from flows.imports.cells import Clock, amount_fen, order_no, plain, quantity, region_of
from flows.imports.rows import CellError


@pytest.mark.parametrize(
    ("text", "fen"),
    [("0", 0), ("21.0", 2100), ("64.8", 6480), ("1,234.50", 123450), ("¥12.30", 1230), ("￥ 12.3元", 1230)]
    + [
        ("１２．５", 1250),
        ("１，２３４", 123400),
        ("10.000", 1000),
        ("0.29", 29),
        ("21474836.47", 2**31 - 1),
    ],
)
def test_an_amount_is_read_exactly(text, fen):
    assert amount_fen(text, "总金额") == fen


@pytest.mark.parametrize(
    ("text", "reason"),
    [("-1", "negative"), ("", "empty"), ("nan", "not an amount"), ("inf", "not an amount"), ("1e3", "not an")]
    + [("10.005", "more than two decimals"), ("12,34", "not an amount"), ("21474836.48", "too large")]
    + [("9" * 5000, "not an amount"), ("12.5.1", "not an amount"), ("−3", "negative")],
)
def test_a_doubtful_amount_is_refused_with_its_reason(text, reason):
    with pytest.raises(CellError, match=reason):
        amount_fen(text, "总金额")


@pytest.mark.parametrize(
    "text",
    [
        "2020-02-01 09:05:00",
        "2020-02-01T09:05",
        "2020/2/1 9:05",
        "2020-02-01T01:05:00Z",
        "2020-02-01 09:05:00+08:00",
    ],
)
def test_a_time_without_offset_is_the_shop_s(text):
    assert Clock(SHANGHAI, NOW).moment(text, "t") == local("2020-02-01 09:05:00")


@pytest.mark.parametrize(
    "text",
    [
        "2020-02-30 10:00:00",
        "2020-02-01",
        "yesterday",
        "45000",
        "45000.375",
        "1700000000",
        "2020-02-01 10:00:00+24:00",
        "2020-02-01 24:00:00",
        "20200201T100000",
    ],
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(CellError, match="is not a time"):
        Clock(SHANGHAI, NOW).moment(text, "t")


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01 00:00:00",
        "0001-01-01 10:00:00",
        "1899/12/30 0:00",
        "1970-01-01T08:00",
        "9999-12-31 23:59:59",
    ],
)
def test_a_year_that_can_not_be_meant_is_refused(text):
    with pytest.raises(CellError, match="give a year from 2000 to 2999"):
        Clock(SHANGHAI, NOW).moment(text, "t")


def test_now_is_no_future_and_a_second_later_is():
    clock = Clock(SHANGHAI, local("2020-02-01 10:00:00"))
    assert clock.moment("2020-02-01 10:00:00", "t") == clock.now
    with pytest.raises(CellError, match="lies in the future"):
        clock.moment("2020-02-01 10:00:01", "t")


def test_local_times_that_the_clocks_skip_or_repeat_are_read():
    clock = Clock(SAO_PAULO, NOW)
    assert clock.moment("2017-10-15 00:30:00", "t").isoformat() == "2017-10-15T03:30:00+00:00"  # skipped
    assert (
        clock.moment("2018-02-17 23:30:00", "t").isoformat() == "2018-02-18T01:30:00+00:00"
    )  # the first of two


@pytest.mark.parametrize("cell", ['="123"', "'123", " 123\t", "123", "='123"[1:], '="123" '])
def test_what_exports_wrap_around_a_number_is_taken_off(cell):
    assert plain(cell) == "123"


def test_null_is_nothing():
    assert plain("null") == plain("'null") == plain("'") == ""


def test_an_order_number_rounded_by_a_spreadsheet_is_refused():
    with pytest.raises(CellError, match="rounded by a spreadsheet"):
        order_no("1.23457E+18", "订单编号")
    for text in ("", "1 2", "x" * 65):
        with pytest.raises(CellError):
            order_no(text, "订单编号")


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "many"])
def test_a_quantity_is_one_or_more(text):
    assert quantity("２", "n") == 2
    with pytest.raises(CellError):
        quantity(text, "n")


@pytest.mark.parametrize(
    ("address", "region"),
    [
        ("上海 上海市 浦东新区 世纪大道1号", "上海"),
        ("内蒙古自治区", "内蒙古自治区"),
        ("浙江省杭州市文三路1号", "浙江省"),
    ]
    + [
        ("广西壮族自治区 南宁市", "广西壮族自治区"),
        ("北京", "北京"),
        ("", None),
        ("ABCDEFGH street 1", None),
    ],
)
def test_the_region_is_never_more_than_the_province(address, region):
    assert region_of(address) == region
