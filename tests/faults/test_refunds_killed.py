"""A process killed anywhere between the intent to pay and the recorded answer: each refund is paid once (promise 7)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from orders_told import AN_HOUR, PAID_AT, SHOP, holds, order, paid, placed, rows, tell
from payment_service import NORMAL, PAYS_THEN_500, PENDING_FIRST, UNAVAILABLE_503, PaymentService
from returns_told import case_owed, case_state, case_steps, gateway, money, open_case, refunds, release
from sqlalchemy import update

from flows.clock import now
from flows.refunds import IN_FLIGHT, RefundReport, pay_refunds
from flows.scope import Scope
from models import Refund

ROOT = Path(__file__).parents[2]
OVER_AT = PAID_AT + AN_HOUR + timedelta(hours=24)
A_MINUTE = timedelta(minutes=1)
NOS = ("1", "2", "3")
KEYS = [f"{SHOP}/return/{no}-R1/refund/1" for no in NOS]

# Each line asks for a process that releases refunds and kills itself when it has come to this point so many times;
# it is answered by its end. Where it is, is known by the step of flows/refunds.py that is going on.
RELEASING = """
import http.client, os, select, signal, sys
from datetime import datetime

import httpx
from sqlalchemy import Engine, event

from flows import refunds, return_steps
from models.database import engine_for

def dying(point, left):
    going_on = ["the sweep"]

    def reached(where):
        nonlocal left
        if where == point:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    def watched(name):
        step = getattr(refunds, name)

        def watched_step(*args, **how):
            going_on.append(name)
            done = step(*args, **how)
            going_on.pop()
            reached(f"after {name}")
            return done

        setattr(refunds, name, watched_step)

    def begun(*args, **how):
        reached("intended")
        pay_refunds(*args, **how)

    def unheard(transport, request):
        # The answer has come to this machine, and nobody has read it.
        where = f"{request.method} unheard"
        if where == point and left == 1:
            there = http.client.HTTPConnection(request.url.host, request.url.port)
            there.request(request.method, request.url.raw_path.decode(), request.read(), dict(request.headers))
            select.select([there.sock], [], [])
        reached(where)
        return send(transport, request)

    for name in ("_claim", "_ask", "_ask_again", "_tell"):
        watched(name)
    pay_refunds, return_steps.pay_refunds = return_steps.pay_refunds, begun
    send, httpx.HTTPTransport.handle_request = httpx.HTTPTransport.handle_request, unheard
    event.listen(Engine, "commit", lambda _: reached(f"committing in {going_on[-1]}"))
    event.listen(Engine, "after_cursor_execute", lambda *_: reached(f"a statement in {going_on[-1]}"))

for line in sys.stdin:
    point, left, url, payments, as_of = line.rstrip("\\n").split("\\t")
    pid = os.fork()
    if not pid:
        signal.alarm(120)
        os.environ["KEFU_PAYMENTS_URL"] = payments
        dying(point, int(left))
        return_steps.release_refunds(engine_for(url), as_of=datetime.fromisoformat(as_of))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""

# The points on the way of one refund, and how far it then is; None: nothing of it is stored.
ON_THE_WAY = {
    "committing in the sweep": None,
    "intended": "requested",
    "committing in _claim": "requested",
    "after _claim": "sent",
    "POST unheard": "sent",
    "after _ask": "sent",
    "committing in _tell": "sent",
    "after _tell": "succeeded",
}
PAID_BY_THEN = ("POST unheard", "after _ask", "committing in _tell", "after _tell")
ONCE = ("committing in the sweep", "intended")  # all three refunds come by there together
POINTS = [(point, 1 if point in ONCE else 2) for point in ON_THE_WAY]  # else with one done and one to come
Kill = Callable[..., int]


@pytest.fixture(scope="module")
def releasing() -> Iterator[subprocess.Popen]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-c", RELEASING]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=env, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def service() -> Iterator[PaymentService]:
    with PaymentService() as service:
        yield service


@pytest.fixture
def kill(releasing, engine, databases, service) -> Kill:
    """Release refunds in a process that kills itself at this point; how it ended."""

    def killed(point: str, times: int = 1, at=OVER_AT) -> int:
        line = [point, str(times), databases.url(engine), service.url, at.isoformat()]
        releasing.stdin.write("\t".join(line) + "\n")
        releasing.stdin.flush()
        return int(releasing.stdout.readline())

    return killed


@pytest.fixture
def due(engine):
    """Three cases whose 24 hours are over."""
    for no in NOS:
        tell(engine, placed(no), paid(no))
        open_case(engine, PAID_AT + AN_HOUR, of=no)
    return engine


