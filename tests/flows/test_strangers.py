"""Strangers' words are cleaned at the door, and nothing they say costs a neighbour (promises 8, 14)."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from itertools import count
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orders_told import AN_HOUR, PAID_AT, SHOP, fact, order, paid, placed, rows, tell
from outbox_told import Calling, deliver, gateways, messages, orders, owe, posting, states
from outside import Answer, Outside
from payment_service import NORMAL, Behaviour, PaymentService
from returns_told import open_case, refunds, release
from strangers_told import ANY, FEW, NASTY, WORDS, an_object, as_sent
from test_sync_orders import PAID, SHIPPED, a_page, a_record, pull

from flows import facts_heard
from flows.inbox import Heard, Told, store
from flows.inbox_processing import process_inbox
from flows.parcel_tracking import track_parcel
from flows.strangers import LONGEST, LONGEST_TEXT, cleaned, decoded, in_words, short
from flows.sweep import sweep
from models import Anomaly, InboxFact, Timer
from models.database import transaction
from states.errors import KefuError
from states.orders import TimerKind, order_lifecycle
from states.reasons import Reason

OVER_AT = PAID_AT + 25 * AN_HOUR
LOST = "�"


# -- the words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("a\x00b\ud800", f"a{LOST}b{LOST}"),
        ("\x1b[31mred\x85", " [31mred "),
        ("one\r\ntwo\u2028three", "one  two three"),
        ("帆布包 🎒 ﷽", "帆布包 🎒 ﷽"),
        ("x" * LONGEST_TEXT, "x" * LONGEST_TEXT),
        ("x" * (LONGEST_TEXT + 1), "x" * (LONGEST_TEXT - 1) + "…"),
    ],
)
def test_a_text_holds_nothing_but_characters_and_not_too_many(told, kept):
    assert cleaned(told) == kept


def test_what_people_write_keeps_its_lines():
    assert cleaned("one\r\n\ttwo\x00", lines=True) == f"one\r\n\ttwo{LOST}"
    assert decoded('{"text": "a\\nb", "buyer": "a\\nb"}') == {"text": "a\nb", "buyer": "a b"}


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775807", 1 - 2**63),
        ("9223372036854775808", "9223372036854775808"),
        ("1e308", 1e308),
        ("1e309", "1e309"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("[" * 21 + "]" * 21, json.loads("[" * 21 + "]" * 21)),
        ("[" * 22 + "]" * 22, json.loads("[" * 21 + "null" + "]" * 21)),
    ],
)
def test_a_number_that_nobody_holds_stays_the_text_it_was_and_what_lies_too_deep_is_left_out(told, kept):
    assert decoded(told) == kept


@pytest.mark.parametrize("told", ["", "{", "[" * 100_000, b"\xff", "x" * 10])
def test_what_is_no_json_is_none(told):
    with pytest.raises(ValueError):  # noqa: PT011 (whichever)
        decoded(told)


@given(ANY)
@FEW
def test_whatever_is_told_can_be_stored_and_is_the_same_when_it_is_read_again(told):
    kept = decoded(as_sent(told))
    text = json.dumps(kept, ensure_ascii=False, allow_nan=False)
    assert "\x00" not in text.encode().decode()
    assert decoded(text) == kept


@given(WORDS)
@FEW
def test_an_error_that_quotes_them_is_one_short_line(word):
    for text in (short(word), in_words(ValueError(word))):
        assert text.encode().decode() == cleaned(text)
        assert len(text) <= LONGEST


# -- refunds ---------------------------------------------------------------------------------------------

SETTLED = ("succeeded", "failed", "unknown")


@pytest.fixture
def numbers():
    return count(1)


def two_due_cases(engine, numbers) -> tuple[str, str]:
    bad, good = (str(next(numbers)) for _ in range(2))
    for no in (bad, good):
        tell(engine, placed(no), paid(no))
        open_case(engine, PAID_AT + AN_HOUR, of=no)
    return bad, good


@pytest.mark.parametrize("word", NASTY)
@pytest.mark.parametrize("said", ["refund_ref", "reason", "error"])
def test_whatever_the_payment_service_says_of_a_refund_the_next_one_is_paid(engine, word, said):
    bad, good = two_due_cases(engine, count(1))
    told = {"refund_ref": {"refund_ref": word}, "reason": {"status": "failed", "reason": word}}
    told["error"] = {"error": {"code": word, "message": word}}
    with PaymentService() as service:
        service.behave(Behaviour(told=told[said], status=402 if said == "error" else None), NORMAL)
        report = release(engine, OVER_AT, service)
        assert refunds(engine, f"{good}-R1") == [("succeeded", 10_000)]
        assert refunds(engine, f"{bad}-R1")[0][0] == ("succeeded" if said == "refund_ref" else "failed")
        assert report.paid_fen == (20_000 if said == "refund_ref" else 10_000)
        assert release(engine, OVER_AT + AN_HOUR, service).claimed == 0
        assert len({key for key, _ in service.paid}) == len(service.paid)


def test_any_json_that_the_payment_service_can_answer_leaves_the_next_refund_paid_and_known(engine, numbers):
    answers = (
        an_object(status="succeeded", refund_ref="P1", reason="no", fen=10_000, error={"code": "x"}) | ANY
    )

    @FEW
    @given(answers, st.sampled_from([None, 402, 409, 500]))
    def told(answer, status):
        bad, good = two_due_cases(engine, numbers)
        with PaymentService() as service:
            service.behave(Behaviour(body=as_sent(answer), status=status), NORMAL)
            release(engine, OVER_AT, service)
            assert refunds(engine, f"{good}-R1") == [("succeeded", 10_000)]
            assert refunds(engine, f"{bad}-R1")[0][0] in SETTLED
            release(engine, OVER_AT + AN_HOUR, service)
            assert refunds(engine, f"{bad}-R1")[0][0] in ("succeeded", "failed")
            assert sorted(fen for _, fen in service.paid) == [10_000, 10_000]

    told()


# -- messages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", NASTY)
def test_whatever_a_message_is_answered_with_it_and_its_neighbours_are_sent_once(engine, word):
    owe(engine, orders(engine, 5))
    with Outside({"ref": "1"}, {"ref": word}, {"ref": "3"}) as outside:
        for _ in range(2):
            assert not deliver(engine, posting({"buyer": outside.url})).red
        assert len(outside.calls) == 5
    assert states(engine, what="payment_reminder") == ["sent"] * 5


@pytest.mark.parametrize("word", ["\x00", "\ud800", "x" * 5_000])
def test_what_was_sent_is_sent_although_their_answer_can_not_be_stored(engine, word, monkeypatch):
    monkeypatch.setattr("flows.outbox_tries.short", lambda told: told)  # a door that somebody left open
    keys = owe(engine, orders(engine, 5))
    asked = []

    def answer(owed):
        asked.append(owed.key)
        return word if owed.key == keys[2] else "R"

    opened = gateways({"buyer": Calling("there", answer)})
    for _ in range(2):
        deliver(engine, opened)
    assert sorted(asked) == sorted(keys)
    sent = {row.key: row for row in messages(engine, what="payment_reminder")}
    assert {row.sent_at for row in sent.values()} == {PAID_AT}
    assert [sent[key].ref for key in keys if key != keys[2]] == ["R"] * 4
    assert sent[keys[2]].ref in (None, word)


def test_any_json_that_a_message_can_be_answered_with_leaves_the_others_sent(engine, numbers):
    @FEW
    @given(an_object(ref="R") | ANY, st.sampled_from([200, 200, 400, 503]))
    def told(answer, status):
        run = f"m{next(numbers)}-"
        keys = owe(engine, orders(engine, 3, run))
        with Outside(Answer(as_sent(answer), status), {"ref": "R"}) as outside:
            deliver(engine, posting({"buyer": outside.url}, at_once=1))
            assert len(outside.calls) == 3
        mine = [row for row in messages(engine, what="payment_reminder") if row.key in keys]
        assert [bool(row.sent_at) for row in mine][1:] == [True, True]
        assert bool(mine[0].sent_at) == (status == 200 and isinstance(answer, dict))
        assert mine[0].sent_at or mine[0].answer

    told()


# -- what is pulled, and what is asked of the carrier ------------------------------------------------------


@pytest.fixture
def platform(monkeypatch):
    with Outside() as service:
        monkeypatch.setenv("KEFU_BAG_STUDIO_PLATFORM_URL", service.url)
        monkeypatch.setenv("KEFU_BAG_STUDIO_PLATFORM_SECRET", "s3cret")
        yield service


def test_any_json_that_the_platform_can_tell_leaves_the_other_orders_in(engine, platform, numbers):
    records = an_object(**{**a_record("1", **SHIPPED), "no": "bad"}) | ANY

    @FEW
    @given(records, an_object(**a_page()) | st.just(a_page()))
    def told(record, page):
        good = f"good-{next(numbers)}"
        pull(engine, platform, as_answer(page), a_page(record, a_record(good, **PAID)))
        pull(engine, platform, a_page(record, a_record(good, **PAID)))
        assert order(engine, good).paid_at
        assert [fact.error for fact in rows(engine, InboxFact) if not fact.processed_at] == []

    told()


def as_answer(told) -> Answer:
    return Answer(as_sent(told))


@pytest.mark.parametrize(
    "server_time", ["0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"]
)
def test_a_platform_whose_clock_is_off_by_ages_is_asked_again(engine, platform, server_time):
    for no in "12":
        report = pull(engine, platform, {**a_page(a_record(no, **PAID)), "server_time": server_time})
        assert (report.red, order(engine, no).state) == (False, "verified")


def test_half_a_character_in_a_name_costs_nobody_the_order_but_in_its_number_it_is_no_number(
    engine, platform
):
    report = pull(
        engine, platform, a_page(a_record("1", receiver="王\ud83d"), a_record("2\ud800"), a_record("3"))
    )
    assert (report.inbox.new, report.inbox.quarantined) == (2, 1)
    assert order(engine, "1").receiver == f"王{LOST}"
    assert [odd.code for odd in rows(engine, Anomaly)] == ["unreadable_fact"]


@pytest.mark.parametrize(
    "name", ["buyer", "receiver", "phone", "address", "waybill", "carrier", "remark", "items"]
)
def test_a_name_without_end_is_no_trouble_of_the_database(engine, platform, name):
    """PostgreSQL indexes no more than some thousand bytes, and calls that an operational error."""
    endless = "".join(map(chr, Random(1).choices(range(0x4E00, 0x9FA5), k=LONGEST_TEXT)))
    told = [{"sku": endless, "title": endless, "quantity": 1}] if name == "items" else endless
    record = a_record("1", **{**(SHIPPED if name in ("waybill", "carrier") else PAID), name: told})
    report = pull(engine, platform, a_page(record, a_record("2", **PAID)))
    assert (report.inbox.postponed, report.inbox.failed) == (0, 0)
    assert report.inbox.quarantined == (name in ("buyer", "waybill", "carrier"))
    assert order(engine, "2").paid_at


def test_what_no_index_holds_takes_no_neighbour_with_it(engine):
    """A door that somebody left open: the database refuses, and is not in trouble."""
    endless = "".join(map(chr, Random(1).choices(range(0x4E00, 0x9FA5), k=LONGEST_TEXT)))
    tell(engine, placed("1"), placed("2"), fact("pay", PAID_AT, no="1", amount_fen=10_000))
    told = fact("hold", PAID_AT, no="1", reason=endless)  # its key holds the reason
    report = tell(engine, told, paid("2"))
    assert [outcome.status for outcome in report.outcomes][1] == "changed"
    assert order(engine, "2").paid_at


def test_any_json_that_the_carrier_can_answer_is_a_track_or_a_sentence(engine, monkeypatch):
    scan = {"time": "2026-03-04 09:00:00", "ftime": "2026-03-04 09:00:00", "context": "在途"}
    answers = an_object(status="200", nu="SF123456", com="shunfeng", state="0", data=[scan], message="ok")
    tell(engine, placed("1"), paid("1"))
    with transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE orders SET waybill = 'SF123456', carrier = '顺丰'")
    for name, value in (("KEY", "k"), ("CUSTOMER", "c")):
        monkeypatch.setenv(f"KEFU_KUAIDI100_{name}", value)

    @FEW
    @given(answers | ANY, ANY)
    def told(answer, context):
        if isinstance(answer, dict) and isinstance(answer.get("data"), list):
            answer = {**answer, "data": [{**scan, "context": context}, *answer["data"]]}
        with Outside(as_answer(answer)) as carrier:
            monkeypatch.setenv("KEFU_KUAIDI100_URL", carrier.url)
            with suppress(KefuError):
                track_parcel(engine, "1", SHOP, now=PAID_AT + timedelta(days=3))

    told()
    assert {fact.outcome for fact in rows(engine, InboxFact)} <= {"unchanged", "changed"}


# -- the loops that store what became of things ---------------------------------------------------------------


@pytest.mark.parametrize("word", ["\x00", "\ud800"])
def test_a_fact_whose_outcome_can_not_be_stored_takes_no_other_with_it(engine, word, monkeypatch):
    def hear(engine, shop, rows, now, flow_run):
        odd = [(Reason("odd", word, word), None)]
        return {row.id: Heard("changed", odd if row.fact_id == "3" else []) for row in rows}

    monkeypatch.setitem(facts_heard.HEARD, ("platform", "complaint.made"), hear)
    facts = [Told(SHOP, "platform", "complaint.made", str(n), "{}") for n in range(1, 6)]
    with transaction(engine) as connection:
        store(connection, facts, received_at=PAID_AT)
    report = process_inbox(engine, now=PAID_AT)
    assert report.changed >= 4
    refused = [fact for fact in rows(engine, InboxFact) if fact.outcome != "changed"]
    assert (report.postponed, [fact.fact_id for fact in refused]) in ((1, ["3"]), (0, []))
    assert all(fact.error for fact in refused)


@pytest.mark.parametrize("word", NASTY)
def test_a_case_that_breaks_on_such_words_is_postponed_and_the_others_are_done(engine, word, monkeypatch):
    tell(engine, *(placed(no) for no in "123"))
    bad, record = order(engine, "2").id, order_lifecycle._record

    def broken(case, change, asked):
        if case.id == bad:
            raise ValueError(f"no such thing as {word}")
        record(case, change, asked)

    monkeypatch.setattr(order_lifecycle, "_record", broken)
    at = max(row.due_at for row in rows(engine, Timer, kind=TimerKind.PAYMENT_DEADLINE))
    report = sweep(engine, "remind-unpaid", [TimerKind.PAYMENT_DEADLINE], as_of=at)
    assert [order(engine, no).state for no in "123"] == ["cancelled", "unpaid", "cancelled"]
    assert report.red
    error = rows(engine, Timer, kind=TimerKind.PAYMENT_DEADLINE, case_id=bad)[0].error
    assert error.startswith("ValueError: no such thing")
    assert len(error) <= LONGEST
