"""A connection to an MCP server, in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from ...core.errors import UsageError, stringify
from .._process.processes import end_left, members

if TYPE_CHECKING:
    from mcp import Client

T = TypeVar("T")

# More tools than these fill a model's memory before it has read its task.
MAX_TOOLS = 500
MAX_PAGES = 100
# Of what a server writes for people, this much is kept for the message that it died.
TAIL_BYTES = 2_000
SAID_CHARS = 600
# A server that died has said why, but its words may arrive after its end.
TAIL_S = 0.1
# Beyond its own time-out a call waits so long for the thread that should have ended it.
GRACE_S = 5.0
# What closing takes at most: the SDK waits for a child, then kills it.
CLOSE_S = 15.0


class McpError(UsageError, RuntimeError):
    """A server that cannot be used, or did not answer."""


class McpToolError(McpError):
    """A tool said that it failed."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a server is: a command to start, or a URL. Secrets stay out of its `str`."""

    command: tuple[str, ...] = ()
    env: Mapping[str, str] | None = field(default=None, repr=False)
    cwd: str | None = None
    url: str = field(default="", repr=False)
    headers: Mapping[str, str] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        if not self.url:
            return f"MCP server {Path(self.command[0]).name!r}"
        parts = urlsplit(self.url)
        port = f":{parts.port}" if parts.port else ""
        return f"MCP server at {parts.scheme}://{parts.hostname}{port}"


if TYPE_CHECKING or sys.platform != "win32":  # a type checker takes one class as a base
    from asyncio import SelectorEventLoop as _Base
else:
    from asyncio import ProactorEventLoop as _Base


class _Loop(_Base):  # pyright: ignore[reportGeneralTypeIssues]  (one of two, by the system)
    """A loop that knows which processes were started in it: the SDK tells nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[int] = []

    async def subprocess_exec(self, *args: Any, **options: Any) -> Any:
        """Start a process, and note its id."""
        transport, protocol = await super().subprocess_exec(*args, **options)
        self.started.append(transport.get_pid())
        return transport, protocol


class _Tail(asyncio.Protocol):
    """The end of what a server wrote to its standard error."""

    def __init__(self) -> None:
        self._kept = b""

    def data_received(self, data: bytes) -> None:
        self._kept = (self._kept + data)[-TAIL_BYTES:]

    @property
    def text(self) -> str:
        return self._kept.decode(errors="replace").strip()


class _Read:
    """A transport's incoming messages; `gone` is set when there will be no more."""

    def __init__(self, inner: Any, gone: asyncio.Event) -> None:
        self._inner = inner
        self._gone = gone

    @property
    def last_context(self) -> Any:
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> Any:
        try:
            return await self._inner.receive()
        except Exception:
            self._gone.set()
            raise

    async def __anext__(self) -> Any:
        try:
            return await self._inner.__anext__()
        except Exception:  # StopAsyncIteration is one
            self._gone.set()
            raise

    def __aiter__(self) -> _Read:
        return self

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def __aenter__(self) -> _Read:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *exc: Any) -> bool | None:
        left: bool | None = await self._inner.__aexit__(*exc)
        return left


@asynccontextmanager
async def _watched(transport: Any, gone: asyncio.Event) -> AsyncIterator[Any]:
    async with transport as (read, write):
        yield _Read(read, gone), write


