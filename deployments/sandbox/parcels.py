"""The carrier, as Kuaidi100 (快递100) tells of it: parcels, their scans, its query and its push."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from deployments.sandbox.answers import No, iso
from deployments.sandbox.moments import Hands
from deployments.sandbox.store import Store

Parcel = dict[str, Any]
Announce = Callable[[Parcel, dict[str, Any]], None]
BEIJING = ZoneInfo("Asia/Shanghai")
COMPANIES = {  # the beginning of a carrier's name, and Kuaidi100's code for it
    **{"顺丰": "shunfeng", "中通": "zhongtong", "圆通": "yuantong", "韵达": "yunda", "申通": "shentong"},
    **{"极兔": "jtexpress", "京东": "jd", "德邦": "debangkuaidi", "邮政": "youzhengguonei", "EMS": "ems"},
}
ON_THE_WAY, PICKED_UP, TROUBLE, SIGNED, REJECTED, OUT_FOR_DELIVERY, COMING_BACK = "0123456"
STATES = {
    PICKED_UP: "【{place}】快件已被揽收",
    ON_THE_WAY: "快件已到达【{place}】",
    OUT_FOR_DELIVERY: "【{place}】正在派件",
    SIGNED: "【{place}】快件已签收,签收人:本人",
    TROUBLE: "【{place}】派送不成功,联系不上收件人",
    REJECTED: "【{place}】收件人拒收",
    COMING_BACK: "【{place}】快件退回中",
}
CONDITIONS = {SIGNED: "F00", REJECTED: "JQ", COMING_BACK: "JQ"}  # of others: 00
UNKNOWN = {
    "message": "快递公司参数异常：单号不存在或者已经过期",
    **dict.fromkeys(("nu", "condition", "com"), ""),
    **{"ischeck": "0", "status": "201", "state": "0", "data": []},
}


def company(carrier: str | None) -> str:
    """Kuaidi100's code of a carrier; a name it does not know is taken for a code, none at all for 顺丰."""
    carrier = carrier or "顺丰"
    found = [code for name, code in COMPANIES.items() if carrier.upper().startswith(name)]
    return found[0] if found else carrier.lower()


def tracking(parcel: Parcel) -> dict[str, Any]:
    """What Kuaidi100 answers of a parcel it knows, the newest scan first."""
    scans = sorted(parcel["scans"], key=lambda scan: scan["at"])[::-1]  # of one moment the last told first
    state = scans[0]["state"] if scans else ON_THE_WAY
    return {
        "message": "ok",
        "nu": parcel["waybill"],
        "ischeck": "1" if state == SIGNED else "0",
        "condition": CONDITIONS.get(state, "00"),
        "com": parcel["company"],
        "status": "200",
        "state": state,
        "data": [_line(scan) for scan in scans],
    }


def _line(scan: dict[str, Any]) -> dict[str, str]:
    local = f"{datetime.fromisoformat(scan['at']).astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"
    return {"time": local, "ftime": local, "context": scan["context"], "location": scan["place"]}


class Parcels:
    """On their way to buyers, or back to the shop. Each scan is announced as Kuaidi100 pushes it."""

    def __init__(self, store: Store, hands: Hands, announce: Announce) -> None:
        self._store, self._hands, self._announce = store, hands, announce

    def find(self, waybill: str) -> Parcel:
        parcel = self._store.get("parcel", waybill)
        if parcel is None:
            raise No(404, "unknown_waybill", "there is no parcel with this number")
        return parcel

    def query(self, waybill: str, code: str) -> dict[str, Any]:
        """Kuaidi100's answer, also to a number it does not know."""
        parcel = self._store.get("parcel", waybill)
        return tracking(parcel) if parcel and parcel["company"] == code.lower() else UNKNOWN

    def hand_over(
        self, waybill: str, carrier: str | None, shop: str, order_no: str, *, back: bool = False
    ) -> Parcel:
        """The carrier takes a parcel; `back`: from the buyer to the shop."""
        if self._store.get("parcel", waybill):
            raise No(422, "waybill_used", "this waybill is that of another parcel")
        parcel = {"waybill": waybill, "company": company(carrier), "carrier": carrier, "back": back}
        parcel |= {"shop": shop, "order_no": order_no, "scans": []}
        return self._scanned(parcel, PICKED_UP, "", None)

    def scan(self, waybill: str, state: str, place: str = "", at: datetime | None = None) -> Parcel:
        """The courier says where it is."""
        return self._scanned(self.find(waybill), state, place, at)

    def give_up(self, waybill: str) -> Parcel:
        """Kuaidi100 asks the carrier no more: three days without a record."""
        parcel = self.find(waybill)
        empty = {**UNKNOWN, "nu": waybill, "com": parcel["company"], "message": "", "status": "200"}
        last = tracking(parcel) if parcel["scans"] else empty
        self._announce(parcel, {"status": "shutdown", "message": "3天查询无记录", "lastResult": last})
        return parcel

    def _scanned(self, parcel: Parcel, state: str, place: str, at: datetime | None) -> Parcel:
        place = place or "杭州转运中心"
        told = {"at": iso(at or self._hands.now()), "state": state, "place": place}
        parcel["scans"].append({**told, "context": STATES[state].format(place=place)})
        self._store.put(
            "parcel", parcel["waybill"], parcel, shop=parcel["shop"], updated_at=iso(self._hands.now())
        )
        over = state == SIGNED
        status = "shutdown" if over else "polling"
        self._announce(parcel, {"status": status, "message": "", "lastResult": tracking(parcel)})
        return parcel
