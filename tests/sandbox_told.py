"""The outside world for tests: the sandbox itself, real HTTP on loopback, and its control API as methods.

    with Sandbox() as sandbox:
        sandbox.place({"no": "4711", "shop": "bag-studio", "amount_fen": 12800, "paid_at": "2026-03-02T10:00:00+08:00"})
        sandbox.misbehave("payments", seed=7, lost_answer=0.3, first_tries=3)
        ...  # kefu is set to it with sandbox.environment()
        assert sandbox.effects("payments") == [...]

In a thread of the test's own process; `Sandbox(apart=True)` is a process of its own, for measuring.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from deployments.sandbox import signing
from deployments.sandbox.app import Server
from deployments.sandbox.secrets import Secrets
from deployments.sandbox.world import World

ROOT = Path(__file__).parents[1]
PATIENCE = 20  # seconds for it to start, to end, and to push what waits


class Sandbox:
    """One outside world; everything in it is gone at the end, unless it is kept in a `file`."""

    def __init__(self, file: Path | None = None, *, apart: bool = False) -> None:
        self.secrets = Secrets()
        self._file, self._apart = file, apart
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Sandbox:
        self.url = self._start_process() if self._apart else self._start_thread()
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        if self._process:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process.stdout.close()
        if self._thread:
            self._server.should_exit = True
            self._thread.join(PATIENCE)
            self._world.close()

    def _start_thread(self) -> str:
        self._world = World(self.secrets, self._file)
        self._server = Server(self._world)
        self._server.listen()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve_listening()), daemon=True
        )
        self._thread.start()
        return self._server.url

    def _start_process(self) -> str:
        command = [sys.executable, "-c", "from deployments.cli import main; main()", "sandbox", "--port", "0"]
        command += ["--file", str(self._file)] if self._file else ["--fresh"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        return self._process.stdout.readline().split()[-1]

    def kill(self) -> None:
        """As a machine that goes dark: only with `apart`."""
        self._process.kill()
        self._process.wait(PATIENCE)

    # -- what kefu must know -----------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        """Its addresses and secrets, as kefu reads them."""
        names = {f"KEFU_{name.upper()}": getattr(self.secrets, name) for name in Secrets.__slots__}
        return names | {
            "KEFU_PLATFORM_URL": f"{self.url}/platform",
            "KEFU_PAYMENTS_URL": f"{self.url}/payments",
            "KEFU_KUAIDI100_URL": f"{self.url}/carrier",
            "KEFU_SMS_URL": f"{self.url}/sms",
            "KEFU_STAFF_URLS": f"{self.url.replace('http:', 'json:')}/staff/notify",
        }

    # -- what buyers, warehouse and couriers do -----------------------------------------------------

    def place(self, *orders: dict[str, Any]) -> list[str]:
        """All of them, or none."""
        return self.control("POST", "/orders", {"orders": list(orders)})["placed"]

    def make_up(self, shop: str, count: int = 1, *, paid: bool = False, seed: int = 1) -> list[str]:
        return self.control(
            "POST", "/orders/made-up", {"shop": shop, "count": count, "paid": paid, "seed": seed}
        )["placed"]

    def order(self, no: str) -> dict[str, Any]:
        return next(order for order in self.orders() if order["no"] == no)

    def orders(self) -> list[dict[str, Any]]:
        return self.control("GET", "/orders?limit=100000")["orders"]

    def act(self, no: str, what: str, **told: Any) -> dict[str, Any]:
        """pay, cancel, depart, sign, confirm or complain."""
        return self.control("POST", f"/orders/{no}/{what}", told)

    def empty_the_warehouse(self) -> list[dict[str, Any]]:
        """Everything let go leaves."""
        return self.control("POST", "/warehouse")["orders"]

    def scan(self, waybill: str, state: str, place: str = "") -> dict[str, Any]:
        return self.control("POST", f"/parcels/{waybill}/scan", {"state": state, "place": place})

    # -- how it behaves -----------------------------------------------------------------------------

    def misbehave(self, party: str, **faults: Any) -> None:
        self.control("PUT", f"/faults/{party}", faults)

    def behave(self) -> None:
        self.control("DELETE", "/faults")

    def met(self) -> dict[str, dict[str, int]]:
        """How often each fault has struck."""
        return self.control("GET", "/faults")["met"]

    def set_clock(self, now: str | None, pace: float = 0) -> None:
        self.control("PUT", "/clock", {"now": now, "pace": pace})

    def push_to(self, url: str | None) -> None:
        self.control("PUT", "/receiver", {"url": url})

    # -- what has become of it ----------------------------------------------------------------------

    def effects(self, party: str | None = None, outcome: str | None = None) -> list[dict[str, Any]]:
        """The ledger: all that was done (or refused, pending, not_now), in the order it was first asked for."""
        wanted = {name: value for name, value in (("party", party), ("outcome", outcome)) if value}
        return self.client.get("/control/ledger", params=wanted).raise_for_status().json()["effects"]

    def events(self) -> list[dict[str, Any]]:
        """The newest first."""
        return self.control("GET", "/events?limit=100000")["events"]

    def wait_until_pushed(self) -> None:
        """Until no event waits."""
        deadline = time.monotonic() + PATIENCE
        while self.control("GET", "/events?limit=1")["waiting"]:
            assert time.monotonic() < deadline, "events still wait"
            time.sleep(0.02)

    def control(self, method: str, path: str, told: Any = None) -> dict[str, Any]:
        """The control API itself; what it refuses is an error of the test."""
        answer = self.client.request(method, f"/control{path}", json=told)
        assert answer.is_success, answer.text
        return answer.json()

    # -- asking it as kefu would --------------------------------------------------------------------

    def signed(self, method: str, path: str, told: Any = None, *, key: str | None = None) -> httpx.Response:
        """A request to the platform, signed."""
        request = self.client.build_request(method, path, json=told)
        request.headers.update(
            signing.signed_headers(
                self.secrets.platform_secret, method, request.url.raw_path.decode(), request.read()
            )
        )
        if key:
            request.headers["Idempotency-Key"] = key
        return self.client.send(request)

    def refund(self, key: str, order_no: str, fen: int, shop: str = "bag-studio") -> httpx.Response:
        """A request to the payment service, with its token."""
        return self.client.post(
            "/payments/refunds",
            json={"order_no": order_no, "shop": shop, "fen": fen},
            headers={"Idempotency-Key": key, "Authorization": f"Bearer {self.secrets.payments_token}"},
        )
