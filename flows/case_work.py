"""One case while it is being advanced: its light view, and the rows that its changes bring with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from flows.requests import Advanced, Outcome, Request, Status
from states import follow_ups as f
from states.errors import Refused
from states.lifecycle import Asked, Change, Lifecycle
from states.order_guards import TIMER
from states.order_reasons import contradicts
from states.reasons import Reason
from states.return_guards import elsewhere_fen
from states.return_records import told_of

UNCOMPARED = {"assumed", "told", "round", "case", "scan"}  # of a fact told again: not part of what it says
KEY = 500  # characters of a key: an index holds no more
TWO_CLOCKS = timedelta(hours=1)  # a courier's scan, and the platform's note of the same thing


@dataclass
class CaseWork:
    """Decides request after request on one view; nothing is written until all of the batch is decided."""

    lifecycle: Lifecycle
    view: Any
    report: Advanced
    old_version: int = 0
    changes: list[dict] = field(default_factory=list)
    timers: list[SimpleNamespace] = field(default_factory=list)  # set or touched by this work
    owed: list[tuple[f.Owe, str, datetime]] = field(default_factory=list)
    holds: list[SimpleNamespace] = field(default_factory=list)
    notes: list[dict] = field(default_factory=list)
    settled: list[tuple[tuple[str, ...], datetime, str]] = field(default_factory=list)
    batches: list[datetime] = field(default_factory=list)
    opted_out_at: datetime | None = None
    tells: list[Request] = field(default_factory=list)  # what other cases hear of it
    refunds: list[SimpleNamespace] = field(default_factory=list)  # asked for or settled by this work
    refusals: list[Reason] = field(default_factory=list)  # what the rules said no to when a timer asked

    # -- what is asked -------------------------------------------------------------------------------

    def answer(self, request: Request) -> Outcome:
        """Tell a fact or ask for a decision, after whatever fell due before it (promise 3)."""
        if request.key is not None and request.key in self.view.known:
            return self._told_before(request)
        if request.trigger not in self.lifecycle.urgent:
            self.catch_up(request.at, inclusive=False)
        waiting = self._waiting_timer(request.trigger)
        asked = Asked(
            request.trigger,
            request.at,
            request.by,
            request.facts,
            round=waiting.round if waiting else None,
            details=request.details,
        )
        try:
            return Outcome(request, Status.CHANGED, self.view.no, self._decide(asked, request.key, waiting))
        except Refused as no:
            return Outcome(request, Status.REFUSED, self.view.no, reasons=no.reasons)

    def catch_up(self, horizon: datetime, *, inclusive: bool = True) -> list[Change]:
        """Do what has fallen due by the horizon, each at its own time, so that the outcome is the same
        however late we come to it."""
        changes: list[Change] = []
        while timer := self._next_due(horizon, inclusive, when_reached=False):
            changes += self._try(timer, timer.due_at)
        return changes

    def run_due(self, now: datetime) -> list[Change]:
        """The same, and then whoever has to be told something now."""
        changes = self.catch_up(now)
        while timer := self._next_due(now, True, when_reached=True):
            changes += self._try(timer, now)
            changes += self.catch_up(now)
        return changes

    # -- deciding ------------------------------------------------------------------------------------

    def _decide(self, asked: Asked, key: str | None, waiting: SimpleNamespace | None) -> list[Change]:
        change, rows = self.lifecycle.decide(self.view, asked)
        view = self.view
        view.version += 1
        view.changed_at = change.at
        facts = plain({**change.facts, **({"round": asked.round} if asked.round is not None else {})})
        self.changes.append(
            {
                "number": view.version,
                "trigger": change.trigger,
                "source": change.source,
                "dest": change.dest,
                "at": change.at,
                "by": change.by,
                "key": key,
                "facts": facts,
            }
        )
        if key is not None:
            view.known[key] = (change.at, facts)
        self.report.triggers[change.trigger] += 1
        if waiting is not None and change.expected:
            waiting.done_at, waiting.refused = change.at, None
            waiting.retry_at = waiting.error = None
            self._touch(waiting)
        self._cancel_outlived(change.at)
        return [change, *self._follow(rows, asked)]

    def _follow(self, rows: list[f.FollowUp], asked: Asked) -> list[Change]:
        further: list[Change] = []
        for row in rows:
            match row:
                case f.SetTimer():
                    self._set_timer(row, asked.at)
                case f.CancelTimer():
                    self._cancel_waiting(row.kind, asked.at)
                case f.Owe():
                    round_ = asked.round if asked.round is not None else f"v{self.view.version}"
                    to = f"/{row.to}" if row.to else ""
                    self.owed.append((row, f"{asked.trigger}/{round_}/{row.what}{to}", asked.at))
                case f.PlaceHold():
                    self._place_hold(row, asked)
                case f.LiftHold():
                    self._lift_hold(row, asked)
                case f.Note():
                    self._note(row, asked)
                case f.Settle():
                    self.settled.append((row.codes, asked.at, asked.by))
                case f.JoinBatch():
                    self.batches.append(row.cutoff_at)
                case f.OptOut():
                    self.opted_out_at = asked.at
                case f.Tell():
                    self._tell(row, asked)
                case f.PayBack():
                    self._pay_back(row, asked)
                case f.SettleRefund():
                    self._settle_refund(row, asked)
                case f.Ask():
                    further += self._ask(row, asked.at)
        return further

    def _ask(self, row: f.Ask, at: datetime) -> list[Change]:
        asked = Asked(row.trigger, at, row.by)
        try:
            return self._decide(asked, None, self._waiting_timer(row.trigger))
        except Refused as no:
            return self._follow(self.lifecycle.when_refused(self.view, asked, no.reasons), asked)

    def _told_before(self, request: Request) -> Outcome:
        """The same fact again is no news; the same fact told differently is something to look at."""
        differing = differences(request, *self.view.known[request.key])
        for name, (known, told) in differing.items():
            reason = contradicts(f"{request.trigger}.{name}", str(known), str(told))
            self._note(f.Note(reason, f"{request.key}.{name}={told}"[:KEY]), request)
        return Outcome(request, Status.CONTRADICTED if differing else Status.KNOWN, self.view.no)

    # -- timers --------------------------------------------------------------------------------------

    def _next_due(self, horizon: datetime, inclusive: bool, *, when_reached: bool) -> SimpleNamespace | None:
        due = [
            t
            for t in self.view.timers
            if t.done_at is None
            and t.cancelled_at is None
            and self.lifecycle.timers[t.kind].when_reached is when_reached
            and (t.due_at <= horizon if inclusive else t.due_at < horizon)
        ]
        return min(due, key=lambda t: (t.due_at, t.kind), default=None)

    def _try(self, timer: SimpleNamespace, at: datetime) -> list[Change]:
        self.report.claimed += 1
        self._touch(timer)
        asked = Asked(self.lifecycle.timers[timer.kind].trigger, at, TIMER, round=timer.round)
        try:
            changes = self._decide(asked, None, timer)
            self.report.done += 1
            return changes
        except Refused as no:
            self.report.refused += 1
            self.refusals.extend(no.reasons)
            timer.refused = no.reasons[0].code
            rows = self.lifecycle.when_refused(self.view, asked, no.reasons)
            move = next((r for r in rows if isinstance(r, f.MoveTimer)), None)
            if move is None:
                timer.done_at = asked.at
            elif move.due_at > asked.at:
                timer.due_at, timer.unknown_on = move.due_at, move.unknown_on
            else:  # it would be tried for ever
                raise ValueError(
                    f"timer {timer.kind} was put off to {move.due_at}, which is no later"
                ) from None
            return self._follow(rows, asked)

    def _waiting_timer(self, trigger: str) -> SimpleNamespace | None:
        """A thing done by hand is the thing its timer waits for."""
        return min(self._waiting(self.lifecycle.timer_of.get(trigger)), key=lambda t: t.round, default=None)

    def _set_timer(self, row: f.SetTimer, at: datetime) -> None:
        rounds = [t.round for t in self.view.timers if t.kind == row.kind]
        number = row.round if row.round is not None else max(rounds, default=0) + 1
        if number in rounds:
            return
        if row.round is None:
            if same := next((t for t in self._waiting(row.kind) if t.due_at == row.due_at), None):
                if same.unknown_on != row.unknown_on:
                    same.unknown_on = row.unknown_on
                    self._touch(same)
                return  # that very promise stands already
            self._cancel_waiting(row.kind, at)  # a new one takes its place: nobody is chased twice
        timer = SimpleNamespace(
            id=None,
            kind=str(row.kind),
            round=number,
            due_at=row.due_at,
            unknown_on=row.unknown_on,
            done_at=None,
            cancelled_at=None,
            refused=None,
            attempts=0,
            retry_at=None,
            error=None,
        )
        self.view.timers.append(timer)
        self._touch(timer)

    def _waiting(self, kind: str) -> list[SimpleNamespace]:
        return [
            t for t in self.view.timers if t.kind == kind and t.done_at is None and t.cancelled_at is None
        ]

    def _cancel_waiting(self, kind: str, at: datetime) -> None:
        for timer in self._waiting(kind):
            timer.cancelled_at = at
            self._touch(timer)

    def _cancel_outlived(self, at: datetime) -> None:
        for timer in self.view.timers:
            waits = timer.done_at is None and timer.cancelled_at is None
            if waits and self.lifecycle.outlived(timer.kind, self.view.state):
                timer.cancelled_at = at
                self._touch(timer)

    def _touch(self, timer: SimpleNamespace) -> None:
        if not any(t is timer for t in self.timers):
            self.timers.append(timer)

    # -- holds and anomalies -------------------------------------------------------------------------

    def _place_hold(self, row: f.PlaceHold, asked: Asked) -> None:
        hold = SimpleNamespace(
            id=None,
            reason=row.reason,
            by=asked.by,
            since=asked.at,
            until=row.until,
            released_at=None,
            released_by=None,
        )
        self.view.holds.append(hold)
        self.holds.append(hold)

    def _lift_hold(self, row: f.LiftHold, asked: Asked) -> None:
        for hold in self.view.holds:
            if hold.reason == row.reason and hold.released_at is None:
                hold.released_at, hold.released_by = asked.at, asked.by
                if not any(h is hold for h in self.holds):
                    self.holds.append(hold)

    # -- money, and what the order hears -----------------------------------------------------------------

    def _tell(self, row: f.Tell, asked: Asked) -> None:
        view = self.view
        by = f"{self.lifecycle.name} {view.no}"
        no = row.no or view.order.no
        self.tells.append(Request(view.shop, no, row.trigger, asked.at, by, row.facts, row.key, row.details))

    def _pay_back(self, row: f.PayBack, asked: Asked) -> None:
        """The intent, stored before anybody is asked to pay (promise 7)."""
        view, number = self.view, len(self.view.refunds) + 1
        refund = SimpleNamespace(
            id=None,
            key=f"{view.shop}/{self.lifecycle.name}/{view.no}/refund/{number}",
            round=number,
            fen=row.fen,
            elsewhere_fen=elsewhere_fen(view.order),
            state="requested",
            requested_at=asked.at,
            settled_at=None,
            frees=False,
            refund_ref=None,
            error=None,
        )
        view.refunds.append(refund)
        self.refunds.append(refund)

    def _settle_refund(self, row: f.SettleRefund, asked: Asked) -> None:
        if refund := told_of(self.view, row.paid):
            refund.frees |= refund.settled_at is None
            refund.state = "succeeded" if row.paid else "failed"
            refund.settled_at, refund.refund_ref, refund.error = asked.at, row.refund_ref, row.error
            if not any(r is refund for r in self.refunds):
                self.refunds.append(refund)

    def _note(self, note: f.Note, asked: Asked | Request) -> None:
        reason: Reason = note.reason
        self.notes.append(
            {
                "code": reason.code,
                "key": note.key,
                "trigger": asked.trigger,
                "at": asked.at,
                "rule": reason.rule,
                "zh": reason.zh,
                "en": reason.en,
                "facts": plain(asked.facts),
            }
        )


def differences(request: Request, known_at: datetime, known: dict) -> dict[str, tuple[Any, Any]]:
    """What a fact told again says otherwise, by name: as known, as told. A time that was assumed
    says nothing, nor do two clocks where we did it ourselves, nor for a while those of a courier and a platform."""
    told = plain(request.facts)
    names = sorted({*told, *known} - UNCOMPARED)
    differing = {n: (known.get(n), told.get(n)) for n in names if known.get(n) != told.get(n)}
    says_nothing = any(said.get("assumed") or "case" in said for said in (told, known))
    scanned = "scan" in told or "scan" in known
    apart = abs(request.at - known_at)
    if apart > (TWO_CLOCKS if scanned else timedelta()) and not says_nothing:
        differing["at"] = (f"{known_at:%FT%TZ}", f"{request.at:%FT%TZ}")
    return differing


def plain(facts: Mapping[str, Any]) -> dict:
    """Facts as JSON holds them."""
    return {
        k: v.isoformat() if isinstance(v, (datetime, date)) else v for k, v in facts.items() if v is not None
    }
