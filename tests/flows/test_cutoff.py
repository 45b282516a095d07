"""The cut-off: what was paid in time leaves in one batch, and whatever stays behind is named with its reasons."""

import csv
from datetime import timedelta

import pytest
from databases import everything
from orders_told import (
    A_SECOND,
    AN_HOUR,
    CUTOFF,
    PAID_AT,
    PLACED_AT,
    SHOP,
    a_request,
    by,
    moment,
    order,
    paid,
    placed,
    rows,
    tell,
)

from flows.dispatch_cutoff import dispatch_cutoff
from models import DispatchBatch
from models.database import home
from states.errors import BadInput, NotFound

NEXT_CUTOFF = moment("03-03 17:00")
KITCHEN = "urumqi-kitchen"  # 16:00, every day


def batch_of(report, shop=SHOP):
    found = [b for b in report.batches if b.shop == shop]
    assert len(found) == 1, [(b.shop, b.cutoff_at) for b in report.batches]
    return found[0]


def released(report, shop=SHOP) -> list[str]:
    return [row["no"] for row in batch_of(report, shop).released]


def blocked(report, shop=SHOP) -> dict[str, list[str]]:
    return {row["no"]: [b["code"] for b in row["blockers"]] for row in batch_of(report, shop).blocked}


def a_day(engine) -> None:
    """One clean order, one held, one in doubt, one doubly blocked, one paid too late, one unpaid."""
    tell(engine, *(placed(no) for no in ("clean", "held", "late", "unpaid")))
    tell(engine, placed("doubtful", phone="123"), placed("both", receiver=None))
    tell(engine, *(paid(no) for no in ("clean", "held", "doubtful", "both")))
    tell(engine, a_request("hold", PAID_AT, no="held", reason="stock", by="lin"))
    tell(engine, a_request("hold", PAID_AT, no="held", reason="colour", by="wang"))
    tell(engine, a_request("hold", PAID_AT, no="both", reason="stock", by="lin"))
    tell(engine, paid("late", at=CUTOFF))


def test_what_was_paid_in_time_leaves_and_all_that_stays_is_named_with_every_blocker(engine):
    """Rules 28-31, 41, 84; unverified orders are reported, not forgotten."""
    a_day(engine)
    report = dispatch_cutoff(engine, as_of=CUTOFF)
    assert released(report) == ["clean"]
    assert blocked(report) == {
        "held": ["held", "held"],
        "doubtful": ["impossible_phone"],
        "both": ["held", "missing_receiver"],
    }
    assert order(engine, "late").state == "verified"
    assert not report.red


def test_paid_at_the_cut_off_is_tomorrows_and_a_second_before_is_todays(engine):
    """Rule 41, promise 3."""
    tell(engine, placed("in time"), paid("in time", at=CUTOFF - A_SECOND))
    tell(engine, placed("late"), paid("late", at=CUTOFF))
    assert released(dispatch_cutoff(engine, as_of=CUTOFF + timedelta(minutes=7))) == ["in time"]
    assert released(dispatch_cutoff(engine, as_of=NEXT_CUTOFF)) == ["late"]
    assert order(engine, "in time").batch_cutoff_at == CUTOFF
    assert order(engine, "late").batch_cutoff_at == NEXT_CUTOFF


def test_there_is_one_batch_for_each_shop_and_cut_off_however_often_it_runs(engine):
    for shop in (SHOP, KITCHEN):
        tell(engine, placed("1", shop=shop), paid("1", shop=shop))
    for _ in range(3):
        report = dispatch_cutoff(engine, as_of=CUTOFF)
    assert released(report) == released(report, KITCHEN) == ["1"]
    assert {(b.shop, b.cutoff_at) for b in rows(engine, DispatchBatch)} == {
        (SHOP, CUTOFF),
        (KITCHEN, CUTOFF - AN_HOUR),
    }


