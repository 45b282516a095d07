from collections import Counter

from import_samples import REAL_DATA, SHANGHAI, TMALL_HEADER, local, on_real_data, read, story, tmall, written


def test_what_was_paid_is_what_the_shop_keeps_and_what_went_back(tmp_path):
    file = read(
        tmall(
            tmp_path,
            "5,64.8,0.0,江苏省,2020-02-20 23:57:04,2020-02-20 23:57:11,64.8",
            "4,100.0,70.0,上海,2020-02-20 10:00:00,2020-02-21 00:00:02,30.0",
            "3,37.0,0.0,安徽省,2020-02-19 23:59:35,,0.0",
        )
    )
    assert [row.no for row in file.rows] == ["3", "4", "5"]  # as they were placed
    assert [row.line for row in file.rows] == [4, 3, 2]
    assert [row.details["amount_fen"] for row in file.rows] == [3700, 10000, 6480]
    assert [row.details["region"] for row in file.rows] == ["安徽省", "上海", "江苏省"]
    assert story(file.rows[0]) == [("place", "02-19 23:59:35", {})]
    assert story(file.rows[1]) == [
        ("place", "02-20 10:00:00", {}),
        ("pay", "02-21 00:00:02", {"amount_fen": 10000}),
        ("refund", "02-21 00:00:02", {"amount_fen": 3000}),  # the file's closing moment
    ]
    assert story(file.rows[2])[1:] == [
        ("pay", "02-20 23:57:11", {"amount_fen": 6480}),
        ("refund", "02-21 00:00:02", {"amount_fen": 6480}),
    ]
    assert file.closing_at == local("2020-02-21 00:00:02")
    assert (file.format, file.encoding) == ("tmall", "utf-8")


def test_paid_other_than_due_is_reported_as_it_was(tmp_path):
    (row,) = read(tmall(tmp_path, "1,100.0,90.0,上海,2020-02-20 10:00:00,2020-02-20 10:01:00,0")).rows
    assert (row.details["amount_fen"], row.facts[1].facts) == (10000, {"amount_fen": 9000})


def test_paid_before_it_was_placed_is_for_the_engine_to_judge(tmp_path):
    (row,) = read(tmall(tmp_path, "1,9,9,上海,2020-02-20 10:00:00,2020-02-20 09:00:00,0")).rows
    assert [fact.trigger for fact in row.facts] == ["place", "pay"]
    assert row.facts[1].at < row.placed_at


def test_money_without_a_payment_time_is_a_bad_row(tmp_path):
    (bad,) = read(tmall(tmp_path, "1,9,9,上海,2020-02-20 10:00:00,,0")).bad
    assert (bad.line, bad.column) == (2, "订单付款时间")


def test_amounts_that_add_up_to_more_than_can_be_stored_are_a_bad_row(tmp_path):
    file = read(
        tmall(
            tmp_path,
            "1,20000000,20000000,上海,2020-02-20 10:00:00,2020-02-20 10:01:00,20000000",
            "2,20000000,1,上海,2020-02-20 10:00:00,2020-02-20 10:01:00,19999999",
        )
    )
    assert [(bad.line, bad.reason_en) for bad in file.bad] == [(2, "its amounts add up to one too large")]
    assert [row.no for row in file.rows] == ["2"]


def test_times_are_the_platform_s_wherever_the_shop_is(tmp_path):
    from import_samples import SAO_PAULO

    (row,) = read(tmall(tmp_path, "1,9,0,上海,2020-02-20 10:00:00,,0"), zone=SAO_PAULO).rows
    assert row.placed_at == local("2020-02-20 10:00:00", SHANGHAI)


def test_an_export_of_an_empty_day_has_no_orders(tmp_path):
    file = read(written(tmp_path / "empty_day.csv", TMALL_HEADER))
    assert (file.rows, file.bad, file.read, file.closing_at) == ([], [], 0, None)


@on_real_data
def test_the_real_export_is_read_whole():
    file = read(REAL_DATA / "tmall" / "tmall_orders_2020-02-01_20.csv.gz")
    facts = [fact for row in file.rows for fact in row.facts]
    assert Counter(fact.trigger for fact in facts) == {"place": 6063, "pay": 5222, "refund": 1494}
    assert sum(fact.facts["amount_fen"] for fact in facts if fact.trigger == "refund") == 14_533_113
    assert sum(len(row.facts) == 1 for row in file.rows) == 841
    paid_at = [fact.at.astimezone(SHANGHAI) for fact in facts if fact.trigger == "pay"]
    assert sum((at.hour, at.minute) == (15, 59) for at in paid_at) == 5
    assert sum(at.hour >= 16 for at in paid_at) == 2511
    assert all(
        row.facts[1].facts["amount_fen"] == row.details["amount_fen"] for row in file.rows if row.facts[1:]
    )
    assert (len(file.rows), file.bad) == (6063, [])
