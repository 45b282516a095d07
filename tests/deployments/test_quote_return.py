"""`kefu quote return`: what a shop would answer, as scripts and people read it (issue 3)."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import text

from deployments.cli import run
from models.database import engine_from_env

SHOPS = Path(__file__).parents[2] / "deployments" / "shops"
HEADER = (
    "no,placed_at,amount_fen,paid_at,shipped_at,waybill,delivered_at,cancelled_at,"
    "buyer,receiver,phone,address,items\n"
)
BUYER = "{no}-buyer,王小明,13812341234,江苏省南京市中山路 1 号"
PAID = "2026-03-02T10:00,{amount},2026-03-02T10:20"
ORDERS = {
    "unpaid": "2026-03-02T10:00,10000,,,,,",
    "paid": PAID + ",,,,",
    "gone": PAID + ",2026-03-02T17:30,SF123456,,",
    "here": PAID + ",2026-03-02T17:30,SF123457,2026-03-04T12:00,",
    "ended": "2026-03-02T10:00,10000,,,,,2026-03-03T10:00",
}
GOODS = r"BAG:帆布包:2:4000;TWL\:1:毛巾:1:2000"
THE_KEYS = {
    "answer", "reasons", "kind", "until", "anchor", "refund_fen", "parts", "postage", "remedies",
    "evidence_wanted", "cooling_until",
}  # fmt: skip


@pytest.fixture(params=["bag-studio", "urumqi-kitchen"])
def any_shop(request) -> str:
    return request.param


@pytest.fixture
def shop() -> str:
    return "bag-studio"


@pytest.fixture
def orders(kefu_home, tmp_path, capsys, shop) -> None:
    for name in ("bag-studio", "urumqi-kitchen"):
        run(["migrate"])
        run(["shop", "apply", str(SHOPS / f"{name}.toml")])
    rows = (
        f"{no},{told.format(amount=10_000)},{BUYER.format(no=no)},{GOODS}\n" for no, told in ORDERS.items()
    )
    file = tmp_path / "orders.csv"
    file.write_text(HEADER + "".join(rows), encoding="utf-8")
    assert run(["import", str(file), "--shop", shop]) == 0
    capsys.readouterr()


@pytest.fixture
def quoted(orders, capsys):
    """Ask; the document that comes back."""

    def asked(*arguments: str) -> dict:
        code = run(["quote", "return", *arguments, "--json"])
        said = capsys.readouterr()
        assert code == 0, (said.out, said.err)
        document = json.loads(said.out)
        assert set(document) >= THE_KEYS
        assert all(set(reason) == {"code", "rule", "zh", "en"} for reason in document["reasons"])
        return document

    return asked


def codes(document: dict) -> list[str]:
    return [reason["code"] for reason in document["reasons"]]


@pytest.mark.parametrize(
    ("at", "answer", "rule"),
    [
        ("2026-03-11T11:59:59", "allowed", 74),
        ("2026-03-11T12:00:00", "allowed", 74),
        ("2026-03-11T12:00:01", "refused", 78),
        ("2026-03-11T04:00:00+00:00", "allowed", 74),
    ],
)
def test_a_wish_is_open_for_seven_days_to_the_second(quoted, at, answer, rule):
    said = quoted("here", "--reason", "disliked", "--at", at)
    assert (said["answer"], said["reasons"][0]["rule"]) == (answer, rule)
    assert (said["until"], said["anchor"]) == ("2026-03-11T12:00:00+08:00", "delivered_at")


def test_the_answer_tells_money_and_postage_with_their_reasons(quoted):
    said = quoted(
        "here", "--reason", "disliked", "--sku", "BAG", "--quantity", "1", "--at", "2026-03-05T09:00"
    )
    assert (said["kind"], said["refund_fen"]) == ("return_refund", 4_000)
    assert [(part["fen"], part["code"]) for part in said["parts"]] == [(4_000, "goods")]
    assert said["postage"] == {"outward": "customer", "back": "customer"}
    assert said["remedies"] == ["return_refund", "exchange"]
    assert said["lines"] == [
        {"position": 1, "sku": "BAG", "quantity": 1, "condition": "as_new", "classes": ["ordinary"]}
    ]


def test_an_unshipped_order_cools_for_24_hours(quoted):
    said = quoted("paid", "--reason", "disliked", "--at", "2026-03-02T16:00")
    assert (said["answer"], said["kind"], said["refund_fen"]) == ("allowed", "refund_unshipped", 10_000)
    assert said["cooling_until"] == "2026-03-03T16:00:00+08:00"
    assert said["reasons"][0]["rule"] == 84
    said = quoted("paid", "--reason", "bought_by_mistake", "--kind", "exchange", "--at", "2026-03-02T16:00")
    assert (said["answer"], codes(said), said["reasons"][0]["rule"]) == ("refused", ["order_anew"], 35)


def test_a_refund_of_a_parcel_that_has_left_becomes_a_return(quoted):
    said = quoted("gone", "--reason", "disliked", "--kind", "refund_unshipped", "--at", "2026-03-03T09:00")
    assert (said["answer"], said["kind"]) == ("a_person_must_look", "return_refund")
    assert codes(said)[:2] == ["receipt_unknown", "already_handed_over"]


@pytest.mark.parametrize(("no", "code"), [("unpaid", "not_paid"), ("ended", "order_cancelled")])
def test_an_order_without_money_is_refused_in_one_sentence(quoted, no, code):
    said = quoted(no, "--reason", "disliked")
    assert (said["answer"], codes(said), said["refund_fen"]) == ("refused", [code], 0)


def test_evidence_and_amounts_can_be_told(quoted):
    at = ("--at", "2026-03-05T09:00")
    said = quoted("here", "--reason", "missing", *at)
    assert (said["kind"], said["evidence_wanted"]) == ("reship", ["delivery_note"])
    assert quoted("here", "--reason", "missing", "--evidence", "delivery_note", *at)["evidence_wanted"] == []
    compensation = ("here", "--reason", "quality", "--kind", "compensation", *at, "--amount-fen")
    assert quoted(*compensation, "2000")["answer"] == "allowed"
    assert codes(quoted(*compensation, "2001"))[0] == "above_limit"
    assert quoted(*compensation, "2001")["limit_fen"] == 2_000
    assert codes(quoted(*compensation, "10001")) == ["above_what_is_left"]


@pytest.mark.parametrize("shop", ["urumqi-kitchen"])
def test_each_shop_judges_by_its_own_rules(quoted):
    at = ("--at", "2026-03-05T09:00")
    said = quoted("here", "--reason", "disliked", *at)
    assert [(r["code"], r["rule"]) for r in said["reasons"]] == [("hygiene", 76)]
    said = quoted("here", "--reason", "disliked", "--sku", "BAG", "--condition", "used", *at)
    assert (said["answer"], said["reasons"][0]["rule"]) == ("refused", 75)
    said = quoted("here", "--reason", "disliked", "--sku", "BAG", "--class", "semi_finished", *at)
    assert (said["answer"], said["reasons"][0]["rule"]) == ("refused", 79)
    assert quoted("here", "--reason", "quality", *at)["answer"] == "allowed"


def test_an_order_is_judged_by_the_policy_it_was_placed_under(quoted, shop, tmp_path, capsys):
    settings = (SHOPS / f"{shop}.toml").read_text("utf-8")
    stricter = tmp_path / "stricter.toml"
    stricter.write_text(settings.replace('no_reason_within = "7 d"', 'no_reason_within = "1 d"'), "utf-8")
    assert run(["shop", "apply", str(stricter)]) == 0
    capsys.readouterr()
    assert quoted("here", "--reason", "disliked", "--at", "2026-03-11T12:00")["answer"] == "allowed"


def test_asking_changes_nothing(quoted):
    def stored() -> dict:
        with engine_from_env().connect() as connection:
            tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
            names = [name for (name,) in tables]
            return {n: connection.execute(text(f'SELECT * FROM "{n}"')).all() for n in names}

    before = stored()
    for no in ORDERS:
        for reason in ("quality", "disliked", "other"):
            quoted(no, "--reason", reason, "--at", "2026-03-05T09:00")
    assert stored() == before


REQUESTS = [
    ("--reason", "disliked"),
    ("--reason", "missing"),
    ("--reason", "quality", "--kind", "compensation", "--amount-fen", "1500"),
    ("--reason", "quality", "--kind", "compensation", "--amount-fen", "9500"),
]
CHOICES = ("", "BAG", "TWL:1")


@pytest.fixture
def many(orders, tmp_path, capsys, shop) -> None:
    """Each of the orders once for every request and choice of goods: `here.0`, `here.1` …"""
    rows = [
        f"{no}.{n},{told.format(amount=10_000)},{BUYER.format(no=f'{no}.{n}')},{GOODS}\n"
        for no, told in ORDERS.items()
        for n in range(len(REQUESTS) * len(CHOICES))
    ]
    file = tmp_path / "many.csv"
    file.write_text(HEADER + "".join(rows), encoding="utf-8")
    assert run(["import", str(file), "--shop", shop]) == 0
    capsys.readouterr()


def _agrees(quoted, capsys, no: str, asked: tuple[str, ...], sku: str) -> None:
    """A quote's answer is what opening the case then answers; exit code 1 is a refusal that makes no case."""
    at = ("--at", "2026-03-05T09:00")
    said = quoted(no, *asked, *(("--sku", sku) if sku else ()), *at)
    code = run(["return", "open", no, *asked, *(("--line", sku) if sku else ()), *at, "--json"])
    opened = json.loads(capsys.readouterr().out)
    answer = (opened.get("answer", "refused"), opened["reasons"], opened.get("refund_fen", 0))
    assert answer == (said["answer"], said["reasons"], said["refund_fen"]), (no, asked, sku)
    assert code == (0 if "state" in opened else 1)


