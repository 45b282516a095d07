"""What an operator sees beside a run: one line that sums it up, and tables.

Each `publish_…` puts the tables of one kind of run into the Prefect UI, and returns that line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo

from prefect.artifacts import create_table_artifact
from prefect.events import emit_event

from flows.calendar_watch import EVENT
from flows.dispatch_cutoff import Batch, CutoffReport
from flows.flow_runs import started_by_itself
from flows.gateways.payments import URL
from flows.order_import import ImportReport
from flows.outbox_delivery import DIED, DeliveryReport
from flows.refunds import RefundReport
from flows.sweep import SweepReport
from flows.sync_orders import SyncReport
from states.reasons import yuan

TOLD = 20  # messages in one event
SHOWN = 1_000  # rows of a table: more than anyone reads, and what a browser still draws


def publish_sweep(report: SweepReport) -> str:
    """What was done to each case, and what was refused."""
    summary = _summary(report)
    _publish(report.flow, map(_readable, report.rows), summary)
    return summary


def publish_refunds(report: RefundReport) -> str:
    """The same; the line also tells what was paid back, what waits, and what nobody knows of."""
    summary = ", ".join([_summary(report), *_money(report)])
    _publish(report.flow, map(_with_money, report.rows), summary)
    return summary


def publish_delivery(report: DeliveryReport) -> str:
    """What became of the messages, destination by destination, and each that could not be sent; an event for those
    that were given up."""
    lines = [{"destination": name, **line.told(report.as_of)} for name, line in sorted(report.lines.items())]
    _publish("outbox", lines, report.told)
    _publish("outbox-not-sent", map(_not_sent, report.rows), "Not sent, each with the reason.")
    for destination, died in _by_destination(report.died).items():
        resource = {
            "prefect.resource.id": f"kefu.destination.{destination}",
            "prefect.resource.name": destination,
        }
        payload = {
            "count": len(died),
            "messages": died[:TOLD],
            "first": f"{died[0]['key']}: {died[0]['answer']}",
        }
        emit_event(DIED, resource=resource, payload=payload)
    return report.told


def publish_cutoff(report: CutoffReport, zones: dict[str, ZoneInfo]) -> str:
    """The same, the manifests, and what stays behind with every reason; `zones` are the shops', by name."""
    summary = "; ".join([_summary(report), *(f"{told['zh']} / {told['en']}" for told in report.days)])
    for told in report.days:
        if told["new"]:
            shop = {"prefect.resource.id": f"kefu.shop.{told['shop']}", "prefect.resource.name": told["shop"]}
            emit_event(EVENT, resource=shop, payload=told)
    if not report.rows and started_by_itself():
        return summary  # one of the runs after the cut-off, and nobody was late
    files = [f"Manifest of {b.shop}: `{b.manifest}`" for b in report.batches if b.manifest]
    behind = f"{summary}\n\nWhat stays behind, and every reason."
    publish_sweep(report)
    _publish("dispatch-manifest", _manifest(report.batches, zones), "\n\n".join([summary, *files]))
    _publish("dispatch-blocked", _blocked(report.batches, zones), behind)
    return summary


def publish_sync(report: SyncReport) -> str:
    """What each platform told, and what became of it."""
    counts = {
        name: value
        for name, value in report.as_dict().items()
        if isinstance(value, int) and name != "dry_run"
    }
    summary = "; ".join(filter(None, (f"{_counted(counts)}{_dry(report)}", report.told)))
    _publish("sync-orders", report.shops if any(counts.values()) or report.red else [], summary)
    return summary


def publish_import(report: ImportReport) -> str:
    """What was taken in, and every row that was not."""
    counts = {name: value for name, value in report.as_dict().items() if isinstance(value, int)}
    summary = "; ".join(filter(None, (_counted(counts), report.encoding_guess)))
    _publish("import-orders", [{"shop": report.shop, **counts}], summary)
    if report.bad:
        bad = [
            {"line": b.line, "column": b.column, "为什么": b.reason_zh, "why": b.reason_en}
            for b in report.bad
        ]
        _publish("import-quarantine", bad, f"Not imported; the rows are in `{report.quarantine}`.")
    return summary


def _summary(report: SweepReport) -> str:
    counts = {name: getattr(report, name) for name in ("claimed", "done", "refused", "postponed", "failed")}
    return f"as of {report.as_of.isoformat(timespec='seconds')}: {_counted(counts)}{_dry(report)}"


def _dry(report: SweepReport | SyncReport) -> str:
    return ", dry run: nothing was changed" if report.dry_run else ""


def _money(report: RefundReport) -> Iterator[str]:
    yield f"{yuan(report.paid_fen)} yuan paid back"
    if report.waiting and not report.dry_run:
        yield f"{_refunds(report.waiting)} waiting: no payment service is configured ({URL})"
    elif report.waiting:
        yield f"{_refunds(report.waiting)} waiting to be sent"
    if report.unknown:
        yield f"{_refunds(report.unknown)} with an unknown outcome"


def _refunds(count: int) -> str:
    return "1 refund" if count == 1 else f"{count} refunds"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{value} {name}" for name, value in counts.items())


def _not_sent(row: dict) -> dict:
    told = _readable(row)
    return {"no": told["no"], "为什么 why": told["refused"] or told["error"]}


def _by_destination(died: Iterable[dict]) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for message in died:
        found.setdefault(message["destination"], []).append(message)
    return found


def _readable(row: dict) -> dict:
    """What a sweep did to one case, as a line of text."""
    return {
        "no": row["no"],
        "did": ", ".join(f"{step['trigger']} → {step['state']}" for step in row["did"]),
        "refused": "; ".join(f"{reason['zh']} / {reason['en']}" for reason in row["refused"]),
        "error": row.get("error", ""),
    }


def _with_money(row: dict) -> dict:
    told, paid_fen = _readable(row), row.get("paid_fen")
    return {"no": told.pop("no"), "did": told.pop("did"), "yuan": yuan(paid_fen) if paid_fen else "", **told}


def _manifest(batches: Iterable[Batch], zones: dict[str, ZoneInfo]) -> list[dict]:
    return [{**row, **_which(batch, zones)} for batch in batches for row in batch.released]


def _blocked(batches: Iterable[Batch], zones: dict[str, ZoneInfo]) -> list[dict]:
    return [
        {
            "no": order["no"],
            "state": str(order["state"]),
            "rule": blocker["rule"],
            "为什么": blocker["zh"],
            "why": blocker["en"],
            **_which(batch, zones),
        }
        for batch in batches
        for order in batch.blocked
        for blocker in order["blockers"]
    ]


def _which(batch: Batch, zones: dict[str, ZoneInfo]) -> dict:
    cutoff_at = batch.cutoff_at.astimezone(zones[batch.shop])
    return {"shop": batch.shop, "cutoff_at": cutoff_at.isoformat(timespec="minutes")}


def _publish(key: str, rows: Iterable[dict], description: str) -> None:
    """The table an operator sees beside the run. A scheduled run that had nothing to do leaves none: there
    are 288 of them a day."""
    rows = list(rows)
    if not rows and started_by_itself():
        return
    if len(rows) > SHOWN:
        description += f"\n\nThe first {SHOWN} of {len(rows)} rows."
    create_table_artifact(table=rows[:SHOWN], key=key, description=description)
