"""What changed on the shop platforms since we last looked, pulled page by page and worked on like all that is told us.

A page and the cursor behind it are one transaction, so whoever is killed goes on with the next page. The cursor
runs on the platform's clock: after a round it stands where that clock stood when the round began, never ahead of
ours, and the next round looks back from it by the shop's overlap. A record heard before is stored once.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from flows import clock, stopping
from flows.gateways.registry import Gateways, open_gateways
from flows.inbox import Told, store, word
from flows.inbox_processing import InboxReport, process_inbox
from flows.masking import mask_text
from flows.policy_store import current_policies
from flows.scope import find_scope
from flows.sql import insert_new
from flows.strangers import in_words
from flows.sweep import RunBatch, call
from models import SyncCursor
from models.database import in_trouble, reading, transaction
from states.errors import GatewayError, GatewayRejected, GatewayUnavailable, KefuError
from states.order_guards import PLATFORM
from states.policies.shops import ShopPolicies

log = logging.getLogger("kefu")
CURSORS = SyncCursor.__table__
FIRST = datetime(1970, 1, 1, tzinfo=UTC)  # a shop we have never looked at: everything there is
MOST_PAGES = 500  # in one run; the next one goes on from there
UNASKED = {  # why a platform was not asked
    "no_address": "没有平台地址(KEFU_PLATFORM_URL),未询问 / no platform address (KEFU_PLATFORM_URL), not asked",
    "no_platform": "店铺文件没有写平台,未询问 / its shop file names no platform, not asked",
}


@dataclass
class SyncReport:
    """pulled + pushed = new + changed + unchanged + quarantined + postponed + failed."""

    as_of: datetime
    dry_run: bool = False
    pulled: int = 0  # records the platforms told, those known already with them
    known: int = 0  # of these, the ones that were in the inbox already
    pushed: int = 0  # what waited in the inbox besides
    inbox: InboxReport = field(default_factory=InboxReport)
    shops: list[dict] = field(default_factory=list)  # one for each that was asked, for people to read
    unasked: dict[str, str] = field(default_factory=dict)  # shop → why, as in UNASKED
    flow: str = "sync-orders"

    @property
    def told(self) -> str:
        """Whose platform nobody could ask, and why; empty where all were asked."""
        whose = defaultdict(list)
        for shop, why in sorted(self.unasked.items()):
            whose[why].append(shop)
        return "; ".join(f"{UNASKED[why]}: {', '.join(shops)}" for why, shops in whose.items())

    @property
    def red(self) -> bool:
        """Whether a platform could not be asked, or a fact was bad: all the others are in."""
        return self.inbox.red or any(shop["error"] for shop in self.shops)

    @property
    def rows(self) -> list[dict]:
        """As the command line shows a run."""
        return [{"no": s["shop"], "did": [], "refused": [], "error": s["error"]} for s in self.shops]

    def as_dict(self) -> dict:
        """The shape that scripts rely on."""
        inbox = self.inbox
        return {
            "flow": self.flow,
            "as_of": self.as_of.isoformat(),
            "dry_run": self.dry_run,
            "pulled": self.pulled,
            "pushed": self.pushed,
            "new": inbox.new,
            "changed": inbox.changed,
            "unchanged": inbox.unchanged + self.known,
            "quarantined": inbox.quarantined,
            "postponed": inbox.postponed,
            "failed": inbox.failed,
            "anomalies": inbox.anomalies,
            "shops": self.shops,
            "unasked": self.unasked,
        }


def sync_orders(
    engine: Engine,
    *,
    as_of: datetime,
    shop: str | None = None,
    case_no: str | None = None,
    dry_run: bool = False,
    run_batch: RunBatch = call,
    flow_run: str | None = None,
) -> SyncReport:
    """Pull what changed, and work on everything that waits in the inbox; of one order only, when one is named.

    Raises NotFound or BadInput for a shop or order that can't be meant, or a setting that can't be used.
    """
    report = SyncReport(as_of, dry_run)
    with reading(engine) as connection:
        scope = find_scope(connection, shop, case_no)
    shops = [p for p in current_policies(engine) if scope.shop in (None, p.name) and p.gateways.platform]
    if scope.shop and not shops:
        report.unasked[scope.shop] = "no_platform"
    asyncio.run(_pull_all(engine, shops, report))
    if not dry_run:
        process_inbox(
            engine,
            now=clock.now(),
            shop=scope.shop,
            case_no=case_no,
            run_batch=run_batch,
            flow_run=flow_run,
            report=report.inbox,
        )
    report.pushed = max(0, report.inbox.facts - (report.pulled - report.known))
    return report


async def _pull_all(engine: Engine, shops: Sequence[ShopPolicies], report: SyncReport) -> None:
    """All at once, so that one that does not answer keeps nobody waiting."""
    async with open_gateways(shops) as gateways:
        await asyncio.gather(*(_pull(engine, shop, gateways, report) for shop in shops))


async def _pull(engine: Engine, shop: ShopPolicies, gateways: Gateways, report: SyncReport) -> None:
    asked = {"shop": shop.name, "pages": 0, "pulled": 0, "error": ""}
    try:
        platform = gateways.platform(shop.name)
        if platform is None:
            report.unasked[shop.name] = "no_address"
            return
        report.shops.append(asked)
        await _turn_pages(engine, shop, platform, report, asked)
    except GatewayError as error:
        asked["error"] = mask_text(str(error))
    except KefuError:  # a setting of ours
        raise
    except Exception as error:  # of this platform: the others have been asked (promise 8)
        if in_trouble(error):
            raise
        asked["error"] = in_words(error)
        log.error("%s could not be asked what changed: %s", shop.name, asked["error"])


@dataclass
class Round:
    """Where we are in what a platform tells: the changes since then, from this page on."""

    since: datetime
    page: str | None = None
    began_at: datetime | None = None  # by their clock


async def _turn_pages(
    engine: Engine, shop: ShopPolicies, platform: Any, report: SyncReport, asked: dict
) -> None:
    """Page by page, from where the last run stopped to the end of the round."""
    with reading(engine) as connection:
        here = _where_we_are(connection, shop)
    while asked["pages"] < MOST_PAGES and not stopping.asked.is_set():
        page = await _page(platform, here)
        now = clock.now()
        here.began_at = here.began_at or max(FIRST, min(page.server_time or now, now))
        here.page = page.next_cursor
        facts = [_told(shop.name, order) for order in page.orders if _may_be_of(shop.name, order)]
        with transaction(engine, dry_run=report.dry_run) as connection:
            new = store(connection, facts, received_at=now)
            _move(connection, shop.name, here, now)
        asked["pages"] += 1
        asked["pulled"] += len(facts)
        report.pulled += len(facts)
        report.known += len(facts) - new
        if here.page is None:
            return


async def _page(platform: Any, here: Round) -> Any:
    """The next page. A platform that has forgotten where that was is asked from the beginning of the round."""
    try:
        page = await platform.orders_changed(here.since, here.page)
    except GatewayRejected:
        if here.page is None:
            raise
        here.page = here.began_at = None
        page = await platform.orders_changed(here.since, None)
    if page.next_cursor is not None and page.next_cursor == here.page:
        raise GatewayUnavailable(f"{platform.name} turns its pages in a circle", where=platform.name)
    return page


def _where_we_are(connection: Connection, shop: ShopPolicies) -> Round:
    mine = select(CURSORS).where(CURSORS.c.shop == shop.name, CURSORS.c.source == PLATFORM)
    row = connection.execute(mine).first()
    if row is None or (row.page is None and row.since is None):
        return Round(FIRST)
    ahead = clock.now() + shop.gateways.overlap  # of a clock once ahead: we don't know what we have read
    if any(at and at > ahead for at in (row.since, row.round_since, row.round_at)):
        return Round(FIRST)
    if row.page is not None:
        return Round(row.round_since, row.page, row.round_at)
    return Round(row.since - shop.gateways.overlap)


def _move(connection: Connection, shop: str, here: Round, now: datetime) -> None:
    c = CURSORS.c
    going_on = here.page is not None
    values = {
        "page": here.page,
        "round_since": here.since if going_on else None,
        "round_at": here.began_at if going_on else None,
        "moved_at": now,
        **({} if going_on else {"since": here.began_at}),
    }
    insert_new(connection, CURSORS, [{"shop": shop, "source": PLATFORM}])
    connection.execute(update(CURSORS).where(c.shop == shop, c.source == PLATFORM).values(values))


def _may_be_of(shop: str, record: Any) -> bool:
    """Not where it names another shop: one address may serve several, and tell each the orders of all."""
    return not isinstance(record, dict) or record.get("shop") in (None, shop)


def _told(shop: str, record: Any) -> Told:
    """A record as it came. Its number and the time of its change make it itself; where it has none, its words do."""
    raw = json.dumps(record, ensure_ascii=False, sort_keys=True)
    said = record if isinstance(record, dict) else {}
    no, changed_at = word(said.get("no")), clock.told_time(said.get("updated_at"))
    fact_id = f"{no}@{changed_at.isoformat()}" if no and changed_at else "?"
    return Told(shop, PLATFORM, "order.changed", fact_id, raw, no, changed_at, pushed=False)
