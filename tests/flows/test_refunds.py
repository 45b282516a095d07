"""Money moves once (promise 7): whatever the payment service does, each refund is paid once, and we know it."""

from __future__ import annotations

import logging
import threading
from contextlib import closing
from datetime import timedelta

import httpx
import pytest
from databases import everything
from orders_told import (
    A_SECOND,
    AN_HOUR,
    PAID_AT,
    RECEIVER,
    SHOP,
    fact,
    holds,
    of_case,
    order,
    paid,
    placed,
    rows,
    tell,
)
from payment_service import (
    FAILS,
    HANGS_UP,
    NORMAL,
    PAYS_AND_DRIPS,
    PAYS_AND_HANGS_UP,
    PAYS_AND_MUMBLES,
    PAYS_AND_SAYS_TOO_MUCH,
    PAYS_THEN_500,
    PENDING_FIRST,
    PENDING_THEN_FAILS,
    REDIRECTS,
    UNAVAILABLE_503,
    Behaviour,
    PaymentService,
    late,
    rejects,
    slow,
)
from returns_told import (
    case,
    case_anomalies,
    case_owed,
    case_state,
    case_steps,
    gateway,
    money,
    of_return_case,
    open_case,
    refunds,
    refused,
    release,
    tell_return,
)
from sqlalchemy import Engine, update
from waiting import wait_until

from flows.clock import now
from flows.gateways import bounds
from flows.gateways.payments import TOKEN, URL, PaymentsGateway, RefundAnswer, RefundState
from flows.refunds import IN_FLIGHT, LONGEST_DELAY, RefundReport, pay_refunds
from flows.return_steps import release_refunds
from flows.scope import Scope
from models import Refund, StateChange
from states.errors import GatewayRejected, GatewayUnavailable

ASKED_AT = PAID_AT + AN_HOUR
OVER_AT = ASKED_AT + timedelta(hours=24)
A_MINUTE = timedelta(minutes=1)
KEY, SECOND_KEY = (f"{SHOP}/return/1-R1/refund/{n}" for n in (1, 2))
SECRET = "sk-live-4242-secret"
BEFORE_IT_IS_PAID, PAID_BACK, FAILED = (10_000, 0, 10_000), (10_000, 10_000, 0), (10_000, 0, 0)


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch):
    for name in (URL, TOKEN):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def service():
    with PaymentService() as service:
        yield service


@pytest.fixture
def due(engine):
    """A case whose 24 hours are over at OVER_AT."""
    return a_due_case(engine)


def a_due_case(engine: Engine, no: str = "1") -> Engine:
    tell(engine, placed(no), paid(no))
    assert open_case(engine, ASKED_AT, of=no).changes[-1].dest == "cooling"
    return engine


def refund_of(engine: Engine, no: str = "1-R1", round: int = 1):
    return rows(engine, Refund, key=f"{SHOP}/return/{no}/refund/{round}")[0]


def asked_of(service: PaymentService) -> list[str]:
    """GET looks, POST pays; and each of them by the first key."""
    assert {call.key for call in service.calls} <= {KEY}
    return [call.method for call in service.calls]


def impatient(service: PaymentService) -> PaymentsGateway:
    return PaymentsGateway(httpx.Client(base_url=service.url, timeout=0.3, trust_env=False))


def pay(engine: Engine, payments: PaymentsGateway | None, at=OVER_AT, clock=now, **how) -> RefundReport:
    """Only the paying of a run, with a clock of its own."""
    report = RefundReport("release-refunds", at)
    pay_refunds(engine, payments, report, Scope(), clock=clock, **how)
    return report


# -- whatever the service does ----------------------------------------------------------------------

NO_PAGE, NOT_WE = rejects("no_such_page", status=404), rejects("bad_token", "who are you", status=401)
ANOTHER_AMOUNT = Behaviour(told={"fen": 9_999})
PAID, UNKNOWN, NOT_SENT = "succeeded", "unknown", "requested"


