"""/sms and /staff: who brings messages to buyers' phones and to the staff's chat."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, ValidationError

from deployments.sandbox.answers import No, Text, Told
from deployments.sandbox.requests import NOS, Key, KeyIfAny, TheWorld, form, told

api = APIRouter(responses=NOS)
Phone = Annotated[str, Field(pattern=r"^\+?[0-9 -]{5,24}$")]


class Sms(Told):
    phone: Phone
    text: Text


class Notice(BaseModel):
    """As Apprise's json:// and form:// send it; what else they send is left aside."""

    title: Annotated[str, Field(max_length=500)] = ""
    message: Text


@api.post("/sms/messages", tags=["sms 短信"])
async def sms(body: Sms, key: Key, world: TheWorld) -> Response:
    """One short message to one phone."""

    def work() -> tuple[int, dict[str, Any]]:
        world.people.reach(body.phone)
        return 200, {"ref": f"sms-{world.store.number('ref')}"}

    status, answer = world.ledger.once("sms", "sms", key, body.phone, body.model_dump(), work)
    return told(answer, status)


NOTICE = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": Notice.model_json_schema()}
            for kind in ("application/json", "application/x-www-form-urlencoded")
        },
    }
}


@api.post("/staff/notify", tags=["staff 员工群"], openapi_extra=NOTICE)
async def notify(request: Request, world: TheWorld, key: KeyIfAny = None) -> Response:
    """A line in the staff's chat. Such webhooks know no key: without one, each is a line of its own."""
    notice = await _notice(request)

    def work() -> tuple[int, dict[str, Any]]:
        return 200, {"ref": f"notice-{world.store.number('ref')}"}

    status, answer = world.ledger.once("staff", "notice", key, notice.title, notice.model_dump(), work)
    return told(answer, status)


async def _notice(request: Request) -> Notice:
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            return Notice.model_validate_json(await request.body())
        return Notice.model_validate(await form(request))
    except ValidationError:
        raise No(422, "bad_request", "a notice has a message of 1 to 2000 characters") from None
