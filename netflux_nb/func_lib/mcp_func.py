"""The tools of an MCP server as Functions."""

from __future__ import annotations

import asyncio
import base64
import binascii
import copy
import json
import keyword
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, overload

from ..core.errors import FunctionError
from ..core.functions.arguments import FunctionArg
from ..core.functions.kinds import CodeFunction
from ..core.messages import ImageResult
from ..core.text.legible import cut
from ..runtime.context import RunContext
from ._mcp.link import McpError, McpToolError, Server, Target
from .view_image import MAX_FILE_BYTES, ImageError, shown_image
from .wrappers import taking

# What a server says of itself is read by a model with every request.
DESC_CHARS = 2_000
ARG_DESC_CHARS = 500
SCHEMA_CHARS = 50_000
MAX_ARGS = 200
# What one call may give.
TEXT_CHARS = 100_000
ERROR_CHARS = 2_000
MAX_BLOCKS = 100

_KINDS: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list,
    "object": dict,
}
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]")
_NO_IDENTIFIER = re.compile(r"[^A-Za-z0-9_]")


class McpTool(CodeFunction):
    """One tool of an MCP server. A model is shown the server's own schema of it."""

    def __init__(self, server: Server, tool: Any, prefix: str) -> None:
        self.server = server
        self.tool_name = str(tool.name)
        self.schema = _schema(self.tool_name, tool.input_schema)
        properties = self.schema["properties"]
        # By its name for the server: what it is called here.
        self.names = _names(self.tool_name, properties)
        needed = self.schema["required"]
        args = [_arg(self.names[n], s, is_needed=n in needed) for n, s in properties.items()]
        super().__init__(
            name=function_name(prefix, self.tool_name),
            desc=cut(tool.description or tool.title or self.tool_name, DESC_CHARS),
            args=args,
            callable=taking(args, self._body()),
            effect="mcp",
        )

    def json_schema(self) -> dict[str, Any]:
        """Give the server's own JSON Schema of a call."""
        return copy.deepcopy(self.schema)

    def validate_coerce_args(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Give a checked copy of the arguments, which may go by their name for the server."""
        given = {self.names.get(name, name): value for name, value in args.items()}
        # A model says null where it means nothing; a server takes that for a value.
        for arg in self.args:
            if arg.optional and arg.argtype is not Any and given.get(arg.name, arg) is None:
                del given[arg.name]
        others: dict[str, Any] = {}
        if self.schema.get("additionalProperties") not in (None, False):
            known = {arg.name for arg in self.args}
            others = {name: given.pop(name) for name in list(given) if name not in known}
        return super().validate_coerce_args(given) | others

    def _body(self) -> Any:
        server, tool = self.server, self.tool_name
        theirs = {ours: name for name, ours in self.names.items()}

        async def call(ctx: RunContext, /, **given: Any) -> Any:
            sent = {theirs.get(name, name): value for name, value in given.items()}
            return await server.call(tool, sent, partial(_result, tool))

        return call


class McpTools(Sequence[McpTool]):
    """The tools of one MCP server, and the connection to it. Close it when done."""

    def __init__(self, server: Server, tools: Sequence[McpTool]) -> None:
        self._server = server
        self._tools = tuple(tools)

    def close(self) -> None:
        """End the connection, and the server where it was started here. Again is nothing."""
        self._server.close()

    def __enter__(self) -> McpTools:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._tools)

    def __iter__(self) -> Iterator[McpTool]:
        return iter(self._tools)

    @overload
    def __getitem__(self, key: int | str) -> McpTool: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[McpTool]: ...
    def __getitem__(self, key: int | str | slice) -> McpTool | Sequence[McpTool]:
        """Give a tool by its place or its name."""
        if not isinstance(key, str):
            return self._tools[key]
        for tool in self._tools:
            if tool.name == key:
                return tool
        raise KeyError(key)

    def __repr__(self) -> str:
        return f"<McpTools {len(self)} of {self._server.target}>"


def from_mcp(
    server: str | Sequence[str | os.PathLike[str]],
    *,
    prefix: str = "",
    only: Collection[str] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 60.0,
    connect_timeout_s: float = 60.0,
) -> McpTools:
    """Connect to an MCP server and give its tools as Functions.

    Args:
        server: A command to start, as a list, or the URL of one that runs.
        prefix: Put before the name of each Function.
        only: The tools that are wanted, by the server's names; all where it is None.
        env: Added to what a started server is given of the environment, which is little:
            no keys.
        cwd: The folder in which the server is started.
        headers: Sent to a URL with each request, such as an authorisation.
        timeout_s: How long a call may take.
        connect_timeout_s: How long it may take until the server answers at all.

    Raises:
        McpError: The server cannot be used.
        FunctionError: Its tools cannot be made Functions.
    """
    target = _target(server, env, cwd, headers)
    try:
        import mcp
    except ImportError:
        mcp = None  # type: ignore[assignment]
    if not hasattr(mcp, "Client"):
        raise McpError('MCP servers need the SDK, 2.0 or newer: pip install "netflux_nb[mcp]"')
    link = Server(target, timeout_s, connect_timeout_s)
    try:
        return McpTools(link, _made(link, prefix, only))
    except BaseException:
        link.close()
        raise


def _target(
    server: str | Sequence[str | os.PathLike[str]],
    env: Mapping[str, str] | None,
    cwd: str | os.PathLike[str] | None,
    headers: Mapping[str, str] | None,
) -> Target:
    if isinstance(server, str):
        if not server.startswith(("http://", "https://")):
            raise FunctionError(
                f"{server[:80]!r} is no URL. Give a command as a list: ['python', 'server.py']."
            )
        if env is not None or cwd is not None:
            raise FunctionError("`env` and `cwd` are for a server that is started here.")
        return Target(url=server, headers=headers)
    command: tuple[str, ...] = ()
    if isinstance(server, Sequence):
        command = tuple(w if isinstance(w, str) else os.fspath(w) for w in server)
    if not command or not all(isinstance(w, str) and "\0" not in w for w in command):
        raise FunctionError("A server's command is a list of texts, and not empty.")
    if headers is not None:
        raise FunctionError("`headers` are for a server that is reached by a URL.")
    return Target(command, env, None if cwd is None else os.fspath(cwd))


def _made(link: Server, prefix: str, only: Collection[str] | None) -> list[McpTool]:
    found = link.tools()
    if only is not None:
        missing = sorted(set(only) - {tool.name for tool in found})
        if missing:
            raise FunctionError(f"The {link.target} has no tool {', '.join(missing)[:200]!r}.")
        found = [tool for tool in found if tool.name in only]
    made: dict[str, McpTool] = {}
    for tool in found:
        fn = McpTool(link, tool, prefix)
        if fn.name in made:
            raise FunctionError(
                f"The {link.target} has two tools that would be {fn.name!r}: "
                f"{made[fn.name].tool_name[:80]!r} and {fn.tool_name[:80]!r}. Name one in `only`."
            )
        made[fn.name] = fn
    return list(made.values())


def function_name(prefix: str, tool: str) -> str:
    """Make a Function's name of a tool's."""
    name = _NO_NAME.sub("_", f"{prefix}{tool}")[:64]
    return name if name[:1].isalpha() or name[:1] == "_" else f"_{name}"[:64]


def _schema(tool: str, schema: Any) -> dict[str, Any]:
    try:
        size = len(json.dumps(schema))
    except (TypeError, ValueError, RecursionError):
        size = SCHEMA_CHARS + 1
    properties = schema.get("properties") or {} if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or size > SCHEMA_CHARS or len(properties) > MAX_ARGS:
        raise FunctionError(
            f"The schema of tool {tool[:80]!r} is too large, or none: {size:,} characters, of "
            f"{SCHEMA_CHARS:,}. Leave it out by naming others in `only`."
        )
    required = schema.get("required")
    needed = [n for n in properties if n in required] if isinstance(required, list) else []
    return {**schema, "type": "object", "properties": properties, "required": needed}


def _names(tool: str, properties: Mapping[str, Any]) -> dict[str, str]:
    names: dict[str, str] = {}
    for theirs in properties:
        ours = _NO_IDENTIFIER.sub("_", theirs) or "_"
        ours = f"_{ours}" if ours[0].isdigit() else ours
        ours = f"{ours}_" if keyword.iskeyword(ours) else ours
        if ours in names.values() or (ours != theirs and ours in properties):
            raise FunctionError(
                f"Tool {tool[:80]!r} has two arguments that would be {ours[:80]!r} here. Leave "
                f"it out by naming others in `only`."
            )
        names[theirs] = ours
    return names


def _arg(name: str, schema: Any, *, is_needed: bool) -> FunctionArg:
    told = schema if isinstance(schema, dict) else {}
    kind = told.get("type")
    words = told.get("enum")
    argtype = _KINDS.get(kind, Any) if isinstance(kind, str) else Any
    enum = None
    if argtype is str and isinstance(words, list):
        is_plain = bool(words) and all(isinstance(w, str) for w in words)
        argtype, enum = (str, set(words)) if is_plain else (Any, None)
    desc = cut(str(told.get("description") or ""), ARG_DESC_CHARS)
    return FunctionArg(name, argtype, desc, optional=not is_needed, enum=enum)


async def _result(tool: str, result: Any) -> Any:
    """Give what a tool gave: text, a picture, or both in a list. Raises what it says failed."""
    parts: list[str | ImageResult] = []
    for block in result.content[:MAX_BLOCKS]:
        part = await _part(block)
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] = f"{parts[-1]}\n{part}"
        else:
            parts.append(part)
    if result.is_error:
        texts = [p for p in parts if isinstance(p, str)]
        raise McpToolError(cut("\n".join(texts) or f"{tool}() failed.", ERROR_CHARS))
    if not parts and result.structured_content is not None:
        return result.structured_content
    shown = [cut(p, TEXT_CHARS) if isinstance(p, str) else p for p in parts]
    return shown[0] if len(shown) == 1 else shown or ""


async def _part(block: Any) -> str | ImageResult:
    match block.type:
        case "text":
            return str(block.text)
        case "image":
            return await _image(block)
        case "resource_link":
            return f"[{cut(str(block.name), 200)}: {cut(str(block.uri), 500)}]"
        case "resource" if getattr(block.resource, "text", None) is not None:
            return str(block.resource.text)
        case "resource":
            return f"[{cut(str(block.resource.uri), 500)}, which is no text]"
        case _:
            kind = getattr(block, "mime_type", None) or block.type
            return f"[{cut(str(kind), 80)}, which cannot be shown]"


async def _image(block: Any) -> str | ImageResult:
    if len(block.data) > MAX_FILE_BYTES:
        return "[A picture that is too large to be shown]"
    try:
        data = base64.b64decode(block.data, validate=True)
        # In a thread: to decode one takes longer than other calls should wait.
        return await asyncio.to_thread(shown_image, data, "The picture")
    except (ImageError, binascii.Error, ValueError) as error:
        return f"[A picture that cannot be shown: {cut(str(error), 200)}]"


__all__ = ["McpError", "McpTool", "McpToolError", "McpTools", "from_mcp"]
