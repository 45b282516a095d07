"""What who calls a customer back does in the Prefect UI, in a real browser."""

from datetime import timedelta

import pytest
from complaints_told import complain, complaint_state, rounds, settled
from databases import SHOP_FILES
from orders_told import AN_HOUR, paid, placed, rows, tell

from deployments.running import deploy, prepare
from flows import clock
from models import Order
from models.database import engine_from_env

SHOP, NO = "tmall-2020", "1-C1"  # a shop without holidays: it is called today
PHONE = "13812341234"


@pytest.fixture
def resolved(prefect):
    """A complaint that was resolved an hour ago; the timetable is deployed and still."""
    prepare([path for path in SHOP_FILES if path.stem == SHOP], say=lambda _: None)
    deploy(paused=True)
    engine, now = engine_from_env(), clock.now()
    a_while_ago = now - timedelta(days=3)
    tell(engine, placed("1", a_while_ago, shop=SHOP), paid("1", a_while_ago, shop=SHOP))
    order_id = rows(engine, Order, no="1")[0].id
    complain(engine, now - 2 * AN_HOUR, order_id=order_id, shop=SHOP, words="包包开线了")
    settled(engine, now - AN_HOUR, shop=SHOP)
    return engine


@pytest.fixture
def form(prefect, page, submitted):
    """Start the run from its own form; the form that it then waits with, on the page."""
    with prefect.client() as client:
        deployment = client.read_deployment_by_name("call-back/by-hand").id
    page.goto(f"{prefect.server.url}/deployments/deployment/{deployment}/run")
    page.get_by_text("the number of the complaint, for example 201911121212-C1.").wait_for()
    page.locator("textarea").nth(0).fill(NO)
    return submitted


def resume(prefect, page, run):
    """Open the form of a run that waits."""
    page.goto(f"{prefect.server.url}/runs/flow-run/{run.id}")
    page.get_by_text("Suspended", exact=True).first.wait_for()
    page.get_by_role("button", name="Resume").click()
    modal = page.locator(".p-modal")
    modal.get_by_text("您的姓名 / your name").wait_for()
    return modal


def choose(page, modal, field, option):
    """The menu of the UI opens by its arrows, and nowhere else."""
    modal.locator(".schema-form-property").filter(has_text=field).locator(".p-select-button__icon").click()
    page.get_by_role("option", name=option).click()


def box(modal, field):
    return modal.locator(".schema-form-property").filter(has_text=field).locator("textarea")


def test_who_calls_reads_the_script_fills_the_form_in_and_the_outcome_is_recorded(
    prefect, resolved, page, form, answered
):
    with prefect.worker():
        run = prefect.until(form(), lambda run: run.state.is_paused())
        modal = resume(prefect, page, run)
        for shown in (
            "打给:王* 138****1234",
            "kefu complaint callback 1-C1 --show-number --by 姓名",
            "已道歉,客户接受",
            "我是天猫店铺(2020年2月)的客户服务中心回访员",
            "感谢您对我们的工作提出宝贵意见",
        ):
            modal.get_by_text(shown).scroll_into_view_if_needed()
            assert modal.get_by_text(shown).is_visible()
        assert modal.get_by_role("heading", name="这样说(规则 177)", exact=True).is_visible(), (
            "the lines run together"
        )
        assert PHONE not in page.content()
        modal.get_by_role("button", name="Submit").click()
        modal.get_by_text("'outcome' is a required property").wait_for()
        box(modal, "客户怎么说").fill("很满意,谢谢")
        choose(page, modal, "结果 / outcome", "satisfied: ")
        choose(page, modal, "满意度 / satisfaction", "5")
        box(modal, "您的姓名").fill("王芳")
        answered(modal, "/resume")
        run = prefect.until_final(run)
    assert run.state.is_completed(), run.state
    assert complaint_state(resolved, shop=SHOP) == "closed"
    [call] = rounds(resolved, shop=SHOP)[0].calls
    assert (call["outcome"], call["text"], call["by"]) == ("satisfied", "很满意,谢谢", "王芳")


def test_a_form_filled_in_wrongly_comes_back_with_the_reason_and_what_was_typed(
    prefect, resolved, page, form, answered
):
    with prefect.worker():
        run = prefect.until(form(), lambda run: run.state.is_paused())
        modal = resume(prefect, page, run)
        box(modal, "客户怎么说").fill("在开会")
        choose(page, modal, "结果 / outcome", "later: ")
        box(modal, "您的姓名").fill("王芳")
        answered(modal, "/resume")
        prefect.until(run, lambda run: len(run.empirical_policy.pause_keys) == 2)
        modal = resume(prefect, page, run)
        modal.get_by_text("asked to be called later: say when (later_at)").wait_for()
        assert box(modal, "客户怎么说").input_value() == "在开会"
        box(modal, "改到何时").fill(f"{clock.now() + AN_HOUR:%Y-%m-%d %H:%M+00:00}")
        answered(modal, "/resume")
        assert prefect.until_final(run).state.is_completed()
    assert [call["text"] for call in rounds(resolved, shop=SHOP)[0].calls] == ["在开会"]
