"""Processes of theus as Functions: the decorator, the context that their bodies are handed."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, get_type_hints

from ..core.contracts.declared import GLOBAL, Contract, refuse_global
from ..core.contracts.persistent import MISSING as NOTHING
from ..core.contracts.persistent import RecordVersion
from ..core.errors import ContractError, NetfluxError, SignatureError
from ..core.functions.arguments import MISSING, FunctionArg, is_async
from ..core.functions.define import argument
from ..core.functions.kinds import CodeFunction
from ..runtime.context import RunContext
from ..state.guards import view_of
from .system_context import LAYERS

_LOGGER = logging.getLogger("POP_PROCESS")
# A process without a contract: all of the domain, in a transaction, and its configuration.
EVERYTHING = Contract(("*", GLOBAL), ("*",))


class _Log(logging.LoggerAdapter[logging.Logger]):
    """Writes `[process] message {name=value}`."""

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        name = (self.extra or {}).get("process")
        if not kwargs:
            return f"[{name}] {msg}", {}
        told = " ".join(f"{key}={value}" for key, value in kwargs.items())
        return f"[{name}] {msg} {{{told}}}", {}


class ProcessContext:
    """What a process is handed: the layers, under its contract, and all of a `RunContext`."""

    __slots__ = ("log", "run")
    run: RunContext
    log: logging.LoggerAdapter[logging.Logger]

    def __init__(self, run: RunContext, process: str) -> None:
        object.__setattr__(self, "run", run)
        object.__setattr__(self, "log", _Log(_LOGGER, {"process": process}))

    def __getattr__(self, name: str) -> Any:
        if name not in LAYERS:
            return getattr(self.run, name)
        draft: Any = None if self.run.node is None else self.run.node.draft
        if draft is None:
            raise ContractError(f"ctx.{name} belongs to a call that has ended.")
        return layer_of(draft, name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise ContractError(
            f"ctx.{name[:80]} is not set. A process changes fields, such as `ctx.domain.total = 3`."
        )


def layer_of(draft: Any, name: str) -> Any:
    """Give a layer as a draft sees it: an instance of its class, which guards its fields."""
    if name == "global_ctx":
        found = draft.read((GLOBAL,))
        if found is NOTHING:
            raise ContractError(f"{draft.root.name} has no global_ctx.")
        return view_of(draft, (GLOBAL,), found)
    draft.begin()
    root = draft.view
    return view_of(draft, (), root) if isinstance(root, RecordVersion) else draft.handle


class ProcessFunction(CodeFunction):
    """A process of theus: code that is handed the layers of a system."""

    # Whether its body takes more than it names.
    takes_more = False

    def validate_coerce_args(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Give a checked copy of the arguments. A name that it does not take is told."""
        more = {}
        if self.takes_more:
            more = {name: value for name, value in args.items() if name not in self._spec}
            args = {name: value for name, value in args.items() if name in self._spec}
        return {**super().validate_coerce_args(args), **more}


def process(
    inputs: Sequence[str],
    outputs: Sequence[str],
    side_effects: Sequence[str] | None = None,
    errors: Sequence[str] | None = None,
) -> Callable[[Callable[..., Any]], ProcessFunction]:
    """Make a process of a callable that takes a context first.

    Args:
        inputs: Paths that it reads, such as `domain.accounts`.
        outputs: Paths that it changes, and may read.
        side_effects: What it reaches outside of the state.
        errors: The exceptions that it may fail with, by name.
    """
    contract = Contract(
        tuple(_path(path) for path in inputs),
        tuple(_path(path) for path in outputs),
        tuple(errors or ()),
    )
    effect = ", ".join(side_effects or ()) or None

    def make(body: Callable[..., Any]) -> ProcessFunction:
        return process_of(body, contract, effect=effect)

    return make


def _path(path: str) -> str:
    """Give a path of theus as one of ours: a layer alone is all that is in it."""
    first, dot, rest = str(path).partition(".")
    layer = first.removesuffix("_ctx")
    return f"{layer}.{rest}" if dot else "*" if layer == "domain" else layer


def process_of(
    body: Callable[..., Any],
    contract: Contract,
    *,
    name: str = "",
    effect: str | None = None,
    on_state: Any = None,
) -> ProcessFunction:
    """Make a process of a callable, its contract, and the state that it acts on."""
    own = getattr(body, "__name__", "")
    label = name or (own if own.isidentifier() else "process")
    params = list(inspect.signature(body).parameters.values())
    if not params or params[0].kind not in (
        params[0].POSITIONAL_ONLY,
        params[0].POSITIONAL_OR_KEYWORD,
    ):
        raise SignatureError(f"{label}: a process takes a context first: `def {label}(ctx, ...)`.")
    stars = [one for one in params[1:] if one.kind is one.VAR_KEYWORD]
    plain = [one for one in params[1:] if one not in stars]
    args = _args_of(body, plain)
    doc = inspect.getdoc(body) or ""
    made = ProcessFunction(
        name=label,
        desc=doc.partition("\n\n")[0] or label,
        args=args,
        callable=_handed(body, label, args),
        effect=effect,
    )
    made.takes_more = bool(stars)
    made.original = body
    refuse_global(label, contract)
    made.contract = contract
    made.on_state = on_state
    made.__doc__ = doc
    made.__wrapped__ = body
    made.home = getattr(body, "__module__", None) or ""
    return made


def _args_of(body: Callable[..., Any], params: Sequence[inspect.Parameter]) -> list[FunctionArg]:
    try:
        hints = get_type_hints(body)
    except Exception:  # noqa: BLE001  a name that is not there says nothing of the type
        hints = {}
    made = []
    for param in params:
        try:
            made.append(argument(param.name, hints.get(param.name, Any), param.default))
        except NetfluxError:  # theus checks no types: what cannot be told is not checked
            made.append(argument(param.name, Any, param.default))
    return made


def _handed(body: Callable[..., Any], name: str, args: Sequence[FunctionArg]) -> Callable[..., Any]:
    """Wrap a body so that it takes a `RunContext` and keywords, as Functions do."""
    spare = {arg.name: None for arg in args if arg.optional and arg.default is MISSING}

    def call(ctx: RunContext, **given: Any) -> Any:
        __tracebackhide__ = True
        return body(ProcessContext(ctx, name), **{**spare, **given})

    async def call_async(ctx: RunContext, **given: Any) -> Any:
        __tracebackhide__ = True
        return await call(ctx, **given)

    made: Any = call_async if is_async(body) else call
    words = inspect.Parameter
    shape = [words("ctx", words.POSITIONAL_OR_KEYWORD)]
    for arg in args:
        without = None if arg.optional else words.empty
        default = without if arg.default is MISSING else arg.default
        shape.append(words(arg.name, words.KEYWORD_ONLY, default=default))
    made.__signature__ = inspect.Signature(shape)
    return made  # type: ignore[no-any-return]
