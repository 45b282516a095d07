"""The cut-off: let go what was paid in time, and name everything that stays behind and why (rules 40-42)."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import get_ident
from typing import Any

from sqlalchemy import Connection, Engine, select

from flows import order_cases
from flows.calendar_watch import owe_warning
from flows.masking import mask_address, mask_name, mask_phone
from flows.policy_store import current_policies
from flows.scope import find_scope
from flows.sql import one_of
from flows.sweep import SweepReport, sweep
from models import Order
from models.database import home, reading
from states.order_reasons import free_since
from states.orders import OrderState, TimerKind, dispatch_blockers
from states.policies.shops import ShopPolicies
from states.policies.working_days import provisional

ORDERS = Order.__table__
MANIFEST_COLUMNS = ("no", "paid_at", "receiver", "phone", "address", "goods", "amount_fen", "provisional")


@dataclass
class Batch:
    """One shop's batch at one cut-off: what left, and everything paid in time that did not."""

    shop: str
    cutoff_at: datetime
    released: list[dict] = field(default_factory=list)
    blocked: list[dict] = field(default_factory=list)
    manifest: Path | None = None

    def as_dict(self) -> dict:
        """The shape that scripts rely on: what left by number, what stayed with its blockers."""
        return {
            "shop": self.shop,
            "cutoff_at": self.cutoff_at.isoformat(),
            "released": [row["no"] for row in self.released],
            "blocked": self.blocked,
            "manifest": str(self.manifest) if self.manifest else None,
        }


@dataclass
class CutoffReport(SweepReport):
    """A sweep of the cut-off timers, the batches as they now stand, and what is to be said of each shop's days."""

    batches: list[Batch] = field(default_factory=list)
    days: list[dict] = field(
        default_factory=list
    )  # shop, code, zh, en; `new`: nobody has been warned of it yet

    def as_dict(self) -> dict:
        """The shape that scripts rely on."""
        batches = [batch.as_dict() for batch in self.batches]
        return {**super().as_dict(), "batches": batches, "days": self.days}


def dispatch_cutoff(
    engine: Engine,
    *,
    as_of: datetime,
    shop: str | None = None,
    case_no: str | None = None,
    dry_run: bool = False,
    **how: Any,
) -> CutoffReport:
    """Release every verified, unheld order whose cut-off has come: one batch for each shop and cut-off.

    Whatever was paid in time and stays behind is in the report with every blocker, unverified orders too.
    """
    report = CutoffReport("dispatch-cutoff", as_of, dry_run)
    with reading(engine) as connection:
        scope = find_scope(connection, shop, case_no)
    shops = [p for p in current_policies(engine) if scope.shop in (None, p.name)]
    for policies in shops:
        leaving = _sweep(engine, report, policies.name, case_no, **how)
        with reading(engine) as connection:
            report.batches += _batches(connection, report, policies, scope.case_id, leaving)
        report.days += _days_told(engine, report, policies)
    return report


def _days_told(engine: Engine, report: CutoffReport, policies: ShopPolicies) -> Iterator[dict]:
    """Whether this batch or the next rests on days that nobody knows yet, and when the known days end."""
    of = {"shop": policies.name, "new": False}
    days, coming = policies.dispatch.working_days(policies.calendar), policies.promise(report.as_of)
    last_on = policies.last_cutoff(report.as_of).astimezone(policies.zone).date()
    last = ("本次截单", "this cut-off", last_on, days.first_unknown(last_on, last_on))
    for zh, en, on, unknown_on in (last, ("下次截单", "the next cut-off", coming.on, coming.unknown_on)):
        if unknown_on:
            why = provisional(unknown_on)
            words = {"zh": f"{zh}预计 {on}:{why.zh}", "en": f"{en}, expected on {on}: {why.en}"}
            yield {**of, "code": why.code, **words}
    if end := policies.days_end(report.as_of):
        new = not report.dry_run and owe_warning(engine, policies, end, report.as_of)
        yield {**of, **end.reason.as_dict(), "new": new, "known_until": f"{end.last}", "days_left": end.left}


