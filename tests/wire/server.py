"""An HTTP server that answers as a script says, in a thread or a process of its own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .formats import FORMATS, Said, error_body, kind_of

# In a stream: the connection ends here, without a goodbye.
CUT = object()
# In a stream: nothing more comes, and the connection stays.
STALL = object()


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def kind(self) -> str:
        """Whose API was asked."""
        return kind_of(self.path)

    @property
    def body(self) -> Any:
        """Give the JSON that was sent."""
        return json.loads(self.raw)


@dataclass(frozen=True)
class Fault:
    """An answer that is no stream: an error, in the provider's own words."""

    status: int = 500
    message: str = "something broke"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stream:
    """A reply whose bytes are changed on their way: `edit` gets the list of events."""

    said: Said = field(default_factory=lambda: Said(text="hello"))
    edit: Callable[[list[bytes]], list[Any]] = list
    wait_s: float = 0.0


@dataclass(frozen=True)
class Raw:
    """An answer that speaks no provider's format: a page of a proxy, or a way to elsewhere."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


Step = Said | Fault | Stream | Raw


class _CutError(ConnectionError):
    """The script ends this connection."""


class WireServer:
    """Answers requests in order from a list, or as a function of the request says.

    `asked` holds what came; `dropped` counts connections that the client closed while an
    answer was still on its way. One that need not remember sets `keeps` to False.
    """

    def __init__(
        self, script: Sequence[Step] | Callable[[Asked], Step], *, wait_s: float = 0.0
    ) -> None:
        self.asked: list[Asked] = []
        self.keeps = True
        self.dropped = threading.Semaphore(0)
        self._script = script
        self._wait_s = wait_s
        self._next = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> WireServer:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)

    @property
    def is_ready(self) -> bool:
        """True once it listens."""
        return self._ready.is_set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def _run(self) -> None:
        asyncio.run(self.serve())

    async def serve(self, port: int = 0) -> None:
        """Listen until stopped."""
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", port, backlog=4096)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        # Handlers see their connections end; none outlives the loop.
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while (asked := await _read(reader)) is not None:
                if self.keeps:
                    self.asked.append(asked)
                await self._answer(asked, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    def _step(self, asked: Asked) -> Step:
        if callable(self._script):
            return self._script(asked)
        place, self._next = self._next, self._next + 1
        if place >= len(self._script):
            return Fault(400, f"the script has only {len(self._script)} answers")
        return self._script[place]

    async def _answer(
        self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        step = self._step(asked)
        if self._wait_s:
            await asyncio.sleep(self._wait_s)
        if isinstance(step, Fault):
            body = json.dumps(error_body(asked.kind, step.status, step.message)).encode()
            head = {"content-type": "application/json", "content-length": len(body)}
            writer.write(_head(step.status, {**head, **step.headers}) + body)
            await writer.drain()
            return
        if isinstance(step, Raw):
            size = {"content-length": len(step.body)}
            writer.write(_head(step.status, {**size, **step.headers}) + step.body)
            await writer.drain()
            return
        stream = step if isinstance(step, Stream) else Stream(step)
        events = stream.edit(FORMATS[asked.kind](stream.said))
        kind = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}
        writer.write(_head(200, kind))
        try:
            await self._stream(events, reader, writer)
        except ConnectionError as error:
            if not isinstance(error, _CutError):
                self.dropped.release()
            raise

    async def _stream(
        self, events: list[Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for event in events:
            if event is CUT:
                writer.transport.abort()
                raise _CutError
            if event is STALL:
                await writer.drain()
                await reader.read(1)  # the client says nothing more: it can only leave
                raise ConnectionResetError
            if isinstance(event, (int, float)):
                await writer.drain()
                await asyncio.sleep(event)
                continue
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
        writer.write(b"0\r\n\r\n")
        await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    size = int(headers.get("content-length", 0))
    raw = await reader.readexactly(size) if size else b""
    return Asked(first.split(" ")[1], headers, raw)


def _head(status: int, headers: Mapping[str, Any]) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
