"""Which gateway serves which shop and channel. Adding a party is one file, and one line in here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

from flows.gateways import Gateway, Owed
from flows.gateways.settings import Settings
from states.errors import BadInput
from states.policies.gateways import BuyerWay, GatewayPolicy


class Shop(Protocol):
    """What is asked of a shop's policies."""

    name: str
    title: str
    phone_region: str
    gateways: GatewayPolicy


Opener = Callable[[Shop, Settings], Any]  # None where the settings name no address


def _kefu(shop: Shop, settings: Settings) -> Any:
    from flows.gateways.platform import open_platform

    return open_platform(shop.name, settings)


def _apprise(shop: Shop, settings: Settings) -> Any:
    from flows.gateways.staff_notices import open_staff

    return open_staff(shop.name, settings, shop.title)


def _sms(shop: Shop, settings: Settings) -> Any:
    from flows.gateways.buyer_messages import open_sms

    return open_sms(shop.name, settings, shop.phone_region)


def _email(shop: Shop, settings: Settings) -> Any:
    from flows.gateways.buyer_messages import open_email

    return open_email(shop.name, settings, shop.title)


def _kuaidi100(shop: Shop, settings: Settings) -> Any:
    from flows.gateways.carriers import open_kuaidi100

    return open_kuaidi100(settings)


PLATFORMS: dict[str, Opener] = {"kefu": _kefu}
STAFF: dict[str, Opener] = {"apprise": _apprise}
CARRIERS: dict[str, Opener] = {"kuaidi100": _kuaidi100}
BUYER_WAYS: dict[str, Opener] = {BuyerWay.SMS: _sms, BuyerWay.EMAIL: _email}


class Gateways:
    """The gateways of some shops, opened when they are first asked for."""

    def __init__(self, shops: Iterable[Shop], stack: AsyncExitStack) -> None:
        self._shops = {shop.name: shop for shop in shops}
        self._stack, self._open = stack, {}

    def of(self, owed: Owed) -> Gateway | None:
        """Who takes this; None where the shop has nobody for it. The same thing owed always goes the same way,
        as long as nobody changes the settings: a second way after a first that failed might tell it twice."""
        shop = self._shops.get(owed.shop)
        if shop is None:
            return None
        match owed.channel:
            case "platform" | "warehouse":
                return self.platform(shop.name)
            case "staff":
                staff = self._opened(shop, STAFF, shop.gateways.staff)
                return staff and staff.at(owed.address)
            case "buyer":
                return next(self._ways(shop, owed), None)
        return None

    def platform(self, shop: str) -> Any:
        """The shop's platform; None where it has none."""
        return self._opened(self._shops[shop], PLATFORMS, self._shops[shop].gateways.platform)

    def carrier(self, shop: str) -> Any:
        """Who tells where the shop's parcels are; None where nobody does."""
        return self._opened(self._shops[shop], CARRIERS, self._shops[shop].gateways.carrier)

    def _ways(self, shop: Shop, owed: Owed) -> Any:
        for way in shop.gateways.buyer:
            if way == BuyerWay.PLATFORM:
                gateway, reached = self.platform(shop.name), owed.order_no is not None
            else:
                gateway = self._opened(shop, BUYER_WAYS, way)
                reached = gateway is not None and gateway.reaches(owed)
            if gateway is not None and reached:
                yield gateway

    def _opened(self, shop: Shop, openers: dict[str, Opener], kind: str | None) -> Any:
        if kind is None:
            return None
        opener = openers.get(kind) or _unknown(shop, kind, openers)
        if (shop.name, opener) not in self._open:
            gateway = opener(shop, Settings(shop.name))
            if gateway is not None:
                self._stack.push_async_callback(gateway.aclose)
            self._open[shop.name, opener] = gateway
        return self._open[shop.name, opener]


@asynccontextmanager
async def open_gateways(shops: Iterable[Shop]) -> AsyncIterator[Gateways]:
    """The gateways of these shops, with their connections closed afterwards.

    Asking for one raises BadInput where a setting can't be used.
    """
    async with AsyncExitStack() as stack:
        yield Gateways(shops, stack)


def check_kinds(shop: Shop) -> None:
    """Raise BadInput for a shop file that names a kind of party which there is not."""
    named = shop.gateways
    for openers, kind in ((PLATFORMS, named.platform), (STAFF, named.staff), (CARRIERS, named.carrier)):
        if kind is not None and kind not in openers:
            _unknown(shop, kind, openers)


def _unknown(shop: Shop, kind: str, openers: dict[str, Opener]) -> Opener:
    known = ", ".join(openers)
    raise BadInput(
        f"the shop file of {shop.name} names {kind!r} among its gateways; known there: {known}",
        code="unknown_gateway",
        where=shop.name,
    )
