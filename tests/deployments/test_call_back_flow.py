"""The run `call-back` waits for a person, and records how the call went; on a real Prefect server."""

import json
import sqlite3
import time
from contextlib import closing
from datetime import timedelta

import pytest
from complaints_told import complain, complaint_state, of_complaint_case, rounds, settled
from databases import SHOP_FILES
from orders_told import AN_HOUR, paid, placed, rows, tell

from deployments.running import deploy, prepare
from flows import clock
from models import Order, StateChange
from models.database import engine_from_env

SHOP, NO, FLOW = "tmall-2020", "1-C1", "call-back/by-hand"  # a shop without holidays: it is called today
PHONE = "13812341234"


@pytest.fixture
def resolved(prefect):
    """A complaint that was resolved an hour ago, to be called back; the timetable is deployed and still."""
    prepare([path for path in SHOP_FILES if path.stem == SHOP], say=lambda _: None)
    deploy(paused=True)
    engine, now = engine_from_env(), clock.now()
    tell(
        engine, placed("1", now - timedelta(days=3), shop=SHOP), paid("1", now - timedelta(days=3), shop=SHOP)
    )
    order_id = rows(engine, Order, no="1")[0].id
    complain(engine, now - 2 * AN_HOUR, order_id=order_id, shop=SHOP, words=f"开线了,打我 {PHONE}")
    settled(engine, now - AN_HOUR, shop=SHOP)
    return engine


def waiting(prefect, **told):
    """A run that has shown its form."""
    run = prefect.start(FLOW, **{"case_no": NO, **told})
    run = prefect.until(run, lambda run: run.state.is_paused() or run.state.is_final())
    assert run.state.is_paused(), run.state
    return run


def answer(prefect, run, outcome, **typed):
    """Fill the form in and submit it, as the browser does."""
    from flows.call_form import MENU

    chosen = next(says for says, word in MENU.items() if word == outcome)
    with prefect.client() as client:
        return client.resume_flow_run(run.id, {"outcome": chosen, "by": "王芳", **typed})


def answered(prefect, run, outcome, **typed):
    reply = answer(prefect, run, outcome, **typed)
    assert reply.status.value == "ACCEPT", reply
    return reply


def asked_again(prefect, run):
    """The form that came back, by field."""
    run = prefect.until(run, lambda run: run.state.is_paused() or run.state.is_final())
    assert run.state.is_paused(), run.state
    return next(value for key, value in inputs(prefect, run).items() if key.endswith("-schema"))["properties"]


def inputs(prefect, run):
    """What Prefect keeps of the form and what was typed into it."""
    everything = {"prefix": "", "limit": 50}
    with prefect.client() as client:
        found = client.request("POST", f"/flow_runs/{run.id}/input/filter", json=everything).json()
    return {one["key"]: json.loads(one["value"]) for one in found}


