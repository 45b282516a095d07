"""Flows for the worker's tests: it runs whatever can be imported, not only ours."""

import threading
import time

from prefect import flow, task
from prefect.flow_runs import suspend_flow_run
from prefect.logging import get_run_logger

threads: list[str] = []


@flow
def notes_its_thread(word: str, times: int = 1) -> str:
    threads.append(threading.current_thread().name)
    get_run_logger().info("noted %s", word)
    return word * times


@flow
def breaks() -> None:
    raise RuntimeError("a bug")


@flow
def leaves() -> None:
    raise SystemExit(3)


@flow
async def waits_politely() -> None:
    threads.append(threading.current_thread().name)


@flow
def takes_a_second() -> None:
    time.sleep(1)


@flow
def waits_for_a_word() -> str:
    try:
        return suspend_flow_run(wait_for_input=str, key="word")
    finally:
        time.sleep(2)  # whoever answers at once is quicker than this thread


@flow
def takes_its_time(seconds: float = 0) -> None:
    time.sleep(seconds)


@task(name="batch")
def one_batch() -> None:
    time.sleep(0.2)
