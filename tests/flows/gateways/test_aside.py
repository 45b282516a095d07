"""What is done beside the loop, and what is given up there."""

import asyncio
import subprocess
import sys
import textwrap
import time

import pytest

from flows.gateways.aside import aside


def test_the_result_comes_back_and_so_does_the_error():
    assert asyncio.run(aside(divmod, 7, 2)) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(aside(divmod, 7, 0))


def test_neither_the_loop_nor_the_process_waits_for_what_was_given_up():
    waits_for_ever = """
        import asyncio, threading
        from flows.gateways.aside import aside
        async def given_up():
            async with asyncio.timeout(0.2):
                await aside(threading.Event().wait)
        try:
            asyncio.run(given_up())
        except TimeoutError:
            print("given up")
    """
    began = time.monotonic()
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(waits_for_ever)], capture_output=True, text=True, timeout=60
    )
    assert told.stdout == "given up\n", told.stderr
    assert time.monotonic() - began < 30
