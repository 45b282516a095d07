"""A sandbox beside kefu in the same process: it ends with it, whatever ends it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, Self

import httpx

from deployments.sandbox.answers import No
from deployments.sandbox.app import Server
from deployments.sandbox.secrets import Secrets
from deployments.sandbox.serving import settings
from deployments.sandbox.world import World

PATIENCE = 20  # seconds for it to answer, and to end


class Alongside:
    """The outside world on a free port of this machine, in a thread; everything in it is gone at the end, unless it
    is kept in a `file`."""

    def __init__(self, file: Path | None = None) -> None:
        self.secrets = Secrets()
        self._file = file

    def __enter__(self) -> Self:
        self.url = self._begin()
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._end()

    def _begin(self) -> str:
        self._world = World(self.secrets, self._file)
        self._server = Server(self._world)
        self._server.listen()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve_listening()), daemon=True
        )
        self._thread.start()
        return self._server.url

    def _end(self) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        self._world.close()

    def environment(self) -> dict[str, str]:
        """Its addresses and secrets, as kefu reads them."""
        return settings(self.url, self.secrets)

    def control(self, method: str, path: str, told: Any = None) -> dict[str, Any]:
        """Its control API. Raises No."""
        answer = self.client.request(method, f"/control{path}", json=told)
        if not answer.is_success:
            raise No(answer.status_code, "refused", f"{method} {path}: {answer.text}")
        return answer.json()

    def set_clock(self, now: str | None, pace: float = 0) -> None:
        """Show this time (the real one: None), and run at so many times the real pace."""
        self.control("PUT", "/clock", {"now": now, "pace": pace})

    def orders(self) -> list[dict[str, Any]]:
        """All of them, the latest changed first."""
        return self.control("GET", "/orders?limit=100000")["orders"]

    def act(self, no: str, what: str, **told: Any) -> dict[str, Any]:
        """pay, cancel, depart, sign, confirm or complain."""
        return self.control("POST", f"/orders/{no}/{what}", told)

    def place(self, *orders: dict[str, Any]) -> list[str]:
        """All of them, or none."""
        return self.control("POST", "/orders", {"orders": list(orders)})["placed"]

    def effects(self, party: str | None = None, outcome: str | None = None) -> list[dict[str, Any]]:
        """The ledger: all that was done (or refused, pending, not_now), in the order it was first asked for."""
        wanted = {name: value for name, value in (("party", party), ("outcome", outcome)) if value}
        return self.client.get("/control/ledger", params=wanted).raise_for_status().json()["effects"]
