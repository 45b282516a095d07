"""Doing what has fallen due: in batches, each once, and one bad row stops nothing (promises 4, 5, 8)."""

from datetime import timedelta

import pytest
from databases import everything
from orders_told import (
    A_SECOND,
    AN_HOUR,
    CUTOFF,
    PAID_AT,
    PAY_BY,
    PLACED_AT,
    SHOP,
    a_request,
    fact,
    moment,
    order,
    owed,
    paid,
    placed,
    reminders,
    rows,
    steps,
    tell,
    timers,
)
from sqlalchemy import event, text

from flows import sweep as sweep_module
from flows.order_watch import watch_orders
from flows.payment_reminders import remind_unpaid
from models import Order, OutboxMessage, Timer
from models.database import transaction
from states.errors import NotFound

FIRST_RUNG = moment("03-02 10:30")


def test_a_rung_falls_due_at_its_moment_and_not_a_second_before(engine):
    tell(engine, placed())
    assert remind_unpaid(engine, as_of=FIRST_RUNG - A_SECOND).claimed == 0
    assert remind_unpaid(engine, as_of=FIRST_RUNG).triggers == {"remind": 1}
    assert reminders(engine) == [("1", 1, "03-02 10:30")]


def test_a_second_sweep_changes_nothing(engine):
    tell(engine, placed())
    remind_unpaid(engine, as_of=PAY_BY)
    before = everything(engine)
    assert remind_unpaid(engine, as_of=PAY_BY).claimed == 0
    assert everything(engine) == before


def test_every_timer_of_a_whole_life_is_done_or_cancelled_once(engine):
    """Promise 4."""
    delivered_at = moment("03-05 12:00")
    tell(engine, placed(), paid(), fact("ship", CUTOFF, waybill="SF1"), fact("deliver", delivered_at))
    watch_orders(engine, as_of=delivered_at + timedelta(days=30))
    assert steps(engine)[-2:] == [("follow_up", "03-12 12:00"), ("complete", "03-15 12:00")]
    for timer in timers(engine):
        assert (timer.done_at is None) != (timer.cancelled_at is None), timer


def test_staff_hear_of_what_is_not_verified_and_not_shipped_in_time(engine):
    """Rules 32, 42."""
    tell(engine, placed(phone="123"), paid())
    watch_orders(engine, as_of=PAID_AT + timedelta(hours=2) - A_SECOND)
    assert owed(engine) == ["address_confirmation", "order_in_doubt"]
    watch_orders(engine, as_of=PAID_AT + timedelta(hours=48))
    assert owed(engine)[2:] == ["verification_chase", "dispatch_overdue"]


def test_an_opted_out_buyer_is_not_reminded_and_the_order_still_expires(engine):
    tell(engine, placed("1", buyer="lin"), placed("2", buyer="lin"), placed("3"))
    tell(engine, a_request("opt_out", PLACED_AT + A_SECOND, no="1"))
    report = remind_unpaid(engine, as_of=PAY_BY)
    assert [no for no, _, _ in reminders(engine, "123")] == ["3", "3", "3"]
    assert report.refused == 2
    assert {o.state for o in rows(engine, Order)} == {"cancelled"}
    refused = [t.refused for t in rows(engine, Timer) if t.refused]
    assert refused == ["opted_out", "opted_out"]


def test_more_cases_than_a_batch_holds_are_all_done(engine, monkeypatch):
    monkeypatch.setattr(sweep_module, "BATCH", 3)
    tell(engine, *(placed(str(n)) for n in range(10)))
    batches = []

    def seen(fn, *args):
        batches.append(args[1])
        return fn(*args)

    report = remind_unpaid(engine, as_of=FIRST_RUNG, run_batch=seen)
    assert [len(ids) for ids in batches] == [3, 3, 3, 1]
    assert (report.done, report.claimed) == (10, 10)


def test_a_dry_run_changes_nothing_at_all_and_counts_like_the_real_one(engine):
    tell(engine, *(placed(str(n)) for n in range(5)))
    before = everything(engine)
    dry = remind_unpaid(engine, as_of=PAY_BY, dry_run=True)
    assert everything(engine) == before
    wet = remind_unpaid(engine, as_of=PAY_BY)
    assert {**dry.as_dict(), "dry_run": False} == wet.as_dict()
    assert dry.rows == wet.rows


