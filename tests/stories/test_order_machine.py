"""Anything may happen to an order, in any sequence, at any time, told once or thrice: the promises hold.

Times are drawn around the edges: deadlines, cut-offs, rungs; `now` only moves forward, but facts may be old news.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from databases import Databases, PostgresServer
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from orders_told import A_SECOND, PLACED_AT, RECORDED, SHOP, a_request, placed, rows, tell
from sqlalchemy import Engine

from flows.dispatch_cutoff import dispatch_cutoff
from flows.order_watch import watch_orders
from flows.payment_reminders import remind_unpaid
from flows.requests import Outcome, Request, Status
from models import Anomaly, DispatchBatch, Hold, Order, OutboxMessage, StateChange, Timer
from states.lifecycle import BEFORE, Lifecycle
from states.orders import OrderState, fact_key, order_lifecycle

NOS = st.sampled_from(["1", "2", "3"])
AMOUNTS = st.sampled_from([10_000, 10_000, 10_000, 9_999])
STEPS = st.sampled_from(
    [
        timedelta(0),
        A_SECOND,
        timedelta(minutes=5),
        timedelta(hours=1),
        timedelta(hours=7),
        timedelta(hours=30),
    ]
)
AGES = st.sampled_from([timedelta(0), timedelta(0), A_SECOND, timedelta(hours=2), timedelta(hours=40)])
PEOPLE = st.sampled_from(["lin", "wang", "operator"])
DECISIONS = st.sampled_from(
    ["remind", "verify", "release", "reopen", "close", "unhold", "settle", "repromise", "expire", "complete"]
)


class OrdersInTheStore(RuleBasedStateMachine):
    """A few orders of one shop, one buyer, and everything that may happen to them."""

    databases: Databases
    kind: str

    def __init__(self) -> None:
        super().__init__()
        self.engine: Engine = self.databases.new(self.kind)
        self.now: datetime = PLACED_AT
        self.told: list[tuple[Request, Status]] = []
        self.before: dict[int, tuple] = {}

    def teardown(self) -> None:
        self.databases.close()

    # -- what may happen -----------------------------------------------------------------------------

    @initialize()
    def an_order_is_there(self) -> None:
        self._tell(placed("1", buyer="lin"))

    @rule(step=STEPS)
    def time_passes(self, step) -> None:
        self.now += step

    @rule(no=NOS, sound=st.booleans(), same_goods=st.booleans())
    def an_order_is_placed(self, no, sound, same_goods) -> None:
        odd = {} if sound else {"phone": "123"}
        self._tell(placed(no, at=self.now, buyer="lin", sku="BAG-1" if same_goods else f"BAG-{no}", **odd))

    @rule(no=NOS, amount=AMOUNTS, age=AGES)
    def a_buyer_pays(self, no, amount, age) -> None:
        self._fact(no, "pay", age, amount_fen=amount)

    @rule(no=NOS, age=AGES, waybill=st.sampled_from(["SF1", "SF2"]))
    def a_parcel_leaves(self, no, age, waybill) -> None:
        self._fact(no, "ship", age, waybill=waybill)

    @rule(no=NOS, age=AGES, what=st.sampled_from(["deliver", "confirm", "cancel", "ship_part", "opt_out"]))
    def something_is_reported(self, no, age, what) -> None:
        self._fact(no, what, age)

    @rule(no=NOS, age=AGES, part=st.sampled_from([100, 5_000, 10_000]))
    def money_goes_back(self, no, age, part) -> None:
        self._fact(no, "refund" if part == 10_000 else "refund_part", age, amount_fen=part)

    @rule(no=NOS, age=AGES, reason=st.sampled_from(["stock", "remark"]), lasts=st.none() | STEPS)
    def an_order_is_held(self, no, age, reason, lasts) -> None:
        until = {"until": self.now + lasts} if lasts else {}
        key = fact_key("hold", {"reason": reason})
        self._tell(a_request("hold", self.now - age, no=no, by="lin", key=key, reason=reason, **until))

    @rule(no=NOS, address=st.sampled_from([None, "上海市浦东新区世纪大道 1 号"]))
    def an_address_changes(self, no, address) -> None:
        self._tell(a_request("amend", self.now, no=no, details={"address": address}, fields=["address"]))

    @rule(no=NOS, trigger=DECISIONS, who=PEOPLE, reason=st.sampled_from(["stock", "remark", "paid_not_due"]))
    def a_person_decides(self, no, trigger, who, reason) -> None:
        facts = {"reason": reason} if trigger == "unhold" else {}
        outcome = self._tell(a_request(trigger, self.now, no=no, by=who, **facts))
        if outcome.status is Status.REFUSED:
            assert outcome.reasons
            assert all(r.code and r.zh and r.en for r in outcome.reasons)

    @rule(no=NOS, who=PEOPLE)
    def a_person_overrides_the_audit(self, no, who) -> None:
        override = "impossible_phone,duplicate,underpaid,missing_address,amounts_disagree"
        self._tell(a_request("verify", self.now, no=no, by=who, override=override))

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def something_is_told_again(self, data) -> None:
        keyed = [(request, status) for request, status in self.told if request.key]
        if not keyed:
            return
        request, status = data.draw(st.sampled_from(keyed))
        before = self._history_length()
        outcome = self._tell(request)
        if status in (Status.CHANGED, Status.KNOWN):
            assert outcome.status in (Status.KNOWN, Status.CONTRADICTED)
            assert self._history_length() == before

    @rule(step=st.sampled_from([remind_unpaid, watch_orders, dispatch_cutoff]), late=AGES)
    def what_is_due_is_done(self, step, late) -> None:
        report = step(self.engine, as_of=self.now - late, shop=SHOP)
        assert not report.red
        again = step(self.engine, as_of=self.now - late, shop=SHOP)
        assert (again.done, again.refused) == (0, 0)

    @rule(step=st.sampled_from([remind_unpaid, watch_orders, dispatch_cutoff]))
    def what_would_be_done_is_asked(self, step) -> None:
        before = self._history_length()
        step(self.engine, as_of=self.now, dry_run=True)
        assert self._history_length() == before

    def _fact(self, no: str, trigger: str, age: timedelta, **facts) -> None:
        key = fact_key(trigger, facts)
        outcome = self._tell(a_request(trigger, self.now - age, no=no, key=key, **facts))
        assert outcome.status not in (Status.REFUSED, Status.FAILED), outcome  # promise 2

    def _tell(self, request: Request) -> Outcome:
        outcome = tell(self.engine, request, recorded_at=max(RECORDED, self.now)).outcomes[0]
        assert outcome.status is not Status.FAILED, outcome
        self.told.append((request, outcome.status))
        return outcome

    def _history_length(self) -> int:
        return len(rows(self.engine, StateChange))

    # -- what must hold ------------------------------------------------------------------------------

    @invariant()
    def the_promises_hold(self) -> None:
        history = defaultdict(list)
        for change in rows(self.engine, StateChange):
            history[change.case_id].append(change)
        timers, holds = rows(self.engine, Timer), rows(self.engine, Hold)
        orders = rows(self.engine, Order)
        self._is_only_added_to(history)
        for order in orders:
            mine = sorted(history[order.id], key=lambda change: change.number)
            history_is_whole(order, mine, order_lifecycle, "place")
            self._timers_mean_something(order, [t for t in timers if t.case_id == order.id])
            self._money_adds_up(order, mine)
            self._release_was_right(order, mine, [h for h in holds if h.case_id == order.id])
        self._owed_once(orders)
        self._facts_are_kept(orders, history)

    def _is_only_added_to(self, history) -> None:
        now = {c.id: tuple(map(repr, vars(c).values())) for changes in history.values() for c in changes}
        assert self.before.items() <= now.items()
        self.before = now

    def _timers_mean_something(self, order, mine) -> None:
        timers_mean_something(order, mine, order_lifecycle)
        if order.state == OrderState.UNPAID:  # somebody will look again
            assert any(t.kind == "payment_deadline" and t.done_at is None for t in mine)
        if order.state == OrderState.VERIFIED:
            assert any(t.kind == "dispatch_cutoff" and t.done_at is None for t in mine)

    def _money_adds_up(self, order, mine) -> None:
        assert order.paid_fen == sum(c.facts["amount_fen"] for c in mine if c.trigger == "pay")
        told = [c.facts["amount_fen"] for c in mine if c.trigger in ("refund", "refund_part")]
        assert order.refunded_fen == max(told, default=0)

    def _release_was_right(self, order, mine, holds) -> None:
        for release in (c for c in mine if c.trigger == "release"):
            assert release.source == OrderState.VERIFIED
            assert any(c.trigger == "verify" and c.number < release.number for c in mine)
            held = {c.facts["reason"] for c in mine if c.trigger == "hold" and c.number < release.number}
            open_then = [
                h
                for h in holds
                if h.reason in held
                and (h.until is None or release.at < h.until)
                and (h.released_at is None or h.released_at > release.at)
            ]
            lifted = [c.facts["reason"] for c in mine if c.trigger == "unhold" and c.number < release.number]
            assert [h for h in open_then if h.reason not in lifted] == []
        if order.batch_cutoff_at:
            assert rows(self.engine, DispatchBatch, shop=order.shop, cutoff_at=order.batch_cutoff_at)
            assert order.released_at >= order.batch_cutoff_at
            assert order.paid_fen > 0

    def _owed_once(self, orders) -> None:
        owed = rows(self.engine, OutboxMessage)
        assert max(Counter(o.key for o in owed).values(), default=0) <= 1
        paid_at = {o.id: o.paid_at for o in orders}
        for reminder in (o for o in owed if o.what == "payment_reminder"):
            told, rung = rows(self.engine, StateChange, case_id=reminder.case_id), reminder.payload["rung"]
            number = next(c.number for c in told if c.trigger == "remind" and c.facts["round"] == rung)
            paid_before = [
                c for c in told if c.trigger == "pay" and c.number < number and c.at <= reminder.owed_at
            ]
            assert paid_before == [], paid_at[reminder.case_id]
        assert (
            max(Counter((a.case_id, a.code, a.key) for a in rows(self.engine, Anomaly)).values(), default=0)
            <= 1
        )

    def _facts_are_kept(self, orders, history) -> None:
        ids = {o.no: o.id for o in orders}
        for request, status in self.told:
            if status is Status.CHANGED:
                said = (request.trigger, request.at, request.key)
                assert said in {(c.trigger, c.at, c.key) for c in history[ids[request.no]]}


def history_is_whole(case, mine, lifecycle: Lifecycle, begins: str) -> None:
    """Without a gap, from the beginning to where the case is now."""
    assert [c.number for c in mine] == list(range(1, case.version + 1))
    assert case.state in lifecycle.states
    assert mine[0].trigger == begins
    assert mine[0].source == BEFORE
    assert [c.source for c in mine[1:]] == [c.dest for c in mine[:-1]]
    assert mine[-1].dest == case.state
    assert (case.closed_at is not None) == (case.state in lifecycle.final)


def timers_mean_something(case, mine, lifecycle: Lifecycle) -> None:
    """Each is there once, done or cancelled, and waits only where its state has a use for it."""
    assert max(Counter((t.kind, t.round) for t in mine).values(), default=0) <= 1
    for timer in mine:
        assert timer.done_at is None or timer.cancelled_at is None
        if timer.done_at is None and timer.cancelled_at is None:
            assert not lifecycle.outlived(timer.kind, case.state)


def live(
    machine: type[RuleBasedStateMachine],
    kind: str,
    template: Path,
    folder: Path,
    postgres: Callable[[], PostgresServer] | None,
    *,
    examples: int,
    steps: int,
    **more: Any,
) -> None:
    """So many lives of this machine, each in a fresh database."""
    numbers = count()

    class Fresh(machine):
        def __init__(self) -> None:
            place = folder / str(next(numbers))
            place.mkdir()
            type(self).databases = Databases(template, place, postgres)
            type(self).kind = kind
            super().__init__()

    run_state_machine_as_test(
        Fresh,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            **more,
        ),
    )


def test_the_promises_hold_whatever_happens_on_sqlite(sqlite_template, tmp_path):
    live(OrdersInTheStore, "sqlite", sqlite_template, tmp_path, None, examples=40, steps=30)


def test_the_promises_hold_whatever_happens_on_postgresql(
    sqlite_template, tmp_path, postgres: PostgresServer
):
    live(OrdersInTheStore, "postgresql", sqlite_template, tmp_path, lambda: postgres, examples=10, steps=30)
