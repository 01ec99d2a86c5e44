"""The kinds of Functions, code and agents, and the check of a call."""

from __future__ import annotations

import inspect
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from functools import wraps
from typing import Any, Protocol, cast
from weakref import ref

from ..contracts.declared import Contract
from ..errors import ArgumentError, FunctionError, NoNodeError
from ..handles import CallPreview, Handle, MapHandle, Versions
from ..messages import GARBLED, Provider
from ..slots import Slot
from . import prompts, schema
from .arguments import MISSING, FunctionArg, check_signature, is_async, signature_of
from .display import Displayed

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


class Caller(Protocol):
    """A runtime as a Function sees it: something that can make a call."""

    def start(self, caller: Any, fn: Function, inputs: Mapping[str, Any]) -> Handle:
        """Start a call below `caller`, or a root, and give its handle."""
        ...

    def call(self, caller: Any, fn: Function, inputs: Mapping[str, Any]) -> Any:
        """Make a call and give its value."""
        ...


# The Node whose body is running here. A body that calls a Function calls it as a child.
current: ContextVar[Any] = ContextVar("netflux_nb_current_node", default=None)

# Where a call outside any tree runs.
default_caller: Slot[Caller | None] = Slot(None)
# What a Function's version is: that must know every kind of Function.
version_hash: Slot[Callable[[Function], str]] = Slot(lambda fn: "")


class Verbs(Protocol):
    """The verbs of a Function beside a call, filled in by later rooms."""

    def map(
        self,
        fn: Function,
        rows: Any,
        /,
        *,
        models: Sequence[Provider | str] | Provider | str | None,
        wait: bool,
        at_once: int | None,
        fresh: bool,
        **fixed: Any,
    ) -> MapHandle:
        """Call it for every row."""
        ...

    def preview(self, fn: Function, inputs: Mapping[str, Any], /) -> CallPreview:
        """Show what a call would send."""
        ...

    def history(self, fn: Function, /) -> Versions:
        """List its versions in the record."""
        ...

    def source(self, fn: Function, /) -> str:
        """Give it as Python text."""
        ...


class _Nobody:
    def __getattr__(self, name: str) -> Any:
        raise NoNodeError(f"`Function.{name}` needs the whole package: `import netflux_nb`.")


verbs: Slot[Verbs] = Slot(cast("Verbs", _Nobody()))


class _Signature:
    """The signature of a Function for `inspect.signature` and Shift-Tab, made on first use."""

    def __get__(self, fn: Function | None, owner: type) -> inspect.Signature | None:
        if fn is None:
            return None
        given = fn.result_type if isinstance(fn, AgentFunction) else inspect.Signature.empty
        if isinstance(fn, CodeFunction):
            given = getattr(fn.original, "__annotations__", {}).get("return", given)
        return signature_of(fn.args, given)


# Not the session's: a Function is defined where its module is, and lives as long as that.
_defined: dict[str, list[ref[Function]]] = {}


def alive(name: str) -> list[Function]:
    """List the Functions of a name that somebody still holds, the one defined last at the end."""
    return [fn for one in _defined.get(name, ()) if (fn := one()) is not None]


def newest(name: str) -> Function | None:
    """Give the Function that was defined last under a name, of those somebody still holds."""
    return derived()(name, next(reversed(alive(name)), None))


# Makes a Function of another when it is asked for by name, such as a map; given what there is.
derived: Slot[Callable[[str, Function | None], Function | None]] = Slot(lambda name, found: found)


def meant_now(fn: Function) -> Function:
    """Look up a Function's name where it was defined: a cell may have run again.

    A Function that is held under another name, or in a list, stays what it is.
    """
    found = getattr(sys.modules.get(fn.home), "__dict__", {}).get(fn.name)
    if found is fn or not isinstance(found, Function):
        return fn
    is_same = found.name == fn.name and found.home == fn.home
    return found if is_same and is_later(found, fn) else fn


def is_later(one: Function, other: Function) -> bool:
    """Say whether one was defined after another of its name."""
    order = [id(known()) for known in _defined.get(one.name, ())]
    return id(one) in order and id(other) in order[: order.index(id(one))]


