"""A fork's changes: described, located in the recorded tree, applied to calls."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..core.errors import ArgumentError, listed
from ..core.functions import prompts
from ..core.functions.kinds import AgentFunction, Function
from ..core.messages import provider_name
from ..core.policy import Change
from .recording import RecordedNode

# Of a path as long as a tree is deep.
MOST_PATH = 160

Call = tuple[Any, Mapping[str, Any], Any]


class Turns:
    """The changes that a tree makes of its calls: each once, in the place that it is for."""

    def __init__(
        self, changes: Iterable[Change] = (), nodes: Mapping[str, RecordedNode] | None = None
    ) -> None:
        # Each with the keys of the Nodes that it is below.
        self._left = [(one, keys_above(one, nodes or {})) for one in changes]
        # Functions that were called in the place of others.
        self.called: list[Function] = []
        self._lock = threading.Lock()  # guards both

    def made_of(self, caller: Any, call: Call, key: Callable[..., str]) -> Call:
        """Give the call that is made in place of one; `key` says which key it would have."""
        if not self._left:
            return call
        with self._lock:
            for one in list(self._left):
                change = one[0]
                if change.above is None:
                    is_meant = caller is None
                elif caller is None or caller.key != change.above:
                    continue
                else:
                    is_meant = key(caller, *call[:2]) == change.key
                if is_meant:
                    self._left.remove(one)
                    call = changed(change, *call)
                    self.called.append(call[0])
        return call

    def passed(self, key: str) -> None:
        """Take in that a recorded Node was served: what was changed below it, is so in it."""
        if self._left:
            with self._lock:
                self._left = [one for one in self._left if key not in one[1]]

    @property
    def missed(self) -> Change | None:
        """A change of a call that was not made yet."""
        return self._left[0][0] if self._left else None


def changed(change: Change, fn: Any, inputs: Mapping[str, Any], provider: Any) -> Call:
    """Give a call as a change makes it."""
    own = change.fn or fn
    if change.prompt is not None or change.system is not None:
        own = with_prompts(own, change.prompt, change.system)
    given = inputs if change.inputs is None else {**inputs, **change.inputs}
    return own, given, provider if change.provider is None else change.provider


def with_prompts(fn: Function, prompt: str | None, system: str | None) -> Function:
    """Give an agent with other prompts."""
    if not isinstance(fn, AgentFunction):
        raise ArgumentError(f"{fn.name}() is code and has no prompt. Change its `args` or `fn`.")
    for words in (prompt, system):
        if words is not None and not isinstance(words, str):
            raise ArgumentError(f"A prompt is text; got {type(words).__name__}.")
    if prompt is not None:
        prompts.check(prompt, [arg.name for arg in fn.args], fn.name)
    made = copy.copy(fn)
    made.user_prompt_template = fn.user_prompt_template if prompt is None else prompt
    made.system_prompt = fn.system_prompt if system is None else system
    return made


def keys_above(change: Change, nodes: Mapping[str, RecordedNode]) -> frozenset[str]:
    """Name the Nodes that a change is below, as far as they are recorded."""
    found: set[str] = set()
    one = nodes.get(change.above) if change.above is not None else None
    while one is not None:
        found.add(one.key)
        one = one.parent
    return frozenset(found)


def not_made(change: Change) -> ArgumentError:
    """Say that the call which a fork is about was not made."""
    return ArgumentError(
        f"This fork changed nothing: {brief(change.path)} was not called this time as it was when "
        f"it was forked."
    )


def brief(path: str) -> str:
    """Give a path on a line, by its end."""
    return repr(path if len(path) <= MOST_PATH else f"…{path[-MOST_PATH:]}")


def change_line(change: Change) -> str:
    """Say of a change where it is, and what is otherwise, on a line."""
    what = [f"{name[:80]}=…" for name in change.inputs or ()]
    what += [name for name in ("prompt", "system") if getattr(change, name) is not None]
    what += [] if change.provider is None else [f"model {provider_name(change.provider)[:80]}"]
    what += [] if change.fn is None else [f"fn {change.fn.name[:80]}()"]
    return f"{brief(change.path)}: {listed(what)}"
