"""Pushes as the outside world sends them, and a receiver that takes them over real HTTP."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import httpx
from orders_told import SHOP

from flows import clock
from flows.signatures import kuaidi100_query_sign, signed

SECRET, SALT = "s3cret", "pinch"
JSON, FORM = {"Content-Type": "application/json"}, {"Content-Type": "application/x-www-form-urlencoded"}


def settings(monkeypatch: Any, shop: str = SHOP) -> None:
    """What the shop and those who push to it know of each other."""
    own = f"KEFU_{shop.upper().replace('-', '_')}"
    monkeypatch.setenv(f"{own}_PLATFORM_SECRET", SECRET)
    monkeypatch.setenv(f"{own}_PAYMENTS_SECRET", SECRET)
    monkeypatch.setenv(f"{own}_KUAIDI100_SALT", SALT)


def event(id: str = "evt-1", type: str = "order.changed", **more: Any) -> dict:
    return {"id": id, "type": type, "shop": SHOP, "at": "2026-03-02T12:00:00+08:00", **more}


def push(
    url: str,
    told: Any,
    *,
    source: str = "platform",
    shop: str = SHOP,
    secret: str = SECRET,
    at: datetime | None = None,
    query: str = "",
    **headers: str,
) -> httpx.Response:
    """An event, signed as the platform signs; bytes are sent as they are."""
    body = told if isinstance(told, bytes) else json.dumps(told, ensure_ascii=False).encode()
    target = f"/push/{source}/{shop}{query}"
    sign = signed(secret, "POST", target, body, at=at or clock.now())
    return httpx.post(url + target, content=body, headers={**JSON, **sign, **headers})


def a_scan(time: str, context: str = "在途") -> dict:
    return {"time": time, "ftime": time, "context": context}


def a_track(
    *scans: dict, waybill: str = "SF123456", state: str = "0", status: str = "polling", message: str = ""
) -> str:
    last = {
        "message": "ok",
        "nu": waybill,
        "com": "shunfeng",
        "status": "200",
        "state": state,
        "data": list(scans),
    }
    return json.dumps({"status": status, "message": message, "lastResult": last}, ensure_ascii=False)


def push_scan(url: str, param: str, *, shop: str = SHOP, salt: str = SALT) -> httpx.Response:
    """A parcel's track, signed as Kuaidi100 signs: MD5 of param and salt."""
    form = {"sign": kuaidi100_query_sign(param, salt, ""), "param": param}
    return httpx.post(f"{url}/push/kuaidi100/{shop}", content=urlencode(form), headers=FORM)
