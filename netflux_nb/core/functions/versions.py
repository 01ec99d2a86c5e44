"""The version of a Function: a hash over everything that its code reaches by name."""

from __future__ import annotations

import builtins
import dis
import enum
import hashlib
import inspect
import json
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from pathlib import PurePath
from typing import Any

from ..contracts.declared import StateHandle
from ..errors import stringify
from ..homes import recorded_home
from ..messages import provider_name
from ..secrets.redaction import redacted
from . import schema
from .arguments import MISSING
from .kinds import AgentFunction, CodeFunction, Function
from .loads import loads_of
from .version_value import Version as Version
from .version_value import version_in as version_in

# What lies below these folders is a library: its version is a package's, not a cell's.
_LIBRARIES = tuple(
    {p for k in ("stdlib", "platstdlib", "purelib", "platlib") if (p := sysconfig.get_path(k))}
)


# Attributes that every Function has; they are hashed by name, or say only how it is shown.
_OWN = {
    "name",
    "desc",
    "effect",
    "needs_approval",
    "idempotent",
    "uses_recursion",
    "is_async",
    "__doc__",
    "home",
}


# Where pydantic keeps a model's fields and their defaults.
_PYDANTIC = "__pydantic_fields__"


class _Walk:
    """One pass over a Function: what it met, and what it could not judge."""

    def __init__(self) -> None:
        self.hash = hashlib.blake2b(digest_size=16)
        self.unhashed: list[str] = []
        self.seen: dict[int, int] = {}

    def put(self, *words: object) -> None:
        for word in words:
            self.hash.update(_bytes_of(word))

    def met(self, thing: object) -> bool:
        """Say whether a thing was met before, and note its place."""
        if id(thing) in self.seen:
            self.put("again", self.seen[id(thing)])
            return True
        self.seen[id(thing)] = len(self.seen)
        return False

    def function(self, fn: Function) -> None:
        if self.met(fn):
            return
        self.put("Function", fn.name, fn.desc, fn.effect, fn.needs_approval)
        for arg in fn.args:
            words = sorted(arg.enum) if arg.enum else None
            self.put(arg.name, arg.desc, arg.optional, words, arg.load)
            self.told(f"{fn.name}.{arg.name}", arg.argtype)
            self.value(f"{fn.name}.{arg.name}", arg.default)
        for setting, value in sorted(vars(fn).items()):
            # What a subclass keeps on itself decides what it does, as a root folder does.
            if setting not in _OWN and isinstance(value, (str, int, float, bytes, PurePath)):
                self.put(setting, value)
        if isinstance(fn, AgentFunction):
            self.put(fn.system_prompt, fn.user_prompt_template, fn.default_model)
            self.put(fn.doubled_braces, fn.max_steps)
            self.told(f"{fn.name}.result_type", fn.result_type)
            for setting, value in sorted(fn.settings.items(), key=str):
                self.put(setting)
                self.value(f"{fn.name}.{setting}", value)
        elif isinstance(fn, CodeFunction):
            self.code(fn.name, fn.original)
        if fn.contract is not None:
            self.put("contract", *fn.contract.words)
        self.type(type(fn).__name__, type(fn))
        for used in fn.uses:
            self.function(used)

    def told(self, name: str, kind: Any) -> None:
        """Take in a type as a model is told of it: by its fields, not its name alone."""
        self.words(name, kind)
        self.put(json.dumps(schema.schema_of(kind), sort_keys=True, default=repr))

    def words(self, name: str, thing: object) -> None:
        """Take in a thing by its `repr`, unless that says only where it lies in memory."""
        words = repr(thing)
        if " at 0x" in words:
            self.put("unhashed", type(thing).__name__)
            self.unhashed.append(name)
        else:
            self.put(words)

    def code(self, name: str, body: Callable[..., Any]) -> None:
        # A wrapper of Python's own is hashed itself, and reaches what it wraps.
        plain = body if isinstance(body, types.FunctionType) else inspect.unwrap(body)
        if inspect.ismethod(plain):
            self.value(f"{name}.self", plain.__self__)
            plain = plain.__func__
        if not isinstance(plain, types.FunctionType):
            self.unhashed.append(name)
            return
        if self.met(plain):
            return
        self.put("code")
        self.hash.update(_code_bytes(plain.__code__))
        self.value(f"{name}.defaults", plain.__defaults__)
        self.value(f"{name}.kwdefaults", plain.__kwdefaults__)
        for reached, value in _reached(plain):
            self.put(reached)
            self.value(reached, value)

    def value(self, name: str, value: Any) -> None:
        if isinstance(value, enum.Enum):
            self.type(name, type(value))
            self.put(value.name)
        elif value is None or isinstance(value, (str, bytes, int, float, bool, complex)):
            self.put(type(value).__name__, value)
        elif isinstance(value, Function):
            self.function(value)
        elif isinstance(value, StateHandle):
            self.put("state", value.words)
        elif isinstance(value, types.ModuleType):
            self.put("module", value.__name__)
        elif isinstance(value, (types.FunctionType, types.MethodType)):
            if _is_library(getattr(value, "__module__", None)):
                self.put("library", recorded_home(value.__module__), value.__qualname__)
            else:
                self.code(name, value)
        elif isinstance(value, type):
            self.type(name, value)
        elif isinstance(value, (tuple, list, frozenset, set, dict)):
            self.container(name, value)
        elif isinstance(value, (types.BuiltinFunctionType, types.GenericAlias)):
            self.put(
                "builtin", repr(value) if isinstance(value, types.GenericAlias) else value.__name__
            )
        elif value is MISSING:
            self.put("required")
        elif callable(value) and hasattr(value, "__wrapped__"):  # `lru_cache` and its like
            self.code(name, value)
        else:
            self.put("unhashed", type(value).__name__)
            self.unhashed.append(name)

    def container(self, name: str, value: Any) -> None:
        if self.met(value):
            return
        self.put(type(value).__name__, len(value))
        if isinstance(value, dict):
            for key, item in value.items():
                self.value(f"{name} key", key)
                self.value(f"{name}[{str(key)[:40]}]", item)
        else:
            items = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
            for place, item in enumerate(items):
                self.value(f"{name}[{place}]", item)

    def type(self, name: str, kind: type) -> None:
        if _is_library(kind.__module__) or kind.__module__ == "builtins":
            self.put("type", recorded_home(kind.__module__), kind.__qualname__)
            return
        if self.met(kind):
            return
        self.put("class", kind.__qualname__)
        for base in kind.__bases__:
            self.type(base.__name__, base)
        if issubclass(kind, enum.Enum):
            for member in kind:
                self.put(member.name)
                self.value(f"{name}.{member.name}", member.value)
        for attr, item in sorted(vars(kind).items()):
            self.attribute(attr, f"{name}.{attr}", item)
        told = {**vars(kind).get("__annotations__", {}), **vars(kind).get(_PYDANTIC, {})}
        for attr, item in sorted(told.items()):
            self.put(attr)
            self.words(f"{name}.{attr}", item)

    def attribute(self, attr: str, name: str, item: Any) -> None:
        if isinstance(item, (types.FunctionType, staticmethod, classmethod)):
            self.put(attr)
            self.value(name, getattr(item, "__func__", item))
        elif isinstance(item, (property, cached_property)):
            parts = (item.fget, item.fset) if isinstance(item, property) else (item.func,)
            self.put(attr)
            for part in parts:
                self.value(name, part)
        elif attr.startswith("_") or isinstance(item, enum.Enum):
            pass  # what Python and libraries keep there; members were taken in already
        elif not (inspect.isdatadescriptor(item) and _is_library(type(item).__module__)):
            self.put(attr)
            self.value(name, item)


