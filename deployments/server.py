"""A Prefect server of our own: a child process with its own home and SQLite file, talking to nobody outside.

This module imports no Prefect, so that its environment can still be set.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from urllib.parse import urlsplit

import httpx

from deployments import one_server
from deployments.auth import auth_file, auth_string, has_auth, make_auth
from deployments.private_home import OTHERS
from deployments.window import LISTEN, LOCAL, OwnPagesOnly, own_address, own_names, own_url
from flows.gateways.bounds import CutOff, ask
from states.errors import OutsideFailed

if TYPE_CHECKING:
    from starlette.types import ASGIApp

PORT = 4200
STARTS_WITHIN = 120.0  # seconds; the first start also creates some 60 tables, on whatever machine this is
STOPS_WITHIN = 20.0


class ServerUnavailable(OutsideFailed):
    """The Prefect server did not start, or something else sits on its port."""


@dataclass
class PrefectServer:
    """A running server; `process` is None for one we found running."""

    url: str
    home: Path
    process: subprocess.Popen | None = None

    @property
    def api_url(self) -> str:
        """Where its API answers."""
        return f"{self.url}/api"

    def stop(self) -> None:
        """End the server if we started it; harmless when it has ended."""
        if self.process is None:
            return
        _send_what_is_queued()
        for sign, patience in ((signal.SIGINT, STOPS_WITHIN), (signal.SIGKILL, 5.0)):
            if self.process.poll() is None:
                self.process.send_signal(sign)
                try:
                    self.process.wait(patience)
                except subprocess.TimeoutExpired:
                    continue
        self.process = None

    def __enter__(self) -> PrefectServer:
        return self

    def __exit__(self, *_) -> None:
        self.stop()


def start_server(
    home: Path, port: int = PORT, listen: str = LOCAL, *, say: Callable[[str], None] = lambda _: None
) -> PrefectServer:
    """A healthy server for this home: the one that already answers, or a new child process.

    Says once, when it makes it, the auth string. Raises BadInput without one, and ServerUnavailable.
    """
    url = own_url(listen, port)
    home = home.absolute()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = one_server.hold(home, url)
    if lock is None:
        return _running(home, url)
    with lock:
        return _started(home, url, listen, lock, say)


def _running(home: Path, url: str) -> PrefectServer:
    """The server of this home that runs already. Raises ServerUnavailable where it is elsewhere, or not there yet."""
    at = one_server.address(home) or url
    if at == url and has_auth(home) and _home_of(url, auth_string(home)) == home:
        return PrefectServer(url, home)
    raise ServerUnavailable(
        f"这个 KEFU_HOME 的 kefu 已在运行或正在启动,地址 {at}:请打开它,或先结束它 / kefu of this KEFU_HOME is running "
        f"already, or just starting, at {at}: open that window, or end it first",
        code="already_running",
        where=at,
    )


def _started(home: Path, url: str, listen: str, lock: TextIO, say: Callable[[str], None]) -> PrefectServer:
    port = urlsplit(url).port
    if _taken(url):
        _must_not_be_open(home, url)
        raise ServerUnavailable(
            f"port {port} is taken by something else; free it, or choose another with --port or KEFU_PORT",
            code="port_taken",
            where=url,
        )
    if made := make_auth(home):
        say(f"{url} 登录口令 asks for: {made}  (只显示这一次 / not shown again; kept in {auth_file(home)})")
    auth = auth_string(home)
    log = home / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", "--factory", "deployments.server:create_app"),
                *("--host", listen, "--port", str(port), "--timeout-keep-alive", "5"),
                *("--log-level", "warning", "--timeout-graceful-shutdown", "3"),
            ],
            env=os.environ | server_settings(home, url) | {LISTEN: listen},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[lock.fileno()],  # held for as long as it lives
            umask=OTHERS,  # its database and its log are ours alone
            start_new_session=True,  # Ctrl-C is for us: the worker still reports before the server ends
        )
    server = PrefectServer(url, home, process)
    try:
        _wait_until_healthy(server, auth, log)
    except BaseException:
        server.stop()
        raise
    return server


def create_app() -> ASGIApp:
    """What the server process serves: Prefect's own, to the pages of its own addresses only."""
    from prefect.server.api.server import create_app as create_prefect

    return OwnPagesOnly(create_prefect(), own_address(), own_names())


