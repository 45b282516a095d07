"""`kefu sandbox`: the outside world until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from deployments.sandbox.app import Server
from deployments.sandbox.secrets import Secrets, secrets_from_env
from deployments.sandbox.world import World


def serve(port: int, file: Path | None, *, fresh: bool = False, say: Callable[[str], None] = print) -> None:
    """Serve until it is told to end. Raises OSError where the port is taken."""
    world = World(secrets_from_env(), file)
    if fresh:
        world.forget()
    server = Server(world, port=port)
    server.listen()  # here, so that a taken port is an OSError and not the end of the process
    for line in _how_to_reach(server.url, world.secrets):
        say(line)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(server.serve_listening())
    finally:
        world.close()


def settings(url: str, secrets: Secrets) -> dict[str, str]:
    """The addresses and secrets of a sandbox, as kefu reads them from its environment."""
    return {
        "KEFU_PLATFORM_URL": f"{url}/platform",
        "KEFU_PAYMENTS_URL": f"{url}/payments",
        "KEFU_KUAIDI100_URL": f"{url}/carrier",
        "KEFU_SMS_URL": f"{url}/sms",
        "KEFU_STAFF_URLS": f"{url.replace('http:', 'json:')}/staff/notify",
        **{f"KEFU_{name.upper()}": getattr(secrets, name) for name in Secrets.__slots__},
    }


def _how_to_reach(url: str, secrets: Secrets) -> list[str]:
    """The addresses, and those secrets that are only words for playing."""
    play = settings(url, Secrets())
    shown = {name: value for name, value in settings(url, secrets).items() if value == play[name]}
    return [
        f"sandbox at {url}",
        f"控制台 control page: {url}/control   OpenAPI: {url}/docs",
        "For kefu, in another terminal:",
        *(f"  export {name}={value}" for name, value in shown.items()),
    ]