def test_the_run_of_one_shop_leaves_the_others_alone(engine):
    for shop in (SHOP, KITCHEN):
        tell(engine, placed("1", shop=shop), paid("1", shop=shop))
    report = dispatch_cutoff(engine, as_of=CUTOFF, shop=KITCHEN)
    assert [b.shop for b in report.batches] == [KITCHEN]
    assert order(engine, "1").state == "verified"


def test_one_order_by_hand_leaves_the_others_alone(engine):
    a_day(engine)
    tell(engine, placed("clean too"), paid("clean too"))
    report = dispatch_cutoff(engine, as_of=CUTOFF, case_no="clean")
    assert released(report) == ["clean"]
    assert blocked(report) == {}
    assert order(engine, "clean too").state == "verified"


def test_what_was_blocked_leaves_at_the_next_cut_off_once_nothing_blocks_it(engine):
    a_day(engine)
    dispatch_cutoff(engine, as_of=CUTOFF)
    for reason in ("stock", "colour"):
        tell(engine, by("lin", "unhold", CUTOFF + AN_HOUR, no="held", reason=reason))
    tell(engine, by("lin", "verify", CUTOFF + AN_HOUR, no="doubtful", override="impossible_phone"))
    report = dispatch_cutoff(engine, as_of=NEXT_CUTOFF)
    assert sorted(released(report)) == ["doubtful", "held", "late"]
    assert blocked(report) == {"both": ["held", "missing_receiver"]}


def test_what_is_free_again_after_its_cut_off_is_told_to_leave_at_the_next(engine):
    a_day(engine)
    dispatch_cutoff(engine, as_of=CUTOFF)
    for reason in ("stock", "colour"):
        tell(engine, by("lin", "unhold", CUTOFF + AN_HOUR, no="held", reason=reason))
    report = dispatch_cutoff(engine, as_of=CUTOFF + 2 * AN_HOUR)
    assert blocked(report)["held"] == ["free_since"]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(engine):
    a_day(engine)
    before = everything(engine)
    dry = dispatch_cutoff(engine, as_of=CUTOFF, dry_run=True)
    assert everything(engine) == before
    assert not (home() / "manifests").exists()

    wet = dispatch_cutoff(engine, as_of=CUTOFF)
    assert released(dry) == released(wet) == ["clean"]
    assert blocked(dry) == blocked(wet)
    assert (dry.done, dry.refused, dry.triggers) == (wet.done, wet.refused, wet.triggers)


def test_a_dry_run_keeps_the_shops_apart(engine):
    tell(engine, placed("bag"), paid("bag"), placed("dish", shop=KITCHEN), paid("dish", shop=KITCHEN))
    dry = dispatch_cutoff(engine, as_of=CUTOFF, dry_run=True)
    assert released(dry, SHOP) == ["bag"]
    assert released(dry, KITCHEN) == ["dish"]


def manifest(report) -> list[dict]:
    with batch_of(report).manifest.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_manifest_names_what_left_masked_and_is_the_same_for_every_run(engine):
    """Promises 5, 9."""
    tell(engine, placed("1"), placed("2"), paid("2"), paid("1"))
    report = dispatch_cutoff(engine, as_of=CUTOFF)
    first = batch_of(report).manifest.read_bytes()
    assert [row["no"] for row in manifest(report)] == ["1", "2"]
    assert manifest(report)[0] == {
        "no": "1",
        "paid_at": "2026-03-02T10:20:00+08:00",
        "receiver": "王*",
        "phone": "138****1234",
        "address": "浙江省杭州市****",
        "goods": "帆布包 × 1",
        "amount_fen": "10000",
        "provisional": "",
    }
    again = dispatch_cutoff(engine, as_of=CUTOFF + AN_HOUR)
    assert batch_of(again).manifest.read_bytes() == first


def test_the_manifest_of_one_order_does_not_replace_the_one_of_the_batch(engine):
    tell(engine, placed("1"), placed("2"), paid("2"), paid("1"))
    dispatch_cutoff(engine, as_of=CUTOFF)
    report = dispatch_cutoff(engine, as_of=CUTOFF, case_no="1")
    assert released(report) == ["1"]
    assert [row["no"] for row in manifest(report)] == ["1", "2"]


