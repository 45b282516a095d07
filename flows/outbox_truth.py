"""Is it still true? Asked of every message just before it is sent (promise 6)."""

from __future__ import annotations

from typing import Any

from flows.outbox_cases import MOVED, SHIP, STOP, Case
from states.reasons import Reason

REMINDER = "payment_reminder"


def no_longer_true(row: Any, case: Case | None) -> Reason | None:
    """Why this message must not be sent any more; None while it is true."""
    if case is None:
        return _because("案件已不存在", "its case is gone") if row.only_while else None
    if row.only_while and case.state not in row.only_while:
        return _because(f"状态现为 {case.state}", f"the {row.case_kind} is {case.state} by now")
    if row.what == SHIP and row.case_kind == "order" and case.released_at != row.owed_at:
        return _because("属于先前的批次", "the order has been recalled, and released anew in another batch")
    if row.what == STOP and not _may_still_leave(row, case):
        return _because("未曾下达发货", "nobody was told to ship it")
    if row.what == MOVED and (day := row.payload.get("on")):  # rows of an older kefu have none
        if str(case.promise_on) != day:
            return _because("承诺日又有变动", "another day has been promised since")
        if _day_last_told(row, case) == day:
            return _because("买家所知的就是这一天", "it is the day that the buyer knows of")
    if row.what == REMINDER and case.opted_out_at is not None:
        return _because("买家已拒收提醒", "the buyer wants no more reminders")
    return None


def _because(zh: str, en: str) -> Reason:
    return Reason("no_longer_true", zh, en)


def _day_last_told(move: Any, case: Case) -> str | None:
    """The day that the buyer knows of: of the last move that left, else the one first promised; None while a try may
    have told him of another."""
    before = [told for told in case.moves if told.id < move.id]
    for told in reversed(before):
        if _may_have_been_sent(told):
            return told.payload.get("on") if told.sent_at is not None else None
    return [*before, move][0].payload["before"]


def _may_still_leave(stop: Any, case: Case) -> bool:
    """A command to ship may have reached somebody, and none to stop it has been sent since."""
    may = False
    for command in case.commands:
        if command.id >= stop.id:
            break
        if command.what == SHIP:
            may |= _may_have_been_sent(command)
        elif command.sent_at is not None:
            may = False
    return may


def _may_have_been_sent(command: Any) -> bool:
    """A try that is not known to have done nothing: it was answered, timed out, or its sender was killed."""
    return command.sent_at is not None or command.attempts > command.misses