@pytest.mark.parametrize(
    ("does", "first", "red", "asked"),
    [
        pytest.param(NORMAL, PAID, False, ["POST"], id="pays"),
        pytest.param(PAYS_AND_HANGS_UP, UNKNOWN, True, ["POST", "GET"], id="pays and hangs up"),
        pytest.param(PAYS_THEN_500, UNKNOWN, True, ["POST", "GET"], id="pays, then 500"),
        pytest.param(PAYS_AND_MUMBLES, UNKNOWN, True, ["POST", "GET"], id="pays, answers half a JSON"),
        pytest.param(late(0.8), UNKNOWN, True, ["POST", "GET"], id="pays, answers too late"),
        pytest.param(ANOTHER_AMOUNT, UNKNOWN, True, ["POST", "GET"], id="tells another amount"),
        pytest.param(PENDING_FIRST, UNKNOWN, False, ["POST", "GET"], id="has it pending first"),
        pytest.param(HANGS_UP, UNKNOWN, True, ["POST", "GET", "POST"], id="hangs up"),
        pytest.param(UNAVAILABLE_503, UNKNOWN, True, ["POST", "GET", "POST"], id="503"),
        pytest.param(REDIRECTS, UNKNOWN, True, ["POST", "GET", "POST"], id="redirects"),
        pytest.param(rejects("busy", status=409), UNKNOWN, True, ["POST", "GET", "POST"], id="409"),
        pytest.param(rejects("slowly", status=429), UNKNOWN, True, ["POST", "GET", "POST"], id="429"),
        pytest.param(NOT_WE, NOT_SENT, True, ["POST", "POST"], id="401"),
        pytest.param(NO_PAGE, NOT_SENT, True, ["POST", "POST"], id="404, the address is wrong"),
    ],
)
def test_whatever_the_service_does_a_refund_is_paid_once_and_known_to_be(
    due, service, does, first, red, asked
):
    service.behave(does, NORMAL)
    with closing(impatient(service)) as payments:
        report = release_refunds(due, as_of=OVER_AT, payments=payments)
    assert refunds(due) == [(first, 10_000)]
    assert (report.red, report.postponed, report.failed) == (red, int(red), 0)
    assert report.paid_fen == (10_000 if first == PAID else 0)
    assert case_state(due) == ("refunded" if first == PAID else "refunding")
    assert money(due) == (PAID_BACK if first == PAID else BEFORE_IT_IS_PAID)
    assert bool(refund_of(due).error) == (first != PAID)

    reports = [release(due, OVER_AT + timedelta(minutes=m), service) for m in (1, 2, 5, 60)]
    assert sum(r.paid_fen for r in [report, *reports]) == 10_000
    assert [r.red for r in reports] == [False] * 4
    assert (case_state(due), order(due).state, money(due)) == ("refunded", "refunded", PAID_BACK)
    assert refunds(due) == [("succeeded", 10_000)]
    assert asked_of(service) == asked
    assert service.paid == [(KEY, 10_000)]


@pytest.mark.parametrize("does", [PAYS_AND_DRIPS, PAYS_AND_SAYS_TOO_MUCH, late(60)])
def test_an_answer_that_is_cut_off_is_an_outcome_nobody_knows_and_is_asked_for_by_its_key(
    due, service, does, monkeypatch
):
    monkeypatch.setattr(bounds, "ANSWER_SECONDS", 0.5)
    service.behave(does, NORMAL)
    service.behave(does, NORMAL, when="GET")
    reports = [release(due, OVER_AT + timedelta(hours=h), service) for h in range(2)]
    assert refunds(due) == [("unknown", 10_000)]
    reports.append(release(due, OVER_AT + timedelta(hours=2), service))
    assert [report.red for report in reports] == [True, True, False]
    assert (refunds(due), asked_of(service)) == ([("succeeded", 10_000)], ["POST", "GET", "GET"])
    assert service.paid == [(KEY, 10_000)]


def test_what_the_service_pays_after_we_gave_up_is_not_paid_by_the_next_run_as_well(due, service):
    service.behave(slow(0.6), NORMAL)
    with closing(impatient(service)) as payments:
        release_refunds(due, as_of=OVER_AT, payments=payments)
    assert refunds(due) == [("unknown", 10_000)]
    release(due, OVER_AT + A_MINUTE, service)  # whether it has been paid by now or not
    assert refunds(due) == [("succeeded", 10_000)]
    assert service.paid == [(KEY, 10_000)]


