"""What the parties push to kefu's receiver: queued with the change, pushed after it, tried again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from deployments.sandbox import signing
from deployments.sandbox.answers import as_json, iso
from deployments.sandbox.faults import Misbehaviour
from deployments.sandbox.moments import Hands
from deployments.sandbox.secrets import Secrets
from deployments.sandbox.store import Store
from flows import clock

TAKEN, GIVEN_UP, NEVER = "taken", "given_up", "never_pushed"
MOST_TRIES = 8
AT_ONCE = 50
TIME_OUT_SECONDS = 5
PLATFORM, PAYMENTS, CARRIER = "/push/platform/", "/push/payments/", "/push/kuaidi100/"
PARTY = {PLATFORM: "platform", PAYMENTS: "payments", CARRIER: "carrier"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


class Events:
    """Those of one order leave in their order, unless the party misbehaves; one tried again may be overtaken."""

    def __init__(self, store: Store, hands: Hands, secrets: Secrets, misbehaviour: Misbehaviour) -> None:
        self._store, self._hands, self._secrets, self._misbehaviour = store, hands, secrets, misbehaviour
        self._woken = asyncio.Event()

    @property
    def receiver(self) -> str | None:
        """Where kefu listens; until it is known, events wait."""
        return (self._store.get("settings", "receiver") or {}).get("url")

    def send_to(self, url: str | None) -> None:
        self._store.put("settings", "receiver", {"url": url})
        self._woken.set()

    def order_changed(self, order: dict[str, Any], told: dict[str, Any]) -> None:
        self._tell(PLATFORM, "order.changed", order["shop"], order["no"], {"order": told})

    def complaint_made(self, complaint: dict[str, Any]) -> None:
        shop, order_no = complaint["shop"], complaint["order_no"]
        self._tell(PLATFORM, "complaint.made", shop, order_no, {"complaint": complaint})

    def message_bounced(self, order: dict[str, Any], reason: str) -> None:
        about = {"order_no": order["no"], "reason": reason}
        self._tell(PLATFORM, "message.bounced", order["shop"], order["no"], about)

    def refund_settled(self, refund: dict[str, Any]) -> None:
        self._tell(PAYMENTS, "refund.settled", refund["shop"], refund["order_no"], {"refund": refund})

    def parcel_scanned(self, parcel: dict[str, Any], param: dict[str, Any]) -> None:
        self._queue(CARRIER, parcel["shop"], parcel["waybill"], param)

    def _tell(self, path: str, kind: str, shop: str, subject: str, about: dict[str, Any]) -> None:
        told = {"id": f"evt-{self._store.number('event')}", "type": kind, "shop": shop}
        self._queue(path, shop, subject, {**told, "at": iso(self._hands.now()), **about})

    def _queue(self, kind: str, shop: str, subject: str, body: dict[str, Any]) -> None:
        number = self._store.number("push")
        struck = self._misbehaviour.push(PARTY[kind], number)
        late = self._misbehaviour.of(PARTY[kind]).push_late_ms if "push_late" in struck else 0
        due = clock.now() + timedelta(milliseconds=late)
        self._store.run(
            "INSERT INTO events (id, path, subject, body, made_at, due_at, struck, ended)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(number, kind + quote(shop), subject, as_json(body).decode(), iso(self._hands.now()), iso(due)),
            *(json.dumps(sorted(struck)), NEVER if "push_never" in struck else None),
        )
        self._woken.set()

    def told(self, limit: int) -> list[dict[str, Any]]:
        """The newest first."""
        found = self._store.rows("SELECT * FROM events ORDER BY id DESC LIMIT ?", limit)
        return [
            {**row, **{name: json.loads(row[name]) for name in ("body", "struck", "answers")}}
            for row in found
        ]

    def waiting(self) -> int:
        return self._store.rows("SELECT count(*) AS n FROM events WHERE ended IS NULL")[0]["n"]

    def again(self, event: int) -> bool:
        """Push it once more, whatever became of it."""
        changed = self._store.run(
            "UPDATE events SET ended = NULL, tries = 0, due_at = ? WHERE id = ?", iso(clock.now()), event
        )
        self._woken.set()
        return changed.rowcount == 1

    # -- pushing -------------------------------------------------------------------------------------

    async def keep_pushing(self) -> None:
        """Until it is cancelled."""
        async with httpx.AsyncClient(
            timeout=TIME_OUT_SECONDS, follow_redirects=False, trust_env=False
        ) as client:
            while True:
                self._woken.clear()
                if not await self._push_due(client):
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._woken.wait(), 0.2)

    async def _push_due(self, client: httpx.AsyncClient) -> bool:
        """One round; whether there was anything."""
        receiver = self.receiver
        if not receiver:
            return False
        due = self._store.rows(
            "SELECT * FROM events WHERE ended IS NULL AND due_at <= ? ORDER BY id LIMIT ?",
            *(iso(clock.now()), AT_ONCE),
        )
        by_subject = defaultdict(list)
        for event in due:
            by_subject[event["subject"]].append(event)
        await asyncio.gather(*(self._push_all(client, receiver, events) for events in by_subject.values()))
        return bool(due)

    async def _push_all(self, client: httpx.AsyncClient, receiver: str, events: list[dict[str, Any]]) -> None:
        for event in events:
            await self._push(client, receiver.rstrip("/"), event)

    async def _push(self, client: httpx.AsyncClient, receiver: str, event: dict[str, Any]) -> None:
        right, struck = event["body"].encode(), set() if event["tries"] else set(json.loads(event["struck"]))
        copies = [
            *[("forged", right)] * ("push_forged" in struck),
            *[("garbled", right[: len(right) // 2])] * ("push_garbled" in struck),
            ("true", right),
            *[("twice", right)] * ("push_twice" in struck),
        ]
        sent = [(copy, await self._post(client, receiver, event, body, copy)) for copy, body in copies]
        answers = [
            *json.loads(event["answers"]),
            *({"copy": copy, "status": status} for copy, status in sent),
        ]
        taken = dict(sent)["true"] // 100 == 2
        tries = event["tries"] + 1
        self._store.run(
            "UPDATE events SET answers = ?, tries = ?, due_at = ? WHERE id = ?",
            *(json.dumps(answers), tries, iso(clock.now() + timedelta(seconds=2**tries / 4)), event["id"]),
        )
        if taken or tries >= MOST_TRIES:
            ended = TAKEN if taken else GIVEN_UP
            self._store.run("UPDATE events SET ended = ? WHERE id = ?", ended, event["id"])

    async def _post(
        self, client: httpx.AsyncClient, receiver: str, event: dict[str, Any], body: bytes, copy: str
    ) -> int:
        """The status it is answered with; 0 without an answer."""
        url = httpx.URL(receiver + event["path"])
        try:
            if event["path"].startswith(CARRIER):
                param = body.decode(errors="ignore")
                sign = signing.md5_of(param, self._salt(copy, self._secrets.kuaidi100_salt))
                content, headers = urlencode({"sign": sign, "param": param}).encode(), FORM
            else:
                of_payments = event["path"].startswith(PAYMENTS)
                right = self._secrets.payments_secret if of_payments else self._secrets.platform_secret
                secret = self._salt(copy, right)
                content = body
                headers = JSON | signing.signed_headers(secret, "POST", url.raw_path.decode(), body)
            async with asyncio.timeout(TIME_OUT_SECONDS):
                answer = await client.post(url, content=content, headers=headers)
        except (httpx.HTTPError, TimeoutError):
            return 0
        return answer.status_code

    @staticmethod
    def _salt(copy: str, right: str) -> str:
        return f"not {right}" if copy == "forged" else right
