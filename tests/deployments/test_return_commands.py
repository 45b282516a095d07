"""The after-sales desk on the command line: shapes, sentences, exit codes, and explanations in full (issue 3)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from databases import everything

from deployments.cli import run
from flows.return_desk import RETURNS_HAND
from models.database import engine_from_env
from states.diagrams import mermaid
from states.returns import return_lifecycle

SHOPS = Path(__file__).parents[2] / "deployments" / "shops"
HEADER = (
    "no,placed_at,amount_fen,paid_at,shipped_at,waybill,delivered_at,cancelled_at,"
    "buyer,receiver,phone,address,items\n"
)
BUYER = "{no}-buyer,王小明,13812341234,江苏省南京市中山路 1 号"
PAID = "2026-03-02T10:00,10000,2026-03-02T10:20"
ORDERS = {
    "unpaid": "2026-03-02T10:00,10000,,,,,",
    "4711": PAID + ",,,,",
    "4712": PAID + ",2026-03-02T17:30,SF123457,2026-03-04T12:00,",
    "ended": "2026-03-02T10:00,10000,,,,,2026-03-03T10:00",
}
GOODS = r"BAG:帆布包:2:4000;TWL:毛巾:1:2000"
THE_KEYS = (
    "no order shop kind reason state asked_at answer reasons until anchor cooling_until refund_fen limit_fen "
    "postage overridden evidence evidence_wanted lines send_by waybill carrier received_at finding linked_no "
    "closed_at policy_version refunds timers history owed anomalies"
)


@pytest.fixture
def desk(kefu_home, tmp_path, capsys):
    """Four orders of bag-studio's: unpaid, paid (4711), delivered (4712) and cancelled."""
    run(["migrate"])
    run(["shop", "apply", str(SHOPS / "bag-studio.toml")])
    rows = (f"{no},{told},{BUYER.format(no=no)},{GOODS}\n" for no, told in ORDERS.items())
    file = tmp_path / "orders.csv"
    file.write_text(HEADER + "".join(rows), encoding="utf-8")
    assert run(["import", str(file), "--shop", "bag-studio"]) == 0
    capsys.readouterr()


@pytest.fixture
def read(desk, capsys):
    """What people read after a command."""

    def asked(command: str, code: int = 0) -> str:
        found = run(command.split())
        said = capsys.readouterr()
        assert found == code, (said.out, said.err)
        assert "Traceback" not in said.out + said.err
        return said.out if code == 0 else said.err

    return asked


