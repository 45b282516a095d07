"""Running kefu: database, Prefect server, timetable and worker, all in one process and one child of it.

Prefect is imported late, after its settings are in the environment: it reads them once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from importlib.resources import files
from pathlib import Path

from deployments.private_home import tighten
from deployments.server import PrefectServer, ServerUnavailable, client_settings, own_port, start_server
from deployments.shared_server import let_in, settings_for
from deployments.shop_files import load_shop_file
from deployments.window import is_local, own_address
from flows import clock, stopping
from flows.gateways.payments import URL as PAYMENTS_URL
from flows.import_folder import import_folder
from flows.policy_store import apply_policy, current_policies
from models.database import database_url, engine_for, engine_from_env, home
from models.migrating import migrate
from states.errors import BadInput

Say = Callable[[str], None]
Meanwhile = Callable[[threading.Event], bool]  # True: go on serving; it ends early when the event is set

OWN_SHOPS = ("bag-studio", "urumqi-kitchen")
RECEIVER_PORT = "KEFU_RECEIVER_PORT"
ENDS_WITHIN = 18.0  # seconds, once asked to end: whoever asked kills after 20
LIMIT = 4  # flow runs at once: SQLite has one writer


def up(
    *,
    port: int | None = None,
    listen: str | None = None,
    shop_files: Iterable[Path] = (),
    limit: int = LIMIT,
    say: Say = print,
) -> None:
    """Run the real thing until Ctrl-C: database, shops, Prefect server, timetable, worker."""
    prepare(shop_files, say=say)
    with server(port, listen, say=say) as running:
        for change in deploy(running.api_url):
            say(f"timetable: {change}")
        if not os.environ.get(PAYMENTS_URL):
            say(f"refunds wait: no payment service is configured ({PAYMENTS_URL})")
        with receiver(say=say):
            say(f"{running.url} shows what runs; Ctrl-C ends it")
            serve(running, limit=limit, say=say)


def prepare(shop_files: Iterable[Path] = (), *, say: Say = print) -> None:
    """The folder for files to take in, the tables and the shops. The shops that come with kefu only where there are
    none: what an operator has applied since must not be undone by a restart."""
    tighten(say)
    import_folder()
    if copy := migrate(engine_for(database_url())):
        say(f"升级前的数据库副本 the database from before its upgrade: {copy}")
    engine = engine_from_env()
    shop_files = list(shop_files)
    if not shop_files and not current_policies(engine):
        shop_files = [Path(str(files("deployments") / "shops" / f"{name}.toml")) for name in OWN_SHOPS]
    for path in shop_files:
        policies = load_shop_file(path)
        number, new = apply_policy(engine, policies, at=clock.now())
        if new:
            say(f"shop {policies.name}: policy version {number}")


def server(port: int | None = None, listen: str | None = None, *, say: Say = print) -> PrefectServer:
    """Our Prefect server on its port (KEFU_PORT, 4200) and address (KEFU_LISTEN, 127.0.0.1), started when it does not
    run, and this process set to it."""
    listen = listen or own_address()
    running = start_server(home("prefect"), port or own_port(), listen, say=say)
    say(f"Prefect server {'started' if running.process else 'found'} at {running.url}")
    if not is_local(listen):
        say(
            f"其他机器也能访问 {listen},且未加密:请在前面放 TLS 代理 / "
            f"other machines reach {listen}, unencrypted: put a proxy with TLS before it"
        )
    use_settings(client_settings(running.home, running.api_url))
    return running


@contextlib.contextmanager
def receiver(*, say: Say = print) -> Iterator[None]:
    """The door for pushes, where KEFU_RECEIVER_PORT says that there is to be one."""
    port = os.environ.get(RECEIVER_PORT, "").strip()
    if not port:
        yield
        return
    if not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise BadInput(f"{RECEIVER_PORT} is no port: {port!r}", code="bad_setting", where=RECEIVER_PORT)
    from deployments.receiver import Receiver

    with Receiver(engine_from_env(), port=int(port)) as taking:
        say(f"{taking.url} takes pushes")
        yield


def use_settings(settings: dict[str, str]) -> None:
    """Set this process to a Prefect server, whether or not Prefect has been imported already."""
    os.environ |= settings
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "WARNING")  # the server keeps all of it
    if "prefect" in sys.modules:
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()


def deploy(api_url: str | None = None, *, paused: bool = False) -> list[str]:
    """Bring the timetable on the server (this environment's, when none is named) in line with the shops, and who is
    told when a message dies."""
    use_settings(settings_for(api_url))
    from deployments.alarms import deploy_alarms
    from deployments.timetable import deploy as deploy_timetable

    with let_in():
        return deploy_timetable(current_policies(engine_from_env()), paused=paused) + deploy_alarms()


def start_worker(api_url: str | None = None, *, limit: int = LIMIT, say: Say = print) -> None:
    """A worker for a Prefect server that runs elsewhere, until Ctrl-C."""
    engine_from_env()  # a database that is not ours stops us here, not each of our runs
    settings = {"PREFECT_WORKER_QUERY_SECONDS": "1", "PREFECT_WORKER_PREFETCH_SECONDS": "0"}
    use_settings(settings | settings_for(api_url))
    with let_in():
        serve(None, limit=limit, say=say)


def serve(
    running: PrefectServer | None,
    *,
    limit: int = LIMIT,
    meanwhile: Meanwhile | None = None,
    say: Say = print,
) -> None:
    """Work until Ctrl-C or SIGTERM; `meanwhile` runs beside the worker and says whether to go on after it."""
    asyncio.run(_serve(running, limit, meanwhile, say))


async def _serve(running: PrefectServer | None, limit: int, meanwhile: Meanwhile | None, say: Say) -> None:
    from deployments.timetable import POOL
    from deployments.worker import InProcessWorker

    stopping.asked.clear()
    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, asked_to_stop.set)
    worker = asyncio.create_task(InProcessWorker(POOL, limit=limit).start(printer=lambda *_: None))
    watched = {worker, asyncio.create_task(asked_to_stop.wait())}
    if running and running.process:
        watched.add(asyncio.create_task(_until_it_ends(running)))
    if meanwhile:
        watched.add(asyncio.create_task(_until_done(meanwhile)))
    try:
        ended, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(sign)  # asked again, we end at once
        stopping.asked.set()
        if asked_to_stop.is_set():
            say("stopping: what is in progress is finished first")
            _end_in_any_case(running, say)
        if not worker.done():
            worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await worker


def _end_in_any_case(running: PrefectServer | None, say: Say) -> None:
    """Everything that we wait for is bounded, but for what we have not thought of. Nothing is lost by it: all that is
    under way is written down before it begins."""

    def end() -> None:
        say(
            "未等完即退出，下次启动时接着做 / ended without waiting any longer; the next start goes on from here"
        )
        sys.stdout.flush()
        if running and running.process:
            running.process.kill()
        os._exit(1)

    last_resort = threading.Timer(ENDS_WITHIN, end)
    last_resort.daemon = True
    last_resort.start()


async def _until_it_ends(running: PrefectServer) -> None:
    while running.process.poll() is None:
        await asyncio.sleep(1)
    raise ServerUnavailable(
        f"the Prefect server ended, with code {running.process.returncode}; see {running.home / 'server.log'}",
        code="server_ended",
        where=running.url,
    )


async def _until_done(meanwhile: Meanwhile) -> None:
    stopping = threading.Event()
    try:
        if await asyncio.to_thread(meanwhile, stopping):
            await asyncio.Event().wait()
    finally:
        stopping.set()  # a thread can't be cancelled, and the process does not end before it
