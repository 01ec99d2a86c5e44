import threading
from contextlib import contextmanager

import pytest

from netflux_nb import Runtime, function
from netflux_nb.func_lib._process.processes import members

SOON_S = 60


class Caller:
    """What stands for an agent: calls Functions below one Node, which ends when told."""

    def __init__(self, ctx):
        self.ctx = ctx

    def start(self, fn, **args):
        return self.ctx.invoke(fn, args)

    def __call__(self, fn, **args):
        return self.start(fn, **args).result(SOON_S)


@contextmanager
def agent_that_calls(*fns):
    ready, over, made = threading.Event(), threading.Event(), []

    @function(uses=list(fns))
    def agent(ctx) -> str:
        made.append(ctx)
        ready.set()
        over.wait(SOON_S * 2)
        return ""

    with Runtime([agent]) as runtime:
        node = runtime.get_ctx().invoke(agent, {})
        try:
            assert ready.wait(SOON_S)
            yield Caller(made[0])
        finally:
            over.set()
            node.wait()


@pytest.fixture
def agent_of():
    """Give a caller whose calls have one parent, as those of an agent have."""
    return agent_that_calls


@pytest.fixture
def is_gone():
    """Wait until nothing of a process's session is left; False when it does not end."""

    def ask(pid):
        tick = threading.Event()
        for _ in range(SOON_S * 50):
            if not members(pid):
                return True
            tick.wait(0.02)
        return False

    return ask
