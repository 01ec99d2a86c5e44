# ruff: noqa: N999  a row's name
"""B6: agents that wait for a model, through Anthropic's own SDK, at a server that is slow."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from netflux_nb import Runtime, agent, function

from . import seed
from .bench import Row, Sample, Side, Took, Watch, ratio, rounds, run_alone, show, times, unusable

TURNS = 5
LATENCY_S = 0.05
# Enough to fill the widest lane, few enough that a round takes a second or two.
AGENTS = {10: 20, 50: 60, 200: 200}
MANY = 2_000
BAR = 1.3
BAR_KB = 60
SYSTEM = "Look at everything."
HERE = Path(__file__).parent


@function
def look(n: int) -> int:
    """Look something up."""
    return n


see = agent(
    "see(goal: str)", "See {goal}", system=SYSTEM, uses=[look], model="anthropic", max_steps=1000
)


@contextmanager
def server(turns: int = TURNS, wait_s: float = LATENCY_S) -> Iterator[str]:
    """Run the server in a process of its own and give its address."""
    running = subprocess.Popen(
        [sys.executable, str(HERE / "wire_server.py"), str(turns), str(wait_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    try:
        yield f"http://127.0.0.1:{running.stdout.readline().strip()}"
    finally:
        running.terminate()
        running.wait(10)


def client(url: str) -> Any:
    """Give the SDK's client, alike on both sides."""
    import anthropic

    return anthropic.AsyncAnthropic(api_key="none", base_url=url, max_retries=0)


def ours(url: str, lane: int, count: int, turns: int = TURNS) -> Took:
    """Ours: all agents at once, and the lane lets so many through."""
    with Runtime(
        [see], client_factories={"anthropic": lambda: client(url)}, limits={"anthropic": lane}
    ) as runtime:
        ctx = runtime.get_ctx()
        ctx.invoke(see, {"goal": "the warm-up"}).result()
        with Watch() as watch:
            nodes = [ctx.invoke(see, {"goal": f"no. {n}"}) for n in range(count)]
            for node in nodes:
                node.result()
        if any(len(node.children) != turns for node in nodes):
            raise RuntimeError("An agent did not call its tool at every turn.")
    return watch.each(count)


def by_hand(url: str, lane: int, count: int) -> Took:
    """The baseline: a loop as one would write it for just this, with the same requests."""
    tool = {"name": "look", "description": look.desc, "input_schema": look.json_schema()}
    mark = {"type": "ephemeral"}
    fixed: dict[str, Any] = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 32_000,
        "system": [{"type": "text", "text": SYSTEM, "cache_control": mark}],
        "tools": [tool],
        "thinking": {"type": "adaptive", "display": "summarized"},
        "stream": True,
    }

    async def turn(api: Any, history: list[Any]) -> list[dict[str, Any]]:
        blocks: dict[int, dict[str, Any]] = {}
        texts: dict[int, list[str]] = {}
        async with await api.messages.create(messages=history, **fixed) as stream:
            async for event in stream:
                if event.type == "content_block_start":
                    start = event.content_block
                    texts[event.index] = []
                    blocks[event.index] = {"type": start.type}
                    if start.type == "tool_use":
                        blocks[event.index] |= {"id": start.id, "name": start.name}
                elif event.type == "content_block_delta":
                    piece = getattr(event.delta, "text", None) or event.delta.partial_json
                    texts[event.index].append(piece)
        for place, block in blocks.items():
            text = "".join(texts[place])
            block |= {"text": text} if block["type"] == "text" else {"input": json.loads(text)}
        return list(blocks.values())

    async def lead(api: Any, turns: asyncio.Semaphore, goal: str) -> None:
        history: list[Any] = [
            {"role": "user", "content": [{"type": "text", "text": f"See {goal}"}]}
        ]
        while True:
            async with turns:
                blocks = await turn(api, history)
            history.append({"role": "assistant", "content": blocks})
            uses = [b for b in blocks if b["type"] == "tool_use"]
            if not uses:
                return
            results = [
                {
                    "type": "tool_result",
                    "tool_use_id": use["id"],
                    "content": [
                        {
                            "type": "text",
                            "text": str(await asyncio.to_thread(look.original, **use["input"])),
                        }
                    ],
                }
                for use in uses
            ]
            history.append({"role": "user", "content": results})

    async def main() -> Took:
        api, turns = client(url), asyncio.Semaphore(lane)
        await lead(api, turns, "the warm-up")
        with Watch() as watch:
            await asyncio.gather(*(lead(api, turns, f"no. {n}") for n in range(count)))
        await api.close()
        return watch.each(count)

    return asyncio.run(main())


