"""A person's interrupt, in a real process (architecture: interrupt means stop)."""

import os
import signal
import subprocess
import sys

import pytest

PROGRAM = """
import signal, sys, threading
import netflux_nb
from netflux_nb import Runtime, agent, function
from netflux_nb.testing import ScriptedModel, Turn

# Who started the tests in the background may have it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
waiting, begun = threading.Event(), threading.Event()

@function
def cooperative(ctx) -> int:
    begun.set()
    while True:
        ctx.check()
        waiting.wait(0.005)

@function
def deaf() -> int:
    begun.set()
    waiting.wait(60)
    return 1

@function(uses=[cooperative, deaf])
def top(name: str) -> int:
    return {"cooperative": cooperative, "deaf": deaf}[name]()

def tell_when_it_waits():
    # The interrupt must come while the main thread waits, not while it starts the call.
    while (frame := sys._current_frames()[threading.main_thread().ident]) is not None:
        if frame.f_code.co_name in ("acquired", "got") and begun.is_set():
            print("waiting", flush=True)
            return
        waiting.wait(0.002)

threading.Thread(target=tell_when_it_waits, daemon=True).start()
runtime = Runtime([top])
node = runtime.get_ctx().invoke(top, {"name": sys.argv[1]})
try:
    node.result()
except KeyboardInterrupt:
    states = [v.state.value for _, v in node.view().walk()]
    print("interrupted", *states, flush=True)
"""


@pytest.fixture
def process():
    made = []

    def start(name):
        made.append(
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM, name], stdout=subprocess.PIPE, text=True
            )
        )
        assert made[-1].stdout.readline() == "waiting\n"
        return made[-1]

    yield start
    for one in made:
        one.kill()
        one.wait(60)
        one.stdout.close()


@pytest.mark.slow
def test_an_interrupt_stops_the_tree_that_is_waited_for(process):
    one = process("cooperative")
    os.kill(one.pid, signal.SIGINT)
    assert one.stdout.readline() == "interrupted Canceled Canceled\n"


@pytest.mark.slow
def test_a_second_interrupt_lets_go_of_what_does_not_stop(process):
    one = process("deaf")
    for _ in range(200):
        os.kill(one.pid, signal.SIGINT)
        try:
            one.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        break
    assert "interrupted Running Running\n" in one.stdout.read()
