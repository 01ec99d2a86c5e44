"""Rules of an audit: what must hold of arguments, results and a state.

A rule is data, checked and compiled when it is made. What cannot be compared does not hold: a
missing value, another type, NaN.
"""

from __future__ import annotations

import dataclasses
import difflib
import logging
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from ..core.contracts.declared import parsed, written
from ..core.contracts.persistent import (
    MISSING,
    SCALARS,
    DictVersion,
    ListVersion,
    Path,
    RecordVersion,
    SetVersion,
    plain,
)
from ..core.contracts.version_paths import get_at
from ..core.errors import ArgumentError, FunctionError, listed, stringify
from ..core.text.legible import escaped

logger = logging.getLogger("netflux_nb.audit")

# What a violation comes to: the kernel stops; the tree stops; the Node is rolled back; a warning;
# a line in the record.
LEVELS = {"S": "stop", "A": "abort", "B": "block", "C": "warn", "I": "note"}
STOPS, BLOCKS = "SA", "SAB"
# What a skeleton holds where a person is to name a field. Such an entry is no rule yet.
TO_FILL_IN = "TODO_FIELD"
# The value that a Function gives, at its way out.
RESULT = "result"
MOST_TEXT = 100_000
_REGEX_S = 0.05
_THRESHOLDS = ("threshold", "max_threshold")
WORDS = (
    "field", "level", *_THRESHOLDS, "min_threshold", "reset_on_success", "message",
)  # fmt: skip

# Says whether a value holds. Of rules over a change it is given what was there before, too.
Test = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class AuditRule:
    """What must hold: of a field, at the way into or out of a Function, or of the whole state."""

    # The name of the Function, or of the state.
    scope: str
    gate: str
    field: str
    condition: str
    limit: Any
    level: str = "C"
    # The violation that counts; those before it are let through.
    most: int = 1
    # From this one on those that are let through are told.
    warn: int = 0
    resets: bool = True
    message: str = ""
    path: Path = dataclasses.field(default=(), compare=False)
    # A figure of what stands at the path: `mean`, where the field is `scores.mean()`.
    figure: str = dataclasses.field(default="", compare=False)
    # Says whether a value holds. It never raises.
    test: Test = dataclasses.field(default=lambda value, before: False, compare=False, repr=False)
    # Its name: a counter and a person know it by this.
    id: str = dataclasses.field(default="", init=False, compare=False)

    def __post_init__(self) -> None:
        name = f"{self.scope} {self.gate} {self.field} {self.condition} {self.level}"
        object.__setattr__(self, "id", name)

    @property
    def is_late(self) -> bool:
        """True where it is asked of a whole transaction: calls in it may break it meanwhile."""
        return self.condition in _LATE

    @property
    def said_limit(self) -> str:
        """What it asks, in words."""
        is_bare = self.limit is True and self.condition in _LATE
        return self.condition if is_bare else f"{self.condition} {_limit(self.limit)}"

    def broken(self, value: Any, before: Any) -> str:
        """Say what is wrong with a value, in words after it: `below 0`."""
        if value is MISSING:
            return "is not there"
        return _BROKEN[self.condition].format(_limit(self.limit)) + (
            f" from {before}" if self.condition in ("grows", "max_step") else ""
        )


def _limit(limit: Any) -> str:
    said = getattr(limit, "__name__", "") if callable(limit) else repr(limit)
    return escaped(said[:120])


# Conditions: each makes the test of a limit.


def _number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) or (
        hasattr(value, "item") and getattr(value, "ndim", 1) == 0
    )


def _ordered(compare: Callable[[Any, Any], Any]) -> Callable[[Any], Test]:
    def make(limit: Any) -> Test:
        if not (_number(limit) or isinstance(limit, str)) or limit != limit:
            raise ValueError("a number or a text")

        def test(value: Any, before: Any) -> bool:
            try:
                return bool(compare(value, limit))
            except Exception:  # noqa: BLE001  a value's own comparison
                return False

        return test

    return make


