"""One try to bring one message there, and what becomes of the message by it."""

from __future__ import annotations

import asyncio
import re
import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from flows.circuits import LONGEST, Circuit, grown
from flows.gateways import Gateway, Owed, short
from flows.masking import HIDDEN
from states.errors import GatewayRejected, GatewayUnavailable
from states.reasons import Reason

TRY_SECONDS = 12  # whatever the gateway's own bounds are
NOT_US = (401, 403, 405, 407)  # our token or address is wrong: that is no answer to this message
PUT_OFF = (30, 3600)  # seconds: after the first try, and at most
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")


class Ending(StrEnum):
    """How a try ended."""

    SENT = "sent"
    LAPSED = "lapsed"  # not tried: it is no longer true
    POSTPONED = "postponed"  # later again, with the same key
    DEAD = "dead"  # a person looks
    PUT_BACK = "put back"  # not tried: its destination is down
    WAITING = "waiting"  # not tried: nobody takes it
    HELD = "held"  # not tried: who is told is off duty


@dataclass(frozen=True, slots=True)
class Try:
    """A claimed row, and what came of it; `unknown`: it may have been done although we don't know."""

    row: Any
    no: str
    ending: Ending
    destination: str
    answer: str | None = None
    ref: str | None = None
    unknown: bool = False
    retry_after: timedelta | None = None
    died_of: str | None = None
    why: Reason | None = None  # it lapsed for


async def tried(row: Any, owed: Owed, gateway: Gateway, circuit: Circuit) -> Try:
    """Ask the gateway. Whatever goes wrong is this message's own, and the others go on (promise 8)."""

    def ended(ending: Ending, **told: Any) -> Try:
        if ending is Ending.POSTPONED and row.attempts >= gateway.limits.tries:
            ending, told["died_of"] = (
                Ending.DEAD,
                f"{row.attempts} 次未果 / given up after {row.attempts} tries",
            )
        return Try(row, owed.case_no, ending, gateway.name, **told)

    try:
        async with asyncio.timeout(TRY_SECONDS):
            ref = await gateway.deliver(owed)
    except GatewayUnavailable as error:
        answer = _nobodys(str(error), owed)
        circuit.failed(answer, error.retry_after)
        told = {"answer": answer, "unknown": error.unknown, "retry_after": error.retry_after}
        return ended(Ending.POSTPONED, **told)
    except GatewayRejected as error:
        answer = _nobodys(str(error), owed)
        if error.status in NOT_US:
            circuit.failed(answer, None)
            return ended(Ending.POSTPONED, answer=answer)
        circuit.heard()
        return ended(Ending.DEAD, answer=answer, died_of="对方拒绝 / they said no")
    except TimeoutError:
        answer = f"{gateway.name} gave no answer within {TRY_SECONDS} s"
        circuit.failed(answer, None)
        return ended(Ending.POSTPONED, answer=answer, unknown=True)
    except Exception as error:
        return ended(Ending.POSTPONED, answer=_where(error), unknown=True)
    circuit.heard()
    return ended(Ending.SENT, ref=short(ref) or None)


def became(done: Try, now: datetime) -> dict[str, Any]:
    """The row's new values."""
    row, later = done.row, done.retry_after
    missed = {"answer": done.answer, "misses": row.misses + (not done.unknown)}
    untried = {"attempts": row.attempts - 1, "answer": done.answer or row.answer}
    match done.ending:
        case Ending.SENT:
            return {"sent_at": now, "ref": done.ref, "answer": None, "retry_at": None}
        case Ending.LAPSED:
            return {**untried, "lapsed_at": now, "lapsed_why": f"{done.why.zh} / {done.why.en}"}
        case Ending.PUT_BACK | Ending.WAITING | Ending.HELD:
            return {**untried, "retry_at": later and now + min(later, LONGEST)}
        case Ending.POSTPONED:
            wait = max(later or timedelta(), grown(row.attempts, *PUT_OFF))
            return {**missed, "retry_at": now + min(wait, LONGEST)}
        case Ending.DEAD:
            return {**missed, "dead_at": now, "dead_why": done.died_of, "retry_at": None}


def _nobodys(answer: str, owed: Owed) -> str:
    """Their words, with nothing in them that we know of the person they are about (promise 9)."""
    to, told = owed.to, answer
    for known in sorted(
        filter(None, (to.handle, to.name, to.phone, to.email, owed.text)), key=len, reverse=True
    ):
        told = told.replace(known, HIDDEN)
    return short(EMAIL.sub(HIDDEN, told))


def _where(error: Exception) -> str:
    """A bug of ours: its kind and its place, for its text may quote the message."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"
