"""Apprise within our bounds: it asks through `requests`, which bounds each wait by itself, and no answer's size."""

from __future__ import annotations

from functools import cache
from typing import Any

import apprise
import httpx
import requests

from flows.gateways.bounds import ANSWER_SECONDS, CONNECT_SECONDS, CutOff, NotAsked, ask

# a redirect is an answer that nobody was told by
ASSET = apprise.AppriseAsset(http_redirects=False)


def party(url: str) -> Any:
    """Who is told at an Apprise URL; None for an address that Apprise does not know."""
    return apprise.Apprise.instantiate(url, asset=ASSET, suppress_exceptions=True)


class _Within(requests.adapters.BaseAdapter):
    """Takes a request of `requests` to where all our other questions go."""

    def send(self, request: Any, *_: Any, verify: Any = True, **__: Any) -> requests.Response:
        try:
            answer = ask(
                _client(bool(verify)),
                request.method,
                request.url,
                content=request.body,
                headers=dict(request.headers),
            )
        except (httpx.HTTPError, httpx.InvalidURL, CutOff, NotAsked) as error:  # the URL is a secret
            raise requests.ConnectionError(type(error).__name__) from None
        response = requests.Response()
        response.status_code, response.reason = answer.status_code, answer.reason_phrase
        response.headers.update(answer.headers)
        response.encoding = requests.utils.get_encoding_from_headers(response.headers)
        response._content = answer.content
        response.request, response.url = request, request.url
        return response

    def close(self) -> None:
        """Nothing is kept open."""


@cache
def _client(verify: bool) -> httpx.Client:
    return httpx.Client(verify=verify, timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS))


# Apprise calls `requests.post`, which makes a session of its own each time: there is no other way in. Nobody else in
# this process asks through `requests`.
requests.sessions.HTTPAdapter = _Within
