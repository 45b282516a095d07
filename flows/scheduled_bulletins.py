"""The bulletin as Prefect makes it: the files, and what an operator sees of them; see `scheduled.py`."""

from __future__ import annotations

import os

os.environ.setdefault("DO_NOT_TRACK", "1")  # Prefect's SDK reports to the outside world unless told not to

from base64 import b64encode
from datetime import date, datetime
from zoneinfo import ZoneInfo

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.states import Completed, State

from flows import clock
from flows.bulletin import Bulletin, bulletin
from flows.bulletin_charts import Chart, charts
from flows.bulletin_files import write_bulletin
from flows.bulletin_notices import owe_bulletin
from flows.bulletin_periods import Every, chosen
from flows.bulletin_texts import markdown
from flows.flow_forms import Text, in_the_shops_zone, zones
from flows.flow_runs import answered, as_of_or_scheduled
from flows.policy_store import unknown_shop
from models.database import engine_from_env


@flow(name="complaint-bulletin")
def complaint_bulletin(
    shop: Text = None,
    first_day: date | None = None,
    last_day: date | None = None,
    every: Every = Every.MONTH,
    as_of: datetime | None = None,
) -> dict:
    """Write the bulletin 《客户服务交流信息》: complaints, times, callbacks, rectifications, and the period before.

    Without days it is the regular one, and its readers are told once that it is there (rule 103).

    Args:
        shop: only this shop; every shop when empty.
        first_day: of the period; the last week or month that is over when empty.
        last_day: of the period; the week or month around the first day when empty.
        every: week or month, where the days do not say it.
        as_of: the moment the run stands for; its scheduled time, or now, when empty.
    """
    return answered(lambda: _written(shop, first_day, last_day, every, as_of))


def _written(
    shop: str | None, first: date | None, last: date | None, every: Every, as_of: datetime | None
) -> State:
    if as_of is not None:
        as_of = clock.not_in_the_future(in_the_shops_zone(as_of, shop, "as_of"), "as_of")
    moment, done = as_of_or_scheduled(as_of), []
    for name, zone in _of(shop).items():
        period = chosen(moment.astimezone(zone).date(), every, first, last)
        done.append(_publish(bulletin(engine_from_env(), name, period, as_of=moment)))
        if first is None:
            owe_bulletin(engine_from_env(), done[-1])
    return Completed(message="; ".join(map(_line, done)), data={b.name: b.as_dict() for b in done})


def _of(shop: str | None) -> dict[str, ZoneInfo]:
    """The zone of this shop, or of every one, by name. Raises NotFound."""
    known = zones()
    if shop and shop not in known:
        raise unknown_shop(shop)
    return {shop: known[shop]} if shop else known


def _publish(made: Bulletin) -> Bulletin:
    path = write_bulletin(made)
    text = markdown(made, charts(made), _as_data)
    create_markdown_artifact(text, key=f"bulletin-{made.shop.name}", description=f"`{path}`")
    return made


def _as_data(chart: Chart) -> str:
    """The picture itself: the operators' window shows it wherever its reader is."""
    return f"data:image/svg+xml;base64,{b64encode(chart.svg.encode()).decode()}"


def _line(made: Bulletin) -> str:
    return f"{made.name}: {made.now.complaints} complaints, {made.now.resolved} resolved"


# what must be on the timetable
TIMED = (complaint_bulletin,)
