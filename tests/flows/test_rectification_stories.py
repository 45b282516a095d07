"""What many complain of is put right, by the clock of the shop (rule 102)."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from complaints_told import A_DAY, SAID_AT, complain, done
from databases import everything
from orders_told import A_MINUTE, A_SECOND, AN_HOUR, clock, moment, rows
from other_side import OtherSide
from outbox_told import deliver, messages, posting, state
from rectifications_told import (
    AN_INSTANT,
    CAUSE,
    FIRST_AT,
    GOODS,
    LAST_AT,
    asked_next,
    complaints,
    counted,
    daily,
    of_rectification,
    rectification,
    rectification_owed,
    rectification_steps,
    rectifications,
    rectified,
)
from returns_told import refused

from flows.complaint_steps import complaint_escalations
from models import Rectification

WITHIN = timedelta(days=30)


def five(engine, last_at=LAST_AT, **told):
    complaints(engine, *daily(5, last_at), **told)


# -- counting ---------------------------------------------------------------------------------------


def test_four_complaints_about_one_article_are_not_enough_and_the_fifth_is(engine):
    complaints(engine, *daily(4, LAST_AT - A_DAY))
    assert counted(engine, LAST_AT) == {}
    complaints(engine, LAST_AT, first=5)
    assert counted(engine, LAST_AT - AN_INSTANT) == {}
    assert counted(engine, LAST_AT) == {"open": 1}
    opened = rectification(engine)
    assert (opened.about, opened.subject, opened.counted) == ("goods", "BAG-1", 5)
    assert (opened.state, opened.owner, opened.counted_since) == ("open", "质量技术部", FIRST_AT)
    assert (opened.opened_at, opened.due_at) == (LAST_AT, LAST_AT + 14 * A_DAY)


def test_nineteen_complaints_of_one_nature_are_not_enough_and_the_twentieth_is(engine):
    moments = daily(20)
    complaints(engine, *moments[:19], sku=None)
    assert counted(engine, LAST_AT) == {}
    complaints(engine, moments[19], sku=None, first=20)
    assert counted(engine, LAST_AT) == {"open": 1}
    assert rectifications(engine) == [(CAUSE, "open")]
    assert rectification(engine, CAUSE).subject == "quality"


@pytest.mark.parametrize(("apart", "opens"), [(WITHIN, {"open": 1}), (WITHIN + AN_INSTANT, {})])
def test_the_last_moment_of_the_time_belongs_to_it(engine, apart, opens):
    complaints(engine, SAID_AT - apart, *daily(4))
    assert counted(engine, SAID_AT) == opens


@pytest.mark.parametrize(("stopped", "opens"), [(WITHIN, {"open": 1}), (WITHIN + AN_INSTANT, {})])
def test_after_a_stop_of_the_system_as_long_as_the_time_nothing_is_lost(engine, stopped, opens):
    complaints(engine, LAST_AT - WITHIN, *daily(4))
    assert counted(engine, LAST_AT + stopped) == opens


def test_questions_count_for_nothing_until_they_become_complaints(engine):
    complaints(engine, *daily(4))
    complain(engine, LAST_AT, no="Q", intake="query", nature=None, sku="BAG-1")
    assert counted(engine, LAST_AT + A_MINUTE) == {}
    done(engine, "become_complaint", LAST_AT + A_MINUTE, no="Q", nature="packaging")
    assert counted(engine, LAST_AT + A_MINUTE) == {"open": 1}


def test_each_shop_counts_for_itself_by_its_own_numbers(engine):
    complaints(engine, *daily(4))
    complaints(engine, LAST_AT, shop="urumqi-kitchen")
    assert counted(engine, LAST_AT) == {}
    complaints(engine, *daily(5), shop="urumqi-kitchen", first=2)
    assert counted(engine, LAST_AT, shop="bag-studio") == {}
    assert counted(engine, LAST_AT, shop="urumqi-kitchen") == {"open": 1}
    assert rectification(engine, shop="urumqi-kitchen").counted == 6


def test_different_articles_and_natures_are_not_one_problem(engine):
    for number, sku in enumerate(("BAG-1", "BAG-2"), start=1):
        complaints(engine, *daily(4), sku=sku, first=10 * number)
    assert counted(engine, LAST_AT) == {}


def test_while_one_is_open_further_complaints_open_no_other_and_belong_to_it(engine):
    five(engine)
    counted(engine, LAST_AT)
    five(engine, LAST_AT + 2 * A_DAY, first=6)
    assert "open" not in counted(engine, LAST_AT + 2 * A_DAY)
    assert rectifications(engine) == [(GOODS, "open")]


def test_what_came_before_the_last_one_was_done_does_not_count_for_the_next(engine):
    five(engine)
    counted(engine, LAST_AT)
    done_at = LAST_AT + A_DAY
    complaints(engine, done_at - AN_INSTANT, first=6)
    rectified(engine, "finish", done_at, text="更换供应商")
    complaints(engine, *(done_at + n * AN_HOUR for n in range(4)), first=7)
    assert counted(engine, done_at + 3 * AN_HOUR) == {}
    complaints(engine, done_at + 4 * AN_HOUR, first=11)
    assert counted(engine, done_at + 4 * AN_HOUR) == {"open": 1}
    assert rectifications(engine) == [(GOODS, "done"), ("BAG-1-ZG2", "open")]
    again = rectification(engine, "BAG-1-ZG2")
    assert (again.counted, again.counted_since) == (5, done_at)


def test_running_it_twice_changes_nothing(engine):
    five(engine)
    counted(engine, LAST_AT)
    before = everything(engine)
    assert counted(engine, LAST_AT) == {}
    assert everything(engine) == before


def test_a_dry_run_shows_what_would_be_opened_and_opens_nothing(engine):
    five(engine)
    report = complaint_escalations(engine, as_of=LAST_AT, dry_run=True)
    assert GOODS in [row["no"] for row in report.rows]
    assert rows(engine, Rectification) == []


def test_a_run_for_one_complaint_opens_nothing(engine):
    five(engine)
    assert counted(engine, LAST_AT, case_no="G1") == {}


def test_two_runs_at_once_make_one(engine):
    five(engine)
    together, done_ = threading.Barrier(2), []

    def run():
        together.wait(timeout=30)
        done_.append(complaint_escalations(engine, as_of=LAST_AT))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(report.triggers["open"] for report in done_) == [0, 1]
    assert not any(report.red for report in done_)
    assert rectification_steps(engine) == [("open", clock(LAST_AT))]
    assert [what for what, _, _ in rectification_owed(engine)] == ["rectification_opened"]


# -- put right --------------------------------------------------------------------------------------


def test_its_owner_hears_of_it_in_duty_hours_and_is_asked_until_it_is_done(engine):
    night = moment("03-03 23:30")
    five(engine, night)
    counted(engine, night)
    assert rectification_owed(engine) == [("rectification_opened", "质量技术部", "03-04 10:00")]
    assert asked_next(engine) == "03-06 23:30"
    assert counted(engine, moment("03-06 23:30")) == {}
    assert asked_next(engine) == "03-07 10:00"
    assert counted(engine, moment("03-07 10:00") - A_SECOND) == {}
    assert counted(engine, moment("03-07 10:00")) == {"chase": 1}
    assert rectification_owed(engine)[1:] == [("rectification_asked", "质量技术部", "03-07 10:00")]
    assert asked_next(engine) == "03-10 10:00"


def test_a_report_puts_the_next_question_off_and_the_lead_hears_how_it_stands(engine):
    five(engine)
    counted(engine, LAST_AT)
    rectified(engine, "report", LAST_AT + 2 * A_DAY, text="正在查")
    assert rectification_owed(engine)[1:] == [("rectification_progress", "客服组长", "03-05 11:00")]
    assert asked_next(engine) == "03-08 11:00"
    assert [said["text"] for said in rectification(engine).progress] == ["正在查"]


def test_from_the_deadline_on_the_lead_is_told_as_well_and_not_a_second_before(engine):
    five(engine)
    counted(engine, LAST_AT)
    due_at = LAST_AT + 14 * A_DAY
    rectified(engine, "report", due_at - A_DAY, text="快了")
    assert asked_next(engine) == clock(due_at), "the deadline is not passed over"
    assert counted(engine, due_at - A_SECOND) == {}
    assert counted(engine, due_at) == {"chase": 1}
    assert rectification_owed(engine)[2:] == [
        ("rectification_overdue", "质量技术部", "03-17 11:00"),
        ("rectification_overdue", "客服组长", "03-17 11:00"),
    ]
    assert asked_next(engine) == "03-20 11:00"


def test_another_owner_hears_of_it_and_is_asked_from_then_on(engine):
    five(engine)
    counted(engine, LAST_AT)
    rectified(engine, "assign", LAST_AT + A_DAY, owner="采购部", by="王组长")
    counted(engine, LAST_AT + 3 * A_DAY)
    assert [(what, who) for what, who, _ in rectification_owed(engine)[1:]] == [
        ("rectification_opened", "采购部"),
        ("rectification_asked", "采购部"),
    ]
    again = of_rectification(engine, "assign", LAST_AT + 4 * A_DAY, owner="采购部", by="王组长")
    assert refused(again) == ["same_owner"]


def test_when_it_is_done_the_handlers_of_its_complaints_hear_of_it_and_nobody_is_asked_again(engine):
    five(engine)
    counted(engine, LAST_AT)
    done(engine, "assign", LAST_AT, no="G3", handler="zhao")
    complaints(engine, LAST_AT + A_DAY, first=6)  # came while it was open: it is about this one as well
    done(engine, "assign", LAST_AT + A_DAY, no="G6", handler="qian")
    rectified(engine, "finish", LAST_AT + 2 * A_DAY, text="换了拉链")
    told = [(what, who) for what, who, _ in rectification_owed(engine) if what == "rectification_done"]
    assert told == [("rectification_done", who) for who in ("客服组长", "li", "qian", "zhao")]
    assert (rectification(engine).state, rectification(engine).finished_at) == ("done", LAST_AT + 2 * A_DAY)
    assert asked_next(engine) is None
    assert counted(engine, LAST_AT + 20 * A_DAY) == {}


def test_its_notices_leave_for_its_owner_and_none_once_it_is_done(engine):
    five(engine)
    counted(engine, LAST_AT)
    with OtherSide() as there:
        deliver(engine, posting({"staff": there.url}), LAST_AT)
        heard = [asked.body["text"] for asked in there.asked if asked.body["what"] == "rectification_opened"]
        assert len(heard) == 1
        assert GOODS in heard[0]
        counted(engine, LAST_AT + 3 * A_DAY)
        rectified(engine, "finish", LAST_AT + 3 * A_DAY, text="换了拉链")
        deliver(engine, posting({"staff": there.url}), LAST_AT + 3 * A_DAY)
    told = messages(engine, case_kind="rectification")
    assert [(row.what, row.recipient, state(row)) for row in told] == [
        ("rectification_opened", "质量技术部", "sent"),
        ("rectification_asked", "质量技术部", "lapsed"),
        ("rectification_done", "客服组长", "sent"),
        ("rectification_done", "li", "sent"),
    ]


@pytest.mark.parametrize("trigger", ["open", "report", "assign", "finish"])
def test_what_somebody_answers_for_is_done_by_a_person_with_a_name(engine, trigger):
    five(engine)
    told = {"about": "goods", "subject": "BAG-9", "counted_since": LAST_AT, "counted": 0}
    no = "BAG-9-ZG1" if trigger == "open" else GOODS
    counted(engine, LAST_AT)
    told = told if trigger == "open" else {"text": "…", "owner": "采购部"}
    assert refused(of_rectification(engine, trigger, LAST_AT, no=no, by="operator", **told)) == [
        "needs_a_person"
    ]


@pytest.mark.parametrize("trigger", ["report", "finish"])
def test_nothing_is_reported_before_it_was_opened(engine, trigger):
    five(engine)
    counted(engine, LAST_AT)
    assert refused(of_rectification(engine, trigger, LAST_AT - AN_INSTANT, text="…")) == ["too_early"]
    rectified(engine, trigger, LAST_AT, text="…")


def test_one_that_is_done_stays_done(engine):
    five(engine)
    counted(engine, LAST_AT)
    rectified(engine, "finish", LAST_AT, text="换了拉链")
    for trigger in ("report", "assign", "finish"):
        assert refused(of_rectification(engine, trigger, LAST_AT, text="…", owner="…")) == [
            "not_from_this_state"
        ]
