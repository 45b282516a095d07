"""A Prefect server that this process did not start: where it is, and what lets us in."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx

from deployments.auth import auth_string, has_auth
from deployments.server import ServerUnavailable, own_port
from deployments.window import is_local, own_address, own_url
from models.database import home


def settings_for(api_url: str | None) -> dict[str, str]:
    """The server to ask (our own window, where nobody names one), and what lets us in: PREFECT_API_AUTH_STRING, or on
    this machine what our own window asks for. No other machine is told that."""
    ours = home("prefect")
    has_window = has_auth(ours)
    url = api_url or os.environ.get("PREFECT_API_URL")
    if url is None and has_window:
        url = f"{own_url(own_address(), own_port())}/api"
    settings = {"PREFECT_API_URL": url} if url else {}
    if url and has_window and "PREFECT_API_AUTH_STRING" not in os.environ:
        at = urlsplit(url).hostname
        settings |= {"PREFECT_API_AUTH_STRING": auth_string(ours)} if at and is_local(at) else {}
    return settings


@contextlib.contextmanager
def let_in() -> Iterator[None]:
    """Whoever is not let in reads what to set. Raises ServerUnavailable."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.UNAUTHORIZED:
            raise
        server = error.request.url.copy_with(path=None, query=None)
        raise ServerUnavailable(
            f"{server} 要口令 / the Prefect server at {server} lets nobody in without its auth string: "
            "set PREFECT_API_AUTH_STRING=user:password",
            code="no_auth",
            where=str(server),
        ) from None
