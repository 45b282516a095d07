"""How a party misbehaves when it is told to: each fault with a probability, all of them from one seed."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from deployments.sandbox.answers import Told
from deployments.sandbox.store import Store
from flows import clock

PARTIES = ("platform", "payments", "carrier", "sms", "staff")
Probability = Annotated[float, Field(ge=0, le=1)]


class Faults(Told):
    """What a party does wrong, and how often (0 to 1).

    The same seed and the same requests meet the same faults, in whatever order they come: what a try meets
    follows from the seed, the request's key and which try of it this is.
    """

    seed: int = Field(0, ge=0, le=2**31)
    first_tries: int | None = Field(None, ge=1, le=1000, description="Later tries of a request go well.")
    latency_ms: int = Field(0, ge=0, le=60_000, description="Before every answer.")
    slow: Probability = Field(0, description="These take slow_ms on top.")
    slow_ms: int = Field(2_000, ge=0, le=120_000)
    per_second: float | None = Field(None, gt=0, le=100_000, description="More are answered 429.")
    too_many: Probability = Field(0, description="Answered 429 with Retry-After; nothing is done.")
    retry_after: int = Field(1, ge=0, le=3_600)
    error: Probability = Field(0, description="Answered 500; nothing is done.")
    unreachable: Probability = Field(0, description="The connection drops; nothing is done.")
    error_after: Probability = Field(0, description="Answered 500 although it is done.")
    lost_answer: Probability = Field(0, description="The connection drops although it is done.")
    garbage: Probability = Field(0, description="It is done, and the answer is no JSON.")
    pending: Probability = Field(0, description="Payments: a refund is pending first.")
    failed: Probability = Field(0, description="Payments: a refund fails for good.")
    push_twice: Probability = Field(0, description="An event is pushed twice.")
    push_late: Probability = Field(0, description="An event is overtaken by later ones.")
    push_late_ms: int = Field(2_000, ge=0, le=600_000)
    push_never: Probability = Field(0, description="An event is never pushed.")
    push_forged: Probability = Field(0, description="Before it, a copy with a wrong signature.")
    push_garbled: Probability = Field(0, description="Before it, a signed copy that is no JSON.")


BEFORE = ("too_many", "error", "unreachable")
AFTER = ("error_after", "lost_answer", "garbage")
PUSHES = ("push_twice", "push_late", "push_never", "push_forged", "push_garbled")


@dataclass(frozen=True, slots=True)
class Met:
    """What one try of a request meets."""

    wait_ms: int = 0
    before: str | None = None
    after: str | None = None
    becomes: str = "succeeded"
    retry_after: int = 1


@dataclass(slots=True)
class _Party:
    faults: Faults = field(default_factory=Faults)
    tries: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    tokens: float = 0
    filled_at: float = 0


class Misbehaviour:
    """The faults of all parties, kept with everything else."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parties = {party: _Party() for party in PARTIES}
        for party in PARTIES:
            told = store.get("faults", party)
            self._parties[party].faults = Faults(**told or {})

    def of(self, party: str) -> Faults:
        return self._parties[party].faults

    def set(self, party: str, faults: Faults) -> None:
        """From now on; tries are counted anew."""
        self._parties[party] = _Party(faults)
        self._store.put("faults", party, faults.model_dump())

    def forget(self) -> None:
        """All behave again."""
        self._parties = {party: _Party() for party in PARTIES}

    def met(self) -> dict[str, dict[str, int]]:
        """How often each fault struck since it was set."""
        return {party: dict(state.met) for party, state in self._parties.items() if state.met}

    def meet(self, party: str, request: str) -> Met:
        """What the next try of this request meets."""
        state = self._parties[party]
        faults = state.faults
        if faults.per_second and (wait := self._wait(state)):
            state.met["per_second"] += 1
            return Met(before="too_many", retry_after=math.ceil(wait))
        state.tries[request] += 1
        if faults.first_tries and state.tries[request] > faults.first_tries:
            return Met(wait_ms=faults.latency_ms)
        draw = random.Random(f"{faults.seed}/{party}/{request}/{state.tries[request]}")
        struck = [
            name
            for name in ("slow", *BEFORE, *AFTER, "pending", "failed")
            if self._strikes(draw, faults, name)
        ]
        before, after = (next((name for name in struck if name in group), None) for group in (BEFORE, AFTER))
        met = Met(
            wait_ms=faults.latency_ms + ("slow" in struck) * faults.slow_ms,
            before=before,
            after=None if before else after,
            becomes=next((name for name in ("failed", "pending") if name in struck), "succeeded"),
            retry_after=faults.retry_after,
        )
        state.met.update(filter(None, (met.before, met.after, *(["slow"] if "slow" in struck else []))))
        return met

    def push(self, party: str, event: int) -> set[str]:
        """What becomes of an event on its way to us."""
        state = self._parties[party]
        draw = random.Random(f"{state.faults.seed}/{party}/push/{event}")
        struck = {name for name in PUSHES if self._strikes(draw, state.faults, name)}
        state.met.update(struck)
        return struck

    @staticmethod
    def _strikes(draw: random.Random, faults: Faults, name: str) -> bool:
        return draw.random() < getattr(
            faults, name
        )  # drawn even where it never strikes: the others stay the same

    @staticmethod
    def _wait(state: _Party) -> float:
        """Takes one from the bucket; or the seconds until there is one. It holds what a second brings."""
        at, rate = clock.now().timestamp(), state.faults.per_second or 1
        full = max(1.0, rate)
        state.tokens = min(full, state.tokens + (at - state.filled_at) * rate) if state.filled_at else full
        state.filled_at = at
        if state.tokens < 1:
            return (1 - state.tokens) / rate
        state.tokens -= 1
        return 0
