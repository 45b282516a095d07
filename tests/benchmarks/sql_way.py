"""The same three steps as statements over whole sets: the floor. It knows this one shop and these orders only:
no holds, no opt-outs, no contact hours, no refusals, nobody else at work."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Engine, text

from flows.clock import now
from flows.imports.rows import OrderFile, OrderRow
from flows.order_cases import goods_key
from flows.order_import import told
from flows.policy_store import current_policy
from models.database import transaction
from models.types import UtcDateTime
from tests.benchmarks.sample import CUT_OFF_AT, REMIND_AT, SHOP
from tests.benchmarks.texts import pattern

STAGED = (
    "no", "handle", "receiver", "phone", "address", "region", "amount_fen", "placed_at", "paid_at", "goods_key",
    "sku", "title", "told",
)  # fmt: skip
TO_THE_BUYER = "'order', o.id, o.shop, :what, :channel, o.shop || '/order/' || o.no || :cause"
OUTBOX = """INSERT INTO outbox
    (case_kind, case_id, shop, what, channel, key, owed_at, recorded_at, only_while, payload, text)"""
HISTORY = """INSERT INTO state_changes
    (case_kind, case_id, number, "trigger", source, dest, at, recorded_at, "by", key, facts)"""
TIMERS = "INSERT INTO timers (case_kind, case_id, shop, kind, round, due_at, done_at, cancelled_at, attempts)"


class Statements:
    """Statements in one connection, with what the two databases spell differently."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.sqlite = connection, connection.dialect.name == "sqlite"
        self.policy = current_policy(connection, SHOP)

    def say(self, statement: str, **values: Any) -> None:
        if ":recorded_at" in statement:
            values["recorded_at"] = now()
        values = {name: self.instant(v) if name.endswith("_at") else v for name, v in values.items()}
        self.connection.execute(text(statement), values)

    def instant(self, value: Any) -> Any:
        value = UtcDateTime().process_bind_param(value, self.connection.dialect)
        return value.isoformat(" ", "microseconds") if value and self.sqlite else value

    def plus(self, instant: str, minutes: int) -> str:
        if self.sqlite:
            return f"strftime('%Y-%m-%d %H:%M:%f000', {instant}, '{minutes} minutes')"
        return f"{instant} + interval '{minutes} minutes'"

    def local(self, instant: str) -> str:
        if self.sqlite:
            return f"strftime('%Y-%m-%d %H:%M', {instant}, '8 hours')"
        return f"to_char({instant} AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI')"

    def money(self, fen: str) -> str:
        two_digits = (
            f"substr('0' || ({fen} % 100), -2)" if self.sqlite else f"lpad(({fen} % 100)::text, 2, '0')"
        )
        return f"({fen} / 100) || '.' || {two_digits}"

    def json(self, value: str) -> str:
        return value if self.sqlite else f"CAST({value} AS JSONB)"

    def time(self, value: str) -> str:
        return value if self.sqlite else f"CAST({value} AS TIMESTAMPTZ)"

    def object(self, **pairs: str) -> str:
        made = "json_object" if self.sqlite else "jsonb_build_object"
        return f"{made}({', '.join(f'{name!r}, {value}' for name, value in pairs.items())})"

    def filled(self) -> str:
        """The SQL that fills a pattern with the values of order `o`."""
        places = {name: f"o.{name}" for name in ("no", "receiver", "phone", "address")}
        places |= {"amount": self.money("o.amount_fen"), "pay_by": self.local("o.pay_by")}
        filled = ":pattern" if self.sqlite else "CAST(:pattern AS TEXT)"
        for name, value in places.items():
            filled = f"replace({filled}, '@{name}@', {value})"
        return filled


