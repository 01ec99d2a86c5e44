"""Short ways to define Functions: from a plain callable, and from a signature."""

from __future__ import annotations

import ast
import difflib
import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any, TypedDict, TypeVar, Unpack, get_type_hints, overload

from ..contracts.declared import contract_of, tools
from ..errors import FunctionError, SignatureError, UsageError
from ..messages import Provider
from . import prompts
from .arguments import MISSING, FunctionArg, is_async
from .kinds import AgentFunction, CodeFunction, Function

_E = TypeVar("_E", bound=UsageError)
Raises = type[BaseException] | str | Sequence[type[BaseException] | str] | None
Paths = str | Sequence[str]


class OlderWords(TypedDict, total=False):
    """The words of a contract in theus."""

    inputs: Paths
    outputs: Paths
    errors: Raises
    side_effects: Paths


# Of each the word here, and what that is where it is not given.
_OLDER: dict[str, tuple[str, Any]] = {
    "inputs": ("reads", ()), "outputs": ("writes", ()), "errors": ("raises", None),
    "side_effects": ("effect", None),
}  # fmt: skip


@overload
def function(body: Callable[..., Any], /) -> CodeFunction: ...
@overload
def function(
    *,
    name: str | None = None,
    uses: Sequence[Function] = (),
    uses_recursion: bool = False,
    effect: str | None = None,
    idempotent: bool = False,
    needs_approval: bool = False,
    reads: Paths = (),
    writes: Paths = (),
    raises: Raises = None,
    writes_result: bool = False,
    **older: Unpack[OlderWords],
) -> Callable[[Callable[..., Any]], CodeFunction]: ...
def function(
    body: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    uses: Sequence[Function] = (),
    uses_recursion: bool = False,
    effect: str | None = None,
    idempotent: bool = False,
    needs_approval: bool = False,
    reads: Paths = (),
    writes: Paths = (),
    raises: Raises = None,
    writes_result: bool = False,
    **older: Unpack[OlderWords],
) -> Any:
    """Make a `CodeFunction` of a callable, by its type hints and docstring.

    A first parameter named `ctx`, or typed `RunContext`, is handed the context. `reads`, `writes`
    and `raises` are its contract with the kernel's state.

    Args:
        body: The callable; left out where options stand behind the decorator.
        name: Another name than the callable's.
        uses: Functions that it calls.
        uses_recursion: Whether it may call itself.
        effect: What it reaches outside, such as "network": it is never done twice unasked.
        idempotent: Whether its effect may be done again.
        needs_approval: Whether each call waits for a person's yes.
        reads: Paths of the state that it looks at, such as `"accounts.*"`.
        writes: Paths that it changes, and may read. They count if it succeeds, whole or not at all.
        raises: The exceptions that it may fail with; any, where left out.
        writes_result: Whether its result is put at the one path that it writes; None puts nothing.
        older: `inputs`, `outputs`, `errors` and `side_effects`, for `reads`, `writes`, `raises`
            and `effect`.

    Example:
        >>> @function
        ... def double(x: int) -> int:
        ...     "Twice a number."
        ...     return 2 * x
        >>> double.args[0].argtype
        <class 'int'>
    """

    def make(plain: Callable[..., Any]) -> CodeFunction:
        label: str = name or getattr(plain, "__name__", "") or type(plain).__name__
        said = _contract_words(label, older, reads, writes, raises, effect)
        wants_ctx, params = _params(label, plain)
        doc = inspect.getdoc(plain) or ""
        desc, told = _doc(doc)
        args = _args_of(label, plain, params, told)
        made = CodeFunction(
            name=label,
            desc=desc or label,
            args=args,
            callable=_adapted(plain, wants_ctx, params, args),
            uses=uses,
            uses_recursion=uses_recursion,
            effect=said[3],
            needs_approval=needs_approval,
        )
        made.original = plain
        made.idempotent = idempotent
        made.contract = contract_of(label, *said[:3], writes_result=writes_result)
        made.is_async = is_async(plain)
        made.__doc__ = doc
        # `inspect` and `??` find the source by it.
        made.__wrapped__ = plain
        made.home = getattr(plain, "__module__", None) or ""
        return made

    return make if body is None else make(body)


