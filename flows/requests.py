"""What can be asked of `advance`, and what it answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from states.lifecycle import Change
from states.reasons import Reason


@dataclass(frozen=True, slots=True)
class Request:
    """A fact told or a decision asked for, about one case.

    `key` names a fact that can be told once only; `details` are values for the row itself (receiver, lines …),
    kept apart from `facts` because history holds no personal data.
    """

    shop: str
    no: str
    trigger: str
    at: datetime
    by: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    details: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class DueWork:
    """Do everything of this case that has fallen due by `until`."""

    case_id: int
    until: datetime


class Status(StrEnum):
    """What became of a request."""

    CHANGED = "changed"
    KNOWN = "known"  # this fact had been told before
    CONTRADICTED = "contradicted"  # told before, but differently: noted as an anomaly
    REFUSED = "refused"
    UNKNOWN = "unknown"  # there is no such case
    FAILED = "failed"  # working on it went wrong; nothing of the case was kept


@dataclass(slots=True)
class Outcome:
    """The answer to one request."""

    request: Request | DueWork
    status: Status
    no: str = ""
    changes: list[Change] = field(default_factory=list)
    reasons: tuple[Reason, ...] = ()
    error: str = ""


@dataclass(slots=True)
class Advanced:
    """What one call of `advance` did."""

    outcomes: list[Outcome] = field(default_factory=list)
    claimed: int = 0  # timers tried
    done: int = 0
    refused: int = 0
    anomalies: int = 0
    triggers: Counter[str] = field(default_factory=Counter)