def states(engine) -> list[str | None]:
    found = [refunds(engine, f"{no}-R1") for no in NOS]
    return [refund[0][0] if refund else None for refund in found]


def in_flight_is_over(engine) -> None:
    """What was sent was sent long ago."""
    with engine.begin() as connection:
        connection.execute(update(Refund.__table__).values(sent_at=now() - IN_FLIGHT))


def all_is_well(engine, service) -> None:
    """Paid once, known to be paid, and nothing left to do."""
    assert sorted(service.paid) == [(key, 10_000) for key in KEYS]
    for no in NOS:
        assert refunds(engine, f"{no}-R1") == [("succeeded", 10_000)]
        assert money(engine, no) == (10_000, 10_000, 0)
        assert (case_state(engine, f"{no}-R1"), order(engine, no).state) == ("refunded", "refunded")
        assert holds(engine, no) == []
        told = [trigger for trigger, _ in case_steps(engine, f"{no}-R1")]
        assert told == ["open", "approve", "cool", "pay_back", "refund_paid"]
        assert case_owed(engine, f"{no}-R1") == ["return_cooling", "refund_paid"]
    asked = len(service.calls)
    with closing(gateway(service)) as payments:
        report = RefundReport("release-refunds", OVER_AT + timedelta(days=9))
        pay_refunds(engine, payments, report, Scope(), clock=lambda: now() + IN_FLIGHT)
    assert (report.claimed, len(service.calls)) == (0, asked)


@pytest.mark.parametrize(("point", "number"), POINTS)
def test_killed_on_the_way_each_refund_is_paid_once(due, service, kill, point, number):
    assert kill(point, number) == -signal.SIGKILL
    rest = ON_THE_WAY["committing in the sweep" if point == "committing in the sweep" else "intended"]
    before, after = ["succeeded"] * (number - 1), [rest] * (3 - number)
    assert states(due) == [*before, ON_THE_WAY[point], *after]
    assert len(service.paid) == number - (point not in PAID_BY_THEN)

    release(due, OVER_AT + A_MINUTE, service)  # at once: what was sent may still be answered
    left_alone = "sent" if ON_THE_WAY[point] == "sent" else "succeeded"
    assert states(due) == [*before, left_alone, *["succeeded"] * (3 - number)]
    in_flight_is_over(due)
    report = release(due, OVER_AT + A_MINUTE, service)
    assert (report.red, report.claimed) == (False, int(left_alone == "sent"))
    all_is_well(due, service)


@pytest.mark.parametrize("times", [1, 5, 9, 13])
def test_killed_in_the_middle_of_recording_it_records_all_of_it_later(due, service, kill, times):
    assert kill("a statement in _tell", times) == -signal.SIGKILL
    assert (states(due)[0], len(service.paid)) == ("sent", 1)
    assert money(due) == (10_000, 0, 10_000)
    in_flight_is_over(due)
    release(due, OVER_AT + A_MINUTE, service)
    all_is_well(due, service)


@pytest.mark.parametrize("does", [PAYS_THEN_500, UNAVAILABLE_503, PENDING_FIRST])
@pytest.mark.parametrize(
    ("point", "then"), [("committing in _ask_again", "sent"), ("after _ask_again", "unknown")]
)
def test_killed_while_it_is_put_off_it_is_asked_about_and_not_sent_anew(
    due, service, kill, does, point, then
):
    service.behave(does, NORMAL)
    assert kill(point) == -signal.SIGKILL
    assert states(due) == [then, "requested", "requested"]
    in_flight_is_over(due)
    release(due, OVER_AT + AN_HOUR, service)
    all_is_well(due, service)
    first = [call.method for call in service.calls if call.key == KEYS[0]]
    assert first == ["POST", "GET", *(["POST"] if does is UNAVAILABLE_503 else [])]


def test_killed_at_every_point_one_after_the_other(due, service, kill):
    """Nobody ever gets further than one step, and it is paid once all the same."""
    service.behave(PAYS_THEN_500, NORMAL)
    way = [*ON_THE_WAY, "committing in _ask_again", "after _ask_again", "GET unheard", *ON_THE_WAY]
    ends = []
    for hours, point in enumerate(way):
        ends.append(kill(point, at=OVER_AT + timedelta(hours=hours)))
        in_flight_is_over(due)
    assert ends.count(-signal.SIGKILL) >= len(ON_THE_WAY)
    assert set(ends) <= {0, -signal.SIGKILL}
    release(due, OVER_AT + timedelta(days=3), service)
    all_is_well(due, service)
    assert [len(rows(due, Refund, key=key)) for key in KEYS] == [1, 1, 1]


def test_not_killed_it_comes_to_its_end(due, service, kill):
    assert kill("nowhere") == 0
    all_is_well(due, service)
