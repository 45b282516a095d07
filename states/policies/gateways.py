"""Which outside party serves a shop for what."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from states.policies.settings import Duration, Policy

Kind = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]


class BuyerWay(StrEnum):
    """How a buyer can be reached."""

    PLATFORM = "platform"  # a message on the shop platform
    SMS = "sms"
    EMAIL = "email"


class GatewayPolicy(Policy):
    """Which kinds of outside parties this shop works with; what it does not name waits in the outbox.

    The kinds are those that `flows/gateways/registry.py` knows. Addresses and secrets are not in here: they come
    from the environment, secrets from Prefect's blocks, too.
    """

    platform: Kind | None = None  # takes commands to platform and warehouse, tells orders and their changes
    buyer: tuple[BuyerWay, ...] = ()  # the first one that we have an address for
    staff: Kind | None = None
    carrier: Kind | None = None  # tells where parcels are
    overlap: Duration = timedelta(minutes=10)  # so far back every pull looks again: some changes show late
    clock_tolerance: Duration = timedelta(minutes=10)  # so far may the others' clocks be off

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if len(set(self.buyer)) < len(self.buyer):
            raise ValueError("buyer: names a way twice")
        if BuyerWay.PLATFORM in self.buyer and self.platform is None:
            raise ValueError('buyer: "platform" needs a platform')
        return self
