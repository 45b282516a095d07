"""Addresses and secrets of outside parties: from the environment; secrets also from a source that was added.

What the environment sets, no other source overrides: who may write there must not be able to send buyers' data
elsewhere. So addresses are taken from nowhere else, unless KEFU_TRUST_BLOCKS=1. A shop's own stands before the one
for all shops: KEFU_BAG_STUDIO_SMS_URL before KEFU_SMS_URL. No error tells a value, for each may be a secret or hold
one.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from states.errors import BadInput

Source = Callable[[str], str | None]
SOURCES: list[Source] = [os.environ.get]
TRUST = "KEFU_TRUST_BLOCKS"
log = logging.getLogger("kefu")


class Settings:
    """What is set for one shop."""

    def __init__(self, shop: str) -> None:
        self._shop = shop

    def text(self, name: str) -> str | None:
        """The setting, such as SMTP_FROM; None where nobody has set it. It may steer where something goes, so it is
        none that only a secret's keeper has set."""
        value = self._found(name, SOURCES[:1])
        if value is None and (kept := self._found(name, SOURCES[1:])):
            if os.environ.get(TRUST) == "1":
                return kept
            log.warning("KEFU_%s (of %s) is in a block, not in the environment: not used", name, self._shop)
        return value

    def _found(self, name: str, sources: Iterable[Source]) -> str | None:
        own = f"KEFU_{self._shop.upper().replace('-', '_')}_{name}"
        told = (source(full_name) for source in sources for full_name in (own, f"KEFU_{name}"))
        return next(filter(None, ((value or "").strip() for value in told)), None)

    def address(self, name: str) -> str | None:
        """An address of HTTP. Raises BadInput when none can be reached by it."""
        url = self.text(name)
        if url is None:
            return None
        try:
            check_address(url)
        except ValueError:
            like = "https://pay.example.com/v1: http or https, a host, no password, no query"
            raise self._unusable(name, f"is no address like {like}") from None
        return url

    def secret(self, name: str) -> str | None:
        """A token, key or salt. Raises BadInput when no header could carry it."""
        value = self._found(name, SOURCES)
        if value is not None and not (value.isascii() and value.isprintable() and " " not in value):
            raise self._unusable(name, "is no secret: only letters, digits, signs")
        return value

    def needed(self, name: str, beside: str) -> str:
        """A secret without which the party of another setting can't be asked. Raises BadInput."""
        if value := self.secret(name):
            return value
        raise self._unusable(name, f"is not set, although {beside} is")

    def _unusable(self, name: str, why: str) -> BadInput:
        return BadInput(f"KEFU_{name} (of {self._shop}) {why}", code="bad_setting", where=f"KEFU_{name}")


def check_address(url: str) -> None:
    """Raise ValueError for what no connection can be made to, or what holds a secret that a log would show."""
    parts = urlsplit(url)
    (parts.hostname or "").encode("idna")
    can_be_reached = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    if not can_be_reached or set("@?# ") & set(url):
        raise ValueError
