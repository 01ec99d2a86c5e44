"""Views of a state: what a body reads and writes looks like dicts, lists, sets and its own classes.

- A view holds no value. It knows its draft and its path, and looks each time.
- It knows the `line` of what it was made of. Where something else stands at its path now, as after
  `del items[0]`, it raises: it would write into another thing.
- It is no `dict` and no `list`: `json.dumps` would take such a subclass for an empty one. `plain`
  gives plain values.
- A dataclass' or a model's view is an instance of its class, by a subclass that only guards its
  attributes: so `asdict`, `replace`, `model_dump` and `isinstance` do as they do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import (
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
)
from collections.abc import Set as AbstractSet
from functools import lru_cache
from inspect import getattr_static
from typing import Any, Protocol, SupportsIndex, cast

from ..core.contracts.declared import written
from ..core.contracts.persistent import (
    MISSING,
    MOST_DEPTH,
    SCALARS,
    DictVersion,
    Heavy,
    ListVersion,
    Path,
    RecordVersion,
    SetVersion,
    checked_key,
    copied,
    freeze,
    instance_of,
    is_array,
)
from ..core.contracts.persistent import plain as plain_of
from ..core.contracts.version_paths import get_at
from ..core.errors import ContractError


class Access(Protocol):
    """What views read and write through: a draft, or the state as it stands."""

    @property
    def is_outside(self) -> bool:
        """Whether a person looks, outside of every call."""
        ...

    @property
    def view(self) -> Any:
        """The version that is seen."""
        ...

    @property
    def guards(self) -> dict[Path, tuple[object, Any]]:
        """The instances that were handed out, by path, with the lines that they were made of."""
        ...

    def read(self, path: Path, /) -> Any:
        """Give what stands at a path."""
        ...

    def read_all(self, path: Path, /) -> Any:
        """Give a container of which everything is looked at."""
        ...

    def write(self, path: Path, value: Any, /) -> None:
        """Put a value at a path."""
        ...

    def handed(self, path: Path, stored: Any, copy: Any, /) -> Any:
        """Note an array that is handed out."""
        ...


def view_of(access: Access, path: Path, version: Any) -> Any:
    """Give what stands at a path as a body sees it."""
    if isinstance(version, DictVersion):
        return DictView(access, path, version.line)
    if isinstance(version, ListVersion):
        if version.is_tuple:
            return tuple(
                view_of(access, (*path, at), item) for at, item in enumerate(version.items)
            )
        return ListView(access, path, version.line)
    if isinstance(version, SetVersion):
        return SetView(access, path, version.line)
    if isinstance(version, RecordVersion):
        return _guarded(access, path, version)
    if isinstance(version, Heavy):
        return version.value
    if is_array(version):
        return access.handed(path, version, copied(version))
    return version


def unwrapped(value: Any) -> Any:
    """Give the version behind a view; `MISSING` where a value is none."""
    if isinstance(value, _View):
        return value._all()
    found = getattr(type(value), "__guards__", None)
    if found is None:
        return MISSING
    access, path, line = value._netflux_of
    return _same(path, access.read_all(path), line)


def plain(value: Any) -> Any:
    """Give what a view shows as plain values of one's own, for JSON, pandas or a copy.

    Example:
        >>> plain([1, 2])
        [1, 2]
    """
    behind = unwrapped(value)
    if behind is not MISSING:
        return plain_of(behind)
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(plain(item) for item in value)
    return value


def owned(value: Any, depth: int = MOST_DEPTH) -> Any:
    """Give a value as it is, with plain values in the place of views in it."""
    kind = type(value)
    if kind in SCALARS:
        return value
    if kind in (list, tuple) and depth:
        items = [owned(item, depth - 1) for item in value]
        if all(one is other for one, other in zip(items, value, strict=True)):
            return value
        return items if kind is list else tuple(items)
    if kind is dict and depth:
        pairs = {key: owned(item, depth - 1) for key, item in value.items()}
        return value if all(pairs[key] is item for key, item in value.items()) else pairs
    return plain(value)


def _same(path: Path, version: Any, line: object) -> Any:
    if getattr(version, "line", None) is not line:
        raise ContractError(
            f"{written(path)} is another thing now than when you read it. Read it again."
        )
    return version


class _View:
    __slots__ = ("_access", "_line", "_path")

    def __init__(self, access: Access, path: Path, line: object) -> None:
        self._access = access
        self._path = path
        self._line = line

    def _all(self) -> Any:
        return _same(self._path, self._access.read_all(self._path), self._line)

    def _here(self) -> None:
        """See that it is what it was, without reading it: something in it is asked for."""
        version = get_at(self._access.view, self._path)
        if getattr(version, "line", None) is not self._line:
            _same(self._path, version, self._line)

    def __repr__(self) -> str:
        return repr(plain_of(self._all()))

    def __eq__(self, other: object) -> bool:
        mine = plain_of(self._all())
        return bool(mine == plain(other))

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> Any:
        return plain_of(self._all())

    def __deepcopy__(self, memo: Any) -> Any:
        return plain_of(self._all())

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return _itself, (plain_of(self._all()),)

    def copy(self) -> Any:
        """Give a plain copy."""
        return plain_of(self._all())


def _itself(value: Any) -> Any:
    return value


class DictView(_View, MutableMapping[Any, Any]):
    """A dict of a state."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        self._here()
        path = (*self._path, key)
        found = self._access.read(path)
        if found is MISSING:
            raise KeyError(key)
        return view_of(self._access, path, found)

    def __contains__(self, key: object) -> bool:
        self._here()
        return self._access.read((*self._path, key)) is not MISSING

    def __setitem__(self, key: Any, value: Any) -> None:
        self._here()
        if type(key) not in SCALARS:
            checked_key(key, written(self._path))
        self._access.write((*self._path, key), value)

    def __delitem__(self, key: Any) -> None:
        if key not in self:
            raise KeyError(key)
        self._access.write((*self._path, key), MISSING)

    def __iter__(self) -> Iterator[Any]:
        yield from list(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __reversed__(self) -> Iterator[Any]:
        yield from reversed(list(self._all()))

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Give what stands under a key, after putting something there if nothing does."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: Any, *default: Any) -> Any:
        """Take a key out, and give what stood there as a value of one's own."""
        if default and key not in self:
            return default[0]
        value = plain(self[key])
        del self[key]
        return value

    def popitem(self) -> tuple[Any, Any]:
        """Take out the last key, and give it with what stood there."""
        keys = list(self._all())
        if not keys:
            raise KeyError("popitem(): dictionary is empty")
        return keys[-1], self.pop(keys[-1])

    def clear(self) -> None:
        """Take all out."""
        for key in list(self._all()):
            self._access.write((*self._path, key), MISSING)

    def __or__(self, other: Any) -> dict[Any, Any]:
        made: dict[Any, Any] = plain_of(self._all())
        made |= plain(other)
        return made

    def __ror__(self, other: Any) -> dict[Any, Any]:
        made: dict[Any, Any] = dict(plain(other))
        made |= plain_of(self._all())
        return made

    def __ior__(self, other: Mapping[Any, Any]) -> DictView:  # type: ignore[misc]
        self.update(other)
        return self


class ListView(_View, MutableSequence[Any]):
    """A list of a state. A change of it is a change of the whole list."""

    __slots__ = ()

    def __getitem__(self, place: Any) -> Any:
        items = self._all().items
        if isinstance(place, slice):
            return [self._item(at, items) for at in range(*place.indices(len(items)))]
        at = range(len(items))[place]
        return self._item(at, items)

    def _item(self, at: int, items: tuple[Any, ...]) -> Any:
        return view_of(self._access, (*self._path, at), items[at])

    def __iter__(self) -> Iterator[Any]:
        for at, item in enumerate(self._all().items):
            yield view_of(self._access, (*self._path, at), item)

    def __len__(self) -> int:
        return len(self._all())

    def __setitem__(self, place: Any, value: Any) -> None:
        self._change(lambda items: items.__setitem__(place, self._new(place, value)))

    def __delitem__(self, place: Any) -> None:
        self._change(lambda items: items.__delitem__(place))

    def insert(self, index: int, value: Any) -> None:
        """Put a value before a place."""
        self._change(lambda items: items.insert(index, self._frozen(value)))

    def pop(self, index: SupportsIndex = -1) -> Any:
        """Take out what stands at a place, and give it as a value of one's own."""
        taken: list[Any] = []
        self._change(lambda items: taken.append(items.pop(index)))
        return plain_of(taken[0])

    def clear(self) -> None:
        """Take all out."""
        self._change(lambda items: items.clear())

    def extend(self, values: Iterable[Any]) -> None:
        """Put values at the end."""
        new = [self._frozen(value) for value in list(values)]
        self._change(lambda items: items.extend(new))

    def sort(self, *, key: Any = None, reverse: bool = False) -> None:
        """Sort it in place."""
        items = list(self._all().items)
        seen = [plain_of(item) for item in items]
        order = sorted(
            range(len(items)), key=lambda at: key(seen[at]) if key else seen[at], reverse=reverse
        )
        self._change(lambda now: now.__setitem__(slice(None), [items[at] for at in order]))

    def reverse(self) -> None:
        """Turn its order round."""
        self._change(lambda items: items.reverse())

    def _new(self, place: Any, value: Any) -> Any:
        if isinstance(place, slice):
            return [self._frozen(item) for item in list(value)]
        return self._frozen(value)

    def _frozen(self, value: Any) -> Any:
        return freeze(value, f"{written(self._path)}[]", unwrapped, len(self._path) + 1)

    def _change(self, change: Any) -> None:
        version = self._all()
        items = list(version.items)
        change(items)
        self._access.write(self._path, ListVersion(tuple(items), line=version.line))

    def __add__(self, other: Any) -> list[Any]:
        return cast("list[Any]", plain_of(self._all())) + cast("list[Any]", plain(other))

    def __radd__(self, other: list[Any]) -> list[Any]:
        return other + cast("list[Any]", plain_of(self._all()))

    def __mul__(self, times: SupportsIndex) -> list[Any]:
        return cast("list[Any]", plain_of(self._all())) * times

    __rmul__ = __mul__

    def __imul__(self, times: SupportsIndex) -> ListView:
        self._change(lambda items: items.__imul__(times))
        return self

    def __lt__(self, other: Any) -> bool:
        return bool(plain_of(self._all()) < plain(other))

    def __le__(self, other: Any) -> bool:
        return bool(plain_of(self._all()) <= plain(other))

    def __gt__(self, other: Any) -> bool:
        return bool(plain_of(self._all()) > plain(other))

    def __ge__(self, other: Any) -> bool:
        return bool(plain_of(self._all()) >= plain(other))


class SetView(_View, MutableSet[Any]):
    """A set of a state. A change of it is a change of the whole set."""

    __slots__ = ()

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> set[Any]:
        return set(it)

    def __contains__(self, value: object) -> bool:
        return value in self._all().items

    def __iter__(self) -> Iterator[Any]:
        yield from self._all().items

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AbstractSet) and set(self) == set(other)

    __hash__ = None  # type: ignore[assignment]

    def add(self, value: Any) -> None:
        """Put a value in."""
        self._change({value}, frozenset())

    def discard(self, value: Any) -> None:
        """Take a value out, if it is there."""
        self._change(frozenset(), {value})

    def update(self, *others: Iterable[Any]) -> None:
        """Put values in."""
        self._change(set().union(*others), frozenset())

    def clear(self) -> None:
        """Take all out."""
        self._change(frozenset(), set(self))

    def union(self, *others: Iterable[Any]) -> set[Any]:
        """Give what is in it or in one of the others."""
        return set(self).union(*others)

    def intersection(self, *others: Iterable[Any]) -> set[Any]:
        """Give what is in it and in all of the others."""
        return set(self).intersection(*others)

    def difference(self, *others: Iterable[Any]) -> set[Any]:
        """Give what is in it and in none of the others."""
        return set(self).difference(*others)

    def symmetric_difference(self, other: Iterable[Any]) -> set[Any]:
        """Give what is in it or in the other, and not in both."""
        return set(self).symmetric_difference(other)

    def issubset(self, other: Iterable[Any]) -> bool:
        """Say whether all of it is in the other."""
        return set(self).issubset(other)

    def issuperset(self, other: Iterable[Any]) -> bool:
        """Say whether all of the other is in it."""
        return set(self).issuperset(other)

    def intersection_update(self, *others: Iterable[Any]) -> None:
        """Keep what is in all of the others."""
        self._change(frozenset(), set(self) - self.intersection(*others))

    def difference_update(self, *others: Iterable[Any]) -> None:
        """Take out what is in one of the others."""
        self._change(frozenset(), set().union(*others))

    def symmetric_difference_update(self, other: Iterable[Any]) -> None:
        """Keep what is in it or in the other, and not in both."""
        both, given = set(self), set(other)
        self._change(given - both, given & both)

    def _change(self, more: AbstractSet[Any], less: AbstractSet[Any]) -> None:
        version = self._all()
        items = freeze(set((version.items | more) - less), written(self._path)).items
        self._access.write(self._path, SetVersion(items, version.line))