@pytest.mark.parametrize(
    ("does", "asked", "says"),
    [
        pytest.param(rejects(), ["POST"], "card_closed", id="402"),
        pytest.param(FAILS, ["POST"], "account is closed", id="fails"),
        pytest.param(PENDING_THEN_FAILS, ["POST", "GET"], "account is closed", id="pending, then fails"),
    ],
)
def test_what_failed_for_good_is_shown_to_staff_and_not_asked_for_again(due, service, does, asked, says):
    service.behave(does)
    reports = [release(due, OVER_AT + timedelta(hours=h), service) for h in range(4)]
    assert [r.failed for r in reports] == ([1, 0, 0, 0] if len(asked) == 1 else [0, 1, 0, 0])
    assert [r.red for r in reports] == [bool(r.failed) for r in reports]
    assert refunds(due) == [("failed", 10_000)]
    assert (case_state(due), money(due)) == ("refunding", FAILED)
    assert says in refund_of(due).error
    assert case_owed(due).count("refund_failed") == 1
    assert (asked_of(service), service.paid) == (asked, [])


def test_what_failed_for_good_is_paid_by_a_new_key_when_a_named_person_says_so(due, service):
    service.behave(rejects(), NORMAL)
    release(due, OVER_AT, service)
    assert refused(tell_return(due, "pay_back", OVER_AT + A_MINUTE, by="operator")) == ["needs_a_person"]
    tell_return(due, "pay_back", OVER_AT + A_MINUTE, by="li")
    assert "refund_under_way" in refused(tell_return(due, "pay_back", OVER_AT + A_MINUTE, by="li"))
    assert money(due) == BEFORE_IT_IS_PAID
    release(due, OVER_AT + AN_HOUR, service)
    assert refunds(due) == [("failed", 10_000), ("succeeded", 10_000)]
    assert service.paid == [(SECOND_KEY, 10_000)]
    assert (case_state(due), money(due)) == ("refunded", PAID_BACK)


def test_nobody_reached_means_nothing_sent(due, service):
    nowhere = httpx.Client(base_url="http://127.0.0.1:1", timeout=1, trust_env=False)
    with closing(PaymentsGateway(nowhere)) as payments:
        report = release_refunds(due, as_of=OVER_AT, payments=payments)
    assert (refunds(due), report.red) == ([("requested", 10_000)], True)
    assert "not reached" in refund_of(due).error
    release(due, OVER_AT + A_MINUTE, service)
    assert (asked_of(service), service.paid) == (["POST"], [(KEY, 10_000)])


@pytest.mark.parametrize("does", [UNAVAILABLE_503, NOT_WE, rejects(), ANOTHER_AMOUNT])
def test_as_long_as_looking_tells_nothing_nothing_is_sent_anew(due, service, does):
    service.behave(PAYS_AND_HANGS_UP)
    service.behave(does, when="GET")
    reports = [release(due, OVER_AT + timedelta(hours=h), service) for h in range(4)]
    assert all(r.red for r in reports)
    assert (refunds(due), money(due)) == ([("unknown", 10_000)], BEFORE_IT_IS_PAID)
    assert asked_of(service) == ["POST", "GET", "GET", "GET"]
    assert "refund_under_way" in refused(tell_return(due, "pay_back", OVER_AT + 3 * AN_HOUR, by="li"))
    service.behave(NORMAL, when="GET")
    release(due, OVER_AT + timedelta(hours=5), service)
    assert (refunds(due), money(due)) == ([("succeeded", 10_000)], PAID_BACK)
    assert service.paid == [(KEY, 10_000)]


KEY_IN_USE = rejects("idempotency_key_in_use", "this key is being worked on", 400)
NOES = [
    KEY_IN_USE,
    *(rejects("no", status=status) for status in (400, 401, 402, 403, 404, 405, 409, 410, 422)),
]