def take_in(engine: Engine, orders: OrderFile) -> None:
    with transaction(engine) as connection:
        s = Statements(connection)
        _stage(s, orders)
        paid = "FROM staged s JOIN orders o ON o.shop = :shop AND o.no = s.no WHERE s.paid_at IS NOT NULL"
        placed = "FROM staged s JOIN orders o ON o.shop = :shop AND o.no = s.no"
        s.say("INSERT INTO buyers (shop, handle) SELECT :shop, handle FROM staged ORDER BY handle", shop=SHOP)
        s.say(
            f"""INSERT INTO orders (shop, no, state, version, policy_version_id, changed_at, buyer_id, receiver, phone,
                address, region, goods_key, amount_fen, paid_fen, refunded_fen, placed_at, pay_by, reminded_rung,
                paid_at, promise_kind, promise_on, promise_cutoff_at)
            SELECT :shop, s.no, CASE WHEN s.paid_at IS NULL THEN 'unpaid' ELSE 'verified' END,
                CASE WHEN s.paid_at IS NULL THEN 1 ELSE 3 END, (SELECT id FROM policy_versions WHERE shop = :shop),
                coalesce(s.paid_at, s.placed_at), b.id, s.receiver, s.phone, s.address, s.region, s.goods_key,
                s.amount_fen, CASE WHEN s.paid_at IS NULL THEN 0 ELSE s.amount_fen END, 0, s.placed_at,
                {s.plus("s.placed_at", 72 * 60)}, 0, s.paid_at, CASE WHEN s.paid_at IS NULL THEN NULL ELSE 'dispatched'
                END, CASE WHEN s.paid_at IS NULL THEN NULL ELSE {_date(s)} END,
                CASE WHEN s.paid_at IS NULL THEN NULL ELSE {s.time(":cutoff_at")} END
            FROM staged s JOIN buyers b ON b.shop = :shop AND b.handle = s.handle ORDER BY s.placed_at, s.no""",
            shop=SHOP, on="2026-03-02", cutoff_at=CUT_OFF_AT,
        )  # fmt: skip
        s.say(
            f"""INSERT INTO order_lines (order_id, position, sku, title, quantity, price_fen)
            SELECT o.id, 1, s.sku, s.title, 1, s.amount_fen {placed}""",
            shop=SHOP,
        )
        told_ = s.object(
            amount_fen="s.amount_fen", told="json(s.told)" if s.sqlite else "CAST(s.told AS JSONB)"
        )
        s.say(f"""{HISTORY} SELECT 'order', o.id, 1, 'place', '–', 'unpaid', s.placed_at, {s.time(":recorded_at")},
            'platform', 'place', {told_} {placed}""", shop=SHOP)  # fmt: skip
        amount = s.object(amount_fen="s.amount_fen")
        s.say(f"""{HISTORY} SELECT 'order', o.id, 2, 'pay', 'unpaid', 'paid', s.paid_at, {s.time(":recorded_at")},
            'platform', 'pay', {amount} {paid}""", shop=SHOP)  # fmt: skip
        s.say(f"""{HISTORY} SELECT 'order', o.id, 3, 'verify', 'paid', 'verified', s.paid_at, {s.time(":recorded_at")},
            'audit', NULL, {s.json("'{}'")} {paid}""", shop=SHOP)  # fmt: skip
        for kind, due_at in (
            ("payment_reminder", s.plus("s.placed_at", 30)),
            ("payment_deadline", "o.pay_by"),
        ):
            s.say(
                f"{TIMERS} SELECT 'order', o.id, o.shop, '{kind}', 1, {due_at}, NULL, s.paid_at, 0 {placed}",
                shop=SHOP,
            )
        for kind, due_at in (
            ("dispatch_cutoff", "o.promise_cutoff_at"),
            ("dispatch_overdue", s.plus("s.paid_at", 2880)),
        ):
            s.say(
                f"{TIMERS} SELECT 'order', o.id, o.shop, '{kind}', 1, {due_at}, NULL, NULL, 0 {paid}",
                shop=SHOP,
            )
        promise = {
            "promise_on": CUT_OFF_AT.date(),
            "promise_kind": "dispatched",
            "promise_cutoff_at": CUT_OFF_AT,
        }
        s.say(
            f"""{OUTBOX} SELECT {TO_THE_BUYER}, s.paid_at, {s.time(":recorded_at")},
            {s.json(":only_while")}, {s.json("'{}'")}, {s.filled()} {paid}""",
            shop=SHOP, what="address_confirmation", channel="buyer", cause="/pay/v2/address_confirmation",
            only_while=json.dumps(["paid", "verified", "released"]),
            pattern=pattern("address_confirmation", s.policy, {}, **promise),
        )  # fmt: skip
        s.say("DROP TABLE staged")


def _date(s: Statements) -> str:
    return ":on" if s.sqlite else "CAST(:on AS DATE)"