def test_a_name_that_a_spreadsheet_would_run_is_text(engine):
    line = {"sku": "x", "title": "=cmd()", "quantity": 1, "price_fen": 10_000}
    tell(engine, placed("1", lines=[line]), paid("1"))
    assert manifest(dispatch_cutoff(engine, as_of=CUTOFF))[0]["goods"] == "'=cmd() × 1"


def test_a_payment_heard_of_after_the_run_joins_its_own_batch_and_is_in_the_report(engine):
    """Promise 3: paid a minute before the cut-off, told after it; nobody may lose sight of it."""
    tell(engine, placed("1"), placed("2"), paid("1"))
    dispatch_cutoff(engine, as_of=CUTOFF)
    tell(engine, paid("2", at=CUTOFF - timedelta(minutes=1)))
    report = dispatch_cutoff(engine, as_of=NEXT_CUTOFF)
    assert order(engine, "2").batch_cutoff_at == CUTOFF
    assert [(b.cutoff_at, [r["no"] for r in b.released]) for b in report.batches] == [(CUTOFF, ["1", "2"])]


def test_nothing_leaves_on_a_day_without_dispatch(engine):
    """Rule 41 in a shop that keeps working days: paid on Saturday, gone on Monday."""
    saturday = moment("03-07 10:00")
    tell(engine, placed("1", at=saturday), paid("1", at=saturday + A_SECOND))
    for day in ("03-07 17:00", "03-08 17:00"):
        assert dispatch_cutoff(engine, as_of=moment(day)).batches == []
    assert released(dispatch_cutoff(engine, as_of=moment("03-09 17:00"))) == ["1"]


@pytest.mark.parametrize(
    ("scope", "error", "says"),
    [
        ({"shop": "moon"}, NotFound, "there is no shop 'moon'"),
        ({"case_no": "4711"}, NotFound, "there is no order '4711'"),
        ({"shop": KITCHEN, "case_no": "bag"}, NotFound, "there is no order 'bag' in shop urumqi-kitchen"),
        ({"case_no": "1"}, BadInput, "exists in several shops"),
    ],
)
def test_a_shop_or_order_that_is_not_meant_is_answered_in_one_sentence(engine, scope, error, says):
    tell(engine, placed("bag"), placed("1"), placed("1", shop=KITCHEN))
    with pytest.raises(error, match=says):
        dispatch_cutoff(engine, as_of=CUTOFF, **scope)
    assert dispatch_cutoff(engine, as_of=PLACED_AT).batches == []


def test_a_payment_made_in_time_but_heard_of_after_the_run_leaves_the_same_day(engine):
    """Promise 3, and "everything paid before 17:00 leaves today": a run some minutes later lets it go."""
    tell(engine, placed("early"), paid("early"), placed("heard late"))
    dispatch_cutoff(engine, shop=SHOP, as_of=CUTOFF)
    tell(engine, paid("heard late", at=CUTOFF - A_SECOND))

    late = dispatch_cutoff(engine, shop=SHOP, as_of=CUTOFF + timedelta(minutes=5))

    assert sorted(released(late)) == ["early", "heard late"]
    assert order(engine, "heard late").batch_cutoff_at == order(engine, "early").batch_cutoff_at == CUTOFF
    with batch_of(late).manifest.open(encoding="utf-8-sig") as file:
        assert sorted(row["no"] for row in csv.DictReader(file)) == ["early", "heard late"]


def test_a_timer_that_has_healed_tells_of_no_error(engine):
    from orders_told import timers

    tell(engine, placed(), paid())
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE orders SET state = 'lost'")
    assert dispatch_cutoff(engine, shop=SHOP, as_of=CUTOFF).red
    assert timers(engine, kind="dispatch_cutoff")[0].error
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE orders SET state = 'verified'")
    assert not dispatch_cutoff(engine, shop=SHOP, as_of=CUTOFF + AN_HOUR).red
    timer = timers(engine, kind="dispatch_cutoff")[0]
    assert (timer.done_at, timer.error, timer.retry_at) == (CUTOFF, None, None)
