"""/control: the page, the time, the faults, the receiver, and what has become of everything."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from datetime import timedelta
from importlib.resources import files
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import Field

from deployments.sandbox.answers import Moment, No, Told, Word, iso
from deployments.sandbox.events import TAKEN
from deployments.sandbox.faults import PARTIES, Faults
from deployments.sandbox.people import BOUNCES, REACHED, REFUSES, UNKNOWN
from deployments.sandbox.requests import NOS, TheWorld, told
from deployments.sandbox.world import World

api = APIRouter(prefix="/control", tags=["control 控制台"], responses=NOS)
PAGE = (files("deployments") / "sandbox" / "control.html").read_text(encoding="utf-8")
ONLY_ITSELF = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; frame-ancestors 'none'"
}
Party = Literal[PARTIES]
Number = Annotated[Word, Path()]
Limit = Annotated[int, Query(ge=1, le=100_000)]


class TimeOfDay(Told):
    now: Moment | None = Field(None, description="The real time when empty.")
    pace: Annotated[float, Field(ge=0, le=100_000)] = Field(1, description="0 stands still.")


class Forward(Told):
    seconds: Annotated[float, Field(ge=0, le=366 * 86_400)]


class Receiver(Told):
    url: Annotated[str, Field(max_length=300)] | None = Field(None, description="Empty: events wait.")


class Person(Told):
    name: Annotated[str, Field(max_length=100)] = ""
    answers: Literal[REACHED, UNKNOWN, REFUSES, BOUNCES] = REACHED


@api.get("", response_class=HTMLResponse)
async def page() -> HTMLResponse:
    """The control page, for people."""
    return HTMLResponse(PAGE, headers=ONLY_ITSELF)


@api.get("/state")
async def state(world: TheWorld) -> Response:
    """What the page shows: the latest of everything."""
    return told(
        {
            "clock": _time(world),
            "receiver": world.events.receiver,
            "faults": {party: world.misbehaviour.of(party).model_dump() for party in PARTIES},
            "met": world.misbehaviour.met(),
            "orders": world.store.all("order", newest=20),
            "counts": world.ledger.counts(),
            "ledger": world.ledger.latest(20),
            "events": world.events.told(20),
            "events_waiting": world.events.waiting(),
        }
    )


@api.get("/clock")
async def time_of_day(world: TheWorld) -> Response:
    """The sandbox's own time."""
    return told(_time(world))


@api.put("/clock")
async def set_time(body: TimeOfDay, world: TheWorld) -> Response:
    """Show another time, and run faster or not at all."""
    world.hands.set(body.now, body.pace)
    return told(_time(world))


@api.post("/clock/forward")
async def forward(body: Forward, world: TheWorld) -> Response:
    """So much later at once."""
    world.hands.forward(timedelta(seconds=body.seconds))
    return told(_time(world))


@api.get("/faults")
async def faults(world: TheWorld) -> Response:
    """How each party misbehaves, and how often each fault has struck."""
    set_to = {party: world.misbehaviour.of(party).model_dump() for party in PARTIES}
    return told({"faults": set_to, "met": world.misbehaviour.met()})


@api.put("/faults/{party}")
async def misbehave(party: Party, body: Faults, world: TheWorld) -> Response:
    """From now on; what is not named does not strike."""
    with world.store.change():
        world.misbehaviour.set(party, body)
    return told(body.model_dump())


@api.delete("/faults")
async def behave(world: TheWorld) -> Response:
    """All parties behave again."""
    with world.store.change():
        for party in PARTIES:
            world.misbehaviour.set(party, Faults())
    return told({})


@api.put("/receiver")
async def receiver(body: Receiver, world: TheWorld) -> Response:
    """Where kefu listens: on this machine or in its own network."""
    if body.url:
        await asyncio.to_thread(_must_be_near, body.url)
    with world.store.change():
        world.events.send_to(body.url or None)
    return told({"url": world.events.receiver})


@api.get("/ledger")
async def ledger(
    world: TheWorld,
    party: Annotated[str | None, Query(max_length=40)] = None,
    outcome: Literal["done", "pending", "refused", "not_now"] | None = None,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Limit = 100_000,
) -> Response:
    """Everything the parties did or refused, one row each, in the order it was first asked for."""
    return told({"effects": world.ledger.told(party, outcome, after=after, limit=limit)})


@api.get("/ledger/counts")
async def ledger_counts(world: TheWorld) -> Response:
    """How many of each."""
    return told({"counts": world.ledger.counts()})


@api.get("/events")
async def events(world: TheWorld, limit: Limit = 100) -> Response:
    """What was pushed, the newest first, and how the receiver answered."""
    return told({"events": world.events.told(limit), "waiting": world.events.waiting(), "taken": TAKEN})


@api.post("/events/{event}/again")
async def push_again(event: Annotated[int, Path(ge=1, le=2**53)], world: TheWorld) -> Response:
    """Push it once more."""
    if not world.events.again(event):
        raise No(404, "unknown_event", "there is no event with this number")
    return told({})


@api.get("/people")
async def people(world: TheWorld) -> Response:
    """The phone book."""
    return told({"people": world.people.all()})


@api.put("/people/{number}")
async def person(number: Number, body: Person, world: TheWorld) -> Response:
    """Whose this number or platform handle is, and whether messages reach them."""
    with world.store.change():
        return told(world.people.set(number, body.name, body.answers))


@api.post("/reset")
async def reset(world: TheWorld) -> Response:
    """As on the first day: no orders, no ledger, no faults, the real time."""
    world.forget()
    return told({})


def _time(world: World) -> dict[str, object]:
    return {"now": iso(world.hands.now()), "pace": world.hands.pace}


def _must_be_near(url: str) -> None:
    """Raises No for an address beyond this machine's own network: nobody is to be attacked from here."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or set("@?# ") & set(url):
            raise ValueError
        found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(address[4][0]) for address in found]
        addresses = [getattr(address, "ipv4_mapped", None) or address for address in addresses]
    except (ValueError, OSError):
        raise No(422, "bad_receiver", "give an address such as http://127.0.0.1:4400") from None
    if not all(
        (a.is_loopback or a.is_private) and not a.is_link_local and not a.is_unspecified for a in addresses
    ):
        raise No(422, "receiver_too_far", "the receiver must be on this machine or in its own network")
