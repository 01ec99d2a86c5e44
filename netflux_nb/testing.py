"""Stand-ins that are public: a scripted model, and a clock that one moves by hand."""

from __future__ import annotations

import asyncio
import functools
import inspect
import itertools
import json
import linecache
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from .core.errors import ArgumentError, ModelError, NetfluxError, UsageError
from .core.json.portable import part_from_json
from .core.messages import (
    Delta,
    ModelReply,
    ModelRequest,
    ModelTextPart,
    StopReason,
    ThinkingBlockPart,
    TokenUsage,
    ToolUsePart,
    TranscriptPart,
)

# A script's text arrives in pieces of about this many characters.
PIECE = 24
# A long answer comes in larger ones, as it would from a fast model.
MOST_PIECES = 2_000
# Of a mistake's own words, and of the line that it is on.
MOST_SAID = 200


class ScriptError(UsageError):
    """A script that does not fit what it was asked, or was not used up."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the scripted model makes."""

    name: str
    args: Mapping[str, Any]
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One scripted reply: thinking, text, calls, in this order; or an error."""

    text: str = ""
    thinking: str = ""
    signature: str = ""
    calls: Sequence[Call] = ()
    usage: TokenUsage | None = None
    stop: StopReason | None = None
    error: BaseException | None = None
    latency_s: float = 0.0
    piece_s: float = 0.0


def call(name: str, /, **args: Any) -> Call:
    """Write a call as one writes it in Python.

    Example:
        >>> call("add", x=1).args["x"]
        1
    """
    return Call(name, args)


def flaky(message: str = "Overloaded", *, retry_after_s: float | None = None) -> Turn:
    """Give a turn that fails in a way that may pass."""
    return Turn(error=ModelError(message, retryable=True, retry_after_s=retry_after_s))


def broken(message: str = "The account is closed") -> Turn:
    """Give a turn that fails for good."""
    return Turn(error=ModelError(message))


Answer = str | Call | Turn | Sequence[Call] | BaseException
Script = Sequence[Answer] | Callable[[ModelRequest], Any] | str | Path


class ScriptedModel:
    """A model whose answers are given: a list, a function of the request, or a file.

    A list answers in the order of asking: for agents that run at once, give a function.
    `scripted:example-large` and `scripted:example-small` have example prices; others are free.

    Args:
        script: Answers: text, `call(...)`, several calls in a list, `Turn(...)`, an error;
            or a function (plain or async) of the request; or the path of a JSON file.
        latency_s: Taken before each answer.
        stream: False when nothing arrives before the whole.

    Example:
        >>> model = ScriptedModel(["hello"])
        >>> model.assert_finished()
        Traceback (most recent call last):
        ...
        netflux_nb.testing.ScriptError: 1 of 1 scripted answers were not used; next: 'hello'.
    """

    def __init__(
        self,
        script: Script,
        *,
        latency_s: float = 0.0,
        stream: bool = True,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self.requests: list[ModelRequest] = []
        self._latency = latency_s
        self._stream = stream
        self._sleep = sleep
        self._ids = itertools.count(1)
        self._lock = threading.Lock()  # guards requests and the place in the script
        self._next = 0
        self._answers: list[Answer] = []
        self._ask: Callable[[ModelRequest], Any] | None = None
        if callable(script):
            self._ask = script
        elif isinstance(script, (str, Path)):
            self._answers = load_script(Path(script))
        else:
            self._answers = list(script)

    async def reply(self, request: ModelRequest, emit: Callable[[Delta], None], /) -> ModelReply:
        """Give the next answer, piece by piece where it streams."""
        turn = await self._turn(request)
        wait = turn.latency_s or self._latency
        if wait:
            await self._sleep(wait)
        if turn.error is not None:
            raise turn.error
        reply = self._finished(turn, request)
        if self._stream:
            await self._emit(turn, reply, emit)
        return reply

    async def _turn(self, request: ModelRequest) -> Turn:
        with self._lock:
            self.requests.append(request)
            place = self._next
            self._next += 1
        if self._ask is not None:
            return await _asked(self._ask, request)
        if place >= len(self._answers):
            found = len(self._answers)
            raise ScriptError(
                f"The script has {found} answer{'' if found == 1 else 's'} and was asked "
                f"{place + 1} times. Add an answer, or give a function: "
                f"`ScriptedModel(lambda request: 'always this')`."
            )
        return _as_turn(self._answers[place])

    def _finished(self, turn: Turn, request: ModelRequest) -> ModelReply:
        parts: list[TranscriptPart] = []
        if turn.thinking:
            parts.append(ThinkingBlockPart(turn.thinking, turn.signature))
        if turn.text or not (turn.calls or turn.thinking):
            parts.append(ModelTextPart(turn.text))
        for one in turn.calls:
            use_id = one.id or f"call_{next(self._ids)}"
            parts.append(ToolUsePart(use_id, one.name, one.args))
        stop: StopReason = turn.stop or ("calls" if turn.calls else "end")
        usage = turn.usage or _guessed(request, turn)
        name = request.model or "scripted"
        return ModelReply(parts=tuple(parts), usage=usage, stop=stop, model=name)

    async def _emit(self, turn: Turn, reply: ModelReply, emit: Callable[[Delta], None]) -> None:
        spent = replace(reply.usage, output_tokens_total=0)
        emit(Delta("text", "", spent))
        for part in reply.parts:
            if isinstance(part, ThinkingBlockPart):
                spent = await self._pieces("thinking", part.content, turn, spent, emit)
            elif isinstance(part, ModelTextPart):
                spent = await self._pieces("text", part.text, turn, spent, emit)

    async def _pieces(
        self, kind: Any, text: str, turn: Turn, spent: TokenUsage, emit: Callable[[Delta], None]
    ) -> TokenUsage:
        size = max(PIECE, len(text) // MOST_PIECES)
        for start in range(0, len(text), size):
            piece = text[start : start + size]
            spent = replace(spent, output_tokens_total=spent.output_tokens_total + _tokens(piece))
            emit(Delta(kind, piece, spent))
            if turn.piece_s:
                await self._sleep(turn.piece_s)
        return spent

    def assert_finished(self) -> None:
        """Raise `ScriptError` unless every answer was used."""
        left = self._answers[self._next :]
        if left:
            raise ScriptError(
                f"{len(left)} of {len(self._answers)} scripted answers were not used; "
                f"next: {str(left[0])[:80]!r}."
            )


async def _asked(ask: Callable[[ModelRequest], Any], request: ModelRequest) -> Turn:
    """Ask a function. A mistake in it is its writer's, not a failure of a model."""
    try:
        answer = ask(request)
        if inspect.isawaitable(answer):
            answer = await answer
    except NetfluxError:  # raised on purpose: the model fails so
        raise
    except Exception as error:
        raise ScriptError(
            f"{_named(ask)}, a scripted model's function, failed at {_line_of(ask, error)}: "
            f"{type(error).__name__}: {' '.join(str(error)[:MOST_SAID].split())}. "
            f"Mend it; a model that fails is `return broken()`."
        ) from error
    try:
        return _as_turn(answer)
    except ScriptError as error:
        raise ScriptError(f"{error} {_named(ask)} gave it, at {_line_of(ask)}.") from None


