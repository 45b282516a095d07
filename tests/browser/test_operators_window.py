"""What an operator does in the Prefect UI, in a real browser."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from deployments.running import deploy, prepare
from deployments.samples import latest_full_day, orders_of, write_samples


@pytest.fixture
def shop_day(prefect, tmp_path):
    """Yesterday's samples are in, nothing has been done about them; the timetable is deployed and still."""
    now = datetime.now(UTC)
    day = latest_full_day(now)
    prepare(say=lambda _: None)
    deploy(paused=True)
    from flows.order_import import import_orders
    from models.database import engine_from_env

    for shop, path in write_samples(tmp_path / "samples", day).items():
        import_orders(engine_from_env(), path, shop, until=now - timedelta(days=1))
    return day


def deployment_id(prefect, name):
    with prefect.client() as client:
        return client.read_deployment_by_name(name).id


def test_the_deployments_list_names_what_runs_and_when(prefect, shop_day, page):
    page.goto(f"{prefect.server.url}/deployments")
    for name in ("every-5-minutes", "every-10-minutes", "bag-studio", "urumqi-kitchen", "by-hand"):
        page.get_by_text(name, exact=True).first.wait_for()


def test_an_operator_reminds_the_buyer_of_one_order_from_the_form(prefect, shop_day, page):
    no = next(
        no for no, sample in orders_of("bag-studio", shop_day) if sample.story.startswith("not paid: remind")
    )
    with prefect.worker():
        page.goto(
            f"{prefect.server.url}/deployments/deployment/{deployment_id(prefect, 'remind-unpaid/by-hand')}/run"
        )
        for description in (
            "only this shop; every shop when empty.",
            "only this order, for example after a phone call.",
            "the moment the run stands for; its scheduled time, or now, when empty.",
            "show what would be done, do nothing.",
        ):
            page.get_by_text(description).wait_for()
        page.locator("textarea").nth(1).fill(no)
        page.get_by_role("button", name="Submit").click()
        run = submitted(prefect, page, no)
        page.goto(f"{prefect.server.url}/runs/flow-run/{run.id}")
        page.get_by_text("Completed", exact=True).first.wait_for(timeout=60_000)
        run = prefect.until_final(run)
    assert run.parameters["case_no"] == no
    assert "1 claimed" in run.state.message or "2 claimed" in run.state.message


def submitted(prefect, page, no: str):
    """The run that the form has started; on a slow machine the page may not hear the first click."""
    for _ in range(30):
        page.wait_for_timeout(2_000)
        if run := prefect.run_of("remind-unpaid/by-hand", case_no=no):
            return run
        button = page.get_by_role("button", name="Submit")
        if button.is_visible() and button.is_enabled():
            button.click()
    raise AssertionError(f"the form started no run: {page.url}")


def test_a_cutoff_shows_its_manifest_and_what_stays_behind(prefect, shop_day, page):
    as_of = f"{shop_day}T17:00:00+08:00"
    with prefect.worker():
        run = prefect.run("dispatch-cutoff/bag-studio", as_of=as_of)
    page.goto(f"{prefect.server.url}/artifacts/artifact/{artifact_id(prefect, run, 'dispatch-manifest')}")
    page.get_by_text("138****").first.wait_for()
    assert not re.search(r"1380013\d{4}", page.inner_text("body"))
    page.goto(f"{prefect.server.url}/artifacts/artifact/{artifact_id(prefect, run, 'dispatch-blocked')}")
    page.get_by_text("84", exact=True).first.wait_for()  # the rule of the hold


def artifact_id(prefect, run, key):
    of_run = {"artifacts": {"flow_run_id": {"any_": [str(run.id)]}, "key": {"any_": [key]}}}
    with prefect.client() as client:
        return client.request("POST", "/artifacts/filter", json=of_run).json()[0]["id"]
