"""The sandbox's own ledger beside our rows, row for row; what differs is told in one sentence each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select

from flows.gateways import as_told
from models import Anomaly, Order, OutboxMessage, Refund, Return, StateChange
from models.database import reading
from tests.sandbox_told import Sandbox

MESSAGES = ("platform", "sms", "staff")
TIMES = ("paid_at", "shipped_at", "delivered_at")
ALARM = "消息无法送达 / messages given up"
LEFT_ALL_THE_SAME = (
    "shipped_though_over",
    "shipped_though_held",
)  # anomalies: somebody is told, and sees to it


class Ledgers:
    """Both sides as they are in the end."""

    def __init__(self, engine: Engine, sandbox: Sandbox, not_to_be_paid: set[str]) -> None:
        """Takes the keys of refunds whose parcels were known to have left before anything was paid."""
        self._not_to_be_paid = not_to_be_paid
        self.effects = sandbox.effects()
        self.their_orders = {order["no"]: order for order in sandbox.orders()}
        self.events = sandbox.events()
        with reading(engine) as connection:

            def rows(model: Any) -> list[Any]:
                return list(connection.execute(select(model.__table__)).all())

            self.orders = {row.no: row for row in rows(Order)}
            self._nos = {row.id: no for no, row in self.orders.items()}
            self.returns = {row.id: row for row in rows(Return)}
            self.outbox, self.refunds = rows(OutboxMessage), rows(Refund)
            self.anomalies, self.changes = rows(Anomaly), rows(StateChange)
        self._paid = {row.key for row in self.refunds if row.state == "succeeded"}

    def differences(self) -> list[str]:
        """Nothing, when both agree."""
        return [
            *self._of_refunds(),
            *self._of_messages(),
            *self._of_orders(),
            *self._of_parcels(),
            *self._of_complaints(),
        ]

    def counts(self) -> dict[str, int]:
        """How much there was to compare."""
        done = Counter(f"{e['party']} {e['what']} {e['outcome']}" for e in self.effects)
        asked_again = sum(effect["asked"] - 1 for effect in self.effects)
        ours = Counter(f"our message {_state(row)}" for row in self.outbox)
        ours |= Counter(f"our refund {row.state}" for row in self.refunds)
        events = Counter(f"event {event['ended']}" for event in self.events)
        anomalies = Counter(f"anomaly {row.code}" for row in self.anomalies)
        changes = Counter(f"{row.case_kind} changes" for row in self.changes)
        told = {
            "asked for again under the same key": asked_again,
            "paid back unsent, left all the same, and told": len(self._left_all_the_same() & self._told_so()),
            "not paid back, for it had left": len(self._not_to_be_paid),
            "alarms of Prefect": sum(map(_is_alarm, self.effects)),
        }
        return {**done, **told, **ours, **events, **anomalies, **changes}

    def _of_refunds(self) -> Iterator[str]:
        theirs = {e["key"]: e for e in self.effects if e["party"] == "payments"}
        ours = {as_told(row.key): row for row in self.refunds}
        for key, row in ours.items():
            paid = key in theirs and theirs[key]["outcome"] == "done"
            if row.state not in ("succeeded", "failed"):
                yield f"refund {key} is still {row.state}"
            elif paid != (row.state == "succeeded"):
                yield f"refund {key} is {row.state} here, and paid there: {paid}"
            elif paid and theirs[key]["body"]["fen"] != row.fen:
                yield f"refund {key}: {row.fen} fen here, {theirs[key]['body']['fen']} there"
        yield from (f"refund {key} was paid there, and is not ours" for key in theirs.keys() - ours.keys())
        late = {as_told(key) for key in self._not_to_be_paid if key in self._paid}
        yield from (
            f"refund {key} was paid although its parcel had left, and we knew" for key in sorted(late)
        )
        sums: Counter[str] = Counter()
        for row in self.refunds:
            sums[self._no(row)] += row.fen if row.state == "succeeded" else 0
        for no, order in self.their_orders.items():
            if not (paid := sums[no]) == order["refunded_fen"] <= (order["paid_fen"] or 0):
                yield f"order {no}: {order['refunded_fen']} fen of {order['paid_fen']} went back, by our rows {paid}"

    def _of_messages(self) -> Iterator[str]:
        theirs = [e for e in self.effects if e["party"] in MESSAGES and not _is_alarm(e)]
        times = Counter(effect["key"] for effect in theirs)
        yield from (f"message {key}: {n} rows there" for key, n in times.items() if n > 1 or key is None)
        by_key, ours = {effect["key"]: effect for effect in theirs}, {as_told(r.key): r for r in self.outbox}
        for key, row in ours.items():
            if row.digest_id is not None:
                if key in by_key and by_key[key]["outcome"] == "done":
                    yield f"message {key} was told there, and in a digest as well"
            else:
                yield from _differs(key, row, by_key.get(key))
        yield from (f"message {key} is there, and is not ours" for key in by_key.keys() - ours.keys())

    def _of_orders(self) -> Iterator[str]:
        """What happened there is known here."""
        for no, theirs in self.their_orders.items():
            ours = self.orders.get(no)
            if ours is None:
                yield f"order {no} is not known here"
                continue
            told = {name: _moment(theirs[name]) for name in TIMES} | {"paid_fen": theirs["paid_fen"] or 0}
            known = {name: getattr(ours, name) for name in told} | {"paid_fen": ours.paid_fen or 0}
            told["refunded_fen"], known["refunded_fen"] = theirs["refunded_fen"], ours.refunded_fen
            told["waybill"], known["waybill"] = theirs["waybill"], ours.waybill
            if told != known:
                which = {name: (known[name], told[name]) for name in told if told[name] != known[name]}
                yield f"order {no}, {ours.state} here, {theirs['status']} there; here and there: {which}"

    def _of_parcels(self) -> Iterator[str]:
        """What was not to leave has not; or an anomaly says so."""
        for no in sorted(self._left_all_the_same() - self._told_so()):
            yield f"order {no} was paid back unsent, and has left"

    def _left_all_the_same(self) -> set[str]:
        paid = (row for row in self.refunds if row.state == "succeeded")
        unsent = {self._no(r) for r in paid if self.returns[r.return_id].kind == "refund_unshipped"}
        return {no for no in unsent if self.their_orders[no]["shipped_at"]}

    def _told_so(self) -> set[str]:
        codes = {(row.case_kind, row.case_id) for row in self.anomalies if row.code in LEFT_ALL_THE_SAME}
        return {self._nos[case_id] for kind, case_id in codes if kind == "order"}

    def _of_complaints(self) -> Iterator[str]:
        made = {
            e["body"]["complaint"]["no"] for e in self.events if e["body"].get("type") == "complaint.made"
        }
        heard = Counter(
            row.key.partition(":P-")[2]
            for row in self.changes
            if row.case_kind == "complaint" and row.key and row.key.startswith(("register:P-", "hear:P-"))
        )
        yield from (
            f"complaint {no} was made, and is heard {heard[no]} times" for no in made if heard[no] != 1
        )
        yield from (f"complaint {no} was never made" for no in heard.keys() - made)

    def _no(self, refund: Any) -> str:
        return self._nos[refund.order_id]


def _is_alarm(effect: dict) -> bool:
    """Prefect itself tells the staff when a message dies (`deployments/alarms.py`): not through the outbox, for that
    may be what is broken, and so without a key."""
    return effect["party"] == "staff" and effect["key"] is None and ALARM in str(effect["body"])


def _state(row: Any) -> str:
    if row.digest_id is not None:
        return "in a digest"
    for name in ("sent", "lapsed", "dead"):
        if getattr(row, f"{name}_at"):
            return name
    return "waiting"


def _differs(key: str, row: Any, effect: dict | None) -> Iterator[str]:
    state, outcome = _state(row), effect["outcome"] if effect else "absent"
    fits = {"sent": ("done",), "dead": ("refused", "not_now"), "waiting": ("absent", "not_now")}
    fits["lapsed"] = ("absent", "not_now", "refused", *(["done"] if row.attempts > row.misses else []))
    if outcome not in fits[state]:
        yield f"message {key} ({row.what}) is {state} here ({row.dead_why}, {row.answer}), {outcome} there"
    elif outcome == "done" and row.text and row.text not in effect["body"].values():
        yield f"message {key} has another text there"


def _moment(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None