def _written(ask: Callable[..., Any]) -> Any:
    """Give the function that somebody wrote: behind a partial, a method, a callable object."""
    while isinstance(ask, functools.partial):
        ask = ask.func
    ask = inspect.unwrap(ask)
    return ask if inspect.isroutine(ask) else type(ask).__call__


def _named(ask: Callable[..., Any]) -> str:
    name = getattr(_written(ask), "__name__", "")
    return "A lambda" if name == "<lambda>" else f"{name}()"


def _line_of(ask: Callable[..., Any], error: BaseException | None = None) -> str:
    """Say where a script's function failed, innermost in its own file; else where it begins."""
    code = getattr(_written(ask), "__code__", None)
    if code is None:
        return "a line that cannot be told"
    file, line = code.co_filename, code.co_firstlineno
    walked = error.__traceback__ if error is not None else None
    while walked is not None:
        if walked.tb_frame.f_code.co_filename == file:
            line = walked.tb_lineno
        walked = walked.tb_next
    words = linecache.getline(file, line).strip()[:MOST_SAID]
    # A cell's file has a made-up name.
    is_cell = file.startswith("<") or "ipykernel_" in file
    place = f"line {line} of its cell" if is_cell else f"line {line} of {Path(file).name}"
    return f"{place} (`{words}`)" if words else place


