"""A lifecycle is checked when it is built, and decides so that facts are kept and refusals explain themselves."""

import ast
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from states.errors import GuardRefused, TransitionNotAllowed
from states.lifecycle import BEFORE, SAME, Asked, Lifecycle, LifecycleError, Waits
from states.orders import FACTS, OrderState, order_lifecycle
from states.reasons import Reason

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


class Door(StrEnum):
    OPEN = "open"
    SHUT = "shut"
    GONE = "gone"


LOCKED = Reason("locked", "门已锁", "it is locked", 7)
STUCK = Reason("stuck", "门卡住了", "it is stuck", 8)


def locked(door, asked):
    return [LOCKED] if door.locked else []


def stuck(door, asked):
    return [STUCK] if door.stuck else []


SOUND = {
    "transitions": [
        {"trigger": "build", "source": BEFORE, "dest": Door.OPEN},
        {"trigger": "shut", "source": Door.OPEN, "dest": Door.SHUT},
        {"trigger": "open", "source": Door.SHUT, "dest": Door.OPEN, "unless": [locked, stuck]},
        {"trigger": "burn", "source": [Door.OPEN, Door.SHUT], "dest": Door.GONE},
        {"trigger": "paint", "source": Door.OPEN, "dest": SAME},
    ],
    "facts": ["build", "shut", "burn"],
    "final": [Door.GONE],
    "timers": {"evening": Waits("shut", while_in=(Door.OPEN,))},
}


def lifecycle(**how) -> Lifecycle:
    wanted = {**SOUND, **how}
    return Lifecycle(
        "door",
        how.pop("states", Door),
        wanted.pop("transitions"),
        **{k: v for k, v in wanted.items() if k != "states"},
        record=lambda case, change, asked: case.told.append(change.trigger),
        follow_ups=lambda case, change: [],
        when_refused=lambda *_: [],
    )


def a_door(state=Door.OPEN, **values):
    return SimpleNamespace(no="1", state=str(state), locked=False, stuck=False, told=[], **values)


def without(trigger: str) -> list[dict]:
    return [t for t in SOUND["transitions"] if t["trigger"] != trigger]


def plus(*rows: dict) -> list[dict]:
    return [*SOUND["transitions"], *rows]


def test_a_sound_table_is_taken():
    assert lifecycle().triggers == ("build", "shut", "open", "burn", "paint")


def x_leads(source: str, dest: str) -> dict:
    return {"trigger": "x", "source": source, "dest": dest}


class Attic(StrEnum):
    OPEN = "open"
    SHUT = "shut"
    GONE = "gone"
    ATTIC = "attic"


def leads_to_the_attic(*onward: dict) -> dict:
    return {
        "states": Attic,
        "transitions": plus({"trigger": "lift", "source": "open", "dest": "attic"}, *onward),
    }


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (
            {"transitions": plus({"trigger": "x", "source": "ajar", "dest": "open"})},
            "x speaks of an unknown state 'ajar'",
        ),
        (
            {"transitions": plus({"trigger": "x", "source": "open", "dest": "ajar"})},
            "x speaks of an unknown state 'ajar'",
        ),
        ({"states": Attic}, "state 'attic' can't be reached"),
        (leads_to_the_attic(), "state 'attic' is a dead end"),
        (
            leads_to_the_attic({"trigger": "look", "source": "attic", "dest": SAME}),
            "state 'attic' is a dead end",
        ),
        (
            leads_to_the_attic({"trigger": "lower", "source": "attic", "dest": "open"}),
            "nobody and no timer ever leaves state 'attic' .lower.",
        ),
        (
            {"transitions": plus({"trigger": "shut", "source": "open", "dest": "gone"})},
            "shut from open has two targets, shut and gone",
        ),
        (
            {"timers": {"dawn": Waits("knock", while_in=("open",))}},
            "timer dawn asks for an unknown trigger 'knock'",
        ),
        (
            {"timers": {"dawn": Waits("shut", while_in=("ajar",))}},
            "timer dawn waits in an unknown state 'ajar'",
        ),
        ({"final": ["gone", "ajar"]}, "final state 'ajar' is unknown"),
        ({"facts": ["build", "knock"]}, "'knock' is called a fact but no transition has it"),
        ({"urgent": ["knock"]}, "'knock' is called urgent but no transition has it"),
        ({"by_people": ["knock"]}, "'knock' is asked for by people but no transition has it"),
    ],
)
def test_a_broken_table_is_refused_when_it_is_built(broken, complaint):
    with pytest.raises(LifecycleError, match=complaint):
        lifecycle(**broken)


