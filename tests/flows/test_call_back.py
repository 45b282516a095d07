"""The call sheet, and what is recorded of the call (rules 100, 101, 177)."""

import re
from datetime import timedelta

import pytest
from complaints_told import (
    A_DAY,
    NO,
    SAID_AT,
    complain,
    complaint_state,
    complaint_steps,
    of_complaint_case,
    rounds,
    settled,
)
from orders_told import A_SECOND, AN_HOUR, SHOP, paid, placed, rows, tell

from flows.call_back import Told, call_sheet, record_call, summary
from flows.requests import Status
from models import Order, StateChange
from states.errors import BadInput, NotFound, Refused

RESOLVED_AT = SAID_AT + AN_HOUR
CALLED_AT = RESOLVED_AT + A_DAY
SATISFIED = Told("satisfied", "很满意", satisfaction="5", by="wang")
PHONE = "13812341234"


@pytest.fixture
def resolved(engine):
    """A complaint about an order, resolved: a call is due within seven days."""
    tell(engine, placed("1"), paid("1"))
    complain(engine, order_id=rows(engine, Order, no="1")[0].id, words=f"包包开线了,打我 {PHONE}")
    settled(engine, RESOLVED_AT)
    return engine


def shown(text):
    """Markdown as its reader sees it, line by line."""
    return [re.sub(r"\\([!-/:-@[-`{-~])", r"\1", line) for line in text.splitlines()]


def call(engine, told, at=CALLED_AT, **how):
    return record_call(engine, NO, None, told, at=at, **how)


def test_the_sheet_says_who_to_call_what_happened_and_what_to_say(resolved):
    sheet = call_sheet(resolved, NO, None, CALLED_AT)
    assert (sheet.no, sheet.shop) == (NO, SHOP)
    lines = shown(sheet.text)
    assert lines[0].startswith("#### 投诉 1-C1(订单 1,")
    number = "`kefu complaint callback 1-C1 --show-number --by 姓名`"
    assert lines[1:4] == [
        f"- 打给:王* 138****1234,看完整号码:{number}",
        "- 回访最晚 2026-03-10 12:00(规则 100)",
        "#### 经过",
    ]
    assert [line[:18] for line in lines[4:6]] == ["- 2026-03-03 11:00", "- 2026-03-03 12:00"]
    assert "开线" in lines[4]
    assert "已道歉,客户接受" in lines[5]
    assert lines[6] == "#### 这样说(规则 177)"
    assert lines[7].startswith("1. 您好!我是包包工作室的客户服务中心回访员")
    assert lines[-1].startswith("5. 感谢您")


def test_no_number_stands_on_the_sheet_wherever_it_was_written(resolved):
    call(resolved, Told("later", "打 138 1234 1234", later_at="2026-03-05 10:00", by="wang"))
    text = "".join(shown(call_sheet(resolved, NO, None, CALLED_AT).text)).replace(" ", "")
    assert PHONE not in text
    assert text.count("138****1234") == 3


def test_what_a_customer_writes_is_no_markdown(engine):
    complain(engine, words="# 看 [这里](https://example.com) <img src=x>\n![](http://a/b) **气**")
    settled(engine, RESOLVED_AT)
    text = call_sheet(engine, NO, None, CALLED_AT).text
    assert r"\# 看 \[这里\]\(https\:\/\/example\.com\) \<img src\=x\>" in text
    assert r"\!\[\]\(http\:\/\/a\/b\) \*\*气\*\*" in text


def test_a_sheet_in_the_language_of_the_shop_for_who_left_no_name(engine):
    complain(engine, shop="olist-br", words="torn", details={"phone": "+55 11 91234 5678"})
    settled(engine, RESOLVED_AT, shop="olist-br")
    lines = shown(call_sheet(engine, NO, "olist-br", CALLED_AT).text)
    number = "`kefu complaint callback 1-C1 --show-number --by NAME`"
    assert lines[1] == f"- To call: ****678; see all of it with {number}"
    assert "#### What to say (rule 177)" in lines


def test_who_left_no_number_is_asked_for_it_first(engine):
    complain(engine)
    settled(engine, RESOLVED_AT)
    assert shown(call_sheet(engine, NO, None, CALLED_AT).text)[1] == "- 没有留电话号码,请先书面询问"


def test_nobody_is_called_before_the_resolution_or_after_the_end(engine):
    complain(engine)
    with pytest.raises(Refused, match="complaint 1-C1 cannot call: not possible while it is registered"):
        call_sheet(engine, NO, None, SAID_AT)
    settled(engine, RESOLVED_AT)
    call(engine, SATISFIED)
    with pytest.raises(Refused, match="not possible while it is closed"):
        call_sheet(engine, NO, None, CALLED_AT)
    with pytest.raises(NotFound):
        call_sheet(engine, "2-C1", None, SAID_AT)