@pytest.mark.parametrize("first", [HANGS_UP, KEY_IN_USE], ids=["hangs up", "key in use"])
@pytest.mark.parametrize("no", NOES, ids=lambda no: f"{no.told['error']['code']} {no.status}")
def test_a_no_to_asking_again_is_none_to_the_refund_for_it_may_have_been_paid(due, service, first, no):
    """Promise 7: only the service, asked by the key, or a person who has looked, knows."""
    service.behave(first, no)
    reports = [release(due, OVER_AT + timedelta(hours=h), service) for h in range(3)]
    assert [r.red for r in reports] == [True] * 3
    assert (refunds(due), money(due)) == ([("unknown", 10_000)], BEFORE_IT_IS_PAID)
    assert asked_of(service) == ["POST", "GET", "POST", "GET", "POST"]
    assert str(no.status) in refund_of(due).error
    assert "refund_under_way" in refused(tell_return(due, "pay_back", OVER_AT + 3 * AN_HOUR, by="li"))


def test_a_no_to_asking_again_is_overtaken_by_what_the_service_knows(due, service):
    service.behave(slow(0.2), rejects())
    with closing(impatient(service)) as payments:
        payments._client.timeout = 0.1
        release_refunds(due, as_of=OVER_AT, payments=payments)
    wait_until(lambda: service.paid, "the service has not paid")
    release(due, OVER_AT + A_MINUTE, service)
    assert (refunds(due), money(due)) == ([("succeeded", 10_000)], PAID_BACK)
    assert service.paid == [(KEY, 10_000)]


@pytest.mark.parametrize("says", ["refund_paid", "refund_failed"])
@pytest.mark.parametrize("by", ["operator", "", "platform", "kuaidi100"])
def test_what_became_of_a_refund_that_may_have_been_paid_is_not_for_everybody_to_say(due, service, says, by):
    service.behave(HANGS_UP)
    release(due, OVER_AT, service)
    tell_return(due, says, OVER_AT + A_MINUTE, by=by, reason="?")
    assert (refunds(due), money(due), case_state(due)) == (
        *([("unknown", 10_000)], BEFORE_IT_IS_PAID),
        "refunding",
    )
    assert case_anomalies(due) == ["needs_a_person"]


def test_a_person_who_has_looked_says_that_nothing_was_paid_and_it_is_paid_by_a_new_key(due, service):
    service.behave(HANGS_UP, rejects("idempotency_key_in_use", status=422))
    for hours in (0, 1):
        release(due, OVER_AT + timedelta(hours=hours), service)
    tell_return(due, "refund_failed", OVER_AT + 2 * AN_HOUR, by="li", reason="not in their list")
    assert (refunds(due), money(due)) == ([("failed", 10_000)], FAILED)
    assert refund_of(due).error == "not in their list"
    told = of_return_case(due, StateChange, trigger="refund_failed")[0]
    assert (told.by, told.facts) == ("li", {"reason": "not in their list"})
    service.behave(NORMAL)
    tell_return(due, "pay_back", OVER_AT + 3 * AN_HOUR, by="li")
    release(due, OVER_AT + 4 * AN_HOUR, service)
    assert refunds(due) == [("failed", 10_000), ("succeeded", 10_000)]
    assert service.paid == [(SECOND_KEY, 10_000)]


# -- when it is asked again -------------------------------------------------------------------------


def test_it_is_asked_ever_more_rarely_but_at_least_every_hour(due, service):
    service.behave(UNAVAILABLE_503)
    service.behave(UNAVAILABLE_503, when="GET")
    at, waited = OVER_AT, []
    for _ in range(9):
        release(due, at - A_SECOND, service)
        before = len(service.calls)
        release(due, at, service)
        assert len(service.calls) == before + 1
        waited.append(refund_of(due).retry_at - at)
        at = refund_of(due).retry_at
    assert waited == [timedelta(minutes=m) for m in (1, 2, 4, 8, 16, 32, 60, 60, 60)]


def test_it_is_never_too_often(due, service):
    """Of 41 tries in two days' time, the 41st doubled leaves the calendar."""
    service.behave(PENDING_FIRST)
    service.behave(Behaviour(acts=False, told={"status": "pending"}), when="GET")
    release(due, OVER_AT, service)
    changed(due, attempts=1_000)
    assert not release(due, OVER_AT + AN_HOUR, service).red
    assert refund_of(due).retry_at == OVER_AT + AN_HOUR + LONGEST_DELAY


