"""Two rows for one order in one file."""

from import_samples import read, tmall, written
from test_import_taobao import HEADER, taobao_row

ONE = "1,100.0,100.0,上海,2020-02-20 10:00:00,2020-02-20 10:05:00,0.0"


def test_the_same_row_again_counts_once(tmp_path):
    file = read(tmall(tmp_path, ONE, ONE, ONE))
    assert (len(file.rows), file.repeated, file.merged, file.read) == (1, 2, 0, 3)


def test_a_row_further_along_moves_the_order_on_whichever_comes_first(tmp_path):
    unpaid = "1,100.0,0.0,上海,2020-02-20 10:00:00,,0.0"
    refunded = "1,100.0,70.0,上海,2020-02-20 10:00:00,2020-02-20 10:05:00,30.0"
    for rows in ((unpaid, ONE, refunded), (refunded, unpaid, ONE)):
        file = read(tmall(tmp_path, *rows))
        (row,) = file.rows
        assert [fact.trigger for fact in row.facts] == ["place", "pay", "refund"]
        assert (file.bad, file.repeated + file.merged) == ([], 2)


def test_of_two_that_contradict_each_other_the_first_stands_and_the_other_is_shown(tmp_path):
    for other, column in (
        (ONE.replace("1,100.0", "1,90.0"), "amount_fen"),
        (ONE.replace("10:05", "10:06"), "pay.at"),
        (ONE.replace("100.0,上", "80.0,上"), "pay.amount_fen"),
        (ONE.replace("20 10:00", "20 09:00"), "place.at"),
        (ONE.replace("上海", "北京"), "region"),
    ):
        file = read(tmall(tmp_path, ONE, other))
        (bad,) = file.bad
        assert (bad.line, bad.column, bad.raw) == (3, column, other)
        assert "line 2" in bad.reason_en
        assert "第 2 行" in bad.reason_zh
        assert file.rows[0].facts[1].facts == {"amount_fen": 10000}


def test_a_remark_that_was_added_later_stands_and_holds(tmp_path):
    rows = taobao_row(remark="老客户") + taobao_row(remark="老客户，不要发货")
    file = read(written(tmp_path / "t.csv", HEADER + rows))
    assert file.rows[0].details["remark"] == "老客户，不要发货"
    assert [fact.trigger for fact in file.rows[0].facts] == ["place", "hold", "pay"]
    assert file.merged == 1


def test_a_waybill_learnt_later_is_filled_in(tmp_path):
    rows = taobao_row(status="卖家已发货") + taobao_row(status="卖家已发货", waybill="7730", carrier="申通")
    (row,) = read(written(tmp_path / "t.csv", HEADER + rows)).rows
    assert row.facts[-1].facts == {"waybill": "7730", "carrier": "申通"}
