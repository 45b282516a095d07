"""Complaints of different fates, explained as a customer-service supervisor would want to read it.

The whole text of one in its second round is in tests/deployments/test_complaint_commands.py.
"""

from __future__ import annotations

import pytest
from complaints_told import (
    A_DAY,
    NO,
    SAID_AT,
    clockwork,
    complain,
    complaint,
    done,
    rounds,
    settled,
)
from databases import everything
from orders_told import A_MINUTE, AN_HOUR, moment, paid, placed, tell
from sqlalchemy import Engine

from flows.complaint_desk import COMPLAINTS_HAND
from flows.complaint_explaining import ComplaintExplanation, explain_complaint
from flows.complaint_sentences import ACTS, NEXT, OUTCOMES, OWED, STATES, TOLD, WHY_BEGUN
from models.database import reading
from states.complaint_records import UNANSWERED
from states.complaint_states import ComplaintState, ComplaintTimer
from states.complaints import complaint_lifecycle
from states.policies.complaint_calls import CallOutcome
from states.policies.complaint_terms import IntakeClass, Nature, Owed

CALL_AT = moment("03-05 15:00")


@pytest.fixture
def engine(databases) -> Engine:
    return databases.new("sqlite")  # what is read here is words; the databases are compared elsewhere


def told(engine: Engine, at=SAID_AT + A_MINUTE, no: str = NO) -> ComplaintExplanation:
    with reading(engine) as connection:
        return explain_complaint(connection, complaint(engine, no).id, at)


def acts(answer: ComplaintExplanation) -> set[str]:
    return {act["trigger"] for act in answer.possible}


def zh(lines: list[dict]) -> list[str]:
    return [line["zh"] for line in lines]


def test_every_trigger_timer_state_and_outcome_has_its_words():
    assert set(TOLD) == set(complaint_lifecycle.triggers)
    assert set(NEXT) == set(ComplaintTimer)
    assert set(STATES) == set(ComplaintState)
    assert set(OUTCOMES) == {*CallOutcome, UNANSWERED}
    assert set(OWED) == set(Owed)
    assert set(WHY_BEGUN) == {"registered", "callback", "survey", "reopened"}
    assert set(ACTS) == set(COMPLAINTS_HAND.triggers)


def test_whoever_was_told_last_has_to_acknowledge(engine):
    complain(engine)
    assert told(engine).turn["turn"] == "to_be_told"
    clockwork(engine, SAID_AT)
    answer = told(engine)
    assert answer.turn["zh"] == "轮到值班客服:请确认接手"
    assert [(line["at"][11:16], line["zh"]) for line in answer.told] == [
        ("11:00", "第 1 级:值班客服;应发,尚未送达"),
        ("11:30", "若仍无人确认,通知客服组长"),
    ]
    done(engine, "acknowledge", SAID_AT + A_MINUTE, by="王芳")
    answer = told(engine)
    assert answer.turn["zh"] == "轮到王芳:调查处理,告知客户后登记"
    assert zh(answer.told) == ["第 1 级:值班客服;应发,尚未送达", "王芳 确认接手"]
    assert "acknowledge" not in acts(answer)


def test_departments_that_were_brought_in_are_named(engine):
    at = moment("03-03 23:30")
    complain(engine, at, nature="spoiled")
    clockwork(engine, at)
    answer = told(engine, at)
    assert zh(answer.told)[:3] == [
        f"{told};应发,尚未送达" for told in ("第 3 级:公司领导", "请技术部协助", "请营业部协助")
    ]
    assert answer.heading["zh"] == "危机事件:商品变质,紧急程度:立即"


def test_when_everybody_has_been_told_in_vain_anybody_in_charge_may_take_it(engine):
    complain(engine)
    done(engine, "respond", SAID_AT + A_MINUTE)
    for hours in range(9):
        clockwork(engine, SAID_AT + hours * AN_HOUR)
    answer = told(engine, SAID_AT + A_DAY)
    assert answer.turn["zh"] == "轮到公司领导:请确认接手"
    assert answer.anomalies[0]["remedy"] == "kefu complaint act 1-C1 settle --by NAME"
    assert {"acknowledge", "settle"} <= acts(answer)


def test_a_deadline_is_recited_with_the_time_we_waited_for_the_customer(engine):
    complain(engine)
    done(engine, "wait", SAID_AT + A_MINUTE, text="等照片")
    answer = told(engine)
    assert answer.turn["zh"] == "轮到客户:等照片(计时已暂停)"
    assert zh(answer.promises) == ["首次回应:暂停计时,等待客户", "处理完毕:暂停计时,等待客户"]
    assert zh(answer.promises[0]["how"])[-1] == "还在暂停,剩余 1小时59分钟"
    done(engine, "hear", SAID_AT + AN_HOUR, by="platform", words="照片")
    first = told(engine).promises[0]
    assert (first["zh"], first["stands"]) == ("首次回应:期限 2026-03-03 13:59", "open")
    assert zh(first["how"]) == [
        "自 2026-03-03 11:00 起计服务时间 2小时",
        "2026-03-03 11:00 至 2026-03-03 11:01:计入 1分钟",
        "2026-03-03 11:01 至 2026-03-03 12:00:等待客户,暂停计时 (等照片)",
        "2026-03-03 12:00 至 2026-03-03 13:59:计入 1小时59分钟",
        "到期时间:2026-03-03 13:59",
    ]