def declares(caller: Function, fn: Function) -> bool:
    """Say whether a Function names this very one among those it may call."""
    # One is looked up, and all of a long list only where it is not there itself.
    is_there = any(used is fn for used in caller.uses_funcs) and meant_now(fn) is fn
    return is_there or any(used is fn for used in caller.uses)


class Function(Displayed, ABC):
    """Anything that can be called: Python code or an agent.

    Calling it gives the value; `start` gives the handle of the call.
    """

    effect: str | None = None
    # An effect that may be done again when nobody knows whether it was done.
    idempotent: bool = False
    needs_approval: bool = False
    uses_recursion: bool = False
    # Whether a call may say which provider answers: an agent, or code that hands it on to one.
    takes_provider: bool = False
    # What calls it for every row, once somebody asked for that.
    root_of_maps: Function | None = None
    # False where it succeeds though calls of it failed: a rerun makes these again.
    is_served_whole: bool = True
    __signature__ = _Signature()
    # The module, or notebook, that it was defined in, where that is known.
    home: str = ""
    # Whether it may call any Function: those that it is given, others declared.
    calls_any: bool = False
    # What it may touch of the state; None where it touches nothing.
    contract: Contract | None = None
    # The state that it acts on, where that is not the kernel's.
    on_state: Any = None
    # Those that it may call, as they were when it was defined.
    uses_funcs: Sequence[Function] = ()

    def __init__(self, name: str, desc: str, args: Sequence[FunctionArg]) -> None:
        if not _NAME.fullmatch(name):
            raise FunctionError(
                f"{name[:80]!r} cannot name a Function. Models take ASCII letters, digits, `_` "
                f"and `-`, at most 64, and no digit first."
            )
        self.name = name
        self.desc = desc
        self.args = list(args)
        self._spec = {a.name: a for a in self.args}
        known = _defined.setdefault(name, [])
        known[:] = [one for one in known if one() is not None] + [ref(self)]
        if len(self._spec) != len(self.args):
            names = [a.name for a in self.args]
            twice = sorted({n for n in names if names.count(n) > 1})
            raise FunctionError(f"{name}: duplicate argument names not allowed: {twice}")

    @property
    @abstractmethod
    def uses(self) -> list[Function]:
        """The Functions that this one may call."""

    def is_agent(self) -> bool:
        """True for an agent."""
        return False  # kinds say so themselves: asking an ABC costs a microsecond a call

    def is_code(self) -> bool:
        """True for Python code."""
        return False

    def validate_coerce_args(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Give a checked copy of the arguments, or raise `ArgumentError`."""
        spec = self._spec
        if type(args) is not dict and not isinstance(args, Mapping):  # an ABC is slow to ask
            raise ArgumentError(
                f"Arguments for {self.name} are given by name, in a dict; got "
                f"{type(args).__name__}. It takes: {', '.join(spec) or 'none'}."
            )
        if GARBLED in args:
            raise ArgumentError(
                f"The arguments for {self.name} were no JSON object: {str(args[GARBLED])[:200]!r}"
            )
        checked: dict[str, Any] = {}
        for name, value in args.items():
            arg = spec.get(name)
            if arg is None:
                unknown = sorted(set(args) - set(spec))
                raise ArgumentError(
                    f"Unknown arg(s) for {self.name}: {unknown}; expected {sorted(spec)}"
                )
            if arg.argtype is bool and isinstance(value, str):
                value = {"true": True, "false": False}.get(value.strip().lower(), value)
            checked[name] = arg.checked(value)
        if len(checked) != len(spec):
            missing = [a.name for a in self.args if a.required and a.name not in checked]
            if missing:
                raise ArgumentError(f"Missing required arg(s) for {self.name}: {missing}")
            for arg in self.args:
                if arg.name not in checked and arg.default is not MISSING:
                    checked[arg.name] = arg.default
        return checked

    def json_schema(self) -> dict[str, Any]:
        """Give the JSON Schema of a call."""
        properties, shared = schema.hoisted({a.name: a.json_schema() for a in self.args})
        return {
            "type": "object",
            "properties": properties,
            "required": [a.name for a in self.args if a.required],
            "additionalProperties": False,
            **({"$defs": shared} if shared else {}),
        }

    @property
    def version(self) -> str:
        """A hash of what this Function is: source or prompts, settings, what it uses."""
        return version_hash()(self)

    def start(self, *args: Any, **kwargs: Any) -> Handle:
        """Start a call and give its handle: a child of the running Node, or a run of its own.

        Either can be waited for, awaited, watched, answered and stopped alike.
        """
        caller = current.get()
        return _caller_of(caller).start(caller, self, self._bound(args, kwargs))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it and give the value."""
        __tracebackhide__ = True  # a person looks for their own code's fault, as in all like it
        caller = current.get()
        return _caller_of(caller).call(caller, self, self._bound(args, kwargs))

    def map(
        self,
        rows: Any,
        *,
        models: Sequence[Provider | str] | Provider | str | None = None,
        wait: bool = True,
        at_once: int | None = None,
        fresh: bool = False,
        **fixed: Any,
    ) -> MapHandle:
        """Call it for every row, and give a table of what came of it.

        Columns are matched to arguments by name. A row that fails stops nothing; running it
        again pays only for what is missing.

        Args:
            rows: A DataFrame, a list of dicts, or values for a Function of one argument.
            models: Of agents: a call a row and model.
            wait: False leaves it in the background.
            at_once: How many calls go on at once.
            fresh: True serves nothing from earlier maps.
            fixed: Arguments that are the same for every row, by name.
        """
        return verbs().map(
            self, rows, models=models, wait=wait, at_once=at_once, fresh=fresh, **fixed
        )

    def preview(self, *args: Any, **kwargs: Any) -> CallPreview:
        """Show what a call would send, and about what it would cost. Nothing is sent or kept."""
        return verbs().preview(self, self._bound(args, kwargs))

    def history(self) -> Versions:
        """List its versions in the record: what changed, how often each ran, what it cost."""
        return verbs().history(self)

    def source(self) -> str:
        """Give it as Python text for a `.py` file, which defines the same Function."""
        return verbs().source(self)

    def __copy__(self) -> Function:
        made = object.__new__(type(self))
        vars(made).update(vars(self))
        return made

    def __deepcopy__(self, memo: Any) -> Function:
        return self  # what is called is known by its identity

    def __getstate__(self) -> dict[str, Any]:
        # Its map is made anew where one is asked for.
        return {name: value for name, value in vars(self).items() if name != "root_of_maps"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        # By its name it is found where nobody else has it: it displaces nothing that is here.
        if not alive(self.name):
            _defined[self.name] = [ref(self)]

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        if len(args) > len(self.args):
            most = f"{len(self.args)} argument{'' if len(self.args) == 1 else 's'}"
            raise ArgumentError(f"{self.name}() takes {most}, got {len(args)}.")
        if not args:
            return kwargs
        given = {arg.name: value for arg, value in zip(self.args, args, strict=False)}
        twice = sorted(given.keys() & kwargs.keys())
        if twice:
            raise ArgumentError(f"{self.name}() got {twice[0]!r} twice.")
        return given | kwargs

    def __repr__(self) -> str:
        kind = "agent" if self.is_agent() else "code"
        return f"<{kind} {self.name}({', '.join(self._spec)})>"


def _caller_of(node: Any) -> Caller:
    if node is not None:
        runtime: Caller = node.runtime
        return runtime
    caller = default_caller()
    if caller is None:
        raise NoNodeError(
            "There is no default runtime. `import netflux_nb` fills it; or use "
            "`Runtime(...).get_ctx().invoke(...)`."
        )
    return caller


def _unique(owner: str, what: str, uses: Sequence[Function]) -> list[Function]:
    for fn in uses:
        if not isinstance(fn, Function):
            raise FunctionError(
                f"{owner}: `uses` holds Functions; got {type(fn).__name__}. Decorate it with "
                f"`@function`."
            )
    names = [f.name for f in uses]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise FunctionError(f"{owner}: duplicate {what} names not allowed: {twice}")
    return list(uses)


class AgentFunction(Function):
    """A Function whose body is a model that thinks and calls Functions."""

    takes_provider = True
    # The seed's templates are `str.format` ones, where `}}` too stands for one brace.
    doubled_braces = True

    def __init__(
        self,
        *,
        name: str,
        desc: str,
        args: Sequence[FunctionArg],
        system_prompt: str,
        user_prompt_template: str,
        uses: Sequence[Function] = (),
        uses_recursion: bool = False,
        default_model: Provider | str | None = None,
        result_type: Any = str,
        settings: Mapping[str, Any] | None = None,
        max_steps: int = 200,
        needs_approval: bool = False,
    ) -> None:
        super().__init__(name, desc, args)
        if not isinstance(default_model, Provider | str | None):
            raise FunctionError(
                f"{name}: a model is named by a Provider or by text, such as 'gemini' or "
                f"'openai:llama3'; got {default_model!r}."
            )
        self.system_prompt = system_prompt
        self.user_prompt_template = user_prompt_template
        self.uses_recursion = uses_recursion
        # An agent that names no model takes its runtime's.
        self.names_model = default_model is not None
        self.default_model = default_model or Provider.Anthropic
        self.result_type = result_type
        self.settings = dict(settings or {})
        self.max_steps = max_steps
        self.needs_approval = needs_approval
        # What `help` and `?` show of it.
        words = (desc if desc != name else "", system_prompt, user_prompt_template)
        self.__doc__ = "\n\n".join(filter(None, words))
        if result_type is not str:
            schema.schema_of(result_type)
        self.uses_funcs = _unique(name, "tool", uses)
        if uses_recursion and self not in self.uses_funcs:
            self.uses_funcs = _unique(name, "tool", [*self.uses_funcs, self])

    def is_agent(self) -> bool:
        """True: it is an agent."""
        return True

    @property
    def uses(self) -> list[Function]:
        """The Functions that the model may call, as their names stand."""
        return [meant_now(fn) for fn in self.uses_funcs]

    def user_text(self, inputs: Mapping[str, Any]) -> str:
        """Give the one user turn for these arguments; what was left out reads as None."""
        values = {a.name: None for a in self.args if a.optional} | dict(inputs)
        return prompts.fill(self.user_prompt_template, values, doubled=self.doubled_braces)


class CodeFunction(Function):
    """A Function whose body is Python: a callable that is handed a `RunContext` first."""

    __wrapped__: Callable[..., Any]

    def __init__(
        self,
        *,
        name: str,
        desc: str,
        args: Sequence[FunctionArg],
        callable: Callable[..., Any],
        uses: Sequence[Function] = (),
        uses_recursion: bool = False,
        effect: str | None = None,
        needs_approval: bool = False,
    ) -> None:
        super().__init__(name, desc, args)
        self.body = callable
        self.original: Callable[..., Any] = callable
        self.effect = effect
        self.needs_approval = needs_approval
        self.uses_recursion = uses_recursion
        check_signature(name, self.args, callable, effect)
        self.is_async = is_async(callable)
        if type(self) is CodeFunction:
            self.__doc__ = desc
        self.uses_funcs = _unique(name, "uses", uses)
        if uses_recursion and self not in self.uses_funcs:
            self.uses_funcs = _unique(name, "uses", [*self.uses_funcs, self])

    @property
    def callable(self) -> Callable[..., Any]:
        """The body, for a direct call in another body: `fn.callable(ctx, x=1)`. No Node is made.

        The caller does not declare it. While it runs, the caller may call what it `uses`.
        """
        return _direct(self)

    def is_code(self) -> bool:
        """True: it is code."""
        return True

    @property
    def uses(self) -> list[Function]:
        """The Functions that the callable may invoke, as their names stand."""
        return [meant_now(fn) for fn in self.uses_funcs]


def _direct(fn: CodeFunction) -> Callable[..., Any]:
    body = fn.body

    @wraps(body)
    def call(*args: Any, **given: Any) -> Any:
        __tracebackhide__ = True
        with _lending(fn, args):
            value = body(*args, **given)
        return awaited(value, args) if inspect.iscoroutine(value) else value

    async def awaited(value: Coroutine[Any, Any, Any], args: tuple[Any, ...]) -> Any:
        __tracebackhide__ = True
        with _lending(fn, args):
            return await value

    @wraps(body)
    async def call_async(*args: Any, **given: Any) -> Any:
        __tracebackhide__ = True
        return await call(*args, **given)

    return call_async if fn.is_async else call


def _lending(fn: CodeFunction, args: tuple[Any, ...]) -> AbstractContextManager[Any]:
    """Let the Node whose context a body is handed call what its Function uses."""
    node = getattr(args[0], "node", None) if args else None
    lending: Callable[..., AbstractContextManager[Any]] | None = getattr(node, "lending", None)
    return nullcontext() if lending is None else lending(fn)
