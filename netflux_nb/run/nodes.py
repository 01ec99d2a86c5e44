"""One Node of a run, by its path: its conversation, and another run that forks at it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..again import replay as again
from ..again.onward import Change
from ..core.displayed import Displayed
from ..core.errors import ArgumentError
from ..core.functions import AgentFunction, Function
from ..core.views import NodeView
from ..show import numbers, transcripts, trees
from ..show.shown import Shown

if TYPE_CHECKING:
    from .handle import Run


class RunNode(Displayed):
    """One Node of a run, live or stored, known by its path."""

    def __init__(self, run: Run, view: NodeView, path: str) -> None:
        self.run = run
        self.view = view
        self.path = path

    def fork(
        self,
        *,
        args: Mapping[str, Any] | None = None,
        prompt: str | None = None,
        system: str | None = None,
        model: str | None = None,
        fn: Function | None = None,
        root: Function | None = None,
    ) -> Run:
        """Run the whole again with this call changed: what cannot depend on it is served.

        Args:
            args: Arguments that replace the recorded ones, by name.
            prompt: Another user prompt of the agent, with the same placeholders.
            system: Another system prompt.
            model: Another model, as `provider` or `provider:model`.
            fn: Another Function in its place.
            root: The Function that the run is of, where it is not defined here by its name.
        """
        recording = self.run.wait().recording
        own = fn or again.defined_as(self.view.fn.name, again.function_of(recording, root))
        if prompt is not None or system is not None:
            own = _with_prompts(own, prompt, system)
        change = Change(self.view.key, own, args, model)
        return self.run.begun(again.fork(self.run.runtime, recording, change, root))

    def transcript(self) -> Shown:
        """Show one agent's conversation as a person reads it."""
        return transcripts.transcript(self.view, system=self._system())

    def tree(self) -> Shown:
        """Show this call and all below it."""
        return trees.tree(self.view)

    def _system(self) -> str:
        """Give the agent's system prompt: as it is defined, or as it is recorded."""
        fn = self.view.fn
        if isinstance(fn, AgentFunction):
            return fn.system_prompt
        return self.run.recording.systems().get(str(self.view.key), "") if self.run.id else ""

    def __repr__(self) -> str:
        return f"<Node {self.path} {self.view.state.name} of {numbers.named(self.run.id)}>"


def _with_prompts(fn: Function, prompt: str | None, system: str | None) -> Function:
    if not isinstance(fn, AgentFunction):
        raise ArgumentError(f"{fn.name}() is code and has no prompt. Change its `args` or `fn`.")
    made = copy.copy(fn)
    made.user_prompt_template = fn.user_prompt_template if prompt is None else prompt
    made.system_prompt = fn.system_prompt if system is None else system
    return made
