"""Pulling what changed: each fact once by whichever way it comes, the cursor with the facts (promises 2, 3, 5, 8)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from databases import SHOP_FILES, difference, end_state
from orders_told import (
    PLACED_AT,
    RECEIVER,
    SHOP,
    anomalies,
    history,
    moment,
    order,
    rows,
    tell,
    triggers,
)
from outside import Answer, Outside
from sqlalchemy import update

from deployments.shop_files import load_shop_file
from flows import clock, stopping, sync_orders
from flows.order_import import import_orders
from flows.policy_store import apply_policy
from flows.strangers import decoded
from flows.sync_orders import FIRST
from flows.sync_orders import sync_orders as sync
from models import Anomaly, InboxFact, Order, OrderLine, SyncCursor
from models.database import transaction
from states.errors import BadInput, NotFound

T0 = moment("03-02 12:00")  # the platform's clock


def a_record(no: str | None = "1", **values) -> dict:
    """An order as the sandbox and its like tell it: our columns, and more."""
    empty = dict.fromkeys(("paid_at", "paid_fen", "shipped_at", "waybill", "carrier", "delivered_at", "confirmed_at",
                           "cancelled_at", "refunded_at"))  # fmt: skip
    usual = {
        **empty,
        **RECEIVER,
        "shop": SHOP,
        "status": "unpaid",
        "placed_at": PLACED_AT.isoformat(),
        "updated_at": T0.isoformat(),
        "amount_fen": 10_000,
        "refunded_fen": 0,
        "buyer": f"buyer of {no}",
        "buyer_message": "",
        "remark": "",
        "let_go_at": None,
        "items": [{"sku": "BAG-1", "title": "帆布包", "quantity": 1, "price_fen": None, "colour": "红"}],
    }
    return {**usual, "no": no, **values}


PAID = {"paid_at": moment("03-02 10:20").isoformat(), "paid_fen": 10_000}
SHIPPED = {**PAID, "shipped_at": moment("03-02 18:00").isoformat(), "waybill": "SF123456", "carrier": "顺丰"}
DELIVERED = {**SHIPPED, "delivered_at": moment("03-04 12:00").isoformat()}


def a_page(*orders, next_cursor=None, server_time: datetime | None = T0, **more) -> dict:
    at = server_time and server_time.isoformat()
    return {"orders": list(orders), "next_cursor": next_cursor, "server_time": at, **more}


@pytest.fixture
def platform(monkeypatch) -> Iterator[Outside]:
    with Outside(a_page()) as service:
        monkeypatch.setenv("KEFU_BAG_STUDIO_PLATFORM_URL", service.url)
        monkeypatch.setenv("KEFU_BAG_STUDIO_PLATFORM_SECRET", "s3cret")
        yield service


def pull(engine, platform: Outside, *answers, **how):
    platform.answers.clear()
    platform.answers += [a if isinstance(a, Answer) else Answer(a) for a in answers]
    return sync(engine, as_of=clock.now(), **how)


def asked(platform: Outside) -> list[dict]:
    return [
        {name: value for name, (value,) in parse_qs(urlsplit(call.target).query).items()}
        for call in platform.calls
    ]


def cursor(engine) -> SyncCursor:
    return rows_of(engine)[0]


def rows_of(engine):
    with engine.connect() as connection:
        return connection.execute(SyncCursor.__table__.select()).all()


def counts(report) -> tuple:
    told = report.as_dict()
    return tuple(told[name] for name in ("pulled", "new", "changed", "unchanged", "quarantined"))


def test_what_changed_on_the_platform_becomes_facts_at_their_own_times(engine, platform):
    report = pull(engine, platform, a_page(a_record("1", **DELIVERED), a_record("2")))
    assert counts(report) == (2, 2, 0, 0, 0)
    assert not report.red
    assert (order(engine, "1").state, order(engine, "2").state) == ("delivered", "unpaid")
    assert order(engine, "1").paid_at == moment("03-02 10:20")
    assert [line.title for line in rows_by_order(engine)] == ["帆布包", "帆布包"]


def rows_by_order(engine):
    return rows(engine, OrderLine)


def test_told_by_sync_and_by_file_it_is_one_fact(databases, database_kind, platform, tmp_path):
    by_file, by_sync = databases.new(database_kind), databases.new(database_kind)
    records = [a_record("1", **DELIVERED), a_record("2", **PAID), a_record("3")]
    ours = ("no", "placed_at", "amount_fen", *DELIVERED, *RECEIVER, "buyer")
    lines = [{**{name: r[name] for name in ours}, "items": [{**r["items"][0]}]} for r in records]
    for line in lines:
        del line["items"][0]["colour"]
    file = tmp_path / "orders.jsonl"
    file.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    import_orders(by_file, file, SHOP, format="kefu")
    pull(by_sync, platform, a_page(*records))
    there = end_state(by_sync)
    here = end_state(by_file)
    for name in ("inbox", "sync_cursors"):
        there[name] = here[name] = []
    assert difference(here, there) == []
    assert counts(pull(by_file, platform, a_page(*records))) == (3, 0, 0, 3, 0)
    import_orders(by_sync, file, SHOP, format="kefu")
    assert anomalies(by_sync, "1") == anomalies(by_file, "1") == []
    assert triggers(by_sync, "1") == triggers(by_file, "1")


def test_a_round_asks_for_what_changed_since_the_last_one_began_and_a_bit_before(engine, platform):
    pull(engine, platform, a_page(a_record("1")))
    pull(engine, platform, a_page(a_record("1"), server_time=T0 + timedelta(minutes=5)))
    pull(engine, platform, a_page())
    overlap = timedelta(minutes=10)
    since = [datetime.fromisoformat(question["since"]) for question in asked(platform)]
    assert since == [FIRST, T0 - overlap, T0 + timedelta(minutes=5) - overlap]


def test_the_same_record_in_the_overlap_is_stored_once_and_nothing_is_odd_about_it(engine, platform):
    pull(engine, platform, a_page(a_record("1")))
    report = pull(engine, platform, a_page(a_record("1")))
    assert counts(report) == (1, 0, 0, 1, 0)
    assert len(rows(engine, InboxFact)) == 1
    assert rows(engine, Anomaly) == []


def test_all_pages_of_a_round_are_read_and_the_cursor_moves_at_its_end(engine, platform):
    pages = [
        a_page(a_record("1"), next_cursor="c2"),
        a_page(a_record("2"), next_cursor="c3", server_time=T0 + timedelta(minutes=1)),
        a_page(a_record("3"), server_time=T0 + timedelta(minutes=2)),
    ]
    report = pull(engine, platform, *pages)
    assert counts(report) == (3, 3, 0, 0, 0)
    assert [question.get("cursor") for question in asked(platform)] == [None, "c2", "c3"]
    found = cursor(engine)
    assert (found.since, found.page, found.round_at) == (
        T0,
        None,
        None,
    )  # what changed meanwhile comes next time


def test_a_platform_that_falls_silent_in_the_middle_is_asked_from_there_on(engine, platform):
    report = pull(engine, platform, a_page(a_record("1"), next_cursor="c2"), Answer({}, 503))
    assert report.red
    assert "answered 503" in report.as_dict()["shops"][0]["error"]
    assert order(engine, "1").state == "unpaid"  # what had come is in
    assert cursor(engine).page == "c2"
    report = pull(engine, platform, a_page(a_record("2"), server_time=T0 + timedelta(hours=1)))
    assert asked(platform)[-1]["cursor"] == "c2"
    assert asked(platform)[-1]["since"] == FIRST.isoformat()
    assert cursor(engine).since == T0  # when the round began


def test_a_run_that_is_to_stop_keeps_the_page_it_has_and_the_next_one_goes_on_from_there(
    engine, platform, monkeypatch
):
    def stored(*args, **how):
        stopping.asked.set()
        return store(*args, **how)

    store = sync_orders.store
    monkeypatch.setattr(sync_orders, "store", stored)
    pages = [a_page(a_record("1"), next_cursor="p2"), a_page(a_record("2"))]
    try:
        report = pull(engine, platform, *pages)
    finally:
        stopping.asked.clear()
    assert (report.pulled, report.red, rows(engine, Order)) == (1, False, [])
    monkeypatch.setattr(sync_orders, "store", store)
    report = sync(engine, as_of=clock.now())
    assert [row.no for row in rows(engine, Order)] == ["1", "2"]
    assert "cursor=p2" in platform.calls[-1].target


def test_a_page_that_the_platform_has_forgotten_begins_the_round_anew(engine, platform):
    pull(engine, platform, a_page(a_record("1"), next_cursor="c2"), Answer({}, 503))
    later = T0 + timedelta(hours=1)
    report = pull(
        engine,
        platform,
        Answer({"code": "bad_cursor"}, 400),
        a_page(a_record("1"), a_record("2"), server_time=later),
    )
    assert not report.red
    assert cursor(engine).since == later
    assert order(engine, "2").state == "unpaid"


def test_pages_that_go_in_a_circle_end(engine, platform, monkeypatch):
    report = pull(engine, platform, a_page(next_cursor="c2"), a_page(next_cursor="c2"))
    assert "circle" in report.as_dict()["shops"][0]["error"]
    monkeypatch.setattr(sync_orders, "MOST_PAGES", 3)
    turns = [a_page(next_cursor=c) for c in ("a", "b", "a", "b", "a", "b")]
    pull(engine, platform, *turns)
    assert len(platform.calls) == 2 + 3


def test_a_platform_whose_clock_is_ahead_does_not_take_our_cursor_with_it(engine, platform):
    before = clock.now()
    pull(engine, platform, a_page(server_time=before + timedelta(days=3)))
    assert before <= cursor(engine).since <= clock.now()
    pull(engine, platform, a_page(server_time=None))
    assert before <= cursor(engine).since <= clock.now()


@pytest.mark.parametrize("column", ["since", "round_since", "round_at"])
def test_a_cursor_that_a_clock_once_ahead_has_written_is_not_believed(engine, platform, column):
    pull(engine, platform, a_page(), a_page(next_cursor="c2"), Answer({}, 503))
    ahead = clock.now() + timedelta(days=15)
    page = None if column == "since" else "c2"
    with transaction(engine) as connection:
        connection.execute(update(SyncCursor.__table__).values({column: ahead, "page": page}))
    pull(engine, platform, a_page(a_record("1")))
    asked = parse_qs(urlsplit(platform.calls[-1].target).query)
    assert (asked["since"], "cursor" in asked) == ([FIRST.isoformat()], False)
    assert order(engine, "1").state == "unpaid"
    assert cursor(engine).since == T0


def test_a_platform_whose_clock_was_set_back_is_followed(engine, platform):
    pull(engine, platform, a_page())
    pull(engine, platform, a_page(server_time=T0 - timedelta(hours=2)))
    assert cursor(engine).since == T0 - timedelta(hours=2)


def test_a_fact_a_little_ahead_of_our_clock_waits_for_its_time_and_one_far_ahead_is_unreadable(
    engine, platform
):
    now = clock.now()
    soon, far = ((now + timedelta(minutes=m)).isoformat() for m in (5, 11))
    records = [a_record("1", placed_at=now.isoformat(), paid_at=soon), a_record("2", paid_at=far)]
    report = pull(engine, platform, a_page(*records))
    assert (report.inbox.postponed, report.inbox.quarantined) == (1, 1)
    waiting = rows(engine, InboxFact, case_no="1")[0]
    assert (waiting.processed_at, waiting.retry_at) == (None, datetime.fromisoformat(soon))
    assert rows(engine, Order) == []


@pytest.mark.parametrize(
    ("record", "column"),
    [
        (a_record("1", amount_fen=-5), "amount_fen"),
        (a_record("1", placed_at="yesterday"), "placed_at"),
        (a_record("1", placed_at="0001-01-01T00:00:00Z"), "placed_at"),
        (
            a_record("1", placed_at="0001-01-01T00:00:00+08:00", updated_at="0001-01-01T00:00:00+08:00"),
            "placed_at",
        ),
        (a_record("1", delivered_at="9999-12-31T23:59:59-12:00"), "delivered_at"),
        (a_record("1", paid_at="1970-01-01T08:00:00+08:00"), "paid_at"),
        (a_record("1", placed_at=1_700_000_000), "placed_at"),
        (a_record("1", waybill="SF1"), "shipped_at"),
        (a_record(None), "no"),
        (a_record("1", items="a bag"), "items"),
        (a_record("1\ud800"), "no"),
        (a_record("1\x00"), "no"),
        (a_record("1", amount_fen=10**400), "amount_fen"),
        ("what?", ""),
        ([], ""),
        (None, ""),
    ],
)
def test_a_record_that_can_not_be_read_is_kept_and_shown_and_the_others_are_in(
    engine, platform, record, column
):
    """Promises 8, 10."""
    report = pull(engine, platform, a_page(record, a_record("2", **PAID)))
    assert counts(report) == (2, 1, 0, 0, 1)
    assert report.red
    assert [o.no for o in rows(engine, Order)] == ["2"]
    (odd,) = rows(engine, Anomaly)
    assert (odd.code, odd.case_kind) == ("unreadable_fact", "inbox")
    assert column in odd.en
    (kept,) = rows(engine, InboxFact, id=odd.facts["inbox"])
    assert kept.outcome == "quarantined"
    assert json.loads(kept.raw) == decoded(json.dumps(record))
    again = pull(engine, platform, a_page(record, a_record("2", **PAID)))
    assert (counts(again), again.red) == ((2, 0, 0, 2, 0), False)


def test_a_record_that_is_further_along_moves_the_order_on_and_an_older_one_does_not_turn_it_back(
    engine, platform
):
    pull(engine, platform, a_page(a_record("1", **PAID)))
    later = (T0 + timedelta(days=2)).isoformat()
    moved = {"address": "上海市浦东新区世纪大道 1 号", "updated_at": (T0 + timedelta(minutes=1)).isoformat()}
    assert counts(pull(engine, platform, a_page(a_record("1", **PAID, **moved)))) == (1, 0, 1, 0, 0)
    assert order(engine).address == moved["address"]
    shipped = a_record("1", **SHIPPED, **{**moved, "updated_at": later})
    old = a_record("1", **PAID)
    pull(engine, platform, a_page(shipped, old))
    assert (order(engine).state, order(engine).address) == ("shipped", moved["address"])
    assert anomalies(engine) == []


def test_two_records_of_one_order_in_one_page_are_told_one_after_the_other(engine, platform):
    at = [(T0 + timedelta(minutes=m)).isoformat() for m in range(3)]
    records = [
        a_record("1", updated_at=at[0]),
        a_record("1", updated_at=at[1], address="上海市浦东新区世纪大道 1 号"),
        a_record("1", updated_at=at[2], address="上海市浦东新区世纪大道 1 号", **PAID),
    ]
    report = pull(engine, platform, a_page(*records))
    assert counts(report) == (3, 1, 1, 1, 0)
    assert triggers(engine) == ["place", "pay", "verify", "amend", "verify"]  # and no reminder at 10:30
    assert order(engine).address == "上海市浦东新区世纪大道 1 号"


def test_an_address_changed_before_the_parcel_left_is_no_surprise_although_both_come_on_one_page(
    engine, platform
):
    at = [(T0 + timedelta(hours=h)).isoformat() for h in (0, 1, 12)]
    moved = {"address": "上海市浦东新区世纪大道 1 号"}
    records = [
        a_record("1", updated_at=at[0], **PAID),
        a_record("1", updated_at=at[1], **PAID, **moved),
        a_record("1", updated_at=at[2], **SHIPPED, **moved),
    ]
    pull(engine, platform, a_page(*records))
    assert triggers(engine) == ["place", "pay", "verify", "amend", "verify", "release", "ship"]
    assert anomalies(engine) == []


def test_an_amendment_happened_when_the_platform_says_it_did(engine, platform):
    pull(engine, platform, a_page(a_record("1")))
    changed_at = T0 + timedelta(minutes=7)
    pull(engine, platform, a_page(a_record("1", phone="13912341234", updated_at=changed_at.isoformat())))
    assert [(row.trigger, row.at) for row in history(engine)][-1] == ("amend", changed_at)


def test_late_news_is_told_and_an_operator_sees_that_it_came_late(engine, platform):
    """Promise 2."""
    new = a_record("1", updated_at=(T0 + timedelta(hours=1)).isoformat())
    pull(engine, platform, a_page(new))
    pull(engine, platform, a_page(a_record("1", **PAID)))
    assert order(engine).state == "verified"
    assert anomalies(engine) == ["late_fact"]


def test_one_platform_that_does_not_answer_keeps_no_other_waiting(engine, platform, monkeypatch):
    monkeypatch.setenv("KEFU_URUMQI_KITCHEN_PLATFORM_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("KEFU_URUMQI_KITCHEN_PLATFORM_SECRET", "s")
    report = pull(engine, platform, a_page(a_record("1")))
    assert report.red
    told = {shop["shop"]: shop for shop in report.as_dict()["shops"]}
    assert told["urumqi-kitchen"]["error"]
    assert (told[SHOP]["error"], told[SHOP]["pulled"]) == ("", 1)
    assert order(engine).state == "unpaid"


@pytest.mark.parametrize(
    "answer", [Answer(b"<html>"), Answer(b'{"orders": ['), Answer({"orders": 1}), Answer({}, 500)]
)
def test_garbage_instead_of_a_page_moves_nothing(engine, platform, answer):
    report = pull(engine, platform, answer)
    assert report.red
    assert rows_of(engine) == []
    assert rows(engine, InboxFact) == []


def test_a_dry_run_says_what_there_is_and_keeps_nothing(engine, platform):
    report = pull(
        engine, platform, a_page(a_record("1"), next_cursor="c2"), a_page(a_record("2")), dry_run=True
    )
    assert report.as_dict()["pulled"] == 2
    assert (rows_of(engine), rows(engine, InboxFact), rows(engine, Order)) == ([], [], [])


def test_a_shop_or_an_order_can_be_named(engine, platform):
    pull(engine, platform, a_page(a_record("1"), a_record("2")))
    later = (T0 + timedelta(minutes=1)).isoformat()
    both = [a_record(no, **PAID, updated_at=later) for no in ("1", "2")]
    report = pull(engine, platform, a_page(*both), case_no="2")
    assert report.as_dict()["changed"] == 1
    assert (order(engine, "1").state, order(engine, "2").state) == ("unpaid", "verified")
    assert pull(engine, platform, a_page(), shop=SHOP).as_dict()["changed"] == 1  # the other one had waited
    assert pull(engine, platform, a_page(), shop="urumqi-kitchen").as_dict()["shops"] == []
    with pytest.raises(NotFound):
        pull(engine, platform, a_page(), shop="moon")


def test_a_setting_that_can_not_be_used_is_said_before_anything_is_asked(engine, platform, monkeypatch):
    monkeypatch.delenv("KEFU_BAG_STUDIO_PLATFORM_SECRET")
    with pytest.raises(BadInput, match="PLATFORM_SECRET"):
        pull(engine, platform, a_page())
    assert platform.calls == []


def test_without_an_address_nobody_is_asked(engine):
    report = sync(engine, as_of=clock.now())
    assert (report.as_dict()["shops"], report.red) == ([], False)
    assert tell(engine).outcomes == []


def test_which_shops_platforms_nobody_could_ask_is_said(engine, platform):
    """The README: what has no address waits, and every run says so."""
    report = pull(engine, platform, a_page(), a_page())
    assert (report.as_dict()["unasked"], report.red) == ({"urumqi-kitchen": "no_address"}, False)
    assert pull(engine, platform, a_page(), shop=SHOP).told == ""


def test_who_asks_for_a_shop_without_an_address_hears_which_setting_is_missing(engine):
    report = sync(engine, as_of=clock.now(), shop="urumqi-kitchen")
    assert report.told == (
        "没有平台地址(KEFU_PLATFORM_URL),未询问 / no platform address (KEFU_PLATFORM_URL), not asked: "
        "urumqi-kitchen"
    )
    assert not report.red


def test_who_asks_for_a_shop_whose_file_names_no_platform_hears_that(engine):
    [file] = [path for path in SHOP_FILES if path.stem == SHOP]
    policies = load_shop_file(file)
    by_mail = policies.gateways.model_copy(update={"platform": None, "buyer": ("sms",)})
    apply_policy(engine, policies.model_copy(update={"gateways": by_mail}), at=clock.now())
    assert sync(engine, as_of=clock.now(), shop=SHOP).as_dict()["unasked"] == {SHOP: "no_platform"}
    assert SHOP not in sync(engine, as_of=clock.now()).told, "nothing is missing there"


def test_what_names_another_shop_is_left_aside(engine, platform):
    pull(
        engine,
        platform,
        a_page(a_record("1"), a_record("2", shop="urumqi-kitchen"), a_record("3", shop=None)),
    )
    assert [row.no for row in rows(engine, Order)] == ["1", "3"]
    assert [row.case_no for row in rows(engine, InboxFact)] == ["1", "3"]
