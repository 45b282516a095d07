"""New Year on a real Prefect server: a worker runs the days of which nobody knows whether they are working days, and
those on which the days come; the other days of the story are lived through plainly."""

from __future__ import annotations

import time
from datetime import datetime

from new_year_told import live, stranded
from orders_told import clock, moment, rows
from payment_service import PaymentService

from flows import clock as the_clock
from flows.timed_steps import TIMED_STEPS
from models import Anomaly, Timer
from models.database import engine_from_env

BY_THE_WORKER = (moment("2026-12-31 14:00"), moment("2027-01-03 20:00"))
GIVE_UP = 60  # seconds


def test_a_worker_over_new_year_leaves_nothing_stranded(prefect, monkeypatch, library):
    from databases import set_up

    from deployments.running import deploy

    set_up(engine := engine_from_env())
    deploy(paused=True)
    virtual = {"now": BY_THE_WORKER[0]}
    monkeypatch.setattr(the_clock, "now", lambda: virtual["now"])
    red = []

    def run(step: str, at: datetime) -> None:
        virtual["now"] = at
        if BY_THE_WORKER[0] <= at <= BY_THE_WORKER[1]:
            ended = prefect.run(f"{step}/by-hand", as_of=at.isoformat())
            bad = not ended.state.is_completed() and (clock(at), step, ended.state.message)
        else:
            report = TIMED_STEPS[step](engine, as_of=at)
            bad = report.red and (clock(at), step, report.rows)
        red.extend([bad] if bad else [])

    with PaymentService() as payments, prefect.worker():
        monkeypatch.setenv("KEFU_PAYMENTS_URL", payments.url)
        live(engine, run)
    assert red == []
    assert stranded(engine) == []
    assert rows(engine, Anomaly) == []
    assert [t for t in rows(engine, Timer, done_at=None, cancelled_at=None) if t.unknown_on] == []
    assert [fen for _, fen in payments.paid] == [10_000]
    assert warned(prefect) == [("kefu.shop.bag-studio", "2026-12-31")]


def warned(prefect) -> list[tuple[str, str]]:
    """The shops whose known days end, as the server has heard of it, and the last day known."""
    give_up_at = time.monotonic() + GIVE_UP
    with prefect.client() as client:
        while time.monotonic() < give_up_at:
            wanted = {"filter": {"event": {"name": ["kefu.calendar.ends"]}}}
            if events := client.request("POST", "/events/filter", json=wanted).json()["events"]:
                return [(e["resource"]["prefect.resource.id"], e["payload"]["known_until"]) for e in events]
            time.sleep(0.2)
    return []
