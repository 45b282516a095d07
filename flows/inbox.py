"""What the outside world tells us: stored first, as it was told, and worked on afterwards (`inbox_processing.py`)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, select, update

from flows.inbox_reasons import Case, note, told_again
from flows.signatures import BadSignature
from flows.sql import insert_new, one_row_of
from flows.strangers import LOST
from models import InboxFact, SeenNonce
from models.database import transaction
from states.reasons import Reason

INBOX, NONCES = InboxFact.__table__, SeenNonce.__table__
KEY = ("source", "shop", "fact_id", "digest")
WORD = re.compile(r"\S{1,64}")


@dataclass(frozen=True, slots=True)
class Told:
    """One thing somebody told us, before anybody has looked into it."""

    shop: str
    source: str
    kind: str
    fact_id: str
    raw: str = field(repr=False)
    case_no: str | None = None
    happened_at: datetime | None = None
    pushed: bool = True

    @property
    def digest(self) -> str:
        """The same for the same words."""
        return hashlib.blake2b(self.raw.encode(), digest_size=12).hexdigest()

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it itself, in the sequence of KEY."""
        return (self.source, self.shop, self.fact_id, self.digest)


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of a fact: new, changed or unchanged of an order; quarantined, postponed, failed."""

    outcome: str
    odd: list[tuple[Reason, Case | None]] = field(
        default_factory=list
    )  # to be noted, at the case where known
    anomalies: int = 0  # noted already
    retry_at: datetime | None = None  # postponed: what it waits for will be then; else ever more rarely
    error: str = ""


def word(told: Any) -> str | None:
    """A number or name of theirs that we can look for; None for what can't be one."""
    text = str(told) if isinstance(told, (str, int)) and not isinstance(told, bool) else ""
    return text if text.isprintable() and LOST not in text and WORD.fullmatch(text) else None


def store(connection: Connection, facts: Sequence[Told], *, received_at: datetime) -> int:
    """Put these into the inbox; say how many were new. What we had asked for and heard before is no event."""
    rows = [_row(told, received_at) for told in {told.key: told for told in facts}.values()]
    return insert_new(connection, INBOX, rows)


def take(engine: Engine, told: Told, *, received_at: datetime, nonce: str | None, window: timedelta) -> bool:
    """Store what was pushed to us, and say whether it was new; what is told again is counted, and noted once.

    Raises BadSignature when a message with this nonce was taken before: then nothing is stored.
    """
    with transaction(engine) as connection:
        if nonce is not None:
            _only_once(connection, told, nonce, received_at, window)
        new = store(connection, [told], received_at=received_at) > 0
        if not new:
            _count(connection, told, received_at)
    return new


def _only_once(
    connection: Connection, told: Told, nonce: str, received_at: datetime, window: timedelta
) -> None:
    """By then a time stamp that was ahead by the whole window is too old as well."""
    connection.execute(delete(NONCES).where(NONCES.c.seen_at < received_at - 2 * window))
    seen = {"source": told.source, "shop": told.shop, "nonce": nonce, "seen_at": received_at}
    if not insert_new(connection, NONCES, [seen]):
        raise BadSignature("this message was taken before", code="replayed")


def _count(connection: Connection, told: Told, received_at: datetime) -> None:
    same = one_row_of(connection, [INBOX.c[name] for name in KEY], [told.key])
    connection.execute(update(INBOX).where(same).values(repeated=INBOX.c.repeated + 1))
    row = connection.execute(select(INBOX).where(same)).one()
    note(connection, [(row, told_again())], recorded_at=received_at)


def _row(told: Told, received_at: datetime) -> dict:
    return {
        "shop": told.shop,
        "source": told.source,
        "kind": told.kind,
        "fact_id": told.fact_id,
        "digest": told.digest,
        "case_no": told.case_no,
        "happened_at": told.happened_at,
        "received_at": received_at,
        "pushed": told.pushed,
        "raw": told.raw,
        "repeated": 0,
        "attempts": 0,
    }
