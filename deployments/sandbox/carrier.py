"""/carrier: Kuaidi100's query. As there, a no is told in the body of a 200."""

from __future__ import annotations

import hmac
import json

from fastapi import APIRouter, Request, Response

from deployments.sandbox import signing
from deployments.sandbox.requests import NOS, TheWorld, form, told

api = APIRouter(prefix="/carrier", tags=["carrier 快递100"], responses=NOS)
FIELDS = {
    "type": "object",
    "required": ["customer", "sign", "param"],
    "properties": {name: {"type": "string"} for name in ("customer", "sign", "param")},
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/x-www-form-urlencoded": {"schema": FIELDS}},
    }
}


@api.post("/poll/query.do", openapi_extra=BODY)
async def query(request: Request, world: TheWorld) -> Response:
    """Where a parcel is; `param` is JSON with `com` and `num`, `sign` the MD5 of param, key and customer."""
    fields = await form(request)
    secrets = world.secrets
    param, customer = fields.get("param", ""), fields.get("customer", "")
    right = signing.md5_of(param, secrets.kuaidi100_key, secrets.kuaidi100_customer)
    signed = hmac.compare_digest(fields.get("sign", "").encode(), right.encode())
    if customer != secrets.kuaidi100_customer or not signed:
        return _no("503", "验证签名失败")
    try:
        asked = json.loads(param)
        number, company = asked["num"], asked["com"]
    except (ValueError, KeyError, TypeError, RecursionError):
        number = company = None
    if not (isinstance(number, str) and isinstance(company, str) and number.isascii() and number):
        return _no("400", "提交的数据不完整，或者贵公司没授权")
    return told(world.parcels.query(number, company))


def _no(code: str, message: str) -> Response:
    return told({"result": False, "returnCode": code, "message": message})
