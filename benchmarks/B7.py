# ruff: noqa: N999  a row's name
"""B7: what the agent loop costs a turn, when the model answers at once and calls a tool."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from netflux_nb import (
    ModelReply,
    ModelRequest,
    ModelTextPart,
    Runtime,
    ToolUsePart,
    agent,
    function,
)

from . import B6, seed
from .bench import (
    Row,
    Sample,
    Side,
    Took,
    Watch,
    exponent,
    ratio,
    rounds,
    run_alone,
    show,
    times,
    unusable,
)

TURNS = [50, 200, 700]
# Peers whose turn gets dearer with the history are stopped earlier: 700 take them minutes.
PEER_TURNS: dict[str, list[int]] = {
    "netflux": [50, 100, 200],
    "Pydantic AI": [20, 50, 100],
    "OpenAI Agents": [20, 50, 100],
    "smolagents": [50, 100, 200],
}
# Turns of the whole way, with an SDK and a server.
WIRED_TURNS = [20, 80]
BAR = 2_000
# Flat: a turn at 700 costs at most this much of one at 50.
FLAT = 1.2


@function
def look(n: int) -> int:
    """Look something up."""
    return n


class Instant:
    """A model that calls the tool a number of times, then ends."""

    def __init__(self, turns: int) -> None:
        self._turns = turns

    async def reply(self, request: ModelRequest, emit: Callable[[Any], None], /) -> ModelReply:
        """Answer at once. The turn is read off the history: two parts each."""
        turn = len(request.parts) // 2
        if turn >= self._turns:
            return ModelReply(parts=(ModelTextPart("done"),))
        part = ToolUsePart(f"t{turn}", "look", {"n": turn})
        return ModelReply(parts=(part,), stop="calls")


solve = agent(
    "solve(goal: str) -> str",
    "Reach this: {goal}",
    uses=[look],
    model="scripted",
    max_steps=max(TURNS) + 1,
)


def ours(turns: int) -> Took:
    """Ours."""
    with Runtime([solve], models={"scripted": Instant(turns)}) as runtime:
        ctx = runtime.get_ctx()
        with Watch() as watch:
            node = ctx.invoke(solve, {"goal": "the end"})
            node.result()
        if len(node.children) != turns:
            raise RuntimeError("The agent did not call its tool at every turn.")
    return watch.each(turns)


def bare(turns: int) -> Took:
    """The baseline: the least loop on asyncio that keeps a history and calls the tool."""
    import asyncio

    model = Instant(turns)

    async def lead() -> None:
        parts: list[Any] = ["goal"]
        while True:
            request = ModelRequest(provider="", model=None, system="", parts=parts)
            part = (await model.reply(request, lambda delta: None)).parts[0]
            if not isinstance(part, ToolUsePart):
                return
            parts.extend([part, await asyncio.to_thread(look.original, **part.args)])

    with Watch() as watch:
        asyncio.run(lead())
    return watch.each(turns)


def netflux(turns: int) -> Took:
    """The seed, with a driver that says and calls what a real one would."""
    nf = seed.netflux

    class Driver(nf.core.AgentNode):  # type: ignore[misc, name-defined]
        token_usage = nf.TokenUsage()
        provider = nf.Provider.Anthropic

        def run(self) -> None:
            for turn in range(turns):
                name = f"t{turn}"
                use = nf.ToolUsePart(tool_use_id=name, tool_name="look", args={})
                self.transcript.append(use)
                self.ctx.post_transcript_update()
                value = self.invoke_tool_function("look", {}, name).result()
                self.transcript.append(
                    nf.ToolResultPart(
                        tool_use_id=name,
                        tool_name="look",
                        outputs=str(value),
                        is_error=False,
                    )
                )
                self.ctx.post_transcript_update()
            self.transcript.append(nf.ModelTextPart(text="done"))
            self.ctx.post_success("done")

    fn = nf.AgentFunction(
        name="solve",
        desc="solve",
        args=[],
        system_prompt="",
        user_prompt_template="Reach the end.",
        uses=[seed.code("look", lambda ctx: 0)],
    )
    with patch("netflux.runtime.get_AgentNode_impl", return_value=Driver):
        runtime = nf.Runtime([fn], client_factories={nf.Provider.Anthropic: object})
        with Watch() as watch:
            runtime.get_ctx().invoke(fn, {}).result()
    return watch.each(turns)


def pydantic_ai(turns: int) -> Took:
    """Pydantic AI with its own model for tests."""
    from pydantic_ai import Agent
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import FunctionModel
    from pydantic_ai.usage import UsageLimits

    done = [0]

    def reply(messages: Any, info: Any) -> Any:
        done[0] += 1
        if done[0] > turns:
            return ModelResponse(parts=[TextPart("done")])
        return ModelResponse(parts=[ToolCallPart("look", {"n": done[0]})])

    def look(n: int) -> int:
        return n

    made: Any = Agent(FunctionModel(reply), tools=[look])
    with Watch() as watch:
        made.run_sync("Reach the end.", usage_limits=UsageLimits(request_limit=None))
    return watch.each(turns)


def openai_agents(turns: int) -> Took:
    """OpenAI Agents with a model of our own."""
    import agents
    from openai.types.responses import (
        ResponseFunctionToolCall,
        ResponseOutputMessage,
        ResponseOutputText,
    )

    agents.set_tracing_disabled(True)
    done = [0]

    class Quick(agents.Model):  # type: ignore[misc]
        async def get_response(self, *args: Any, **kwargs: Any) -> Any:
            done[0] += 1
            name = f"t{done[0]}"
            item: Any = ResponseFunctionToolCall(
                arguments='{"n": 1}', call_id=name, name="look", type="function_call"
            )
            if done[0] > turns:
                words = ResponseOutputText(annotations=[], text="done", type="output_text")
                item = ResponseOutputMessage(
                    id=name,
                    content=[words],
                    role="assistant",
                    status="completed",
                    type="message",
                )
            return agents.ModelResponse(output=[item], usage=agents.Usage(), response_id=None)

        def stream_response(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

    def look(n: int) -> int:
        return n

    made = agents.Agent(name="solve", model=Quick(), tools=[agents.function_tool(look)])
    with Watch() as watch:
        agents.Runner.run_sync(made, "Reach the end.", max_turns=turns + 1)
    return watch.each(turns)


def smolagents(turns: int) -> Took:
    """The agent of smolagents that calls tools."""
    import smolagents as smol
    from smolagents.models import ChatMessageToolCall, ChatMessageToolCallFunction

    done = [0]

    class Quick(smol.Model):  # type: ignore[misc]
        def generate(self, *args: Any, **kwargs: Any) -> Any:
            done[0] += 1
            last = done[0] > turns
            call = ChatMessageToolCallFunction(
                name="final_answer" if last else "look",
                arguments={"answer": "done"} if last else {"n": 1},
            )
            return smol.ChatMessage(
                role=smol.MessageRole.ASSISTANT,
                tool_calls=[ChatMessageToolCall(call, id=f"t{done[0]}", type="function")],
            )

    class Look(smol.Tool):  # type: ignore[misc]
        name = "look"
        description = "Look something up."
        inputs = {"n": {"type": "integer", "description": "Which."}}  # noqa: RUF012
        output_type = "integer"

        def forward(self, n: int) -> int:
            return n

    made = smol.ToolCallingAgent(
        tools=[Look()], model=Quick(), verbosity_level=-1, max_steps=turns + 2
    )
    with Watch() as watch:
        made.run("Reach the end.")
    return watch.each(turns)


PEERS: dict[str, tuple[str, Callable[[int], Took]]] = {
    "netflux": ("netflux", netflux),
    "Pydantic AI": ("pydantic_ai", pydantic_ai),
    "OpenAI Agents": ("agents", openai_agents),
    "smolagents": ("smolagents", smolagents),
}


def wired() -> Row:
    """Measure whole turns through Anthropic's own SDK, at a server that answers at once."""
    costs: dict[int, dict[str, Sample]] = {}
    missing = ""
    for turns in WIRED_TURNS:
        with B6.server(turns, 0.0) as url:
            sides: dict[str, Side] = {
                "ours": lambda n=turns, u=url: B6.ours(u, 1, 1, n),  # type: ignore[misc]
                "hand": lambda u=url: B6.by_hand(u, 1, 1),  # type: ignore[misc]
            }
            missing = unusable("netflux", lambda u=url: B6.netflux(u, 1))  # type: ignore[misc]
            if not missing:
                sides["netflux"] = lambda u=url: B6.netflux(u, 1)  # type: ignore[misc]
            costs[turns] = rounds(sides, 5, warm=False)

    def told(side: str) -> str:
        if side not in costs[WIRED_TURNS[0]]:
            return missing
        return ", ".join(f"{n}: {show(costs[n][side].cpu / (n + 1))}" for n in WIRED_TURNS)

    last = costs[WIRED_TURNS[-1]]
    both = ratio(last["ours"], last["hand"])
    return Row(
        "B7",
        "cpu of a turn with a tool through the SDK, at a server that answers at once",
        told("ours"),
        f"netflux's own driver {told('netflux')}",
        f"by hand {told('hand')}",
        f"at {WIRED_TURNS[-1]} turns {times(both)}",
    )


