"""A Chromium of this machine, on the Prefect server that the tests of deployments use."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "deployments"))

from prefect_harness import Harness, prefect, prefect_server

from deployments.auth import auth_string
from deployments.screenshots import chromium_flags

__all__ = ["prefect", "prefect_server"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

STRANGERS_NAME = "win-a-bag.example"  # which a stranger's DNS points at this machine
PATIENCE = 120_000  # milliseconds: a busy machine draws a page slowly


@pytest.fixture(scope="module")  # not for the session: its event loop would run on under other tests
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed here: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = [*chromium_flags(), f"--host-resolver-rules=MAP {STRANGERS_NAME} 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags, timeout=PATIENCE)
        yield browser
        browser.close()


LOGGED_IN = """
if (location.origin == %r) localStorage.setItem("prefect-password", btoa(%r))
"""


@pytest.fixture
def strangers_name() -> str:
    return STRANGERS_NAME


@pytest.fixture
def visitor(chromium: Any) -> Iterator[Any]:
    """A page of somebody who is not logged in, and goes where he likes."""
    page = chromium.new_page(locale="en-US")
    page.set_default_timeout(PATIENCE)
    yield page
    page.close()


@pytest.fixture
def page(chromium: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page that fails the test when it speaks to anybody but our server; at the operators' window it is logged in."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900}, locale="en-US")
    page.set_default_timeout(PATIENCE)
    if "prefect" in request.fixturenames:
        window = request.getfixturevalue("prefect_server")
        page.add_init_script(LOGGED_IN % (window.url, auth_string(window.home)))
    strangers: list[str] = []
    page.on("request", lambda request: _is_ours(request.url) or strangers.append(request.url))
    yield page
    page.close()
    assert not strangers, f"the browser was sent outside: {strangers}"


@pytest.fixture
def answered(page: Any) -> Callable[[Any, str], Any]:
    """Submit a form: the server's answer to the request whose address ends so. The server refuses (503) while another
    writes to its SQLite file; Prefect's own clients then ask again by themselves, a person at the form reads it and
    presses again."""

    def submit(form: Any, asked: str) -> Any:
        for _ in range(20):
            with page.expect_response(lambda reply: reply.url.endswith(asked)) as reply:
                form.get_by_role("button", name="Submit").press("Enter")  # what it refused may lie over it
            if reply.value.status != 503:
                break
        assert reply.value.ok, reply.value.text()
        return reply.value.json()

    return submit


@pytest.fixture
def submitted(prefect: Harness, page: Any, answered: Callable[[Any, str], Any]) -> Callable[[], Any]:
    """Submit the form of a deployment: the run that it starts."""

    def submit() -> Any:
        started = answered(page, "/create_flow_run")
        with prefect.client() as client:
            return client.read_flow_run(started["id"])

    return submit


def _is_ours(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))
