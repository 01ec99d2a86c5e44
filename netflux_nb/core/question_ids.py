"""The id of a question to a person: a hash of everything that a yes applies to."""

from __future__ import annotations

import copy
import hashlib
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .functions.kinds import Function
from .json.canonical import canonical, digest
from .policy import WaitingOn
from .slots import Slot
from .text.legible import escaped, not_shown

# Of an argument, on the line that says what it was and what it is; of one in the call itself.
SHOWN_CHARS = 200
ARG_CHARS = 120
# Of a call on a line. A person reads what would run before saying yes; the whole can be opened.
CALL_CHARS = 600
# Of one value, when the whole is opened.
WHOLE_CHARS = 1_000_000
MOST_CHANGES = 20
# Stands for a value of which nobody can say whether it is as it was.
UNKNOWN = "?"

# Gives the form and the bytes of what is too much for JSON, such as a table.
encoder: Slot[Callable[[Any], tuple[str, bytes] | None]] = Slot(lambda value: None)


def value_digest(value: Any) -> str:
    """Hash a value by its content; `UNKNOWN` where it has no form at all.

    A pickle is only written, never read: it says whether an object of the user's is as it was.
    """
    try:
        return digest(canonical(value))
    except (ValueError, RecursionError):
        pass
    try:
        form = encoder()(value)
        name, data = form or ("pickle", pickle.dumps(value, protocol=5))
    except Exception:  # noqa: BLE001  a value of the user's may raise anything
        return UNKNOWN
    return digest(f"{name}\0{hashlib.blake2b(data).hexdigest()}")


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a call that a person agrees to, beside the text of the question."""

    # Of the Node: where it stands, under whom, the how-manieth call.
    key: str
    fn: str
    # By name, of the Function and of all that it uses.
    versions: Mapping[str, str]
    # By argument: the digest, and a line that shows it.
    inputs: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def unknown(self) -> list[str]:
        """The arguments of which nobody can say whether they stay as they are."""
        return [name for name, (text, _) in self.inputs.items() if text == UNKNOWN]

    def words(self) -> list[Any]:
        """Give all that counts, for a hash."""
        inputs = {name: text for name, (text, _) in self.inputs.items()}
        return [self.key, self.fn, dict(self.versions), inputs]


def facts_of(key: str, fn: Function, inputs: Mapping[str, Any]) -> Facts:
    """Take down what a call is now."""
    shown = {name: (value_digest(value), _line(value)) for name, value in inputs.items()}
    return Facts(key, fn.name, versions_of(fn), shown)


def versions_of(fn: Function) -> dict[str, str]:
    """Give the versions of a Function and of all that it uses, as their names stand now."""
    versions: dict[str, str] = {}
    stack, seen = [fn], {id(fn)}
    while stack:
        one = stack.pop()
        versions[one.name] = one.version
        for used in one.uses:
            if id(used) not in seen:
                seen.add(id(used))
                stack.append(used)
    return versions


def question_id(on: WaitingOn, facts: Facts) -> str:
    """Hash a question with what it is about: another text, call, argument or version is another."""
    return digest(canonical([on.kind, on.what, list(on.choices), on.asker, facts.words()]))


def changes(before: Facts, now: Facts) -> list[str]:
    """Say in lines what is otherwise now; none where all is as it was."""
    lines = []
    for name in sorted(before.versions.keys() | now.versions.keys()):
        then, new = before.versions.get(name), now.versions.get(name)
        if then is None or new is None:
            lines.append(f"{name}() is {'no longer' if new is None else 'now'} used.")
        elif then != new:
            lines.append(f"{name}() has changed: version {then[:8]} then, {new[:8]} now.")
    for name in sorted(before.inputs.keys() | now.inputs.keys()):
        was, is_now = before.inputs.get(name), now.inputs.get(name)
        if was is None or is_now is None or was[0] != is_now[0]:
            then, new = (one[1] if one else "nothing" for one in (was, is_now))
            new = "something else that reads alike" if then == new else new
            lines.append(f"The argument {name} has changed: {then} then, {new} now.")
    return lines


def listed_changes(lines: Sequence[str]) -> str:
    """Put changes into a text of bounded length, which says how many more there are."""
    left = len(lines) - MOST_CHANGES
    more = [f"There are {left} more changes."] if left > 0 else []
    return "\n".join([*lines[:MOST_CHANGES], *more])


def held_fast(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Copy arguments so that nobody outside can change them; what cannot be copied stays."""
    found = {}
    known: dict[int, Any] = {}  # what two arguments share, they share still
    for name, value in inputs.items():
        try:
            found[name] = copy.deepcopy(value, known)
        except Exception:  # noqa: BLE001  a lock, a connection, a class of the user's own
            found[name] = value
    return found


def called(fn: str, inputs: Mapping[str, Any]) -> str:
    """Give a call as it would run, on a line: `pay(amount=3)`. What is cut is counted.

    What is no printable character stands there as its escape: a question must not look other
    than it is.
    """
    parts: list[str] = []
    left = CALL_CHARS
    for place, (name, value) in enumerate(inputs.items()):
        text = _begin(_repr(value), ARG_CHARS)
        left -= len(text)
        if left < 0:
            rest = len(inputs) - place
            parts.append(f"⟨{rest} more argument{'' if rest == 1 else 's'} not shown⟩")
            break
        parts.append(f"{name}={text}")
    return f"{fn}({', '.join(parts)})"


def _begin(text: str, most: int) -> str:
    return escaped(text[:most]) + not_shown(text, most)


def full_text(value: Any) -> str:
    """Give all that a value says, up to a million characters; a text is given as it is."""
    if isinstance(value, str):
        text = value
    else:
        rows = getattr(value, "to_string", None)  # a table's own `repr` leaves rows out
        try:
            text = rows() if callable(rows) and getattr(value, "size", 0) < WHOLE_CHARS else ""
            text = text if isinstance(text, str) and text else _repr(value)
        except Exception:  # noqa: BLE001  a value of the user's may raise anything
            text = _repr(value)
    left = len(text) - WHOLE_CHARS
    return text if left <= 0 else f"{text[:WHOLE_CHARS]}\n⟨{left:,} more characters⟩"


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  a value of the user's may raise anything
        return f"<{type(value).__name__}>"


def _line(value: Any) -> str:
    return _begin(_repr(value), SHOWN_CHARS)
