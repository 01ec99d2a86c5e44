"""`raise_exception`: an agent's own way to fail."""

from __future__ import annotations

from ..core.errors import AgentException, NoNodeError
from ..core.functions.arguments import FunctionArg
from ..core.functions.kinds import CodeFunction
from ..runtime.context import RunContext


def _raise_exception(ctx: RunContext, *, msg: str) -> None:
    node = ctx.node
    if node is None:
        raise NoNodeError("raise_exception() needs a running agent; there is none here.")
    agent = node.parent or node
    raise AgentException(msg, agent.fn.name, agent.id)


raise_exception = CodeFunction(
    name="raise_exception",
    desc=(
        "End your task as failed, honestly, when you cannot finish it or are not sure "
        "enough of the result. Whoever called you gets your message as an exception. "
        "Include the inner cause: the error that stopped you, word for word where it "
        "is short. List briefly which alternatives you tried and why each did not "
        "work. Say what is missing: the information, file, right or decision that "
        "would let a new attempt succeed. Do not call it for faults that you can "
        "still get around."
    ),
    args=[
        FunctionArg(
            "msg",
            str,
            "What failed and its inner cause; what was tried, in brief; what is missing.",
        )
    ],
    callable=_raise_exception,
)
