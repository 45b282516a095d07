"""`kefu sandbox`: started, killed, started again; and nobody else pays for it."""

import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from sandbox_told import Sandbox

from deployments import cli
from deployments.sandbox.alongside import Alongside

ROOT = Path(__file__).parents[3]


def test_what_was_done_is_known_after_it_was_killed(tmp_path):
    file = tmp_path / "outside" / "sandbox.db"
    with Sandbox(file, apart=True) as first:
        nos = first.make_up("bag-studio", 50, paid=True)
        first.misbehave("payments", lost_answer=1)
        for no in nos[:25]:
            try:
                first.refund(no, no, 100)
            except httpx.RemoteProtocolError:
                continue
        before = first.effects()
        first.kill()
    assert len(before) == 25
    with Sandbox(file, apart=True) as second:
        assert second.effects() == before
        assert {order["no"] for order in second.orders()} == set(nos)
        second.behave()
        assert second.refund(nos[0], nos[0], 100).status_code == 200
        assert second.order(nos[0])["refunded_fen"] == 100


def test_a_port_that_is_taken_is_one_sentence(capsys):
    with Sandbox() as sandbox:
        port = httpx.URL(sandbox.url).port
        assert cli.run(["sandbox", "--port", str(port)]) == 3
    assert "Address already in use" in capsys.readouterr().err


def test_one_beside_kefu_is_gone_when_it_is_left_be_it_by_ctrl_c():
    seen = []

    def interrupted() -> None:
        with Alongside() as beside:
            seen.append((beside.url, beside.orders()))
            raise KeyboardInterrupt

    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    for thread in set(threading.enumerate()) - before:  # those that worked for its loop end after it
        thread.join(20)
        assert not thread.is_alive(), thread.name
    [(url, orders)] = seen
    assert orders == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/control", trust_env=False)


def test_the_command_line_does_not_wait_for_the_sandbox():
    heavy = "{'fastapi', 'uvicorn', 'starlette', 'deployments.sandbox'}"
    loaded = f"import sys, deployments.cli; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", loaded], cwd=ROOT).returncode == 0


def test_secrets_of_the_environment_are_used_and_not_shown(monkeypatch):
    from deployments.sandbox.secrets import secrets_from_env
    from deployments.sandbox.serving import _how_to_reach

    monkeypatch.setenv("KEFU_PLATFORM_SECRET", "ours-and-nobody-elses")
    secrets = secrets_from_env()
    assert secrets.platform_secret == "ours-and-nobody-elses"
    shown = "\n".join(_how_to_reach("http://127.0.0.1:4300", secrets)) + repr(secrets)
    assert "ours-and-nobody-elses" not in shown
    assert "KEFU_PAYMENTS_TOKEN=sandbox-payments-token" in shown
