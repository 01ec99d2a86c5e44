"""`status_update`: a line of progress from an agent to a person."""

from __future__ import annotations

from ..core.errors import ArgumentError, NoNodeError
from ..core.functions.arguments import FunctionArg
from ..core.functions.kinds import CodeFunction
from ..core.messages import ModelStatusPart
from ..core.text.legible import shortened
from ..runtime.agents.agent import AgentNode
from ..runtime.context import RunContext

# A status is read at a glance. The line beside a Node is shorter than its part.
STATUS_CHARS = 2_000
LINE_CHARS = 500


# Async, so that it runs where the agent's loop runs: parts then keep the order of the calls.
async def _status_update(ctx: RunContext, *, msg: str) -> str:
    node = ctx.node
    if node is None:
        raise NoNodeError("status_update() needs a running Node; there is none here.")
    text = shortened(msg.strip(), STATUS_CHARS)
    if not text:
        raise ArgumentError("A status says something; got an empty text.")
    caller = node.parent or node
    if isinstance(caller, AgentNode) and not caller.is_driver:
        caller.say(ModelStatusPart(text, node.tool_use_id))
    ctx.runtime.post_status(caller, text[:LINE_CHARS])
    return "ok"


status_update = CodeFunction(
    name="status_update",
    desc=(
        "Tell the person who waits for you how far you are, in a sentence or two: what you "
        "found, what you do next. It is shown at once, beside your work and not as part of "
        "your answer. Use it at the turns of a long task, not for every step."
    ),
    args=[FunctionArg("msg", str, "What the person is to know now.")],
    callable=_status_update,
)

__all__ = ["status_update"]
