"""The registry of a runtime: its Functions by name, their `uses`, the drivers of its agents."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..core.errors import FunctionError, NoKeyError, SignatureError, listed
from ..core.functions.kinds import Function, declares, is_later
from ..core.messages import Model, Provider, provider_name
from .agents.agent import AgentNode


def no_key(provider: str, *variables: str) -> NoKeyError:
    """Give the error for a key that is missing: where to put it, and how to do without."""
    named = " or ".join(variables)
    return NoKeyError(
        f"{provider} needs a key: set the environment variable {named}; in a cell, `import os, "
        f'getpass; os.environ["{variables[0]}"] = getpass.getpass()`.\n  Without one: `--model '
        f'scripted`, in Python `model="scripted"`, and `use(scripted=ScriptedModel([…]))`.'
    )


class Providers:
    """The providers: how each one's client becomes a `Model`, and the Node class of its agents.

    A process has one, `providers`: what a package registers holds for all sessions.
    """

    def __init__(self) -> None:
        self._drivers: dict[str, type[AgentNode] | Callable[[], type[AgentNode]]] = {}
        self._makers: dict[str, Callable[[Any], Model]] = {}
        # Those of them that need no client factory.
        self._alone: set[str] = set()
        self._keys: dict[str, tuple[str, ...]] = {}

    def register_model(
        self,
        provider: Provider | str,
        make: Callable[[Any], Model],
        *,
        needs_client: bool = False,
        keys: Sequence[str] = (),
    ) -> None:
        """Say how a provider's client becomes a `Model`.

        `make` is called off the loop's thread, once for each runtime, with what the client
        factory gave, or with None where there is none: then it makes a client of its own,
        unless it `needs_client`. Of the environment variables in `keys` one must then be set.
        """
        name = provider_name(provider)
        self._makers[name] = make
        self._alone.discard(name)
        self._keys[name] = tuple(keys)
        if not needs_client:
            self._alone.add(name)

    def makes_its_own(self, name: str) -> bool:
        """True for a provider that needs no client factory. Raises `NoKeyError` without a key."""
        if name not in self._alone:
            return False
        keys = self._keys[name]
        if keys and not any(os.environ.get(key) for key in keys):
            raise no_key(repr(name), *keys[:2])
        return True

    def make_model(self, name: str, factory: Callable[[], Any] | None) -> Model:
        """Make who answers for a provider. Raises `FunctionError` where nobody said how."""
        client = None if factory is None else factory()
        if isinstance(client, Model):
            return client
        make = self._makers.get(name)
        if make is None:
            if factory is None:
                raise FunctionError(
                    f"Nobody here answers for the provider {name!r}. There is: {listed(sorted(self._makers))}. "
                    f"A model of your own: `use({name if name.isidentifier() else 'name'}=…)`."
                )
            raise FunctionError(
                f"Nothing is registered that speaks to {name!r}, and its client, a "
                f"{type(client).__name__}, is no Model itself."
            )
        return make(client)

    def answering(self) -> list[str]:
        """Give the names of the providers that need no client factory."""
        return sorted(self._alone)

    def is_known(self, provider: Any) -> bool:
        """True for the name of a provider that was registered."""
        return isinstance(provider, str) and (provider in self._makers or provider in self._drivers)

    def register_driver(
        self, provider: Provider | str, driver: type[AgentNode] | Callable[[], type[AgentNode]]
    ) -> None:
        """Say which Node leads the agents of a provider, or how to come by it when it is needed."""
        self._drivers[provider_name(provider)] = driver

    def driver_of(self, provider: Provider | str) -> type[AgentNode]:
        """Give the Node class of a provider's agents: the shared one, unless one was registered."""
        driver = self._drivers.get(provider_name(provider), AgentNode)
        return driver if isinstance(driver, type) else driver()


providers = Providers()
register_model, register_driver = providers.register_model, providers.register_driver
makes_its_own, make_model = providers.makes_its_own, providers.make_model
answering, is_known, driver_of = providers.answering, providers.is_known, providers.driver_of


