"""What an operator does about one after-sales case in the Prefect UI, in a real browser."""

import pytest
from orders_told import AN_HOUR, PAID_AT, paid, placed, tell
from payment_service import PaymentService
from returns_told import case_state, open_case

from deployments.running import deploy, prepare
from models.database import engine_from_env

NO, CASE = "202603020017", "202603020017-R1"
ASKED_AT = PAID_AT + AN_HOUR


@pytest.fixture
def over(prefect):
    """A paid order nobody wanted any more, its 24 hours long over; the timetable is deployed and still."""
    prepare(say=lambda _: None)
    deploy(paused=True)
    engine = engine_from_env()
    tell(engine, placed(NO), paid(NO))
    open_case(engine, ASKED_AT, of=NO)
    assert case_state(engine, CASE) == "cooling"
    return engine


@pytest.fixture
def service(monkeypatch):
    with PaymentService() as service:
        monkeypatch.setenv("KEFU_PAYMENTS_URL", service.url)
        yield service


def test_an_operator_pays_one_case_back_from_the_form_and_sees_it_in_the_table(
    prefect, over, service, page, submitted
):
    with prefect.client() as client:
        form = client.read_deployment_by_name("return-case/by-hand").id
    with prefect.worker():
        page.goto(f"{prefect.server.url}/deployments/deployment/{form}/run")
        for description in (
            "the number of the case, for example 201911121212-R1.",
            "its shop, where two shops use the same number.",
            "the moment the run stands for; now when empty.",
            "show what would be done, do nothing.",
        ):
            page.get_by_text(description).wait_for()
        page.locator("textarea").nth(0).fill(CASE)
        run = submitted()
        page.goto(f"{prefect.server.url}/runs/flow-run/{run.id}")
        page.get_by_text("Completed", exact=True).first.wait_for()
        run = prefect.until_final(run)
    assert "100.00 yuan paid back" in run.state.message
    assert service.paid == [(f"bag-studio/return/{CASE}/refund/1", 10_000)]
    assert case_state(over, CASE) == "refunded"
    page.goto(f"{prefect.server.url}/artifacts/artifact/{table_of(prefect, run)}")
    page.get_by_text(CASE, exact=True).first.wait_for()
    page.get_by_text("refund_paid → refunded").first.wait_for()


def table_of(prefect, run):
    of_run = {"artifacts": {"flow_run_id": {"any_": [str(run.id)]}, "type": {"any_": ["table"]}}}
    with prefect.client() as client:
        return client.request("POST", "/artifacts/filter", json=of_run).json()[0]["id"]
