"""Where an address or a secret of an outside party may come from."""

from __future__ import annotations

import os

import pytest

from flows.gateways import settings
from flows.gateways.buyer_messages import open_email, open_sms
from flows.gateways.carriers import open_kuaidi100
from flows.gateways.platform import open_platform
from flows.gateways.settings import TRUST, Settings
from flows.gateways.staff_notices import open_staff

SHOP = "bag-studio"


@pytest.fixture
def blocks(monkeypatch) -> dict[str, str]:
    """What Prefect keeps, by the name it has in the environment."""
    kept: dict[str, str] = {}
    monkeypatch.setattr(settings, "SOURCES", [os.environ.get, kept.get])
    return kept


def test_a_block_never_overrides_what_the_environment_sets(blocks, monkeypatch):
    monkeypatch.setenv("KEFU_PLATFORM_SECRET", "of-the-environment")
    monkeypatch.setenv("KEFU_PLATFORM_URL", "https://platform.example.com")
    monkeypatch.setenv(TRUST, "1")
    for name in ("PLATFORM_SECRET", "PLATFORM_URL"):
        blocks[f"KEFU_{name}"] = blocks[f"KEFU_BAG_STUDIO_{name}"] = "https://stranger.example.com"
    assert Settings(SHOP).secret("PLATFORM_SECRET") == "of-the-environment"
    assert Settings(SHOP).address("PLATFORM_URL") == "https://platform.example.com"


def test_a_secret_is_found_in_a_block_and_the_shops_own_first(blocks):
    blocks["KEFU_SMS_TOKEN"] = "of-all"
    assert Settings(SHOP).secret("SMS_TOKEN") == "of-all"
    blocks["KEFU_BAG_STUDIO_SMS_TOKEN"] = "of-the-shop"
    assert Settings(SHOP).secret("SMS_TOKEN") == "of-the-shop"


def test_an_address_in_a_block_is_not_used_until_blocks_are_trusted_and_a_line_says_so(
    blocks, monkeypatch, caplog
):
    monkeypatch.setattr(
        settings.log, "disabled", False
    )  # import-linter, run by another test, silences all there are
    blocks["KEFU_SMS_URL"] = "https://sms.example.com"
    assert Settings(SHOP).address("SMS_URL") is None
    assert [line.getMessage() for line in caplog.records] == [
        "KEFU_SMS_URL (of bag-studio) is in a block, not in the environment: not used"
    ]
    monkeypatch.setenv(TRUST, "yes")
    assert Settings(SHOP).address("SMS_URL") is None
    monkeypatch.setenv(TRUST, "1")
    assert Settings(SHOP).address("SMS_URL") == "https://sms.example.com"


def test_no_block_alone_steers_where_anything_is_sent(blocks):
    for name in ("PLATFORM_URL", "SMS_URL", "KUAIDI100_URL"):
        blocks[f"KEFU_{name}"] = "https://stranger.example.com"
    blocks |= {"KEFU_SMTP_URL": "smtps://stranger.example.com", "KEFU_SMTP_FROM": "desk@stranger.example.com"}
    blocks |= {"KEFU_STAFF_URLS": "json://stranger.example.com", "KEFU_PLATFORM_SECRET": "s3cret"}
    told = Settings(SHOP)
    assert open_platform(SHOP, told) is None
    assert open_sms(SHOP, told, "CN") is None
    assert open_email(SHOP, told, "title") is None
    assert open_staff(SHOP, told, "title") is None
    assert open_kuaidi100(told) is None
    assert told.address("KUAIDI100_URL") is None
