"""Notices to colleagues through Apprise: DingTalk, WeCom, Feishu, Slack, mail and a hundred others."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from typing import Any

from flows.gateways import Limits, Owed, as_told
from flows.gateways.aside import aside
from flows.gateways.settings import Settings
from states.errors import BadInput, GatewayRejected, GatewayUnavailable

ROLE = re.compile(r"([^\s:/=]+)=(\S+://\S*)")


class StaffAddress:
    """One address, a destination of its own: whether it can be reached says nothing of the others."""

    def __init__(self, name: str, title: str, url: str) -> None:
        """Takes an Apprise URL, which is a secret."""
        self.name, self.limits = name, Limits(at_once=4, per_second=5)
        self._title, self._url = title, url

    async def deliver(self, owed: Owed) -> str | None:
        """Tell them. Raises GatewayUnavailable."""
        party: Any = _party(self._url)
        if isinstance(getattr(party, "headers", None), dict):  # json://, form://, xml://: a service of ours
            party.headers["Idempotency-Key"] = as_told(owed.key)
        title = " · ".join(filter(None, (self._title, owed.recipient, owed.case_no)))
        if not await aside(party.notify, body=owed.text or owed.what, title=title):
            raise GatewayUnavailable(f"{self.name} was not told", where=self.name)  # Apprise tells no more
        return None


class StaffGateway:
    """The addresses of a shop's staff, by label: some for one role or person, the others for everybody else.

    What has not been given an address goes to none: as a gateway it says no.
    """

    def __init__(self, name: str, title: str, addresses: dict[str | None, list[str]]) -> None:
        """Takes Apprise URLs by recipient; those of None hear what is for nobody in particular."""
        self.name, self.limits = name, Limits()
        self._labels = {who: list(dict.fromkeys(map(_label, urls))) for who, urls in addresses.items()}
        self._at = {
            label: StaffAddress(f"{name}/{label}", title, url)
            for urls in addresses.values()
            for url in urls
            if (label := _label(url))
        }

    def labels_of(self, recipient: str | None) -> list[str]:
        """Where this colleague hears it: at addresses of their own, else at those for all."""
        return self._labels.get(recipient) or self._labels.get(None, [])

    def further(self, told: Collection[str]) -> list[str]:
        """Where it goes when these can't be reached: to the addresses for all, else to every other one."""
        for_all = [label for label in self._labels.get(None, []) if label not in told]
        return for_all or [label for label in self._at if label not in told]

    def at(self, label: str | None) -> StaffAddress | StaffGateway | None:
        """The address with this label; None where there is none any more."""
        return self if label is None else self._at.get(label)

    async def deliver(self, owed: Owed) -> str | None:
        """Raises GatewayRejected: the recipient has no address."""
        raise GatewayRejected(
            f"{self.name}: nobody is set in KEFU_STAFF_URLS for {owed.recipient or 'all'}",
            status=0,
            code="no_recipient",
            where=self.name,
        )

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


def _label(url: str) -> str:
    """A name for an address that tells its kind and no more of it: the rest may be a secret."""
    scheme = url.partition("://")[0].lower()
    return f"{scheme}-{hashlib.blake2b(url.encode(), digest_size=3).hexdigest()}"


def _party(url: str) -> Any:
    from flows.gateways.apprise_bounds import party  # only here: Apprise takes its time to import

    return party(url)