@pytest.mark.parametrize("no", list(ORDERS))
def test_opening_then_does_what_was_quoted(quoted, many, capsys, no):
    for n, (asked, sku) in enumerate(product(REQUESTS, CHOICES)):
        _agrees(quoted, capsys, f"{no}.{n}", asked, sku)


@pytest.mark.parametrize("before", ["open", "withdrawn", "refunding", "refunded"])
def test_a_quote_knows_what_other_cases_of_the_order_take(quoted, many, capsys, before):
    """One bag of two is in a case, stays after all, or its money is on its way back or there."""
    steps = {
        "open": [],
        "withdrawn": ["withdraw"],
        "refunding": ["receive", "inspect --fact finding=as_described"],
        "refunded": ["receive", "inspect --fact finding=as_described", "refund_paid --fact refund_ref=1"],
    }
    at = ("--at", "2026-03-05T09:00")
    for n, (asked, sku) in enumerate(product(REQUESTS, CHOICES)):
        assert run(["return", "open", f"here.{n}", "--reason", "disliked", "--line", "BAG=1", *at]) == 0
        for step in steps[before]:
            assert run(["return", "act", f"here.{n}-R1", *step.split(), "--by", "li", *at]) == 0
        capsys.readouterr()
        _agrees(quoted, capsys, f"here.{n}", asked, sku)