# -- a process that died, and two at once -----------------------------------------------------------


def changed(engine: Engine, **values) -> None:
    with engine.begin() as connection:
        connection.execute(update(Refund.__table__).values(values))


@pytest.mark.parametrize("was_paid", [True, False])
def test_what_a_process_that_died_had_sent_is_taken_up_when_no_answer_can_come_any_more(
    due, service, was_paid
):
    pay_nobody = release(due, OVER_AT)
    assert pay_nobody.waiting == 1
    died_at = now()
    changed(due, state="sent", sent_at=died_at, attempts=1)
    with closing(gateway(service)) as payments:
        if was_paid:
            payments.refund(order_no="1", shop=SHOP, fen=10_000, idempotency_key=KEY)
        too_early = pay(due, payments, clock=lambda: died_at + IN_FLIGHT - A_SECOND)
        assert (too_early.claimed, refunds(due)) == (0, [("sent", 10_000)])
        report = pay(due, payments, clock=lambda: died_at + IN_FLIGHT)
    assert (report.paid_fen, report.red, refunds(due)) == (10_000, False, [("succeeded", 10_000)])
    assert service.paid == [(KEY, 10_000)]
    assert asked_of(service) == (["POST", "GET"] if was_paid else ["GET", "POST"])


def test_sent_at_is_the_real_clock_whatever_moment_the_run_stands_for(due, service):
    service.behave(UNAVAILABLE_503)
    before = now()
    release(due, OVER_AT, service)
    assert before <= refund_of(due).sent_at <= now()


def test_a_run_between_sending_and_answer_leaves_it_alone(due, service):
    meanwhile = []

    def at_the_service() -> None:
        meanwhile.append(release(due, OVER_AT + AN_HOUR, service))

    with closing(Interrupted(gateway(service), after=at_the_service)) as payments:
        assert release_refunds(due, as_of=OVER_AT, payments=payments).paid_fen == 10_000
    assert (meanwhile[0].claimed, meanwhile[0].red) == (0, False)
    assert (asked_of(service), service.paid) == (["POST"], [(KEY, 10_000)])


@pytest.mark.parametrize("first_run", ["requested", "unknown"])
def test_two_that_both_hear_yes_count_it_once(due, service, first_run):
    """The first was only very slow: another run has taken up what it had sent."""
    taken_up = []
    if first_run == "unknown":
        service.behave(HANGS_UP, NORMAL)
        release(due, OVER_AT, service)

    def much_later() -> None:
        with closing(gateway(service)) as payments:
            taken_up.append(pay(due, payments, OVER_AT + AN_HOUR, clock=lambda: now() + IN_FLIGHT))

    with closing(Interrupted(gateway(service), after=much_later)) as payments:
        first = release_refunds(due, as_of=OVER_AT + A_MINUTE, payments=payments)
    assert (first.paid_fen, first.red) == (0, False)
    assert (taken_up[0].paid_fen, taken_up[0].red) == (10_000, False)
    assert service.paid == [(KEY, 10_000)]
    assert (refunds(due), money(due)) == ([("succeeded", 10_000)], PAID_BACK)
    assert [trigger for trigger, _ in case_steps(due)].count("refund_paid") == 1
    assert case_anomalies(due) == []


def test_a_no_that_comes_late_takes_nothing_back(due, service):
    def much_later() -> None:
        with closing(gateway(service)) as payments:
            pay(due, payments, OVER_AT + AN_HOUR, clock=lambda: now() + IN_FLIGHT)
        raise GatewayRejected("POST answered 402: card_closed", status=402)

    with closing(Interrupted(gateway(service), before=much_later)) as payments:
        release_refunds(due, as_of=OVER_AT, payments=payments)
    assert (refunds(due), money(due), case_state(due)) == ([("succeeded", 10_000)], PAID_BACK, "refunded")
    assert (service.paid, case_anomalies(due)) == ([(KEY, 10_000)], ["unexpected_fact"])


