"""What every party does with a request: the world, its body, its key, what it met, and the answers it may give."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Depends, Header, Request
from fastapi.responses import Response

from deployments.sandbox.answers import Error, No, as_json
from deployments.sandbox.faults import Met
from deployments.sandbox.world import World

NOS: dict[int | str, dict[str, Any]] = {
    status: {"model": Error, "description": why}
    for status, why in {
        400: "Unreadable",
        401: "Not signed, not now, or not new",
        404: "Unknown",
        409: "Not now",
        413: "Too large",
        415: "Not in UTF-8, or no form",
        422: "No",
        429: "Too many at once",
    }.items()
}


def the_world(request: Request) -> World:
    return request.app.state.world


def what_it_met(request: Request) -> Met:
    return request.scope["state"]["met"]


def told(document: Any, status: int = 200) -> Response:
    """Without a detour through models: the answers are made here."""
    return Response(as_json(document), status, media_type="application/json")


async def form(request: Request) -> dict[str, str]:
    """The fields of an HTML form in UTF-8. Raises No."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise No(415, "no_form", "send application/x-www-form-urlencoded")
    try:
        return dict(parse_qsl((await request.body()).decode(), errors="strict", max_num_fields=50))
    except UnicodeDecodeError:
        raise No(400, "not_utf8", "the form is not in UTF-8") from None
    except ValueError:
        raise No(400, "bad_form", "the form has too many fields") from None


TheWorld = Annotated[World, Depends(the_world)]
WhatItMet = Annotated[Met, Depends(what_it_met)]
Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=300, pattern=r"^[!-~]+$")]
KeyIfAny = Annotated[
    str | None, Header(alias="Idempotency-Key", min_length=1, max_length=300, pattern=r"^[!-~]+$")
]
