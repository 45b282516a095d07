"""Pictures of the operators' window, for the README: `python -m deployments.screenshots` after `kefu demo` and a run of
`call-back` that waits, with `KEFU_HOME=.kefu/demo`.

Needs the development extras (playwright), a Chromium on this machine and fonts for Chinese.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import httpx

from deployments.auth import auth_string
from models.database import home

FOLDER = Path(__file__).parent / "pictures"
SIZE = {"width": 1280, "height": 800}
TALL = {"width": 1280, "height": 1380}  # the form of a call, all of it


def chromium_flags() -> list[str]:
    """Headless, as root too, and quiet: it asks nobody for updates."""
    return [
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    ]


def take(url: str, auth: str, folder: Path = FOLDER) -> list[Path]:
    """The deployments, the form of remind-unpaid, the latest cut-off with its tables, the latest refunds, the form of
    a call-back."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    with httpx.Client(base_url=f"{url}/api", auth=tuple(auth.split(":", 1))) as api:
        cutoff = _latest(api, "dispatch-cutoff", "COMPLETED")
        pages = {
            "deployments": "/deployments",
            "form": f"/deployments/deployment/{_deployment(api, 'remind-unpaid/by-hand')}/run",
            "cutoff": f"/runs/flow-run/{cutoff}",
            "blocked": f"/artifacts/artifact/{_artifact(api, 'dispatch-blocked', cutoff)}",
            "refunds": f"/artifacts/artifact/{_artifact(api, 'release-refunds')}",
            "call-back": f"/runs/flow-run/{_latest(api, 'call-back', 'PAUSED')}",
        }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=chromium_flags())
        page = browser.new_page(
            viewport=SIZE, color_scheme="dark", locale="en-US", timezone_id="Asia/Shanghai"
        )
        page.add_init_script(f"localStorage.setItem('prefect-password', btoa({auth!r}))")
        taken = [_picture(page, url + path, folder / f"{name}.png") for name, path in pages.items()]
        browser.close()
    return taken


def _picture(page: Any, url: str, path: Path) -> Path:
    page.goto(url, wait_until="networkidle")
    if path.stem == "cutoff":
        page.get_by_text("Artifacts", exact=True).click()
    if path.stem == "call-back":
        page.set_viewport_size(TALL)
        page.get_by_role("button", name="Resume").click()
    page.wait_for_timeout(1_500)  # the UI draws after its last request
    page.screenshot(path=path)
    return path


def _deployment(api: httpx.Client, name: str) -> str:
    return api.get(f"/deployments/name/{name}").raise_for_status().json()["id"]


def _latest(api: httpx.Client, flow: str, state: str) -> str:
    wanted = {
        "flows": {"name": {"any_": [flow]}},
        "flow_runs": {"state": {"type": {"any_": [state]}}},
        "sort": "START_TIME_DESC",
        "limit": 1,
    }
    return api.post("/flow_runs/filter", json=wanted).raise_for_status().json()[0]["id"]


def _artifact(api: httpx.Client, key: str, run: str | None = None) -> str:
    """The latest with this key, or that of this run."""
    wanted = {"key": {"any_": [key]}} | ({"flow_run_id": {"any_": [run]}} if run else {})
    asked = {"artifacts": wanted, "sort": "CREATED_DESC", "limit": 1}
    return api.post("/artifacts/filter", json=asked).raise_for_status().json()[0]["id"]


if __name__ == "__main__":
    url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:4200"
    for picture in take(url, auth_string(home("prefect"))):
        sys.stdout.write(f"{picture.name} {picture.stat().st_size // 1024} KB\n")
