"""A worker killed anywhere between claim and settling: no message is lost, none has a second effect (promises 5, 6)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from orders_told import PAID_AT, SHOP
from other_side import OtherSide
from outbox_told import deliver, messages, orders, owe, posting, states

from flows.outbox_claims import LEASE

OVER = LEASE + timedelta(seconds=1)  # the last of a batch is ours a little longer: its turn comes later
ROOT = Path(__file__).parents[2]

# Each line asks for a process that delivers, and kills itself when it has come to this point so many times; it is
# answered by its end.
DELIVERING = """
import os, signal, sys
from datetime import datetime
from types import SimpleNamespace

import httpx
from sqlalchemy import Engine, event

sys.path.append("tests")
from outbox_told import deliver, posting

from flows import outbox_pump
from models.database import engine_for

def dying(point, left):
    settling = []

    def reached(where):
        nonlocal left
        if where == point:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    def claim(*args):
        done = claim_batch(*args)
        reached("claimed")
        return done

    def settle(*args):
        reached("answered")
        settling.append(1)
        done = settled(*args)
        settling.pop()
        reached("settled")
        return done

    async def ask(transport, request):
        reached("asking")
        answer = await send(transport, request)
        reached("unheard")  # it was done there, and nobody here has read the answer
        return answer

    claim_batch, outbox_pump.claim_batch = outbox_pump.claim_batch, claim
    settled, outbox_pump.settled = outbox_pump.settled, settle
    send, httpx.AsyncHTTPTransport.handle_async_request = httpx.AsyncHTTPTransport.handle_async_request, ask
    event.listen(Engine, "commit", lambda _: reached("committing the settling" if settling else "committing the claim"))

for line in sys.stdin:
    point, left, url, there, as_of = line.rstrip("\\n").split("\\t")
    pid = os.fork()
    if not pid:
        signal.alarm(120)
        dying(point, int(left))
        deliver(engine_for(url), posting({"buyer": there}, at_once=2), datetime.fromisoformat(as_of))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
POINTS = (
    "committing the claim",
    "claimed",
    "asking",
    "unheard",
    "answered",
    "committing the settling",
    "settled",
)


@pytest.fixture(scope="module")
def delivering() -> Iterator[subprocess.Popen]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", DELIVERING]
    with subprocess.Popen(command, env=env, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def there() -> Iterator[OtherSide]:
    with OtherSide() as there:
        yield there


@pytest.fixture
def kill(delivering, engine, databases, there):
    def killed(point: str, times: int, at=PAID_AT) -> int:
        line = [point, str(times), databases.url(engine), there.url, at.isoformat()]
        delivering.stdin.write("\t".join(line) + "\n")
        delivering.stdin.flush()
        return int(delivering.stdout.readline())

    return killed


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_every_message_arrives_once(engine, there, kill, point, times):
    keys = owe(engine, orders(engine, 6), each=3)  # of each order the third waits until the second is settled
    assert kill(point, times) == -signal.SIGKILL
    left = [row for row in messages(engine) if not row.sent_at]
    assert left, "it was killed on the way"
    there.until_all_have_left()

    before = len(there.asked)
    deliver(engine, posting({"buyer": there.url}), PAID_AT + LEASE - timedelta(seconds=1))
    claimed = {row.key for row in left if row.claimed_until}
    assert not claimed & {asked.key for asked in there.asked[before:]}, "what may be on its way is left alone"

    deliver(engine, posting({"buyer": there.url}), PAID_AT + OVER)
    assert states(engine) == ["sent"] * 18
    assert Counter(there.done) == Counter(keys)
    for no in range(1, 7):
        assert [key[-1] for key in there.done if f"/order/{no}/" in key] == ["1", "2", "3"]


def test_killed_again_and_again_every_message_arrives_once(engine, there, kill):
    keys, at = owe(engine, orders(engine, 10), each=3), PAID_AT
    for number in range(14):
        kill(POINTS[number % len(POINTS)], 1 + number % 3, at)
        at += OVER
    deliver(engine, posting({"buyer": there.url}), at)
    assert states(engine) == ["sent"] * 30
    assert Counter(there.done) == Counter(keys)
    assert there.done[0].startswith(SHOP)