def test_the_scope_is_one_shop_or_one_order(engine):
    tell(engine, placed("1"), placed("2"), placed("3", shop="urumqi-kitchen"))
    remind_unpaid(engine, as_of=FIRST_RUNG, case_no="2")
    assert [len(rows(engine, OutboxMessage, case_id=order(engine, no).id)) for no in "12"] == [0, 1]
    remind_unpaid(engine, as_of=FIRST_RUNG, shop=SHOP)
    assert len(rows(engine, OutboxMessage, shop="urumqi-kitchen")) == 0
    remind_unpaid(engine, as_of=FIRST_RUNG)
    assert len(rows(engine, OutboxMessage, shop="urumqi-kitchen")) == 1


def test_an_unknown_shop_or_order_is_answered_before_anything_is_done(engine):
    tell(engine, placed())
    for scope in ({"shop": "moon"}, {"case_no": "4711"}):
        with pytest.raises(NotFound):
            remind_unpaid(engine, as_of=FIRST_RUNG, **scope)
    assert reminders(engine) == []


def the_database_refuses(engine, no: str) -> None:
    """As a full disk page, a broken index or a constraint somebody added would: no error of ours."""
    id_ = order(engine, no).id
    with transaction(engine) as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(
                text(
                    f"CREATE TRIGGER poison BEFORE INSERT ON state_changes WHEN NEW.case_id = {id_} "
                    "BEGIN SELECT RAISE(ABORT, 'poison'); END"
                )
            )
        else:
            connection.execute(text(f"ALTER TABLE state_changes ADD CHECK (case_id != {id_}) NOT VALID"))


def test_a_row_the_database_refuses_is_found_and_put_off_alone(engine):
    """Promise 8."""
    nos = [str(n) for n in range(30)]
    tell(engine, *(placed(no) for no in nos))
    the_database_refuses(engine, "17")

    report = remind_unpaid(engine, as_of=PAY_BY)

    assert report.red
    assert {o.no for o in rows(engine, Order, state="unpaid")} == {"17"}
    assert report.triggers == {"remind": 3 * 29, "expire": 29}
    assert report.claimed == report.done + report.postponed
    assert all(t.error for t in timers(engine, "17") if t.due_at <= PAY_BY)


def test_a_row_the_database_refuses_does_not_stop_what_is_told_of_the_others(engine):
    tell(engine, *(placed(str(n)) for n in range(9)))
    the_database_refuses(engine, "4")
    outcomes = tell(engine, *(paid(str(n)) for n in range(9))).outcomes
    assert [o.request.no for o in outcomes if o.status == "failed"] == ["4"]
    assert {o.no for o in rows(engine, Order, state="unpaid")} == {"4"}


def test_a_bad_row_in_a_dry_run_is_shown_and_not_put_off(engine):
    tell(engine, placed())
    the_database_refuses(engine, "1")
    before = everything(engine)
    assert remind_unpaid(engine, as_of=PAY_BY, dry_run=True).red
    assert everything(engine) == before


def test_a_bad_row_keeps_no_sweep_alive_for_ever(engine):
    tell(engine, placed())
    the_database_refuses(engine, "1")
    for hour in range(3):
        assert remind_unpaid(engine, as_of=PAY_BY + hour * AN_HOUR).red


def test_what_fails_for_months_is_still_tried_every_six_hours(engine):
    tell(engine, placed("1"))
    the_database_refuses(engine, "1")
    with transaction(engine) as connection:
        connection.execute(text("UPDATE timers SET attempts = 5000"))
    assert remind_unpaid(engine, as_of=FIRST_RUNG).failed > 0
    [waiting] = rows(engine, Timer, kind="payment_reminder")
    assert waiting.retry_at == FIRST_RUNG + timedelta(hours=6)


def test_what_is_due_is_found_without_walking_every_timer_there_ever_was(databases):
    """SQLite took the index of each case's timers, for they come sorted by case, and read all of the past."""
    asked = []
    engine = databases.new("sqlite")
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2:4]))
    remind_unpaid(engine, as_of=PLACED_AT)
    with engine.connect() as connection:
        plans = [
            connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            for statement, values in [told for told in asked if "FROM timers" in told[0]]
        ]
    [provisional, due] = [" ".join(row.detail for row in plan) for plan in plans]
    assert "timers_provisional (case_kind=?)" in provisional
    assert "timers_waiting (case_kind=? AND kind=? AND due_at<?)" in due
