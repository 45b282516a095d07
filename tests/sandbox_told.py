"""The outside world for tests: the sandbox itself, real HTTP on loopback, and its control API as methods.

    with Sandbox() as sandbox:
        sandbox.place({"no": "4711", "shop": "bag-studio", "amount_fen": 12800, "paid_at": "2026-03-02T10:00:00+08:00"})
        sandbox.misbehave("payments", seed=7, lost_answer=0.3, first_tries=3)
        ...  # kefu is set to it with sandbox.environment()
        assert sandbox.effects("payments") == [...]

In a thread of the test's own process; `Sandbox(apart=True)` is a process of its own, for measuring.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from waiting import wait_until

from deployments.sandbox import signing
from deployments.sandbox.alongside import PATIENCE, Alongside
from deployments.sandbox.answers import No

ROOT = Path(__file__).parents[1]


class Sandbox(Alongside):
    """One outside world; everything in it is gone at the end, unless it is kept in a `file`."""

    def __init__(self, file: Path | None = None, *, apart: bool = False) -> None:
        super().__init__(file)
        self._apart = apart

    def _begin(self) -> str:
        if not self._apart:
            return super()._begin()
        command = [sys.executable, "-c", "from deployments.cli import main; main()", "sandbox", "--port", "0"]
        command += ["--file", str(self._file)] if self._file else ["--fresh"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        # before that it may say what it found open in its home
        return next(line for line in self._process.stdout if line.startswith("sandbox at")).split()[-1]

    def _end(self) -> None:
        if not self._apart:
            super()._end()
            return
        self._process.terminate()
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    def kill(self) -> None:
        """As a machine that goes dark: only with `apart`."""
        self._process.kill()
        self._process.wait(PATIENCE)

    # -- what buyers, warehouse and couriers do -----------------------------------------------------

    def make_up(self, shop: str, count: int = 1, *, paid: bool = False, seed: int = 1) -> list[str]:
        return self.control(
            "POST", "/orders/made-up", {"shop": shop, "count": count, "paid": paid, "seed": seed}
        )["placed"]

    def order(self, no: str) -> dict[str, Any]:
        return next(order for order in self.orders() if order["no"] == no)

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

    def push_to(self, url: str | None) -> None:
        self.control("PUT", "/receiver", {"url": url})

    # -- what has become of it ----------------------------------------------------------------------

    def events(self) -> list[dict[str, Any]]:
        """The newest first."""
        return self.control("GET", "/events?limit=100000")["events"]

    def wait_until_pushed(self) -> None:
        """Until no event waits."""
        wait_until(lambda: not self.control("GET", "/events?limit=1")["waiting"], "events still wait")

    def control(self, method: str, path: str, told: Any = None) -> dict[str, Any]:
        """The control API itself; what it refuses is an error of the test."""
        try:
            return super().control(method, path, told)
        except No as no:
            raise AssertionError(no.message) from None

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
