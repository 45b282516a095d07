"""What was told us is worked on once in effect; what is unknown, late or impossible is shown, its words kept."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from databases import difference, end_state
from orders_told import (
    A_SECOND,
    AN_HOUR,
    PAID_AT,
    PLACED_AT,
    SHOP,
    anomalies,
    fact,
    history,
    moment,
    order,
    placed,
    real_data,
    rows,
    tell,
    triggers,
)
from pushed import a_scan, a_track, event
from returns_told import (
    DELIVERED_AT,
    WAYBILL,
    bought,
    case,
    case_anomalies,
    case_state,
    delivered,
    money,
    open_case,
    told,
)
from sqlalchemy import text

from flows import facts_heard, inbox_processing
from flows.inbox import Told, store, take
from flows.inbox_processing import InboxReport, process_inbox
from flows.parcels_heard import KNOWN_BY_THEN, SOON
from flows.return_steps import release_refunds
from flows.signatures import WINDOW, BadSignature
from flows.sweep import GIVE_UP_AFTER
from models import Anomaly, InboxFact, Refund, SeenNonce
from models.database import transaction

NOW = moment("03-10 12:00")
SIGNED = a_scan("2026-03-05 15:00:00", "已签收,签收人:本人")
ON_ITS_WAY = a_scan("2026-03-04 09:00:00", "快件已到达")


def an_event(number: str = "evt-1", type: str = "order.changed", **more) -> Told:
    raw = json.dumps(event(number, type, **more), ensure_ascii=False)
    no = (more.get("order") or {}).get("no") or more.get("order_no")
    return Told(SHOP, "payments" if type == "refund.settled" else "platform", type, number, raw, no)


def a_push(param: str, waybill: str = "YT1") -> Told:
    digest = Told(SHOP, "kuaidi100", "parcel.scanned", "", param).digest
    return Told(SHOP, "kuaidi100", "parcel.scanned", f"{waybill}/{digest}", param, waybill)


def heard(engine, *facts: Told, now: datetime = NOW, received_at: datetime | None = None) -> InboxReport:
    for each in facts:
        take(engine, each, received_at=received_at or now, nonce=None, window=WINDOW)
    return process_inbox(engine, now=now)


def outcomes(engine) -> list[str | None]:
    return [row.outcome for row in rows(engine, InboxFact)]


# -- parcels ------------------------------------------------------------------------------------------


def sent(engine, no: str = "1", waybill: str = "YT1") -> None:
    bought(engine, no)
    tell(engine, fact("ship", moment("03-03 09:00"), no=no, waybill=waybill))


def test_a_signed_parcel_is_delivered_when_the_carrier_says_it_was(engine):
    sent(engine)
    report = heard(engine, a_push(a_track(SIGNED, ON_ITS_WAY, waybill="YT1", state="3", status="shutdown")))
    assert (order(engine).state, order(engine).delivered_at) == ("delivered", moment("03-05 15:00"))
    assert history(engine)[-1].by == "kuaidi100"
    assert (report.changed, report.red, anomalies(engine)) == (1, False, [])


@pytest.mark.parametrize("platform_first", [True, False])
def test_the_platforms_note_of_the_same_delivery_is_the_same_fact(engine, platform_first):
    sent(engine)
    push = a_push(a_track(SIGNED, waybill="YT1", state="3"))
    noted = fact("deliver", moment("03-05 15:00") + timedelta(minutes=59))
    if platform_first:
        tell(engine, noted)
    heard(engine, push)
    if not platform_first:
        tell(engine, noted)
    assert triggers(engine).count("deliver") == 1
    assert anomalies(engine) == []


def test_a_delivery_that_platform_and_carrier_place_hours_apart_is_a_contradiction(engine):
    sent(engine)
    tell(engine, fact("deliver", moment("03-05 15:00") + AN_HOUR + A_SECOND))
    heard(engine, a_push(a_track(SIGNED, waybill="YT1", state="3")))
    assert anomalies(engine) == ["contradicts"]


def test_scans_on_the_way_change_nothing(engine):
    sent(engine)
    report = heard(engine, a_push(a_track(ON_ITS_WAY, waybill="YT1")))
    assert (report.unchanged, report.anomalies) == (1, 0)
    assert order(engine).state == "shipped"


def test_a_parcel_back_that_is_signed_for_has_been_received(engine):
    delivered(engine)
    open_case(engine, DELIVERED_AT + AN_HOUR)
    told(engine, "track", DELIVERED_AT + 2 * AN_HOUR, waybill=WAYBILL, key=f"track:{WAYBILL}")
    back = a_scan("2026-03-08 10:00:00", "已签收")
    heard(engine, a_push(a_track(back, waybill=WAYBILL, state="3"), WAYBILL))
    assert (case_state(engine), case(engine).received_at) == ("received", moment("03-08 10:00"))
    assert order(engine).state == "delivered"


def test_a_waybill_that_nobody_knows_may_be_known_soon_and_is_shown_when_it_is_not(engine):
    push = a_push(a_track(SIGNED, waybill="YT1", state="3"))
    report = heard(engine, push)
    assert (report.postponed, rows(engine, Anomaly)) == (1, [])
    almost = NOW + KNOWN_BY_THEN - A_SECOND
    assert process_inbox(engine, now=almost).postponed == 1
    report = process_inbox(engine, now=NOW + KNOWN_BY_THEN)
    assert (report.unchanged, report.anomalies) == (1, 1)
    (odd,) = rows(engine, Anomaly)
    assert (odd.code, odd.case_kind, odd.rule) == ("unknown_waybill", "inbox", 44)
    assert rows(engine, InboxFact, id=odd.facts["inbox"])[0].raw == push.raw


def test_a_push_that_was_quicker_than_the_platform_waits_for_its_order(engine):
    heard(engine, a_push(a_track(SIGNED, waybill="YT1", state="3")))
    sent(engine)
    assert process_inbox(engine, now=NOW + SOON - A_SECOND).facts == 0
    assert process_inbox(engine, now=NOW + SOON).changed == 1
    assert order(engine).state == "delivered"


def test_an_earlier_scan_told_after_the_signature_is_out_of_order_and_noted_once(engine):
    sent(engine)
    heard(engine, a_push(a_track(SIGNED, waybill="YT1", state="3")))
    for context in ("快件已到达", "正在派件"):
        heard(engine, a_push(a_track(a_scan("2026-03-04 09:00:00", context), waybill="YT1")))
    assert anomalies(engine) == ["late_scan"]
    heard(engine, a_push(a_track(a_scan("2026-03-07 09:00:00"), waybill="YT1")))
    assert anomalies(engine) == ["late_scan", "moved_after_signed"]
    assert order(engine).state == "delivered"


def test_a_parcel_signed_before_it_was_sent_is_delivered_and_shown(engine):
    """Promise 2."""
    sent(engine)
    heard(engine, a_push(a_track(a_scan("2026-03-02 20:00:00", "已签收"), waybill="YT1", state="3")))
    assert order(engine).state == "delivered"
    assert anomalies(engine) == ["signed_before_shipped"]


@pytest.mark.parametrize(
    ("param", "code"),
    [
        (a_track(ON_ITS_WAY, waybill="YT1", state="14"), "parcel_in_trouble"),
        (a_track(ON_ITS_WAY, waybill="YT1", status="shutdown", message="3天查询无记录"), "carrier_gave_up"),
        (a_track(waybill="YT1", status="abort", message="60天无变化"), "carrier_gave_up"),
    ],
)
def test_trouble_with_a_parcel_is_shown_at_its_order_once(engine, param, code):
    sent(engine)
    heard(engine, a_push(param))
    heard(engine, a_push(param.replace("快件", "包裹")))
    assert anomalies(engine) == [code]
    assert order(engine).state == "shipped"


def test_the_recorded_push_of_a_parcel_given_up_though_signed_is_both(engine):
    param = (real_data("payloads/kuaidi100") / "push_shutdown_3days_no_record.json").read_text("utf-8")
    tell(
        engine,
        placed(at=moment("2015-04-26 10:00")),
        fact("pay", moment("2015-04-26 10:20"), amount_fen=10_000),
    )
    tell(engine, fact("ship", moment("2015-04-27 09:00"), waybill="221014000145"))
    heard(engine, a_push(param, "221014000145"))
    assert order(engine).delivered_at == moment("2015-04-28 15:46") + timedelta(seconds=48)
    assert anomalies(engine) == ["carrier_gave_up"]


# -- refunds ------------------------------------------------------------------------------------------


@pytest.fixture
def refund(engine):
    """One that waits to be paid: nobody has been asked yet."""
    bought(engine)
    open_case(engine, PAID_AT + AN_HOUR)
    release_refunds(engine, as_of=PAID_AT + timedelta(hours=26))
    (waiting,) = rows(engine, Refund)
    return waiting


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"a": 1}, "{'a': 1}"),
        (None, None),
        ("退给王小明 18877771111转12", "退给王小明 188****1111-****"),
        ("x" * 10_000, "x" * 199 + "…"),
    ],
)
def test_a_reference_that_is_pushed_is_kept_like_one_that_is_answered(engine, refund, told, kept):
    assert heard(engine, a_refund(refund, refund_ref=told)).changed == 1
    (paid,) = rows(engine, Refund)
    assert (paid.state, paid.refund_ref) == ("succeeded", kept)


def a_refund(refund, number: str = "pay-1", **told) -> Told:
    usual = {"key": refund.key, "status": "succeeded", "fen": refund.fen, "refund_ref": "P1"}
    return an_event(number, "refund.settled", refund={**usual, **told})


def test_a_refund_that_the_payment_service_reports_is_paid_once(engine, refund):
    assert heard(engine, a_refund(refund)).changed == 1
    assert heard(engine, a_refund(refund, "pay-2")).unchanged == 1
    (paid,) = rows(engine, Refund)
    assert (paid.state, paid.refund_ref, case_state(engine)) == ("succeeded", "P1", "refunded")
    assert money(engine) == (10_000, 10_000, 0)
    assert case_anomalies(engine) == []


def test_a_refund_that_failed_is_known_to_have_failed(engine, refund):
    heard(engine, a_refund(refund, status="failed", reason="the card of 13812341234 is closed"))
    (failed,) = rows(engine, Refund)
    assert (failed.state, case_state(engine)) == ("failed", "refunding")
    assert "13812341234" not in failed.error


@pytest.mark.parametrize("fen", [9_999, "10000", None])
def test_a_refund_of_another_amount_settles_nothing_and_is_shown(engine, refund, fen):
    """Promise 7: never by guess."""
    heard(engine, a_refund(refund, fen=fen))
    assert rows(engine, Refund)[0].state == "requested"
    assert case_anomalies(engine) == ["refund_differs"]


def test_a_refund_that_we_never_asked_for_is_shown(engine, refund):
    heard(engine, a_refund(refund, key="somebody else's"))
    heard(engine, a_refund(refund, "pay-2", status="maybe"))
    heard(engine, an_event("pay-3", "refund.settled"))
    heard(engine, a_refund(refund, "pay-4", key=[refund.key]))
    assert [odd.code for odd in rows(engine, Anomaly)] == [
        *("unknown_refund", "unreadable_fact", "unreadable_fact", "unknown_refund")
    ]
    assert rows(engine, Refund)[0].state == "requested"


# -- replies, complaints, and what nobody knows -----------------------------------------------------------


@pytest.mark.parametrize(
    ("type", "code"), [("message.bounced", "message_bounced"), ("shipment.refused", "shipment_refused")]
)
def test_what_came_back_is_shown_at_its_order(engine, type, code):
    tell(engine, placed())
    heard(engine, an_event("evt-1", type, order_no="1", reason="号码 13812341234 停机"))
    assert anomalies(engine) == [code]
    (odd,) = rows(engine, Anomaly)
    assert "13812341234" not in odd.zh + odd.en
    heard(engine, an_event("evt-2", type, order_no="7", reason="?"))
    assert [odd.code for odd in rows(engine, Anomaly)] == [code, "unknown_order"]


def test_an_event_of_a_kind_that_nobody_knows_is_kept_and_shown(engine):
    report = heard(engine, an_event("evt-1", "moon.risen"), an_event("evt-2", order={"no": "?"}))
    assert (report.quarantined, report.red) == (2, True)
    assert [odd.code for odd in rows(engine, Anomaly)] == ["unreadable_fact", "unknown_kind"]
    assert outcomes(engine) == ["quarantined"] * 2


WHO, WHAT = ("platform", "payments", "kuaidi100"), sorted(kind for _, kind in facts_heard.HEARD)
NOT_THEIRS = [(who, what) for who in WHO for what in WHAT if (who, what) not in facts_heard.HEARD]


@pytest.mark.parametrize(("source", "kind"), NOT_THEIRS)
def test_what_is_not_theirs_to_tell_moves_nothing_and_is_shown(engine, refund, source, kind):
    """Promise 14, also for what an older version had stored."""
    before = {name: told for name, told in end_state(engine).items() if name not in ("inbox", "anomalies")}
    settled = {"key": refund.key, "status": "succeeded", "fen": refund.fen, "refund_ref": "P1"}
    about = {
        "refund": settled,
        "order": {**ORDERS[1], "no": "9"},
        "complaint": {"order_no": "1", "text": "?"},
    }
    scanned = json.loads(a_track(SIGNED, waybill="YT1", state="3"))
    raw = json.dumps(event("evt-1", kind, **about, **scanned, order_no="1"))
    report = heard(engine, Told(SHOP, source, kind, "evt-1", raw, "1"))
    assert (report.quarantined, report.red) == (1, True)
    assert [odd.code for odd in rows(engine, Anomaly)] == ["not_theirs"]
    after = {name: told for name, told in end_state(engine).items() if name not in ("inbox", "anomalies")}
    assert difference(before, after) == []


def test_a_platform_that_has_refunded_an_order_does_not_settle_the_refund_whose_outcome_we_do_not_know(
    engine, refund
):
    """Promise 7: it may have paid that very refund, or another one beside it."""
    with transaction(engine) as connection:
        connection.execute(text("UPDATE refunds SET state = 'unknown'"))
    told = {**ORDERS[1], "paid_fen": 10_000, "refunded_at": NOW.isoformat(), "refunded_fen": 10_000}
    heard(engine, an_event("evt-1", order=told))
    assert (order(engine).refunded_fen, case_state(engine)) == (10_000, "refunding")
    assert rows(engine, Refund)[0].state == "unknown"


def test_a_complaint_made_on_the_platform_comes_to_the_one_who_hears_of_complaints(engine, monkeypatch):
    words = []

    def hear(engine, shop, rows, now, flow_run):
        words.extend(json.loads(row.raw)["complaint"]["text"] for row in rows)
        return {row.id: facts_heard.Heard("new") for row in rows}

    monkeypatch.setitem(facts_heard.HEARD, ("platform", "complaint.made"), hear)
    report = heard(engine, an_event("evt-1", "complaint.made", complaint={"order_no": "1", "text": "包坏了"}))
    assert (words, report.new) == (["包坏了"], 1)


# -- once in effect ---------------------------------------------------------------------------------------

ORDERS = [
    {"no": str(n), "placed_at": PLACED_AT.isoformat(), "updated_at": NOW.isoformat(), "amount_fen": 10_000,
     "paid_at": PAID_AT.isoformat(), "buyer": f"b{n}", "items": []}
    for n in range(5)
]  # fmt: skip


def test_worked_on_again_after_a_crash_between_the_work_and_its_mark_nothing_is_doubled(engine):
    facts = [an_event(f"evt-{n}", order=o) for n, o in enumerate(ORDERS)]
    heard(engine, *facts)
    before = end_state(engine)
    with transaction(engine) as connection:
        connection.execute(text("UPDATE inbox SET processed_at = NULL, outcome = NULL, attempts = 0"))
    report = process_inbox(engine, now=NOW)
    assert (report.unchanged, report.changed, report.new) == (5, 0, 0)
    after = end_state(engine)
    for state in (before, after):
        state["inbox"] = []
    assert difference(before, after) == []


def test_a_push_and_a_pull_of_one_change_are_one_fact(engine):
    heard(engine, an_event("evt-1", order=ORDERS[1]))
    pulled = Told(
        SHOP, "platform", "order.changed", f"1@{NOW}", json.dumps(ORDERS[1]), "1", NOW, pushed=False
    )
    with transaction(engine) as connection:
        store(connection, [pulled, pulled], received_at=NOW)
    report = process_inbox(engine, now=NOW)
    assert (report.facts, report.unchanged) == (1, 1)
    assert triggers(engine) == ["place", "pay"]
    assert rows(engine, Anomaly) == []


def test_what_comes_in_while_we_work_is_for_the_next_time(engine, monkeypatch):
    monkeypatch.setattr(inbox_processing, "BATCH", 2)
    for n, each in enumerate(ORDERS):
        take(engine, an_event(f"evt-{n}", order=each), received_at=NOW, nonce=None, window=WINDOW)

    def one_more(work, *args):
        late = an_event(f"late-{len(rows(engine, InboxFact))}", order={**ORDERS[0], "no": "late"})
        take(engine, late, received_at=NOW, nonce=None, window=WINDOW)
        work(*args)

    assert process_inbox(engine, now=NOW, run_batch=one_more).facts == 5
    assert process_inbox(engine, now=NOW).facts == 3


def test_a_fact_that_can_not_be_worked_on_comes_again_ever_more_rarely_and_then_is_shown(engine, monkeypatch):
    """Promise 8."""
    monkeypatch.setitem(facts_heard.HEARD, ("platform", "order.changed"), _breaks_on("3"))
    facts = [an_event(f"evt-{n}", order=o) for n, o in enumerate(ORDERS)]
    report = heard(engine, *facts)
    assert (report.new, report.postponed) == (4, 1)
    now = NOW
    for tries in range(2, GIVE_UP_AFTER):
        assert process_inbox(engine, now=now).facts == 0  # not yet
        now = rows(engine, InboxFact, case_no="3")[0].retry_at
        assert process_inbox(engine, now=now).postponed == 1
        assert rows(engine, InboxFact, case_no="3")[0].attempts == tries
    now = rows(engine, InboxFact, case_no="3")[0].retry_at
    report = process_inbox(engine, now=now)
    assert (report.failed, report.red) == (1, True)
    assert [odd.code for odd in rows(engine, Anomaly)] == ["could_not_be_worked_on"]
    assert "13812341234" not in repr(rows(engine, InboxFact, case_no="3")[0].error)


def _breaks_on(no: str):
    good = facts_heard.HEARD["platform", "order.changed"]

    def hear(engine, shop, rows, now, flow_run):
        if any(row.case_no == no for row in rows):
            raise RuntimeError("no such thing for 13812341234")
        return good(engine, shop, rows, now, flow_run)

    return hear


def test_a_nonce_counts_once_and_is_forgotten_when_its_time_stamp_is_too_old(engine):
    def push(number: str, nonce: str, at: datetime) -> bool:
        return take(engine, an_event(number), received_at=at, nonce=nonce, window=WINDOW)

    assert push("evt-1", "n1", NOW)
    with pytest.raises(BadSignature, match="before"):
        push("evt-2", "n1", NOW + 2 * WINDOW)
    assert [row.fact_id for row in rows(engine, InboxFact)] == ["evt-1"]  # refused: not stored either
    assert push("evt-3", "n2", NOW + 2 * WINDOW + A_SECOND)
    with engine.connect() as connection:
        assert [row.nonce for row in connection.execute(SeenNonce.__table__.select())] == ["n2"]