def _sweep(engine: Engine, report: CutoffReport, shop: str, case_no: str | None, **how: Any) -> set[str]:
    """Let go what may go; the numbers of these orders (of what would go, in a dry run)."""
    before = len(report.rows)
    sweep(
        engine,
        report.flow,
        (TimerKind.DISPATCH_CUTOFF,),
        shop=shop,
        case_no=case_no,
        as_of=report.as_of,
        dry_run=report.dry_run,
        report=report,
        **how,
    )
    done = report.rows[before:]
    return {row["no"] for row in done if any(step["trigger"] == "release" for step in row["did"])}


def _batches(
    connection: Connection,
    report: CutoffReport,
    policies: ShopPolicies,
    case_id: int | None,
    leaving: set[str],
) -> Iterator[Batch]:
    """The batch of the last cut-off, and any earlier one that an order joined only now; those with anything to say."""
    c = ORDERS.c
    joined = select(c.batch_cutoff_at).where(
        c.shop == policies.name, one_of(connection, c.no, leaving), c.batch_cutoff_at.is_not(None)
    )
    latest = policies.last_cutoff(report.as_of)
    for cutoff_at in sorted({latest, *connection.scalars(joined.distinct())}):
        batch = Batch(policies.name, cutoff_at)
        everyone = _left(connection, batch)
        batch.released = [_manifest_row(v, policies) for v in everyone if case_id in (None, v.id)]
        if cutoff_at == latest:
            _add_waiting(connection, batch, report, policies, case_id, leaving)
        if batch.released and not report.dry_run:
            batch.manifest = _write_manifest(batch, [_manifest_row(v, policies) for v in everyone])
        if batch.released or batch.blocked:
            yield batch


def _left(connection: Connection, batch: Batch) -> list[Any]:
    c = ORDERS.c
    left = select(c.id).where(c.shop == batch.shop, c.batch_cutoff_at == batch.cutoff_at)
    return list(order_cases.load(connection, list(connection.scalars(left)), lock=False).values())


def _add_waiting(
    connection: Connection,
    batch: Batch,
    report: CutoffReport,
    policies: ShopPolicies,
    case_id: int | None,
    leaving: set[str],
) -> None:
    """What was paid in time and has not left: blocked, or, in a dry run, what would leave."""
    c = ORDERS.c
    waiting = select(c.id).where(
        *(c.shop == batch.shop, *((c.id == case_id,) if case_id else ())),
        c.state.in_((OrderState.PAID, OrderState.VERIFIED)),
        c.paid_at < batch.cutoff_at,
    )
    for view in order_cases.load(connection, list(connection.scalars(waiting)), lock=False).values():
        if view.no in leaving:
            batch.released.append(_manifest_row(view, policies))
        elif view.promise_cutoff_at is None or view.promise_cutoff_at <= batch.cutoff_at:
            blockers = dispatch_blockers(view, report.as_of) or [free_since()]
            batch.blocked.append(
                {"no": view.no, "state": view.state, "blockers": [r.as_dict() for r in blockers]}
            )


def _manifest_row(view: Any, policies: ShopPolicies) -> dict:
    goods = "; ".join(f"{line.title or line.sku} × {line.quantity}" for line in view.lines)
    return {
        "no": view.no,
        "paid_at": view.paid_at.astimezone(policies.zone).isoformat(),
        "receiver": mask_name(view.receiver),
        "phone": mask_phone(view.phone),
        "address": mask_address(view.address),
        "goods": goods,
        "amount_fen": view.amount_fen,
        "provisional": f"预计 {view.promise_on} expected" if view.promise_unknown_on else "",
    }


def _write_manifest(batch: Batch, everyone: list[dict]) -> Path:
    """The batch as a CSV that a spreadsheet opens; whole or not at all, and the same for every run."""
    path = home("manifests", batch.shop) / f"{batch.cutoff_at:%Y%m%dT%H%M}Z.csv"
    draft = path.with_suffix(f".{os.getpid()}-{get_ident()}.part")  # the worker runs flows in threads
    with draft.open("w", encoding="utf-8-sig", newline="") as out:
        sheet = csv.DictWriter(out, MANIFEST_COLUMNS)
        sheet.writeheader()
        sheet.writerows(_spreadsheet_safe(row) for row in everyone)
    draft.replace(path)
    return path


def _spreadsheet_safe(row: dict) -> dict:
    """A cell that begins like a formula is told to be text."""
    return {k: f"'{v}" if str(v).startswith(("=", "+", "-", "@")) else v for k, v in row.items()}
