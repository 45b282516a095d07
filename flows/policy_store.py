"""Policy versions: stored once, never changed, and found again for an order by the time it was placed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from models import PolicyVersion
from models.database import reading, transaction
from states.errors import NotFound
from states.policies.shops import ShopPolicies

VERSIONS = PolicyVersion.__table__


def apply_policy(engine: Engine, policies: ShopPolicies, *, at: datetime) -> tuple[int, bool]:
    """Store these settings as the shop's newest version; the number, and whether anything was new."""
    settings = policies.model_dump(mode="json")
    text = json.dumps(settings, sort_keys=True, ensure_ascii=False)
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    with transaction(engine) as connection:
        newest = connection.execute(
            select(VERSIONS.c.number, VERSIONS.c.digest)
            .where(VERSIONS.c.shop == policies.name)
            .order_by(VERSIONS.c.number.desc())
            .limit(1)
        ).first()
        if newest and newest.digest == digest:
            return newest.number, False
        number = newest.number + 1 if newest else 1
        row = {
            "shop": policies.name,
            "number": number,
            "applied_at": at,
            "digest": digest,
            "settings": settings,
        }
        connection.execute(insert(VERSIONS), row)
        return number, True


class PolicyVersions:
    """The versions of some shops, ready to be asked which was in force when."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._rows = {row.id: row for row in rows}
        self._of: dict[str, list] = {}
        self._settings: dict[int, ShopPolicies] = {}
        for row in sorted(self._rows.values(), key=lambda r: r.number):
            self._of.setdefault(row.shop, []).append(row)

    def in_force(self, shop: str, at: datetime | None) -> int:
        """The version an order placed at this moment goes under; before kefu knew the shop: the newest.

        Raises NotFound for a shop without any.
        """
        versions = self._of.get(shop)
        if not versions:
            raise unknown_shop(shop)
        then = [v for v in versions if at is not None and v.applied_at <= at]
        return (then or versions)[-1].id

    def number(self, version_id: int) -> int:
        """The version's number in its shop, from 1."""
        return self._rows[version_id].number

    def settings(self, version_id: int) -> ShopPolicies:
        """What the shop file said in this version, with the days as they are known today: these are facts of the
        world, and no policy that is fixed when an order is placed."""
        if version_id not in self._settings:
            row = self._rows[version_id]
            days = self._of[row.shop][-1].settings.get("calendar", {})
            self._settings[version_id] = _parsed(row.digest, json.dumps({**row.settings, "calendar": days}))
        return self._settings[version_id]


def policy_versions(connection: Connection, shops: Iterable[str]) -> PolicyVersions:
    """Every version of these shops' settings."""
    return PolicyVersions(connection.execute(select(VERSIONS).where(VERSIONS.c.shop.in_(set(shops)))).all())


def current_policy(connection: Connection, shop: str) -> ShopPolicies:
    """The newest settings of one shop. Raises NotFound."""
    versions = policy_versions(connection, [shop])
    return versions.settings(versions.in_force(shop, None))


def current_policies(engine: Engine) -> list[ShopPolicies]:
    """Every shop's newest settings, by name."""
    with reading(engine) as connection:
        names = connection.scalars(select(VERSIONS.c.shop).distinct().order_by(VERSIONS.c.shop)).all()
        versions = policy_versions(connection, names)
        return [versions.settings(versions.in_force(name, None)) for name in names]


def unknown_shop(shop: str) -> NotFound:
    """The answer to a shop we have no settings of."""
    return NotFound(
        f"there is no shop {shop!r}; `kefu shop list` shows those there are, `kefu shop apply FILE` adds one",
        code="unknown_shop",
        where=shop,
    )


@lru_cache(maxsize=256)
def _parsed(digest: str, settings: str) -> ShopPolicies:
    return ShopPolicies.model_validate_json(settings)
