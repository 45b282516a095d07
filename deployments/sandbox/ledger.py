"""The sandbox's own record of everything it was asked to do: what tests compare kefu's rows with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from deployments.sandbox.answers import No, as_json, iso
from deployments.sandbox.moments import Hands
from deployments.sandbox.store import Store

DONE, PENDING, REFUSED, NOT_NOW = "done", "pending", "refused", "not_now"
Work = Callable[[], tuple[int, dict[str, Any]]]  # does it; the status and what it answers


class Ledger:
    """One row for each thing a party did or refused, however often it was asked for under that key."""

    def __init__(self, store: Store, hands: Hands) -> None:
        self._store, self._hands = store, hands

    def once(
        self, party: str, what: str, key: str | None, subject: str, body: dict[str, Any], work: Work
    ) -> tuple[int, dict[str, Any]]:
        """Do it, unless it was done under this key: then answer as the first time. Raises No.

        Without a key each time is one of its own. A no for now (409) is no answer to keep: the next try counts.
        """
        asked = as_json({"what": what, "subject": subject, "body": body}).decode()
        with self._store.change():
            known = self._find(party, key)
            if known:
                self._store.run(
                    "UPDATE ledger SET asked = asked + 1, last_at = ? WHERE id = ?",
                    *(iso(self._hands.now()), known["id"]),
                )
                if known["body"] != asked:
                    no = No(422, "key_reused", "this key stands for something else that was asked before")
                    return no.status, no.as_dict()
                if known["outcome"] != NOT_NOW:
                    return known["status"], json.loads(known["answer"])
            outcome, code, status, answer = self._try(work)
            self._keep(
                known, party, what, key, subject, asked, outcome, code, status, as_json(answer).decode()
            )
            return status, answer

    def _try(self, work: Work) -> tuple[str, str | None, int, dict[str, Any]]:
        try:
            with self._store.change():
                status, answer = work()
        except No as no:
            return NOT_NOW if no.status == 409 else REFUSED, no.code, no.status, no.as_dict()
        return PENDING if status == 202 else DONE, None, status, answer

    def _find(self, party: str, key: str | None) -> dict[str, Any] | None:
        found = (
            self._store.rows("SELECT * FROM ledger WHERE party = ? AND key = ?", party, key) if key else []
        )
        return found[0] if found else None

    def _keep(self, known: dict[str, Any] | None, party: str, what: str, key: str | None, *told: Any) -> None:
        subject, body, outcome, code, status, answer = told
        if known:
            self._store.run(
                "UPDATE ledger SET outcome = ?, code = ?, status = ?, answer = ? WHERE id = ?",
                *(outcome, code, status, answer, known["id"]),
            )
            return
        at = iso(self._hands.now())
        self._store.run(
            "INSERT INTO ledger (party, what, key, subject, outcome, code, body, status, answer, asked, first_at,"
            " last_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)",
            *(party, what, key, subject, outcome, code, body, status, answer, at, at),
        )

    def settle(self, party: str, key: str, outcome: str, code: str | None) -> None:
        """What was pending has ended."""
        self._store.run(
            "UPDATE ledger SET outcome = ?, code = ? WHERE party = ? AND key = ?", outcome, code, party, key
        )

    def told(
        self, party: str | None = None, outcome: str | None = None, *, after: int = 0, limit: int = 100_000
    ) -> list[dict[str, Any]]:
        """Its rows in the order they were first asked for."""
        found = self._store.rows(
            "SELECT * FROM ledger WHERE party = ifnull(?, party) AND outcome = ifnull(?, outcome) AND id > ?"
            " ORDER BY id LIMIT ?",
            *(party, outcome, after, limit),
        )
        return [_as_told(row) for row in found]

    def latest(self, limit: int) -> list[dict[str, Any]]:
        """The newest first."""
        return [
            _as_told(row) for row in self._store.rows("SELECT * FROM ledger ORDER BY id DESC LIMIT ?", limit)
        ]

    def counts(self) -> list[dict[str, Any]]:
        """How many of each party, thing and outcome, and how often they were asked for."""
        return self._store.rows(
            "SELECT party, what, outcome, count(*) AS effects, sum(asked) AS asked FROM ledger"
            " GROUP BY party, what, outcome ORDER BY party, what, outcome"
        )


def _as_told(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "body": json.loads(row["body"])["body"], "answer": json.loads(row["answer"])}
