"""The Olist tables: orders, and beside them items, payments and customers."""

from collections import Counter

import pytest
from import_samples import REAL_DATA, SAO_PAULO, on_real_data, read, story, written

from flows.imports.rows import UnreadableFile

ORDERS = (
    "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,"
    "order_delivered_customer_date,order_estimated_delivery_date\n"
)
ITEMS = "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\n"
PAYMENTS = "order_id,payment_sequential,payment_type,payment_installments,payment_value\n"
CUSTOMERS = "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state\n"

TWO_ITEMS = "o1,1,p1,s,2018-05-05 00:00:00,10.00,2.50\no1,2,p1,s,2018-05-05 00:00:00,10.00,2.50\n"
DELIVERED = (
    "o1,c1,delivered,2018-05-01 10:00:00,2018-05-01 10:20:00,2018-05-02 09:00:00,2018-05-07 18:00:00,"
    "2018-05-20 00:00:00\n"
)


def tables(
    tmp_path,
    orders,
    items=TWO_ITEMS,
    payments="o1,1,credit_card,1,20.00\no1,2,voucher,1,5.00\n",
    customers=None,
):
    written(tmp_path / "olist_order_items_dataset.csv", ITEMS + items)
    written(tmp_path / "olist_order_payments_dataset.csv", PAYMENTS + payments)
    if customers:
        written(tmp_path / "olist_customers_dataset.csv", CUSTOMERS + customers)
    return read(written(tmp_path / "olist_orders_dataset.csv", ORDERS + orders), zone=SAO_PAULO)


def test_an_order_is_put_together_from_its_tables(tmp_path):
    file = tables(tmp_path, DELIVERED, customers="c1,person-1,01000,sao paulo,SP\n")
    (row,) = file.rows
    assert file.format == "olist"
    assert row.details == {"amount_fen": 2500, "freight_fen": 500, "buyer": "person-1", "region": "SP"}
    assert [(line.sku, line.quantity, line.price_fen) for line in row.lines] == [("p1", 2, 1000)]
    assert story(row, SAO_PAULO) == [
        ("place", "05-01 10:00:00", {}),
        ("pay", "05-01 10:20:00", {"amount_fen": 2500}),
        ("ship", "05-02 09:00:00", {"waybill": None, "carrier": None}),
        ("deliver", "05-07 18:00:00", {}),
    ]


def test_without_customers_the_order_s_own_customer_is_the_buyer(tmp_path):
    assert tables(tmp_path, DELIVERED).rows[0].details["buyer"] == "c1"


def test_impossible_times_stay_and_the_facts_come_in_their_order(tmp_path):
    odd = "o1,c1,delivered,2018-05-03 10:00:00,2018-05-04 10:20:00,2018-05-02 09:00:00,2018-05-01 18:00:00,\n"
    (row,) = tables(tmp_path, odd).rows
    assert [fact.trigger for fact in row.facts] == ["place", "deliver", "ship", "pay"]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("o1,c1,canceled,2018-05-01 10:00:00,,,,", ["place 05-01", "cancel 05-01"]),
        ("o1,c1,unavailable,2018-05-01 10:00:00,2018-05-02 10:00:00,,,", ["place 05-01", "pay 05-02"]),
        ("o1,c1,delivered,2018-05-01 10:00:00,,2018-05-03 10:00:00,2018-05-04 10:00:00,",
         ["place 05-01", "pay 05-03", "ship 05-03", "deliver 05-04"]),
        ("o1,c1,delivered,2018-05-01 10:00:00,2018-05-02 10:00:00,2018-05-03 10:00:00,,",
         ["place 05-01", "pay 05-02", "ship 05-03", "deliver 05-03"]),
        ("o1,c1,shipped,2018-05-01 10:00:00,2018-05-02 10:00:00,,,", ["place 05-01", "pay 05-02", "ship 05-02"]),
    ],
)  # fmt: skip
def test_what_the_file_leaves_open_is_taken_as_late_as_it_can_have_been(tmp_path, order, expected):
    (row,) = tables(tmp_path, order + "\n").rows
    assert [f"{trigger} {at[:5]}" for trigger, at, _ in story(row, SAO_PAULO)] == expected


def test_approved_without_payment_rows_has_paid_what_was_due(tmp_path):
    assert tables(tmp_path, DELIVERED, payments="").rows[0].facts[1].facts == {"amount_fen": 2500}


def test_without_items_what_was_paid_is_what_was_due(tmp_path):
    assert tables(tmp_path, DELIVERED, items="").rows[0].details["amount_fen"] == 2500


def test_an_order_with_an_unreadable_item_is_set_aside_and_says_where(tmp_path):
    second = DELIVERED.replace("o1", "o2")
    file = tables(
        tmp_path, DELIVERED + second, items=TWO_ITEMS + "o2,1,p,s,2018-05-05 00:00:00,ten,1.00\no9,1\n"
    )
    assert [row.no for row in file.rows] == ["o1"]
    assert [(bad.line, bad.column) for bad in file.bad] == [
        (0, "order_items line 5"),
        (3, "order_items line 4: price"),
    ]


def test_a_missing_table_is_named(tmp_path):
    path = written(tmp_path / "olist_orders.csv", ORDERS + DELIVERED)
    with pytest.raises(
        UnreadableFile, match="olist_order_items.csv is missing: put it beside olist_orders.csv"
    ):
        read(path)
    with pytest.raises(UnreadableFile, match="lacks 'orders' in its name"):
        read(written(tmp_path / "other.csv", ORDERS + DELIVERED))


@on_real_data
def test_no_real_order_is_lost_however_impossible():
    file = read(REAL_DATA / "olist" / "olist_orders.csv.gz", zone=SAO_PAULO)
    assert (len(file.rows), file.bad) == (7375, [])
    counts = Counter(fact.trigger for row in file.rows for fact in row.facts)
    assert counts == {"place": 7375, "pay": 7333, "ship": 7018, "deliver": 6792, "cancel": 146}
    at = [{fact.trigger: fact.at for fact in row.facts} for row in file.rows]
    assert sum("ship" in one and one["ship"] < one["pay"] for one in at) == 62
    assert sum("ship" in one and one["ship"] < one["place"] for one in at) == 10
    assert sum("deliver" in one and one["deliver"] < one["ship"] for one in at) == 1
    assert sum("cancel" in one and "ship" in one for one in at) == 10
    paid_otherwise = sum(
        fact.facts["amount_fen"] != row.details["amount_fen"]
        for row in file.rows
        for fact in row.facts
        if fact.trigger == "pay"
    )
    assert paid_otherwise == 27


def test_a_table_beside_that_leads_to_another_folder_is_not_read(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    assert len(tables(folder, DELIVERED).rows) == 1
    items = folder / "olist_order_items_dataset.csv"
    items.rename(tmp_path / "elsewhere.csv")
    items.symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(UnreadableFile, match="olist_order_items_dataset.csv leads to another folder"):
        read(folder / "olist_orders_dataset.csv", zone=SAO_PAULO)
