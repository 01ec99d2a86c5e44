"""A Function that is tried again where it failed in a way that may pass."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..core.errors import CancellationException, FunctionError, ModelProviderException
from ..core.functions.kinds import CodeFunction, Function
from ..runtime.context import RunContext
from .wrappers import taking

# Beyond these somebody should look, rather than a loop.
MOST_ATTEMPTS = 100
LONGEST_PAUSE_S = 3_600.0


class Retry(CodeFunction):
    """A Function that is called again after an error named in `on`, with a pause between.

    It takes the Function's arguments and gives what the Function gives; where every try
    failed, the last error. A cancel ends it at once, and is never tried again.

    Args:
        fn: What to call.
        attempts: How often it is called at most.
        on: The errors after which it is called again.
        pause_s: The pause before the second call; each next one is twice as long.
        name: Its name; the Function's with `_retry` where none is given.

    Example:
        >>> from netflux_nb import function
        >>> @function
        ... def fetch(page: int) -> str:
        ...     return f"page {page}"
        >>> Retry(fetch, attempts=5, on=(OSError,)).name
        'fetch_retry'
    """

    def __init__(
        self,
        fn: Function,
        attempts: int = 3,
        on: type[Exception] | tuple[type[Exception], ...] = (ModelProviderException,),
        pause_s: float = 1.0,
        name: str | None = None,
    ) -> None:
        if not isinstance(fn, Function):
            raise FunctionError(
                f"Only a Function can be tried again; got {type(fn).__name__}. Decorate it "
                f"with `@function`."
            )
        label = name or f"{fn.name}_retry"
        errors = on if isinstance(on, tuple) else tuple(on) if isinstance(on, list) else (on,)
        _check(label, attempts, errors, pause_s)
        self.fn = fn
        self.attempts = attempts
        self.on = errors
        self.pause_s = pause_s
        super().__init__(
            name=label,
            desc=fn.desc,
            args=fn.args,
            callable=taking(fn.args, _body(fn, attempts, errors, pause_s)),
            uses=[fn],
        )


def _check(label: str, attempts: int, errors: tuple[Any, ...], pause_s: float) -> None:
    if type(attempts) is not int or not 1 <= attempts <= MOST_ATTEMPTS:
        raise FunctionError(f"{label}: `attempts` is 1 to {MOST_ATTEMPTS}, got {attempts!r}.")
    if not errors or not all(inspect.isclass(e) and issubclass(e, Exception) for e in errors):
        raise FunctionError(
            f"{label}: `on` holds the classes of the errors that may pass, got {', '.join(map(repr, errors))[:80]}."
        )
    if not (isinstance(pause_s, (int, float)) and 0 <= pause_s <= LONGEST_PAUSE_S):
        raise FunctionError(
            f"{label}: `pause_s` is 0 to {LONGEST_PAUSE_S:,.0f} seconds, got {pause_s!r}."
        )


def _body(
    fn: Function, attempts: int, errors: tuple[type[Exception], ...], pause_s: float
) -> Callable[..., Any]:
    async def call(ctx: RunContext, /, **given: Any) -> Any:
        attempt = 1
        while True:
            try:
                return await ctx.invoke(fn, given)
            except CancellationException:
                raise
            except errors as error:
                if attempt == attempts:
                    raise
                kind = type(error).__name__
            attempt += 1
            ctx.status(f"{kind}: waiting for attempt {attempt} of {attempts}")
            await ctx.runtime.sleep(min(LONGEST_PAUSE_S, pause_s * 2 ** (attempt - 2)))
            ctx.check()

    return call


__all__ = ["Retry"]