def test_what_is_late_is_late_from_its_deadline_on_and_says_so_when_it_is_made_good(engine):
    complain(engine)
    due_at = rounds(engine)[0].respond_by
    stands = [told(engine, at).promises[0]["stands"] for at in (due_at - A_MINUTE, due_at)]
    assert stands == ["open", "late"]
    done(engine, "respond", due_at)
    assert told(engine, due_at).promises[0]["zh"] == "首次回应:2026-03-03 13:00 才完成,期限 2026-03-03 13:00"


def test_the_plan_of_calls_is_told_before_the_first_and_the_next_one_after_it(engine):
    complain(engine)
    settled(engine, SAID_AT + 3 * AN_HOUR)
    answer = told(engine, SAID_AT + 4 * AN_HOUR)
    assert answer.turn["zh"] == "轮到回访员:2026-03-05 15:00 打电话回访(规则 100)"
    assert [line.split(":")[0] for line in zh(answer.callback)] == [
        "2026-03-10 14",
        "计划 2026-03-05 15",
        "计划 2026-03-06 10",
        "计划 2026-03-09 18",
        "计划 2026-03-09 18",
    ]
    assert answer.possible[0]["command"] == "kefu complaint callback 1-C1 --outcome … --by NAME"
    clockwork(engine, CALL_AT)
    assert told(engine, CALL_AT).turn["zh"] == "轮到回访员:现在打电话回访(规则 100)"
    later_at = (CALL_AT + A_DAY).isoformat()
    done(engine, "call", CALL_AT, by="赵", outcome="later", later_at=later_at, text="在开会")
    answer = told(engine, CALL_AT)
    assert zh(answer.callback)[1] == "第 1 次 2026-03-05 15:00,赵:客户要求改日再打,改到 2026-03-06 15:00"
    assert zh(answer.callback)[2].startswith("计划 2026-03-06 15:00 打电话")
    assert zh(answer.story)[-1].endswith(",改到 2026-03-06 15:00:在开会")


def test_in_the_second_round_the_first_one_is_told_with_its_call(engine):
    complain(engine)
    settled(engine, SAID_AT + 3 * AN_HOUR)
    done(engine, "call", CALL_AT, by="赵", outcome="problem", text="又开线了")
    answer = told(engine, CALL_AT)
    assert [entry["round"] for entry in answer.story] == [1, 1, 1, 2]
    assert zh(answer.callback) == [
        "2026-03-10 14:00 前须回访(规则 100)(第 1 轮)",
        "第 1 次 2026-03-05 15:00,赵:已联系上,仍有问题",
        "结果:已联系上,仍有问题",
    ]
    assert [(promise["round"], promise["stands"]) for promise in answer.promises] == [
        (1, "missed"),
        (1, "kept"),
        (2, "open"),
        (2, "open"),
    ]


def test_a_survey_waits_for_the_customer_and_ends_by_itself(engine):
    complain(engine)
    settled(engine, SAID_AT + 3 * AN_HOUR)
    done(engine, "survey", CALL_AT)
    answer = told(engine, CALL_AT)
    assert answer.turn["zh"] == "轮到客户:答复问卷,截止 2026-03-12 15:00"
    assert {"answer_survey", "call", "reopen"} <= acts(answer)
    clockwork(engine, CALL_AT + 7 * A_DAY)
    answer = told(engine, CALL_AT + 7 * A_DAY)
    assert (answer.turn["turn"], zh(answer.callback)[-1]) == ("over", "结果:问卷没有答复")
    assert acts(answer) == {"reopen", "hear"}


def test_a_question_is_ours_to_answer(engine):
    complain(engine, intake="query", nature=None)
    answer = told(engine)
    assert answer.turn["zh"] == "轮到客服:请答复客户"
    assert {"answer", "become_complaint", "promise_call"} <= acts(answer)
    assert not {"resolve", "regrade", "escalate"} & acts(answer)
    done(engine, "become_complaint", SAID_AT + A_MINUTE, nature="attitude")
    assert zh(told(engine).story)[-1] == "li 转为投诉:服务态度(规则 93)"


def test_who_decided_about_the_grade_is_told_with_the_reasons_of_the_rules(engine):
    complain(engine, amount_fen=60_000)
    done(engine, "regrade", SAID_AT + A_MINUTE, by="王芳", grade="general", text="客户只要道歉")
    assert zh(told(engine).why)[0] == "涉及金额 600.00 元,达到 500.00 元"
    assert zh(told(engine).why)[-1] == "王芳 核定为一般投诉(规则 94):客户只要道歉"


@pytest.mark.parametrize("nature", list(Nature))
@pytest.mark.parametrize("intake", list(IntakeClass))
def test_every_complaint_can_be_explained_in_every_state_and_explaining_changes_nothing(
    engine, intake, nature
):
    tell(engine, placed(), paid())
    of_complaint = intake is IntakeClass.COMPLAINT
    complain(engine, intake=str(intake), nature=str(nature) if of_complaint else None, order_id=1)
    clockwork(engine, SAID_AT)
    for step in ("promise_call", "respond", "settle", "end"):
        if step == "end" and of_complaint:
            settled(engine, SAID_AT + AN_HOUR)
        elif step == "end":
            done(engine, "answer", SAID_AT + AN_HOUR, text="…")
        else:
            done(engine, step, SAID_AT + A_MINUTE)
        before = everything(engine)
        answer = told(engine, SAID_AT + A_DAY)
        assert everything(engine) == before
        lines = (*answer.why, *answer.story, *answer.told, *answer.promises, *answer.callback, *answer.about)
        assert all(line["zh"] and line["en"] for line in (*lines, answer.turn, answer.heading))
