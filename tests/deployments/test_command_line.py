"""The command line as scripts and people use it: shapes, sentences and exit codes (design §9)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.cli import run
from deployments.shop_files import load_shop_file
from states.diagrams import mermaid
from states.orders import order_lifecycle

SHOPS = Path(__file__).parents[2] / "deployments" / "shops"
HEADER = "no,placed_at,amount_fen,paid_at,paid_fen,buyer,receiver,phone,address,remark,items\n"
RECEIVER = "王小明,13812341234,江苏省南京市中山路 1 号"
ORDER = "{no},2026-03-02T{placed},5000,{paid},,{no}-buyer," + RECEIVER + ",{remark},包:帆布包:1:5000\n"


def orders(path: Path, *rows: tuple[str, str, str, str]) -> Path:
    """A file of bag-studio's: number, placed, paid (a time of 2 March 2026, or nothing), remark."""
    lines = (
        ORDER.format(no=no, placed=placed, paid=paid and f"2026-03-02T{paid}", remark=remark)
        for no, placed, paid, remark in rows
    )
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def shop(kefu_home, capsys) -> str:
    assert run(["migrate"]) == 0
    assert run(["shop", "apply", str(SHOPS / "bag-studio.toml")]) == 0
    capsys.readouterr()
    return "bag-studio"


@pytest.fixture
def told(capsys):
    """Run a command: its exit code, and what it said as JSON."""

    def asked(*arguments: str, code: int = 0):
        found = run(list(arguments))
        said = capsys.readouterr()
        assert found == code, (said.out, said.err)
        assert "Traceback" not in said.out + said.err
        return json.loads(said.out)

    return asked


def test_an_order_is_shown_in_the_shape_that_scripts_rely_on(shop, told, tmp_path):
    report = told(
        "import", str(orders(tmp_path / "a.csv", ("1", "16:40:00", "16:59:59", ""))), "--shop", shop, "--json"
    )
    assert {k: report[k] for k in ("rows", "orders", "new", "changed", "unchanged", "quarantined")} == {
        "rows": 1, "orders": 1, "new": 1, "changed": 0, "unchanged": 0, "quarantined": 0,
    }  # fmt: skip
    assert (report["anomalies"], report["facts"]) == (0, 2)
    ran = told("run", "dispatch-cutoff", "--as-of", "2026-03-02T17:00:00", "--json")
    assert set(ran) >= {"flow", "as_of", "claimed", "done", "refused", "postponed", "failed", "triggers"}
    assert ran["triggers"]["release"] == 1

    order = told("order", "show", "1", "--json")

    assert order["state"] == "released"
    assert order["placed_at"] == "2026-03-02T16:40:00+08:00"
    assert order["promise"] == {
        "kind": "dispatched",
        "on": "2026-03-02",
        "cutoff_at": "2026-03-02T17:00:00+08:00",
        "provisional": False,
    }
    assert order["batch"] == {
        "cutoff_at": "2026-03-02T17:00:00+08:00",
        "released_at": "2026-03-02T17:00:00+08:00",
    }
    assert set(order) >= {
        "no",
        "shop",
        "paid_at",
        "pay_by",
        "amount_fen",
        "paid_fen",
        "refunded_fen",
        "policy_version",
    }
    assert [entry["trigger"] for entry in order["history"]] == ["place", "pay", "verify", "release"]
    assert set(order["history"][0]) >= {"trigger", "source", "dest", "at", "recorded_at", "by", "facts"}
    assert set(order["timers"][0]) >= {"kind", "round", "due_at", "done_at", "cancelled_at"}
    assert set(order["owed"][0]) >= {"what", "channel", "key", "owed_at", "sent_at", "dead"}


def test_the_list_gives_the_same_order_as_a_line(shop, told, capsys, tmp_path):
    file = orders(tmp_path / "a.csv", ("1", "10:00:00", "", ""), ("2", "11:00:00", "12:00:00", ""))
    told("import", str(file), "--shop", shop, "--json")
    one = told("order", "show", "2", "--json")
    run(["order", "list", "--state", "verified", "--jsonl"])
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [one]


def test_nobody_is_named_on_the_screen(shop, capsys, tmp_path):
    """Promise 9: no telephone number, name or address leaves the database."""
    file = orders(tmp_path / "a.csv", ("1", "10:00:00", "12:00:00", "打 13812341234"))
    for command in (
        ["import", str(file), "--shop", shop], ["order", "show", "1", "--json"], ["order", "list"],
        ["order", "list", "--jsonl"], ["run", "dispatch-cutoff", "--as-of", "2026-03-02T17:00"],
        ["explain", "1"], ["explain", "1", "--json"], ["due", "--json"],
    ):  # fmt: skip
        assert run(command) == 0
    said = capsys.readouterr()
    for private in ("王小明", "13812341234", "中山路"):
        assert private not in said.out + said.err


