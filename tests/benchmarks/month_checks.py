"""Was every promise about complaints kept? Worked out from the rows and the shop files alone, in plain arithmetic,
without asking kefu's states and policies. Both shops keep Beijing time, which knows no clock changes.
"""

from __future__ import annotations

import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import chinese_calendar
from sqlalchemy import Engine, select

from models import Complaint, ComplaintRound, OutboxMessage, StateChange, Timer
from tests.benchmarks.month_life import A_DAY, BEGINS_A_ROUND, STOPS, ZONE, Life
from tests.benchmarks.real_checks import Checks

SHOP_FILES = Path(__file__).parents[2] / "deployments" / "shops"
SEVEN_DAYS = timedelta(days=7)
GRADES = ("general", "major", "crisis")
BY_THE_CLOCK = (
    "chase_response",
    "chase_promise",
    "chase_resolution",
)  # the customer waits in vain: told again
MACHINE = "audit"
IN_HOURS = ("callback_due", "callback_overdue")  # told to who calls, on the days customers are called


class Shop:
    """What a shop file says: when the desk is there, and within how many hours of that what is owed."""

    def __init__(self, name: str) -> None:
        told = tomllib.loads((SHOP_FILES / f"{name}.toml").read_text(encoding="utf-8"))
        complaints = told["complaints"]
        [hours] = told["desks"][complaints["desk"]]["daily"]
        self.opens, self.closes = (time.fromisoformat(clock) for clock in hours.split("-"))
        self.working_days = complaints["callback"]["days"] == "cn_working_days"
        self.digest_from = complaints["digest_from"]
        self.spans = {
            (what, owed): _span(complaints[what][owed])
            for what in ("consultation", "query", *GRADES)
            for owed in ("first_response", "resolution")
            if owed in complaints[what]
        }

    def is_there(self, at: datetime) -> bool:
        return self.opens <= at.astimezone(ZONE).time() < self.closes

    def calls_on(self, day: date) -> bool:
        return not self.working_days or chinese_calendar.is_workday(day)

    def due(self, start: datetime, span: timedelta, pauses: list) -> datetime | None:
        """When the desk has been there for so long, the pauses left out; None: it is never counted to its end."""
        for begins, ends in self._counted(start, pauses):
            if span <= ends - begins:
                return begins + span
            span -= ends - begins
        return None

    def _counted(self, start: datetime, pauses: list) -> Iterator[tuple[datetime, datetime]]:
        """The pieces of opening hours from `start` on that no pause covers."""
        day = start.astimezone(ZONE).date()
        for n in range(400):
            opens, closes = (datetime.combine(day + n * A_DAY, t, ZONE) for t in (self.opens, self.closes))
            at = max(opens, start)
            for pause_start, pause_end in sorted(pauses):
                if at < min(pause_start, closes):
                    yield at, min(pause_start, closes)
                if pause_end is None:
                    closes = min(closes, pause_start)
                    break
                at = max(at, pause_end)
            if at < closes:
                yield at, closes
            if pauses and pauses[-1][1] is None and pauses[-1][0] <= closes:
                return


