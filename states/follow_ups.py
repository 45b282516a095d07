"""What a change brings with it. A decision returns these; `flows/advance.py` stores them as rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from states.reasons import Reason


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Look again at `due_at`. Without a round it is the next one of its kind. Provisional where it rests on a day of
    which nobody knows yet whether it is a working day; `unknown_on` is the first."""

    kind: str
    due_at: datetime
    round: int | None = None
    unknown_on: date | None = None


@dataclass(frozen=True, slots=True)
class MoveTimer:
    """The timer just tried was refused: try again at `due_at`; `unknown_on` as in SetTimer."""

    due_at: datetime
    unknown_on: date | None = None


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Nothing of this kind is waited for any more."""

    kind: str


@dataclass(frozen=True, slots=True)
class Owe:
    """A notice or a command for the outside world, one of a kind and recipient in a change.

    It stays true while the case is in one of the states `only_while` names; in all of them when empty. `to` is a
    colleague by name or role; it leaves `not_before` that one is on duty.
    """

    what: str
    channel: str
    payload: dict = field(default_factory=dict)
    only_while: tuple[str, ...] = ()
    to: str | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Do not ship, until somebody lifts it or `until` has come."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LiftHold:
    """This reason no longer stands in the way."""

    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something an operator should look at; the same (code, key) is noted once."""

    reason: Reason
    key: str = ""


@dataclass(frozen=True, slots=True)
class Settle:
    """The anomalies with these codes have been looked at; all of the case when empty."""

    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JoinBatch:
    """The dispatch batch of this cut-off has to exist."""

    cutoff_at: datetime


@dataclass(frozen=True, slots=True)
class OptOut:
    """The buyer wants no more reminders."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Decide this next, in the same transaction."""

    trigger: str
    by: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the order of this case, or another order by its number, in the same transaction."""

    trigger: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    no: str | None = None
    details: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PayBack:
    """So much money is to go back to the buyer; whoever pays it finds the intent stored."""

    fen: int


@dataclass(frozen=True, slots=True)
class SettleRefund:
    """The last refund of the case has been paid, or never will be."""

    paid: bool
    refund_ref: str | None = None
    error: str | None = None


FollowUp = (
    SetTimer
    | MoveTimer
    | CancelTimer
    | Owe
    | PlaceHold
    | LiftHold
    | Note
    | Settle
    | JoinBatch
    | OptOut
    | Ask
    | Tell
    | PayBack
    | SettleRefund
)
