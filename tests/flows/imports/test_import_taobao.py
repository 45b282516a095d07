"""The Taobao order report, as Qianniu exports it."""

import pytest
from import_samples import SHANGHAI, read, story, written

HEADER = (
    "订单编号,买家会员名,买家支付宝账号,买家应付货款,买家应付邮费,总金额,买家实际支付金额,订单状态,买家留言,"
    "收货人姓名,收货地址 ,运送方式,联系电话 ,联系手机,订单创建时间,订单付款时间 ,宝贝标题 ,宝贝种类 ,"
    "物流单号 ,物流公司,订单备注,宝贝总数量,订单关闭原因,"
    "修改后的收货地址,确认收货时间,退款金额\r\n"
)
FIELDS = {
    "no": '"=""816273849500112233"""',
    **{
        "buyer": "tb_wang",
        "alipay": "wang@example.com",
        "goods": "100.00",
        "freight": "8.00",
        "due": "108.00",
    },
    **{"kept": "108.00", "status": "买家已付款，等待卖家发货", "message": "", "receiver": "王小明"},
    **{
        "address": "浙江省 杭州市 西湖区 文三路1号 (310000)",
        "way": "快递",
        "tel": "'",
        "mobile": "'13812341234",
    },
    **{"created": "2020-02-01 10:00:00", "paid": "2020-02-01 10:05:00", "title": "帆布包 大号", "kinds": "1"},
    **{
        "waybill": "",
        "carrier": "",
        "remark": "'null",
        "pieces": "2",
        "closed": "",
        "moved": "",
        "confirmed": "",
    },
    "refund": "0.00",
}


def taobao_row(**changes: str) -> str:
    cells = (FIELDS | changes).values()
    return (
        ",".join(cell if cell.startswith('"') or "," not in cell else f'"{cell}"' for cell in cells) + "\r\n"
    )


def order(tmp_path, **changes):
    file = read(written(tmp_path / "t.csv", HEADER + taobao_row(**changes)))
    assert file.bad == []
    return file.rows[0]


@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "utf-8", "utf-8-sig", "utf-16"])
def test_a_paid_order_is_read_in_every_encoding_shops_send(tmp_path, encoding):
    file = read(written(tmp_path / "t.csv", HEADER + taobao_row(), encoding))
    (row,) = file.rows
    assert file.format == "taobao"
    assert row.no == "816273849500112233"
    assert story(row) == [("place", "02-01 10:00:00", {}), ("pay", "02-01 10:05:00", {"amount_fen": 10800})]
    assert row.details == {
        **{
            "amount_fen": 10800,
            "freight_fen": 800,
            "discount_fen": 0,
            "buyer": "tb_wang",
            "receiver": "王小明",
        },
        **{"phone": "13812341234", "address": "浙江省 杭州市 西湖区 文三路1号 (310000)", "region": "浙江省"},
        **{"buyer_message": None, "remark": None},
    }
    (line,) = row.lines
    assert (line.title, line.quantity, line.price_fen) == ("帆布包 大号", 2, 5000)


@pytest.mark.parametrize(
    "no", ['="816273849500112233"', "'816273849500112233", '"816273849500112233"', "816273849500112233\t"]
)
def test_order_numbers_come_wrapped_in_many_ways(tmp_path, no):
    assert order(tmp_path, no=no, mobile='="13812341234"').no == "816273849500112233"
    assert order(tmp_path, no=no, mobile='="13812341234"').details["phone"] == "13812341234"


def test_the_columns_may_stand_in_any_order_among_unknown_ones(tmp_path):
    text = (
        "集分宝抵扣,订单状态,订单付款时间,订单创建时间,买家实际支付金额,总金额,订单编号\r\n"
        + "0,等待买家付款,,2020-02-01 10:00:00,0,5,77\r\n"
    )
    (row,) = read(written(tmp_path / "t.csv", text)).rows
    assert (row.no, row.details["amount_fen"], row.lines) == ("77", 500, ())


def test_a_shipped_order_without_a_date_was_shipped_at_the_closing_moment(tmp_path):
    row = order(tmp_path, status="卖家已发货，等待买家确认", waybill="No:773012345678901", carrier="申通快递")
    assert story(row)[2:] == [
        ("ship", "02-01 10:05:00", {"waybill": "773012345678901", "carrier": "申通快递"})
    ]


def test_a_confirmed_order_was_shipped_no_later_than_that(tmp_path):
    row = order(tmp_path, status="交易成功", waybill="7730", carrier="申通", confirmed="2020-02-09 08:00:00")
    assert [(trigger, at) for trigger, at, _ in story(row)][2:] == [
        ("ship", "02-09 08:00:00"),
        ("confirm", "02-09 08:00:00"),
    ]


def test_a_date_of_shipping_is_used_where_the_file_has_one(tmp_path):
    text = HEADER.replace("运送方式", "发货时间") + taobao_row(
        way="2020-02-02 12:00:00", status="卖家已发货,等待买家确认"
    )
    (row,) = read(written(tmp_path / "t.csv", text)).rows
    assert story(row)[2][:2] == ("ship", "02-02 12:00:00")