def _stage(s: Statements, orders: OrderFile) -> None:
    """The file's rows in a table of their own, by the quickest way there is."""
    kind = "TEXT" if s.sqlite else "TIMESTAMPTZ"
    types = {"amount_fen": "INTEGER", "placed_at": kind, "paid_at": kind}
    columns = ", ".join(f"{name} {types.get(name, 'TEXT')}" for name in STAGED)
    s.say(f"CREATE TEMP TABLE staged ({columns})")
    rows = [_staged(s, row) for row in orders.rows]
    if s.sqlite:
        marks = ", ".join("?" * len(STAGED))
        s.connection.exec_driver_sql(f"INSERT INTO staged VALUES ({marks})", rows)
        return
    with s.connection.connection.cursor() as cursor, cursor.copy("COPY staged FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    s.say("ANALYZE staged")


def _staged(s: Statements, row: OrderRow) -> tuple:
    d, line = row.details, row.lines[0]
    paid_at = next((s.instant(fact.at) for fact in row.facts if fact.trigger == "pay"), None)
    return (
        row.no, d["buyer"], d["receiver"], d["phone"], d["address"], d["region"], d["amount_fen"],
        s.instant(row.placed_at), paid_at, goods_key(row.lines), line.sku, line.title, json.dumps(told(d)),
    )  # fmt: skip


DUE = """FROM timers t JOIN orders o ON o.id = t.case_id WHERE t.kind = :kind AND t.due_at <= :as_of_at
    AND t.done_at IS NULL AND t.cancelled_at IS NULL AND t.shop = :shop"""


def remind(engine: Engine) -> None:
    with transaction(engine) as connection:
        s = Statements(connection)
        due = {"kind": "payment_reminder", "as_of_at": REMIND_AT, "shop": SHOP}
        s.say(
            f"""{OUTBOX} SELECT {TO_THE_BUYER}, t.due_at, {s.time(":recorded_at")}, {s.json(":only_while")},
            {s.json(":payload")}, {s.filled()} {DUE}""",
            **due, what="payment_reminder", channel="buyer", cause="/remind/1/payment_reminder",
            only_while='["unpaid"]', payload='{"rung": 1}', pattern=pattern("payment_reminder", s.policy, {"rung": 1}),
        )  # fmt: skip
        s.say(f"""{HISTORY} SELECT 'order', o.id, o.version + 1, 'remind', 'unpaid', 'unpaid', t.due_at,
            {s.time(":recorded_at")}, 'timer', NULL, {s.object(round="1")} {DUE}""", **due)  # fmt: skip
        s.say(f"""UPDATE orders SET version = orders.version + 1, changed_at = t.due_at, reminded_rung = 1
            FROM timers t WHERE t.case_id = orders.id {_and_due()}""", **due)  # fmt: skip
        s.say(
            f"{TIMERS} SELECT 'order', o.id, o.shop, t.kind, 2, {s.plus('o.placed_at', 720)}, NULL, NULL, 0 {DUE}",
            **due,
        )
        _done(s, due)


def cut_off(engine: Engine) -> None:
    with transaction(engine) as connection:
        s = Statements(connection)
        due = {"kind": "dispatch_cutoff", "as_of_at": CUT_OFF_AT, "shop": SHOP}
        s.say(
            "INSERT INTO dispatch_batches (shop, cutoff_at) VALUES (:shop, :as_of_at)",
            shop=SHOP,
            as_of_at=CUT_OFF_AT,
        )
        s.say(
            f"""{OUTBOX} SELECT {TO_THE_BUYER}, t.due_at, {s.time(":recorded_at")}, {s.json(":only_while")},
            {s.json("'{}'")}, NULL {DUE}""",
            **due, what="ship", channel="warehouse", cause="/release/1/ship", only_while='["released"]',
        )  # fmt: skip
        s.say(f"""{HISTORY} SELECT 'order', o.id, o.version + 1, 'release', 'verified', 'released', t.due_at,
            {s.time(":recorded_at")}, 'timer', NULL, {s.object(round="1")} {DUE}""", **due)  # fmt: skip
        s.say(f"""UPDATE orders SET version = orders.version + 1, changed_at = t.due_at, state = 'released',
            released_at = t.due_at, batch_cutoff_at = t.due_at
            FROM timers t WHERE t.case_id = orders.id {_and_due()}""", **due)  # fmt: skip
        _done(s, due)


def _and_due() -> str:
    return DUE[DUE.index("WHERE") :].replace("WHERE", "AND")


def _done(s: Statements, due: dict) -> None:
    s.say(f"UPDATE timers AS t SET done_at = t.due_at WHERE TRUE {_and_due()}", **due)
