"""Anything may happen to a complaint, in any sequence: it is worked on until the customer has been asked how it went,
nobody is told twice or after somebody has taken it on, and nothing is forgotten.

A life of its own for each example: a few orders of two shops, then customers, colleagues and timed steps at random, at
times that need not rise. At its end people do what is theirs, the clock goes on, and everything comes to rest.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from datetime import datetime, time, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

from complaints_told import of_complaint, said
from databases import Databases, PostgresServer
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from orders_told import RECORDED, SHANGHAI, moment, paid, placed, rows, tell
from test_order_machine import AGES, STEPS, history_is_whole, live, timers_mean_something

from flows import complaint_cases
from flows.advance import advancing
from flows.complaint_desk import COMPLAINTS_HAND
from flows.complaint_steps import complaint_callbacks, complaint_case, complaint_escalations
from flows.requests import Outcome, Request, Status
from models import Anomaly, Complaint, ComplaintRound, Order, OutboxMessage, StateChange, Timer
from states.complaint_states import AT_WORK, OVER, SETTLED
from states.complaint_states import ComplaintState as S
from states.complaints import complaint_lifecycle
from states.order_guards import MACHINE
from states.policies.complaint_calls import CallOutcome
from states.policies.complaint_terms import Channel, Grade, IntakeClass, Nature, Remedy

BEGINS_AT = moment("03-03 11:00")  # a Tuesday morning
ORDERS = (("bag-studio", "1"), ("bag-studio", "2"), ("urumqi-kitchen", "1"))
OPEN = {"bag-studio": (time(10), time(19)), "urumqi-kitchen": (time(9, 30), time(18, 30))}
CALLED_FROM = "13987654321"
SAID = f"客人来电 {CALLED_FROM}"  # in every sentence a person says here
LONG = timedelta(days=8)
UNACKNOWLEDGED = (S.REGISTERED, S.ESCALATED)
BEGINS_A_ROUND = ("register", "become_complaint", "begin_round", "reopen")
TAKES_IT_UP = ("chase_response", "chase_promise", "chase_resolution", "escalate", "give_up")

# -- what is drawn ----------------------------------------------------------------------------------

PEOPLE = st.sampled_from(["lin", "lin", "王组长", "operator"])
PICKS = st.integers(0, 5)
WORDS = st.sampled_from(["谢谢", "谢谢亲", "还没好", "ok?", "", SAID])
NATURES = st.sampled_from([Nature.QUALITY, Nature.QUALITY, *Nature])
INTAKES = st.sampled_from([IntakeClass.COMPLAINT] * 4 + list(IntakeClass))
LATER = st.sampled_from([-timedelta(hours=1), timedelta(hours=3), timedelta(days=2), timedelta(days=30)])
CALLS = st.tuples(
    st.sampled_from([CallOutcome.NOT_REACHED, *CallOutcome]), st.none() | LATER, st.sampled_from([None, "3"])
)
NOT_LATER = st.none()
DECISIONS = st.one_of(
    st.tuples(
        st.sampled_from(["acknowledge", "promise_call", "resume", "close", "reopen", "settle", "survey"]),
        st.just({}),
    ),
    st.tuples(st.sampled_from(["escalate", "give_up", "wait", "answer", "respond"]), st.just({"text": SAID})),
    st.tuples(st.just("assign"), st.sampled_from([{"handler": "lin"}, {"handler": "王组长"}])),
    st.tuples(st.just("regrade"), st.sampled_from(Grade).map(lambda g: {"grade": g, "text": SAID})),
    st.tuples(st.just("bring_in"), st.just({"department": "技术部", "text": SAID})),
    st.tuples(st.just("become_complaint"), NATURES.map(lambda n: {"nature": n})),
    st.tuples(st.just("resolve"), st.sampled_from(Remedy).map(lambda r: {"remedy": r, "text": SAID})),
)
SURVEYS = st.sampled_from(
    [
        {"outcome": "satisfied", "satisfaction": "5", "words": "谢谢"},
        {"outcome": "satisfied"},
        {"outcome": "problem", "words": SAID},
        {"outcome": "problem", "words": "谢谢"},
        {"outcome": "problem", "satisfaction": "1"},
    ]
)
NEXT = {  # what a complaint waits for
    S.REGISTERED: ("acknowledge", {}),
    S.ESCALATED: ("acknowledge", {}),
    S.INVESTIGATING: ("resolve", {"remedy": "apology", "text": SAID}),
    S.RESOLVED: ("call", {"outcome": "not_reached"}),
    S.CALLBACK_DUE: ("call", {"outcome": "satisfied", "satisfaction": "4"}),
    S.SURVEYED: ("answer_survey", {"outcome": "satisfied"}),
}
TIMED = {"escalations": complaint_escalations, "callbacks": complaint_callbacks}


# -- the machine ------------------------------------------------------------------------------------


class ComplaintsInTheStore(RuleBasedStateMachine):
    """A few orders of two shops, and all that customers and colleagues may say of them."""

    databases: Databases
    kind: str

    def __init__(self) -> None:
        super().__init__()
        self.engine = self.databases.new(self.kind)
        self.now = BEGINS_AT
        self.history: dict[int, str] = {}

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self._comes_to_rest()
        finally:
            self.databases.close()

    @initialize(nature=NATURES, about=st.integers(0, 2))
    def a_complaint_is_there(self, nature, about) -> None:
        for shop, no in ORDERS:
            at = self.now - timedelta(days=2)
            told = placed(no, at, shop=shop, buyer=f"buyer of {shop}")
            tell(self.engine, told, paid(no, at + timedelta(minutes=20), shop=shop))
        self._register(rows(self.engine, Order)[about], self.now, nature=nature)

    @rule(step=STEPS)
    def time_passes(self, step) -> None:
        self.now += step

    # -- customers -----------------------------------------------------------------------------------

    @rule(
        pick=st.none() | PICKS, age=AGES, intake=INTAKES, nature=NATURES, channel=st.sampled_from(Channel),
        furious=st.booleans(), fen=st.sampled_from([None, 0, 19_900, 80_000]),
    )  # fmt: skip
    def somebody_turns_to_us(self, pick, age, intake, nature, channel, furious, fen) -> None:
        orders = rows(self.engine, Order)
        about = None if pick is None else orders[pick % len(orders)]
        nature = nature if intake == IntakeClass.COMPLAINT else None
        told = {"intake": intake, "nature": nature, "channel": channel, "furious": furious}
        self._register(about, self.now - age, amount_fen=fen, **told)

    @precondition(lambda self: self._cases())
    @rule(pick=PICKS, age=AGES, words=WORDS)
    def a_customer_says_something(self, pick, age, words) -> None:
        case = self._a_case(pick)
        told = of_complaint("hear", self.now - age, no=case.no, shop=case.shop, by="platform", words=words)
        assert self._tell(told).status is Status.CHANGED  # promise 2

    @precondition(lambda self: self._cases())
    @rule(pick=PICKS, age=AGES, told=SURVEYS)
    def a_survey_comes_back(self, pick, age, told) -> None:
        self._acts(self._a_case(pick), self.now - age, "answer_survey", told, by="platform")

    # -- colleagues ----------------------------------------------------------------------------------

    @precondition(lambda self: self._cases())
    @rule(pick=PICKS, age=AGES, who=PEOPLE, decision=DECISIONS)
    def a_person_does_something(self, pick, age, who, decision) -> None:
        self._acts(self._a_case(pick), self.now - age, *decision, by=who)

    @precondition(lambda self: self._cases())
    @rule(pick=PICKS, age=AGES, who=PEOPLE, call=CALLS)
    def a_person_calls(self, pick, age, who, call) -> None:
        self._calls(self._a_case(pick), self.now - age, *call, by=who)

    @precondition(lambda self: self._cases(SETTLED))
    @rule(pick=PICKS, age=AGES, call=CALLS)
    def a_person_calls_after_the_resolution(self, pick, age, call) -> None:
        cases = self._cases(SETTLED)
        self._calls(cases[pick % len(cases)], self.now - age, *call, by="赵")

    @precondition(lambda self: self._cases())
    @rule(pick=PICKS)
    def a_complaint_goes_a_step_on(self, pick) -> None:
        """What it waits for comes, so that lives come to where customers are called."""
        case = self._a_case(pick)
        if case.state in NEXT:
            trigger, told = NEXT[case.state]
            by_people = trigger not in complaint_lifecycle.facts
            self._acts(case, self.now, trigger, told, by="lin" if by_people else "platform")

    @precondition(lambda self: self._cases(AT_WORK))
    @rule(pick=PICKS, age=AGES)
    def a_complaint_is_resolved(self, pick, age) -> None:
        cases = self._cases(AT_WORK)
        self._acts(cases[pick % len(cases)], self.now - age, *NEXT[S.INVESTIGATING], by="lin")

    @precondition(lambda self: self._cases())
    @rule(pick=PICKS, age=AGES, decisions=st.lists(DECISIONS, min_size=2, max_size=4), words=WORDS)
    def several_things_reach_us_at_once(self, pick, age, decisions, words) -> None:
        case = self._a_case(pick)
        about = {"no": case.no, "shop": case.shop}
        heard = of_complaint("hear", self.now - age, **about, by="platform", words=words)
        asked = [self._asked(case, self.now - age / n, *d, by="lin") for n, d in enumerate(decisions, 1)]
        self._tell_all(heard, *asked)

    # -- the clock -----------------------------------------------------------------------------------

    @rule(step=st.sampled_from(list(TIMED)), late=AGES)
    def what_is_due_is_done(self, step, late) -> None:
        self._twice(TIMED[step], self.now - late)

    @precondition(lambda self: self._waiting())
    @rule(pick=PICKS, late=AGES)
    def the_next_thing_falls_due(self, pick, late) -> None:
        due = sorted(timer.due_at for timer in self._waiting())
        self.now = max(self.now, due[pick % len(due)] + late)
        for step in TIMED.values():
            self._twice(step, self.now)

    @precondition(lambda self: self._cases())
    @rule(pick=PICKS, late=AGES)
    def what_is_due_of_one_complaint_is_done(self, pick, late) -> None:
        case = self._a_case(pick)
        self._twice(partial(complaint_case, shop=case.shop, case_no=case.no), self.now - late)

    @rule(step=st.sampled_from(list(TIMED)))
    def what_would_be_done_is_asked(self, step) -> None:
        before = self._everything()
        TIMED[step](self.engine, as_of=self.now, dry_run=True)
        assert self._everything() == before

    def _twice(self, step: Any, as_of: datetime) -> None:
        """The second run of the same moment finds nothing left to do."""
        report = step(self.engine, as_of=as_of)
        assert not report.red, report.rows
        before = self._everything()
        again = step(self.engine, as_of=as_of)
        assert (again.done, again.refused, again.failed) == (0, 0, 0), again
        assert self._everything() == before

    # -- telling -------------------------------------------------------------------------------------

    def _cases(self, states: Any = None) -> list[SimpleNamespace]:
        return [case for case in rows(self.engine, Complaint) if states is None or case.state in states]

    def _a_case(self, pick: int) -> SimpleNamespace:
        cases = self._cases()
        return cases[-1 - pick % len(cases)]

    def _waiting(self) -> list[SimpleNamespace]:
        waiting = rows(self.engine, Timer, case_kind="complaint", done_at=None, cancelled_at=None)
        return [timer for timer in waiting if timer.due_at < self.now + 2 * LONG]

    def _register(self, order: SimpleNamespace | None, at: datetime, **told: Any) -> None:
        shop = order.shop if order else "bag-studio"
        mine = rows(self.engine, Complaint, shop=shop, order_id=order and order.id)
        no = f"{order.no}-C{len(mine) + 1}" if order else f"C20260303-{len(mine) + 1}"
        told = {name: value for name, value in told.items() if name != "amount_fen" or value is not None}
        request = said(at, no=no, shop=shop, by="lin", order_id=order and order.id, words=SAID, **told)
        outcome = self._tell(request)
        assert bool(rows(self.engine, Complaint, no=no, shop=shop)) == (outcome.status is Status.CHANGED)
        assert outcome.status is Status.CHANGED or outcome.reasons[0].code == "already_open"

    def _calls(self, case: SimpleNamespace, at: datetime, outcome, later, stars, *, by: str) -> None:
        told = {"outcome": outcome, "text": SAID, "satisfaction": stars}
        told["later_at"] = at + later if later else None
        self._acts(case, at, "call", {name: fact for name, fact in told.items() if fact}, by=by)

    def _acts(self, case: SimpleNamespace, at: datetime, trigger: str, told: dict, *, by: str) -> None:
        outcome = self._tell(self._asked(case, at, trigger, told, by=by))
        assert outcome.status is not Status.REFUSED or trigger not in complaint_lifecycle.facts, outcome

    def _asked(self, case: SimpleNamespace, at: datetime, trigger: str, told: dict, *, by: str) -> Request:
        """As a person does it by hand: what is told is read, and masked, first."""
        reads = {name.rstrip("!"): read for name, read in COMPLAINTS_HAND.facts.get(trigger, {}).items()}
        facts = {name: text if name == "later_at" else reads[name](text) for name, text in told.items()}
        return of_complaint(trigger, at, no=case.no, shop=case.shop, by=by, **facts)

    def _tell(self, request: Request) -> Outcome:
        return self._tell_all(request)[0]

    def _tell_all(self, *requests: Request) -> list[Outcome]:
        recorded_at = max(RECORDED, self.now)
        outcomes = advancing(self.engine, requests, recorded_at=recorded_at, cases=complaint_cases).outcomes
        for outcome in outcomes:
            request, why = outcome.request, ", ".join(reason.code for reason in outcome.reasons)
            note(f"    {request.at:%m-%d %H:%M:%S} {request.shop} {request.no} {request.trigger} by {request.by}: "
                 f"{outcome.status} {why}")  # fmt: skip
            assert outcome.status in (Status.CHANGED, Status.REFUSED), outcome
            if outcome.status is Status.REFUSED:
                assert outcome.reasons
                assert all(r.code and r.zh and r.en for r in outcome.reasons)
        return outcomes

    def _everything(self) -> tuple:
        """What a second run must not change."""
        of = (StateChange, Complaint, OutboxMessage, Timer, Anomaly)
        return tuple(list(map(vars, rows(self.engine, table))) for table in of)

    # -- what must hold ------------------------------------------------------------------------------

    @invariant()
    def the_promises_hold(self) -> None:
        now = Snapshot(self.engine)
        self._history_is_only_added_to(now)
        for case in now.cases:
            mine = now.history[case.id]
            history_is_whole(case, mine, complaint_lifecycle, "register")
            self._timers_mean_something(case, now)
            self._rounds_are_whole(case, now)
            self._ladder_and_state_agree(case, now)
            self._nobody_is_told_twice_or_too_late(case, now)
            self._it_ends_with_an_outcome(case, now)
            self._somebody_goes_on(case, now)
            self._colleagues_are_told_while_they_are_there(case, now)
        self._one_for_each_order_and_cause(now)
        self._owed_once_and_masked(now)

    def _history_is_only_added_to(self, now: Snapshot) -> None:
        changes = {c.id: repr(vars(c)) for mine in now.history.values() for c in mine}
        assert self.history.items() <= changes.items()
        self.history = changes

    def _timers_mean_something(self, case: SimpleNamespace, now: Snapshot) -> None:
        timers_mean_something(case, now.timers[case.id], complaint_lifecycle)
        waiting = Counter(timer.kind for timer in now.waiting(case))
        assert max(waiting.values(), default=0) <= 1, waiting
        assert not (waiting and case.state in OVER), waiting

    def _rounds_are_whole(self, case: SimpleNamespace, now: Snapshot) -> None:
        mine, begun = now.rounds[case.id], [c for c in now.history[case.id] if c.trigger in BEGINS_A_ROUND]
        assert [r.number for r in mine] == list(range(1, len(begun) + 1))
        assert [r.began_at for r in mine] == [c.at for c in begun]
        for round_ in mine:
            open_pauses = [pause for pause in round_.pauses if pause["end"] is None]
            assert open_pauses in ([], round_.pauses[-1:])
            assert all(pause["end"] is None or pause["end"] >= pause["start"] for pause in round_.pauses)
            assert sorted(call["at"] for call in round_.calls) == [call["at"] for call in round_.calls]
            if round_.surveyed_at:
                assert round_.resolved_at <= round_.surveyed_at
        if case.intake != "complaint" or mine[-1].resolve_by is None:  # what had passed before a pause stays
            assert mine[-1].resolve_by is None
            assert case.intake != "complaint" or now.paused(case)

    def _ladder_and_state_agree(self, case: SimpleNamespace, now: Snapshot) -> None:
        """It goes on exactly while nobody has acknowledged (rules 98, 99)."""
        if case.intake == "complaint" and case.state in AT_WORK:
            round_ = now.rounds[case.id][-1]
            assert (round_.acknowledged_at is None) == (case.state in UNACKNOWLEDGED)
            waits = "ladder" in {timer.kind for timer in now.waiting(case)}
            noted = ("nobody_acknowledged", f"climb {round_.number}") in now.noted[case.id]
            assert not waits if round_.acknowledged_at else waits or noted
        elif case.state not in AT_WORK:
            assert "ladder" not in {timer.kind for timer in now.waiting(case)}

    def _nobody_is_told_twice_or_too_late(self, case: SimpleNamespace, now: Snapshot) -> None:
        """By the history alone: each level once a round, and none between an acknowledgement and a reason to go on."""
        told, acknowledged, grade, number = [], False, None, 0
        for change in now.history[case.id]:
            if change.trigger in BEGINS_A_ROUND:
                told, acknowledged, number = [], False, number + 1
            elif change.trigger == "acknowledge":
                acknowledged = True
            elif change.trigger in TAKES_IT_UP and change.by != MACHINE:
                acknowledged = False
            elif change.trigger == "regrade":
                grade, before = change.facts["grade"], grade
                graver = before is None or list(Grade).index(grade) > list(Grade).index(before)
                acknowledged = acknowledged and not graver
            elif change.trigger == "climb":
                assert not acknowledged, (case.no, change.number)
                told.append(change)
        round_ = now.rounds[case.id][-1]
        assert len(told) == len(round_.told)
        names = [notice["who"] for notice in round_.told]
        assert len(set(names)) == len(names)

    def _it_ends_with_an_outcome(self, case: SimpleNamespace, now: Snapshot) -> None:
        assert case.is_open == (case.state not in OVER)
        assert case.state not in SETTLED or case.intake == "complaint"
        assert case.state != S.ANSWERED or case.intake != "complaint"
        last = now.rounds[case.id][-1]
        if case.state == S.CLOSED:
            assert last.outcome in ("satisfied", "problem", "refused", "unanswered")
        for round_, begun in zip(now.rounds[case.id], now.rounds[case.id][1:], strict=False):
            if begun.why in ("callback", "survey"):
                assert round_.outcome == "problem"

    def _somebody_goes_on(self, case: SimpleNamespace, now: Snapshot) -> None:
        """What is not over has a timer, or somebody knows of it."""
        waits = {timer.kind for timer in now.waiting(case)}
        round_ = now.rounds[case.id][-1]
        match case.state:
            case S.RESOLVED:
                assert "survey" in waits
                assert ("callback" in waits) == (round_.next_call_at is not None)
            case S.CALLBACK_DUE:
                assert "survey" in waits
            case S.SURVEYED:
                assert "survey_over" in waits
            case S.REGISTERED | S.INVESTIGATING | S.ESCALATED if not now.paused(case):
                missed = {entry["owed"] for entry in round_.missed}
                if case.intake == "complaint":
                    assert waits & {"resolution"} or missed & {"resolution"}
                assert round_.responded_at or waits & {"first_response"} or missed & {"first_response"}

    def _colleagues_are_told_while_they_are_there(self, case: SimpleNamespace, now: Snapshot) -> None:
        graves = {c.facts.get("grade") for c in now.history[case.id] if c.trigger == "regrade"}
        if "crisis" in {case.grade, *graves} or case.id in now.once_grave:
            return
        opens, closes = OPEN[case.shop]
        for message in now.owed[case.id]:
            if message.channel == "staff" and message.what != "digest":
                at = max(message.owed_at, message.not_before or message.owed_at).astimezone(SHANGHAI).time()
                assert opens <= at < closes, (message.what, at)

    def _one_for_each_order_and_cause(self, now: Snapshot) -> None:
        about = Counter((c.order_id, c.nature) for c in now.cases if c.is_open and c.order_id and c.nature)
        assert max(about.values(), default=0) <= 1

    def _owed_once_and_masked(self, now: Snapshot) -> None:
        owed = [message for mine in now.owed.values() for message in mine]
        assert max(Counter(message.key for message in owed).values(), default=0) <= 1
        told = [(change.key, change.facts) for mine in now.history.values() for change in mine]
        recorded = repr((told, [vars(a) for a in now.anomalies], [m.payload for m in owed]))
        assert CALLED_FROM not in recorded

    # -- the end of a life ---------------------------------------------------------------------------

    def _comes_to_rest(self) -> None:
        """People do what is theirs, and then the clock goes on: nothing of ours is left undone."""
        for case in self._cases(AT_WORK):
            if case.intake == "complaint":
                self._acts(case, self.now, "resolve", {"remedy": "apology", "text": SAID}, by="lin")
            else:
                self._acts(case, self.now, "answer", {"text": SAID}, by="lin")
        self.the_promises_hold()
        for _ in range(3):
            self.now += LONG
            for step in TIMED.values():
                self._twice(step, self.now)
            self.the_promises_hold()
        assert {case.state for case in self._cases()} <= set(OVER)
        assert rows(self.engine, Timer, case_kind="complaint", done_at=None, cancelled_at=None) == []


class Snapshot:
    """All that is stored of complaints, at one moment, by case."""

    def __init__(self, engine: Any) -> None:
        read = partial(rows, engine)
        self.cases, self.rounds = read(Complaint), defaultdict(list)
        for round_ in sorted(read(ComplaintRound), key=lambda r: (r.complaint_id, r.number)):
            self.rounds[round_.complaint_id].append(round_)
        self.anomalies = read(Anomaly, case_kind="complaint")
        self.noted: dict[int, set] = defaultdict(set)
        for anomaly in self.anomalies:
            self.noted[anomaly.case_id].add((anomaly.code, anomaly.key))
        self.history, self.timers, self.owed = (
            _by_case(read(model, case_kind="complaint")) for model in (StateChange, Timer, OutboxMessage)
        )
        for mine in self.history.values():
            mine.sort(key=lambda change: change.number)
        received = [m for mine in self.owed.values() for m in mine if m.what == "complaint_received_crisis"]
        self.once_grave = {message.case_id for message in received}

    def waiting(self, case: SimpleNamespace) -> list[SimpleNamespace]:
        return [t for t in self.timers[case.id] if t.done_at is None and t.cancelled_at is None]

    def paused(self, case: SimpleNamespace) -> bool:
        pauses = self.rounds[case.id][-1].pauses
        return bool(pauses) and pauses[-1]["end"] is None


def _by_case(found: list) -> dict[int, list]:
    by_case = defaultdict(list)
    for row in found:
        by_case[row.case_id].append(row)
    return by_case


def test_the_promises_hold_for_complaints_on_sqlite(sqlite_template, tmp_path):
    live(ComplaintsInTheStore, "sqlite", sqlite_template, tmp_path, None, examples=25, steps=30)


def test_the_promises_hold_for_complaints_on_postgresql(sqlite_template, tmp_path, postgres: PostgresServer):
    live(
        ComplaintsInTheStore, "postgresql", sqlite_template, tmp_path, lambda: postgres, examples=6, steps=30
    )