def rate(sample: Sample) -> str:
    """Write turns a second."""
    return f"{1 / sample.wall:,.0f}/s"


def line(found: dict[int, Sample]) -> str:
    """Write the rates by turns, and how a turn's cost grows."""
    points = ", ".join(f"{n}: {rate(s)}" for n, s in found.items())
    slope = exponent(list(found), [s.wall for s in found.values()])
    return f"{points}; a turn n^{slope:.2f}"


def measure() -> list[Row]:
    """Give the rows."""
    logging.disable(logging.WARNING)
    sides: dict[str, Side] = {}
    for n in TURNS:
        sides[f"ours {n}"] = lambda n=n: ours(n)  # type: ignore[misc]
        sides[f"bare {n}"] = lambda n=n: bare(n)  # type: ignore[misc]
    missing: dict[str, str] = {}
    for name, (module, run) in PEERS.items():
        why = unusable(module, lambda run=run: run(3))  # type: ignore[misc]
        if why:
            missing[name] = why
            continue
        for n in PEER_TURNS[name]:
            sides[f"{name} {n}"] = lambda run=run, n=n: run(n)  # type: ignore[misc]
    found = rounds(sides, warm=False)
    theirs = "; ".join(
        f"{name} "
        + (missing.get(name) or line({n: found[f"{name} {n}"] for n in PEER_TURNS[name]}))
        for name in PEERS
    )
    mine = {n: found[f"ours {n}"] for n in TURNS}
    grown = mine[TURNS[-1]].wall / mine[TURNS[0]].wall
    slowest = max(s.wall for s in mine.values())
    cpu = ", ".join(show(s.cpu) for s in mine.values())
    return [
        Row(
            "B7",
            "turns of an agent a second, a tool each, unrecorded",
            f"{line(mine)}; cpu a turn {cpu}",
            theirs,
            "bare asyncio loop " + line({n: found[f"bare {n}"] for n in TURNS}),
            f"{TURNS[-1]} to {TURNS[0]} turns: {grown:.2f} ×",
            f"≥ {BAR:,}/s, flat (≤ {FLAT} ×)",
            1 / slowest >= BAR and grown <= FLAT,
        ),
        wired(),
    ]


if __name__ == "__main__":
    run_alone(measure)
