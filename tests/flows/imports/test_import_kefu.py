"""Our own format, as CSV and as JSON lines."""

import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_samples import NOW, SHANGHAI, read, story, written

from flows.imports.kefu import OPTIONAL, REQUIRED
from flows.imports.readers import read_orders

HEADER = ",".join(REQUIRED + OPTIONAL)
WHOLE = {
    "no": "A-1",
    "placed_at": "2025-12-31 10:00",
    "amount_fen": 5800,
    "paid_at": "2025-12-31T10:05:00+08:00",
    "shipped_at": "2025-12-31 11:00",
    "waybill": "SF1",
    "carrier": "顺丰",
    "delivered_at": "2025-12-31 12:00",
    "confirmed_at": "2025-12-31 13:00",
    "refunded_at": "2025-12-31 14:00",
    "cancelled_at": "2025-12-31 15:00",
    "buyer": "wang",
    "remark": "老客户，不要发货",
    "items": [
        {"sku": "bag", "title": "帆布包", "quantity": 2, "price_fen": 2500},
        {"sku": "tag", "quantity": 1},
    ],
}


def as_csv(order: dict) -> str:
    cells = dict(order)
    if items := cells.pop("items", None):
        cells["items"] = ";".join(
            ":".join(
                escaped("" if item.get(key) is None else str(item[key]))
                for key in ("sku", "title", "quantity", "price_fen")
            )
            for item in items
        )
    text = StringIO()
    writer = csv.DictWriter(text, REQUIRED + OPTIONAL)
    writer.writeheader()
    writer.writerow(cells)
    return text.getvalue()


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:").replace(";", "\\;")


def as_json(order: dict) -> str:
    return json.dumps(order, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("form", [as_csv, as_json])
def test_a_whole_life_is_read_in_both_forms(tmp_path, form):
    file = read(written(tmp_path / "orders", form(WHOLE)))
    (row,) = file.rows
    assert file.format == "kefu"
    assert story(row) == [
        ("place", "12-31 10:00:00", {}),
        ("hold", "12-31 10:00:00", {"reason": "remark", "text": "不要发货"}),
        ("pay", "12-31 10:05:00", {"amount_fen": 5800}),
        ("ship", "12-31 11:00:00", {"waybill": "SF1", "carrier": "顺丰"}),
        ("deliver", "12-31 12:00:00", {}),
        ("confirm", "12-31 13:00:00", {}),
        ("refund", "12-31 14:00:00", {"amount_fen": 5800}),
        ("cancel", "12-31 15:00:00", {"reason": None}),
    ]
    assert [(line.sku, line.title, line.quantity, line.price_fen) for line in row.lines] == [
        ("bag", "帆布包", 2, 2500),
        ("tag", "", 1, None),
    ]
    assert row.details["buyer"] == "wang"


def test_no_time_and_amount_are_enough(tmp_path):
    (row,) = read(written(tmp_path / "o.csv", "amount_fen,no,placed_at\n0,1,2025-12-31 10:00\n")).rows
    assert (row.no, row.details["amount_fen"], row.lines, len(row.facts)) == ("1", 0, (), 1)


@pytest.mark.parametrize(
    ("change", "column", "reason"),
    [
        ({"amount_fen": -5}, "amount_fen", "not an amount in whole fen"),
        ({"amount_fen": "58.00"}, "amount_fen", "not an amount in whole fen"),
        ({"amount_fen": 2**31}, "amount_fen", "not an amount in whole fen"),
        ({"amount_fen": ""}, "amount_fen", "is empty"),
        ({"placed_at": "31.12.2025"}, "placed_at", "is not a time"),
        ({"placed_at": None}, "placed_at", "is empty"),
        ({"delivered_at": "2026-12-31 10:00"}, "delivered_at", "lies in the future"),
        ({"shipped_at": None}, "shipped_at", "is empty although waybill is given"),
        ({"refunded_fen": 5, "refunded_at": None}, "refunded_at", "is empty although refunded_fen"),
        ({"items": [{"sku": "x", "quantity": 0}]}, "items", "not a quantity"),
        ({"items": [{"quantity": 1}]}, "items", "is not sku:title:quantity:price_fen"),
        ({"no": ""}, "no", "is empty"),
    ],
)
@pytest.mark.parametrize("form", [as_csv, as_json])
def test_what_cannot_be_believed_is_set_aside(tmp_path, form, change, column, reason):
    (bad,) = read(written(tmp_path / "orders", form(WHOLE | change))).bad
    assert bad.column == column
    assert reason in bad.reason_en
    assert bad.reason_zh


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{broken", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[1]", "is not a JSON object"),
        ('{"no": "2", "payed_at": 1}', "has an unknown key"),
        (
            '{"no": "2", "placed_at": "2025-12-31 10:00", "amount_fen": 1.5}',
            "neither a text nor a whole number",
        ),
        (
            '{"no": "2", "placed_at": "2025-12-31 10:00", "amount_fen": true}',
            "neither a text nor a whole number",
        ),
        ('{"no": "2", "buyer": "\\ud800"}', "byte that its encoding does not know"),
        ('{"no": "2", "buyer": "\\u0000x"}', "byte that its encoding does not know"),
        ('{"no": "2", "items": "x:y:1:1"}', "not a list of objects"),
        ('{"no": "2", "items": [{"name": "x"}]}', "an item has an unknown key"),
        ('{"no": "2", "amount_fen": ' + "9" * 5000 + "}", "is not JSON"),
    ],
)
def test_a_broken_json_line_costs_itself_and_no_other(tmp_path, line, reason):
    file = read(
        written(tmp_path / "o.jsonl", as_json(WHOLE) + line + "\n\n" + as_json(WHOLE | {"no": "A-2"}))
    )
    (bad,) = file.bad
    assert (bad.line, bad.raw, len(file.rows)) == (2, line, 2)
    assert reason in bad.reason_en


words = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=12).map(str.strip)
moments = st.none() | st.integers(0, 10**8).map(lambda second: NOW - timedelta(seconds=second))
fen = st.integers(0, 2**31 - 1)
items = st.lists(
    st.fixed_dictionaries(
        {
            "sku": words.filter(bool),
            "title": words,
            "quantity": st.integers(1, 999_999),
            "price_fen": st.none() | fen,
        }
    ),
    max_size=4,
)
orders = st.fixed_dictionaries(
    {
        **{"placed_at": moments.filter(bool), "amount_fen": fen, "items": items},
        **dict.fromkeys(("delivered_at", "confirmed_at", "cancelled_at"), moments),
        **dict.fromkeys(("buyer", "receiver", "phone", "address", "buyer_message", "remark"), words),
    }
)
numbered = st.lists(orders, max_size=8).map(
    lambda all: [order | {"no": f"N{n}"} for n, order in enumerate(all)]
)


@given(numbered, st.sampled_from([as_csv, as_json]))
def test_what_is_written_is_what_is_read(tmp_path_factory, written_orders, form):
    texts = [
        form(
            {
                name: value.isoformat() if isinstance(value, datetime) else value
                for name, value in order.items()
            }
        )
        for order in written_orders
    ]
    if form is as_csv:
        texts = [HEADER + "\r\n", *(text.split("\r\n", 1)[1] for text in texts)]
    path = tmp_path_factory.mktemp("round") / "orders"
    path.write_text("".join(texts) or HEADER, encoding="utf-8", newline="")
    file = read(path)
    assert file.bad == []
    assert {row.no for row in file.rows} == {order["no"] for order in written_orders}
    by_no = {row.no: row for row in file.rows}
    for order in written_orders:
        row = by_no[order["no"]]
        assert row.placed_at == order["placed_at"]
        assert row.details["amount_fen"] == order["amount_fen"]
        happened = {fact.trigger: fact.at for fact in row.facts}
        for trigger, name in (
            ("deliver", "delivered_at"),
            ("confirm", "confirmed_at"),
            ("cancel", "cancelled_at"),
        ):
            assert happened.get(trigger) == order[name]
        for name in ("buyer", "receiver", "phone", "address", "buyer_message", "remark"):
            assert row.details[name] == (order[name] or None)
        assert [
            {"sku": line.sku, "title": line.title, "quantity": line.quantity, "price_fen": line.price_fen}
            for line in row.lines
        ] == order["items"]


garbage = st.text(st.sampled_from('1,9:;"\\\n= -a海{}'), max_size=30)
lines = st.sampled_from(["1,2025-12-31 10:00,5", "1,2025-12-31 10:00,6", '2,2025-12-31 10:00,"5"']) | garbage


@given(st.lists(lines, max_size=12))
def test_every_row_read_is_an_order_a_bad_row_or_known_already(tmp_path_factory, body):
    path = tmp_path_factory.mktemp("any") / "orders.csv"
    path.write_text("no,placed_at,amount_fen\n" + "\n".join(body), encoding="utf-8", newline="")
    file = read_orders(path, SHANGHAI, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert file.read == len(file.rows) + len(file.bad) + file.repeated + file.merged
    assert len({row.no for row in file.rows}) == len(file.rows)
    if "1,2025-12-31 10:00,5" in body[:1]:
        assert "1" in {row.no for row in file.rows}
