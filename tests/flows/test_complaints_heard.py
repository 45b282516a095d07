"""A complaint made on the platform is registered once, under the platform's number for it (rules 93-95)."""

from __future__ import annotations

from datetime import timedelta

from complaints_told import complaint, rounds
from orders_told import A_MINUTE, moment, paid, placed, rows, tell
from test_inbox import an_event, heard, outcomes

from flows import complaints_heard
from flows.inbox_processing import process_inbox
from models import Anomaly, Complaint, InboxFact, StateChange

NOW = moment("03-03 12:00")
THEIRS = {
    "no": "TS7",
    "order_no": "1",
    "nature": "spoiled",
    "text": "馊了",
    "buyer": "张三",
    "phone": "13812341234",
}


def an_order(engine):
    tell(engine, placed(), paid())


def a_complaint(number="evt-1", **told):
    words = {**THEIRS, **told}
    return an_event(number, "complaint.made", order_no=words["order_no"], complaint=words)


def test_it_becomes_a_case_with_its_grade_and_clock(engine):
    an_order(engine)
    assert heard(engine, a_complaint(), now=NOW).new == 1
    case = complaint(engine, "P-TS7")
    assert (case.grade, case.channel, case.order_id, case.name) == ("crisis", "platform", 1, "张三")
    assert [word["words"] for word in case.said] == ["馊了"]
    assert rounds(engine, "P-TS7")[0].respond_by is not None


def test_told_again_by_another_event_it_is_the_same_complaint(engine):
    an_order(engine)
    heard(engine, a_complaint(), now=NOW)
    heard(engine, a_complaint("evt-2"), now=NOW + A_MINUTE)
    assert len(rows(engine, Complaint)) == 1
    assert [row.trigger for row in rows(engine, StateChange, case_kind="complaint")] == ["register"]


def test_another_one_about_the_same_order_and_cause_joins_it_and_counts_once(engine):
    an_order(engine)
    heard(engine, a_complaint(), now=NOW)
    for number in ("evt-2", "evt-3"):
        heard(engine, a_complaint(number, no="TS8", text="还没人理我"), now=NOW + A_MINUTE)
    assert [word["words"] for word in complaint(engine, "P-TS7").said] == ["馊了", "还没人理我"]
    assert len(rows(engine, Complaint)) == 1


def test_it_waits_a_while_for_its_order_and_is_registered_all_the_same(engine):
    assert heard(engine, a_complaint(), now=NOW).postponed == 1
    assert rows(engine, Complaint) == []
    process_inbox(engine, now=NOW + timedelta(minutes=15))
    assert complaint(engine, "P-TS7").order_id is None
    assert [row.code for row in rows(engine, Anomaly)] == ["unknown_order"]


def test_an_order_that_comes_meanwhile_is_the_one_it_is_about(engine):
    heard(engine, a_complaint(), now=NOW)
    an_order(engine)
    process_inbox(engine, now=NOW + timedelta(minutes=15))
    assert complaint(engine, "P-TS7").order_id == 1


def test_a_nature_nobody_knows_is_something_else_and_no_words_are_no_complaint(engine):
    an_order(engine)
    heard(engine, a_complaint(nature="haunted"), a_complaint("evt-2", no="TS8", text="  "), now=NOW)
    assert [row.nature for row in rows(engine, Complaint)] == ["other"]
    assert outcomes(engine) == ["new", "quarantined"]
    assert len(rows(engine, InboxFact)) == 2


def test_when_the_open_one_is_closed_in_that_very_moment_the_word_is_not_lost(engine, monkeypatch):
    an_order(engine)
    heard(engine, a_complaint(), now=NOW)
    monkeypatch.setattr(complaints_heard, "open_twin", lambda *about: None)  # closed between two of our looks
    later = a_complaint("evt-2", no="TS8", text="又馊了")
    assert heard(engine, later, now=NOW + A_MINUTE).postponed == 1
    monkeypatch.undo()
    process_inbox(engine, now=NOW + timedelta(minutes=10))
    assert [word["words"] for word in complaint(engine, "P-TS7").said] == ["馊了", "又馊了"]
