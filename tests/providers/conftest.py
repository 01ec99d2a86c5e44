"""One way to ask all providers, whatever they are: through their SDKs, at a local server."""

from collections.abc import Callable
from typing import Any

import pytest
from wire import WireServer
from wire.asking import ALL, WIRED, Played, as_turn, client_of

from netflux_nb import Runtime, agent
from netflux_nb.testing import FakeClock, ScriptedModel


@pytest.fixture
def play():
    """Run an agent of a provider against a script, with time that passes by itself."""
    made: list[Any] = []

    def go(
        kind: str,
        script: Any,
        *,
        uses: Any = (),
        signature: str = "one(q: str)",
        model: str = "",
        settings: Any = None,
        types: Any = None,
        wait: bool = True,
        client: Callable[[str], Any] | None = None,
        **options: Any,
    ) -> Played:
        fn = agent(
            signature,
            "Q: {q}",
            system="Be brief.",
            uses=uses,
            model=f"{kind}:{model}" if model else kind,
            settings=settings,
            types=types,
        )
        clock = FakeClock()
        options = {"clock": clock, "sleep": clock.sleep, **options}
        server = None
        if kind == "scripted":
            options["models"] = {"scripted": ScriptedModel([as_turn(s) for s in script])}
        else:
            server = WireServer(script).__enter__()
            made.append(server)
            make = client or (lambda url: client_of(kind, url))
            url = server.url
            options["client_factories"] = {kind: lambda: make(url)}
        runtime = Runtime([fn], **options)
        made.append(runtime)
        node = runtime.get_ctx().invoke(fn, {"q": "why?"})
        if wait:
            node.wait(timeout=30)
        return Played(node, server, clock, runtime)

    yield go
    for one in reversed(made):
        one.__exit__()


@pytest.fixture(params=ALL)
def kind(request):
    return request.param


@pytest.fixture(params=WIRED)
def wired(request):
    return request.param
