"""Pictures of the operators' window, for the README: `python -m deployments.screenshots` after `kefu demo`.

Needs the development extras (playwright), a Chromium on this machine and fonts for Chinese.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import httpx

FOLDER = Path(__file__).parent / "pictures"
SIZE = {"width": 1280, "height": 800}


def chromium_flags() -> list[str]:
    """Headless, as root too, and quiet: it asks nobody for updates."""
    return [
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    ]


def take(url: str, folder: Path = FOLDER) -> list[Path]:
    """The deployments, the form of remind-unpaid, the latest cut-off with its tables, the latest refunds."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    cutoff = _latest_cutoff(url)
    pages = {
        "deployments": "/deployments",
        "form": f"/deployments/deployment/{_deployment(url, 'remind-unpaid/by-hand')}/run",
        "cutoff": f"/runs/flow-run/{cutoff}",
        "blocked": f"/artifacts/artifact/{_artifact(url, 'dispatch-blocked', cutoff)}",
        "refunds": f"/artifacts/artifact/{_artifact(url, 'release-refunds')}",
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=chromium_flags())
        page = browser.new_page(
            viewport=SIZE, color_scheme="dark", locale="en-US", timezone_id="Asia/Shanghai"
        )
        taken = [_picture(page, url + path, folder / f"{name}.png") for name, path in pages.items()]
        browser.close()
    return taken


def _picture(page: Any, url: str, path: Path) -> Path:
    page.goto(url, wait_until="networkidle")
    if path.stem == "cutoff":
        page.get_by_text("Artifacts", exact=True).click()
    page.wait_for_timeout(1_500)  # the UI draws after its last request
    page.screenshot(path=path)
    return path


def _deployment(url: str, name: str) -> str:
    return httpx.get(f"{url}/api/deployments/name/{name}").raise_for_status().json()["id"]


def _latest_cutoff(url: str) -> str:
    wanted = {
        "flows": {"name": {"any_": ["dispatch-cutoff"]}},
        "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
        "sort": "END_TIME_DESC",
        "limit": 1,
    }
    return httpx.post(f"{url}/api/flow_runs/filter", json=wanted).raise_for_status().json()[0]["id"]


def _artifact(url: str, key: str, run: str | None = None) -> str:
    """The latest with this key, or that of this run."""
    wanted = {"key": {"any_": [key]}} | ({"flow_run_id": {"any_": [run]}} if run else {})
    asked = {"artifacts": wanted, "sort": "CREATED_DESC", "limit": 1}
    return httpx.post(f"{url}/api/artifacts/filter", json=asked).raise_for_status().json()[0]["id"]


if __name__ == "__main__":
    for picture in take(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:4200"):
        sys.stdout.write(f"{picture.name} {picture.stat().st_size // 1024} KB\n")
