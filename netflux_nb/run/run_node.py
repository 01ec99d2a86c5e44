"""One Node of a run, by its path: its conversation, and another run that forks at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Protocol, Self, TypeVar

from ..core.errors import ArgumentError
from ..core.functions.display import Displayed
from ..core.functions.kinds import AgentFunction, Function
from ..core.json.portable import is_plain
from ..core.messages import provider_name
from ..core.policy import Change
from ..core.views import NodeView
from ..replay import begin, program
from ..replay.fork_changes import with_prompts
from ..replay.recorded_values import is_whole
from ..replay.recording import RecordedNode, Recording
from ..runtime.calls import check_provider
from ..runtime.nodes import Node
from ..runtime.runtime import Runtime
from ..show import transcripts, trees
from ..show.parts import numbers
from ..show.parts.shown import Shown


class Whole(Protocol):
    """A run as one of its Nodes needs it: a `Run`."""

    @property
    def id(self) -> str:
        """Its name in the record."""
        ...

    @property
    def runtime(self) -> Runtime:
        """The runtime in which it runs or would go on."""
        ...

    @property
    def recording(self) -> Recording:
        """The run as it is recorded now."""
        ...

    def wait(self) -> Self:
        """Wait until it has its outcome."""
        ...

    def begun(self, node: Node, /) -> Self:
        """Give the run of a tree that was begun just now."""
        ...

    def system_of(self, key: str, /) -> str:
        """Give the recorded system prompt of a Node."""
        ...


_Run = TypeVar("_Run", bound=Whole)


class RunNode(Displayed, Generic[_Run]):
    """One Node of a run, live or stored, known by its path."""

    def __init__(self, run: _Run, view: NodeView, path: str) -> None:
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
        changes: Mapping[str, Any] | None = None,
    ) -> _Run:
        """Run the whole again with this call changed: what cannot depend on it is served.

        What is changed is recorded: `replay`, `resume`, `rerun` and a fork of the fork keep it.

        Args:
            args: Arguments that replace the recorded ones, by name.
            prompt: Another user prompt of the agent, with the same placeholders.
            system: Another system prompt.
            model: Another model, as `provider` or `provider:model`.
            fn: Another Function in its place.
            root: The Function that the run is of, where it is not defined here by its name.
            changes: Of a run that is a fork: what it changed and its record does not hold, by the
                path of the call, such as `{"study/title": {"fn": other}}`.
        """
        recording = self.run.wait().recording
        own = program.checked(fn) or program.defined_as(
            self.view.fn.name, program.function_of(recording, root)
        )
        if prompt is not None or system is not None:
            own = with_prompts(own, prompt, system)
        # A mistake in what is changed is told before anything runs.
        self._check(own, args, model, recording.nodes.get(str(self.view.key)))
        change = Change(self.view.key, fn, args, model, prompt, system)
        runtime = self.run.runtime
        return self.run.begun(begin.fork(runtime, recording, change, root, changes=changes))

    def _check(self, fn: Function, args: Any, model: Any, was: RecordedNode | None) -> None:
        if args is not None and not isinstance(args, Mapping):
            raise ArgumentError(f"`args` are arguments by name; got {type(args).__name__}.")
        if was is not None and all(
            is_plain(one) and is_whole(one) for one in was.input_forms.values()
        ):
            fn.validate_coerce_args({**was.opened.inputs, **(args or {})})
        if model is None:
            return
        if not isinstance(model, str):
            raise ArgumentError(
                f"A model is named as `provider` or `provider:model`; got {type(model).__name__}."
            )
        if not fn.takes_provider:
            raise ArgumentError(
                f"{fn.name}() is code and asks no model. Change its `args` or `fn`."
            )
        check_provider(self.run.runtime, fn.name, provider_name(model).partition(":")[0])

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
        return self.run.system_of(str(self.view.key))

    def __repr__(self) -> str:
        return f"<Node {self.path} {self.view.state.name} of {numbers.named(self.run.id)}>"