def test_a_hold_by_hand_keeps_an_order_back_until_it_is_lifted(shop, told, tmp_path):
    told(
        "import", str(orders(tmp_path / "a.csv", ("1", "10:00:00", "12:00:00", ""))), "--shop", shop, "--json"
    )
    told("order", "hold", "1", "--reason", "buyer hesitates", "--by", "李娜", "--json")
    held = told("run", "dispatch-cutoff", "--as-of", "2026-03-02T17:00", "--json")
    assert [b["code"] for b in held["batches"][0]["blocked"][0]["blockers"]] == ["held"]
    told("order", "unhold", "1", "--reason", "buyer hesitates", "--by", "李娜", "--json")
    assert told("run", "dispatch-cutoff", "--as-of", "2026-03-03T17:00", "--json")["triggers"] == {}, (
        "lifted today, so its next cut-off is to come"
    )


def test_a_refusal_names_code_rule_and_sentences_and_exits_with_1(shop, told, tmp_path):
    told("import", str(orders(tmp_path / "a.csv", ("1", "10:00:00", "", ""))), "--shop", shop, "--json")
    said = told("order", "act", "1", "remind", "--at", "2026-03-02T03:00", "--json", code=1)
    assert said["refused"]["code"] == "outside_contact_hours"
    assert said["refused"]["rule"] == 145
    assert said["refused"]["zh"]
    assert said["refused"]["en"]
    said = told("order", "act", "1", "verify", "--at", "2026-03-02T11:00", "--json", code=1)
    assert said["refused"]["code"] == "not_from_this_state"