def _bytes_of(word: object) -> bytes:
    return repr(word).encode("utf-8", "surrogatepass") + b"\0"


@lru_cache(maxsize=2_000)
def _code_bytes(code: types.CodeType) -> bytes:
    return _bytes_of(_code_words(code))


def _code_words(code: types.CodeType) -> tuple[Any, ...]:
    """Give code without what only says where it stands: file, line, address."""
    consts = tuple(
        _code_words(c)
        if isinstance(c, types.CodeType)
        else (type(c).__name__, sorted(c, key=repr) if isinstance(c, frozenset) else c)
        for c in code.co_consts
    )
    ops = tuple((i.opname, i.arg) for i in dis.get_instructions(code))
    return (ops, consts, code.co_names, code.co_varnames, code.co_freevars, code.co_flags)


def globals_of(plain: types.FunctionType) -> dict[str, Any]:
    """Give the globals that a function's code loads, nested code too, by name."""
    loads, there = loads_of(plain.__code__), plain.__globals__
    # A module that the body imports itself may be known under its name here, too.
    own = {name for name in loads.modules if isinstance(there.get(name), types.ModuleType)}
    return {name: there[name] for name in sorted(loads.globals | own) if name in there}


def _reached(plain: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Give the globals that a function's code loads, and what its closure holds."""
    attributes = loads_of(plain.__code__).attributes
    for name, value in globals_of(plain).items():
        if _is_given(name):
            continue
        yield name, value
        if isinstance(value, types.ModuleType) and not _is_library(value.__name__):
            for attr in sorted(attributes & vars(value).keys()):
                yield f"{name}.{attr}", vars(value)[attr]
    for name, cell in zip(plain.__code__.co_freevars, plain.__closure__ or (), strict=False):
        try:
            yield name, cell.cell_contents
        except ValueError:  # a cell that is not filled yet, as of a recursive inner function
            yield name, "unfilled"


def _is_given(name: str) -> bool:
    """Say whether a global is Python's or the shell's; a helper may be called `filter`."""
    return name in ("exit", "quit") or (name.startswith("__") and hasattr(builtins, name))


def _is_library(module: str | None) -> bool:
    if module is None or module == "__main__":
        return False
    if module.split(".")[0] == "netflux_nb" or module in sys.builtin_module_names:
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is not None and file.startswith(_LIBRARIES)


def version_of(fn: Function) -> Version:
    """Hash a Function as it stands now.

    Helpers and constants are looked up at every call, so that a cell that was run
    again is seen. What cannot be hashed is listed, and such a version never counts
    as unchanged.
    """
    walk = _Walk()
    try:
        walk.function(fn)
    except Exception as error:  # noqa: BLE001  a user's __repr__ may raise anything
        walk.unhashed.append(f"{fn.name}: {stringify(error, 80)}")
    unhashed = tuple(dict.fromkeys(walk.unhashed))
    return Version(walk.hash.hexdigest(), not unhashed, unhashed)


# More of a source than a person reads.
SOURCE_CHARS = 100_000


def described(fn: Function) -> dict[str, Any]:
    """Describe a Function for people to read later: its source or prompts, and its uses."""
    fields: dict[str, Any] = {
        "name": fn.name,
        "kind": "agent" if fn.is_agent() else "code",
        "desc": fn.desc,
        "args": [[a.name, str(getattr(a.argtype, "__name__", a.argtype))] for a in fn.args],
        "effect": fn.effect,
        "uses": [f.name for f in fn.uses],
        **({} if fn.contract is None else {"contract": fn.contract.told}),
    }
    if isinstance(fn, AgentFunction):
        fields |= {
            "system": fn.system_prompt,
            "prompt": fn.user_prompt_template,
            "settings": redacted(fn.settings),
            "model": provider_name(fn.default_model) if fn.names_model else None,
        }
    elif isinstance(fn, CodeFunction):
        fields["source"] = _source(fn.original)
    return fields


def _source(body: Callable[..., Any]) -> str | None:
    try:
        return inspect.getsource(inspect.unwrap(body))[:SOURCE_CHARS]
    except (OSError, TypeError, ValueError):  # typed into a shell, or no Python at all
        return None
