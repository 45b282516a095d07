"""Where parcels are, by Kuaidi100: its query, and the pushes it sends us.

Its documentation is kept to by the letter: one JSON text `param` is signed and sent as it was signed; states are
numbers whose first digit says how far; times are of China, and scans come newest or oldest first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flows.clock import instant
from flows.gateways import open_client, send_async, short
from flows.gateways.settings import Settings
from flows.signatures import kuaidi100_query_sign
from flows.strangers import decoded
from states.errors import BadInput, GatewayRejected, GatewayUnavailable

if TYPE_CHECKING:
    import httpx

CHINA = ZoneInfo("Asia/Shanghai")
PUBLIC_URL = "https://poll.kuaidi100.com"
SIGNED = "签收"
NOT_SIGNED = ("未签收", "拒签", "退签", "待签收", "等待签收")
GAVE_UP = ("无记录", "无变化")  # 3天查询无记录, 60天无变化
PROBLEMS = {"2": "疑难", "4": "退签", "6": "退回", "14": "拒签"}
CODES = {  # by what shops and platforms call them
    "顺丰": "shunfeng", "SF": "shunfeng", "圆通": "yuantong", "YTO": "yuantong", "中通": "zhongtong",
    "ZTO": "zhongtong", "申通": "shentong", "STO": "shentong", "韵达": "yunda", "YUNDA": "yunda", "极兔": "jtexpress",
    "JT": "jtexpress", "邮政": "youzhengguonei", "EMS": "ems", "京东": "jd", "JD": "jd", "德邦": "debangkuaidi",
    "百世": "huitongkuaidi", "苏宁": "suning",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scan:
    """The parcel was seen; `text` may name people."""

    at: datetime
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Track:
    """What the carrier says of one parcel, oldest scan first."""

    waybill: str
    carrier: str
    scans: tuple[Scan, ...] = ()
    signed_at: datetime | None = None
    problem: str | None = None  # refused, on its way back …, in their word
    given_up: str | None = None  # they have stopped looking: why


def read_push(param: str) -> Track:
    """What a push tells. Raises BadInput when it is none of theirs; nothing of it is in the sentence."""
    try:
        told = decoded(param)
    except ValueError:
        raise _unreadable() from None
    last = told.get("lastResult") if isinstance(told, dict) else None
    if not isinstance(last, dict):
        raise _unreadable()
    message, status = _text(told.get("message")), told.get("status")
    found = _track(last)
    ended = status == "abort" or (status == "shutdown" and found.signed_at is None)
    gave_up = ended or any(word in message for word in GAVE_UP)
    return Track(
        *(found.waybill, found.carrier, found.scans, found.signed_at, found.problem),
        given_up=(short(message) or _text(status)) if gave_up else None,
    )


def read_track(told: dict[str, Any]) -> Track:
    """What the answer to a query tells. Raises GatewayRejected when it is an error, BadInput when it is no answer."""
    if told.get("status") != "200":
        code = _text(told.get("returnCode") or told.get("status"))
        said = f"kuaidi100 answered {code}: {short(told.get('message'))}"
        raise GatewayRejected(said, status=200, code=f"kuaidi100_{code}", where="kuaidi100")
    return _track(told)


def carrier_code(name: str | None) -> str | None:
    """Kuaidi100's word for a carrier; None for one we can't name to it."""
    name = (name or "").strip()
    if name.isascii() and name.islower():
        return name
    return next((code for known, code in CODES.items() if name.upper().startswith(known)), None)


class Kuaidi100Gateway:
    """Kuaidi100, as far as we need it."""

    def __init__(self, client: httpx.AsyncClient, key: str, customer: str) -> None:
        """Takes a client that knows the address, our key and our customer number."""
        self._client, self._key, self._customer = client, key, customer

    async def query(
        self, carrier: str, waybill: str, phone: str | None = None
    ) -> tuple[Track, dict[str, Any]]:
        """Where a parcel is now, and their very words; some carriers want the receiver's telephone number.

        Raises GatewayUnavailable, GatewayRejected and BadInput.
        """
        asked = {"com": carrier, "num": waybill, **({"phone": phone} if phone else {}), "resultv2": "1"}
        param = json.dumps(asked, ensure_ascii=False, separators=(",", ":"))
        sign = kuaidi100_query_sign(param, self._key, self._customer)
        told = await self._ask({"customer": self._customer, "sign": sign, "param": param})
        track = read_track(told)
        if track.waybill.casefold() != waybill.casefold():
            what = f"kuaidi100 was asked for the parcel {waybill} and told of another one"
            raise GatewayUnavailable(what, code="other_parcel", where="kuaidi100")
        return track, told

    async def aclose(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def _ask(self, form: dict[str, str]) -> dict[str, Any]:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        content = urlencode(form).encode()
        return await send_async(self._client, "POST", "/poll/query.do", content=content, headers=headers)


def open_kuaidi100(settings: Settings) -> Kuaidi100Gateway | None:
    """Kuaidi100 with KUAIDI100_KEY and KUAIDI100_CUSTOMER, at KUAIDI100_URL where it is not the public one; None
    without a key. Raises BadInput."""
    key = settings.secret("KUAIDI100_KEY")
    if key is None:
        return None
    customer = settings.needed("KUAIDI100_CUSTOMER", "KEFU_KUAIDI100_KEY")
    return Kuaidi100Gateway(open_client(settings.address("KUAIDI100_URL") or PUBLIC_URL), key, customer)


def _track(told: dict[str, Any]) -> Track:
    waybill, scans, state = _text(told.get("nu")), told.get("data"), _text(told.get("state"))
    if not waybill or not isinstance(scans, list) or not all(isinstance(scan, dict) for scan in scans):
        raise _unreadable()
    seen = sorted((_scan(scan) for scan in scans), key=lambda scan: scan.at)
    signed = state == "3" or (len(state) == 3 and state.startswith("3"))
    return Track(
        *(waybill, _text(told.get("com")), tuple(seen)),
        signed_at=_signed_at(seen) if signed and seen else None,
        problem=PROBLEMS.get(state) or PROBLEMS.get(state[:1] if len(state) == 3 else ""),
    )


def _scan(told: dict[str, Any]) -> Scan:
    try:
        at = datetime.fromisoformat(_text(told.get("ftime") or told.get("time")))
    except ValueError:
        raise _unreadable() from None
    at = at if at.tzinfo else at.replace(tzinfo=CHINA)
    if instant(at) is None:
        raise _unreadable()
    return Scan(at, _text(told.get("context")))


def _signed_at(scans: list[Scan]) -> datetime:
    """The last scan that speaks of it: they may go on scanning; where none does, the last one."""
    speaking = [s for s in scans if SIGNED in s.text and not any(word in s.text for word in NOT_SIGNED)]
    return (speaking or scans)[-1].at


def _text(told: Any) -> str:
    return told.strip() if isinstance(told, str) else ""


def _unreadable() -> BadInput:
    return BadInput("this is no track as Kuaidi100 tells one", code="bad_track", where="kuaidi100")
