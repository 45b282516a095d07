"""The end of the known days: what is decided then is recorded, planned provisionally, and made again when days come."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from types import SimpleNamespace

import pytest
from complaints_told import (
    A_DAY,
    complain,
    complaint_owed,
    complaint_state,
    complaint_steps,
    complaint_timers,
    done,
    of_complaint_case,
    rounds,
    settled,
)
from databases import SHOP_FILES
from days_told import days_come
from old_databases import bring_to
from orders_told import (
    A_MINUTE,
    A_SECOND,
    AN_HOUR,
    SHOP,
    anomalies,
    by,
    history,
    moment,
    of_case,
    open_timers,
    order,
    owed,
    paid,
    placed,
    refusal,
    rows,
    tell,
    tell_one,
    timers,
    triggers,
)
from sqlalchemy import Engine, MetaData, insert

from deployments.shop_files import load_shop_file
from flows.complaint_steps import complaint_callbacks
from flows.dispatch_cutoff import dispatch_cutoff
from flows.order_watch import watch_orders
from flows.outbox_cases import cases_of
from flows.outbox_truth import no_longer_true
from flows.payment_reminders import remind_unpaid
from flows.policy_store import apply_policy
from flows.remaking import on_closed_days, repromise
from flows.requests import Status
from models import Anomaly, Order, OutboxMessage, Timer
from models.database import reading
from models.migrating import migrate

KITCHEN = "urumqi-kitchen"
SHOP_FILE = next(path for path in SHOP_FILES if path.stem == SHOP)
AFTER = moment("2026-12-31 17:00")  # paid at the cut-off of the last known day: after it
PLACED = AFTER - AN_HOUR
MONDAY = "01-04 17:00"
COMPLAINED = moment("2026-12-25 10:00")


def buy(engine: Engine, no: str = "1", at=AFTER, shop: str = SHOP) -> None:
    tell(engine, placed(no, at - A_MINUTE, shop=shop), paid(no, at, shop=shop))


def waiting(engine: Engine, no: str = "1") -> SimpleNamespace:
    [timer] = timers(engine, no, kind="dispatch_cutoff", done_at=None, cancelled_at=None)
    return timer


# -- orders -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paid_at", "day", "unknown_on"),
    [
        ("2026-12-24 17:00", "2026-12-25", None),
        ("2026-12-31 16:59:59", "2026-12-31", None),
        ("2026-12-31 17:00", "2027-01-04", "2027-01-01"),
        ("2027-01-01 09:00", "2027-01-04", "2027-01-01"),
        ("2027-01-04 16:59:59", "2027-01-04", "2027-01-04"),
        ("2027-01-04 17:00", "2027-01-05", "2027-01-05"),
        ("2027-02-04 17:00", "2027-02-11", "2027-02-05"),
    ],
)
def test_whoever_pays_when_the_known_days_end_is_promised_a_day_all_the_same(
    engine, library, paid_at, day, unknown_on
):
    buy(engine, at=moment(paid_at))
    found = order(engine)
    assert (f"{found.promise_on}", str(found.promise_unknown_on or "") or None) == (day, unknown_on)
    assert waiting(engine).unknown_on == found.promise_unknown_on
    assert waiting(engine).due_at == found.promise_cutoff_at
    assert anomalies(engine) == []


def test_the_kitchen_that_works_every_day_promises_as_ever_until_it_closes(engine, library):
    buy(engine, "1", moment("2026-12-31 16:00"), KITCHEN)
    assert (order(engine, "1", KITCHEN).promise_on, order(engine, "1", KITCHEN).promise_unknown_on) == (
        date(2027, 1, 1),
        None,
    )
    days_come(engine, AFTER, KITCHEN, closed=["2027-02-05/2027-02-11"])
    buy(engine, "2", moment("2027-02-04 16:00"), KITCHEN)
    assert f"{order(engine, '2', KITCHEN).promise_on}" == "2027-02-12"


def test_the_buyer_reads_that_a_provisional_day_is_expected(engine, library):
    buy(engine, "sure", moment("2026-12-30 10:00"))
    buy(engine, "provisional")
    told = {
        no: of_case(engine, OutboxMessage, no, what="address_confirmation")[0].text
        for no in ("sure", "provisional")
    }
    assert "我们会在 2026-12-30 发货。" in told["sure"]
    assert "我们预计在 2027-01-04 发货(节假日安排尚未公布,如有变动我们会告诉您)。" in told["provisional"]


def test_a_provisional_cut_off_releases_like_any_other(engine, library):
    """From 12-31 on nothing could leave: the promise has its timer, and a person with a name can see to it."""
    buy(engine)
    assert refusal(engine, by("lin", "release", AFTER + AN_HOUR)) == ["before_cutoff"]
    dispatch_cutoff(engine, as_of=moment("2027-01-04 17:00") - A_SECOND)
    assert order(engine).state == "verified"
    dispatch_cutoff(engine, as_of=moment("2027-01-04 17:00"))
    assert (order(engine).state, order(engine).batch_cutoff_at) == ("released", moment("2027-01-04 17:00"))


# -- and when the days are known --------------------------------------------------------------------


@pytest.mark.parametrize("sweep", [remind_unpaid, watch_orders, dispatch_cutoff])
def test_a_day_that_turns_out_as_thought_is_confirmed_by_the_next_sweep_and_nobody_is_told(
    engine, library, sweep
):
    buy(engine)
    library.upgrade()
    report = sweep(engine, as_of=AFTER + AN_HOUR)
    assert (dict(report.triggers), report.failed) == ({"repromise": 1}, 0)
    assert (order(engine).promise_unknown_on, waiting(engine).unknown_on) == (None, None)
    assert open_timers(engine)["dispatch_cutoff"] == MONDAY
    assert (history(engine)[-1].trigger, history(engine)[-1].by) == ("repromise", "calendar")
    assert "promise_moved" not in owed(engine)
    assert sweep(engine, as_of=AFTER + AN_HOUR).triggers == {}, "and that is all"


def test_a_day_that_moves_is_told_to_its_buyer_once(engine, library):
    """Paid on a Friday for Monday; the Saturday turns out to be a make-up workday."""
    buy(engine, at=moment("2027-01-29 17:00"))
    assert f"{order(engine).promise_on}" == "2027-02-01"
    overdue = open_timers(engine)["dispatch_overdue"]
    library.upgrade()
    for minutes in (5, 10, 15):
        report = remind_unpaid(engine, as_of=moment("2027-01-29 17:00") + minutes * A_MINUTE)
        assert bool(report.rows) is (minutes == 5), "staff see it in the report of the run that did it"
    assert (f"{order(engine).promise_on}", order(engine).promise_unknown_on) == ("2027-01-30", None)
    assert open_timers(engine) == {"dispatch_cutoff": "01-30 17:00", "dispatch_overdue": overdue}
    [told] = of_case(engine, OutboxMessage, what="promise_moved")
    assert "原定 2027-02-01 发货,现调整为 2027-01-30 发货。" in told.text


def test_of_two_days_told_before_anything_left_only_the_last_one_is_true(engine, library):
    """A shop closes a day by a typing error, and the right one after it."""
    buy(engine, at=moment("2026-12-28 17:00"))
    for minutes, closed in enumerate(["2026-12-29", "2026-12-29/2026-12-30"], 1):
        at = moment("2026-12-28 18:00") + minutes * A_MINUTE
        days_come(engine, at, closed=[closed])
        repromise(engine, SHOP, as_of=at)
    told = of_case(engine, OutboxMessage, what="promise_moved")
    with reading(engine) as connection:
        cases = cases_of(connection, told)
    judged = [no_longer_true(row, cases[row.case_kind, row.case_id]) for row in told]
    assert [reason and reason.zh for reason in judged] == ["承诺日又有变动", None]


def test_sweeps_at_once_tell_each_buyer_once(engine, library):
    for number in range(20):
        buy(engine, f"{number}", at=moment("2027-01-29 17:00"))
    library.upgrade()
    with ThreadPoolExecutor(4) as threads:
        at = moment("2027-01-29 17:05")
        list(threads.map(lambda _: remind_unpaid(engine, as_of=at), range(4)))
    assert {f"{row.promise_on}" for row in rows(engine, Order)} == {"2027-01-30"}
    assert len(rows(engine, OutboxMessage, what="promise_moved")) == 20
    assert len(rows(engine, Timer, kind="dispatch_cutoff", done_at=None, cancelled_at=None)) == 20


def test_one_order_that_can_not_be_promised_anew_stops_no_other(engine, library):
    """Promise 8: the run ends red, and the others have their promise."""
    for no in ("bad", "good"):
        buy(engine, no)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE orders SET state = 'lost' WHERE no = 'bad'")
    library.upgrade()
    report = remind_unpaid(engine, as_of=AFTER + AN_HOUR)
    assert (report.red, order(engine, "good").promise_unknown_on) == (True, None)
    assert [row["no"] for row in report.rows if row.get("error")] == ["bad"]


def test_a_shop_file_with_only_some_of_the_days_moves_what_they_move(engine, library):
    """The first unknown day stays unknown; a later one that the promise rests on is known."""
    buy(engine, at=moment("2027-02-04 17:00"))
    days_come(engine, AFTER, working=["2027-02-06"])
    remind_unpaid(engine, as_of=moment("2027-02-04 17:05"))
    assert (f"{order(engine).promise_on}", f"{order(engine).promise_unknown_on}") == (
        "2027-02-06",
        "2027-02-05",
    )
    before = triggers(engine)
    remind_unpaid(engine, as_of=moment("2027-02-05 09:00"))
    assert triggers(engine) == before, "still provisional, and nothing to do"
    days_come(engine, AFTER, closed=["2027-02-05"], working=["2027-02-06"])
    remind_unpaid(engine, as_of=moment("2027-02-05 10:00"))
    assert (f"{order(engine).promise_on}", order(engine).promise_unknown_on) == ("2027-02-06", None)


def test_days_are_facts_an_order_placed_before_the_shop_file_gets_them_too(engine, library):
    """They are not frozen with the policy version the order was placed under."""
    buy(engine)
    days_come(engine, AFTER + A_MINUTE, closed=["2027-01-01/2027-01-04"], known_until="2027-12-31")
    remind_unpaid(engine, as_of=AFTER + AN_HOUR)
    assert (f"{order(engine).promise_on}", order(engine).promise_unknown_on) == ("2027-01-05", None)
    assert "promise_moved" in owed(engine)


def test_a_cut_off_that_is_due_is_looked_at_before_it_lets_go(engine, library):
    """After a stop of the system: the day was closed after all, or was a working day."""
    for no in ("closed", "worked"):
        buy(engine, no, at=moment(f"2027-01-{'05' if no == 'closed' else '04'} 10:00"))
    days_come(engine, AFTER, closed=["2027-01-05"], working=["2027-01-04"])
    dispatch_cutoff(engine, as_of=moment("2027-01-05 17:00"))
    assert order(engine, "worked").batch_cutoff_at == moment("2027-01-04 17:00")
    assert (order(engine, "closed").state, f"{order(engine, 'closed').promise_on}") == (
        "verified",
        "2027-01-06",
    )


def test_what_was_held_over_its_cut_off_waits_for_the_next_batch_on_the_days_known_then(engine, library):
    """The promise it missed stays as it was given, and nobody is told of a new one."""
    paid_at = moment("2026-12-31 10:00")
    tell(engine, placed(at=paid_at - AN_HOUR), paid(at=paid_at), by("lin", "hold", paid_at, reason="stock"))
    dispatch_cutoff(engine, as_of=AFTER)
    assert (open_timers(engine)["dispatch_cutoff"], f"{waiting(engine).unknown_on}") == (MONDAY, "2027-01-01")
    days_come(engine, AFTER, closed=["2027-01-01/2027-01-04"], known_until="2027-12-31")
    remind_unpaid(engine, as_of=AFTER + AN_HOUR)
    assert (open_timers(engine)["dispatch_cutoff"], waiting(engine).unknown_on) == ("01-05 17:00", None)
    assert (f"{order(engine).promise_on}", "promise_moved" in owed(engine)) == ("2026-12-31", False)


def test_an_order_that_an_older_kefu_left_without_a_promise_gets_one(stranded):
    dispatch_cutoff(stranded, as_of=AFTER + AN_HOUR)
    assert (f"{order(stranded).promise_on}", open_timers(stranded)["dispatch_cutoff"]) == (
        "2027-01-04",
        MONDAY,
    )
    assert [row.settled_at for row in of_case(stranded, Anomaly)] == [AFTER + AN_HOUR]
    assert "promise_moved" not in owed(stranded), "no other day was promised"


def test_nobody_gets_nothing_from_promising_anew_by_hand(stranded):
    """Exit 0 means that there is a promise."""
    assert tell_one(stranded, by("lin", "repromise", AFTER + AN_HOUR)).status is Status.CHANGED
    assert (f"{order(stranded).promise_on}", open_timers(stranded)["dispatch_cutoff"]) == (
        "2027-01-04",
        MONDAY,
    )


def test_a_person_lets_go_what_an_older_kefu_left_without_a_promise(stranded):
    assert tell_one(stranded, by("lin", "release", AFTER + AN_HOUR)).status is Status.CHANGED
    assert order(stranded).state == "released"


@pytest.fixture
def stranded(databases, database_kind, library) -> Engine:
    """The database of an older kefu with an order paid where its calendar ended, migrated."""
    engine = databases.empty(database_kind)
    bring_to(engine, "0006")
    apply_policy(engine, load_shop_file(SHOP_FILE), at=PLACED)
    rows_before = {
        "orders": {"id": 1, "shop": SHOP, "no": "1", "state": "verified", "version": 3, "changed_at": AFTER,
                   "amount_fen": 1, "paid_fen": 1, "refunded_fen": 0, "placed_at": PLACED, "pay_by": AFTER + AN_HOUR,
                   "reminded_rung": 0, "paid_at": AFTER},
        "anomalies": {"case_kind": "order", "case_id": 1, "shop": SHOP, "code": "no_promise", "key": "",
                      "trigger": "pay", "at": AFTER, "recorded_at": AFTER, "zh": "没有发货承诺", "en": "none",
                      "facts": {}},
    }  # fmt: skip
    (found := MetaData()).reflect(engine)
    with engine.begin() as connection:
        for name, row in rows_before.items():
            connection.execute(insert(found.tables[name]), row)
    migrate(engine)
    return engine


# -- complaints -------------------------------------------------------------------------------------


def resolved(engine: Engine, at=COMPLAINED) -> None:
    complain(engine, at - 2 * AN_HOUR)
    settled(engine, at)


def test_a_complaint_is_resolved_where_the_seven_days_reach_into_next_year(engine, library):
    """From 12-25 on `resolve` failed, and the ladder climbed to the leaders about a settled complaint."""
    resolved(engine)
    assert complaint_state(engine) == "resolved"
    assert complaint_timers(engine) == {"callback": "12-28 15:00", "survey": "12-31 18:00"}
    unknown = {
        row.kind: row.unknown_on for row in of_complaint_case(engine, Timer, done_at=None, cancelled_at=None)
    }
    assert unknown == {"callback": None, "survey": date(2027, 1, 1)}


@pytest.mark.parametrize("shop", [SHOP, KITCHEN])
def test_from_christmas_to_new_year_complaints_are_resolved_called_and_asked(engine, library, shop):
    first, last = moment("2026-12-24 11:00"), moment("2027-01-05 11:00")
    days = [first + number * A_DAY for number in range((last - first).days + 1)]
    for number, at in enumerate(days):
        complain(engine, at - 2 * AN_HOUR, no=f"C{number}", shop=shop)
        settled(engine, at, no=f"C{number}", shop=shop)
    for hours in range(0, 24 * 21, 3):
        assert not complaint_callbacks(engine, as_of=first + hours * AN_HOUR).red
    for number, at in enumerate(days):
        assert "call_due" in dict(complaint_steps(engine, f"C{number}", shop))
        assert rounds(engine, f"C{number}", shop)[0].surveyed_at <= at + 7 * A_DAY, "rule 100"


def test_a_callback_on_a_day_that_was_unknown_moves_when_the_days_come(engine, library):
    resolved(engine, moment("2026-12-30 11:00"))
    assert complaint_timers(engine) == {"callback": "01-04 15:00", "survey": "01-06 11:00"}
    days_come(
        engine, AFTER, working=["2027-01-02"], closed=["2027-01-01", "2027-01-03"], known_until="2027-12-31"
    )
    assert dict(complaint_callbacks(engine, as_of=moment("2026-12-31 09:00")).triggers) == {"replan": 1}
    assert complaint_timers(engine) == {"callback": "01-02 15:00", "survey": "01-06 11:00"}
    assert rounds(engine)[0].next_call_at == moment("2027-01-02 15:00")
    assert complaint_callbacks(engine, as_of=moment("2026-12-31 09:10")).triggers == {}


def test_the_survey_moves_too_while_somebody_is_to_call(engine, library):
    resolved(engine, moment("2026-12-29 11:00"))
    complaint_callbacks(engine, as_of=moment("2026-12-31 15:00"))
    assert complaint_state(engine) == "callback_due"
    assert complaint_timers(engine)["survey"] == "01-05 11:00"
    days_come(engine, AFTER, closed=["2027-01-01/2027-01-05"])
    complaint_callbacks(engine, as_of=moment("2026-12-31 15:10"))
    assert complaint_timers(engine)["survey"] == "12-31 18:00"


def test_nobody_is_asked_for_another_number_twice_because_days_came(engine, library):
    resolved(engine, moment("2026-12-29 11:00"))
    done(engine, "call", moment("2026-12-31 16:00"), outcome="wrong_number")
    assert complaint_timers(engine)["callback"].startswith("01-04")
    days_come(engine, AFTER, working=["2027-01-02"])
    complaint_callbacks(engine, as_of=moment("2026-12-31 17:00"))
    assert complaint_timers(engine)["callback"].startswith("01-02")
    assert [what for what, _ in complaint_owed(engine)].count("ask_number") == 1


# -- in bulk ----------------------------------------------------------------------------------------


def test_in_bulk_all_of_a_shop_is_made_again_and_counted(engine, library):
    """Also a promise on a known day that the shop has closed since."""
    buy(engine, "moves", moment("2026-12-29 17:00"))
    buy(engine, "stays", moment("2026-12-28 17:00"))
    buy(engine, "confirmed")
    resolved(engine, moment("2026-12-28 10:00"))
    days_come(
        engine,
        AFTER,
        closed=["2026-12-30", "2027-01-01/2027-01-03"],
        working=["2027-01-04"],
        known_until="2027-12-31",
    )
    at = moment("2026-12-29 12:00")
    with reading(engine) as connection:
        assert on_closed_days(connection, SHOP) == 2
    dry = repromise(engine, SHOP, as_of=at, dry_run=True)
    assert (dry.moved, dry.confirmed, dry.unchanged) == (2, 1, 1)
    assert f"{order(engine, 'moves').promise_on}" == "2026-12-30"
    wet = repromise(engine, SHOP, as_of=at)
    assert [(row["no"], row["from"][:10], row["to"][:10]) for row in wet.rows] == [
        ("moves", "2026-12-30", "2026-12-31"),
        ("1-C1", "2026-12-30", "2026-12-31"),
    ]
    assert wet.rows == dry.rows
    assert f"{order(engine, 'moves').promise_on}" == "2026-12-31"
    again = repromise(engine, SHOP, as_of=at)
    assert (again.moved, again.confirmed, again.unchanged) == (0, 0, 4)
    with reading(engine) as connection:
        assert on_closed_days(connection, SHOP) == 0
