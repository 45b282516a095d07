"""Secrets kept in Prefect: the Secret block `kefu-platform-secret` stands for KEFU_PLATFORM_SECRET."""

from __future__ import annotations

from functools import lru_cache
from itertools import count, takewhile

from prefect import get_client
from prefect.context import FlowRunContext

from flows import clock
from flows.gateways.settings import SOURCES

PAGE = 100
FRESH_SECONDS = 60  # so soon a changed one is noticed


def secret_block(name: str) -> str | None:
    """The value of the block of this name; None where there is none, and outside of a flow run."""
    if FlowRunContext.get() is None:
        return None
    blocks = stored_blocks(int(clock.now().timestamp()) // FRESH_SECONDS)
    value = blocks.get(name.lower().replace("_", "-"))
    return None if value is None else str(value)


@lru_cache(maxsize=1)
def stored_blocks(_minute: int) -> dict[str, object]:
    """The values of all of ours, by name, kept for a minute: to ask for each would be dozens of questions a run."""
    with get_client(sync_client=True) as client:
        pages = (
            client.read_block_documents(limit=PAGE, offset=n, include_secrets=True) for n in count(0, PAGE)
        )
        blocks = [block for page in takewhile(bool, pages) for block in page]
    ours = (block for block in blocks if (block.name or "").startswith("kefu-"))
    return {block.name: block.data.get("value") for block in ours if block.block_type_name == "Secret"}


def look_there() -> None:
    """Secrets that the environment does not name are looked for in the blocks, too."""
    if secret_block not in SOURCES:
        SOURCES.append(secret_block)
