"""An agent that asks another provider where one is at fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.errors import FunctionError, ModelProviderException, stringify
from ..core.functions.kinds import AgentFunction, CodeFunction
from ..core.messages import Provider, provider_name
from ..runtime.context import RunContext
from .wrappers import agent_given, taking

# One provider's failure, as the exception tells it.
REASON_CHARS = 200


class FallbackException(ModelProviderException):
    """No provider could be used. `errors` has what each failed with, in order."""

    def __init__(
        self, name: str, node_id: int, errors: Sequence[tuple[str, ModelProviderException]]
    ) -> None:
        told = "; ".join(f"{p}: {stringify(e, REASON_CHARS)}" for p, e in errors)
        last = errors[-1][1]
        super().__init__(
            f"{name}() got no answer from any of {len(errors)} providers. {told}",
            last.provider,
            name,
            node_id,
            last,
        )
        self.errors = dict(errors)

    def __str__(self) -> str:
        return self.message


class Fallback(CodeFunction):
    """An agent asked at one provider after another, until one could be used.

    Only a provider's fault (`ModelProviderException`) leads to the next. What the agent
    itself decides, as an `AgentException`, and a cancel are the outcome.

    Args:
        agent: Whom to ask.
        providers: Whom to ask for it, best first; each `"name"` or `"name:model"`.
        name: Its name; the agent's with `_fallback` where none is given.

    Example:
        >>> from netflux_nb import agent
        >>> ask = agent("ask(question: str) -> str", "{question}")
        >>> Fallback(ask, ["anthropic", "gemini"]).name
        'ask_fallback'
    """

    def __init__(
        self, agent: AgentFunction, providers: Sequence[Provider | str], name: str | None = None
    ) -> None:
        agent_given("A fallback", agent)
        label = name or f"{agent.name}_fallback"
        if isinstance(providers, str) or not isinstance(providers, Sequence):
            raise FunctionError(f"{label}: `providers` is a list, got {repr(providers)[:80]}.")
        order = tuple(provider_name(p) for p in providers)
        if not order or not all(map(_is_name, order)) or len(set(order)) < len(order):
            raise FunctionError(
                f"{label}: `providers` names each provider once, and at least one; got "
                f"{', '.join(map(str, order))[:200] or 'none'}."
            )
        self.agent = agent
        self.providers = order
        super().__init__(
            name=label,
            desc=agent.desc,
            args=agent.args,
            callable=taking(agent.args, _body(label, agent, order)),
            uses=[agent],
        )


def _is_name(provider: object) -> bool:
    return isinstance(provider, str) and bool(provider)


def _body(label: str, agent: AgentFunction, order: tuple[str, ...]) -> Callable[..., Any]:
    async def call(ctx: RunContext, /, **given: Any) -> Any:
        failed: list[tuple[str, ModelProviderException]] = []
        for provider in order:
            if failed:
                ctx.status(f"{failed[-1][0]} is at fault: asking {provider}")
            try:
                return await ctx.invoke(agent, given, provider=provider)
            except ModelProviderException as error:
                failed.append((provider, error))
        assert ctx.node is not None
        raise FallbackException(label, ctx.node.id, failed) from failed[-1][1]

    return call


__all__ = ["Fallback", "FallbackException"]