def _as_turn(answer: Any) -> Turn:
    match answer:
        case Turn():
            return answer
        case str():
            return Turn(text=answer)
        case Call():
            return Turn(calls=(answer,))
        case BaseException():
            return Turn(error=answer)
        case Sequence() if all(isinstance(one, Call) for one in answer):
            return Turn(calls=tuple(answer))
        case _:
            raise ScriptError(
                f"A scripted answer is text, `call(...)`, a list of calls, `Turn(...)` or an "
                f"error; got {type(answer).__name__}."
            )


def _tokens(text: str) -> int:
    return max(1, len(text) // 4) if text else 0


def _guessed(request: ModelRequest, turn: Turn) -> TokenUsage:
    """Count as a real model would bill it: all but the newest part was read from a cache."""
    sizes = [_tokens(request.system), *(_size(p) for p in request.parts)]
    fresh = sizes[-1] + (sizes[0] if len(sizes) <= 2 else 0)
    cached = sum(sizes) - fresh
    said = _tokens(turn.text) + sum(
        _tokens(json.dumps(dict(c.args), default=str)) for c in turn.calls
    )
    thought = _tokens(turn.thinking)
    return TokenUsage(
        input_tokens_cache_read=cached,
        input_tokens_cache_write=0,
        input_tokens_regular=fresh,
        input_tokens_total=cached + fresh,
        output_tokens_reasoning=thought,
        output_tokens_text=said,
        output_tokens_total=said + thought,
        context_window_in=cached + fresh,
        context_window_out=said + thought,
    )


def _size(part: TranscriptPart) -> int:
    text = getattr(part, "text", None) or getattr(part, "content", None)
    if text is None:
        text = str(getattr(part, "outputs", None) or dict(getattr(part, "args", {})))
    return _tokens(text)


def load_script(path: Path) -> list[Answer]:
    """Read a recorded script: a JSON list of replies, each with `parts`, `usage`, `stop`."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [_turn_of(row) for row in rows]
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ArgumentError(
            f"{path.name!r} is no script: {type(error).__name__}: {str(error)[:80]}. It is a "
            f"JSON list of replies with `parts` and `usage`."
        ) from None


def _turn_of(row: Mapping[str, Any]) -> Turn:
    parts = [part_from_json(p) for p in row["parts"]]
    thinking = [p for p in parts if isinstance(p, ThinkingBlockPart)]
    known = {f.name for f in fields(TokenUsage)}
    usage = {k: v for k, v in row.get("usage", {}).items() if k in known}
    return Turn(
        text="".join(p.text for p in parts if isinstance(p, ModelTextPart)),
        thinking="".join(p.content for p in thinking),
        signature=thinking[0].signature if thinking else "",
        calls=tuple(
            Call(p.tool_name, p.args, p.tool_use_id) for p in parts if isinstance(p, ToolUsePart)
        ),
        usage=TokenUsage(**usage) if usage else None,
        stop=row.get("stop"),
    )


class FakeClock:
    """A clock that stands until it is moved; sleepers wake when their time has come."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        """Tell the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Move the clock instead of waiting."""
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)