class Registry:
    """Functions by name. An open one takes what it is shown, the newest under a name."""

    def __init__(self, specs: Iterable[Function], *, is_open: bool) -> None:
        self.is_open = is_open
        self._known: dict[str, Function] = {}
        # Replaced ones still run for whoever holds them: by id, kept alive.
        self._replaced: dict[int, Function] = {}
        seeds = list(specs)
        for fn in seeds:
            if not isinstance(fn, Function):
                raise SignatureError(f"specs must hold Functions, got {type(fn).__name__}.")
        self.add(seeds)

    def __iter__(self) -> Any:
        return iter(self._known.values())

    def get(self, name: str) -> Function | None:
        """Look up the Function of a name now."""
        return self._known.get(name)

    def add(self, seeds: list[Function], *, replace: bool = False) -> None:
        """Take in Functions and all that they use, breadth first. All or none."""
        found: dict[str, Function] = {}
        queue = deque(seeds)
        while queue:
            fn = queue.popleft()
            known = found.get(fn.name) or (None if replace else self._known.get(fn.name))
            if known is fn:
                continue
            if known is not None:
                raise FunctionError(
                    f"Duplicate Function name '{fn.name}' found during registration. "
                    f"Two different Functions have it; rename one."
                )
            found[fn.name] = fn
            queue.extend(fn.uses)
        refuse_cycles(list(found.values()))
        for name, fn in found.items():
            old = self._known.get(name)
            if old is not None and old is not fn:
                self._replaced[id(old)] = old
            self._known[name] = fn

    def admit(self, fn: Function) -> None:
        """Raise `FunctionError` unless this Function may be called here."""
        known = self._known.get(fn.name)
        if known is fn or id(fn) in self._replaced:
            return
        if self.is_open:
            self.add([fn], replace=True)
            return
        if known is None:
            raise FunctionError(
                f"Function '{fn.name}' is not registered with this Runtime. Give it in "
                f"`specs`, or call `runtime.register({fn.name})`."
            )
        raise FunctionError(
            f"Function '{fn.name}' shares a name with a registered Function but is another "
            f"object. Call `runtime.register({fn.name})` to replace the old one."
        )

    def newest(self, fn: Function) -> Function:
        """Give what a used Function's name means now: a notebook may have defined it again."""
        known = self._known.get(fn.name, fn)
        return fn if self.is_open and is_later(fn, known) else known

    def may_call(self, caller: Function, fn: Function) -> bool:
        """True where `caller` declared `fn`, or an older one under its name."""
        if caller.calls_any or declares(caller, fn):
            return True
        is_newest = self._known.get(fn.name) is fn
        return is_newest and any(used.name == fn.name for used in caller.uses)


def refuse_cycles(fns: list[Function]) -> None:
    """Raise `FunctionError` where Functions use each other in a circle.

    A Function may name itself only with `uses_recursion`; and a longer circle is allowed
    only when one of its Functions has it.
    """
    done: set[int] = set()
    for start in fns:
        path: list[Function] = []
        on_path: set[int] = set()
        stack: list[tuple[Function, bool]] = [(start, False)]
        while stack:
            fn, leaving = stack.pop()
            if leaving:
                path.pop()
                on_path.discard(id(fn))
                done.add(id(fn))
                continue
            if id(fn) in on_path:
                circle = path[next(i for i, f in enumerate(path) if f is fn) :]
                if not any(f.uses_recursion for f in circle):
                    names = " -> ".join(f.name for f in [*circle, fn])
                    raise FunctionError(
                        f"Circular uses: {names}. Functions form no circles; give one of "
                        f"them `uses_recursion=True` if this is meant."
                    )
                continue
            if id(fn) in done:
                continue
            path.append(fn)
            on_path.add(id(fn))
            stack.append((fn, True))
            stack.extend((used, False) for used in fn.uses)
