"""Anything may happen to orders and their after-sales cases, in any sequence, however the payment service
behaves: money goes back once and never more than was paid, no piece twice, and what is held does not leave.

A life of its own for each example: a few orders of two shops, then facts, decisions and timed steps at random, at times
that need not rise. At its end the payment service is friendly, the clock goes far on, and everything comes to rest.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

from databases import Databases, PostgresServer
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from orders_told import RECEIVER, RECORDED, a_request, moment, paid, placed, rows
from returns_told import asked, of_return
from sqlalchemy import update
from test_order_machine import AGES, STEPS, history_is_whole, live, timers_mean_something

from flows import order_cases, return_cases
from flows.advance import advancing
from flows.dispatch_cutoff import dispatch_cutoff
from flows.gateways.payments import RefundAnswer, RefundState
from flows.order_watch import watch_orders
from flows.refund_rows import REFUNDS
from flows.refunds import HAS_LEFT
from flows.requests import Outcome, Request, Status
from flows.return_cases import is_open
from flows.return_desk import RETURNS_HAND
from flows.return_steps import chase_returns, release_refunds, return_case
from models import (
    Anomaly,
    Hold,
    Order,
    OrderLine,
    OutboxMessage,
    Refund,
    Return,
    ReturnLine,
    StateChange,
    Timer,
)
from models.database import transaction
from states.errors import GatewayRejected, GatewayUnavailable
from states.orders import AFTER_HAND_OVER, BEFORE_HAND_OVER, fact_key, order_lifecycle
from states.policies.return_claims import MONEY_BACK
from states.policies.return_requests import Condition, GoodsClass, ReturnKind, ReturnReason
from states.return_guards import UNSETTLED
from states.return_refusals import FINDINGS
from states.return_states import GIVEN_UP, OVER, ReturnState
from states.returns import return_lifecycle

S = ReturnState
BEGINS_AT = moment("03-04 11:00")  # a Wednesday morning
FIRST_ORDERS = (("bag-studio", "1"), ("bag-studio", "2"), ("urumqi-kitchen", "1"))
PHONE = RECEIVER["phone"]  # told to nobody but the buyer, who confirms it
CALLED_FROM = "13987654321"
SAID = f"客人来电 {CALLED_FROM}"  # in every sentence a person says here
LONG = timedelta(days=30)
KNOWN_TROUBLE = {
    "",
    "no answer",
    "not reached",
    "the card is closed",
    "the account is closed",
    HAS_LEFT.reason,
}


class Killed(BaseException):
    """The process ends at this moment."""


class Payments:
    """A payment service that answers from memory; each question meets the next mood, and then it is friendly."""

    def __init__(self) -> None:
        self.moods: list[str] = []
        self.asked: list[str] = []  # the keys of all that may have reached it, in sequence
        self.known: dict[str, dict[str, Any]] = {}
        self.paid: list[dict[str, Any]] = []

    def refund(self, *, order_no: str, shop: str, fen: int, idempotency_key: str) -> RefundAnswer:
        if self.moods[:1] != ["not reached"]:
            self.asked.append(idempotency_key)
        mood = self._mood(f"pay {idempotency_key}")
        terms = {"shop": shop, "no": order_no, "fen": fen}
        if mood == "lost":
            raise GatewayUnavailable("no answer")
        if mood in ("says no", "knows us not") and idempotency_key not in self.known:
            raise GatewayRejected("the card is closed", status=402 if mood == "says no" else 401)
        if (found := self.known.get(idempotency_key)) is None:
            found = self.known[idempotency_key] = {"key": idempotency_key, **terms}
            states = {"fails": "failed", "pending": "pending", "pending, then fails": "pending"}
            self._settle(found, states.get(mood, "succeeded"))
            found["ends"] = "failed" if mood == "pending, then fails" else "succeeded"
        assert {name: found[name] for name in terms} == terms
        return self._answered(found, mood)

    def find_refund(self, idempotency_key: str, *, fen: int | None = None) -> RefundAnswer | None:
        mood = self._mood(f"ask about {idempotency_key}")
        found = self.known.get(idempotency_key)
        if mood == "lost":
            raise GatewayUnavailable("no answer")
        if found and found["state"] == "pending" and not mood.startswith("pending"):
            self._settle(found, found["ends"])
        return self._answered(found, mood) if found else None

    def _mood(self, question: str) -> str:
        mood = self.moods.pop(0) if self.moods else "pays"
        note(f"    {question}: {mood}")
        if mood == "not reached":
            raise GatewayUnavailable("not reached", unknown=False)
        if mood == "killed before":
            raise Killed
        return mood

    def _settle(self, refund: dict[str, Any], state: str) -> None:
        refund["state"] = state
        if state == "succeeded":
            self.paid.append(refund)

    def _answered(self, refund: dict[str, Any], mood: str) -> RefundAnswer:
        if mood == "silent":
            raise GatewayUnavailable("no answer")
        if mood == "killed after":
            raise Killed
        return RefundAnswer(RefundState(refund["state"]), f"P-{refund['key'][-3:]}", "the account is closed")


# -- what is drawn ----------------------------------------------------------------------------------

MOODS = st.lists(
    st.sampled_from(
        ["pays", "silent", "lost", "not reached", "says no", "knows us not", "fails", "pending"]
        + ["pending, then fails", "killed before", "killed after"]
    ),
    max_size=3,
)
GOODS = st.sampled_from(
    [("帆布包", 10_001), ("皮夹", 333), ("挂件", 1), ("毛巾", 1_999), ("特价包", 5_050), ("赠品", 0)]
)
PROGRESS = {"unpaid": 1, "paid": 1, "shipped": 26, "delivered": 50}  # and how many hours ago it was placed
PEOPLE = st.sampled_from(["lin", "lin", "主管", "operator"])
PICKS = st.integers(0, 5)


@st.composite
def bought(draw: st.DrawFn) -> dict[str, Any]:
    """An order as it is placed, and how far it has come by now."""
    lines = draw(st.lists(st.tuples(GOODS, st.integers(1, 4)), min_size=1, max_size=3))
    goods_fen = sum(price * pieces for (_, price), pieces in lines)
    freight_fen = draw(st.sampled_from([0, 0, 700, 999]))
    discount_fen = min(draw(st.sampled_from([0, 0, 1, 1_001])), max(goods_fen - 1, 0))
    priced = draw(st.booleans()) or goods_fen + freight_fen == 0
    told = {"freight_fen": freight_fen, "discount_fen": discount_fen} if priced else {}
    return {
        "lines": [
            {"sku": f"{name}-{n}", "title": name, "quantity": q, "price_fen": price if priced else None}
            for n, ((name, price), q) in enumerate(lines, 1)
        ],
        "amount_fen": goods_fen + freight_fen - discount_fen,
        "progress": draw(
            st.sampled_from(["paid", "delivered", "paid", "paid", "shipped", "delivered", "unpaid"])
        ),
        **told,
    }


ASKED_LINES = st.none() | st.lists(
    st.fixed_dictionaries(
        {
            "position": st.integers(1, 3),
            "quantity": st.integers(1, 3),
            "condition": st.sampled_from([Condition.AS_NEW, *Condition]),
            "goods": st.sampled_from([None, None, *GoodsClass]),
        }
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda line: line["position"],
)
AMOUNTS = st.sampled_from([None, None, None, 1, 500, 5_000, 1_000_000])
EVIDENCE = [{"kind": kind, "link": f"https://pics.example.com/{kind}"} for kind in ("photo", "delivery_note")]
SHOWN = st.sampled_from([[], [], EVIDENCE[:1], EVIDENCE])
WISHES = st.fixed_dictionaries(
    {
        "reason": st.sampled_from(ReturnReason),
        "kind": st.sampled_from([None, None, *ReturnKind]),
        "lines": ASKED_LINES,
        "condition": st.sampled_from([Condition.AS_NEW, *Condition]),
        "goods": st.sampled_from([None, None, None, *GoodsClass]),
        "amount_fen": AMOUNTS,
        "evidence": SHOWN,
    }
)
NO_LONGER = st.just({"reason": "disliked"})
FINDING = st.sampled_from(["as_described", "as_described", *FINDINGS])
CASE_FACTS = st.one_of(
    st.tuples(st.just("show_evidence"), st.sampled_from(EVIDENCE)),
    st.tuples(st.just("track"), st.sampled_from([{"waybill": "SF1234567890"}, {"waybill": "YT0987654321"}])),
    st.tuples(st.just("receive"), st.just({})),
    st.tuples(st.just("reship_left"), st.just({"waybill": "SF5555566666"})),
)
FEN = st.sampled_from([{}, {}, {"amount_fen": "1"}, {"amount_fen": "777"}, {"amount_fen": "999999"}])
DECISIONS = st.one_of(
    st.tuples(st.just("approve"), FEN),
    st.tuples(st.just("approve"), st.just({"override": SAID})),
    st.tuples(st.sampled_from(["decline", "close"]), st.just({"text": SAID})),
    st.tuples(st.sampled_from(["withdraw", "send_anew", "settle"]), st.just({})),
    st.tuples(st.just("inspect"), FINDING.map(lambda word: {"finding": word, "text": SAID})),
    st.tuples(st.just("pay_back"), FEN),
)
NEXT = {  # what a case waits for, said by whom
    S.REQUESTED: ("approve", "lin", {}),
    S.EVIDENCE_NEEDED: ("show_evidence", "buyer", EVIDENCE[0]),
    S.DECLINED: ("approve", "lin", {"override": SAID}),
    S.AWAITING_PARCEL: ("track", "buyer", {"waybill": "SF1234567890"}),
    S.IN_TRANSIT: ("receive", "lin", {}),
    S.RECEIVED: ("inspect", "lin", {"finding": "as_described"}),
    S.INSPECTED: ("pay_back", "lin", {}),
    S.REFUNDING: ("pay_back", "lin", {}),
    S.APPROVED: ("close", "lin", {"text": SAID}),
    S.RESHIPPING: ("reship_left", "lin", {"waybill": "SF5555566666"}),
}
TIMED = {
    "dispatch": dispatch_cutoff,
    "watch": watch_orders,
    "release": release_refunds,
    "chase": chase_returns,
}
PAYS = ("release",)


# -- the machine ------------------------------------------------------------------------------------


class CasesInTheStore(RuleBasedStateMachine):
    """A few orders of two shops, their after-sales cases, and a payment service in any mood."""

    databases: Databases
    kind: str

    def __init__(self) -> None:
        super().__init__()
        self.engine = self.databases.new(self.kind)
        self.now = BEGINS_AT
        self.payments = Payments()
        self.told: list[tuple[Request, Status, Any]] = []
        self.seen: set[int] = set()  # refunds known so far
        self.sent: set[str] = set()  # their keys, where the payment service may have heard of them
        self.shipped: set[int] = set()  # orders known as shipped so far
        self.history: dict[int, tuple] = {}

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self._comes_to_rest()
        finally:
            self.databases.close()

    # -- orders --------------------------------------------------------------------------------------

    @initialize(
        one=bought(), two=bought(), three=bought(), wishes=st.tuples(*[NO_LONGER | WISHES | st.none()] * 3)
    )
    def orders_are_there(self, one, two, three, wishes) -> None:
        for (shop, no), told in zip(FIRST_ORDERS, (one, two, three), strict=True):
            progress, steps = told.pop("progress"), list(PROGRESS)
            fen = told["amount_fen"]
            placed_at = self.now - timedelta(hours=PROGRESS[progress])
            self._order(placed(no, placed_at, shop=shop, buyer=f"buyer of {no}", **told))
            if progress != "unpaid":
                self._order(paid(no, placed_at + timedelta(minutes=20), amount_fen=fen, shop=shop))
            for n, trigger in enumerate(("ship", "deliver"), 1):
                if steps.index(progress) > n:
                    facts = {"waybill": "SF1111111111"} if trigger == "ship" else {}
                    self._order_fact(shop, no, trigger, placed_at + timedelta(hours=20 * n), **facts)

        for order, wish in zip(rows(self.engine, Order), wishes, strict=True):
            if wish:
                self._open(order, self.now, by="lin", **wish)

    @rule(step=STEPS)
    def time_passes(self, step) -> None:
        self.now += step
        self._a_while_later()

    @rule(pick=PICKS, off=st.sampled_from([0, 0, 0, 1, -1]), age=AGES)
    def a_buyer_pays(self, pick, off, age) -> None:
        order = self._an_order(pick)
        fen = max(order.amount_fen + off, 0)
        self._order_fact(order.shop, order.no, "pay", self.now - age, amount_fen=fen)

    @rule(pick=PICKS, age=AGES, waybill=st.sampled_from(["SF2222222222", "SF3333333333"]))
    def a_parcel_leaves(self, pick, age, waybill) -> None:
        order = self._an_order(pick)
        self._order_fact(order.shop, order.no, "ship", self.now - age, waybill=waybill)

    @rule(
        pick=PICKS, age=AGES, what=st.sampled_from(["deliver", "deliver", "confirm", "cancel", "ship_part"])
    )
    def something_is_reported(self, pick, age, what) -> None:
        order = self._an_order(pick)
        self._order_fact(order.shop, order.no, what, self.now - age)

    @rule(pick=PICKS, age=AGES, percent=st.sampled_from([1, 34, 50, 100, 100]))
    def the_platform_pays_back(self, pick, age, percent) -> None:
        order = self._an_order(pick)
        fen = order.paid_fen * percent // 100
        if fen > order.refunded_fen:  # it tells how much in all, ours included
            trigger = "refund" if fen == order.paid_fen else "refund_part"
            self._order_fact(order.shop, order.no, trigger, self.now - age, amount_fen=fen)

    @rule(
        pick=PICKS,
        age=AGES,
        who=PEOPLE,
        what=st.sampled_from(["release", "recall", "verify", "reopen", "repromise", "unhold", "hold"]),
        reason=st.sampled_from(["stock", "stock", "aftersales", "paid_not_due"]),
    )
    def a_person_decides_on_an_order(self, pick, age, who, what, reason) -> None:
        order = self._an_order(pick)
        number = pick % 2 + 1
        reason = f"aftersales {order.no}-R{number}" if reason == "aftersales" and what == "unhold" else reason
        facts = {"reason": reason} if what in ("hold", "unhold") else {}
        outcome = self._order(a_request(what, self.now - age, no=order.no, shop=order.shop, by=who, **facts))
        self._says_why(outcome)

    # -- cases ---------------------------------------------------------------------------------------

    @rule(pick=PICKS, age=AGES, wish=WISHES, who=PEOPLE)
    def a_buyer_wants_something(self, pick, age, wish, who) -> None:
        self._open(self._an_order(pick), self.now - age, by=who, **wish)

    @precondition(lambda self: self._stoppable())
    @rule(pick=PICKS, whole=st.booleans(), lines=ASKED_LINES)
    def a_buyer_does_not_want_it(self, pick, whole, lines) -> None:
        orders = self._stoppable()
        told = {} if whole else {"lines": lines}
        self._open(orders[pick % len(orders)], self.now, reason="disliked", by="lin", **told)

    @precondition(lambda self: self._unshipped())
    @rule(pick=PICKS, moods=MOODS, asked_for=st.booleans(), late=AGES, age=AGES)
    def a_parcel_gets_away(self, pick, moods, asked_for, late, age) -> None:
        """While its money cools, or when it has been asked for and the payment service was not there."""
        cases = self._unshipped()
        case = cases[pick % len(cases)]
        self.now = max(self.now, case.cooling_until + late)
        if asked_for:
            self._twice(release_refunds, self.now, ["not reached"] * len(cases))
            self.the_promises_hold()
        [order] = rows(self.engine, Order, id=case.order_id)
        self._order_fact(order.shop, order.no, "ship", self.now - age, waybill="SF6666666666")
        self.the_promises_hold()
        self.now += timedelta(minutes=5)
        self._twice(release_refunds, self.now, moods)

    @precondition(lambda self: self._cases())
    @rule(pick=PICKS, age=AGES, fact=CASE_FACTS)
    def something_happens_to_a_case(self, pick, age, fact) -> None:
        self._acts(self._a_case(pick), self.now - age, *fact, by="carrier")

    @precondition(lambda self: self._cases())
    @rule(pick=PICKS, age=AGES, who=PEOPLE, decision=DECISIONS)
    def a_person_decides_on_a_case(self, pick, age, who, decision) -> None:
        self._acts(self._a_case(pick), self.now - age, *decision, by=who)

    @precondition(lambda self: self._cases())
    @rule(pick=PICKS, moods=MOODS)
    def a_case_goes_on(self, pick, moods) -> None:
        """What it waits for comes, so that lives come to where money moves."""
        case = self._a_case(pick)
        if case.state == S.COOLING:
            self.now = max(self.now, case.cooling_until)
        elif case.state in NEXT:
            trigger, by, told = NEXT[case.state]
            self._acts(case, self.now, trigger, told, by=by)
        self._twice(release_refunds, self.now, moods)

    @precondition(lambda self: self._cases())
    @rule(pick=PICKS)
    def a_case_goes_a_step_on(self, pick) -> None:
        case = self._a_case(pick)
        if case.state in NEXT:
            trigger, by, told = NEXT[case.state]
            self._acts(case, self.now, trigger, told, by=by)

    @precondition(lambda self: self._cases())
    @rule(pick=PICKS, who=PEOPLE)
    def somebody_tells_how_a_refund_ended(self, pick, who) -> None:
        """The truth, as the payment service knows it; of a refund that nobody asked for, nothing can be told."""
        case = self._a_case(pick)
        unsettled = [r for r in rows(self.engine, Refund, return_id=case.id) if r.state in UNSETTLED]
        known = unsettled and self.payments.known.get(unsettled[0].key, {}).get("state")
        if known == "succeeded":
            self._acts(case, self.now, "refund_paid", {"refund_ref": "P-1"}, by=who)
        elif known == "failed":
            self._acts(case, self.now, "refund_failed", {"reason": SAID}, by=who)

    @precondition(lambda self: self.told)
    @rule(pick=st.integers(0, 30))
    def something_is_told_again(self, pick) -> None:
        keyed = [told for told in self.told if told[0].key]
        request, status, cases = keyed[-1 - pick % len(keyed)]
        before = self._everything()
        outcome = self._tell(request, cases)
        if status in (Status.CHANGED, Status.KNOWN):
            assert outcome.status in (Status.KNOWN, Status.CONTRADICTED)
            assert self._everything() == before

    # -- the clock -----------------------------------------------------------------------------------

    @rule(step=st.sampled_from(list(TIMED)), late=AGES, moods=MOODS)
    def what_is_due_is_done(self, step, late, moods) -> None:
        self._twice(TIMED[step], self.now - late, moods if step in PAYS else None)

    @rule(late=AGES, moods=MOODS)
    def refunds_are_paid(self, late, moods) -> None:
        self._twice(release_refunds, self.now - late, moods)

    @precondition(lambda self: self._cases())
    @rule(pick=PICKS, late=AGES, moods=MOODS)
    def what_is_due_of_one_case_is_done(self, pick, late, moods) -> None:
        case = self._a_case(pick)
        step = partial(return_case, shop=case.shop, case_no=case.no)
        self._twice(step, self.now - late, moods)

    @rule(step=st.sampled_from(list(TIMED)))
    def what_would_be_done_is_asked(self, step) -> None:
        before, asked_before = self._everything(), len(self.payments.known)
        how = {"payments": self.payments} if step in PAYS else {}
        TIMED[step](self.engine, as_of=self.now, dry_run=True, **how)
        assert (self._everything(), len(self.payments.known)) == (before, asked_before)

    def _twice(self, step: Any, as_of: Any, moods: list[str] | None) -> None:
        """The second run of the same moment finds nothing left to do, unless the first was killed."""
        how = {} if moods is None else {"payments": self.payments}
        self.payments.moods = list(moods or ())
        try:
            report = step(self.engine, as_of=as_of, **how)
        except Killed:
            self.payments.moods = []
            return
        self.payments.moods = []
        errors = {row.get("error") or "" for row in report.rows}
        assert errors <= KNOWN_TROUBLE, errors
        before = self._everything()
        again = step(self.engine, as_of=as_of, **how)
        assert (again.done, again.refused, again.failed) == (0, 0, 0), again
        assert self._everything() == before

    # -- telling -------------------------------------------------------------------------------------

    def _an_order(self, pick: int) -> SimpleNamespace:
        orders = rows(self.engine, Order)
        return orders[pick % len(orders)]

    def _cases(self) -> list[SimpleNamespace]:
        return rows(self.engine, Return)

    def _stoppable(self) -> list[SimpleNamespace]:
        paid_for = [o for o in rows(self.engine, Order) if o.state in BEFORE_HAND_OVER and o.paid_fen]
        return [order for order in paid_for if order.refunded_fen + order.refunding_fen < order.paid_fen]

    def _unshipped(self) -> list[SimpleNamespace]:
        """Cases whose money goes back because nothing has left."""
        unshipped = rows(self.engine, Return, kind=ReturnKind.REFUND_UNSHIPPED)
        return [case for case in unshipped if case.state in (S.COOLING, S.REFUNDING)]

    def _a_case(self, pick: int) -> SimpleNamespace:
        cases = self._cases()
        return cases[-1 - pick % len(cases)]

    def _order_fact(self, shop: str, no: str, trigger: str, at: Any, **facts: Any) -> None:
        outcome = self._order(a_request(trigger, at, no=no, shop=shop, key=fact_key(trigger, facts), **facts))
        assert outcome.status not in (Status.REFUSED, Status.FAILED), outcome  # promise 2

    def _order(self, request: Request) -> Outcome:
        return self._tell(request, order_cases)

    def _open(self, order: SimpleNamespace, at: Any, *, by: str, **told: Any) -> None:
        number = len(rows(self.engine, Return, order_id=order.id)) + 1
        told = {name: value for name, value in told.items() if value is not None}
        request = asked(at, of=order.no, number=number, order_id=order.id, shop=order.shop, by=by, **told)
        outcome = self._tell(request, return_cases)
        self._says_why(outcome)
        assert bool(rows(self.engine, Return, no=request.no, shop=order.shop)) == (
            outcome.status is Status.CHANGED
        )

    def _acts(self, case: SimpleNamespace, at: Any, trigger: str, told: dict[str, str], *, by: str) -> None:
        """As a person does it by hand: what is told is read, and masked, first."""
        reads = {name.rstrip("!"): read for name, read in RETURNS_HAND.facts.get(trigger, {}).items()}
        facts = {name: reads[name](text) for name, text in told.items()}
        key = RETURNS_HAND.key(trigger, facts)
        request = of_return(trigger, at, no=case.no, shop=case.shop, by=by, key=key, **facts)
        outcome = self._tell(request, return_cases)
        assert outcome.status is not Status.REFUSED or trigger not in return_lifecycle.facts, outcome
        self._says_why(outcome)

    def _tell(self, request: Request, cases: Any) -> Outcome:
        recorded_at = max(RECORDED, self.now)
        outcome = advancing(self.engine, [request], recorded_at=recorded_at, cases=cases).outcomes[0]
        why = ", ".join(reason.code for reason in outcome.reasons)
        note(
            f"    {self.now:%m-%d %H:%M:%S} {request.shop} {request.no} {request.trigger}: {outcome.status} {why}"
        )
        assert outcome.status not in (Status.FAILED, Status.UNKNOWN), outcome
        self.told.append((request, outcome.status, cases))
        return outcome

    def _says_why(self, outcome: Outcome) -> None:
        if outcome.status is Status.REFUSED:
            assert outcome.reasons
            assert all(r.code and r.zh and r.en for r in outcome.reasons)

    def _a_while_later(self) -> None:
        """Whoever sent a refund and was killed has been gone for longer than any answer takes."""
        with transaction(self.engine) as connection:
            long_ago = update(REFUNDS).where(REFUNDS.c.state == "sent").values(sent_at=BEGINS_AT)
            connection.execute(long_ago)

    def _everything(self) -> tuple:
        """What a second run must not change."""
        of = (StateChange, Refund, Return, Order, Hold, OutboxMessage, Timer)
        return (len(self.payments.paid), *(list(map(vars, rows(self.engine, table))) for table in of))

    # -- what must hold ------------------------------------------------------------------------------

    @invariant()
    def the_promises_hold(self) -> None:
        now = Snapshot(self.engine)
        self._history_is_only_added_to(now)
        for order in now.orders:
            mine = now.history["order", order.id]
            history_is_whole(order, mine, order_lifecycle, "place")
            timers_mean_something(order, now.timers["order", order.id], order_lifecycle)
            self._money_adds_up(order, now)
            self._no_piece_twice(order, now)
            self._what_is_held_stays(order, mine)
        for case in now.cases:
            history_is_whole(case, now.history["return", case.id], return_lifecycle, "open")
            timers_mean_something(case, now.timers["return", case.id], return_lifecycle)
            self._refunds_are_right(case, now)
            self._hold_and_state_agree(case, now)
            self._somebody_goes_on(case, now)
        self._owed_once_and_masked(now)
        self.seen, self.sent = {refund.id for refund in now.refunds}, set(self.payments.asked)
        self.shipped = {
            order.id for order in now.orders if order.state in AFTER_HAND_OVER or order.shipped_at
        }

    def _history_is_only_added_to(self, now: Snapshot) -> None:
        changes = {c.id: repr(vars(c)) for mine in now.history.values() for c in mine}
        assert self.history.items() <= changes.items()
        self.history = changes

    def _money_adds_up(self, order: SimpleNamespace, now: Snapshot) -> None:
        """Promise 7, for one order."""
        mine = now.history["order", order.id]
        refunds = [r for r in now.refunds if r.order_id == order.id]
        paid_out = [p for p in self.payments.paid if (p["shop"], p["no"]) == (order.shop, order.no)]
        assert order.paid_fen == sum(c.facts["amount_fen"] for c in mine if c.trigger == "pay")
        assert sum(p["fen"] for p in paid_out) <= order.paid_fen
        assert max(Counter(p["key"] for p in paid_out).values(), default=0) <= 1
        assert order.refunding_fen == sum(r.fen for r in refunds if r.state in UNSETTLED)
        assert order.refunded_fen >= sum(r.fen for r in refunds if r.state == "succeeded")
        told = [c.facts["amount_fen"] for c in mine if c.trigger in ("refund", "refund_part")]
        assert order.refunded_fen == max(told, default=0)
        keys = {p["key"] for p in paid_out}
        assert keys <= {r.key for r in refunds if r.state != "failed"}
        assert {r.key for r in refunds if r.state == "succeeded"} <= keys

    def _refunds_are_right(self, case: SimpleNamespace, now: Snapshot) -> None:
        mine = [r for r in now.refunds if r.return_id == case.id]
        states = [r.state for r in mine]
        unsettled = [state for state in states if state in UNSETTLED]
        assert [r.round for r in mine] == list(range(1, len(mine) + 1))
        assert all(state == "failed" for state in states[:-1])  # one after the other, and none after a yes
        assert len(unsettled) <= (case.state == S.REFUNDING)
        assert ("succeeded" in states) == (case.state == S.REFUNDED and case.refund_fen > 0)
        if case.state == S.REFUNDED and mine:
            assert mine[-1].fen == case.refund_fen
        for refund in mine if case.kind == ReturnKind.REFUND_UNSHIPPED else ():
            is_new, is_sent = refund.id not in self.seen, refund.key in {*self.payments.asked} - self.sent
            assert not is_new or refund.requested_at >= case.cooling_until
            has_left = case.order_id in self.shipped
            why = f"{case.no} is paid back though it has left (rules 80, 84)"
            assert not (has_left and (is_new or is_sent)), why

    def _no_piece_twice(self, order: SimpleNamespace, now: Snapshot) -> None:
        bought_pieces = {line.position: line.quantity for line in now.bought if line.order_id == order.id}
        gone: Counter[int] = Counter()
        open_in: Counter[int] = Counter()
        for case in (c for c in now.cases if c.order_id == order.id):
            for piece in now.pieces[case.id]:
                assert piece.is_open == is_open(case.state)
                assert piece.quantity >= 1
                open_in[piece.position] += piece.is_open
                if case.kind in MONEY_BACK and case.state not in GIVEN_UP:
                    gone[piece.position] += piece.quantity
        assert max(open_in.values(), default=0) <= 1
        assert all(pieces <= bought_pieces[position] for position, pieces in gone.items())

    def _what_is_held_stays(self, order: SimpleNamespace, mine: list) -> None:
        """No release while any hold was in force, by the history alone."""
        in_force: dict[str, Any] = {}
        for change in mine:
            match change.trigger:
                case "hold":
                    in_force[change.facts["reason"]] = change.facts.get("until")
                case "unhold":
                    del in_force[change.facts["reason"]]
                case "pay" if order.paid_fen != order.amount_fen:
                    in_force["paid_not_due"] = None
                case "release":
                    assert not in_force

    def _hold_and_state_agree(self, case: SimpleNamespace, now: Snapshot) -> None:
        reason = f"aftersales {case.no}"
        holds = [h for h in now.holds[case.order_id] if h.reason == reason]
        open_holds = [h for h in holds if h.released_at is None]
        lifted_by = {
            c.by
            for c in now.history["order", case.order_id]
            if (c.trigger, c.facts.get("reason")) == ("unhold", reason)
        }
        by_a_person = lifted_by - {f"return {case.no}"}
        if is_open(case.state) and case.holds_order:
            assert open_holds or by_a_person
        if not is_open(case.state) and open_holds:  # only where a person has to say what becomes of the rest
            noted = {a.code for a in now.anomalies if (a.case_kind, a.case_id) == ("return", case.id)}
            part = case.state == S.REFUNDED and any(
                m.what == "ship_the_rest" for m in now.owed["return", case.id]
            )
            assert part or "still_held" in noted

    def _somebody_goes_on(self, case: SimpleNamespace, now: Snapshot) -> None:
        """A case that is not over has a timer, or somebody knows of it."""
        waits = {t.kind for t in now.timers["return", case.id] if not (t.done_at or t.cancelled_at)}
        owed = {m.what for m in now.owed["return", case.id]}
        refunds = [r for r in now.refunds if r.return_id == case.id]
        match case.state:
            case S.REQUESTED:
                assert "decision" in waits or owed & {"judge_overdue", "judge_return"}
            case S.EVIDENCE_NEEDED | S.AWAITING_PARCEL:
                assert "send_by" in waits
            case S.APPROVED:
                assert "decision" in waits or owed & {"judge_overdue", "judge_return"}
            case S.COOLING:
                assert "cooling_over" in waits
            case S.IN_TRANSIT:
                assert "parcel_overdue" in waits or "parcel_overdue" in owed
            case S.RECEIVED:
                assert "inspect_return" in owed
            case S.INSPECTED:
                assert owed & {"dispute", "judge_return"}
            case S.REFUNDING:
                assert refunds
                assert refunds[-1].state in UNSETTLED or "refund_failed" in owed
            case S.RESHIPPING:
                assert [o for o in now.orders if (o.shop, o.no) == (case.shop, case.linked_no)]

    def _owed_once_and_masked(self, now: Snapshot) -> None:
        keys = Counter(message.key for mine in now.owed.values() for message in mine)
        assert max(keys.values(), default=0) <= 1
        noted = Counter((a.case_kind, a.case_id, a.code, a.key) for a in now.anomalies)
        assert max(noted.values(), default=0) <= 1
        owed = [message for mine in now.owed.values() for message in mine]
        texts = [m.text for m in owed if m.what != "address_confirmation"]
        told = [(change.key, change.facts) for mine in now.history.values() for change in mine]
        notes = [(a.key, a.zh, a.en, a.facts) for a in now.anomalies]
        cases = [(case.override_reason, case.reasons, case.evidence) for case in now.cases]
        recorded = repr(
            (texts, told, notes, cases, [m.payload for m in owed], [r.error for r in now.refunds])
        )
        assert PHONE not in recorded
        assert CALLED_FROM not in recorded

    # -- the end of a life ---------------------------------------------------------------------------

    def _comes_to_rest(self) -> None:
        """A friendly payment service, and time: nothing of ours is left undone; then people do what is theirs."""
        self._time_goes_on()
        now = Snapshot(self.engine)
        assert {o.refunding_fen for o in now.orders} <= {0}
        assert {r.state for r in now.refunds} <= {"succeeded", "failed"}
        agreed = {r.key: r.fen for r in now.refunds if r.state == "succeeded"}
        assert agreed == {p["key"]: p["fen"] for p in self.payments.paid}
        assert not {S.EVIDENCE_NEEDED, S.AWAITING_PARCEL} & {case.state for case in now.cases}

        linked = {(case.shop, case.linked_no) for case in now.cases if case.state == S.RESHIPPING}
        for shop, no in sorted(linked):
            self._order_fact(shop, no, "ship", self.now, waybill="SF4444444444")
        self._time_goes_on()
        for case in self._cases():
            assert case.state != S.RESHIPPING
            if case.state not in OVER:
                self._acts(case, self.now, "close", {"text": SAID}, by="lin")
        assert {is_open(case.state) for case in self._cases()} <= {False}
        self.the_promises_hold()

    def _time_goes_on(self) -> None:
        self._a_while_later()
        for _ in range(2):
            self.now += LONG
            for step in (dispatch_cutoff, watch_orders, chase_returns):
                step(self.engine, as_of=self.now)
            release_refunds(self.engine, as_of=self.now, payments=self.payments)
            self.the_promises_hold()


class Snapshot:
    """All that is stored, at one moment, by case."""

    def __init__(self, engine: Any) -> None:
        read = partial(rows, engine)
        self.orders, self.cases, self.refunds = read(Order), read(Return), read(Refund)
        self.bought, self.anomalies = read(OrderLine), read(Anomaly)
        self.history, self.timers, self.owed = (
            _by_case(read(model)) for model in (StateChange, Timer, OutboxMessage)
        )
        for mine in self.history.values():
            mine.sort(key=lambda change: change.number)
        self.holds, self.pieces = defaultdict(list), defaultdict(list)
        for hold in read(Hold):
            self.holds[hold.case_id].append(hold)
        for piece in read(ReturnLine):
            self.pieces[piece.return_id].append(piece)


def _by_case(found: list) -> dict[tuple[str, int], list]:
    by_case = defaultdict(list)
    for row in found:
        by_case[row.case_kind, row.case_id].append(row)
    return by_case


def test_the_promises_hold_for_orders_and_cases_on_sqlite(sqlite_template, tmp_path):
    live(CasesInTheStore, "sqlite", sqlite_template, tmp_path, None, examples=20, steps=30)


def test_the_promises_hold_for_orders_and_cases_on_postgresql(
    sqlite_template, tmp_path, postgres: PostgresServer
):
    live(CasesInTheStore, "postgresql", sqlite_template, tmp_path, lambda: postgres, examples=5, steps=30)