def _equal(is_wanted: bool) -> Callable[[Any], Test]:
    def make(limit: Any) -> Test:
        if isinstance(limit, float) and math.isnan(limit):
            raise ValueError("a value that equals itself")
        is_bool, own = isinstance(limit, bool), type(limit)

        def test(value: Any, before: Any) -> bool:
            kind = type(value)
            if kind is own or (kind in SCALARS and own in SCALARS):
                is_same = value == limit and (kind is bool) is is_bool
                return is_same is is_wanted and value == value
            if value is MISSING or not _is_equal(value, value):
                return False
            found = plain(value)
            same = isinstance(found, bool) is is_bool and _is_equal(found, limit)
            return same is is_wanted

        return test

    return make


def _is_equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001  an array says it of each of its values
        return False


def _sized(compare: Callable[[int, int], bool]) -> Callable[[Any], Test]:
    def make(limit: Any) -> Test:
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
            raise ValueError("a whole number from 0")

        def test(value: Any, before: Any) -> bool:
            size = _size(value)
            return size is not None and compare(size, limit)

        return test

    return make


def _size(value: Any) -> int | None:
    if isinstance(value, RecordVersion):
        return len(value.values)
    try:
        return None if isinstance(value, bytes) else len(value)
    except Exception:  # noqa: BLE001  a value's own length
        return None


def _matching(limit: Any) -> Test:
    import regex

    if not isinstance(limit, str):
        raise ValueError("a pattern")
    try:
        pattern = regex.compile(limit)
    except regex.error as error:
        raise ValueError(f"a pattern that can be read ({escaped(str(error)[:80])})") from None

    def test(value: Any, before: Any) -> bool:
        if not isinstance(value, str) or len(value) > MOST_TEXT:
            return False
        try:
            return pattern.match(value, timeout=_REGEX_S) is not None
        except TimeoutError:
            return False

    return test


def _grows(limit: Any) -> Test:
    if limit is not True:
        raise ValueError("true")

    def test(value: Any, before: Any) -> bool:
        try:
            return before is MISSING or bool(value >= before)
        except Exception:  # noqa: BLE001  a value's own comparison
            return False

    return test


def _stepping(limit: Any) -> Test:
    if not _number(limit) or isinstance(limit, bool) or not limit >= 0:
        raise ValueError("a number from 0")

    def test(value: Any, before: Any) -> bool:
        try:
            return before is MISSING or bool(abs(value - before) <= limit)
        except Exception:  # noqa: BLE001  a value's own arithmetic
            return False

    return test


def _same_sum(limit: Any) -> Test:
    if limit is not True:
        raise ValueError("true")

    def test(value: Any, before: Any) -> bool:
        try:
            change = _figure(value, "sum") - _figure(before, "sum")
        except Exception:  # noqa: BLE001  a value's own arithmetic
            return False
        return bool(abs(change) <= 1e-9) if isinstance(change, float) else bool(change == 0)

    return test


def _checked(limit: Any) -> Test:
    if not callable(limit):
        raise ValueError("a Python function of the value and the one before")

    def test(value: Any, before: Any) -> bool:
        if value is MISSING:
            return False
        try:
            return limit(plain(value), None if before is MISSING else plain(before)) is True
        except Exception as error:  # noqa: BLE001  a person's own
            logger.warning("A check of the audit raised %s", stringify(error, 200))
            return False

    return test


CONDITIONS: Mapping[str, Callable[[Any], Test]] = {
    "min": _ordered(operator.ge),
    "max": _ordered(operator.le),
    "eq": _equal(True),
    "neq": _equal(False),
    "min_len": _sized(operator.ge),
    "max_len": _sized(operator.le),
    "regex": _matching,
    # Of a change: what is there after a transaction, beside what was there before it.
    "grows": _grows,
    "max_step": _stepping,
    "same_sum": _same_sum,
    "check": _checked,
}
_LATE = ("grows", "max_step", "same_sum", "check")
_BROKEN = {
    "min": "below {}",
    "max": "above {}",
    "eq": "not {}",
    "neq": "what it must not be",
    "min_len": "fewer than {}",
    "max_len": "more than {}",
    "regex": "not as {}",
    "grows": "it fell",
    "max_step": "a step of more than {}",
    "same_sum": "has another sum than before",
    "check": "it does not pass {}",
}

FIGURES = ("len", "sum", "mean", "min", "max", "std")