def _span(text: str) -> timedelta:
    number, unit = text.split()
    return float(number) * {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": A_DAY}[unit]


def check(engine: Engine, life: Life, number: int) -> Checks:
    """Every promise about these complaints, over all rows, with its numbers."""
    checks, rows = Checks(), Rows(engine)
    _asked(checks, life, rows, number)
    _callbacks(checks, life, rows)
    _ladders(checks, rows)
    _duty_hours(checks, life, rows)
    _deadlines(checks, rows)
    _ends(checks, life, rows)
    _digests(checks, life, rows)
    return checks


class Rows:
    """All that is stored of complaints."""

    def __init__(self, engine: Engine) -> None:
        self.shops = {name: Shop(name) for name in ("bag-studio", "urumqi-kitchen")}
        with engine.connect() as connection:

            def read(model: Any) -> list:
                table = model.__table__
                wanted = select(table)
                kind = table.c.get("case_kind")
                wanted = wanted if kind is None else wanted.where(kind == "complaint")
                return list(connection.execute(wanted).all())

            self.cases = {case.id: case for case in read(Complaint)}
            self.owed, self.timers = read(OutboxMessage), read(Timer)
            self.rounds: dict[int, list] = defaultdict(list)
            for round_ in sorted(read(ComplaintRound), key=lambda r: (r.complaint_id, r.number)):
                self.rounds[round_.complaint_id].append(round_)
            self.history: dict[int, list] = defaultdict(list)
            for change in sorted(read(StateChange), key=lambda c: (c.case_id, c.number)):
                self.history[change.case_id].append(change)
        self.grades = {id_: self._grades(id_) for id_ in self.cases}

    def _grades(self, case_id: int) -> dict[int, str | None]:
        """The grade after each change, by its number: as the customer was told of it, and as people changed it."""
        received = {}
        for row in self.owed:
            if row.case_id == case_id and row.what.startswith("complaint_received_"):
                received[int(row.key.split("/")[4].removeprefix("v"))] = row.what.rpartition("_")[2]
        grade, grades = None, {}
        for change in self.history[case_id]:
            if change.trigger == "regrade":
                grade = change.facts["grade"]
            grade = received.get(change.number, grade)
            grades[change.number] = grade
        return grades

    def by_round(self, case_id: int) -> list[list]:
        """The changes, round by round."""
        parts: list[list] = []
        for change in self.history[case_id]:
            if change.trigger in BEGINS_A_ROUND:
                parts.append([])
            parts[-1].append(change)
        return parts


def _asked(checks: Checks, life: Life, rows: Rows, number: int) -> None:
    told = Counter()
    for (trigger, status, code), times in life.outcomes.items():
        told[f"{trigger}: {status} {code}".rstrip()] += times
    for what, times in sorted(told.items()):
        checks.say(f"asked or told: {what}", times)
    for trigger, times in life.triggers.most_common():
        checks.say(f"by the clock: {trigger}", times)
    checks.say("moments lived through", life.moments)
    checks.equal("asked or told, and could not be worked on", len(life.failed), 0)
    checks.equal("runs that ended red", len(life.red), 0)
    joined = life.outcomes["register", "refused", "already_open"]
    checks.equal("registered, those joined to an open one left out", len(rows.cases) + joined, number)
    checks.say("… joined to an open one", joined)


def _callbacks(checks: Checks, life: Life, rows: Rows) -> None:
    """Rule 100: each resolved round was called back within the seven days, or asked in writing by their end."""
    found, late = Counter(), []
    left = {
        (row.case_id, row.owed_at): at
        for row in rows.owed
        if row.what == "survey"
        for at in life.left[row.key]
    }
    for case in rows.cases.values():
        rounds = rows.rounds[case.id]
        for round_, later in zip(rounds, [*rounds[1:], None], strict=True):
            if round_.resolved_at is None:
                continue
            until = round_.resolved_at + SEVEN_DAYS
            left_at = left.get((case.id, round_.surveyed_at))
            spoke = [
                _at(call["at"])
                for call in round_.calls
                if call["outcome"] in ("satisfied", "problem", "refused")
            ]
            if spoke and spoke[0] <= until:
                found["called back"] += 1
            elif left_at is not None and left_at <= until + life.every:
                found["asked in writing"] += 1
            elif left_at in life.after_stops and any(start <= until < end for start, end in STOPS):
                found["asked in writing at once after a stop"] += 1
            elif round_.surveyed_at and spoke and spoke[0] <= until + life.every:
                found["called back just before the survey left"] += 1  # so that nobody needed it any more
            elif later is not None and later.why == "reopened" and later.began_at <= until:
                found["taken up again by the customer first"] += 1
            elif later is not None and later.why == "survey" and later.began_at <= until:
                found["answered in writing first"] += 1
            else:
                late.append((case.no, round_.number))
    checks.say("rounds", sum(map(len, rows.rounds.values())))
    checks.say("… resolved", sum(found.values()) + len(late))
    for how, times in found.most_common():
        checks.say(f"… {how}", times)
    checks.equal(f"… neither in seven days {late[:3]}", len(late), 0)
    surveyed = sum(r.surveyed_at is not None for mine in rows.rounds.values() for r in mine)
    nominal = sum(
        r.surveyed_at > r.resolved_at + SEVEN_DAYS
        for mine in rows.rounds.values()
        for r in mine
        if r.surveyed_at
    )
    checks.say("surveys", surveyed)
    checks.equal("… that fell due after the seven days", nominal, 0)


def _ladders(checks: Checks, rows: Rows) -> None:
    """Rules 98, 99: each level once a round, and none after an acknowledgement until something new happened."""
    notices = {(row.case_id, row.key.split("/")[4]): row for row in rows.owed if row.what in _LADDER}
    twice, after, levels, unlike = [], [], Counter(), 0
    for case in rows.cases.values():
        for round_, part in zip(rows.rounds[case.id], rows.by_round(case.id), strict=True):
            acknowledged, told = False, []
            for change in part:
                if change.trigger == "acknowledge":
                    acknowledged = True
                elif _takes_up_again(rows, case.id, change):
                    acknowledged = False
                elif change.trigger == "climb":
                    notice = notices[case.id, str(change.facts["round"])]
                    told.append((notice.payload["level"], notice.recipient))
                    after += [(case.no, change.number)] if acknowledged else []
                    levels[len(told)] += 1
            twice += [(case.no, round_.number)] if len(set(told)) < len(told) else []
            unlike += told != [(notice["level"], notice["who"]) for notice in round_.told]
    checks.equal("levels told twice in a round", twice, [])
    checks.equal("levels told after an acknowledgement", after, [])
    checks.equal("rounds whose ledger says otherwise than the notices", unlike, 0)
    checks.equal("notices of the ladder, as many as were told", len(notices), sum(levels.values()))
    checks.say("told first, second, third, fourth", [levels[n] for n in range(1, 5)])


_LADDER = {f"complaint_{grade}" for grade in GRADES}


def _takes_up_again(rows: Rows, case_id: int, change: Any) -> bool:
    if change.trigger == "regrade":
        before, now = (rows.grades[case_id][n] for n in (change.number - 1, change.number))
        return GRADES.index(now) > GRADES.index(before)
    by_a_person = change.trigger in ("escalate", "give_up") and change.by != MACHINE
    return by_a_person or change.trigger in BY_THE_CLOCK


def _duty_hours(checks: Checks, life: Life, rows: Rows) -> None:
    """Rule 98: colleagues are told while they are there, but of a crisis at once."""
    outside, grave, staff = [], 0, 0
    for row, at in ((owed, at) for owed in rows.owed for at in life.left[owed.key]):
        if row.channel != "staff":
            continue
        staff += 1
        shop = rows.shops[row.shop]
        crisis = row.what != "digest" and rows.grades[row.case_id][_number(rows, row)] == "crisis"
        told_in_time = shop.is_there(at) and (
            row.what not in IN_HOURS or shop.calls_on(at.astimezone(ZONE).date())
        )
        if row.what == "digest":
            crisis = any(
                rows.grades[told.case_id][_number(rows, told)] == "crisis"
                or rows.cases[told.case_id].grade == "crisis"
                for told in rows.owed
                if told.digest_id == row.id
            )
        grave += crisis and not told_in_time
        outside += [(row.what, str(at.astimezone(ZONE)))] if not (told_in_time or crisis) else []
    checks.say("messages to colleagues", staff)
    checks.say("… of a crisis, outside the duty hours", grave)
    checks.equal(f"… others outside the duty hours {outside[:3]}", len(outside), 0)


def _number(rows: Rows, row: Any) -> int:
    """Of the change that brought this message: its key names the version, or the timer that asked for it."""
    trigger, told = row.key.split("/")[3:5]
    if told.startswith("v"):
        return int(told[1:])
    mine = (
        c for c in rows.history[row.case_id] if c.trigger == trigger and str(c.facts.get("round")) == told
    )
    return next(mine).number


def _deadlines(checks: Checks, rows: Rows) -> None:
    """Rules 97, 112-119: counted while the desk is there, and never while we wait for the customer."""
    wrong, counted, paused = [], 0, 0
    for case in rows.cases.values():
        shop, intake = rows.shops[case.shop], None
        for round_, part in zip(rows.rounds[case.id], rows.by_round(case.id), strict=True):
            grade = rows.grades[case.id][part[-1].number]
            intake = grade or case.intake if case.intake != "complaint" else grade
            pauses = [tuple(_at(pause[end]) for end in ("start", "end")) for pause in round_.pauses]
            paused += bool(pauses)
            if intake is None:
                continue  # a question that became a complaint later: which kind it was is no longer stored
            for owed, found in (("first_response", round_.respond_by), ("resolution", round_.resolve_by)):
                span = shop.spans.get((intake, owed))
                counted += span is not None
                if found != (span and shop.due(round_.began_at, span, pauses)):
                    wrong.append((case.no, round_.number, owed))
    checks.say("deadlines counted anew", counted)
    checks.say("… rounds in which we waited for the customer", paused)
    checks.equal(f"… that differ {wrong[:3]}", len(wrong), 0)


def _at(text: str | None) -> datetime | None:
    return text and datetime.fromisoformat(text)


def _ends(checks: Checks, life: Life, rows: Rows) -> None:
    states = Counter(case.state for case in rows.cases.values())
    checks.equal("states: " + ", ".join(f"{s} {n}" for s, n in states.most_common()),
                 set(states) <= {"closed", "answered"}, True)  # fmt: skip
    closed = [case for case in rows.cases.values() if case.state == "closed"]
    outcomes = Counter(rows.rounds[case.id][-1].outcome for case in closed)
    checks.equal(f"closed without an outcome ({dict(outcomes.most_common())})", outcomes[None], 0)
    silent = sum(
        rows.rounds[c.id][-1].outcome == "unanswered" and not rows.rounds[c.id][-1].surveyed_at
        for c in closed
    )
    checks.equal("closed in silence", silent, 0)
    checks.equal(
        "answered complaints",
        sum(c.intake == "complaint" for c in rows.cases.values() if c.state == "answered"),
        0,
    )
    rounds = Counter(len(mine) for mine in rows.rounds.values())
    checks.say("complaints with 1, 2, 3 … rounds", [rounds[n] for n in range(1, max(rounds) + 1)])
    waiting = [t for t in rows.timers if t.done_at is None and t.cancelled_at is None]
    checks.equal("timers waiting", len(waiting), 0)
    checks.equal("messages left more than once", sum(len(at) > 1 for at in life.left.values()), 0)
    unsent = [m for m in rows.owed if not (m.sent_at or m.lapsed_at or m.digest_id)]
    checks.equal("messages waiting", len(unsent), 0)
    keys = Counter(row.key for row in rows.owed)
    checks.equal("messages, each key once", (len(keys), max(keys.values())), (len(rows.owed), 1))
    history = [[c.number for c in mine] == list(range(1, len(mine) + 1)) for mine in rows.history.values()]
    checks.equal("histories numbered without gap", all(history), True)


def _digests(checks: Checks, life: Life, rows: Rows) -> None:
    """No flood: whoever would get many at once gets one (after a stop, and else)."""
    of: dict[int, list] = defaultdict(list)
    for row in rows.owed:
        if row.digest_id is not None:
            of[row.digest_id].append(row)
    digests = [row for row in rows.owed if row.what == "digest"]
    checks.equal("digests, each of enough notices to one colleague", [
        d.key for d in digests if d.payload["count"] < rows.shops[d.shop].digest_from  # of rectifications, too
        or {(row.shop, row.recipient) for row in of[d.id]} != {(d.shop, d.recipient)}
    ], [])  # fmt: skip
    checks.say("… how many, of how many notices", (len(digests), sum(map(len, of.values()))))
    checks.equal(
        "notices in a digest and sent by themselves",
        sum(bool(life.left[r.key]) for m in of.values() for r in m),
        0,
    )
    for moment in life.after_stops:
        mine = [d for d in digests if d.owed_at == moment]
        by_themselves = (
            r for r in rows.owed if r.channel == "staff" and r.recipient and moment in life.left[r.key]
        )
        alone = Counter((row.shop, row.recipient) for row in by_themselves if row.what != "digest")
        told = Counter((d.shop, d.recipient) for d in mine)
        most = max(alone.values(), default=0)
        checks.say(f"after the stop until {moment:%m-%d %H:%M}: digests, notices in them, sent alone",
                   (len(mine), sum(len(of[d.id]) for d in mine), sum(alone.values())))  # fmt: skip
        checks.equal("… digests to one colleague at most", max(told.values(), default=0) <= 1, True)
        checks.equal("… notices alone to one colleague, fewer than make a digest",
                     most < min(shop.digest_from for shop in rows.shops.values()), True)  # fmt: skip
