"""The pull under Prefect: by the timetable and by hand, with secrets that Prefect keeps."""

from __future__ import annotations

import pytest
from orders_told import SHOP, order
from outside import Answer, Outside

from deployments.running import deploy, prepare
from flows.signatures import SIGNATURE
from models.database import engine_from_env

ORDER = {
    **{"no": "1", "placed_at": "2026-03-02T10:00:00+08:00", "updated_at": "2026-03-02T10:00:00+08:00"},
    **{
        "amount_fen": 5_000,
        "buyer": "b",
        "receiver": "王小明",
        "phone": "13812341234",
        "address": "文三路 1 号",
    },
}


@pytest.fixture
def platform():
    with Outside({"orders": [ORDER], "next_cursor": None}) as service:
        yield service


@pytest.fixture
def blocks(prefect):
    """Keep a secret in Prefect, and forget it afterwards."""
    from prefect.blocks.system import Secret

    kept = []

    def keep(name, value):
        Secret(value=value).save(name, overwrite=True)
        kept.append(name)

    yield keep
    for name in kept:
        Secret.delete(name)


def test_the_pull_finds_its_secrets_in_prefect_and_says_what_it_found(prefect, platform, blocks, monkeypatch):
    prepare(say=lambda _: None)
    deploy(paused=True)
    monkeypatch.setenv("KEFU_BAG_STUDIO_PLATFORM_URL", platform.url)
    blocks(f"kefu-{SHOP}-platform-secret", "s3cret")
    with prefect.worker():
        pulled = prefect.run("sync-orders/every-5-minutes")
        again = prefect.run("sync-orders/by-hand", shop=SHOP)
        platform.answers[0] = Answer({}, 500)
        red = prefect.run("sync-orders/by-hand", shop="")
    assert pulled.state.type.value == "COMPLETED"
    assert pulled.state.message.startswith("1 pulled, 0 pushed, 1 new, 0 changed, 0 unchanged")
    assert again.state.message.startswith("1 pulled, 0 pushed, 0 new, 0 changed, 1 unchanged")
    assert red.state.type.value == "FAILED"
    assert order(engine_from_env()).state == "unpaid"
    assert all(call.headers[SIGNATURE.lower()] for call in platform.calls)


def test_a_block_leads_the_pull_to_no_other_address_than_the_environments(
    prefect, platform, blocks, monkeypatch
):
    prepare(say=lambda _: None)
    deploy(paused=True)
    with Outside({"orders": [], "next_cursor": None}) as stranger:
        for name in (f"kefu-{SHOP}-platform-url", "kefu-platform-url"):
            blocks(name, stranger.url)
        monkeypatch.setenv("KEFU_PLATFORM_SECRET", "s3cret")
        with prefect.worker():
            waits = prefect.run("sync-orders/by-hand", shop=SHOP)
            assert platform.calls == stranger.calls == []
            monkeypatch.setenv("KEFU_PLATFORM_URL", platform.url)
            pulled = prefect.run("sync-orders/by-hand", shop=SHOP)
    assert waits.state.message.startswith("0 pulled")
    assert waits.state.message.endswith(f"not asked: {SHOP}")
    assert pulled.state.message.startswith("1 pulled")
    assert stranger.calls == []