def value_at(rule: AuditRule, version: Any, path: Path | None = None) -> Any:
    """Give what a rule looks at: what stands at its path, or a figure of that."""
    found = get_at(version, rule.path if path is None else path)
    if not rule.figure or found is MISSING:
        return found
    try:
        return _figure(found, rule.figure)
    except Exception:  # noqa: BLE001  a value's own arithmetic
        return MISSING


def figure_of(rule: AuditRule, value: Any) -> Any:
    """Give the figure of a value that a rule asks for; the value itself where it asks for none."""
    return value_at(rule, value, ())


def _figure(value: Any, name: str) -> Any:
    if name == "len":
        return _size(value) if _size(value) is not None else MISSING
    if not isinstance(value, (DictVersion, ListVersion, SetVersion, dict, list, tuple, set)):
        found = getattr(value, name, None)  # of an array, or a table's column
        if found is None or not hasattr(value, "dtype"):
            raise TypeError(name)
        return found().item() if hasattr(found(), "item") else found()
    items = list(plain(value).values() if isinstance(value, (DictVersion, dict)) else plain(value))
    if name == "sum":
        return sum(items)
    if name in ("min", "max"):
        return min(items) if name == "min" else max(items)
    mean = sum(items) / len(items)
    if name == "mean":
        return mean
    return math.sqrt(sum((item - mean) ** 2 for item in items) / len(items))


def rules_of(scope: str, gate: str, entry: Mapping[str, Any]) -> list[AuditRule]:
    """Make rules of one entry: one for each of its conditions."""
    named = entry.get("field")
    if not isinstance(named, str) or not named:
        raise ArgumentError("A rule names its field.")
    path, figure = field_of(named)
    level = entry.get("level", "C")
    if level not in LEVELS:
        raise ArgumentError(f"A level is {listed(LEVELS)}; got {escaped(str(level)[:20])!r}.")
    most = next((entry[one] for one in _THRESHOLDS if entry.get(one) is not None), 1)
    warn = entry.get("min_threshold") or 0
    for one in (most, warn):
        if not isinstance(one, int) or isinstance(one, bool) or one < 0 or one > 10**9:
            raise ArgumentError("A threshold is a whole number.")
    resets = entry.get("reset_on_success", True)
    if not isinstance(resets, bool):
        raise ArgumentError("`reset_on_success` is true or false.")
    asked = {str(word): limit for word, limit in entry.items() if word not in WORDS}
    unknown = [word for word in asked if word not in CONDITIONS]
    if unknown:
        meant = near(unknown[0], (*CONDITIONS, *WORDS))
        raise ArgumentError(f"{escaped(unknown[0][:60])!r} is no condition{meant}.")
    if not asked:
        raise ArgumentError(f"{escaped(named[:60])} has no condition: {listed(CONDITIONS)}.")
    message = entry.get("message") or ""
    made = []
    for word, limit in asked.items():
        if gate == "in" and word in _LATE and word != "check":
            raise ArgumentError(f"`{word}` is of a change; what comes in has none.")
        try:
            test = CONDITIONS[word](limit)
        except ValueError as wanted:
            raise ArgumentError(
                f"`{word}` takes {wanted}; got {escaped(repr(limit)[:60])}."
            ) from None
        made.append(
            AuditRule(
                scope, gate, named, word, limit, level, max(most, 1), warn, resets,
                escaped(str(message)[:300]), path, figure, test,
            )
        )  # fmt: skip
    return made


@cache
def field_of(named: str) -> tuple[Path, str]:
    """Take a field apart: its path, and the figure of what stands there, if any."""
    words, figure = named, ""
    if named.endswith("()"):
        words, _, figure = named[:-2].rpartition(".")
        if figure not in FIGURES or not words:
            raise ArgumentError(
                f"{escaped(named[:80])!r} calls what is no figure. There are {listed(FIGURES)}."
            )
    try:
        return parsed(words), figure
    except FunctionError as error:
        raise ArgumentError(str(error)) from None


def near(word: str, words: Iterable[str]) -> str:
    """Say which of some words was meant; nothing where none is near."""
    close = difflib.get_close_matches(word, list(words), 1, 0.6)
    return f". Did you mean {close[0]!r}?" if close else ""


def said_path(rule: AuditRule, path: Path) -> str:
    """Write the field of a rule at the path where it was asked."""
    return written(path) + (f".{rule.figure}()" if rule.figure else "")