def test_a_yes_that_comes_late_is_money_paid_back(due, service):
    """Told as failed first, by another run or a person: the money has moved all the same."""

    def told_otherwise() -> None:
        tell_return(due, "refund_failed", OVER_AT, by="li", reason="the bank says no", key="refund_failed:1")

    with closing(Interrupted(gateway(service), after=told_otherwise)) as payments:
        release_refunds(due, as_of=OVER_AT, payments=payments)
    assert service.paid == [(KEY, 10_000)]
    assert (refunds(due), money(due), case_state(due)) == ([("succeeded", 10_000)], PAID_BACK, "refunded")
    assert order(due).state == "refunded"


def test_what_a_person_pays_after_it_failed_is_money_paid_back(due, service):
    service.behave(rejects(), rejects(), NORMAL)
    release(due, OVER_AT, service)
    tell_return(due, "pay_back", OVER_AT + A_MINUTE, by="li")
    release(due, OVER_AT + 2 * A_MINUTE, service)
    assert money(due) == FAILED
    tell_return(due, "refund_paid", OVER_AT + AN_HOUR, by="li", refund_ref="bank 77")
    assert refunds(due) == [("failed", 10_000), ("succeeded", 10_000)]
    assert (money(due), case_state(due), order(due).state) == (PAID_BACK, "refunded", "refunded")
    tell_return(due, "refund_paid", OVER_AT + AN_HOUR, by="li", refund_ref="bank 77")
    assert refunds(due) == [("failed", 10_000), ("succeeded", 10_000)]
    assert (money(due), case_anomalies(due)) == (PAID_BACK, ["unexpected_fact"])
    release(due, OVER_AT + 2 * AN_HOUR, service)
    assert service.paid == []


class Interrupted(PaymentsGateway):
    """A gateway in whose refund something else happens, before or after the service is asked."""

    def __init__(self, real: PaymentsGateway, *, before=lambda: None, after=lambda: None) -> None:
        super().__init__(real._client)
        self._before, self._after = before, after

    def refund(self, **asked) -> RefundAnswer:
        self._before()
        answer = super().refund(**asked)
        self._after()
        return answer


def test_two_runs_at_once_pay_each_refund_once(engine, service):
    for no in ("1", "2", "3"):
        a_due_case(engine, no)
    start, reports = threading.Barrier(2), []

    def run() -> None:
        start.wait()
        reports.append(release(engine, OVER_AT, service))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(service.paid) == [(f"{SHOP}/return/{no}-R1/refund/1", 10_000) for no in "123"]
    assert [call.method for call in service.calls] == ["POST"] * 3
    assert sum(report.paid_fen for report in reports) == 30_000
    assert [report.red for report in reports] == [False, False]
    assert [refunds(engine, f"{no}-R1") for no in "123"] == [[("succeeded", 10_000)]] * 3


# -- without a service, by hand, for show -----------------------------------------------------------


def test_without_a_service_it_waits_is_paid_by_hand_and_not_once_more(due, service):
    report = release(due, OVER_AT)
    assert (report.waiting, report.red, report.done) == (1, False, 1)
    again = release(due, OVER_AT + AN_HOUR)
    assert (again.waiting, again.red, again.claimed) == (1, False, 0)
    assert (refunds(due), money(due)) == ([("requested", 10_000)], BEFORE_IT_IS_PAID)
    assert refund_of(due).sent_at is None

    tell_return(due, "refund_paid", OVER_AT + 2 * AN_HOUR, by="li", refund_ref="bank 77")
    assert (refunds(due), money(due), case_state(due)) == ([("succeeded", 10_000)], PAID_BACK, "refunded")
    assert refund_of(due).refund_ref == "bank 77"
    assert release(due, OVER_AT + 3 * AN_HOUR, service).claimed == 0
    assert service.calls == []


