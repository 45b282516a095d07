"""Why a complaint may not, or should not have: the sentences of `states/complaints.py`, zh first."""

from __future__ import annotations

from datetime import datetime

from states.reasons import Reason

NOT_A_COMPLAINT = Reason(
    "not_a_complaint",
    "这不是投诉,先转为投诉(become_complaint)再处理",
    "it is no complaint: make it one first (become_complaint)",
    93,
)
A_COMPLAINT = Reason(
    "is_a_complaint",
    "投诉须处理并回访,不能只作答复",
    "a complaint is resolved and called back, not only answered",
    93,
)
REMEDY_MISSING = Reason(
    "remedy_missing", "须写明如何处理(remedy)", "the remedy is missing: say how it was settled", 97
)
ANSWER_MISSING = Reason(
    "answer_missing", "须写明告知客户的内容(text)", "what was told to the customer is missing", 97
)
WAITING_ALREADY = Reason(
    "waiting_already", "已在等待客户,计时已暂停", "we wait for the customer already: nothing counts"
)
NOT_WAITING = Reason("not_waiting", "没有在等待客户", "we do not wait for the customer")
ACKNOWLEDGED = Reason(
    "acknowledged", "已有人确认,不再逐级通知", "somebody has acknowledged it: nobody else is told", 98
)
NOBODY_LEFT = Reason(
    "nobody_acknowledged",
    "已逐级通知到最高一级,仍无人确认",
    "everybody on the ladder has been told, and nobody has acknowledged",
    99,
)
NOTHING_LATE = Reason("nothing_late", "没有逾期,无需提醒", "nothing is late: nobody is to be reminded", 97)
NO_OUTCOME = Reason(
    "no_callback_outcome",
    "没有回访结果,不能结案",
    "it can't be closed without the outcome of a callback",
    100,
)
NO_PROBLEM = Reason(
    "no_problem_found", "回访没有发现问题", "the callback found no problem: nothing is to be done again", 101
)
LATER_MISSING = Reason(
    "later_missing",
    "客户要求改日再打,须写明何时(later_at)",
    "asked to be called later: say when (later_at)",
    100,
)
LATER_NOT_ASKED = Reason(
    "later_not_asked",
    "只有结果为 later 时才写 later_at",
    "only an outcome of later comes with a time to call (later_at)",
    100,
)
LATER_PASSED = Reason(
    "later_passed",
    "客户要求的时间不晚于本次通话",
    "the time to call later is not later than this call",
    100,
)


def already_open(no: str) -> Reason:
    """The same order, the same cause: it is one complaint."""
    return Reason(
        "already_open",
        f"同一订单同一原因已有未结投诉 {no},并入该投诉",
        f"{no} about the same order and cause is still open: this joins it",
        95,
    )


def too_early(what: str, at: datetime) -> Reason:
    return Reason(
        "too_early",
        f"时间早于{what[0]}({at:%Y-%m-%d %H:%M:%S})",
        f"that is before {what[1]} ({at:%Y-%m-%d %H:%M:%S})",
    )


REGISTERED, RESOLVED = ("登记", "it was registered"), ("处理完毕", "it was resolved")


def off_duty(until: datetime) -> Reason:
    return Reason(
        "off_duty",
        f"不在值班时间内,{until:%Y-%m-%d %H:%M} 再通知",
        f"outside the duty hours: told at {until:%Y-%m-%d %H:%M}",
    )


def outside_call_hours(until: datetime) -> Reason:
    return Reason(
        "outside_call_hours",
        f"不在可回访时段内,{until:%Y-%m-%d %H:%M} 再打",
        f"this is no time to call: called at {until:%Y-%m-%d %H:%M}",
        100,
    )


def same_grade(grade: str) -> Reason:
    return Reason("same_grade", f"等级已经是 {grade}", f"its grade is {grade} already", 94)