@pytest.mark.parametrize(
    "somebody",
    [
        {"facts": ["build", "burn", "lower"]},
        {"by_people": ["lower"]},
        {"timers": {"night": Waits("lower", while_in=("attic",))}},
    ],
    ids=["a fact", "a person", "a timer"],
)
def test_a_state_may_be_left_by_a_fact_a_person_or_a_timer(somebody):
    lifecycle(**leads_to_the_attic({"trigger": "lower", "source": "attic", "dest": "open"}), **somebody)


def test_a_timer_leaves_only_the_states_it_waits_in():
    elsewhere = {"timers": {"night": Waits("lower", while_in=("open",))}}
    with pytest.raises(LifecycleError, match="nobody and no timer ever leaves state 'attic'"):
        lifecycle(**leads_to_the_attic({"trigger": "lower", "source": "attic", "dest": "open"}), **elsewhere)


def test_all_that_is_wrong_is_named_at_once():
    with pytest.raises(LifecycleError) as error:
        lifecycle(final=["gone", "ajar"], facts=["knock"])
    assert "'ajar'" in str(error.value)
    assert "'knock'" in str(error.value)


def test_a_refusal_names_every_reason_its_rule_and_both_languages():
    door = a_door(Door.SHUT)
    door.locked = door.stuck = True
    with pytest.raises(GuardRefused) as no:
        lifecycle().decide(door, Asked("open", NOON, "test"))
    assert no.value.reasons == (LOCKED, STUCK)
    assert str(no.value) == "door 1 cannot open: it is locked; it is stuck"
    assert (door.state, door.told) == (Door.SHUT, [])


def test_one_reason_is_enough_to_refuse():
    door = a_door(Door.SHUT)
    door.stuck = True
    with pytest.raises(GuardRefused, match="it is stuck"):
        lifecycle().decide(door, Asked("open", NOON, "test"))


@pytest.mark.parametrize("trigger", ["open", "knock"])
def test_a_decision_the_table_does_not_know_is_refused_with_a_reason(trigger):
    door = a_door(Door.OPEN)
    with pytest.raises(
        TransitionNotAllowed, match=f"door 1 cannot {trigger}: not possible while it is open"
    ) as no:
        lifecycle().decide(door, Asked(trigger, NOON, "test"))
    assert no.value.code == "not_from_this_state"
    assert door.told == []


def test_a_fact_the_table_does_not_expect_is_kept_with_an_anomaly():
    """Promise 2."""
    door = a_door(Door.GONE)
    change, _ = lifecycle().decide(door, Asked("shut", NOON, "test"))
    assert (change.source, change.dest, change.expected) == (Door.GONE, Door.GONE, False)
    assert change.anomaly.code == "unexpected_fact"
    assert door.told == ["shut"]


def test_a_fact_that_a_guard_minds_is_kept_with_the_guards_reason():
    doors = lifecycle(facts=["build", "shut", "burn", "open"])
    door = a_door(Door.SHUT)
    door.locked = True
    change, _ = doors.decide(door, Asked("open", NOON, "test"))
    assert (change.dest, change.anomaly, change.expected) == (Door.SHUT, LOCKED, False)


def test_a_fact_may_move_and_surprise_at_once():
    rows = plus({"trigger": "shut", "source": Door.GONE, "dest": SAME, "anomaly": STUCK})
    change, _ = lifecycle(transitions=rows).decide(a_door(Door.GONE), Asked("shut", NOON, "test"))
    assert (change.anomaly, change.expected) == (STUCK, True)


def test_a_trigger_has_one_meaning_for_the_next_case_too():
    """One machine serves every case: a refusal of one must not reach another."""
    doors, bolted, free = lifecycle(), a_door(Door.SHUT), a_door(Door.SHUT)
    bolted.locked = True
    with pytest.raises(GuardRefused):
        doors.decide(bolted, Asked("open", NOON, "test"))
    change, _ = doors.decide(free, Asked("open", NOON, "test"))
    assert change.dest == Door.OPEN


