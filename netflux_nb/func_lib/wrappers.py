"""Shared parts of wrappers (Retry, Fallback, …) that keep a Function's signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.errors import FunctionError
from ..core.functions.arguments import MISSING, FunctionArg
from ..core.functions.kinds import AgentFunction
from ..core.functions.prompts import fill
from ..core.messages import Provider


class Again(AgentFunction):
    """An agent once more, with a tail to its prompt that shows what was made so far.

    The tail names its own arguments, and no others: `shows` gives each and what it is.
    """

    def __init__(
        self,
        name: str,
        desc: str,
        agent: AgentFunction,
        *,
        tail: str,
        shows: Mapping[str, str],
        result_type: Any,
        by: Provider | str | None,
    ) -> None:
        self.agent = agent
        self.tail = tail
        self.shows = tuple(shows)
        super().__init__(
            name=name,
            desc=desc,
            args=[*agent.args, *(FunctionArg(n, str, told) for n, told in shows.items())],
            system_prompt=agent.system_prompt,
            user_prompt_template=agent.user_prompt_template + tail,
            uses=agent.uses,
            default_model=by,
            result_type=result_type,
            settings=agent.settings,
            max_steps=agent.max_steps,
            needs_approval=agent.needs_approval,
        )
        self.doubled_braces = agent.doubled_braces

    def user_text(self, inputs: Mapping[str, Any]) -> str:
        """Give the agent's own user turn, then what was made so far."""
        own = {n: v for n, v in inputs.items() if n not in self.shows}
        return self.agent.user_text(own) + fill(self.tail, {n: inputs[n] for n in self.shows})


def agent_given(what: str, agent: Any) -> AgentFunction:
    """Give an agent, or raise where it is none."""
    if not isinstance(agent, AgentFunction):
        raise FunctionError(
            f"{what} is made of an agent; got {type(agent).__name__}. Give an AgentFunction."
        )
    return agent


def model_of(agent: AgentFunction) -> Provider | str | None:
    """Give the model that an agent names; None where it takes its runtime's."""
    return agent.default_model if agent.names_model else None


def taking(args: Sequence[FunctionArg], body: Callable[..., Any]) -> Callable[..., Any]:
    """Let a body of `(ctx, /, **given)` be seen to take just these arguments."""
    kinds = inspect.Parameter
    first = "ctx"
    while first in (arg.name for arg in args):
        first += "_"
    shape = [kinds(first, kinds.POSITIONAL_ONLY)]
    for arg in args:
        left_out = None if arg.optional else inspect.Parameter.empty
        default = left_out if arg.default is MISSING else arg.default
        shape.append(kinds(arg.name, kinds.KEYWORD_ONLY, default=default))
    shown: Any = body
    shown.__signature__ = inspect.Signature(shape)
    return body