class _Link:
    """One connection. One task enters it and leaves it, as its cancel scopes must be."""

    def __init__(self, target: Target, timeout_s: float, loop: _Loop) -> None:
        self._target = target
        self._timeout_s = timeout_s
        self._loop = loop
        self._below: set[int] = set()
        self.gone = asyncio.Event()
        self.tail = _Tail()
        self.ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self.task = asyncio.get_running_loop().create_task(self._hold())

    async def _hold(self) -> None:
        try:
            async with AsyncExitStack() as stack:
                stack.callback(self._end_left)
                async with asyncio.timeout(self._timeout_s):
                    client = await self._open(stack)
                stack.callback(self._look_below)
                self.ready.set_result(client)
                await self.gone.wait()
        except BaseException as error:  # noqa: BLE001  whoever waits for the link is told
            self.gone.set()
            if not self.ready.done():
                self.ready.set_exception(self._unopened(error))
            # Else a connection that was lost did not close cleanly: its users know.

    async def _open(self, stack: AsyncExitStack) -> Client:
        from mcp import Client, StdioServerParameters, stdio_client
        from mcp.client.streamable_http import streamable_http_client
        from mcp.shared._httpx_utils import create_mcp_http_client

        target = self._target
        if target.url:
            headers = dict(target.headers or {})
            http = await stack.enter_async_context(create_mcp_http_client(headers=headers))
            transport: Any = streamable_http_client(target.url, http_client=http)
        else:
            transport = stdio_client(
                StdioServerParameters(
                    command=target.command[0],
                    args=list(target.command[1:]),
                    env=None if target.env is None else dict(target.env),
                    cwd=target.cwd,
                ),
                errlog=await self._errlog(stack),
            )
        # Half: an older server may leave the first question, which is newer than it, unanswered.
        client = Client(_watched(transport, self.gone), read_timeout_seconds=self._timeout_s / 2)
        return await stack.enter_async_context(client)

    def _look_below(self) -> None:
        """Note what runs below the server while it lives: a daemon leaves its session."""
        for pid in self._loop.started:
            self._below |= members(pid)

    def _end_left(self) -> None:
        """End what the server started and left. On Windows the SDK's job object does."""
        if sys.platform != "win32":
            for pid in self._loop.started:
                end_left(pid, self._below)
        self._loop.started.clear()

    async def _errlog(self, stack: AsyncExitStack) -> Any:
        if sys.platform == "win32":  # its loop does not read plain pipes
            return stack.enter_context(Path(os.devnull).open("w"))
        out, into = os.pipe()
        errlog = stack.enter_context(os.fdopen(into, "w"))
        loop = asyncio.get_running_loop()
        reading, _ = await loop.connect_read_pipe(lambda: self.tail, os.fdopen(out, "rb"))
        stack.callback(reading.close)
        return errlog

    def _unopened(self, error: BaseException) -> McpError:
        first = _first(error)
        if isinstance(first, TimeoutError):
            why = f"it did not answer within {self._timeout_s:g} s"
        else:
            why = stringify(first, 300)
        return McpError(f"The {self._target} cannot be used: {why}.{self.said()}")

    def said(self) -> str:
        """Tell what the server wrote last, if it wrote anything."""
        text = self.tail.text[-SAID_CHARS:]
        return f" It last wrote: {text}" if text else ""


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class Server:
    """A server, asked from any thread or loop; it is started again where it was lost."""

    def __init__(self, target: Target, timeout_s: float, connect_timeout_s: float) -> None:
        self.target = target
        self.timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._link: _Link | None = None
        self._lock = threading.Lock()  # guards that it is closed once
        self._closed = False
        self._death: BaseException | None = None
        is_up = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(is_up,), name="netflux-mcp", daemon=True
        )
        self._thread.start()
        is_up.wait()
        if self._death is not None:
            raise McpError(
                f"The {target} cannot be asked: {stringify(self._death, 300)}."
            ) from self._death

    def __reduce__(self) -> Any:
        # Of a connection nothing can be kept: who reads it makes one of their own.
        return Server, (self.target, self.timeout_s, self._connect_timeout_s)

    def _run(self, is_up: threading.Event) -> None:
        try:
            with asyncio.Runner(loop_factory=_Loop) as runner:
                loop = runner.get_loop()
                assert isinstance(loop, _Loop)
                self._loop = loop
                runner.run(self._serve(is_up))
        except BaseException as error:  # noqa: BLE001  whoever waits for this thread is told
            self._death, self._closed = error, True
        finally:
            is_up.set()

    async def _serve(self, is_up: threading.Event) -> None:
        self._end = asyncio.Event()
        is_up.set()
        await self._end.wait()
        if self._link is not None:
            self._link.gone.set()
            await asyncio.wait({self._link.task})

    def close(self) -> None:
        """End the connection, and the server where it was started here."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(CLOSE_S)

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            if self._closed:
                work.close()
                raise McpError(f"The {self.target} was closed. Open it again with `from_mcp`.")
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def tools(self) -> list[Any]:
        """List its tools. Blocks."""
        asked = self._submit(self._tools())
        try:
            return asked.result(self._connect_timeout_s * 2 + GRACE_S)
        except TimeoutError:
            asked.cancel()
            raise self._late("tools/list", self._connect_timeout_s) from None

    async def call(
        self, tool: str, args: Mapping[str, Any], finish: Callable[[Any], Awaitable[T]]
    ) -> T:
        """Call a tool, from any loop, and give what `finish` makes of its result.

        A cancel of the caller reaches the server. `finish` runs in this server's thread.
        """
        asked = self._submit(self._call(tool, args, finish))
        longest = self._connect_timeout_s + self.timeout_s + GRACE_S
        try:
            return await asyncio.wait_for(asyncio.wrap_future(asked), longest)
        except TimeoutError:
            raise self._late(tool, self.timeout_s) from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise McpError(f"The {self.target} was closed during {tool}().") from None

    def _late(self, what: str, seconds: float) -> McpError:
        return McpError(f"The {self.target} did not answer {what} within {seconds:g} s.")

    def _useless(self, what: str, error: Exception) -> McpError:
        return McpError(
            f"The {self.target} gave no usable answer to {what}: {stringify(error, 300)}."
        )

    async def _connected(self) -> tuple[_Link, Client]:
        link = self._link
        if link is None or link.gone.is_set():
            if link is not None:
                await asyncio.wait({link.task})
            if self._link is link:  # nobody else was faster
                self._link = _Link(self.target, self._connect_timeout_s, self._loop)
            link = self._link
        assert link is not None
        # Shielded: one caller who gives up must not take the connection from the others.
        return link, await asyncio.shield(link.ready)

    async def _tools(self) -> list[Any]:
        from mcp import MCPError

        link, client = await self._connected()
        tools: list[Any] = []
        cursor: str | None = None
        try:
            for _ in range(MAX_PAGES):
                page = await client.list_tools(cursor=cursor)
                tools += page.tools
                cursor = page.next_cursor
                if not cursor or len(tools) > MAX_TOOLS:
                    break
        except MCPError as error:
            why = await self._failed(link, "tools/list", self._connect_timeout_s / 2, error)
            raise why from None
        except (OSError, RuntimeError, ValueError) as error:
            raise self._useless("tools/list", error) from None
        if len(tools) > MAX_TOOLS:
            raise McpError(
                f"The {self.target} has more than {MAX_TOOLS} tools, which no model can choose "
                f"from. Use a smaller server."
            )
        return tools

    async def _call(
        self, tool: str, args: Mapping[str, Any], finish: Callable[[Any], Awaitable[T]]
    ) -> T:
        from mcp import MCPError

        link, client = await self._connected()
        try:
            result = await client.call_tool(tool, dict(args), read_timeout_seconds=self.timeout_s)
        except MCPError as error:
            raise await self._failed(link, tool, self.timeout_s, error) from None
        except (OSError, RuntimeError, ValueError) as error:
            raise self._useless(tool, error) from None
        return await finish(result)

    async def _failed(self, link: _Link, what: str, timeout_s: float, error: Any) -> McpError:
        from mcp_types import CONNECTION_CLOSED, INVALID_REQUEST, REQUEST_TIMEOUT

        if error.code == REQUEST_TIMEOUT:
            return self._late(what, timeout_s)
        if error.code == CONNECTION_CLOSED:
            await asyncio.sleep(TAIL_S)
            link.gone.set()
            return McpError(
                f"The {self.target} was lost during {what}, which it may have done or not. "
                f"The next call connects anew.{link.said()}"
            )
        if self.target.url and error.code == INVALID_REQUEST:
            link.gone.set()  # as a server that was restarted says of a session it does not know
        return McpError(f"The {self.target} refused {what}: {str(error.message)[:600]}")


__all__ = ["McpError", "McpToolError", "Server", "Target"]
