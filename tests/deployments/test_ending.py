"""`kefu up` ends soon after it is asked to, whatever a party outside does, and loses nothing by it (promises 5, 7)."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from orders_told import paid, placed, rows, tell
from payment_service import NORMAL, PAYS_AND_DRIPS, PaymentService, late
from returns_told import ASKED_AT, gateway, open_case
from waiting import wait_until

from deployments.running import prepare
from deployments.server import free_port
from flows.clock import now
from flows.refunds import RefundReport, pay_refunds
from flows.scope import Scope
from models import Refund
from models.database import engine_from_env

KEFU = [sys.executable, "-c", "from deployments.cli import main; main()"]
AUTH = ("kefu", "in-time")
PROMISED = 20  # seconds


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in os.environ:
        if name.startswith(("PREFECT_", "KEFU_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("KEFU_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KEFU_AUTH", ":".join(AUTH))
    return tmp_path


def begin_run(api: str, deployment: str) -> bool:
    try:
        found = httpx.get(f"{api}/deployments/name/{deployment}", auth=AUTH, timeout=5)
        if not found.is_success:
            return False
        path = f"{api}/deployments/{found.json()['id']}/create_flow_run"
        return httpx.post(path, json={}, auth=AUTH, timeout=5).is_success
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize("does", [PAYS_AND_DRIPS, late(3_600)], ids=["drips", "never answers"])
def test_up_ends_in_time_while_a_payment_service_keeps_it_waiting_and_the_refund_is_paid_once(
    home: Path, monkeypatch: pytest.MonkeyPatch, does
):
    prepare(say=lambda _: None)
    engine = engine_from_env()
    tell(engine, placed("1"), paid("1"))
    open_case(engine, ASKED_AT, of="1")
    said, port = home / "said", free_port()
    with PaymentService() as service:
        service.behave(does)
        service.behave(does, when="GET")
        env = os.environ | {"KEFU_PAYMENTS_URL": service.url, "NO_PROXY": "127.0.0.1"}
        with said.open("w") as output:
            up = subprocess.Popen(
                [*KEFU, "up", "--port", str(port)], env=env, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            wait_until(
                lambda: begin_run(f"http://127.0.0.1:{port}/api", "release-refunds/by-hand"), said, by=up
            )
            wait_until(lambda: service.calls, said, by=up)
            up.send_signal(signal.SIGTERM)
            asked_at = time.monotonic()
            up.wait(120)
            took = time.monotonic() - asked_at
        finally:
            up.kill()
        assert took < PROMISED, said.read_text()
        [refund] = rows(engine, Refund)
        assert refund.state in ("sent", "unknown")
        assert service.paid == [(refund.key, 10_000)]
        service.behave(NORMAL, when="GET")
        with closing(gateway(service)) as payments:
            report = RefundReport("release-refunds", later := now() + timedelta(hours=1))
            pay_refunds(engine, payments, report, Scope(), clock=lambda: later)
        assert [row.state for row in rows(engine, Refund)] == ["succeeded"]
        assert service.paid == [(refund.key, 10_000)]
        assert [call.method for call in service.calls].count("POST") == 1


def test_should_anything_wait_for_ever_the_process_ends_all_the_same():
    waits = (
        "import threading; from deployments import running; running.ENDS_WITHIN = 0.3; "
        "running._end_in_any_case(None, print); threading.Event().wait()"
    )
    ended = subprocess.run([sys.executable, "-c", waits], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, "the next start goes on from here" in ended.stdout) == (1, True)
