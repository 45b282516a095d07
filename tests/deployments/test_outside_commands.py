"""The outside world on the command line: pulling, looking at what was told, and the door with `kefu up`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from orders_told import PAID_AT, SHOP, anomalies, fact, order, paid, placed, tell
from outside import Answer, Outside
from pushed import event, push, settings

from deployments.cli import run
from deployments.receiver import Receiver
from deployments.running import receiver
from deployments.server import free_port
from models.database import engine_from_env
from states.errors import BadInput

ROOT = Path(__file__).parents[2]
SHOP_FILE = ROOT / "deployments" / "shops" / "bag-studio.toml"
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
def shop(kefu_home, capsys) -> str:
    assert run(["migrate"]) == 0
    assert run(["shop", "apply", str(SHOP_FILE)]) == 0
    capsys.readouterr()
    return SHOP


@pytest.fixture
def platform(monkeypatch):
    with Outside({"orders": [ORDER, {**ORDER, "no": "2", "amount_fen": -1}], "next_cursor": None}) as service:
        monkeypatch.setenv("KEFU_PLATFORM_URL", service.url)
        monkeypatch.setenv("KEFU_PLATFORM_SECRET", "s")
        yield service


def told(capsys, *arguments: str, code: int = 0):
    found = run(list(arguments))
    said = capsys.readouterr()
    assert found == code, (said.out, said.err)
    return json.loads(said.out)


def test_a_pull_says_what_there_was_and_ends_with_1_where_something_was_bad(shop, platform, capsys):
    report = told(capsys, "run", "sync-orders", "--json", code=1)
    counts = ("pulled", "new", "changed", "unchanged", "quarantined", "anomalies")
    assert [report[name] for name in counts] == [2, 1, 0, 0, 1, 1]
    assert told(capsys, "run", "sync-orders", "--json")["unchanged"] == 2
    platform.answers[0] = Answer({}, 503)
    assert run(["run", "sync-orders"]) == 1
    assert "answered 503" in capsys.readouterr().out


def test_a_pull_says_which_shops_have_no_platform_address(shop, platform, capsys, monkeypatch):
    monkeypatch.delenv("KEFU_PLATFORM_URL")
    assert run(["run", "sync-orders", "--shop", shop]) == 0
    said = (
        "没有平台地址(KEFU_PLATFORM_URL),未询问 / no platform address (KEFU_PLATFORM_URL), not asked: " + shop
    )
    assert said in " ".join(capsys.readouterr().out.split())


def test_what_was_odd_is_listed_and_shown_without_anybodys_data(shop, platform, capsys):
    run(["run", "sync-orders"])
    capsys.readouterr()
    (odd,) = told(capsys, "inbox", "list", "--json")
    assert (odd["case_no"], odd["kind"], odd["outcome"]) == ("2", "order.changed", "quarantined")
    assert len(told(capsys, "inbox", "list", "--all", "--shop", shop, "--json")) == 2
    shown = told(capsys, "inbox", "show", str(odd["id"]), "--json")
    assert [found["code"] for found in shown["anomalies"]] == ["unreadable_fact"]
    assert (shown["told"]["phone"], shown["told"]["receiver"]) == ("138****1234", "王*")
    for command in (["inbox", "list"], ["inbox", "show", str(odd["id"])]):
        assert run(command) == 0
        said = capsys.readouterr().out
        assert not any(personal in said for personal in ("13812341234", "王小明", "文三路 1"))
    assert run(["inbox", "show", "99"]) == 2
    assert run(["inbox", "list", "--shop", "moon"]) == 2


def test_the_carrier_is_asked_where_a_parcel_is_and_its_signature_is_a_fact(shop, monkeypatch, capsys):
    tell(engine_from_env(), placed(phone="18877771111-123"), paid())
    assert run(["order", "track", "1"]) == 2  # nothing was sent
    tell(engine_from_env(), fact("ship", PAID_AT, waybill="SF123456", carrier="顺丰速运"))
    assert run(["order", "track", "1"]) == 2  # nobody is set
    assert "KEFU_KUAIDI100_KEY" in capsys.readouterr().err
    scan = {"time": "2026-03-04 12:00:00", "context": "已签收,电话 13812341234"}
    track = {"status": "200", "nu": "SF123456", "com": "shunfeng", "state": "3", "data": [scan]}
    with Outside(track, track, {"status": "201", "message": "单号不存在"}) as kuaidi100:
        monkeypatch.setenv("KEFU_KUAIDI100_URL", kuaidi100.url)
        monkeypatch.setenv("KEFU_KUAIDI100_KEY", "k")
        monkeypatch.setenv("KEFU_KUAIDI100_CUSTOMER", "c")
        said = told(capsys, "order", "track", "1", "--json")
        assert said["signed_at"] == "2026-03-04T12:00:00+08:00"
        assert said["scans"][0]["text"] == "已签收,电话 138****1234"
        assert order(engine_from_env()).state == "delivered"
        assert run(["order", "track", "1"]) == 0
        assert run(["order", "track", "1"]) == 3
    assert b"%22phone%22%3A%2218877771111%22" in kuaidi100.calls[0].body  # they want no extension
    assert anomalies(engine_from_env()) == []


def test_a_shop_file_that_names_an_unknown_party_is_refused(shop, tmp_path, capsys):
    odd = tmp_path / "odd.toml"
    odd.write_text(SHOP_FILE.read_text("utf-8").replace('platform = "kefu"', 'platform = "moon"'), "utf-8")
    assert run(["shop", "apply", str(odd)]) == 2
    assert "'moon' among its gateways" in capsys.readouterr().err


def test_kefu_up_opens_the_door_where_a_port_is_set(shop, monkeypatch):
    said: list[str] = []
    with receiver(say=said.append):
        assert said == []
    for bad in ("door", "-1", "99999", "１"):
        monkeypatch.setenv("KEFU_RECEIVER_PORT", bad)
        with pytest.raises(BadInput, match="KEFU_RECEIVER_PORT"), receiver():
            pass
    port = free_port()
    monkeypatch.setenv("KEFU_RECEIVER_PORT", str(port))
    with receiver(say=said.append):
        assert said == [f"http://127.0.0.1:{port} takes pushes"]
        assert httpx.get(f"http://127.0.0.1:{port}/health").json() == {"ok": True}
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/health")


def test_kefu_receiver_takes_pushes_until_it_is_told_to_stop(shop, kefu_home, monkeypatch):
    settings(monkeypatch)
    port = free_port()
    command = [sys.executable, "-c", "import deployments.cli as c; c.main()", "receiver", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True) as started:
        try:
            assert f":{port} takes pushes" in started.stdout.readline()
            for _ in range(100):
                try:
                    answer = push(f"http://127.0.0.1:{port}", event(order=ORDER))
                    break
                except httpx.ConnectError:
                    continue
            assert answer.json() == {"stored": True, "new": True}
        finally:
            started.send_signal(signal.SIGTERM)
        started.wait(20)


def test_a_port_that_is_taken_is_one_sentence_and_exit_code_3(shop, capsys):
    with Receiver(engine_from_env(), port=0) as running:
        assert run(["receiver", "--port", running.url.rpartition(":")[2]]) == 3
    assert "in use" in capsys.readouterr().err
