"""Times of a year that nobody means are answered at the door, whoever tells them (promises 10, 14)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from complaints_told import complaint
from databases import set_up
from orders_told import PAID_AT, SHOP, clock, order, paid, placed, rows, tell
from pushed import a_scan, a_track
from test_complaints_heard import a_complaint
from test_inbox import NOW, a_push, an_event, heard, sent
from test_sync_orders import a_record

from flows.bulletin_periods import Every, chosen
from flows.clock import told_time
from flows.flow_forms import in_the_shops_zone
from models import Anomaly, Order
from models.database import database_url, engine_for
from states.errors import BadInput

FAR_OFF = [
    "0001-01-01T00:00:00+08:00",  # in UTC it would be before the calendar
    "0001-01-02T00:00:00Z",
    "1899-12-30T00:00:00+08:00",  # a spreadsheet's zero
    "1970-01-01T08:00:00+08:00",  # a computer's
    "3000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-12:00",  # behind the calendar
]


@pytest.mark.parametrize("at", FAR_OFF)
@pytest.mark.parametrize("name", ["placed_at", "paid_at"])
def test_a_pushed_order_with_such_a_time_is_kept_and_shown_at_once(engine, name, at):
    said = dict.fromkeys(("placed_at", "paid_at"), PAID_AT.isoformat()) | {name: at}
    report = heard(engine, an_event(order=a_record("1", **said)))
    assert (report.quarantined, report.postponed, rows(engine, Order)) == (1, 0, [])
    [odd] = rows(engine, Anomaly)
    assert (odd.code, name in odd.en) == ("unreadable_fact", True)
    assert "年份应在 2000 至 2999 之间" in odd.zh


@pytest.mark.parametrize("at", FAR_OFF)
def test_a_scan_at_such_a_time_signs_for_nothing(engine, at):
    sent(engine)
    report = heard(engine, a_push(a_track(a_scan(at, "已签收"), waybill="YT1", state="3")))
    assert (report.quarantined, report.postponed, order(engine).state) == (1, 0, "shipped")
    assert [odd.code for odd in rows(engine, Anomaly)] == ["unreadable_fact"]


def test_a_scan_far_ahead_of_our_clock_signs_for_nothing(engine):
    """A carrier's clock may be a bit ahead, as far as the shop's gateways say."""
    sent(engine)
    ahead = [NOW + timedelta(minutes=minutes) for minutes in (9, 11)]
    soon, far = (
        a_push(a_track(a_scan(f"2026-{clock(at)}:00", "已签收"), waybill="YT1", state="3")) for at in ahead
    )
    assert heard(engine, far).quarantined == 1
    assert order(engine).state == "shipped"
    [odd] = rows(engine, Anomaly)
    assert "时间在未来" in odd.zh
    assert heard(engine, soon).changed == 1


@pytest.mark.parametrize("at", [*FAR_OFF, "2999-01-01T00:00:00Z"])
def test_a_complaint_with_such_a_time_is_registered_when_it_came(engine, at):
    tell(engine, placed(), paid())
    told = a_complaint()
    told = type(told)(told.shop, told.source, told.kind, told.fact_id, told.raw, told.case_no, told_time(at))
    assert heard(engine, told, now=NOW).new == 1
    assert complaint(engine, "P-TS7").registered_at == NOW


@pytest.mark.parametrize("at", FAR_OFF)
def test_such_a_time_is_none(at):
    assert told_time(at) is None


FORMS = [datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), datetime(9999, 12, 31, 23, tzinfo=UTC)]


@pytest.mark.parametrize("at", [*FORMS, datetime(1970, 1, 1, tzinfo=UTC)])
def test_a_form_takes_no_such_moment(at):
    with pytest.raises(BadInput, match="as_of: .* can't be meant") as no:
        in_the_shops_zone(at, None, "as_of")
    assert no.value.code == "bad_time"


@pytest.mark.parametrize("at", [at.replace(tzinfo=None) for at in FORMS])
def test_a_form_takes_none_on_the_shops_clock_either(kefu_home, at):
    set_up(engine_for(database_url()))
    with pytest.raises(BadInput, match="can't be meant"):
        in_the_shops_zone(at, SHOP, "as_of")


@pytest.mark.parametrize(
    "days", [(date(1, 1, 1), None), (date(9999, 12, 31), None), (date(2026, 3, 1), date.max)]
)
def test_a_bulletin_is_about_no_such_days(days):
    with pytest.raises(BadInput, match="can't be meant"):
        chosen(date(2026, 3, 3), Every.MONTH, *days)