def test_what_a_person_has_paid_while_nobody_knew_is_not_asked_about_any_more(due, service):
    service.behave(UNAVAILABLE_503)
    release(due, OVER_AT, service)
    tell_return(due, "refund_paid", OVER_AT + A_MINUTE, by="li", refund_ref="bank 77")
    service.behave(NORMAL)
    release(due, OVER_AT + AN_HOUR, service)
    assert (asked_of(service), service.paid) == (["POST"], [])
    assert money(due) == PAID_BACK


def test_what_a_person_tells_while_it_is_being_asked_stands(due, service):
    def told_meanwhile() -> None:
        tell_return(due, "refund_paid", OVER_AT, by="li", refund_ref="bank 77")
        raise GatewayUnavailable("POST no answer (ReadTimeout)")

    with closing(Interrupted(gateway(service), before=told_meanwhile)) as payments:
        release_refunds(due, as_of=OVER_AT, payments=payments)
    assert (refunds(due), money(due)) == ([("succeeded", 10_000)], PAID_BACK)
    assert release(due, OVER_AT + AN_HOUR, service).claimed == 0
    assert service.calls == []


def test_what_a_person_tells_between_looking_and_sending_stands(due, service):
    release(due, OVER_AT)

    def told_first(fn, *args) -> None:
        tell_return(due, "refund_paid", OVER_AT, by="li", refund_ref="bank 77")
        fn(*args)

    with closing(gateway(service)) as payments:
        report = pay(due, payments, run_batch=told_first)
    assert (report.claimed, service.calls) == (0, [])


def test_what_has_left_before_the_money_was_sent_is_a_return_and_nothing_is_sent(due, service):
    release(due, OVER_AT)  # decided, and nobody could pay it
    tell(due, fact("ship", OVER_AT + AN_HOUR, waybill="SF1234567890"))
    report = release(due, OVER_AT + 2 * AN_HOUR, service)
    assert (service.calls, report.red) == ([], False)
    assert (refunds(due), money(due)) == ([("failed", 10_000)], FAILED)
    assert "had left" in refund_of(due).error
    assert (case(due).kind, case_state(due), holds(due)) == ("return_refund", "requested", [])
    assert "became_return" in case_owed(due)
    assert "refund_failed" not in case_owed(due)


def test_what_has_left_before_the_payment_service_ever_heard_of_the_refund_is_a_return(due, service):
    service.behave(HANGS_UP)  # we can't know that nothing was paid
    release(due, OVER_AT, service)
    assert refunds(due) == [("unknown", 10_000)]
    tell(due, fact("ship", OVER_AT + A_SECOND, waybill="SF1234567890"))
    release(due, OVER_AT + AN_HOUR, service)
    assert (asked_of(service), service.paid) == (["POST", "GET"], [])  # looked, and was not asked again
    assert (refunds(due), money(due)) == ([("failed", 10_000)], FAILED)
    assert (case(due).kind, case_state(due)) == ("return_refund", "requested")


def test_what_left_when_the_money_had_been_sent_is_asked_about_as_ever(due, service):
    service.behave(PAYS_AND_HANGS_UP)
    release(due, OVER_AT, service)
    tell(due, fact("ship", OVER_AT + A_SECOND, waybill="SF1234567890"))
    release(due, OVER_AT + AN_HOUR, service)
    assert (refunds(due), money(due)) == ([("succeeded", 10_000)], PAID_BACK)
    assert (asked_of(service), case_state(due)) == (["POST", "GET"], "refunded")


def test_a_run_that_is_cancelled_leaves_what_it_has_not_begun_as_it_was(due, service):
    release(due, OVER_AT)

    def cancelled(*_) -> None:
        raise KeyboardInterrupt

    with closing(gateway(service)) as payments, pytest.raises(KeyboardInterrupt):
        pay(due, payments, run_batch=cancelled)
    assert refunds(due) == [("requested", 10_000)]
    assert refund_of(due).attempts == 0


def test_a_dry_run_sends_nothing_and_changes_nothing(due, service):
    before = everything(due)
    release(due, OVER_AT, service, dry_run=True)
    assert everything(due) == before
    release(due, OVER_AT)
    before = everything(due)
    assert release(due, OVER_AT, service, dry_run=True).waiting == 1
    assert (everything(due), service.calls) == (before, [])