def test_only_states_lifecycle_knows_the_library():
    users = {
        str(path.relative_to(ROOT))
        for room in ("models", "states", "flows", "deployments")
        for path in (ROOT / room).rglob("*.py")
        if any(
            name.split(".")[0] == "transitions"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom) and not node.level
                else []
            )
        )
    }
    assert users == {"states/lifecycle.py"}


# -- the order's table ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", order_lifecycle.timers)
def test_every_timer_of_an_order_can_fire_wherever_it_has_a_meaning(kind):
    """The cut-off of an unverified order is only ever refused: it is tried again, and reported."""
    waits = order_lifecycle.timers[kind]
    dull = [s for s in waits.while_in if waits.trigger not in order_lifecycle.allowed_from(str(s))]
    assert dull == []


def test_every_fact_of_an_order_is_told_by_somebody_and_no_decision_is_among_them():
    assert not set(FACTS) & {"remind", "expire", "verify", "release", "reopen", "close", "settle", "unhold"}


@pytest.mark.parametrize("state", OrderState)
def test_no_final_state_has_timers(state):
    if state in order_lifecycle.final:
        assert [k for k in order_lifecycle.timers if not order_lifecycle.outlived(k, state)] == []


# -- any table --------------------------------------------------------------------------------------


class Any5(StrEnum):
    A, B, C, D, E = "abcde"


rows = st.lists(
    st.fixed_dictionaries(
        {
            "trigger": st.sampled_from(["p", "q", "r", "s"]),
            "source": st.sampled_from([BEFORE, *Any5]),
            "dest": st.sampled_from([*Any5, SAME]),
        }
    ),
    max_size=12,
)


def built(table, facts, final) -> Lifecycle | None:
    silent = {"record": lambda *_: None, "follow_ups": lambda *_: [], "when_refused": lambda *_: []}
    try:
        return Lifecycle("any", Any5, table, facts=facts, final=final, timers={}, **silent)
    except LifecycleError:
        return None


@given(rows, st.sets(st.sampled_from(["p", "q", "r", "s"])), st.sets(st.sampled_from(Any5)))
def test_a_table_that_is_taken_has_no_trap_and_no_lonely_state(table, facts, final):
    made = built(table, facts, final)
    if made is None:
        return
    ways = {(r["source"], r["dest"]) for r in made.rows}
    reached = {BEFORE}
    while more := {d for s, d in ways if s in reached} - reached:
        reached |= more
    assert reached >= set(Any5)
    assert all(any(s == state and d != state for s, d in ways) for state in set(Any5) - final)
    assert len({(r["source"], r["trigger"]) for r in made.rows}) == len(made.rows)


ring = [
    {"trigger": "p", "source": a, "dest": b} for a, b in zip([BEFORE, *Any5], [*Any5, Any5.A], strict=True)
]


@given(rows, st.sampled_from(Any5), st.sampled_from(["p", "q", "r", "s"]))
def test_in_any_table_facts_are_kept_and_decisions_follow_it(table, state, trigger):
    taken = {("p", r["source"]) for r in ring}
    extra = []
    for row in table:
        if (row["trigger"], row["source"]) not in taken:
            taken.add((row["trigger"], row["source"]))
            extra.append(row)
    facts = {"p"} | ({"q"} if any(r["trigger"] == "q" for r in extra) else set())
    made = built([*ring, *extra], facts, final=())
    assert made is not None
    case = SimpleNamespace(no="1", state=str(state))
    expected = next((r["dest"] for r in made.rows if (r["source"], r["trigger"]) == (state, trigger)), None)
    try:
        change, _ = made.decide(case, Asked(trigger, NOON, "test"))
    except TransitionNotAllowed:
        assert expected is None
        assert trigger not in facts
        assert case.state == state
    else:
        assert change.dest == (expected or state) == case.state
        assert change.expected == (expected is not None)
        assert expected is not None or trigger in facts


def test_a_change_says_who_asked_when_and_with_which_facts():
    asked = Asked("shut", NOON, "lin", {"by_hand": True}, round=3)
    change, _ = lifecycle().decide(a_door(), asked)
    assert (change.at, change.by, change.facts, change.round) == (NOON, "lin", {"by_hand": True}, 3)
    assert replace(change, anomaly=None) == change
