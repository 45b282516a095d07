"""The cut-off: let go what was paid in time, and name everything that stays behind and why (rules 40-42)."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select

from flows import order_cases
from flows.masking import mask_address, mask_name, mask_phone
from flows.policy_store import current_policies
from flows.scope import find_scope
from flows.sweep import SweepReport, sweep
from models import Order
from models.database import home, reading
from states.orders import OrderState, TimerKind, dispatch_blockers
from states.policies.shops import ShopPolicies

ORDERS = Order.__table__
MANIFEST_COLUMNS = ("no", "paid_at", "receiver", "phone", "address", "goods", "amount_fen")


@dataclass
class Batch:
    """One shop's batch at one cut-off: what left, and everything paid in time that did not."""

    shop: str
    cutoff_at: datetime
    released: list[dict] = field(default_factory=list)
    blocked: list[dict] = field(default_factory=list)
    manifest: Path | None = None

    def as_dict(self) -> dict:
        return {
            "shop": self.shop,
            "cutoff_at": self.cutoff_at.isoformat(),
            "released": [row["no"] for row in self.released],
            "blocked": self.blocked,
            "manifest": str(self.manifest) if self.manifest else None,
        }


@dataclass
class CutoffReport(SweepReport):
    """A sweep of the cut-off timers, and the batches as they now stand."""

    batches: list[Batch] = field(default_factory=list)

    def as_dict(self) -> dict:
        return {**super().as_dict(), "batches": [batch.as_dict() for batch in self.batches]}


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
    kinds = (TimerKind.DISPATCH_CUTOFF,)
    sweep(
        engine,
        report.flow,
        kinds,
        shop=shop,
        case_no=case_no,
        as_of=as_of,
        dry_run=dry_run,
        report=report,
        **how,
    )
    with reading(engine) as connection:
        scope = find_scope(connection, shop, case_no)
        shops = [p for p in current_policies(engine) if scope.shop in (None, p.name)]
        report.batches = [_batch(connection, policies, as_of, scope.case_id) for policies in shops]
    for batch in report.batches:
        if dry_run:
            batch.released = [{"no": r["no"]} for r in report.rows if _releases(r)]
        elif batch.released:
            batch.manifest = _write_manifest(batch)
    report.batches = [b for b in report.batches if b.released or b.blocked]
    return report


def _releases(row: dict) -> bool:
    return any(step["trigger"] == "release" for step in row["did"])


def _batch(connection: Connection, policies: ShopPolicies, as_of: datetime, case_id: int | None) -> Batch:
    c = ORDERS.c
    batch = Batch(policies.name, policies.last_cutoff(as_of))
    mine = (c.shop == policies.name, *((c.id == case_id,) if case_id else ()))
    left = select(c.id).where(*mine, c.batch_cutoff_at == batch.cutoff_at)
    views = order_cases.load(connection, list(connection.scalars(left)), lock=False)
    batch.released = [_manifest_row(v, policies) for v in views.values()]
    waiting = select(c.id).where(
        *mine,
        c.state.in_((OrderState.PAID, OrderState.VERIFIED)),
        c.paid_at < batch.cutoff_at,
    )
    for view in order_cases.load(connection, list(connection.scalars(waiting)), lock=False).values():
        if view.promise_cutoff_at is None or view.promise_cutoff_at <= batch.cutoff_at:
            blockers = [r.as_dict() for r in dispatch_blockers(view, as_of)]
            batch.blocked.append({"no": view.no, "state": view.state, "blockers": blockers})
    return batch


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
    }


def _write_manifest(batch: Batch) -> Path:
    """The batch as a CSV that a spreadsheet opens; whole or not at all, and the same for every run."""
    folder = home() / "manifests" / batch.shop
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{batch.cutoff_at:%Y%m%dT%H%M}Z.csv"
    draft = path.with_suffix(f".{os.getpid()}.part")
    with draft.open("w", encoding="utf-8-sig", newline="") as out:
        sheet = csv.DictWriter(out, MANIFEST_COLUMNS)
        sheet.writeheader()
        sheet.writerows(_spreadsheet_safe(row) for row in batch.released)
    draft.replace(path)
    return path


def _spreadsheet_safe(row: dict) -> dict:
    """A cell that begins like a formula is told to be text."""
    return {k: f"'{v}" if str(v).startswith(("=", "+", "-", "@")) else v for k, v in row.items()}