def own_port() -> int:
    """KEFU_PORT, or 4200."""
    return int(os.environ.get("KEFU_PORT") or PORT)


def client_settings(home: Path, api_url: str) -> dict[str, str]:
    """What a process needs to speak with this server and with nobody else."""
    return {
        "PREFECT_API_URL": api_url,
        "PREFECT_API_AUTH_STRING": auth_string(home),
        "PREFECT_HOME": str(home),
        "PREFECT_PROFILES_PATH": str(home / "profiles.toml"),
        "DO_NOT_TRACK": "1",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "1",  # a run started by hand begins within two seconds
        "PREFECT_WORKER_PREFETCH_SECONDS": "0",  # not before its time: it would hold its concurrency slot
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), urlsplit(api_url).hostname])),
    }


def server_settings(home: Path, url: str) -> dict[str, str]:
    """The environment of the server process. DO_NOT_TRACK alone would not silence it."""
    return client_settings(home, f"{url}/api") | {
        "PREFECT_SERVER_API_AUTH_STRING": auth_string(home),
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": url,  # any, unless told
        "PREFECT_UI_API_URL": "/api",  # of whichever of its addresses the browser is at
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_UI_V2_ENABLED": "false",  # V2 reports from the browser, whatever is set
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home / 'prefect.db'}",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        # a second run of a shop's cut-off waits this long for the first, not half a minute
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
        "PREFECT__SERVER_FINAL": "1",
        # it lists all zones for each schedule it reads: the package tzdata knows them, the machine is asked for 10 ms
        "PYTHONTZPATH": "",
    }


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _send_what_is_queued() -> None:
    """This process's log lines and events; left for its end, they would look for the server for a minute."""
    if "prefect" in sys.modules:
        from prefect.events.worker import EventsWorker
        from prefect.logging.handlers import APILogWorker

        for queue in (EventsWorker, APILogWorker):
            queue.drain_all(timeout=5)


def _taken(url: str) -> bool:
    at = urlsplit(url)
    try:
        socket.create_connection((at.hostname, at.port), 1).close()
    except OSError:
        return False
    return True


def _must_not_be_open(home: Path, url: str) -> None:
    """One of an older kefu answers everybody."""
    if _home_of(url) == home:
        raise ServerUnavailable(
            f"{url} 上的旧服务不问口令,请先结束它 / the server at {url} answers without an auth string: end it first",
            code="open_server",
            where=url,
        )


def _home_of(url: str, auth: str | None = None) -> Path | None:
    """The home of the Prefect server that answers there; None when it is no Prefect server, or wants another auth
    string."""
    try:
        known = tuple(auth.split(":", 1)) if auth else None
        with httpx.Client(auth=known, timeout=2, trust_env=False) as client:
            reply = ask(client, "GET", f"{url}/api/admin/settings")
        return Path(reply.raise_for_status().json()["home"])
    except (httpx.HTTPError, CutOff, json.JSONDecodeError, KeyError, TypeError):
        return None


def _wait_until_healthy(server: PrefectServer, auth: str, log: Path) -> None:
    give_up_at = time.monotonic() + STARTS_WITHIN
    with httpx.Client(timeout=2, trust_env=False) as client:
        while time.monotonic() < give_up_at:
            if server.process.poll() is not None:
                raise ServerUnavailable(
                    f"the Prefect server ended at once, with code {server.process.returncode}; see {log}",
                    code="server_ended",
                    where=server.url,
                )
            try:
                healthy = ask(client, "GET", f"{server.api_url}/health").is_success
                if healthy and _home_of(server.url, auth) == server.home:
                    return
            except (httpx.HTTPError, CutOff):
                pass
            time.sleep(0.2)
    raise ServerUnavailable(
        f"the Prefect server did not answer within {STARTS_WITHIN:.0f} s; see {log}",
        code="server_silent",
        where=server.url,
    )
