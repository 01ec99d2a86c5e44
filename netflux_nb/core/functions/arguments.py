"""The arguments of a Function, and the check that a callable takes just these."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ArgumentError, SignatureError
from . import schema


class _Missing:
    def __repr__(self) -> str:
        return "required"

    def __reduce__(self) -> str:
        return "MISSING"  # there is one: it is asked for by `is`


MISSING: Any = _Missing()


@dataclass(frozen=True, slots=True)
class FunctionArg:
    """One argument of a Function.

    `load` marks a path: the file's text is what the prompt is given.

    Example:
        >>> FunctionArg("tone", str, enum={"plain", "warm"}).validate_value("warm")
    """

    name: str
    argtype: Any
    desc: str = ""
    optional: bool = False
    enum: set[str] | frozenset[str] | None = None
    default: Any = MISSING
    load: bool = False

    def __post_init__(self) -> None:
        if not (self.name.isidentifier() and self.name.isascii() and len(self.name) <= 64):
            raise ArgumentError(
                f"Arg {self.name[:80]!r}: an argument's name is an identifier of at most 64 "
                f"ASCII letters, digits and `_`, as models take them."
            )
        if self.argtype not in schema.PRIMITIVES:
            try:
                schema.schema_of(self.argtype)
            except ArgumentError as error:
                raise ArgumentError(
                    f"Arg '{self.name}' has unsupported type {self.argtype!r}; {error}"
                ) from None
        if self.load and self.argtype is not str:
            raise ArgumentError(f"Arg '{self.name}': only a str can be a path to load.")
        if self.enum is not None:
            self._check_enum(self.enum)
        if self.default is not MISSING and self.default is not None:
            self.checked(self.default)

    def _check_enum(self, enum: Any) -> None:
        if self.argtype is not str:
            raise ArgumentError(
                f"Arg '{self.name}': enum constraint is only supported for str args."
            )
        if not isinstance(enum, (set, frozenset)) or not enum:
            raise ArgumentError(
                f"Arg '{self.name}': enum must be a set of string literals, not empty."
            )
        if any(not isinstance(v, str) for v in enum):
            raise ArgumentError(f"Arg '{self.name}': enum values must be strings.")
        object.__setattr__(self, "enum", frozenset(enum))

    @property
    def required(self) -> bool:
        """True where a call must give a value."""
        return not self.optional and self.default is MISSING

    def validate_value(self, value: Any) -> None:
        """Raise `ArgumentError` unless the value fits."""
        self.checked(value)

    def checked(self, value: Any) -> Any:
        """Give the value as the Function gets it, or raise `ArgumentError`."""
        if value is None:
            if self.optional or self.default is None:
                return None
            if self.argtype in schema.PRIMITIVES:
                raise ArgumentError(f"Arg '{self.name}' is required and cannot be None")
        kind = self.argtype
        if kind not in schema.PRIMITIVES:
            try:
                return schema.check(kind, value)
            except ArgumentError as error:
                raise ArgumentError(f"Arg '{self.name}': {error}") from None
        fits = type(value) is kind or (isinstance(value, kind) and not isinstance(value, bool))
        if kind is float and type(value) is int:
            return value
        if not fits:
            raise ArgumentError(
                f"Arg '{self.name}' expects {kind.__name__}, got {type(value).__name__}"
            )
        if self.enum is not None and value not in self.enum:
            allowed = ", ".join(sorted(self.enum))
            raise ArgumentError(
                f"Arg '{self.name}' must be one of: {allowed}; got '{str(value)[:80]}'"
            )
        return value

    def json_schema(self) -> dict[str, Any]:
        """Give the JSON Schema of this argument, as a model gets it."""
        described = schema.schema_of(self.argtype)
        if self.enum is not None:
            described["enum"] = sorted(self.enum)
        if self.desc:
            described["description"] = self.desc
        if isinstance(self.default, (str, int, float, bool)):
            described["default"] = self.default
        return described


def signature_of(args: Sequence[FunctionArg], result: Any) -> inspect.Signature:
    """Give the signature that a call with these arguments has in Python."""
    words = inspect.Parameter
    empty = words.empty
    is_named = False
    params: list[inspect.Parameter] = []
    for arg in args:
        default = None if arg.optional and arg.default is MISSING else arg.default
        default = empty if default is MISSING else default
        if default is empty and params and params[-1].default is not empty:
            # Behind one that may be left out, Python takes such a one by its name only.
            is_named = True
        kind = words.KEYWORD_ONLY if is_named else words.POSITIONAL_OR_KEYWORD
        told = arg.argtype | None if arg.optional else arg.argtype
        params.append(words(arg.name, kind, default=default, annotation=told))
    return inspect.Signature(params, return_annotation=result)


def is_async(body: Callable[..., Any]) -> bool:
    """True for a coroutine function, or an object whose call is one."""
    return inspect.iscoroutinefunction(body) or inspect.iscoroutinefunction(
        getattr(body, "__call__", None)  # noqa: B004  the method is what is asked about
    )


def check_signature(
    name: str, args: Sequence[FunctionArg], body: Callable[..., Any], effect: Any = None
) -> None:
    """Raise `SignatureError` unless a callable takes a context and just these arguments.

    What it acts on, where it does, is a word.
    """
    if effect is not None and not (isinstance(effect, str) and effect):
        raise SignatureError(f"{name}: say in a word what it acts on: effect='mail'.")
    if inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body):
        raise SignatureError(
            f"{name}: a generator cannot be a Function's body. Return a list, or call "
            f"`ctx.status()` to tell of progress."
        )
    params = list(inspect.signature(body).parameters.values())
    kinds = inspect.Parameter
    first = (kinds.POSITIONAL_OR_KEYWORD, kinds.POSITIONAL_ONLY)
    if any(p.kind in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD) for p in params):
        raise SignatureError(
            f"{name}: *args/**kwargs are not allowed; declare explicit parameters: "
            f"{[a.name for a in args]}"
        )
    if not params or params[0].kind not in first:
        raise SignatureError(f"{name}: first parameter must be a RunContext")
    loose = [p.name for p in params[1:] if p.kind is not kinds.KEYWORD_ONLY]
    if loose:
        raise SignatureError(
            f"{name}: all callable parameters after RunContext must be keyword-only; "
            f"violations: {loose}"
        )
    actual, expected = [p.name for p in params[1:]], [a.name for a in args]
    if actual != expected:
        raise SignatureError(
            f"{name}: callable signature args {actual} do not match spec {expected}"
        )
    hints = _hints(body)
    for param, arg in zip(params[1:], args, strict=True):
        _check_default(name, param, arg)
        _check_hint(name, hints.get(param.name), arg)


def _hints(body: Callable[..., Any]) -> dict[str, Any]:
    try:
        return dict(inspect.get_annotations(inspect.unwrap(body), eval_str=True))
    except Exception:  # noqa: BLE001  a name that is not defined yet says nothing
        return {}


def _check_default(name: str, param: inspect.Parameter, arg: FunctionArg) -> None:
    absent = param.default is inspect.Parameter.empty
    if arg.default is not MISSING:
        if absent or param.default != arg.default:
            shown = "no default" if absent else repr(param.default)
            raise SignatureError(
                f"{name}: arg '{arg.name}' has default {arg.default!r} in the spec and "
                f"{shown} in the callable"
            )
    elif arg.optional and absent:
        raise SignatureError(f"{name}: optional arg '{arg.name}' must have default=None")
    elif arg.optional and param.default is not None:
        raise SignatureError(
            f"{name}: optional arg '{arg.name}' default must be None, got {param.default!r}"
        )
    elif not arg.optional and not absent:
        raise SignatureError(f"{name}: required arg '{arg.name}' must not have a default")


def _check_hint(name: str, hint: Any, arg: FunctionArg) -> None:
    plain = (str, int, float, bool)
    # Only what is certain is refused: two different primitives. A subtype, a union
    # or a string that could not be read says nothing against the spec.
    if hint in plain and arg.argtype in plain and hint is not arg.argtype:
        raise SignatureError(
            f"{name}: arg '{arg.name}' is {arg.argtype.__name__} in the spec and "
            f"{hint.__name__} in the callable's annotation"
        )
