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


def test_the_pull_finds_its_secrets_in_prefect_and_says_what_it_found(prefect, platform):
    from prefect.blocks.system import Secret

    prepare(say=lambda _: None)
    deploy(paused=True)
    Secret(value="s3cret").save(f"kefu-{SHOP}-platform-secret", overwrite=True)
    Secret(value=platform.url).save(f"kefu-{SHOP}-platform-url", overwrite=True)
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
    with prefect.client() as client:
        for name in (f"kefu-{SHOP}-platform-secret", f"kefu-{SHOP}-platform-url"):
            client.delete_block_document(client.read_block_document_by_name(name, "secret").id)
