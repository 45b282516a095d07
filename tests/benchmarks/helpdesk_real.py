"""A real help desk's tickets lived through as complaints, and every deadline, pause and callback reckoned again.

`python -m tests.benchmarks.helpdesk_real [--postgres]`, with the real data beside the repository; skipped with a
sentence where they are not. How the entries are read is in `helpdesk_tickets`, when the clock stops in `helpdesk_life`,
the reckoning in `helpdesk_rules`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import Annotated, Any

import typer
from sqlalchemy import Engine, select

from models import Anomaly, Complaint, ComplaintRound, StateChange, Timer
from tests.benchmarks.helpdesk_life import SHOP_FILE, Life, live, moments, unwell
from tests.benchmarks.helpdesk_rules import Case, Rules
from tests.benchmarks.helpdesk_tickets import Ticket, read
from tests.benchmarks.real_checks import Checks
from tests.benchmarks.replay_real import DATA, console, show
from tests.benchmarks.stores import stores

TICKETS = DATA / "helpdesk" / "helpdesk_events.csv.gz"
UNHEARD = "nobody_acknowledged"
EXPLAINED = {
    "wait: waiting_already": "Wait while we wait already: one pause, told twice",
    "nobody_acknowledged, at first": "nobody took it in charge until the whole ladder had been told (rule 99)",
    "nobody_acknowledged, again": "a missed deadline took the ladder up again; the file knows no answer to that",
}


def main(
    postgres: Annotated[bool, typer.Option("--postgres", help="Also on PostgreSQL.")] = False,
) -> None:
    """Live through the real tickets; exit 1 when one of them came out otherwise than reckoned."""
    if not TICKETS.exists():
        console.print("skipped: the real tickets are not beside the repository")
        return
    kept = True
    for kind in ("sqlite", "postgresql") if postgres else ("sqlite",):
        with stores(kind) as new:
            start = perf_counter()
            checks = lived_and_checked(new(), read(TICKETS))
            show(f"{kind}: lived through in {perf_counter() - start:.0f} s", checks)
            kept &= checks.kept
    if not kept:
        raise SystemExit(1)


def lived_and_checked(engine: Engine, tickets: list[Ticket]) -> Checks:
    """The whole life of these tickets, and what it has to be."""
    checks = Checks()
    life = live(engine, tickets)
    rules = Rules(SHOP_FILE)
    found = _Found(engine)
    check_told(checks, engine, tickets, life, found)
    check_reckoning(checks, tickets, life, rules, found)
    check_ladder(checks, found)
    return checks


def check_told(checks: Checks, engine: Engine, tickets: Sequence[Ticket], life: Life, found: _Found) -> None:
    """How much replays as it was told, and what does not."""
    entries = sum(len(t.entries) for t in tickets)
    checks.say(
        "tickets, entries, moments at which the timed steps ran", (len(tickets), entries, life.moments)
    )
    checks.equal("runs that ended red", len(life.bad), 0)
    checks.say("entries told twice within a minute, left out", sum(t.told_twice for t in tickets))
    for trigger, number in Counter(o.request.trigger for _, o in life.outcomes).most_common():
        checks.say(f"told: {trigger}", number)
    for trigger, number in life.triggers.most_common():
        checks.say(f"by the clock: {trigger}", number)
    odd = defaultdict(set)
    for ticket, outcome in unwell(life):
        odd[f"{outcome.request.trigger}: {', '.join(r.code for r in outcome.reasons)}"].add(ticket.no)
    for ticket in tickets:
        for activity in ticket.unmapped:
            odd[f"no counterpart: {activity}"].add(ticket.no)
    by_case = {case.id: case.no for case in found.cases.values()}
    back = {no: ticket for ticket, no in life.linked.items()}
    for row in found.anomalies:
        no, code = by_case[row.case_id], row.code
        if code == UNHEARD:
            code += ", again" if found.missed(row) else ", at first"
        odd[code].add(back.get(no, no))
    for what, nos in sorted(odd.items(), key=lambda pair: -len(pair[1])):
        checks.say(f"tickets with {what}", f"{len(nos)}  {EXPLAINED.get(what, '')}")
    checks.say("tickets gone on with in a linked complaint", len(life.linked))
    late = odd.pop(f"{UNHEARD}, again", set())
    strange = set().union(*odd.values())
    checks.say("replayed without anomaly", _share(len(tickets) - len(strange | late), len(tickets)))
    checks.say(
        "… but for escalations that the file can't answer", _share(len(tickets) - len(strange), len(tickets))
    )


def _share(some: int, all_: int) -> str:
    return f"{some:,} of {all_:,}, {some / all_:.1%}"


def check_reckoning(
    checks: Checks, tickets: Sequence[Ticket], life: Life, rules: Rules, found: _Found
) -> None:
    """Every complaint of every ticket, round by round, against the reckoning."""
    looks = list(moments(tickets, rules.desk.zone))
    wrong: dict[str, list[str]] = defaultdict(list)
    numbers: Counter[str] = Counter()
    for ticket in tickets:
        cases = rules.lived(ticket, looks)
        nos = [ticket.no, *([life.linked[ticket.no]] if ticket.no in life.linked else [])]
        if len(cases) != len(nos):
            wrong["complaints"].append(ticket.no)
            continue
        for case, no in zip(cases, nos, strict=True):
            expected, is_ = reckoned(rules, case), found.told(no)
            for what in expected:
                numbers[what] += len(expected[what]) if isinstance(expected[what], list) else 1
                if is_[what] != expected[what]:
                    wrong[what].append(f"{no}: {is_[what]} and not {expected[what]}")
    for what, number in numbers.items():
        checks.equal(f"{what} ({number:,}), tickets in which they differ", wrong[what][:3], [])
    checks.equal("complaints, tickets with another number of them", wrong["complaints"], [])


def reckoned(rules: Rules, case: Case) -> dict[str, Any]:
    """A complaint as it has to be."""
    deadlines = [rules.deadlines(round_) for round_ in case.rounds]
    return {
        "rounds": [r.began_at for r in case.rounds],
        "first response by": [d["first_response"] for d in deadlines],
        "next update by": [d["next_update"] for d in deadlines],
        "resolved by": [d["resolution"] for d in deadlines],
        "pauses": [tuple(pause) for r in case.rounds for pause in r.pauses],
        "missed": sorted(m for r in case.rounds for m in r.missed),
        "resolved": [r.resolved_at for r in case.rounds],
        "to be called until": [r.resolved_at and r.resolved_at + rules.within for r in case.rounds],
        "calls planned": case.planned,
        "calls made": [call for r in case.rounds for call in r.calls],
        "surveys": [r.surveyed_at for r in case.rounds],
        "outcomes": [r.outcome for r in case.rounds],
        "closed": case.closed_at,
    }


class _Found:
    """What the database holds, read once."""

    def __init__(self, engine: Engine) -> None:
        with engine.connect() as connection:
            self.cases = {c.no: c for c in connection.execute(select(Complaint.__table__))}
            self.anomalies = connection.execute(select(Anomaly.__table__)).all()
            self.rounds, self.planned = defaultdict(list), defaultdict(list)
            r = ComplaintRound.__table__
            for row in connection.execute(select(r).order_by(r.c.complaint_id, r.c.number)):
                self.rounds[row.complaint_id].append(row)
            t = Timer.__table__
            for row in connection.execute(select(t).where(t.c.kind == "callback").order_by(t.c.round)):
                self.planned[row.case_id].append(row.due_at)
            h = StateChange.__table__
            self.history = connection.execute(select(h).order_by(h.c.case_id, h.c.number)).all()

    def missed(self, anomaly: Any) -> bool:
        """Whether a deadline had been missed in the round in which this was found."""
        rounds = [r for r in self.rounds[anomaly.case_id] if r.began_at <= anomaly.at]
        return any(_at(m["at"]) <= anomaly.at for m in rounds[-1].missed if m["owed"] != "next_update")

    def told(self, no: str) -> dict[str, Any]:
        """A complaint as it is."""
        case = self.cases[no]
        rounds = self.rounds[case.id]
        return {
            "rounds": [r.began_at for r in rounds],
            "first response by": [r.respond_by for r in rounds],
            "next update by": [r.update_by for r in rounds],
            "resolved by": [r.resolve_by for r in rounds],
            "pauses": [(_at(p["start"]), _at(p["end"])) for r in rounds for p in r.pauses],
            "missed": sorted((m["owed"], _at(m["due_at"]), _at(m["at"])) for r in rounds for m in r.missed),
            "resolved": [r.resolved_at for r in rounds],
            "to be called until": [r.call_until for r in rounds],
            "calls planned": self.planned[case.id],
            "calls made": [_at(call["at"]) for r in rounds for call in r.calls],
            "surveys": [r.surveyed_at for r in rounds],
            "outcomes": [r.outcome for r in rounds],
            "closed": case.closed_at,
        }


def _at(text: str | None) -> datetime | None:
    return text and datetime.fromisoformat(text).astimezone(UTC)


def check_ladder(checks: Checks, found: _Found) -> None:
    """Nobody is told twice in a round, and nobody after an acknowledgement (rules 98, 99)."""
    twice = sum(
        len(round_.told) != len({notice["who"] for notice in round_.told})
        for rounds in found.rounds.values()
        for round_ in rounds
    )
    checks.equal("rounds in which somebody on the ladder was told twice", twice, 0)
    checks.equal("ladder notices after an acknowledgement", len(list(_after_all(found.history))), 0)


def _after_all(history: Iterable[Any]) -> Iterable[Any]:
    """Steps up the ladder while somebody had taken it on."""
    taken: set[int] = set()
    for row in history:
        if row.trigger == "acknowledge":
            taken.add(row.case_id)
        elif row.trigger == "climb" and row.case_id in taken:
            yield row
        elif row.dest in ("registered", "escalated"):
            taken.discard(row.case_id)


if __name__ == "__main__":
    typer.run(main)
