"""An interrupt in the middle of beginning a call: the call is somebody's, and it is stopped."""

import os
import signal
import threading

import pytest

import netflux_nb
from netflux_nb import Runtime, function, session
from netflux_nb.core.policy import Admit
from netflux_nb.runtime.threads.interrupts import unbroken


@function
def until_stopped(ctx) -> int:
    while not ctx.cancel_event.wait(60):
        pass
    ctx.check()
    return 1


class Presses:
    """A policy within which somebody presses ■, once."""

    moments = frozenset({Admit})

    def __init__(self):
        self.left = 1

    def __call__(self, moment):
        if self.left:
            self.left -= 1
            signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def heard():
    """An interrupt is heard, also where who started the tests ignores it (a shell's `&`)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def runtime():
    before = netflux_nb.default_runtime()
    with Runtime(is_open=True, policies=[Presses()]) as runtime:
        netflux_nb.use(runtime)
        yield runtime
    netflux_nb.use(before)


@pytest.mark.parametrize("begin", [until_stopped, until_stopped.start])
def test_an_interrupt_while_a_call_is_begun_stops_it(runtime, begin):
    with pytest.raises(KeyboardInterrupt) as stop:
        begin()

    assert type(stop.value).__name__ == "Interrupted"
    assert [view.state.name for view in runtime.list_toplevel_views()] == ["Canceled"]
    assert session.default_runtime() is runtime


def test_an_interrupt_is_heard_after_what_it_must_not_break():
    seen = []

    def do():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        seen.append("done")

    with pytest.raises(KeyboardInterrupt):
        unbroken(do)

    assert seen == ["done"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_fails_in_it_fails_as_it_is():
    with pytest.raises(ZeroDivisionError):
        unbroken(lambda: 1 / 0)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_leave_signals_alone():
    found = []
    thread = threading.Thread(target=lambda: found.append(unbroken(os.getpid)))
    thread.start()
    thread.join(60)
    assert found == [os.getpid()]


def test_an_interrupt_that_nobody_hears_stays_unheard():
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    assert unbroken(lambda: signal.raise_signal(signal.SIGINT)) is None
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
