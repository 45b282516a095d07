"""What customers and colleagues read at every step of a complaint, in both languages."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from orders_told import moment
from test_messages import SHOP_FILE
from test_return_messages import THE_SHOPS

from deployments.shop_files import load_shop_file
from flows.messages import render
from models import ComplaintRound
from states.complaints import complaint_lifecycle
from states.policies.complaint_terms import Channel, Grade, IntakeClass, Nature
from states.policies.shops import Language

DUE_AT = "2026-03-03T05:00:00+00:00"  # 13:00 in Shanghai
NOTICE = {"what": "complaint_general", "text": "投诉 4711-C1:请接手处理\n第二行"}
TO_BUYERS = {
    "complaint_received_general": {},
    "complaint_received_major": {},
    "complaint_received_crisis": {},
    "other_ways": {"ways": "拨打 12315"},
    "complaint_resolved": {},
    "complaint_taken_up": {},
    "ask_number": {},
    "survey": {"open_until": DUE_AT},
}
TO_STAFF = {
    "complaint_general": {"level": 1, "why": "first_level"},
    "complaint_major": {"level": 4, "why": "told_at_once"},
    "complaint_crisis": {"level": 4, "why": "told_at_once"},
    "brought_in": {"text": None},
    "customer_wrote": {},
    "inquiry": {},
    "missed_first_response": {"owed": "first_response", "due_at": DUE_AT},
    "missed_promised_callback": {"owed": "promised_callback", "due_at": DUE_AT},
    "missed_next_update": {"owed": "next_update", "due_at": DUE_AT},
    "missed_resolution": {"owed": "resolution", "due_at": DUE_AT},
    "round_begun": {"why": "callback", "handler": "李娜"},
    "callback_due": {},
    "callback_overdue": {},
}
TOLD = TO_BUYERS | TO_STAFF
TEXTS = [*TOLD, "digest"]
STATE = {"callback_due": "callback_due", "callback_overdue": "callback_due"}
EMPTY = re.compile(r"None|—|Undefined|[{}]|\( *\)|\(,|[,,] *[,,。]|  | [,.;]|^ *$|[::]$(?!\n)", re.MULTILINE)


def _round(number: int = 1, **known: Any) -> SimpleNamespace:
    unknown = dict.fromkeys(
        name for name in ComplaintRound.model_fields if name.endswith(("_at", "_by", "_until"))
    )
    unknown |= dict.fromkeys(("remedy", "answer", "handler"))
    return SimpleNamespace(**{"number": number, "why": "registered", **unknown, "calls": [], **known})


WORKED_ON = {
    **{"respond_by": moment("03-03 13:00"), "resolve_by": moment("03-05 17:00")},
    **{"resolved_at": moment("03-04 11:00"), "call_until": moment("03-11 11:00"), "handler": "李娜"},
    **{"remedy": "compensation", "answer": "补偿十元,客户接受", "calls": []},
}
A_CALL = {"at": DUE_AT, "by": "赵", "outcome": "not_reached", "later_at": None, "text": None}


def _a_complaint(language: str = "zh", *, to: Any = THE_SHOPS, **known: Any) -> SimpleNamespace:
    shop = load_shop_file(SHOP_FILE)
    returns = shop.returns.model_copy(update={"address": to})
    case = {
        **{"no": "4711-C1", "intake": "complaint", "nature": "quality", "grade": "general", "sku": "BAG-1"},
        **{
            "channel": "phone",
            "name": "王小明",
            "phone": "13812341234",
            "address": "杭州市",
            "handler": "李娜",
        },
        "said": [{"at": DUE_AT, "by": "li", "words": "包包开线了,打我 13812341234"}],
        "policy": shop.model_copy(update={"language": language, "returns": returns}),
        **{"order": SimpleNamespace(no="4711"), "rounds": [_round(**WORKED_ON)], "state": "registered"},
    }
    case = SimpleNamespace(**{**case, **known})
    case.current = case.rounds[-1]
    return case


def _read(what: str, language: str = "zh", payload: dict | None = None, **known: Any) -> str:
    return render(what, _a_complaint(language, **known), {**TOLD[what], **(payload or {})})


BARE = {
    **{"order": None, "sku": None, "name": None, "phone": None, "address": None, "handler": None},
    **{"said": [], "channel": None, "rounds": [_round()], "to": None},
}


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("what", TOLD)
def test_every_text_reads_well_for_every_nature_and_whatever_is_not_known(what, language):
    again = {"rounds": [_round(**WORKED_ON, outcome="problem"), _round(2, why="callback")]}
    for nature in Nature:
        for known in ({}, BARE, again, {**BARE, "intake": "query", "grade": None, "nature": None}):
            text = _read(what, language, **{"nature": str(nature), **known})
            assert not EMPTY.search(text), text
            assert "4711-C1" in text
            assert bool(re.search("亲|登记|kefu.*姓名|怎么办", text)) == (language == Language.ZH)


@pytest.mark.parametrize("what", ["complaint_general", "customer_wrote", "inquiry"])
def test_every_class_channel_and_grade_has_its_words(what):
    for language in Language:
        for intake in IntakeClass:
            for channel in Channel:
                for grade in Grade:
                    text = _read(what, language, intake=intake, channel=channel, grade=grade)
                    assert not EMPTY.search(text), text
                    assert language == Language.EN or str(channel) not in text


@pytest.mark.parametrize("what", sorted({*TO_STAFF} - {"brought_in"}))
@pytest.mark.parametrize(("language", "name"), [("zh", "姓名"), ("en", "NAME")])
def test_staff_are_told_the_command_that_settles_it(what, language, name):
    text = _read(what, language, grade=None if what == "inquiry" else "general")
    assert re.search(rf"kefu complaint (act|callback) 4711-C1 .*--by {name}", text)
    triggers = set(re.findall(r"kefu complaint act \S+ (\w+)", text))
    assert triggers <= complaint_lifecycle.by_people | complaint_lifecycle.facts
    allowed = complaint_lifecycle.allowed_from(STATE.get(what, "registered"))
    assert all(trigger in allowed for trigger in triggers)


@pytest.mark.parametrize("what", TO_STAFF)
def test_colleagues_read_what_the_customer_said_but_no_number_and_no_full_name(what):
    """Promise 9; rule 190."""
    for language in Language:
        text = _read(what, language)
        assert "包包开线了,打我 138****1234" in text
        assert "王*" in text
        assert not re.search("13812341234|王小明", text)


@pytest.mark.parametrize("what", ["complaint_general", "complaint_major", "complaint_crisis"])
def test_who_is_told_reads_the_deadlines_and_how_to_acknowledge(what):
    text = _read(what)
    assert "首次回应期限:2026-03-03 13:00\n处理完毕期限:2026-03-05 17:00\n" in text
    assert "kefu complaint act 4711-C1 acknowledge --by 姓名" in text  # rule 98
    answered = [_round(**{**WORKED_ON, "responded_at": moment("03-03 12:00")})]
    assert "首次回应" not in _read(what, rounds=answered)
    assert "期限" not in _read(what, rounds=[_round()])  # we wait for the customer


@pytest.mark.parametrize(
    ("why", "zh", "en"),
    [
        ("first_level", "请接手处理(规则 95)", "take it on (rule 95)"),
        ("told_at_once", "立即通报(规则 98)", "at once (rule 98)"),
        ("unacknowledged", "上一级没有按时确认", "has not acknowledged"),
        ("taken_up_again", "再次升级", "escalated again"),
    ],
)
def test_who_is_told_reads_why_they_are(why, zh, en):
    assert zh in _read("complaint_general", payload={"why": why})
    assert en in _read("complaint_general", "en", {"why": why})


def test_the_first_line_says_how_grave_it_is():
    """A digest shows first lines only."""
    first = {what: _read(what).splitlines()[0] for what in TO_STAFF}
    assert (
        first["complaint_general"] == "投诉 4711-C1(订单 4711,电话,质量问题,商品 BAG-1):请接手处理(规则 95)。"
    )
    assert first["complaint_major"].startswith("【重大投诉】投诉 4711-C1")
    assert first["complaint_crisis"].startswith("【危机事件】投诉 4711-C1")
    assert all("4711-C1" in line for line in first.values())
    assert _read("brought_in", grade="crisis").startswith("【危机事件】")


@pytest.mark.parametrize("grade", ["major", "crisis"])
def test_the_customer_is_calmed_first(grade):  # rules 98, 175
    text = _read(f"complaint_received_{grade}")
    assert text.startswith("亲,我非常理解您的心情")
    assert _read(f"complaint_received_{grade}", "en").startswith("We understand very well how you feel")


def test_who_complains_reads_an_apology_what_we_do_and_until_when():
    text = _read("complaint_received_general")
    apology = "对于您收到包裹出现了问题,我们表示非常抱歉,亲先别急,我们一定会为您及时处理的。"  # rule 182
    assert apology in text
    assert "保证马上调查处理、落实结果" in text  # rule 97
    assert "2026-03-03 13:00 前给您回音" in text
    assert apology not in _read("complaint_received_general", nature="attitude")
    assert "向您道歉" in _read("complaint_received_general", nature="attitude")  # rule 104


@pytest.mark.parametrize("what", ["complaint_received_general", "complaint_received_crisis"])
def test_who_left_no_number_is_asked_for_it_in_the_words_of_rule_176(what):
    assert "请您留下电话号码,查清楚后马上给您复电话,您看行吗?" in _read(what, phone=None)
    assert "电话号码" not in _read(what)


@pytest.mark.parametrize(
    ("nature", "words"), [("spoiled", "不要食用"), ("safety", "停止使用"), ("expired", "不要食用")]
)
def test_what_may_do_harm_is_not_to_be_used_any_more(nature, words):
    assert words in _read("complaint_received_crisis", nature=nature)
    assert words not in _read("complaint_received_crisis", nature="quality")


def test_departments_read_what_they_are_asked_for():
    assert "请贵部门协助(规则 98、120):查批次\n" in _read("brought_in", payload={"text": "查批次"})
    assert "由 李娜 负责" in _read("brought_in")
    assert "由最先确认的同事负责" in _read("brought_in", handler=None)


def test_whoever_answers_a_question_reads_rule_176_and_gives_no_blind_answer():
    text = _read("inquiry", intake="query", grade=None, nature=None)
    assert text.startswith("查询 4711-C1(订单 4711,电话,商品 BAG-1):等您答复")
    script = "“对不起,您提的问题我马上给您查一下,请您留下电话号码,我查清楚后马上给您复电话,您看行吗?”"
    assert script in text
    for trigger in ("answer", "promise_call", "become_complaint"):
        assert f"kefu complaint act 4711-C1 {trigger} " in text


@pytest.mark.parametrize("what", ["missed_first_response", "missed_promised_callback", "missed_next_update"])
def test_a_missed_word_of_ours_names_its_deadline_and_how_it_is_made_good(what):
    assert "2026-03-03 13:00" in _read(what)
    assert "act 4711-C1 respond " in _read(what)
    assert "act 4711-C1 answer " in _read(what, grade=None)


def test_a_missed_resolution_is_made_good_or_given_up():  # rules 97, 99
    text = _read("missed_resolution")
    assert "resolve --fact remedy=处理方式 --fact text=告知的内容" in text
    assert "give_up" in text


def test_what_we_cannot_solve_comes_with_other_ways():  # rule 99
    assert "您也可以通过其他途径解决:拨打 12315。" in _read("other_ways")


def test_a_resolution_thanks_says_the_outcome_and_announces_the_call():  # rules 100, 121
    text = _read("complaint_resolved")
    for words in ("感谢您反映问题", "处理结果:补偿十元,客户接受\n", "2026-03-11 11:00 前给您打电话回访"):
        assert words in text
    assert "方便接听的电话号码" in _read("complaint_resolved", phone=None)
    assert "方便接听的电话号码" not in text


def test_who_is_taken_up_again_reads_when_we_answer():  # rule 101
    assert "还没有解决,我们非常抱歉,已经重新为您处理,会在 2026-03-03 13:00 前给您回音" in _read(
        "complaint_taken_up"
    )
    assert "抱歉" not in _read("complaint_taken_up", grade=None, intake="query")


def test_the_lead_reads_who_handled_the_round_before_and_what_came_of_it():  # rule 101
    found = {**A_CALL, "outcome": "problem", "text": "又开线了"}
    rounds = [_round(**{**WORKED_ON, "calls": [found]}), _round(2, why="callback")]
    text = _read("round_begun", rounds=rounds)
    assert "第 2 轮):回访发现问题,请及时再处理(规则 101)。上一轮由 李娜 处理。" in text
    assert "上次处理:经济补偿,补偿十元,客户接受\n回访记录:又开线了\n" in text
    assert "上一轮" not in _read("round_begun", payload={"handler": None})
    assert "客户再次反映" in _read("round_begun", payload={"why": "reopened"})
    assert "问卷反映问题" in _read("round_begun", payload={"why": "survey"})


def test_who_calls_reads_the_script_by_the_shops_title_and_its_number():  # rule 177
    text = _read("callback_due")
    for words in (
        "1. 您好!我是包包工作室的客户服务中心回访员,我姓……,能否了解一下您之前在我们平台消费的情况?",
        "2. 您对平台的产品及服务满意吗?",
        "3. 有没有不清楚的地方?您对我们的平台有什么意见和建议?",
        f"4. 如果有问题,请再打电话 {THE_SHOPS.phone},我们将及时为您服务。",
        "5. 感谢您对我们的工作提出宝贵意见。谢谢!再见。",
        "2026-03-11 11:00",
    ):
        assert words in text
    assert "请再打电话给我们的客服,我们将" in _read("callback_due", to=None)


@pytest.mark.parametrize("what", ["callback_due", "callback_overdue"])
def test_who_calls_reads_the_history_and_how_to_record_the_outcome(what):
    later = {**A_CALL, "outcome": "later", "later_at": "2026-03-06T02:00:00+00:00", "text": "下午忙"}
    text = _read(what, rounds=[_round(**{**WORKED_ON, "calls": [A_CALL, later]})])
    assert "处理(2026-03-04 11:00,李娜):经济补偿;告知客户:补偿十元,客户接受\n" in text
    assert "第 1 次回访(2026-03-03 13:00,赵):没有打通\n" in text
    assert "第 2 次回访(2026-03-03 13:00,赵):客户要求改日再打,改到 2026-03-06 10:00,下午忙\n" in text
    assert "kefu complaint callback 4711-C1 --outcome satisfied" in text
    assert "kefu complaint callback 4711-C1 --show-number --by" in text


def test_who_is_asked_for_a_number_reads_which_one_did_not_work():
    assert "您留的号码 138****1234 打不通" in _read("ask_number")
    assert "您留的号码打不通" in _read("ask_number", phone=None)


def test_the_survey_asks_what_the_caller_would_have_asked_and_says_until_when():  # rules 100, 177
    text = _read("survey")
    for words in ("您对我们的产品及服务满意吗", "有没有不清楚的地方", "意见和建议", "2026-03-03 13:00 前"):
        assert words in text


@pytest.mark.parametrize("language", list(Language))
def test_a_digest_names_the_first_line_of_each_notice(language):
    policy = load_shop_file(SHOP_FILE).model_copy(update={"language": language})
    reader = SimpleNamespace(policy=policy, no="", order=None)
    notices = [NOTICE, {"what": "hold_parcel", "text": None}]
    text = render("digest", reader, {"notices": notices})
    assert "\n1. 投诉 4711-C1:请接手处理\n2. hold_parcel\n" in text
    assert "第二行" not in text
    assert "kefu complaint list" in text
    assert not EMPTY.search(text), text
