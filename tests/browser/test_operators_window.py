"""What an operator does in the Prefect UI, in a real browser."""

import re
from datetime import UTC, date, datetime, time, timedelta

import pytest

from deployments.auth import auth_string
from deployments.running import deploy, prepare
from deployments.samples import ZONE, orders_of, write_samples

A_WORKING_DAY = date(2026, 3, 10)  # whenever this runs: the holidays of next year are not known yet


@pytest.fixture
def deployed(prefect):
    """The timetable is there, and still."""
    prepare(say=lambda _: None)
    deploy(paused=True)


@pytest.fixture
def samples(deployed, tmp_path):
    """Bring in a day's samples, as the next day's export tells them; nothing has been done about them."""
    from flows.order_import import import_orders
    from models.database import engine_from_env

    def of(day, until):
        for shop, path in write_samples(tmp_path / "samples", day).items():
            import_orders(engine_from_env(), path, shop, until=until)

    return of


def deployment_id(prefect, name):
    with prefect.client() as client:
        return client.read_deployment_by_name(name).id


def test_the_window_asks_who_comes_for_the_auth_string(prefect, deployed, visitor):
    search = visitor.get_by_placeholder("Search deployments")
    for told in ("kefu:guessed", auth_string(prefect.server.home)):
        visitor.goto(f"{prefect.server.url}/deployments")
        visitor.get_by_placeholder("admin:pass").fill(told)
        assert not search.is_visible()
        with visitor.expect_response("**/api/admin/version"):
            visitor.get_by_role("button", name="Login").click()
    search.fill("every-5-minutes")
    visitor.get_by_text("every-5-minutes", exact=True).first.wait_for()


def test_the_deployments_list_names_what_runs_and_when(prefect, deployed, page):
    page.goto(f"{prefect.server.url}/deployments")
    for name in ("every-5-minutes", "every-10-minutes", "bag-studio", "urumqi-kitchen", "by-hand"):
        page.get_by_placeholder("Search deployments").fill(name)  # the list shows ten at a time
        page.get_by_text(name, exact=True).first.wait_for()


def test_an_operator_reminds_the_buyer_of_one_order_from_the_form(prefect, samples, page, submitted):
    now = datetime.now(UTC)
    day = now.astimezone(ZONE).date() - timedelta(days=2)  # reminded twice by now, and not yet to be closed
    samples(day, until=now - timedelta(days=1))
    no = next(
        no for no, sample in orders_of("bag-studio", day) if sample.story.startswith("not paid: remind")
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
        run = submitted()
        page.goto(f"{prefect.server.url}/runs/flow-run/{run.id}")
        page.get_by_text("Completed", exact=True).first.wait_for()
        run = prefect.until_final(run)
    assert run.parameters["case_no"] == no
    assert "2 claimed" in run.state.message


def test_a_cutoff_shows_its_manifest_and_what_stays_behind(prefect, samples, page):
    samples(A_WORKING_DAY, until=datetime.combine(A_WORKING_DAY, time(23, 59), ZONE))
    as_of = f"{A_WORKING_DAY}T17:00:00+08:00"
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
