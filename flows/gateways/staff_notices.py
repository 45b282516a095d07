"""Notices to colleagues through Apprise: DingTalk, WeCom, Feishu, Slack, mail and a hundred others."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from flows.gateways import Limits, Owed, as_told
from flows.gateways.settings import Settings
from states.errors import BadInput, GatewayRejected, GatewayUnavailable

ROLE = re.compile(r"([^\s:/=]+)=(\S+://\S*)")


class StaffGateway:
    """The addresses of a shop's staff: some for one role or person, the others for everybody else."""

    def __init__(self, name: str, title: str, addresses: dict[str | None, list[str]]) -> None:
        """Takes Apprise URLs by recipient; those of None hear what is for nobody in particular."""
        self.name, self.limits = name, Limits(at_once=4, per_second=5)
        self._title, self._addresses = title, addresses

    async def deliver(self, owed: Owed) -> str | None:
        """Tell them. Raises GatewayUnavailable; and GatewayRejected where the recipient has no address."""
        addresses = self._addresses.get(owed.recipient) or self._addresses.get(None)
        if not addresses:
            raise GatewayRejected(
                f"{self.name}: nobody is set in KEFU_STAFF_URLS for {owed.recipient or 'all'}",
                status=0,
                code="no_recipient",
                where=self.name,
            )
        title = " · ".join(filter(None, (self._title, owed.recipient, owed.case_no)))
        told = [self._tell(url, title, owed) for url in addresses]
        if not all(await asyncio.gather(*told)):
            # Apprise tells no more than that; the key keeps those from hearing it twice who can tell by it
            raise GatewayUnavailable(f"{self.name} was not told", where=self.name)
        return None

    async def _tell(self, url: str, title: str, owed: Owed) -> bool:
        party: Any = _party(url)
        if isinstance(getattr(party, "headers", None), dict):  # json://, form://, xml://: a service of ours
            party.headers["Idempotency-Key"] = as_told(owed.key)
        return bool(await party.async_notify(body=owed.text or owed.what, title=title))

    async def aclose(self) -> None:
        """Nothing is kept open."""


def open_staff(shop: str, settings: Settings, title: str) -> StaffGateway | None:
    """STAFF_URLS: Apprise URLs with spaces between them; `客服组长=dingtalk://…` is for that role only. None without.

    Raises BadInput.
    """
    addresses: dict[str | None, list[str]] = {}
    for number, word in enumerate((settings.text("STAFF_URLS") or "").split(), 1):
        role = ROLE.fullmatch(word)
        recipient, url = (role[1], role[2]) if role else (None, word)
        if _party(url) is None:  # the URL is a secret
            raise BadInput(
                f"KEFU_STAFF_URLS: address {number} is none that Apprise knows",
                code="bad_setting",
                where="KEFU_STAFF_URLS",
            )
        addresses.setdefault(recipient, []).append(url)
    return StaffGateway(f"{shop}/staff", title, addresses) if addresses else None


def _party(url: str) -> Any:
    from apprise import Apprise  # only here: it takes its time to import

    return Apprise.instantiate(url, suppress_exceptions=True)