def test_a_run_for_one_case_pays_that_one(engine, service):
    for no in ("1", "2"):
        a_due_case(engine, no)
    release(engine, OVER_AT)
    release(engine, OVER_AT, service, case_no="2-R1")
    assert service.paid == [(f"{SHOP}/return/2-R1/refund/1", 10_000)]
    release(engine, OVER_AT, service, shop="urumqi-kitchen")
    assert len(service.paid) == 1


def test_one_bad_refund_stops_nothing(engine, service):
    class Broken(PaymentsGateway):
        def refund(self, *, order_no: str, **asked) -> RefundAnswer:
            if order_no == "1":
                raise ValueError(f"cannot spell {RECEIVER['phone']}")
            return super().refund(order_no=order_no, **asked)

    for no in ("1", "2"):
        a_due_case(engine, no)
    with closing(gateway(service)) as real:
        report = release_refunds(engine, as_of=OVER_AT, payments=Broken(real._client))
    assert (report.red, report.postponed, report.paid_fen) == (True, 1, 10_000)
    assert [refunds(engine, f"{no}-R1") for no in "12"] == [[("unknown", 10_000)], [("succeeded", 10_000)]]
    assert refund_of(engine).error == "ValueError: cannot spell 138****1234"
    release(engine, OVER_AT + A_MINUTE, service)
    assert sorted(key for key, _ in service.paid) == [f"{SHOP}/return/{no}-R1/refund/1" for no in "12"]


def test_an_answer_that_can_not_be_stored_is_asked_for_again(due, service, monkeypatch):
    release(due, OVER_AT)
    with monkeypatch.context() as patched:
        patched.setattr("flows.refund_rows.update_all", lambda *_: 1 / 0)
        report = release(due, OVER_AT, service)
    assert (report.red, refunds(due)) == (True, [("unknown", 10_000)])
    assert "ZeroDivisionError" in refund_of(due).error
    release(due, OVER_AT + A_MINUTE, service)
    assert (refunds(due), money(due)) == ([("succeeded", 10_000)], PAID_BACK)
    assert (asked_of(service), service.paid) == (["POST", "GET"], [(KEY, 10_000)])


# -- what is written down of it ---------------------------------------------------------------------


@pytest.mark.parametrize("status", [402, 401, 500])
def test_neither_the_token_nor_personal_data_are_in_a_log_or_an_error(due, service, caplog, status):
    told = f"Bearer {SECRET}: no account for {RECEIVER['phone']}"
    service.behave(Behaviour(acts=False, status=status, told={"error": {"code": "no", "message": told}}))
    service.behave(UNAVAILABLE_503, when="GET")
    caplog.set_level(logging.DEBUG)
    client = httpx.Client(
        base_url=service.url, headers={"Authorization": f"Bearer {SECRET}"}, trust_env=False
    )
    with closing(PaymentsGateway(client)) as payments:
        reports = [
            release_refunds(due, as_of=OVER_AT + timedelta(hours=h), payments=payments) for h in (0, 2)
        ]
    assert service.calls[0].headers["authorization"] == f"Bearer {SECRET}"
    assert refund_of(due).error
    written = [
        caplog.text,
        *(str(report.rows) for report in reports),
        *(str(vars(refund)) for refund in rows(due, Refund)),
        *(str(change.facts) for change in of_return_case(due, StateChange)),
        *(str(change.facts) for change in of_case(due, StateChange)),
    ]
    for secret in (SECRET, *RECEIVER.values()):
        assert [text for text in written if secret in text] == []


def test_the_service_is_told_order_shop_and_amount_and_nothing_else(due, service):
    release(due, OVER_AT, service)
    assert service.calls[0].body == {"order_no": "1", "shop": SHOP, "fen": 10_000}


def test_the_answer_is_in_the_history_with_the_service_as_actor(due, service):
    release(due, OVER_AT, service)
    told = of_return_case(due, StateChange, trigger="refund_paid")[0]
    assert (told.by, told.key, told.facts) == (
        "payments",
        "refund_paid:1",
        {"refund_ref": "P1", "case": "1-R1"},
    )
    assert refund_of(due).state == RefundState.SUCCEEDED
