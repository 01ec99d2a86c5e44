"""A model's server in a process of its own: some turns with a tool, then an answer.

Arguments: how many turns, and the seconds before each answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from wire import Asked, Call, Said, Stream, WireServer
from wire.formats import sse

TURNS, LATENCY_S = int(sys.argv[1]), float(sys.argv[2])
# The newest release of the peer insists on a field that the SDK itself does not ask for.
EXTRA = {"input_transformations": []}


def _with_extra(events: list[bytes]) -> list[bytes]:
    head = json.loads(events[0].split(b"data: ", 1)[1])
    head["message"] |= EXTRA
    return [sse(head, "message_start"), *events[1:]]


CALLS = [
    Stream(Said(text="I look.", calls=[Call("look", {"n": n}, f"call_{n}")]), _with_extra)
    for n in range(TURNS)
]
DONE = Stream(Said(text="That is all there is to see."), _with_extra)


def answer(asked: Asked) -> Stream:
    """Give the next turn, read off the history."""
    turn = asked.raw.count(b'"tool_result"')
    return DONE if turn >= TURNS else CALLS[turn]


async def main() -> None:
    """Serve until standard input ends."""
    server = WireServer(answer, wait_s=LATENCY_S)
    server.keeps = False
    serving = asyncio.ensure_future(server.serve())
    while not server.is_ready:
        await asyncio.sleep(0.01)
    print(server.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    serving.cancel()


if __name__ == "__main__":
    asyncio.run(main())
