"""/payments: the payment service, by the protocol in README.md."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from deployments.sandbox.answers import OrderNo, ShopName, SomeFen, Told
from deployments.sandbox.requests import NOS, Key, TheWorld, WhatItMet, told

api = APIRouter(prefix="/payments", tags=["payments 支付"], responses=NOS)


class Terms(Told):
    order_no: OrderNo
    shop: ShopName
    fen: SomeFen


@api.post("/refunds", status_code=201, responses={200: {}, 202: {}})
async def refund(body: Terms, key: Key, world: TheWorld, met: WhatItMet) -> Response:
    """Pay back once for each key: 201 paid or failed, 202 pending, 200 known already."""
    status, answer = world.refunds.ask(key, body.model_dump(), met.becomes)
    return told(answer, status)


@api.get("/refunds/{key:path}")
async def find_refund(key: Annotated[str, Path(max_length=900)], world: TheWorld) -> Response:
    """What became of it; 404 when the key was never heard of."""
    return told(world.refunds.find(key))
