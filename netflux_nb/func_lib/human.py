"""`ask_human`: a question to a person, in the middle of a program or of an agent's work."""

from __future__ import annotations

from typing import Any

from ..core.functions.arguments import FunctionArg
from ..core.functions.kinds import CodeFunction
from ..runtime.context import RunContext


async def _human_in_loop(
    ctx: RunContext, *, question: str, choices: list[str] | None = None
) -> Any:
    return await ctx.ask(question, choices)


human_in_loop = CodeFunction(
    name="human_in_loop",
    desc=(
        "Ask a person and wait for the answer, however long it takes. Ask when only a "
        "person can know or decide: a wish, a right, a risk that is theirs. Say in the "
        "question all that is needed to answer it. Nobody answers in the person's place, "
        "and silence is no yes."
    ),
    args=[
        FunctionArg("question", str, "The question, as the person is to read it."),
        FunctionArg(
            "choices",
            list[str],
            "The only answers that are taken, where there are but a few.",
            optional=True,
        ),
    ],
    callable=_human_in_loop,
    effect="human",
)

__all__ = ["human_in_loop"]
