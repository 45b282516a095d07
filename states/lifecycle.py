"""Lifecycles: the only user of the `transitions` library.

A lifecycle is a table of transitions plus plain functions. It is checked when it is built and decides
without I/O or clock: `decide` says which change happens and what follows, or raises why not.

Facts (paid, shipped …) happened and are never refused: one that the table does not expect stays where
it is and carries an anomaly. Decisions (remind, release …) are ours: a guard may refuse them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from transitions import Machine

from states.errors import GuardRefused, TransitionNotAllowed
from states.follow_ups import FollowUp
from states.reasons import Reason

BEFORE = "–"  # a case nobody has told us about yet
SAME = "="  # a transition that stays where it is

Case = Any  # a light view of a row: attributes named like its columns, plus policy, holds, lines …


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a case: a trigger, the moment it stands for, who asks, and the facts."""

    trigger: str
    at: datetime
    by: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    round: int | None = None  # of the timer that asks
    details: Mapping[str, Any] | None = None  # values for the row itself; personal data stays in here


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a case; `anomaly` says why a fact was a surprise."""

    trigger: str
    source: str
    dest: str
    at: datetime
    by: str
    facts: Mapping[str, Any]
    round: int | None = None
    anomaly: Reason | None = None
    expected: bool = True


@dataclass(frozen=True, slots=True)
class Waits:
    """A kind of timer: what it triggers, and in which states it has a meaning (elsewhere it is cancelled).

    `when_reached`: it stands for the moment we get to it, not for the one it fell due, for it tells a colleague to
    do something now. So a stop of the system makes nobody be told at a time gone by.
    """

    trigger: str
    while_in: tuple[str, ...]
    when_reached: bool = False


Guard = Callable[[Case, Asked], Iterable[Reason]]


class LifecycleError(ValueError):
    """The table of a lifecycle is wrong; found when it is built, not when a case hits it."""


class Lifecycle:
    """The explicit state machine of one kind of case."""

    def __init__(
        self,
        name: str,
        states: type[StrEnum],
        transitions: Sequence[Mapping[str, Any]],
        *,
        facts: Iterable[str],
        final: Iterable[str],
        timers: Mapping[str, Waits],
        record: Callable[[Case, Change, Asked], None],
        follow_ups: Callable[[Case, Change], list[FollowUp]],
        when_refused: Callable[[Case, Asked, tuple[Reason, ...]], list[FollowUp]],
        by_people: Iterable[str] = (),
        urgent: Iterable[str] = (),
    ) -> None:
        self.name, self.states = name, tuple(str(s) for s in states)
        self.facts, self.final = frozenset(facts), frozenset(map(str, final))
        self.by_people = frozenset(by_people)
        self.urgent = frozenset(urgent)  # do not wait for what fell due before them: stop means stop
        self.timers = dict(timers)
        self.timer_of = {waits.trigger: kind for kind, waits in timers.items()}
        self._record, self._follow_ups, self._when_refused = record, follow_ups, when_refused
        self.rows = [_row(t) for t in self._spread(transitions)]
        self._check()
        self._known = {BEFORE, *self.states}
        self._surprise = {(r["trigger"], r["source"]): r["anomaly"] for r in self.rows}
        self._machine = Machine(
            model=None,
            states=[BEFORE, *self.states],
            initial=BEFORE,
            transitions=[
                {
                    "trigger": r["trigger"],
                    "source": r["source"],
                    "dest": r["dest"],
                    "conditions": _nothing_against(r["unless"]),
                }
                for r in self.rows
            ],
            auto_transitions=False,
            send_event=True,
            model_attribute="state",
        )
        self.triggers = tuple(dict.fromkeys(r["trigger"] for r in self.rows))

    # -- deciding ------------------------------------------------------------------------------------

    def decide(self, case: Case, asked: Asked) -> tuple[Change, list[FollowUp]]:
        """Change the case's values and say what changed and what follows from it.

        Raises GuardRefused or TransitionNotAllowed, with every reason, when a decision must not be taken.
        """
        refusals: list[Reason] = []
        source = case.state
        if source not in self._known:
            raise LifecycleError(f"{case_name(self.name, case)} is in an unknown state, {source!r}")
        moved = self._fire(case, asked, refusals)
        if not moved and asked.trigger not in self.facts:
            if refusals:
                raise GuardRefused(case_name(self.name, case), asked.trigger, tuple(refusals))
            raise TransitionNotAllowed(
                case_name(self.name, case), asked.trigger, (not_from(asked.trigger, source),)
            )
        surprise = self._surprise.get((asked.trigger, source))
        if not moved:
            surprise = refusals[0] if refusals else unexpected(asked.trigger, source)
        change = Change(
            asked.trigger,
            source,
            case.state,
            asked.at,
            asked.by,
            asked.facts,
            asked.round,
            anomaly=surprise,
            expected=moved,
        )
        self._record(case, change, asked)
        return change, self._follow_ups(case, change)

    def when_refused(self, case: Case, asked: Asked, reasons: tuple[Reason, ...]) -> list[FollowUp]:
        """What follows from a no, when nobody waits for the answer."""
        return self._when_refused(case, asked, reasons)

    def _fire(self, case: Case, asked: Asked, refusals: list[Reason]) -> bool:
        event = self._machine.events.get(asked.trigger)
        if event is None or not event.transitions.get(case.state):
            return False
        return event.trigger(case, asked=asked, refusals=refusals)

    def allowed_from(self, state: str) -> list[str]:
        """The triggers the table knows from this state."""
        return [r["trigger"] for r in self.rows if r["source"] == state]

    def outlived(self, kind: str, state: str) -> bool:
        """A timer of this kind has no meaning in this state any more."""
        return state not in self.timers[kind].while_in

    # -- building ------------------------------------------------------------------------------------

    def _spread(self, transitions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        rows = []
        for t in transitions:
            sources = t["source"] if isinstance(t["source"], (list, tuple)) else [t["source"]]
            for source in map(str, sources):
                rows.append({**t, "source": source, "dest": source if t["dest"] == SAME else str(t["dest"])})
        return rows

    def _check(self) -> None:
        problems = [*self._unknown_names(), *self._double_targets()]
        problems = problems or [*self._unreachable(), *self._dead_ends()]
        if problems:
            raise LifecycleError(f"lifecycle {self.name}: " + "; ".join(problems))

    def _unknown_names(self) -> Iterable[str]:
        known = {BEFORE, *self.states}
        for row in self.rows:
            for end in ("source", "dest"):
                if row[end] not in known:
                    yield f"{row['trigger']} speaks of an unknown state {row[end]!r}"
        named = {row["trigger"] for row in self.rows}
        for kind, waits in self.timers.items():
            if waits.trigger not in named:
                yield f"timer {kind} asks for an unknown trigger {waits.trigger!r}"
            yield from (
                f"timer {kind} waits in an unknown state {s!r}" for s in waits.while_in if s not in known
            )
        called = {
            "is called a fact": self.facts,
            "is asked for by people": self.by_people,
            "is called urgent": self.urgent,
        }
        for how, triggers in called.items():
            yield from (f"{t!r} {how} but no transition has it" for t in sorted(triggers - named))
        yield from (f"final state {s!r} is unknown" for s in sorted(self.final - known))

    def _double_targets(self) -> Iterable[str]:
        seen: dict[tuple[str, str], str] = {}
        for row in self.rows:
            pair = (row["source"], row["trigger"])
            if pair in seen:
                yield f"{row['trigger']} from {row['source']} has two targets, {seen[pair]} and {row['dest']}"
            seen[pair] = row["dest"]

    def _unreachable(self) -> Iterable[str]:
        reached, frontier = set(), {BEFORE}
        while frontier:
            reached |= frontier
            frontier = {r["dest"] for r in self.rows if r["source"] in frontier} - reached
        return (f"state {s!r} can't be reached" for s in self.states if s not in reached)

    def _dead_ends(self) -> Iterable[str]:
        for state in self.states:
            if state in self.final:
                continue
            exits = [r["trigger"] for r in self.rows if r["source"] == state and r["dest"] != state]
            if not exits:
                yield f"state {state!r} is a dead end: not final, and nothing leads on"
            elif not any(self._somebody_asks(t, state) for t in exits):
                yield f"nobody and no timer ever leaves state {state!r} ({', '.join(exits)})"

    def _somebody_asks(self, trigger: str, state: str) -> bool:
        by_timer = any(w.trigger == trigger and state in w.while_in for w in self.timers.values())
        return by_timer or trigger in self.facts or trigger in self.by_people


def case_name(kind: str, case: Case) -> str:
    """A case as sentences name it: order 4711."""
    return f"{kind} {case.no}"


def not_from(trigger: str, state: str) -> Reason:
    """Refused: the table has no such transition."""
    return Reason(
        "not_from_this_state", f"状态为 {state} 时不能 {trigger}", f"not possible while it is {state}"
    )


def unexpected(trigger: str, state: str) -> Reason:
    """A surprise: the table has no such transition, and it happened all the same."""
    return Reason(
        "unexpected_fact",
        f"状态为 {state} 时出现 {trigger},请核实",
        f"{trigger} was not expected while {state}",
    )


def _row(t: Mapping[str, Any]) -> dict[str, Any]:
    unless = t.get("unless", ())
    return {
        "trigger": t["trigger"],
        "source": t["source"],
        "dest": t["dest"],
        "unless": tuple(unless) if isinstance(unless, (list, tuple)) else (unless,),
        "anomaly": t.get("anomaly"),
    }


def _nothing_against(guards: Sequence[Guard]) -> Callable[[Any], bool]:
    """A guard says why not; the library wants yes or no. All guards speak, so that every reason is named."""

    def condition(event) -> bool:
        why_not = [reason for guard in guards for reason in guard(event.model, event.kwargs["asked"])]
        event.kwargs["refusals"].extend(why_not)
        return not why_not

    return condition