def test_a_satisfied_customer_closes_it_and_the_history_names_the_run(resolved):
    outcome = call(resolved, SATISFIED, key="call:run:1", flow_run="run")
    assert complaint_state(resolved) == "closed"
    [round_] = rounds(resolved)
    assert (round_.outcome, round_.satisfaction) == ("satisfied", 5)
    assert [(c["by"], c["outcome"], c["text"]) for c in round_.calls] == [("wang", "satisfied", "很满意")]
    called = of_complaint_case(resolved, StateChange, trigger="call")
    assert [(change.at, change.by, change.flow_run) for change in called] == [(CALLED_AT, "wang", "run")]
    assert summary(resolved, outcome, CALLED_AT) == (
        "1-C1: call → resolved, close → closed; 已了结 / nobody's: it is over"
    )


def test_a_problem_begins_the_next_round(resolved):
    call(resolved, Told("problem", "还是开线", by="wang"))
    assert complaint_state(resolved) == "registered"
    assert [round_.why for round_ in rounds(resolved)] == ["registered", "callback"]


def test_not_reached_is_tried_again_and_the_summary_says_when(resolved):
    outcome = call(resolved, Told("not_reached", by="wang"))
    assert summary(resolved, outcome, CALLED_AT).startswith("1-C1: call → resolved; 轮到回访员:2026-03-0")


def test_asked_to_call_later_is_told_on_the_shops_clock(resolved):
    call(resolved, Told("later", later_at="2026-03-05 16:30", by="wang"))
    [round_] = rounds(resolved)
    assert round_.calls[0]["later_at"] == "2026-03-05T08:30:00+00:00"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (Told("later", by="wang"), "say when"),
        (Told("satisfied", later_at="2026-03-06 10:00", by="wang"), "only an outcome of later"),
        (Told("later", later_at="2026-03-04 12:00:00", by="wang"), "not later than this call"),
        (Told("later", later_at="明天下午", by="wang"), "is no time"),
        (Told("satisfied", by="  "), "needs a person with a name"),
        (Told("satisfied", by="operator"), "needs a person with a name"),
        (Told("satisfied", satisfaction="9", by="wang"), "no mark from 1 to 5"),
        (Told("happy", by="wang"), "is none of"),
    ],
)
def test_what_was_mistyped_can_be_asked_for_again(resolved, told, why):
    with pytest.raises(BadInput, match=why):
        call(resolved, told)
    assert rounds(resolved)[0].calls == []


def test_a_second_later_than_the_call_is_later(resolved):
    call(resolved, Told("later", later_at="2026-03-04 12:00:01", by="wang"))
    assert rounds(resolved)[0].calls[0]["later_at"] == (CALLED_AT + A_SECOND).isoformat()


def test_a_complaint_that_has_moved_on_refuses_the_outcome(resolved):
    call(resolved, SATISFIED, at=CALLED_AT - AN_HOUR)
    with pytest.raises(Refused, match="complaint 1-C1 cannot call: not possible while it is closed"):
        call(resolved, Told("problem", "还有问题", by="li"))
    with pytest.raises(Refused, match="closed"):  # mistyped as well: there is nothing to ask again
        call(resolved, Told("later", by="li"))


def test_a_call_before_the_resolution_was_no_callback(resolved):
    with pytest.raises(Refused, match="before it was resolved"):
        call(resolved, SATISFIED, at=RESOLVED_AT - A_SECOND)


def test_told_twice_by_one_run_it_is_recorded_once(resolved):
    told = Told("not_reached", by="wang")
    assert call(resolved, told, key="call:run:1").status is Status.CHANGED
    again = call(resolved, told, key="call:run:1")
    assert again.status is Status.KNOWN
    assert "recorded already" in summary(resolved, again, CALLED_AT)
    assert len(rounds(resolved)[0].calls) == 1
    call(
        resolved, told, at=CALLED_AT + timedelta(minutes=5), key="call:run:2"
    )  # another call, by the same form
    assert [step for step, _ in complaint_steps(resolved)].count("call") == 2


def test_a_number_among_the_words_is_masked_before_it_is_stored(resolved):
    call(resolved, Told("not_reached", f"换号 {PHONE}", by="wang"))
    assert rounds(resolved)[0].calls[0]["text"] == "换号 138****1234"


def test_what_was_typed_is_told_masked_and_without_what_was_left_empty():
    told = Told("later", f"打 {PHONE}", by=" wang ")
    assert str(told) == "outcome='later', words='打 138****1234', by='wang'"