@pytest.fixture
def told(desk, capsys):
    """What a machine reads after it."""

    def asked(command: str, code: int = 0):
        assert run([*command.split(), "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return asked


@pytest.fixture
def cooling(told) -> dict:
    return told("return open 4711 --reason disliked --at 2026-03-02T11:00 --by 李娜")


@pytest.fixture
def declined(told) -> dict:
    return told("return open 4712 --reason disliked --at 2026-03-12T11:00 --by 李娜")


@pytest.fixture
def overridden(declined, told) -> dict:
    return told("return act 4712-R1 approve --fact override=老顾客 --at 2026-03-12T12:00 --by 主管")


# -- in the shapes that scripts rely on ----------------------------------------------------------------


def test_opening_answers_with_the_number_the_answer_and_its_reasons(cooling):
    assert (cooling["no"], cooling["state"], cooling["answer"]) == ("4711-R1", "cooling", "allowed")
    assert [(r["code"], r["rule"]) for r in cooling["reasons"]] == [("after_cooling", 84)]
    assert [change["trigger"] for change in cooling["changes"]] == ["open", "approve", "cool"]
    assert (cooling["refund_fen"], [p["fen"] for p in cooling["parts"]]) == (10_000, [10_000])


def test_a_case_is_shown_and_listed_in_one_shape(told, cooling, capsys):
    case = told("return show 4711-R1")
    assert set(case) >= set(THE_KEYS.split())
    assert (case["order"], case["cooling_until"]) == ("4711", "2026-03-03T11:00:00+08:00")
    assert case["lines"][0] == {
        "position": 1,
        "sku": "BAG",
        "title": "帆布包",
        "quantity": 2,
        "condition": "as_new",
    }
    run(["return", "list", "--state", "cooling", "--jsonl"])
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [case]
    run(["return", "list", "--state", "refunded", "--jsonl"])
    assert capsys.readouterr().out == ""


def test_an_order_names_its_cases_and_the_money_on_its_way_back(told, cooling):
    told("run release-refunds --as-of 2026-03-03T11:00")
    order = told("order show 4711")
    case = {"no": "4711-R1", "kind": "refund_unshipped", "state": "refunding", "refund_fen": 10_000}
    assert (order["returns"], order["refunding_fen"]) == ([case], 10_000)
    refund = told("return show 4711-R1")["refunds"][0]
    assert (refund["state"], refund["fen"], refund["round"]) == ("requested", 10_000, 1)


def test_an_act_answers_with_what_changed(told, cooling):
    said = told("return act 4711-R1 withdraw --at 2026-03-02T12:00 --by 李娜")
    assert (said["no"], said["status"], said["state"]) == ("4711-R1", "changed", "withdrawn")
    assert said["changes"] == [{"trigger": "withdraw", "source": "cooling", "dest": "withdrawn"}]


def test_what_is_due_of_cases_stands_beside_what_is_due_of_orders(told, read, cooling):
    due = told("due --until 2026-03-04T00:00")
    assert [(d["no"], d["case_kind"], d["kind"]) for d in due if d["no"].startswith("4711")] == [
        ("4711", "order", "dispatch_cutoff"),
        ("4711-R1", "return", "cooling_over"),
    ]
    assert "等待期满" in read("due --until 2026-03-04T00:00")
    limited = told("due --until 2026-03-04T00:00 --limit 1")
    assert (
        len([d for d in limited if d["case_kind"] != "calendar"]) == 1
    )  # that the known days end is no case


def test_timed_steps_run_for_one_case(told, cooling, declined):
    ran = told("run return-case --case 4711-R1 --as-of 2026-03-03T10:59:59")
    assert ran["triggers"] == {}
    ran = told("run release-refunds --case 4711-R1 --as-of 2026-03-03T11:00")
    assert (ran["triggers"], ran["waiting"]) == ({"pay_back": 1}, 1)
    assert told("run chase-returns --case 4712-R1")["claimed"] == 0


def test_people_hear_what_a_refund_waits_for(read, cooling):
    assert "KEFU_PAYMENTS_URL" in read("run release-refunds --as-of 2026-03-03T11:00")


def test_the_diagram_comes_from_the_table(read):
    assert read("diagram return") == mermaid(return_lifecycle)


def test_nobody_is_named_on_the_screen(read, cooling, declined):
    """Promise 9: no telephone number, name or address leaves the database."""
    said = read("return open 4712 --reason quality --evidence photo=https://a.example/13812341234.jpg")
    for text in ("打13812341234", "13812341234"):
        read(f"return act 4712-R2 close --fact text={text} --by 李娜", 0 if "打" in text else 1)
    for command in ("return list", "return list --jsonl", "return show 4712-R2", "return show 4712-R2 --json",
                    "explain 4712-R2", "explain 4712-R2 --json", "explain 4712"):  # fmt: skip
        said += read(command)
    for private in ("王小明", "13812341234", "中山路"):
        assert private not in said
    assert "138****1234" in said


# -- explained, as a supervisor reads it -----------------------------------------------------------------


def explained(name: str) -> str:
    return (Path(__file__).parent / "explained" / f"{name}.txt").read_text("utf-8")


def test_a_cooling_case_explained(read, cooling):
    assert read("explain 4711-R1 --at 2026-03-02T12:00") == explained("cooling")


def test_a_refused_case_explained(read, declined):
    assert read("explain 4712-R1 --at 2026-03-12T12:00") == explained("declined")


def test_an_overridden_case_explained(read, overridden):
    assert read("explain 4712-R1 --at 2026-03-12T13:00") == explained("overridden")


def test_the_order_of_a_cooling_case_explained(read, cooling):
    said = read("explain 4711 --at 2026-03-02T12:00")
    assert "不要发货:售后单 4711-R1 退款等待期(规则 84)" in said
    assert "kefu return act 4711-R1 withdraw" in said
    assert "unhold" not in said


def test_who_opens_a_case_reads_what_to_tell_the_buyer(read):
    said = read("return open 4712 --reason quality --line BAG=1 --at 2026-03-05T11:00 --by 李娜")
    for words in (
        "售后单 4712-R1:待买家提供凭证 / case 4712-R1: waiting for the buyer's evidence",
        "规则答复:可以办理 / the rules' answer: allowed",
        "(规则 73)",
        "应退 40.00 元 / 40.00 is to be paid back",
        "来回运费:店铺承担 / postage both ways: the shop",
        "轮到买家:提供照片 / the buyer's: to show a photo",
        "买家的期限到,未收到则关闭",
    ):
        assert words in said


# -- bad input ---------------------------------------------------------------------------------------


@pytest.fixture
def open_cases(cooling, overridden) -> None:
    """4711-R1 cools; 4712-R1 waits for the buyer's parcel."""


def one_sentence(capsys) -> str:
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    sentences = [line for line in said.err.splitlines() if line.startswith("kefu: ")]
    assert len(sentences) == 1
    return said.err


@pytest.mark.parametrize(
    ("command", "speaks_of"),
    [
        ("return open unpaid --reason disliked", "not paid"),
        ("return open ended --reason disliked", "cancelled"),
        ("return open 4711 --reason disliked", "4711-R1"),
        ("return open 4712 --reason quality --line BAG", "4712-R1"),
        ("return open 4712 --reason quality --line BAG=3", "2 bought"),
        ("return open 4712 --reason quality --kind compensation --amount-fen 10001", "100.00 is left"),
        ("return open 4712 --reason quality --kind compensation --amount-fen -1", "more than nothing"),
        ("return act 4711-R1 inspect --fact finding=as_described --at 2026-03-02T12:00 --by 李娜", "is cooling"),
        ("return act 4711-R1 send_anew --at 2026-03-02T12:00 --by 李娜", "while it is cooling"),
        ("return act 4711-R1 pay_back --at 2026-03-02T12:00 --by 李娜", "not paid back before 2026-03-03 11:00"),
        ("return act 4711-R1 close --fact text=x --at 2026-03-02T12:00", "a person with a name"),
    ],
)  # fmt: skip
def test_what_is_refused_says_why_and_changes_nothing(open_cases, capsys, command, speaks_of):
    before = everything(engine_from_env())
    assert run(command.split()) == 1
    assert speaks_of in one_sentence(capsys)
    assert everything(engine_from_env()) == before


def test_a_fact_that_surprises_us_is_kept_and_shown(open_cases, told, read):
    said = told("return act 4711-R1 track --fact waybill=SF1234567890 --at 2026-03-02T12:00")
    assert [anomaly["code"] for anomaly in said["anomalies"]] == ["unexpected_fact"]
    assert said["state"] == "cooling"
    assert "kefu return act 4711-R1 settle --by NAME" in read("explain 4711-R1")


@pytest.mark.parametrize("who", ["timer", "audit", "payments", "kuaidi100"])
def test_nobody_speaks_in_the_name_of_a_machine(cooling, told, read, who):
    """Promise 14."""
    told("run release-refunds --as-of 2026-03-03T11:00")
    assert "nobody's name" in read(f"return act 4711-R1 refund_paid --at 2026-03-03T11:01 --by {who}", 2)
    assert told("order show 4711")["state"] != "refunded"


def test_an_order_that_is_refunded_already_is_refused(cooling, told, read):
    told("run release-refunds --as-of 2026-03-03T11:00")
    told("return act 4711-R1 refund_paid --fact refund_ref=R-1 --at 2026-03-03T11:01")
    assert told("order show 4711")["state"] == "refunded"
    assert "refunded in full already" in read("return open 4711 --reason disliked", 1)


def test_evidence_that_a_rule_wants_is_missing(desk, told, read):
    """Rule 69."""
    told("return open 4712 --reason missing --at 2026-03-05T11:00")
    said = told("return act 4712-R1 approve --at 2026-03-05T12:00 --by 李娜", 1)
    assert (said["refused"]["code"], said["refused"]["rule"]) == ("evidence_missing", 69)
    note = "--fact kind=delivery_note --fact link=https://a.example/1.jpg"
    said = told(f"return act 4712-R1 show_evidence {note} --at 2026-03-05T12:00")
    assert said["state"] == "reshipping"
    assert "补发订单 4712-S1" in read("explain 4712-R1")


TOMORROW = "2999-01-01T00:00"


@pytest.mark.parametrize(
    ("command", "speaks_of"),
    [
        ("return open 9999 --reason disliked", "9999"),
        ("return open 4712", "--reason"),
        ("return open 4712 --reason dislike", "did you mean disliked"),
        ("return open 4712 --reason disliked --kind exchnge", "did you mean exchange"),
        ("return open 4712 --reason disliked --line BGA=1", "did you mean BAG"),
        ("return open 4712 --reason disliked --line BAG=0", "SKU=PIECES"),
        ("return open 4712 --reason disliked --line BAG=all", "SKU=PIECES"),
        ("return open 4712 --reason disliked --condition broken", "condition"),
        ("return open 4712 --reason disliked --class hygene", "did you mean hygiene"),
        ("return open 4712 --reason disliked --amount-fen 1.50", "--amount-fen"),
        ("return open 4712 --reason quality --evidence photo", "photo=https"),
        (f"return open 4712 --reason disliked --at {TOMORROW}", "future"),
        ("return open 4712 --reason disliked --at soon", "soon"),
        ("return open 4712 --reason disliked --shop nowhere", "nowhere"),
        ("return show 4711-R9", "4711-R9"),
        ("return list --state sold", "sold"),
        ("return list --limit 0", "--limit"),
        ("return act 4711-R9 refund_paid", "4711-R9"),
        ("return act 4711-R1 aprove", "did you mean approve"),
        ("return act 4711-R1 cool", "cool"),
        ("return act 4711-R1 approve --fact amount=5", "did you mean amount_fen"),
        ("return act 4711-R1 approve --fact amount_fen=-5", "negative"),
        ("return act 4711-R1 track", "waybill"),
        ("return act 4711-R1 track --fact waybill=SF12", "no waybill"),
        ("return act 4711-R1 track --fact waybill=13812345678", "telephone number"),
        ("return act 4711-R1 inspect --fact finding=fine", "as_described"),
        ("return act 4711-R1 decline --by 李娜", "text"),
        (f"return act 4711-R1 withdraw --at {TOMORROW}", "future"),
        ("run return-case", "one case"),
        ("run release-refunds --case 4711", "4711"),
        ("explain 4711-R9", "4711-R9"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_and_changes_nothing(open_cases, capsys, command, speaks_of):
    before = everything(engine_from_env())
    assert run(command.split()) == 2
    said = capsys.readouterr().err
    assert len(said.strip().splitlines()) == 1
    assert speaks_of in said
    assert everything(engine_from_env()) == before


def test_a_payment_service_that_cannot_be_asked_is_the_outside_worlds_failure(cooling, monkeypatch, told):
    """Nothing is lost: the refund stays asked for, and the run is red."""
    monkeypatch.setenv("KEFU_PAYMENTS_URL", "http://127.0.0.1:9")
    ran = told("run release-refunds --as-of 2026-03-03T11:00", 1)
    assert (ran["done"], ran["postponed"], ran["paid_fen"]) == (1, 1, 0)
    assert told("return show 4711-R1")["refunds"][0]["state"] in ("requested", "unknown")


def test_every_trigger_of_the_desk_is_told_in_the_help(read):
    said = read("return act --help")
    assert [trigger for trigger in RETURNS_HAND.triggers if trigger not in said] == []
