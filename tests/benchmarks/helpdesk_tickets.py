"""The tickets of a real help desk, and what each of their entries asks of a complaint (Show 1 of the complaints).

| entry | what we take it for |
|---|---|
| the first of a ticket, whichever it is | `register`, then what else it means |
| Assign seriousness | `regrade` to its grade (SERIOUSNESS: the values are masked, the rarer is read as graver); |
| | where that is the grade already, `assign` to whoever looked |
| Take in charge ticket | `resume` if we waited, `acknowledge`, `assign` if it was somebody else's, `respond` (it |
| | tells the customer who works on it) |
| Wait | `wait` |
| Require upgrade, Create SW anomaly | `bring_in` the technical or the quality department (rules 98, 120) |
| Schedule intervention | `promise_call` |
| Resolve ticket | `resolve` |
| any of these after Resolve or Closed | first the customer's word that opens the next round (rule 101) |
| Closed within the seven days | `call`, satisfied: the only trace of the customer there can be |
| Closed later | nothing: the tool closes by itself 15 to 60 days after Resolve, and our survey is over by then |
| Insert ticket | only the beginning |
| Resolve SW anomaly, RESOLVED, VERIFIED, INVALID, DUPLICATE | no counterpart: the word of a department, or of its |
| | tracker |

Every Closed has a Resolve before it. The times are UTC: work begins at 08:00 in winter and at 07:00 in summer.
The same entry twice within a minute is one entry told twice. Nobody ever called these customers, so the calls are
invented, by the ticket's number: a third is never called, a third is reached and content, a third never reached.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

SHOP = "help-desk"
SERIOUSNESS = {"Value 1": "general", "Value 2": "general", "Value 4": "major", "Value 3": "crisis"}
NO_COUNTERPART = {"Resolve SW anomaly", "RESOLVED", "VERIFIED", "INVALID", "DUPLICATE"}
DEPARTMENTS = {"Require upgrade": "技术部", "Create SW anomaly": "质量技术部"}
ONE_ENTRY = timedelta(minutes=1)
CALLABLE = timedelta(days=7)
TAKEN_UP = "taken up again"


class Entry(NamedTuple):
    """One row of the file."""

    activity: str
    at: datetime
    by: str
    seriousness: str
    product: str


class Act(NamedTuple):
    """What is told or asked of a complaint at this moment."""

    at: datetime
    trigger: str
    by: str
    facts: dict[str, str]


@dataclass
class Ticket:
    """One ticket, and what we ask of its complaint."""

    no: str
    entries: list[Entry]
    told_twice: int = 0
    unmapped: list[str] = field(default_factory=list)

    @property
    def caller(self) -> int:
        """0: nobody calls; 1: the customer is reached and content; 2: is never reached."""
        return int(self.no) % 3

    @cached_property
    def acts(self) -> list[Act]:
        """Everything that is asked of it, oldest first."""
        return list(_Reading(self).acts())


class _Reading:
    """Reads one ticket from the first entry to the last."""

    def __init__(self, ticket: Ticket) -> None:
        self._ticket, self._grade = ticket, "general"
        self._by: str | None = None  # who has it in charge
        self._waits = False
        self._resolved_at: datetime | None = None

    def acts(self) -> Iterator[Act]:
        last: Entry | None = None
        for number, entry in enumerate(self._ticket.entries):
            if last and last.activity == entry.activity and entry.at - last.at < ONE_ENTRY:
                self._ticket.told_twice += 1
                continue
            last = entry
            if not number:
                yield self._act(entry, "register")
            yield from self._mean(entry)

    def _mean(self, entry: Entry) -> Iterator[Act]:
        if entry.activity in NO_COUNTERPART:
            self._ticket.unmapped.append(entry.activity)
            return
        if entry.activity == "Closed":
            yield from self._closed(entry)
            return
        if self._resolved_at:
            self._resolved_at, self._waits = None, False
            yield self._act(entry, TAKEN_UP)
        match entry.activity:
            case "Assign seriousness":
                yield self._seriousness(entry)
            case "Take in charge ticket":
                yield from self._taken_in_charge(entry)
            case "Wait":
                self._waits = True
                yield self._act(entry, "wait", text="等客户")
            case "Require upgrade" | "Create SW anomaly":
                yield self._act(entry, "bring_in", department=DEPARTMENTS[entry.activity])
            case "Schedule intervention":
                yield self._act(entry, "promise_call")
            case "Resolve ticket":
                self._resolved_at, self._waits = entry.at, False
                yield self._act(entry, "resolve", remedy="repair", text="已解决")

    def _seriousness(self, entry: Entry) -> Act:
        grade = SERIOUSNESS[entry.seriousness]
        if grade == self._grade:
            return self._assigned(entry)
        self._grade = grade
        return self._act(entry, "regrade", grade=grade)

    def _taken_in_charge(self, entry: Entry) -> Iterator[Act]:
        if self._waits:
            self._waits = False
            yield self._act(entry, "resume")
        yield self._act(entry, "acknowledge")
        if self._by not in (None, entry.by):
            yield self._assigned(entry)
        self._by = entry.by
        yield self._act(entry, "respond")

    def _assigned(self, entry: Entry) -> Act:
        return self._act(entry, "assign", handler=entry.by)

    def _closed(self, entry: Entry) -> Iterator[Act]:
        if entry.at <= self._resolved_at + CALLABLE:
            yield self._act(entry, "call", outcome="satisfied")

    def _act(self, entry: Entry, trigger: str, **facts: str) -> Act:
        return Act(entry.at, trigger, entry.by, facts)


def read(file: Path) -> list[Ticket]:
    """Every ticket of the file, its entries as the file has them: each ticket's are sorted by time."""
    tickets: dict[str, Ticket] = {}
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            no = row["case:concept:name"].removeprefix("Case ")
            entry = Entry(
                row["concept:name"],
                datetime.fromisoformat(row["time:timestamp"]),
                row["org:resource"],
                row["seriousness_2"],
                row["product"],
            )
            tickets.setdefault(no, Ticket(no, [])).entries.append(entry)
    return list(tickets.values())