@pytest.mark.parametrize(
    ("command", "speaks_of"),
    [
        ("4711 --reason disliked", "4711"),
        ("here --reason dislike", "did you mean disliked?"),
        ("here --reason disliked --kind refund_unshiped", "did you mean refund_unshipped?"),
        ("here --reason disliked --condition usd", "did you mean used?"),
        ("here --reason disliked --class hygene", "did you mean hygiene?"),
        ("here --reason missing --evidence delivery-note", "did you mean delivery_note?"),
        ("here --reason disliked --sku BGA", "did you mean BAG?"),
        ("here --reason disliked --quantity 1", "--quantity needs --sku"),
        ("here --reason disliked --sku BAG --quantity one", "--quantity"),
        ("here --reason disliked --amount-fen 1.50", "--amount-fen"),
        ("here --reason disliked --at soon", "soon"),
        ("here --reason disliked --shop nowhere", "nowhere"),
        ("here", "--reason"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(orders, capsys, command, speaks_of):
    assert run(["quote", "return", *command.split()]) == 2
    said = capsys.readouterr().err
    assert speaks_of in said
    assert len(said.strip().splitlines()) == 1


def test_more_pieces_than_bought_are_refused_and_not_misunderstood(quoted):
    said = quoted("here", "--reason", "quality", "--sku", "BAG", "--quantity", "3")
    assert (said["answer"], codes(said)) == ("refused", ["more_than_bought"])


def test_people_read_it_too(orders, capsys):
    assert run(["quote", "return", "here", "--reason", "disliked", "--at", "2026-03-05T09:00"]) == 0
    said = capsys.readouterr().out
    for words in (
        "allowed",
        "7天",
        "within 7 days",
        "规则 rule 74",
        "来回运费由买家承担",
        "100.00",
        "商品货款",
    ):
        assert words in said