def _guarded(access: Access, path: Path, version: RecordVersion) -> Any:
    """Give the instance of a record, the same one for each look at it."""
    known = access.guards.get(path)
    if known is not None and known[0] is version.line:
        return known[1]
    made = instance_of(_guard_of(version.cls), {})
    object.__setattr__(made, "_netflux_of", (access, path, version.line))
    access.guards[path] = version.line, made
    return made


def _record_of(guard: Any) -> tuple[Access, Path, RecordVersion]:
    """Give what a guard stands for, as it is now."""
    access, path, line = object.__getattribute__(guard, "_netflux_of")
    return access, path, _same(path, get_at(access.view, path), line)


# Where `vars`, and pydantic's serializer, look for all that an instance holds.
_WHOLE = frozenset({
    "__dict__", "__pydantic_extra__", "__pydantic_private__", "__pydantic_fields_set__",
})  # fmt: skip


class _Quiet:
    """What a class does where another is made of it does not happen for a guard."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        pass


@lru_cache(maxsize=1_000)
def _guard_of(cls: type) -> type:
    """Make the subclass that guards the attributes of a class' instances."""
    names = fields_of(cls)
    takes_more = getattr(cls, "model_config", {}).get("extra") == "allow"

    def get_attribute(self: Any, name: str) -> Any:
        if name in _WHOLE:
            return getattr(plain(self), name)
        if name in names or (takes_more and name[:2] != "__"):
            access, path, version = _record_of(self)
            if name in names or name in version.values:
                found = access.read((*path, name))
                if found is MISSING:
                    raise AttributeError(f"{cls.__name__} object has no attribute {name!r}")
                return view_of(access, (*path, name), found)
        own: Any = cls.__getattribute__
        return own(self, name)

    def set_attribute(self: Any, name: str, value: Any) -> None:
        access, path, version = _record_of(self)
        known = getattr_static(cls, name, None)
        if name not in names and isinstance(known, property):
            known.__set__(self, value)
            return
        _check_frozen(cls, name)
        if name not in names and name not in version.values and not takes_more:
            raise AttributeError(f"{cls.__name__} has no field {name!r}")
        access.write((*path, name), value)

    def delete_attribute(self: Any, name: str) -> None:
        raise AttributeError(f"A field of {cls.__name__} cannot be taken away in a state.")

    def shown(self: Any) -> str:
        # A signal is not read by being shown.
        is_outside = object.__getattribute__(self, "_netflux_of")[0].is_outside
        own: Any = cls.__repr__
        return repr(plain(self)) if is_outside else str(own(self))

    space = {
        "__slots__": ("_netflux_of",),
        "__repr__": shown,
        "__guards__": cls,
        # `replace` and `model_copy` make one of these: an instance of one's own.
        "__class__": property(lambda self: cls),
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__getattribute__": get_attribute,
        "__setattr__": set_attribute,
        "__delattr__": delete_attribute,
        "__deepcopy__": lambda self, memo: plain(self),
        "__copy__": lambda self: plain(self),
        "__reduce_ex__": lambda self, protocol: (_itself, (plain(self),)),
        "__eq__": lambda self, other: plain(self) == plain(other),
        "__hash__": lambda self: hash(plain(self)),
    }
    # Not by its metaclass, which would build a model anew.
    made: type = type.__new__(type(cls), cls.__name__, (_Quiet, cls), space)
    return made


def _check_frozen(cls: type, name: str) -> None:
    params = getattr(cls, "__dataclass_params__", None)
    config = getattr(cls, "model_config", None)
    is_private = name in getattr(cls, "__private_attributes__", ())
    if (params is not None and params.frozen) or (
        isinstance(config, Mapping) and config.get("frozen") and not is_private
    ):
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def fields_of(cls: type) -> AbstractSet[str]:
    """Name the fields of a dataclass or a model, those that are private too."""
    if dataclasses.is_dataclass(cls):
        return {field.name for field in dataclasses.fields(cls)}
    return {*getattr(cls, "__pydantic_fields__", ()), *getattr(cls, "__private_attributes__", ())}