def test_people_read_a_cut_off_and_what_is_due_by_their_shops_clock(shop, capsys, tmp_path):
    file = orders(tmp_path / "a.csv", ("1", "10:00:00", "10:05:00", ""), ("2", "10:00:00", "", ""))
    assert run(["import", str(file), "--shop", shop]) == 0
    capsys.readouterr()
    assert run(["run", "dispatch-cutoff", "--as-of", "2026-03-02T17:00"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "dispatch-cutoff 2026-03-02 17:00:00+08:00" in said
    assert "bag-studio 2026-03-02 17:00+08:00" in said
    assert run(["due", "--shop", shop]) == 0
    told = "".join(capsys.readouterr().out.split())
    assert "第1次催付" in told
    assert "第{round}次" not in told


def test_a_telephone_number_in_a_reason_is_masked_and_the_hold_can_still_be_lifted(shop, capsys, tmp_path):
    file = orders(tmp_path / "a.csv", ("1", "10:00:00", "10:05:00", ""))
    assert run(["import", str(file), "--shop", shop]) == 0
    reason = "等13912345678回电"
    assert run(["order", "hold", "1", "--reason", reason, "--by", "李娜"]) == 0
    capsys.readouterr()
    assert run(["order", "show", "1", "--json"]) == 0
    assert run(["explain", "1"]) == 0
    said = capsys.readouterr().out
    assert "等139****5678回电" in said
    assert "13912345678" not in said
    assert run(["order", "unhold", "1", "--reason", reason, "--by", "李娜"]) == 0


def test_what_people_write_is_no_markup(shop, capsys, tmp_path):
    file = orders(tmp_path / "a.csv", ("1", "10:00:00", "10:05:00", ""))
    assert run(["import", str(file), "--shop", shop]) == 0
    assert run(["order", "hold", "1", "--reason", "[/b][新款]:bag:", "--by", "李娜"]) == 0
    capsys.readouterr()
    assert run(["run", "dispatch-cutoff", "--as-of", "2026-03-02T17:00"]) == 0
    assert run(["order", "list"]) == 0
    said = "".join(capsys.readouterr().out.split())
    assert said.count("[/b][新款]:bag:") >= 2


TOMORROW = "2999-01-01T00:00"


@pytest.mark.parametrize(
    ("command", "speaks_of"),
    [
        ("order show 4711", "4711"),
        ("explain 4711", "4711"),
        ("order list --shop nowhere", "nowhere"),
        ("order list --state sold", "sold"),
        ("order act 1 shipp", "did you mean ship"),
        ("order act 1 ship", "waybill"),
        ("order act 1 pay --fact amount_fen=-5", "negative"),
        ("order act 1 pay --fact amount_fen=5.00", "whole number of fen"),
        ("order act 1 pay --fact amount_fen=²", "whole number of fen"),
        ("order act 1 pay --fact amount_fen=2147483648", "too large"),
        ("order act 1 pay --fact amount=5", "did you mean amount_fen"),
        ("order act 1 pay --fact amount_fen", "name=value"),
        ("order act 1 amend --by 李娜", "amend needs"),
        ("order hold 1 --reason x --until 2026-03-02", "passed already"),
        ("order act 1 pay --fact amount_fen=5 --at yesterday", "yesterday"),
        (f"order act 1 pay --fact amount_fen=5 --at {TOMORROW}", "future"),
        ("run remind", "remind-unpaid"),
        ("run remind-unpaid --as-of 2026-13-01", "2026-13-01"),
        (f"run remind-unpaid --as-of {TOMORROW}", "future"),
        ("run remind-unpaid --case 4711", "4711"),
        ("run remind-unpaid --shop nowhere", "nowhere"),
        ("quote promise --shop nowhere --paid-at 2026-03-02T10:00", "nowhere"),
        ("quote promise --shop bag-studio --paid-at noon", "noon"),
        ("quote freight --shop bag-studio --amount-fen -1", "negative"),
        ("quote freight --shop bag-studio --amount-fen 1 --weight-kg heavy", "heavy"),
        ("shop apply nowhere.toml", "nowhere.toml"),
        ("shop show nowhere", "nowhere"),
        ("import nowhere.csv --shop bag-studio", "nowhere.csv"),
        ("import {folder} --shop bag-studio", "directory"),
        ("import {empty} --shop bag-studio", "empty"),
        ("import {file} --shop nowhere", "nowhere"),
        ("import {file} --shop bag-studio --encoding latin99", "latin99"),
        ("import {file} --shop bag-studio --format excel", "excel"),
        ("import {file} --shop bag-studio --until soon", "soon"),
        ("replay {file} --shop bag-studio --from 2026-03-03 --until 2026-03-02", "--from"),
        ("replay {file} --shop bag-studio --from 2026-03-02 --until 2026-03-03 --every often", "often"),
        ("replay {file} --shop bag-studio --from 2026-03-02 --until 2026-03-03 --every 99999d", "99999d"),
        ("quote promise --shop bag-studio --paid-at 9999-12-31T23:59", "9999"),
        ("explain 1 --at 0001-01-01", "0001"),
        ("diagram parcel", "parcel"),
        ("sing", "sing"),
        ("due --limit many", "--limit"),
        ("due --limit -1", "--limit"),
        ("order list --limit 0", "--limit"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_sentence_with_its_place_and_exit_code_2(
    shop, capsys, tmp_path, command, speaks_of
):
    file = orders(tmp_path / "a.csv", ("1", "10:00:00", "", ""))
    run(["import", str(file), "--shop", shop])
    (tmp_path / "empty.csv").touch()
    places = {"file": file, "folder": tmp_path, "empty": tmp_path / "empty.csv"}
    capsys.readouterr()

    code = run([word.format(**places) for word in command.split(" ")])

    said = capsys.readouterr()
    assert code == 2
    assert speaks_of in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert "Traceback" not in said.err


def test_errors_are_documents_for_machines(shop, told):
    said = told("order", "show", "4711", "--json", code=2)
    assert set(said["error"]) == {"code", "where", "message"}
    assert said["error"]["code"] == "unknown_order"


def test_a_bad_row_is_quarantined_the_rest_is_in_and_the_exit_code_says_so(shop, told, tmp_path):
    file = orders(
        tmp_path / "a.csv", ("1", "10:00:00", "", ""), ("2", "25:00:00", "", ""), ("3", "10:00:00", "", "")
    )
    report = told("import", str(file), "--shop", shop, "--json", code=1)
    assert (report["rows"], report["new"], report["quarantined"]) == (3, 2, 1)
    assert "placed_at" in Path(report["quarantine"]).read_text("utf-8-sig")


def test_a_guessed_encoding_is_said_in_one_line_and_to_scripts_by_its_name(shop, told, capsys, tmp_path):
    row = "1,2026-03-02T10:00:00,5000,,,1-buyer,Jürgen,,Köln,,sku:bag:1:5000\n"
    file = tmp_path / "a.csv"
    file.write_bytes((HEADER + row).encode("cp1252"))

    report = told("import", str(file), "--shop", shop, "--json")
    run(["import", str(file), "--shop", shop])

    assert report["encoding"] == "cp1252"
    (said,) = [line for line in capsys.readouterr().out.splitlines() if " / " in line]
    assert said == report["encoding_guess"]
    assert "读不通 / read as cp1252" in said
    assert told("order", "show", "1", "--json")["receiver"] == "J*"


def test_a_shop_file_with_typos_names_each_and_what_was_meant(shop, capsys, tmp_path):
    text = (SHOPS / "bag-studio.toml").read_text("utf-8")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(text.replace("cutoff = ", "cutof = ").replace("09:00-23:30", "25:00-26:00"), "utf-8")
    assert run(["shop", "apply", str(wrong)]) == 2
    said = capsys.readouterr().err
    assert "did you mean cutoff?" in said
    assert "25:00" in said


def test_applying_the_same_shop_file_again_stores_nothing_new(shop, told):
    again = told("shop", "apply", str(SHOPS / "bag-studio.toml"), "--json")
    assert again == {"shop": "bag-studio", "policy_version": 1, "new": False, "on_closed_days": 0}


def test_a_database_that_was_never_made_is_explained(kefu_home, capsys):
    assert run(["order", "list"]) == 3
    assert "kefu migrate" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["garbage", "mysql://kefu:secret@db/kefu"])
def test_a_database_that_cannot_be_meant_is_explained_without_its_password(
    kefu_home, monkeypatch, capsys, url
):
    monkeypatch.setenv("KEFU_DATABASE_URL", url)
    assert run(["order", "list"]) == 3
    said = capsys.readouterr().err
    assert "KEFU_DATABASE_URL" in said
    assert "secret" not in said


def test_a_home_that_is_a_file_is_the_outside_worlds_failure(tmp_path, monkeypatch, told):
    (tmp_path / "file").touch()
    monkeypatch.setenv("KEFU_HOME", str(tmp_path / "file"))
    said = told("due", "--json", code=3)
    assert (said["error"]["code"], said["error"]["where"]) == ("outside", str(tmp_path / "file"))


def test_a_word_in_a_terminals_other_encoding_is_wrong_usage(shop, told):
    said = told("explain", "\udcd5\udcc5", "--json", code=2)
    assert "UTF-8" in said["error"]["message"]


def test_a_terminal_in_gbk_gets_its_answer(shop, tmp_path):
    file = orders(tmp_path / "a.csv", ("1", "10:00:00", "", ""))
    assert run(["import", str(file), "--shop", shop]) == 0
    kefu = [sys.executable, "-c", "from deployments.cli import main; main()", "explain", "1"]
    asked = subprocess.run(
        kefu, check=False, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "gbk"}
    )
    assert asked.returncode == 0, asked.stderr
    assert "尚未付款" in asked.stdout.decode("gbk")


@pytest.mark.parametrize(
    ("paid_at", "on"),
    [
        ("2026-03-02T16:59:59.999999", "2026-03-02"),
        ("2026-03-02T17:00:00", "2026-03-03"),
        ("2026-09-30T17:00", "2026-10-08"),
    ],
)
def test_a_promise_can_be_asked_for_without_an_order(shop, told, paid_at, on):
    """Rule 41, both sides of the cut-off, and over the National Day holidays."""
    answer = told("quote", "promise", "--shop", shop, "--paid-at", paid_at, "--json")
    assert answer["on"] == on
    assert answer["reasons"][0]["rule"] == 41


def test_freight_that_the_rules_do_not_give_is_not_guessed(shop, told):
    asked = (
        "quote",
        "freight",
        "--shop",
        shop,
        "--amount-fen",
        "100000",
        "--flow",
        "jzhw",
        "--json",
        "--weight-kg",
    )
    assert told(*asked, "699.9")["fen"] == 20_000
    assert told(*asked, "700")["answer"] == "not_defined"


def test_the_diagram_comes_from_the_table(capsys):
    assert run(["diagram", "order"]) == 0
    assert capsys.readouterr().out == mermaid(order_lifecycle)


def test_every_shop_we_ship_can_be_applied(shop, told):
    for path in SHOPS.glob("*.toml"):
        assert told("shop", "apply", str(path), "--json")["shop"] == load_shop_file(path).name
    assert len(told("shop", "list", "--json")) == 4


def test_the_command_line_does_not_wait_for_prefect():
    """Importing Prefect takes seconds; an agent who asks about one order should not."""
    look = "import deployments.cli, sys; sys.exit(any(m.split('.')[0] == 'prefect' for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", look], check=False, env={**os.environ}).returncode == 0