def _contract_words(
    label: str,
    older: Mapping[str, Any],
    reads: Paths,
    writes: Paths,
    raises: Raises,
    effect: str | None = None,
) -> tuple[Paths, Paths, Raises, str | None]:
    """Give what a definition reads, writes, raises and reaches, in whichever words it says it."""
    said: dict[str, Any] = {"reads": reads, "writes": writes, "raises": raises, "effect": effect}
    for word, value in older.items():
        if word not in _OLDER:
            near = difflib.get_close_matches(word, [*_OLDER, *said], 1, 0.6)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise SignatureError(f"{label}: {word[:60]!r} is no option.{meant}")
        name, nothing = _OLDER[word]
        if said[name] != nothing:
            raise SignatureError(f"{label}: `{word}` is `{name}`. Give one of them.")
        if name == "effect":
            words = [value] if isinstance(value, str) else value or ()
            value = ", ".join(map(str, words)) or None
        said[name] = value
    return said["reads"], said["writes"], said["raises"], said["effect"]


def _params(label: str, plain: Callable[..., Any]) -> tuple[bool, list[inspect.Parameter]]:
    if inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain):
        raise SignatureError(
            f"{label}: a generator cannot be a Function's body. Return a list instead."
        )
    params = list(inspect.signature(plain).parameters.values())
    loose = [p.name for p in params if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if loose:
        raise SignatureError(
            f"{label}: *args/**kwargs are not allowed; declare explicit parameters "
            f"instead of {loose}"
        )
    wants_ctx = bool(params) and (
        params[0].name == "ctx" or "RunContext" in str(params[0].annotation)
    )
    return wants_ctx, params[1:] if wants_ctx else params


def _args_of(
    label: str,
    plain: Callable[..., Any],
    params: list[inspect.Parameter],
    descs: Mapping[str, str],
) -> list[FunctionArg]:
    try:
        hints = get_type_hints(_typed(plain))
    except Exception:  # noqa: BLE001  an unresolved name is reported below, if it matters
        hints = getattr(_typed(plain), "__annotations__", {})
    made = []
    for param in params:
        kind = hints.get(param.name, MISSING)
        if kind is MISSING or isinstance(kind, str):
            raise SignatureError(
                f"{label}: parameter '{param.name}' needs a type a model can be told, such as "
                f"`{param.name}: str`."
            )
        made.append(argument(param.name, kind, param.default, descs.get(param.name, "")))
    return made


def _typed(plain: Callable[..., Any]) -> Any:
    """Give the object with a callable's type hints: itself, or the `__call__` of its class."""
    plain = inspect.unwrap(plain)
    while isinstance(plain, partial):
        plain = plain.func
    return plain if inspect.isroutine(plain) else type(plain).__call__


def argument(name: str, kind: Any, default: Any, desc: str = "") -> FunctionArg:
    """Make the argument that a parameter with this type and default stands for."""
    optional = type(None) in getattr(kind, "__args__", ())
    if optional:
        rest = [k for k in kind.__args__ if k is not type(None)]
        kind = rest[0] if len(rest) == 1 else kind
    if default is inspect.Parameter.empty or default is MISSING:
        return FunctionArg(name, kind, desc, optional=optional)
    if default is None:
        return FunctionArg(name, kind, desc, optional=True)
    return FunctionArg(name, kind, desc, optional=optional, default=default)


def _adapted(
    plain: Callable[..., Any],
    wants_ctx: bool,
    params: list[inspect.Parameter],
    args: list[FunctionArg],
) -> Callable[..., Any]:
    """Wrap a plain callable so that it takes a context and keywords, as Functions do."""
    positional = [p.name for p in params if p.kind is p.POSITIONAL_ONLY]
    # What a call may leave out, but the plain callable cannot be called without.
    spare = {
        p.name: None if p.default is p.empty else p.default
        for p, arg in zip(params, args, strict=True)
        if (arg.optional if p.default is p.empty else p.kind is p.POSITIONAL_ONLY)
    }

    def call(ctx: Any, **given: Any) -> Any:
        __tracebackhide__ = True
        given = {**spare, **given}
        lead = [given.pop(n) for n in positional if n in given]
        return plain(ctx, *lead, **given) if wants_ctx else plain(*lead, **given)

    async def call_async(ctx: Any, **given: Any) -> Any:
        __tracebackhide__ = True
        return await call(ctx, **given)

    body: Any = call_async if is_async(plain) else call
    shape = [inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    for arg in args:
        given_up = None if arg.optional else inspect.Parameter.empty
        default = given_up if arg.default is MISSING else arg.default
        shape.append(inspect.Parameter(arg.name, inspect.Parameter.KEYWORD_ONLY, default=default))
    body.__signature__ = inspect.Signature(shape)
    adapted: Callable[..., Any] = body
    return adapted


_DOC_ARG = re.compile(r"^\s{2,}(\w+)(?: \([^)]*\))?:\s*(.+)$")


def _doc(doc: str) -> tuple[str, dict[str, str]]:
    """Split a Google docstring into what comes before `Args:`, and a line an argument."""
    head, _, rest = doc.partition("\nArgs:\n")
    descs: dict[str, str] = {}
    last = None
    for line in rest.splitlines():
        if line and not line.startswith(" "):
            break
        match = _DOC_ARG.match(line)
        if match:
            last = match[1]
            descs[last] = match[2].strip()
        elif last is not None and line.strip():
            descs[last] += " " + line.strip()
    return re.split(r"\n(?:Returns|Raises|Example|Examples):\n", head)[0].strip(), descs


def agent(
    signature: str | Callable[..., Any],
    prompt: str,
    *,
    system: str = "",
    desc: str = "",
    uses: Sequence[Function] = (),
    uses_recursion: bool = False,
    model: Provider | str | None = None,
    settings: Mapping[str, Any] | None = None,
    max_steps: int = 200,
    needs_approval: bool = False,
    types: Mapping[str, Any] | None = None,
    reads: Paths = (),
    writes: Paths = (),
    raises: Raises = None,
    writes_result: bool = False,
    state_tools: bool = True,
    **older: Unpack[OlderWords],
) -> AgentFunction:
    """Make an agent from a signature, written as text or as a typed stub.

    Args:
        signature: Such as `"summarise(text: str) -> str"`, or a `def` without a body.
        prompt: What it is told first. Braces are literal but for `{argument}`.
        system: What it is told above all.
        desc: What other agents read of it; the first paragraph of a stub's docstring, if empty.
        uses: Functions that it may call, as its tools.
        uses_recursion: Whether it may call itself.
        model: `provider` or `provider:model`; the runtime's, where left out.
        settings: Of its model, such as `{"effort": "high", "max_tokens": 4_000}`.
        max_steps: How often it may ask its model.
        needs_approval: Whether each call waits for a person's yes.
        types: What a signature text may use beyond Python's own, by name.
        reads: Paths of the state that it, and what it calls, may look at.
        writes: Paths that it, and what it calls, may change.
        raises: The exceptions that it may fail with; any, where left out.
        writes_result: Whether its result is put at the one path that it writes.
        older: `inputs`, `outputs` and `errors`, for `reads`, `writes` and `raises`.
        state_tools: Whether it is given `look` and `put` for what its contract names.

    Example:
        >>> summarise = agent(
        ...     'summarise(text: str, tone: str = "plain") -> str', "In a {tone} tone: {text}"
        ... )
        >>> summarise.user_text({"text": "{x}", "tone": "dry"})
        'In a dry tone: {x}'
    """
    if callable(signature):
        name, args, returns, doc = _from_stub(signature)
    else:
        doc, told = _doc(inspect.cleandoc(desc))
        name, args, returns = _from_text(signature, types or {}, told)
        desc = ""
    prompts.check(prompt, [a.name for a in args], name)
    said = _contract_words(name, older, reads, writes, raises)
    contract = contract_of(name, *said[:3], writes_result=writes_result)
    if said[3] is not None:
        raise SignatureError(f"{name}: what reaches outside are the Functions that it `uses`.")
    more = () if contract is None or not state_tools else tools()(contract)
    given = {fn.name for fn in uses} if more else set()
    made = AgentFunction(
        name=name,
        desc=desc or doc or name,
        args=args,
        system_prompt=system,
        user_prompt_template=prompt,
        uses=[*uses, *(fn for fn in more if fn.name not in given)],
        uses_recursion=uses_recursion,
        default_model=model,
        result_type=returns,
        settings=settings,
        max_steps=max_steps,
        needs_approval=needs_approval,
    )
    made.doubled_braces = False
    made.contract = contract
    # A `def` knows its module by itself.
    made.home = sys._getframe(1).f_globals.get("__name__", "")
    return made


def _from_stub(stub: Callable[..., Any]) -> tuple[str, list[FunctionArg], Any, str]:
    label = stub.__name__
    _, params = _params(label, stub)
    desc, told = _doc(inspect.getdoc(stub) or "")
    returns = get_type_hints(stub).get("return", str)
    return label, _args_of(label, stub, params, told), returns, desc


# What a signature text may name. Nothing else is looked up, and nothing is called.
_TYPES: dict[str, Any] = {
    t.__name__: t for t in (str, int, float, bool, list, dict, tuple, set, bytes)
}


def _from_text(
    text: str, types: Mapping[str, Any], descs: Mapping[str, str]
) -> tuple[str, list[FunctionArg], Any]:
    head = _parsed(text.strip())
    spec = head.args
    if spec.vararg or spec.kwarg:
        raise _at(
            SignatureError(f"{head.name}: *args/**kwargs are not allowed."),
            spec.vararg or spec.kwarg,
        )
    known = _TYPES | dict(types)
    positional = [*spec.posonlyargs, *spec.args]
    gaps: list[ast.expr | None] = [None] * (len(positional) - len(spec.defaults))
    defaults = [*gaps, *spec.defaults, *spec.kw_defaults]
    args = []
    for param, default in zip([*positional, *spec.kwonlyargs], defaults, strict=True):
        kind = _type(param.annotation, known, f"{head.name}: '{param.arg}'")
        value = _literal(default, head.name, param.arg)
        try:
            args.append(argument(param.arg, kind, value, descs.get(param.arg, "")))
        except UsageError as error:
            raise _at(error, default or param) from None
    returns = _type(head.returns, known, f"{head.name}: the result") if head.returns else str
    return head.name, args, returns


# A signature is read as Python, behind this.
_BEFORE = "def "


def _parsed(text: str) -> ast.FunctionDef:
    try:
        tree = ast.parse(f"{_BEFORE}{text}: ...").body
    except (SyntaxError, ValueError) as error:
        wrong = FunctionError(
            f"{text[:80]!r} is no signature: {getattr(error, 'msg', error)}. "
            f'Write it as `name(text: str, tone: str = "plain") -> str`.'
        )
        place = getattr(error, "offset", None) or 1
        wrong.column = min(max(place - 1 - len(_BEFORE), 0), len(text))
        raise wrong from None
    head = tree[0] if len(tree) == 1 else None
    if not isinstance(head, ast.FunctionDef):
        raise FunctionError(f"{text[:80]!r} is no signature of one Function.")
    return head


def _at(error: _E, node: ast.expr | ast.arg | None) -> _E:
    """Note where in its text a mistake stands."""
    if node is not None:
        error.column = node.col_offset - len(_BEFORE)
    return error


def _literal(node: ast.expr | None, fn: str, arg: str) -> Any:
    if node is None:
        return MISSING
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        wrong = FunctionError(
            f"{fn}: the default of '{arg}' must be a plain value, got {ast.unparse(node)[:80]!r}."
        )
        raise _at(wrong, node) from None


def _type(node: ast.expr | None, known: Mapping[str, Any], where: str) -> Any:
    """Read a type from syntax, without evaluating anything."""
    try:
        return _read(node, known, where)
    except FunctionError:
        raise
    except (ValueError, TypeError) as error:  # `int[str]`, `Literal[x]`, `None | None`
        told = "" if node is None else ast.unparse(node)[:80]
        wrong = FunctionError(f"{where} has type {told!r}, which is none: {error}.")
        raise _at(wrong, node) from None


def _read(node: ast.expr | None, known: Mapping[str, Any], where: str) -> Any:
    match node:
        case None:
            return str
        case ast.Constant(value=None):
            return None
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.Attribute(value=base, attr=name):
            return _member(_type(base, known, where), name, node, where)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            from typing import Literal

            return Literal[ast.literal_eval(inner)]
        case ast.Subscript(value=base, slice=ast.Tuple(elts=parts)):
            return _type(base, known, where)[tuple(_type(p, known, where) for p in parts)]
        case ast.Subscript(value=base, slice=inner):
            return _type(base, known, where)[_type(inner, known, where)]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _type(left, known, where) | _type(right, known, where)
        case _:
            raise _unknown(node, where)


def _member(owner: Any, name: str, node: ast.expr, where: str) -> Any:
    # Of a module or a class only: an attribute of any other object may be code that runs.
    if isinstance(owner, ModuleType | type) and hasattr(owner, name):
        return getattr(owner, name)
    raise _unknown(node, where)


def _unknown(node: ast.expr, where: str) -> FunctionError:
    wrong = FunctionError(
        f"{where} has type {ast.unparse(node)[:80]!r}, which is not known here. "
        f"Define or import it in the notebook, or give it in `types={{...}}`."
    )
    return _at(wrong, node)
