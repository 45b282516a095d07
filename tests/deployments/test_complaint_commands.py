"""The complaints desk on the command line: shapes, sentences, exit codes, and a second round explained (issue 4)."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from databases import everything

from deployments.cli import run
from flows.complaint_desk import COMPLAINTS_HAND
from models.database import engine_from_env
from states.complaints import complaint_lifecycle
from states.diagrams import mermaid

SHOPS = Path(__file__).parents[2] / "deployments" / "shops"
HEADER = (
    "no,placed_at,amount_fen,paid_at,shipped_at,waybill,delivered_at,cancelled_at,"
    "buyer,receiver,phone,address,items\n"
)
ORDER = (
    "4711,2026-03-02T10:00,10000,2026-03-02T10:20,2026-03-02T17:30,SF123457,2026-03-04T12:00,,"
    "li-1,王小明,13812341234,江苏省南京市中山路 1 号,BAG:帆布包:1:10000\n"
)
THE_KEYS = (
    "no order shop class channel state registered_at name phone address said sku nature amount_fen furious "
    "hard_to_judge buyer_repeats goods_repeats grade urgency reasons graded_by handler linked_no closed_at rounds "
    "policy_version timers history owed anomalies"
)
OPEN = "complaint open 4711 --nature quality --words 包包开线了,打我13812341234 --channel phone --by 李娜"


@pytest.fixture
def desk(kefu_home, tmp_path, capsys):
    """bag-studio with one order, delivered on Wednesday, 4 March 2026."""
    run(["migrate"])
    run(["shop", "apply", str(SHOPS / "bag-studio.toml")])
    file = tmp_path / "orders.csv"
    file.write_text(HEADER + ORDER, encoding="utf-8")
    assert run(["import", str(file), "--shop", "bag-studio"]) == 0
    capsys.readouterr()


@pytest.fixture
def read(desk, capsys):
    """What people read after a command."""

    def asked(command: str, code: int = 0) -> str:
        found = run(shlex.split(command))
        said = capsys.readouterr()
        assert found == code, (said.out, said.err)
        assert "Traceback" not in said.out + said.err
        return said.out if code == 0 else said.err

    return asked


@pytest.fixture
def told(desk, capsys):
    """What a machine reads after it."""

    def asked(command: str, code: int = 0):
        assert run([*shlex.split(command), "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return asked


@pytest.fixture
def opened(told) -> dict:
    return told(f"{OPEN} --at 2026-03-05T11:00")


@pytest.fixture
def resolved(opened, told) -> dict:
    """Told up the ladder, acknowledged, answered, and resolved on Thursday at 14:00."""
    told("run complaint-escalations --as-of 2026-03-05T11:00")
    told("run complaint-escalations --as-of 2026-03-05T11:30")
    told("complaint act 4711-C1 acknowledge --at 2026-03-05T11:40 --by 王组长")
    told("complaint act 4711-C1 respond --fact text=马上查 --at 2026-03-05T12:00 --by 王组长")
    fixed = "--fact remedy=repair --fact text=已修好寄回"
    return told(f"complaint act 4711-C1 resolve {fixed} --at 2026-03-05T14:00 --by 王组长")


@pytest.fixture
def second_round(resolved, told) -> dict:
    """The call of Monday finds a problem; in the second round we wait for a photo for an hour."""
    told("run complaint-callbacks --as-of 2026-03-09T15:00")
    found = "--outcome problem --text 又开线了 --satisfaction 2"
    said = told(f"complaint callback 4711-C1 {found} --at 2026-03-09T15:10 --by 赵敏")
    told("run complaint-escalations --as-of 2026-03-09T15:10")
    told("complaint act 4711-C1 acknowledge --at 2026-03-09T15:20 --by 陈晨")
    told(
        "complaint act 4711-C1 regrade --fact grade=major --fact text=同一问题两次 --at 2026-03-09T15:25 --by 王组长"
    )
    told("run complaint-escalations --as-of 2026-03-09T15:25")
    told("complaint act 4711-C1 acknowledge --at 2026-03-09T15:30 --by 刘总")
    told("complaint act 4711-C1 wait --fact text=等客户照片 --at 2026-03-09T15:30 --by 陈晨")
    told("complaint act 4711-C1 hear --fact words=照片发了 --at 2026-03-09T16:30 --by platform")
    return said


# -- in the shapes that scripts rely on ----------------------------------------------------------------


def test_registering_answers_with_the_number_the_grade_and_its_reasons(opened):
    assert (opened["no"], opened["state"], opened["grade"]) == ("4711-C1", "registered", "general")
    assert [reason["code"] for reason in opened["reasons"]] == ["general", "urgency_of_grade"]
    assert (opened["joined"], opened["linked_no"]) == (False, None)
    assert [(p["owed"], p["due_at"]) for p in opened["promises"]] == [
        ("first_response", "2026-03-05T13:00:00+08:00"),
        ("resolution", "2026-03-07T17:00:00+08:00"),
    ]


def test_a_complaint_is_shown_and_listed_in_one_shape(told, opened, capsys):
    case = told("complaint show 4711-C1")
    assert set(case) >= set(THE_KEYS.split())
    assert (case["order"], case["sku"], case["amount_fen"]) == ("4711", "BAG", 10_000)
    assert case["rounds"][0]["resolve_by"] == "2026-03-07T17:00:00+08:00"
    assert case["said"] == [
        {"at": "2026-03-05T11:00:00+08:00", "by": "李娜", "words": "包包开线了,打我138****1234"}
    ]
    run(["complaint", "list", "--state", "registered", "--jsonl"])
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [case]
    run(["complaint", "list", "--grade", "crisis", "--jsonl"])
    assert capsys.readouterr().out == ""


def test_one_without_an_order_names_its_shop_and_gets_a_number_of_the_day(told):
    said = told(
        "complaint open --shop bag-studio --class query --words 什么时候发货 --phone 13912341234 --handler 李娜 "
        "--at 2026-03-05T11:00 --by 李娜"
    )
    assert (said["no"], said["grade"], said["handler"]) == ("C20260305-1", None, "李娜")
    case = told("complaint show C20260305-1")
    assert (case["order"], case["phone"], case["class"]) == (None, "139****1234", "query")


def test_the_most_urgent_come_first(told, capsys):
    """Rule 111."""
    natures = {"packaging": "09:30", "spoiled": "11:00", "attitude": "10:30"}
    for nature, clock in natures.items():
        told(f"complaint open 4711 --nature {nature} --words … --at 2026-03-05T{clock} --by 李娜")
    told("complaint open --shop bag-studio --class query --words … --at 2026-03-05T09:00 --by 李娜")
    lines = []
    for only in ("", "--urgency normal", "--grade crisis", "--handler 李娜", "--due 2026-03-05T11:30"):
        run(shlex.split(f"complaint list --jsonl {only}"))
        lines.append([json.loads(line)["nature"] for line in capsys.readouterr().out.splitlines()])
    assert lines[0] == ["spoiled", "attitude", "packaging", None]
    assert lines[1:] == [["packaging"], ["spoiled"], [], ["spoiled", "attitude", "packaging", None]]


def test_an_order_names_its_complaints(told, read, opened):
    [case] = told("order show 4711")["complaints"]
    assert case == {
        "no": "4711-C1",
        "class": "complaint",
        "nature": "quality",
        "grade": "general",
        "state": "registered",
    }
    assert "4711-C1  已登记,待确认接手 / registered, nobody has taken it on yet" in read("explain 4711")


def test_an_act_answers_with_what_changed_and_people_hear_whose_turn_it_is(told, read, opened):
    said = told("complaint act 4711-C1 acknowledge --at 2026-03-05T11:05 --by 王组长")
    assert (said["state"], said["handler"], said["round"]) == ("investigating", "王组长", 1)
    assert said["changes"] == [{"trigger": "acknowledge", "source": "registered", "dest": "investigating"}]
    assert "轮到李娜" in read(
        "complaint act 4711-C1 assign --fact handler=李娜 --at 2026-03-05T11:06 --by 王组长"
    )


def test_what_is_due_of_complaints_stands_beside_the_rest(told, read, opened):
    due = [d for d in told("due --until 2026-03-05T13:00") if d["no"] == "4711-C1"]
    assert [(d["case_kind"], d["kind"]) for d in due] == [
        ("complaint", "ladder"),
        ("complaint", "first_response"),
    ]
    assert "若仍无人" in read("due --until 2026-03-05T13:00")


def test_the_diagram_comes_from_the_table(read):
    assert read("diagram complaint") == mermaid(complaint_lifecycle)


# -- joined, and linked --------------------------------------------------------------------------------


def test_a_second_complaint_about_the_same_joins_the_open_one_and_says_so(told, read, opened):
    """Rule 95."""
    again = OPEN.replace("包包开线了,打我13812341234", "怎么没人理我")
    assert told(f"{again} --at 2026-03-05T12:00")["joined"] is True
    said = read(f"{again} --at 2026-03-05T12:30")
    assert "已有未结的 4711-C1:已并入,没有新建(规则 95)" in said
    assert "4711-C1 about the same order and cause is still open: this joined it" in said
    assert len(told("order show 4711")["complaints"]) == 1
    assert len(told("complaint show 4711-C1")["said"]) == 3


def test_a_word_long_after_the_end_begins_a_linked_complaint_and_says_so(told, read, resolved):
    told("complaint callback 4711-C1 --outcome satisfied --satisfaction 5 --at 2026-03-09T15:00 --by 赵敏")
    assert told("complaint show 4711-C1")["state"] == "closed"
    said = read("complaint act 4711-C1 hear --fact words=又坏了 --at 2026-03-23T15:00:01 --by 李娜")
    assert "之前的投诉 4711-C1 结案已久,另立本单" in said
    assert told("complaint show 4711-C2")["linked_no"] == "4711-C1"
    assert "之后的关联投诉 4711-C2" in read("explain 4711-C1")
    assert "此前的关联投诉 4711-C1:已结案" in read("explain 4711-C2")


def test_a_resolution_may_open_the_return_that_carries_it_out(told, read, opened):
    fixed = (
        "--fact remedy=compensation --fact text=补偿十元 --fact return=compensation --fact amount_fen=1000"
    )
    told(f"complaint act 4711-C1 resolve {fixed} --at 2026-03-05T14:00 --by 王组长")
    assert told("complaint show 4711-C1")["rounds"][0]["return_no"] == "4711-R1"
    assert "售后单 4711-R1" in read("explain 4711-C1")


# -- the call --------------------------------------------------------------------------------------------


def test_calls_that_are_due_are_listed_from_their_time_on(told, read, resolved):
    assert told("complaint callback --due --at 2026-03-09T14:59:59+08:00") == []
    [call] = told("complaint callback --due --at 2026-03-09T15:00+08:00")
    assert (call["no"], call["name"], call["phone"], call["calls"]) == ("4711-C1", "王*", "138****1234", 0)
    assert call["until"] == "2026-03-12T14:00:00+08:00"
    assert "4711-C1" in read("complaint callback --due")
    assert told("complaint callback --due --shop bag-studio --at 2026-03-01T00:00") == []


def test_who_calls_reads_the_script_and_the_history(read, resolved):
    said = read("complaint callback 4711-C1")
    for words in ("我是包包工作室的客户服务中心回访员", "维修;告知客户:已修好寄回", "--outcome satisfied"):
        assert words in said
    assert "13812341234" not in said


def test_the_extension_of_a_privacy_number_is_masked_and_shown_to_who_calls(told, read):
    told(OPEN + " --phone 17012345678转1234")
    assert told("complaint show 4711-C1")["phone"] == "170****5678-****"
    assert read("complaint callback 4711-C1 --show-number --by 赵敏") == "17012345678转1234\n"


def test_an_outcome_is_recorded_and_ends_the_complaint(told, resolved):
    said = told(
        "complaint callback 4711-C1 --outcome satisfied --satisfaction 5 --at 2026-03-09T15:10 --by 赵敏"
    )
    assert [change["trigger"] for change in said["changes"]] == ["call", "close"]
    last = told("complaint show 4711-C1")["rounds"][0]
    assert (last["outcome"], last["satisfaction"], last["calls"][0]["by"]) == ("satisfied", 5, "赵敏")


def test_the_number_is_shown_to_a_person_with_a_name_and_nowhere_else(told, read, resolved):
    """Promise 9, rule 190."""
    assert read("complaint callback 4711-C1 --show-number --by 赵敏") == "13812341234\n"
    before = everything(engine_from_env())
    assert "with a name" in read("complaint callback 4711-C1 --show-number", 1)
    assert everything(engine_from_env()) == before


def test_nobody_is_named_on_the_screen(read, told, second_round):
    told("complaint act 4711-C1 bring_in --fact department=技术部 --fact text=打13812341234 --by 李娜")
    commands = (
        "list",
        "list --jsonl",
        "show 4711-C1",
        "show 4711-C1 --json",
        "callback --due",
        "callback --due --json",
    )
    said = "".join(read(f"complaint {command}") for command in commands)
    said += read("explain 4711-C1") + read("explain 4711-C1 --json") + read("explain 4711") + read(OPEN)
    for private in ("王小明", "13812341234", "中山路"):
        assert private not in said
    assert "138****1234" in said


# -- explained ---------------------------------------------------------------------------------------------


def explained(name: str) -> str:
    return (Path(__file__).parent / "explained" / f"{name}.txt").read_text("utf-8")


def test_a_complaint_in_its_second_round_explained(read, second_round):
    """Issue 4, show 5."""
    assert read("explain 4711-C1 --at 2026-03-09T17:00") == explained("second_round")


# -- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "speaks_of"),
    [
        ("callback 4711-C1 --outcome satisfied --at 2026-03-05T12:00 --by 李娜", "cannot call: not possible"),
        ("callback 4711-C1", "cannot call: not possible while it is registered"),
        ("act 4711-C1 close --at 2026-03-05T12:00 --by 李娜", "not possible while it is registered"),
        ("act 4711-C1 acknowledge --at 2026-03-05T12:00", "a person with a name"),
        ("act 4711-C1 acknowledge --at 2026-03-05T10:59 --by 李娜", "before it was registered"),
        ("act 4711-C1 answer --fact text=好 --by 李娜", "is resolved and called back"),
        ("act 4711-C1 resume --by 李娜", "we do not wait"),
        ("act 4711-C1 regrade --fact grade=general --fact text=x --by 李娜", "is general already"),
        ("act 4711-C1 reopen --by 李娜", "not possible while it is registered"),
        ("open 4711 --nature packaging --words x --grade crisis", "a person with a name"),
        (
            "act 4711-C1 resolve --fact remedy=refund --fact text=好 --fact return=return_refund "
            "--fact reason=disliked --at 2026-03-12T12:00 --by 李娜",
            "7 days",
        ),
    ],
)
def test_what_is_refused_says_why_and_changes_nothing(opened, capsys, command, speaks_of):
    before = everything(engine_from_env())
    assert run(["complaint", *shlex.split(command)]) == 1
    said = capsys.readouterr().err
    assert speaks_of in said
    assert len([line for line in said.splitlines() if line.startswith("kefu: ")]) == 1
    assert "Traceback" not in said
    assert everything(engine_from_env()) == before


def test_closing_without_a_callback_is_refused(resolved, told):
    """Rule 100."""
    before = everything(engine_from_env())
    refused = told("complaint act 4711-C1 close --at 2026-03-06T12:00 --by 李娜", 1)["refused"]
    assert (refused["code"], refused["rule"]) == ("no_callback_outcome", 100)
    assert everything(engine_from_env()) == before


def test_asked_to_be_called_later_says_when(resolved, read):
    later = "complaint callback 4711-C1 --outcome later --at 2026-03-09T15:10 --by 赵敏"
    assert "say when" in read(later, 1)
    assert "not later than this call" in read(f"{later} --later-at 2026-03-09T15:10", 1)
    read(f"{later} --later-at 2026-03-10T11:00")


TOMORROW = "2999-01-01T00:00"


@pytest.mark.parametrize(
    ("command", "speaks_of"),
    [
        ("open 4711 --words x --nature quality --phone 12345", "--phone"),
        ("open 4711 --words x --nature quality --phone 138", "--phone"),
        ("open 4711 --words x --nature qualty", "did you mean quality"),
        ("open 4711 --words x", "--nature"),
        ("open 4711 --nature quality", "--words"),
        ("open 4711 --nature quality --words ' '", "--words is empty"),
        ("open --nature quality --words x", "--shop"),
        ("open --nature quality --words x --shop nowhere", "nowhere"),
        ("open 9999 --nature quality --words x", "9999"),
        ("open 4711 --nature quality --words x --class complain", "did you mean complaint"),
        ("open 4711 --nature quality --words x --channel fone", "channel"),
        ("open 4711 --nature quality --words x --grade grave", "grade"),
        ("open 4711 --nature quality --words x --amount-fen -1", "--amount-fen"),
        (f"open 4711 --nature quality --words x --at {TOMORROW}", "future"),
        ("act 4711-C1 resolve --fact text=好 --by 李娜", "remedy"),
        ("act 4711-C1 resolve --fact remedy=refund --by 李娜", "text"),
        ("act 4711-C1 resolve --fact remedy=money --fact text=好 --by 李娜", "is none of"),
        ("act 4711-C1 acknowlege --by 李娜", "did you mean acknowledge"),
        ("act 4711-C1 climb", "climb"),
        ("act 4711-C1 hear --fact words=' '", "is empty"),
        ("act 4711-C9 hear --fact words=x", "4711-C9"),
        (f"act 4711-C1 acknowledge --at {TOMORROW} --by 李娜", "future"),
        ("callback", "--due"),
        ("callback 4711-C1 --due", "--due"),
        ("callback 4711-C1 --outcome happy --by 李娜", "is none of"),
        ("callback 4711-C1 --text 好 --by 李娜", "outcome"),
        ("callback 4711-C1 --outcome satisfied --satisfaction 6 --by 李娜", "1 to 5"),
        ("callback 4711-C1 --outcome later --later-at soon --by 李娜", "soon"),
        ("callback 4711-C9", "4711-C9"),
        ("show 4711-C9", "4711-C9"),
        ("list --state opened", "state"),
        ("list --grade huge", "grade"),
        ("list --urgency now", "urgency"),
        ("list --due soon", "soon"),
        ("list --shop nowhere", "nowhere"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_and_changes_nothing(opened, capsys, command, speaks_of):
    before = everything(engine_from_env())
    assert run(["complaint", *shlex.split(command)]) == 2
    said = capsys.readouterr().err
    assert len(said.strip().splitlines()) == 1, said
    assert speaks_of in said
    assert everything(engine_from_env()) == before


HOURS = r'daily = \["10:00-19:00"\]', "daily = []", "these hours never open"
LADDER = r"levels = \[.*?\n\]", "levels = []", "a ladder needs at least one level"


@pytest.mark.parametrize(("pattern", "instead", "speaks_of"), [HOURS, LADDER])
def test_a_shop_nobody_could_complain_to_is_not_stored(desk, tmp_path, capsys, pattern, instead, speaks_of):
    text = re.sub(pattern, instead, (SHOPS / "bag-studio.toml").read_text("utf-8"), flags=re.S)
    file = tmp_path / "shop.toml"
    file.write_text(text, encoding="utf-8")
    before = everything(engine_from_env())
    assert run(["shop", "apply", str(file)]) == 2
    assert speaks_of in capsys.readouterr().err
    assert everything(engine_from_env()) == before


def test_every_trigger_of_the_desk_is_told_in_the_help(read):
    said = read("complaint act --help")
    assert [trigger for trigger in COMPLAINTS_HAND.triggers if trigger not in said] == []
