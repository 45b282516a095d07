"""What the parties of the sandbox and kefu know of each other."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """One for each party. What the environment does not name has a word for playing, the same each time."""

    platform_secret: str = "sandbox-platform-secret"
    payments_token: str = "sandbox-payments-token"
    payments_secret: str = "sandbox-payments-secret"  # of what the payment service pushes
    sms_token: str = "sandbox-sms-token"
    kuaidi100_customer: str = "SANDBOX0CUSTOMER"
    kuaidi100_key: str = "sandbox-kuaidi100-key"
    kuaidi100_salt: str = "sandbox-kuaidi100-salt"


def secrets_from_env() -> Secrets:
    """Each is read from the variable kefu reads it from, such as KEFU_PLATFORM_SECRET."""
    told = {field.name: os.environ.get(f"KEFU_{field.name.upper()}", "").strip() for field in fields(Secrets)}
    return Secrets(**{name: secret for name, secret in told.items() if secret})
