"""Deliveries as Prefect runs them: what an operator sees of them, and who is told when a message dies."""

from __future__ import annotations

import time

import pytest
from orders_told import A_MINUTE, PAID_AT, PLACED_AT, SHOP, placed, tell
from other_side import NORMAL, OtherSide, rejects
from outbox_told import orders, owe, posting, states

from flows import outbox_delivery
from flows.outbox_delivery import decide_and_deliver
from flows.payment_reminders import remind_unpaid

GIVE_UP = 60  # seconds


@pytest.fixture
def there():
    with OtherSide() as there:
        yield there


@pytest.fixture
def stored(prefect):
    """The database of the harness's home."""
    from databases import set_up

    from models.database import database_url, engine_for, engine_from_env

    set_up(engine_for(database_url()))
    return engine_from_env()


def served(monkeypatch, there: OtherSide) -> None:
    monkeypatch.setattr(outbox_delivery, "_configured", lambda engine: posting({"buyer": there.url}))


# -- right after deciding -----------------------------------------------------------------------------


def test_what_a_run_owes_leaves_with_it_and_what_was_owed_before_does_not(engine, there, monkeypatch):
    served(monkeypatch, there)
    owe(engine, orders(engine, 1, prefix="old-"), what="shipped", recorded_at=PAID_AT)
    tell(engine, placed("new"))
    at = PLACED_AT + 40 * A_MINUTE
    report, delivery = decide_and_deliver(remind_unpaid, engine, as_of=at)
    assert report.triggers["remind"] == 2
    assert sorted((asked.body["no"], asked.body["what"]) for asked in there.asked) == [
        ("new", "payment_reminder")
    ]
    assert delivery.done == 1


def test_a_dry_run_delivers_nothing(engine, there, monkeypatch):
    served(monkeypatch, there)
    tell(engine, placed())
    _, delivery = decide_and_deliver(remind_unpaid, engine, as_of=PLACED_AT + 40 * A_MINUTE, dry_run=True)
    assert (delivery, there.asked) == (None, [])


def test_what_was_decided_stays_when_its_delivery_fails(engine, monkeypatch):
    from states.errors import BadInput

    def unusable(engine):
        raise BadInput("KEFU_SMS_URL is no address", code="bad_setting", where="KEFU_SMS_URL")

    monkeypatch.setattr(outbox_delivery, "_configured", unusable)
    tell(engine, placed())
    report, delivery = decide_and_deliver(remind_unpaid, engine, as_of=PLACED_AT + 40 * A_MINUTE)
    assert (report.done, report.red, delivery.red) == (1, False, True)
    assert delivery.rows[0]["error"] == "KEFU_SMS_URL is no address"
    assert states(engine) == ["waiting"]


# -- on a real Prefect server -------------------------------------------------------------------------


def artifacts(prefect, key: str) -> list:
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with prefect.client() as client:
        return client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))


def test_a_message_that_dies_is_shown_and_somebody_is_told(prefect, stored, there, monkeypatch):
    """The shipped automation, on a real server: event, trigger, block and Apprise included."""
    from deployments.alarms import deploy_alarms
    from flows.scheduled import deliver_outbox

    served(monkeypatch, there)
    owe(stored, orders(stored, 2))
    there.behave(lambda asked: rejects("no such buyer") if asked.body["no"] == "2" else NORMAL)
    with OtherSide() as staff:
        monkeypatch.setenv("KEFU_STAFF_URLS", f"客服组长=json://{staff.url.removeprefix('http://')}/")
        assert all(change.endswith("created") for change in deploy_alarms())
        assert deploy_alarms() == [], "deploying again changes nothing"

        ended = deliver_outbox(as_of=PAID_AT, return_state=True)
        assert ended.is_failed()
        assert "1 sent" in ended.message
        assert "1 given up" in ended.message
        assert artifacts(prefect, "outbox")
        assert artifacts(prefect, "outbox-not-sent")

        give_up_at = time.monotonic() + GIVE_UP
        while not staff.asked and time.monotonic() < give_up_at:
            time.sleep(0.2)
        [told] = staff.asked
        assert told.body["title"] == "kefu: 1 条消息无法送达 / messages given up"
        assert f"{SHOP}/order/2/buyer/payment_reminder/1" in told.body["message"]
        assert "no such buyer" in told.body["message"]


def test_who_has_named_nobody_hears_that_nobody_is_told(prefect, monkeypatch):
    from deployments.alarms import ALARMS, deploy_alarms

    with prefect.client() as client:
        for alarm in ALARMS:
            for found in client.read_automations_by_name(alarm.name):
                client.delete_automation(found.id)
    monkeypatch.delenv("KEFU_STAFF_URLS", raising=False)
    assert deploy_alarms() == [
        "nobody is told when a message dies: KEFU_STAFF_URLS names nobody",
        "nobody is told when a flow is held up: KEFU_STAFF_URLS names nobody",
    ]