def netflux(url: str, count: int) -> Took:
    """The seed's own driver: a thread for each agent, and no limit."""
    import anthropic

    nf = seed.netflux
    fn = nf.AgentFunction(
        name="see",
        desc="see",
        args=[],
        system_prompt=SYSTEM,
        user_prompt_template="See it.",
        uses=[
            nf.CodeFunction(
                name="look",
                desc="look",
                args=[nf.FunctionArg("n", int, "Which.")],
                callable=lambda ctx, *, n: n,
                uses=[],
            )
        ],
    )
    runtime = nf.Runtime(
        [fn],
        client_factories={
            nf.Provider.Anthropic: lambda: anthropic.Anthropic(
                api_key="none", base_url=url, max_retries=0
            )
        },
    )
    with Watch() as watch:
        nodes = [runtime.get_ctx().invoke(fn, {}) for _ in range(count)]
        for node in nodes:
            node.result()
    return watch.each(count)


def _rss_kb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024


def crowd(url: str) -> Row:
    """Measure what two thousand agents hold while they wait, and that all of them end."""
    with Runtime(
        [see], client_factories={"anthropic": lambda: client(url)}, limits={"anthropic": 200}
    ) as runtime:
        ctx = runtime.get_ctx()
        ctx.invoke(see, {"goal": "the warm-up"}).result()
        threads, before = threading.active_count(), _rss_kb()
        with Watch() as watch:
            nodes = [ctx.invoke(see, {"goal": f"no. {n}"}) for n in range(MANY)]
            asked = len([n for n in nodes if n.state.name == "Running"])
            while asked < MANY:
                threading.Event().wait(0.02)
                asked = len([n for n in nodes if n.state.name != "Waiting"])
            each = (_rss_kb() - before) / MANY
            most = threading.active_count()
            for node in nodes:
                node.wait()
        failed = sum(node.exception is not None for node in nodes)
    took = watch.each(MANY)
    cores = os.cpu_count() or 1
    fits = each <= BAR_KB and most <= cores + 8 and not failed
    return Row(
        "B6",
        f"{MANY:,} agents × {TURNS} turns at once, 200 requests on their way",
        f"{each:.0f} kB an agent that waits; {most} threads (before: {threads}); "
        f"{failed} failed; cpu an agent {show(took.cpu)}",
        "netflux: a thread each",
        "",
        f"{each:.0f} kB, {most} threads",
        f"≤ {BAR_KB} kB, ≤ {cores + 8} threads",
        fits,
    )


def measure() -> list[Row]:
    """Give the rows."""
    logging.disable(logging.WARNING)
    with server() as url:
        # First, while this process has no freed memory that it could use again.
        waiting = crowd(url)
        sides: dict[str, Side] = {}
        for lane, count in AGENTS.items():
            sides[f"ours {lane}"] = lambda a=lane, b=count: ours(url, a, b)  # type: ignore[misc]
            sides[f"hand {lane}"] = lambda a=lane, b=count: by_hand(url, a, b)  # type: ignore[misc]
        why = unusable("netflux", lambda: netflux(url, 1))
        if not why:
            sides["netflux"] = lambda: netflux(url, AGENTS[50])
        found = rounds(sides, warm=False)
        rows = [_row(lane, found, why) for lane in AGENTS]
        rows.append(waiting)
    return rows


def _row(lane: int, found: dict[str, Sample], why: str) -> Row:
    mine, hand = found[f"ours {lane}"], found[f"hand {lane}"]
    both = ratio(mine, hand)
    theirs = ""
    if lane == 50:
        peer = found.get("netflux")
        theirs = f"netflux {why}" if peer is None else f"netflux {_cost(peer)}, no limit"
    return Row(
        "B6",
        f"{AGENTS[lane]} agents × {TURNS} turns with a tool, {lane} requests at once",
        f"{_cost(mine)} an agent",
        theirs,
        f"by hand on the same SDK {_cost(hand)}",
        times(both),
        f"≤ {BAR} ×",
        max(both) <= BAR,
    )


def _cost(sample: Sample) -> str:
    return f"{show(sample.wall)} (cpu {show(sample.cpu)})"


if __name__ == "__main__":
    run_alone(measure)
