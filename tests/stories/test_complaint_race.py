"""Timed steps, colleagues and customers at the same complaints at the same moment, on PostgreSQL: one after the other
in effect, nothing doubled, nothing lost (promise 5)."""

from __future__ import annotations

from collections import Counter, defaultdict
from threading import Barrier, Thread
from typing import Any

import pytest
from complaints_told import (
    SAID_AT,
    complain,
    complaint,
    of_complaint,
    rounds,
    settled,
    tell_complaints,
)
from databases import Databases
from orders_told import A_MINUTE, AN_HOUR, moment, paid, placed, rows, tell
from test_order_machine import history_is_whole

from flows.complaint_desk import register
from flows.complaint_steps import complaint_callbacks, complaint_escalations
from flows.requests import Status
from models import Complaint, OutboxMessage, StateChange, Timer
from states.complaints import complaint_lifecycle

NUMBER, TIMES = 12, 3
CALL_AT = moment("03-05 15:00")


@pytest.fixture
def engine(databases: Databases):
    """Only PostgreSQL has several writers."""
    return databases.new("postgresql")


def all_at_once(*things: Any) -> list[Any]:
    """What each of them answers, in their sequence; what one of them raises is raised."""
    start, answers = Barrier(len(things)), {}

    def run(n: int) -> None:
        start.wait(timeout=30)
        try:
            answers[n] = things[n]()
        except BaseException as error:  # told to the test, whatever it is
            answers[n] = error

    threads = [Thread(target=run, args=(n,)) for n in range(len(things))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    found = [answers[n] for n in range(len(things))]
    for error in (answer for answer in found if isinstance(answer, BaseException)):
        raise error
    return found


def history(engine) -> dict[int, list]:
    by_case = defaultdict(list)
    for change in sorted(
        rows(engine, StateChange, case_kind="complaint"), key=lambda c: (c.case_id, c.number)
    ):
        by_case[change.case_id].append(change)
    return by_case


def all_is_whole(engine) -> None:
    by_case = history(engine)
    for case in rows(engine, Complaint):
        history_is_whole(case, by_case[case.id], complaint_lifecycle, "register")
        for round_ in rounds(engine, case.no):
            names = [notice["who"] for notice in round_.told]
            assert len(set(names)) == len(names)
    assert max(Counter(message.key for message in rows(engine, OutboxMessage)).values()) == 1
    waiting = rows(engine, Timer, case_kind="complaint", done_at=None, cancelled_at=None)
    assert max(Counter((timer.case_id, timer.kind) for timer in waiting).values(), default=0) <= 1


def asks(engine, trigger: str, at, **facts: Any):
    """A colleague does this to every complaint, one by one."""

    def ask() -> Counter:
        told = (of_complaint(trigger, at, no=str(n), **facts) for n in range(NUMBER))
        return Counter(tell_complaints(engine, request).outcomes[0].status for request in told)

    return ask


def sweeps(engine, step, at):
    def run() -> Any:
        report = step(engine, as_of=at)
        assert not report.red, report.rows
        return report

    return run


def test_two_sweeps_and_three_colleagues_at_once(engine):
    for n in range(NUMBER):
        complain(engine, no=str(n), nature=("quality", "safety", "attitude")[n % 3])
    for hours in range(TIMES):
        at = SAID_AT + hours * AN_HOUR
        answers = all_at_once(
            sweeps(engine, complaint_escalations, at),
            sweeps(engine, complaint_escalations, at),
            asks(engine, "acknowledge", at, by="王组长"),
            asks(engine, "respond", at, by="li", text="已联系"),
            asks(engine, "hear", at, by="platform", words="快一点"),
        )
        assert all(told == {Status.CHANGED: NUMBER} for told in answers[2:]), answers[2:]
        all_is_whole(engine)
    told = Counter(change.trigger for changes in history(engine).values() for change in changes)
    assert [told[what] for what in ("acknowledge", "respond", "hear")] == [TIMES * NUMBER] * 3


def test_two_sweeps_and_a_caller_at_once(engine):
    for n in range(NUMBER):
        complain(engine, no=str(n))
        settled(engine, SAID_AT + 3 * AN_HOUR, no=str(n))
    _, _, called = all_at_once(
        sweeps(engine, complaint_callbacks, CALL_AT),
        sweeps(engine, complaint_callbacks, CALL_AT),
        asks(engine, "call", CALL_AT, by="赵", outcome="satisfied"),
    )
    assert called == {Status.CHANGED: NUMBER}
    assert {case.state for case in rows(engine, Complaint)} == {"closed"}
    assert {round_.outcome for n in range(NUMBER) for round_ in rounds(engine, str(n))} == {"satisfied"}
    all_is_whole(engine)


def test_registered_several_times_at_once_the_same_order_and_cause_are_one_complaint(engine):
    for n in range(TIMES):
        tell(engine, placed(str(n)), paid(str(n)))

        def told(words: str, no: str = str(n)):
            how = {"order_no": no, "nature": "quality", "at": SAID_AT.isoformat(), "by": "li"}
            return lambda: register(engine, words=words, **how)

        answers = all_at_once(*(told(words) for words in ("开线了", "破了", "怎么没人理")))
        assert sorted(answer.joined for answer in answers) == [False, True, True]
        assert {answer.outcome.no for answer in answers} == {f"{n}-C1"}
        said = {word["words"] for word in complaint(engine, f"{n}-C1").said}
        assert said == {"开线了", "破了", "怎么没人理"}
    assert len(rows(engine, Complaint)) == TIMES
    all_is_whole(engine)


def test_without_an_order_each_gets_a_number_of_its_own(engine):
    def told():
        return register(
            engine, shop="bag-studio", words="怎么退", intake="query", at=SAID_AT.isoformat(), by="li"
        )

    answers = all_at_once(told, told, told)
    assert len({answer.outcome.no for answer in answers}) == 3
    all_is_whole(engine)


def test_taken_up_again_and_registered_anew_at_once_there_is_one_open_complaint(engine):
    tell(engine, placed(), paid())
    told = {"order_no": "1", "nature": "quality", "by": "li"}
    register(engine, words="开线了", at=SAID_AT.isoformat(), **told)
    for n in range(TIMES):
        at = SAID_AT + n * AN_HOUR
        [case] = [case for case in rows(engine, Complaint) if case.is_open]
        settled(engine, at, no=case.no)
        done = of_complaint("call", at + A_MINUTE, no=case.no, by="赵", outcome="satisfied")
        assert tell_complaints(engine, done).outcomes[0].status is Status.CHANGED
        later = at + 2 * A_MINUTE
        heard = of_complaint("hear", later, no=case.no, by="platform", words="又坏了")
        first, _ = all_at_once(
            lambda heard=heard: tell_complaints(engine, heard).outcomes[0],
            lambda later=later: register(engine, words="又坏了", at=later.isoformat(), **told),
        )
        assert first.status is Status.CHANGED
        assert sum(case.is_open for case in rows(engine, Complaint)) == 1
        all_is_whole(engine)
