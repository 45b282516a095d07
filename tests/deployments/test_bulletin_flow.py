"""The bulletin under Prefect and on the command line: by itself on Monday and on the 1st, by hand for any period."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from complaints_told import SAID_AT, complain, settled
from orders_told import AN_HOUR
from outbox_told import messages

from deployments.cli import run
from models.database import engine_from_env

SHOPS = Path(__file__).parents[2] / "deployments" / "shops"
AS_OF = "2026-04-01T08:00:00+08:00"


@pytest.fixture
def told(kefu_home, capsys):
    """One complaint of March, on the command line's own database."""
    run(["migrate"])
    run(["shop", "apply", str(SHOPS / "bag-studio.toml")])
    complain(engine_from_env())
    settled(engine_from_env(), SAID_AT + AN_HOUR)
    capsys.readouterr()
    return kefu_home


def said(capsys, *command: str, code: int = 0) -> str:
    found = run(["bulletin", "--shop", "bag-studio", *command])
    said = capsys.readouterr()
    assert found == code, (said.out, said.err)
    return said.out if code == 0 else said.err


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (("--from", "2026-03-01", "--until", "2026-03-10"), "bag-studio-2026-03-01_2026-03-10"),
        (("--week", "--from", "2026-03-04"), "bag-studio-2026-W10"),
        (("--month", "--as-of", AS_OF), "bag-studio-2026-03"),
        (("--week", "--as-of", AS_OF), "bag-studio-2026-W13"),
        (("--as-of", AS_OF), "bag-studio-2026-03"),
    ],
)
def test_a_period_is_named_or_the_last_one_that_is_over(told, capsys, asked, name):
    path = Path(said(capsys, *asked).strip())
    assert path == told / "bulletins" / f"{name}.md"
    assert path.read_text(encoding="utf-8").startswith("# 客户服务交流信息 Customer-service bulletin\n")


def test_its_pictures_lie_beside_it(told, capsys):
    path = Path(said(capsys, "--month", "--from", "2026-03-01").strip())
    pictures = [part.split(")")[0] for part in path.read_text(encoding="utf-8").split("](")[1:]]
    assert len(pictures) == 4
    for picture in pictures:
        assert (path.parent / picture).read_text(encoding="utf-8").startswith("<svg")


def test_machines_get_the_numbers_and_no_file_is_written(told, capsys):
    document = json.loads(said(capsys, "--month", "--as-of", AS_OF, "--json"))
    assert document["period"] == {
        "name": "2026-03",
        "first": "2026-03-01",
        "last": "2026-03-31",
        "over": True,
    }
    assert (document["now"]["complaints"], document["before"]["complaints"]) == (1, 0)
    assert document["now"]["resolutions"]["general"]["desk_median_h"] == 1.0
    assert not (told / "bulletins").exists()


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (("--from", "March"), "is no day"),
        (("--until", "2026-03-01"), "needs its first day"),
        (("--from", "2026-03-02", "--until", "2026-03-01"), "can't end on 2026-03-01"),
        (("--week", "--month"), "say one of --until, --week and --month"),
        (("--from", "2999-01-01"), "not there yet"),
        (("--as-of", "2999-01-01"), "lies in the future"),
    ],
)
def test_what_is_no_period_is_answered_in_one_sentence(told, capsys, asked, why):
    assert why in said(capsys, *asked, code=2)


def test_each_shop_has_its_bulletins_at_eight_by_its_own_clock():
    from test_timetable import BAGS, planned, shop

    from deployments.timetable import timetable_gaps

    berlin = shop("berlin", BAGS.dispatch.cutoff, ZoneInfo("Europe/Berlin"))
    plan = planned(BAGS, berlin)
    found = {
        name: (d.schedules[0].schedule.cron, d.schedules[0].schedule.timezone, d.parameters)
        for name, d in plan.items()
        if d.flow_name == "complaint-bulletin" and d.schedules
    }
    assert found == {
        f"complaint-bulletin/{s.name}-{every}": (cron, s.zone.key, {"shop": s.name, "every": every})
        for s in (BAGS, berlin)
        for every, cron in (("week", "0 8 * * 1"), ("month", "0 8 1 * *"))
    }
    assert timetable_gaps([BAGS, berlin]) == []
    without = [d for d in plan.values() if d.name != "berlin-month"]
    assert timetable_gaps([BAGS, berlin], without) == ["nothing schedules the bulletin of berlin, each month"]


def test_a_run_writes_the_files_and_shows_text_and_pictures(prefect):
    from deployments.running import deploy, prepare

    prepare(say=lambda _: None)
    deploy(paused=True)
    complain(engine_from_env())
    settled(engine_from_env(), SAID_AT + AN_HOUR)
    as_of = datetime.fromisoformat(AS_OF)
    with prefect.worker():
        done = prefect.run("complaint-bulletin/bag-studio-month", shop="bag-studio", as_of=as_of.isoformat())
        wrong = prefect.run("complaint-bulletin/by-hand", shop="nowhere")
        empty = prefect.run("complaint-bulletin/by-hand", first_day="2026-01-05", every="week", as_of=AS_OF)
    assert (done.state.type.value, done.state.message) == (
        "COMPLETED",
        "bag-studio-2026-03: 1 complaints, 1 resolved",
    )
    assert "there is no shop 'nowhere'" in wrong.state.message
    assert "bag-studio-2026-W02: 0 complaints" in empty.state.message
    assert "urumqi-kitchen-2026-W02" in empty.state.message
    asked = {"artifacts": {"flow_run_id": {"any_": [str(done.id)]}}}
    with prefect.client() as client:
        [shown] = client.request("POST", "/artifacts/filter", json=asked).json()
    assert (shown["key"], shown["type"]) == ("bulletin-bag-studio", "markdown")
    assert shown["data"].count("](data:image/svg+xml;base64,") == 4
    path = Path(shown["description"].strip("`"))
    assert path.read_text(encoding="utf-8").split("![")[0] == shown["data"].split("![")[0]
    readers = messages(engine_from_env(), what="bulletin")
    # told of the regular one, not of what a person looked up
    assert {row.payload["name"] for row in readers} == {"2026-03"}
    assert len(readers) == 3
