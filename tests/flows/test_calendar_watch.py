"""That the known days end is said before it is missed (promise 13): to staff, in every cut-off report, once a rung."""

from __future__ import annotations

import csv
from datetime import timedelta

import pytest
from days_told import days_come
from orders_told import A_MINUTE, SHOP, clock, moment, paid, placed, rows, tell

from flows.dispatch_cutoff import dispatch_cutoff
from models import OutboxMessage

KITCHEN = "urumqi-kitchen"
A_DAY = timedelta(days=1)
AT = moment("2026-12-10 10:00")


def warned(engine) -> list[tuple[str, str]]:
    """Whom we warned when."""
    return [(row.shop, clock(row.owed_at)) for row in rows(engine, OutboxMessage, what="days_end")]


def cut_off(engine, day: str, shop: str = SHOP, **how):
    return dispatch_cutoff(engine, shop=shop, as_of=moment(f"{day} 17:00"), **how)


def test_staff_are_warned_once_at_each_rung_and_daily_once_the_days_are_over(engine, library):
    for number in range(70):
        at = moment("2026-10-28 17:00") + number * A_DAY
        for late in (0, 5):
            dispatch_cutoff(engine, shop=SHOP, as_of=at + late * A_MINUTE)
    assert warned(engine) == [
        *((SHOP, at) for at in ("11-01 17:00", "12-01 17:00", "12-24 17:00")),
        *((SHOP, f"01-0{day} 17:00") for day in range(1, 6)),
    ]


def test_every_cut_off_report_says_it_and_a_dry_run_warns_nobody(engine, library):
    assert cut_off(engine, "2026-10-31").days == []
    dry = cut_off(engine, "2026-12-10", dry_run=True)
    assert [(told["code"], told["new"], told["days_left"]) for told in dry.days] == [("days_end", False, 21)]
    assert (cut_off(engine, "2026-12-10").days[0]["new"], cut_off(engine, "2026-12-11").days[0]["new"]) == (
        True,
        False,
    )
    assert len(warned(engine)) == 1


def test_only_a_shop_that_promises_or_calls_by_working_days_is_warned(engine, library):
    assert cut_off(engine, "2026-12-10", KITCHEN).days == []
    assert warned(engine) == []


def test_where_the_days_are_known_again_nobody_is_warned(engine, library):
    days_come(engine, AT, closed=["2027-02-05"], known_until="2027-12-31")
    assert cut_off(engine, "2026-12-31").days == []
    days_come(engine, AT)
    library.upgrade()
    assert cut_off(engine, "2026-12-31").days == []
    assert warned(engine) == []


@pytest.mark.parametrize(
    ("day", "says"),
    [
        ("2026-12-30", []),
        ("2026-12-31", ["下次截单预计 2027-01-04"]),
        ("2027-01-04", ["本次截单预计 2027-01-04", "下次截单预计 2027-01-05"]),
    ],
)
def test_the_report_says_which_batch_rests_on_provisional_days(engine, library, day, says):
    provisional = [
        told["zh"].partition(":")[0] for told in cut_off(engine, day).days if told["code"] == "provisional"
    ]
    assert provisional == says


def test_the_manifest_says_whose_day_was_provisional(engine, library):
    paid_at = moment("2026-12-31 17:00")
    tell(engine, placed(at=paid_at - A_MINUTE), paid(at=paid_at))
    [batch] = cut_off(engine, "2027-01-04").batches
    with batch.manifest.open(encoding="utf-8-sig") as file:
        assert [row["provisional"] for row in csv.DictReader(file)] == ["预计 2027-01-04 expected"]


def test_the_warning_says_what_ends_when_and_what_to_do(engine, library):
    cut_off(engine, "2026-12-10")
    [row] = rows(engine, OutboxMessage, what="days_end")
    for words in ("已知的工作日到 2026-12-31 为止(还有 21 天)", "升级 chinesecalendar", "[calendar]"):
        assert words in row.text
