"""What holds for every after-sales case, whatever is asked of it in whatever sequence; without a database."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from orders_told import AN_HOUR
from test_returns import A_DAY, ASKED_AT, DELIVERED_AT, PHOTO, TOLD, a_case, a_line, an_order, shop

from flows.case_work import CaseWork
from flows.requests import Advanced, Outcome, Request, Status
from states.lifecycle import BEFORE
from states.policies.return_requests import Condition, ReturnKind, ReturnReason
from states.return_guards import UNSETTLED
from states.return_refusals import FINDINGS
from states.returns import FACTS, return_lifecycle

WAITS = (timedelta(0), AN_HOUR, A_DAY, 3 * A_DAY, -AN_HOUR)
ACTORS = ("li", "主管", "operator", "timer")
ONWARD = {  # what brings a case further, from where it is
    "requested": "approve",
    "evidence_needed": "show_evidence",
    "awaiting_parcel": "track",
    "in_transit": "receive",
    "received": "inspect",
    "inspected": "pay_back",
    "refunding": "refund_failed",
}
MOVES = ("ship", "deliver", "refund_part", "refund")  # of the order, by others


class Desk:
    """An order and its cases in memory: what cases tell their order reaches it."""

    def __init__(self, order: Any) -> None:
        self.order, self.at = order, ASKED_AT
        self.works: list[CaseWork] = []

    def open(self, *, lines: Any = (), by: str = "li", **asked: Any) -> Outcome:
        number = len(self.works) + 1
        pieces = [
            SimpleNamespace(position=p, quantity=n, condition=Condition.AS_NEW, goods=None) for p, n in lines
        ]
        given = {"evidence": [], "kind": None, **asked}
        case = a_case(
            BEFORE, order=self.order, number=number, lines=pieces, refund_fen=0, answer=None, finding=None
        )
        case.asked_at, case.asked_kind, case.asked_fen = self.at, given["kind"], asked.get("amount_fen")
        case.reason, case.evidence, case.cooling_until, case.send_by = (
            asked["reason"],
            given["evidence"],
            None,
            None,
        )
        work = CaseWork(return_lifecycle, case, Advanced())
        outcome = self._ask(work, "open", by, {"reason": asked["reason"]})
        if outcome.status is Status.CHANGED:
            self.works.append(work)
        else:
            self.order.cases.remove(case)
        return outcome

    def ask(self, pick: int, trigger: str, by: str = "li", **facts: Any) -> Outcome:
        work = self.works[-1 - pick % len(self.works)]
        return self._ask(work, trigger, by, {**TOLD.get(trigger, {}), **facts})

    def _ask(self, work: CaseWork, trigger: str, by: str, facts: dict) -> Outcome:
        view = work.view
        outcome = work.answer(Request(view.shop, view.no, trigger, self.at, by, facts))
        for told in work.tells:
            if told.no == self.order.no:
                self.hear(told.trigger, **told.facts)
        work.tells.clear()
        return outcome

    def hear(self, trigger: str, **facts: Any) -> None:
        """As far as a case reads of its order."""
        order = self.order
        match trigger:
            case "ship":
                order.state, order.shipped_at = "shipped", order.shipped_at or self.at
            case "deliver":
                order.state, order.delivered_at = "delivered", order.delivered_at or self.at
            case "refund" | "refund_part":
                order.refunded_fen = max(order.refunded_fen, facts["amount_fen"])
                order.state = "refunded" if trigger == "refund" else order.state
            case "hold":
                told = {"by": "x", "since": self.at, "until": None, "released_at": None}
                order.holds.append(SimpleNamespace(reason=facts["reason"], **told))
            case "unhold":
                order.holds = [hold for hold in order.holds if hold.reason != facts["reason"]]


@st.composite
def desks(draw: st.DrawFn, *, priced: bool | None = None) -> Desk:
    """An order of any form, unshipped or delivered, at either of two shops."""
    known = draw(st.booleans()) if priced is None else priced
    forms = draw(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 9_999)), min_size=1, max_size=3))
    lines = [a_line(n, quantity=q, price_fen=fen if known else None) for n, (q, fen) in enumerate(forms, 1)]
    paid_fen = draw(st.integers(1, 50_000))
    policy = shop(draw(st.sampled_from(["bag-studio", "urumqi-kitchen"])))
    money = {
        "amount_fen": paid_fen,
        "paid_fen": paid_fen,
        "freight_fen": draw(st.none() | st.integers(0, 900)),
    }
    state = draw(st.sampled_from(["verified", "released", "delivered"]))
    return Desk(an_order(state, lines=lines, policy=policy, **money))


REASONS = st.sampled_from(sorted(ReturnReason))
LINES = st.just([]) | st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=2, unique_by=lambda line: line[0]
)
AMOUNTS = st.none() | st.sampled_from([0, 1, 500, 1_000_000])
TRIGGERS = st.sampled_from(sorted(set(return_lifecycle.triggers) - {"open"}))


@given(desks(), st.data())
def test_whatever_is_asked_it_is_done_or_refused_with_reasons_and_no_fact_is_refused(desk, data):
    kinds = st.none() | st.sampled_from(sorted(ReturnKind))
    for _ in range(15):
        desk.at += data.draw(st.sampled_from(WAITS))
        what = data.draw(st.sampled_from(["open", "order", "case", "case", "onward", "onward"]))
        if what == "order":
            percent = data.draw(st.sampled_from([10, 60]))
            trigger = data.draw(st.sampled_from(MOVES))
            fen = desk.order.paid_fen * (100 if trigger == "refund" else percent) // 100
            desk.hear(trigger, amount_fen=fen)
        elif what == "open" or not desk.works:
            wish = {"reason": data.draw(REASONS), "kind": data.draw(kinds), "lines": data.draw(LINES)}
            outcome = desk.open(by="li", amount_fen=data.draw(AMOUNTS), **wish)
            assert outcome.status is Status.CHANGED or outcome.reasons
        else:
            state = desk.works[-1].view.state
            trigger, facts = ONWARD.get(state) if what == "onward" else None, {}
            trigger = trigger or data.draw(TRIGGERS)
            if trigger in ("approve", "pay_back"):
                facts["amount_fen"] = data.draw(AMOUNTS)
            if trigger == "approve":
                facts["override"] = data.draw(st.none() | st.just("老顾客"))
            if trigger == "inspect":
                facts["finding"] = data.draw(st.sampled_from(sorted(FINDINGS)))
            outcome = desk.ask(
                0 if what == "onward" else data.draw(st.integers(0, 2)),
                trigger,
                data.draw(st.sampled_from(ACTORS)),
                **facts,
            )
            if outcome.status is Status.REFUSED:
                assert trigger not in FACTS
                assert all(reason.code and reason.zh and reason.en for reason in outcome.reasons)
                assert outcome.reasons
        money_is_right(desk)


def money_is_right(desk: Desk) -> None:
    refunds = [refund for case in desk.order.cases for refund in case.refunds]
    under_way = [refund for refund in refunds if refund.state in UNSETTLED]
    paid_back = sum(refund.fen for refund in refunds if refund.state == "succeeded")
    assert desk.order.refunding_fen == sum(refund.fen for refund in under_way)
    assert paid_back + desk.order.refunding_fen <= desk.order.paid_fen
    assert desk.order.repaid_fen == paid_back
    for case in desk.order.cases:
        assert sum(refund.state in UNSETTLED for refund in case.refunds) <= (case.state == "refunding")
        assert sum(refund.state == "succeeded" for refund in case.refunds) <= (case.state == "refunded")


# -- all of it comes back ---------------------------------------------------------------------------


@st.composite
def portions(draw: st.DrawFn) -> tuple[Desk, list[list[tuple[int, int]]]]:
    """A delivered order, and all of its pieces in some sequence, some of them together."""
    desk = draw(desks())
    desk.order.state, desk.order.shipped_at, desk.order.delivered_at = "delivered", DELIVERED_AT, DELIVERED_AT
    desk.at = DELIVERED_AT + AN_HOUR
    pieces = [line.position for line in desk.order.lines for _ in range(line.quantity)]
    left, parts = draw(st.permutations(pieces)), []
    while left:
        count = draw(st.integers(1, len(left)))
        part, left = left[:count], left[count:]
        parts.append([(position, part.count(position)) for position in sorted(set(part))])
    return desk, parts


@given(portions())
def test_partial_returns_of_all_pieces_bring_back_exactly_what_was_paid(told):
    """For a fault of ours, freight and all; a case for each part, from the request to the money."""
    desk, parts = told
    for lines in parts:
        if desk.order.refunded_fen == desk.order.paid_fen:
            break  # the pieces that are left cost nothing
        desk.open(reason="quality", kind="return_refund", lines=lines, evidence=[PHOTO])
        case = desk.works[-1].view
        if case.state == "requested":  # prices are not known: a person confirms the amount
            desk.ask(0, "approve")
        for trigger in ("track", "receive", "inspect"):
            desk.ask(0, trigger, by="li")
        if case.state == "refunding":
            desk.ask(0, "refund_paid", by="payments")
        assert case.state == "refunded"
        assert case.refund_fen >= 0
        desk.at += AN_HOUR
    assert desk.order.refunded_fen == desk.order.paid_fen
    assert sum(work.view.refund_fen for work in desk.works) == desk.order.paid_fen


@given(desks(), st.sampled_from(sorted(ReturnReason)))
def test_an_unshipped_order_that_nobody_wants_brings_back_exactly_what_was_paid(desk, reason):
    desk.order.state, desk.order.shipped_at, desk.order.delivered_at = "verified", None, None
    assert desk.open(reason=reason).changes[-1].dest == "cooling"
    desk.at += A_DAY - timedelta(seconds=1)
    assert desk.ask(0, "pay_back").status is Status.REFUSED
    desk.at += timedelta(seconds=1)
    desk.ask(0, "pay_back")
    desk.ask(0, "refund_paid", by="payments")
    assert desk.order.refunded_fen == desk.order.paid_fen
    assert desk.order.holds == []