def told(prefect, run):
    """Every row about this run in Prefect's database, once the last event of it is there."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for queue in (APILogWorker, EventsWorker):
        queue.drain_all(timeout=60)
    give_up_at = time.monotonic() + 180
    ended = f"prefect.flow-run.{run.state.name}", f"prefect.flow-run.{run.id}"
    with closing(sqlite3.connect(f"file:{prefect.server.home / 'prefect.db'}?mode=ro", uri=True)) as database:
        while not database.execute(
            "SELECT 1 FROM events WHERE (event, resource_id) = (?, ?)", ended
        ).fetchone():
            assert time.monotonic() < give_up_at, f"no event {ended[0]} of {run.name}"
            time.sleep(0.5)
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        rows_ = [row for (table,) in tables for row in database.execute(f'SELECT * FROM "{table}"')]
    found = ("|".join(map(str, row)) for row in rows_)
    return [row for row in found if str(run.id) in row or run.id.hex in row]


def stands_in(text, found):
    """Also where JSON has spelled it out."""
    return any(word in row for row in found for word in (text, json.dumps(text)[1:-1]))


def test_an_outcome_is_recorded_at_the_moment_it_was_told_and_nothing_of_it_stays_in_prefect(
    prefect, resolved
):
    with prefect.worker():
        run = waiting(prefect)
        assert PHONE not in str(inputs(prefect, run))
        submitted_at = clock.now()
        answered(prefect, run, "satisfied", words=f"很满意,号码 {PHONE}", satisfaction="5")
        heard_at = clock.now()
        run = prefect.until_final(run)
    assert run.state.message == "1-C1: call → resolved, close → closed; 已了结 / nobody's: it is over"
    assert complaint_state(resolved, shop=SHOP) == "closed"
    [round_] = rounds(resolved, shop=SHOP)
    [called] = of_complaint_case(resolved, StateChange, shop=SHOP, trigger="call")
    assert (round_.outcome, round_.satisfaction, called.by) == ("satisfied", 5, "王芳")
    assert called.flow_run == str(run.id)
    assert submitted_at <= called.at <= heard_at
    assert round_.calls[0]["text"] == "很满意,号码 138****1234"
    assert inputs(prefect, run) == {}
    found = told(prefect, run)
    assert stands_in("call-back 1-C1", found)
    assert [words for words in (PHONE, "很满意", "开线") if stands_in(words, found)] == []


def test_while_it_waits_the_run_holds_no_slot_of_the_worker(prefect, resolved):
    with prefect.worker(limit=1):
        runs = [waiting(prefect) for _ in range(3)]
        assert prefect.run("complaint-case/by-hand", case_no=NO).state.is_completed()
        answered(prefect, runs[0], "not_reached")
        assert prefect.until_final(runs[0]).state.is_completed()


def test_it_waits_while_the_worker_is_away_and_the_call_keeps_its_time(prefect, resolved):
    with prefect.worker():
        run = waiting(prefect)
    submitted_at = clock.now()
    answered(prefect, run, "not_reached")
    heard_at = clock.now()
    time.sleep(3)
    with prefect.worker():
        assert prefect.until_final(run).state.is_completed()
    [called] = of_complaint_case(resolved, StateChange, shop=SHOP, trigger="call")
    assert submitted_at <= called.at <= heard_at


def test_the_form_refuses_what_it_can_and_goes_on_waiting(prefect, resolved):
    with prefect.worker():
        run = waiting(prefect)
        with prefect.client() as client:
            for typed in ({}, {"outcome": "happy", "by": "王芳"}, {"by": "王芳"}):
                assert client.resume_flow_run(run.id, typed).status.value == "REJECT"
        assert answer(prefect, run, "satisfied", by="").status.value == "REJECT"
        assert answer(prefect, run, "satisfied", satisfaction="6").status.value == "REJECT"
        answered(prefect, run, "satisfied")
        assert prefect.until_final(run).state.is_completed()


def test_what_was_mistyped_is_asked_for_again_with_all_that_was_typed(prefect, resolved):
    with prefect.worker():
        run = waiting(prefect)
        answered(prefect, run, "later", words=f"忙,打 {PHONE}")
        form = asked_again(prefect, run)
        assert form["words"]["description"].startswith("**客户要求改日再打")
        assert [form[name].get("default") for name in ("words", "by", "later_at")] == [
            "忙,打 138****1234",
            "王芳",
            None,
        ]
        assert form["outcome"]["default"].startswith("later: ")
        assert len(inputs(prefect, run)) == 1, "the first form and what was typed into it are gone"
        answered(prefect, run, "later", words="忙", later_at="明天")
        assert "is no time" in asked_again(prefect, run)["words"]["description"].replace("\\", "")
        answered(prefect, run, "later", words="忙", later_at=f"{clock.now() + AN_HOUR:%Y-%m-%dT%H:%MZ}")
        assert prefect.until_final(run).state.is_completed()
    assert [call["outcome"] for call in rounds(resolved, shop=SHOP)[0].calls] == ["later"]


def test_a_complaint_that_moved_on_meanwhile_ends_it_red_and_nothing_of_what_was_typed_is_lost(
    prefect, resolved
):
    with prefect.worker():
        first, second = waiting(prefect), waiting(prefect)
        answered(prefect, first, "satisfied")
        prefect.until_final(first)
        answered(prefect, second, "problem", words=f"还是开线,打 {PHONE}")
        red = prefect.until_final(second)
        mistyped = prefect.run(FLOW, case_no=NO)
    refusal = "complaint 1-C1 cannot call: not possible while it is closed"
    assert red.state.is_failed()
    assert red.state.message == (
        f"{refusal}; not recorded: outcome='problem', words='还是开线,打 138****1234', by='王芳'"
    )
    assert inputs(prefect, red) == {}
    assert not stands_in(PHONE, told(prefect, red))
    assert mistyped.state.is_failed()
    assert mistyped.state.message == refusal, "there is nobody to call: no form is shown"


def test_a_second_answer_to_the_same_form_is_refused(prefect, resolved):
    with prefect.worker():
        run = waiting(prefect)
        answered(prefect, run, "not_reached")
        assert answer(prefect, run, "satisfied").status.value == "ABORT"
        assert prefect.until_final(run).state.is_completed()
    assert [call["outcome"] for call in rounds(resolved, shop=SHOP)[0].calls] == ["not_reached"]


def test_a_run_cancelled_while_it_waits_records_nothing(prefect, resolved):
    from prefect.states import Cancelling

    with prefect.worker():
        run = waiting(prefect)
        with prefect.client() as client:
            client.set_flow_run_state(run.id, Cancelling())
        assert prefect.until_final(run).state.is_cancelled()
        assert answer(prefect, run, "satisfied").status.value == "ABORT"
    assert rounds(resolved, shop=SHOP)[0].calls == []


def test_a_form_that_nobody_answers_ends_red(prefect, resolved, monkeypatch):
    from flows import call_form

    monkeypatch.setattr(call_form, "WAITS", 2)
    with prefect.worker():
        run = prefect.run(FLOW, case_no=NO)
    assert run.state.is_failed()
    assert "never resumed" in run.state.message
    assert complaint_state(resolved, shop=SHOP) == "resolved"


def test_tried_again_after_a_crash_the_call_is_recorded_once(prefect, resolved, monkeypatch):
    from prefect.states import AwaitingRetry

    from flows import call_form

    def crashes(form):
        raise SystemExit(3)

    with prefect.worker(), monkeypatch.context() as broken:
        broken.setattr(call_form, "_forget", crashes)
        run = waiting(prefect)
        answered(prefect, run, "not_reached", words="没人接")
        assert prefect.until_final(run).state.is_crashed()
    with prefect.worker():
        with prefect.client() as client:
            client.set_flow_run_state(run.id, AwaitingRetry(), force=True)
        run = prefect.until(run, lambda run: run.state.is_completed())
    assert "recorded already" in run.state.message
    assert len(rounds(resolved, shop=SHOP)[0].calls) == 1
    assert inputs(prefect, run) == {}


def test_without_a_complaint_of_that_number_no_form_is_shown(prefect, resolved):
    with prefect.worker():
        run = prefect.run(FLOW, case_no="2-C1")
    assert run.state.is_failed()
    assert run.state.message.startswith("there is no complaint '2-C1'")