def test_cash_on_delivery_was_paid_no_later_than_confirmed(tmp_path):
    row = order(tmp_path, status="交易成功", paid="", confirmed="2020-02-09 08:00:00")
    assert story(row)[1] == ("pay", "02-09 08:00:00", {"amount_fen": 10800})


def test_a_part_shipped_says_so(tmp_path):
    assert order(tmp_path, status="卖家部分发货", waybill="7730").facts[-1].facts["partial"] is True


def test_an_order_closed_unpaid_was_cancelled_for_its_reason(tmp_path):
    row = order(tmp_path, status="交易关闭", paid="", kept="0.00", closed="买家未付款,电13812341234")
    assert story(row)[1:] == [("cancel", "02-01 10:00:00", {"reason": "买家未付款,电138****1234"})]


def test_an_order_closed_after_its_refund_was_refunded_not_cancelled(tmp_path):
    row = order(tmp_path, status="交易关闭", kept="0.00", refund="108.00", closed="退款")
    assert [(trigger, facts) for trigger, _, facts in story(row)][1:] == [
        ("pay", {"amount_fen": 10800}),
        ("refund", {"amount_fen": 10800}),
    ]


def test_an_older_export_without_the_refund_column_still_tells_of_a_full_refund(tmp_path):
    text = HEADER.replace("退款金额", "打款商家金额") + taobao_row(status="交易关闭", kept="0.00")
    (row,) = read(written(tmp_path / "t.csv", text)).rows
    assert [fact.trigger for fact in row.facts] == ["place", "pay", "refund"]


@pytest.mark.parametrize("kept", ["78.00", "108.00"], ids=["net of the refund", "gross"])
def test_what_was_paid_is_found_whether_the_export_nets_refunds_or_not(tmp_path, kept):
    row = order(tmp_path, status="交易成功", kept=kept, refund="30.00")
    assert {fact.trigger: fact.facts.get("amount_fen") for fact in row.facts} == {
        **{"place": None, "pay": 10800, "ship": None, "confirm": None, "refund": 3000}
    }


def test_a_remark_not_to_ship_holds_from_the_start(tmp_path):
    row = order(tmp_path, remark="'买家要退款，不要发货")
    assert story(row)[1] == ("hold", "02-01 10:00:00", {"reason": "remark", "text": "不要发货"})
    assert [fact.trigger for fact in order(tmp_path, message="请不要发圆通").facts] == ["place", "pay"]


def test_the_changed_address_is_where_it_goes(tmp_path):
    row = order(tmp_path, moved="上海 上海市 浦东新区 世纪大道1号")
    assert (row.details["address"], row.details["region"]) == ("上海 上海市 浦东新区 世纪大道1号", "上海")


@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({"status": "卖家在路上"}, "订单状态", "unknown status"),
        ({"due": "-108"}, "总金额", "negative"),
        ({"due": "nan"}, "总金额", "not an amount"),
        ({"kept": ""}, "买家实际支付金额", "empty"),
        ({"created": ""}, "订单创建时间", "empty"),
        ({"created": "2020-02-31 10:00:00"}, "订单创建时间", "not a time"),
        ({"paid": "2027-02-01 10:00:00"}, "订单付款时间", "lies in the future"),
        ({"no": "8.16274E+17"}, "订单编号", "spreadsheet"),
        ({"no": "null"}, "订单编号", "empty"),
        ({"pieces": "两个"}, "宝贝总数量", "not a quantity"),
        ({"status": "等待买家付款", "paid": ""}, "订单付款时间", "although money was paid"),
    ],
)
def test_a_row_that_cannot_be_believed_is_set_aside_and_the_next_is_read(tmp_path, changes, column, reason):
    file = read(written(tmp_path / "t.csv", HEADER + taobao_row(**changes) + taobao_row()))
    (bad,) = file.bad
    assert (bad.line, bad.column) == (2, column)
    assert reason in bad.reason_en
    assert [row.line for row in file.rows] == [3]


def test_the_reason_of_a_bad_row_names_no_phone(tmp_path):
    (bad,) = read(written(tmp_path / "t.csv", HEADER + taobao_row(due="13812341234元元"))).bad
    assert "13812341234" not in bad.reason_zh + bad.reason_en + repr(bad)
    assert "13812341234" in bad.raw


def test_a_remark_over_several_lines_is_one_row(tmp_path):
    text = HEADER + taobao_row(no="1", remark='"第一行\r\n第二行,还有""引号""\r\n"') + taobao_row(no="2")
    file = read(written(tmp_path / "t.csv", text, "gb18030"))
    assert {row.no: row.line for row in file.rows} == {"1": 2, "2": 5}
    assert file.rows[0].details["remark"] == '第一行\r\n第二行,还有"引号"'


def test_times_are_beijing_s(tmp_path):
    assert order(tmp_path).placed_at.astimezone(SHANGHAI).hour == 10
