"""A recorded run's Functions and fork changes, matched with those defined in this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..core.errors import ArgumentError, listed
from ..core.functions.kinds import Function, alive, newest
from ..core.functions.versions import Version, version_of
from ..core.json.portable import is_plain
from ..core.policy import Change
from ..core.secrets.redaction import is_marked
from ..core.text.paths import name_in
from .fork_changes import brief, keys_above
from .recorded_values import is_whole
from .recording import Recording
from .serving import value_line

# What of a change may be given again, in the words of `fork`.
_WORDS = ("fn", "args", "prompt", "system")


@dataclass(frozen=True, slots=True)
class Program:
    """A run's Functions and changes for its next run."""

    fn: Function
    changes: tuple[Change, ...] = ()
    # Agents that were defined anew since, so that their own prompts hold.
    renewed: tuple[str, ...] = ()


def program_of(
    recording: Recording,
    fn: Function | None = None,
    changes: Mapping[str, Any] | None = None,
    *,
    how: str,
    is_alone: bool = False,
) -> Program:
    """Give a run's Function and the changes of a fork, as they are here.

    Raises where something of a change is neither in the record nor here: nothing goes on
    without it.

    Args:
        recording: The run.
        fn: Its Function; else the one that is defined here.
        changes: What the record does not hold of a change, by its path, in the words of `fork`.
        how: What is done with the run.
        is_alone: Whether all is served, so that the mark of a key stands for it.
    """
    _check_told(recording)
    root = function_of(recording, fn)
    again = _given_again(recording, changes)
    made: list[Change] = []
    renewed: list[str] = []
    for change, forms in _still_held(recording):
        words = again.get(change.path, {})
        one = _found(change, forms, words, root, how=how, is_alone=is_alone)
        if how == "rerun" and _is_renewed(one, root):
            renewed.append(one.fn.name if one.fn is not None else name_in(one.path))
            one = replace(one, prompt=None, system=None)
        if any(x is not None for x in (one.fn, one.inputs, one.provider, one.prompt, one.system)):
            made.append(one)
    return Program(root, tuple(made), tuple(renewed))


def _check_told(recording: Recording) -> None:
    about, run = recording.about, recording.run
    if not about:
        raise ArgumentError(
            f"Run {run} was cut off before its record says how it was begun: nothing of it ran. "
            f"Call {recording.root.fn_name}() again, or resume the run that it was to go on from."
        )
    if about.get("how") == "fork" and not recording.changes:
        raise ArgumentError(
            f"Run {run} is a fork, and its record does not tell what it changed. Fork run "
            f"{str(about.get('of'))[:80]} again."
        )


def _given_again(recording: Recording, changes: Any) -> Mapping[str, Mapping[str, Any]]:
    if changes is None:
        return {}
    paths = [change.path for change, _ in recording.changes]
    known = listed(map(repr, paths)) if paths else "this run is no fork"
    if not isinstance(changes, Mapping) or not changes.keys() <= set(paths):
        raise ArgumentError(
            f"`changes` are what a fork changed, by the path of its call; got {value_line(changes)}. "
            f"There is: {known}."
        )
    for path, words in changes.items():
        if not isinstance(words, Mapping) or not words.keys() <= set(_WORDS):
            raise ArgumentError(
                f"What was changed at {path[:80]!r} is given by name, such as {{'fn': …}}; got "
                f"{value_line(words)}. There is: {listed(_WORDS)}."
            )
    return changes


def _still_held(recording: Recording) -> list[tuple[Change, Mapping[str, Any]]]:
    """Leave out what a later fork of the root put away with the Function that it was of."""
    last = max(
        (n for n, (c, _) in enumerate(recording.changes) if c.above is None and c.fn is not None),
        default=-1,
    )
    return [one for n, one in enumerate(recording.changes) if n >= last or one[0].above is not None]


def _found(
    change: Change,
    forms: Mapping[str, Any],
    fields: Mapping[str, Any],
    root: Function,
    *,
    how: str,
    is_alone: bool,
) -> Change:
    """Give a recorded change with what is here, or was given again."""
    if change.above is None:
        # The root is recorded as it was made: with its arguments, and by its model.
        change = replace(change, inputs=None, provider=None, fn=change.fn and root)
        forms = {}
    lost: dict[str, str] = {}
    fn, version = change.fn, change.version
    if fn is not None and change.above is not None:
        fn = checked(fields.get("fn")) or _put_in(change, root)
        if fn is None:
            lost["'fn': …"] = f"{change.fn.name[:80]}() of version {_short(version)}"
    if fn is not None:
        version = version_of(fn)
    inputs = None if change.inputs is None else dict(change.inputs)
    args = fields.get("args") or {}
    for name, form in forms.items():
        if name in args and inputs is not None:
            inputs[name] = args[name]
        elif not is_known(form, is_alone=is_alone):
            lost["'args': {…}"] = f"the argument {name[:80]!r}"
    texts: dict[str, Any] = {"prompt": change.prompt, "system": change.system}
    for name, text in texts.items():
        if text is not None and name in fields:
            texts[name] = fields[name]
        elif text is not None and is_marked(text) and not is_alone:
            lost[f"'{name}': …"] = f"the {name}, of which a key was taken out"
    if lost:
        raise ArgumentError(_lost(change, lost, how))
    return replace(change, fn=fn, version=version, inputs=inputs, **texts)


def _lost(change: Change, lost: Mapping[str, str], how: str) -> str:
    path = brief(change.path)
    words = (
        f"This run is a fork. What it changed at {path} is neither in the record nor defined here: "
        f"{listed(lost.values())}."
    )
    if how in ("replay", "resume", "rerun", "fork"):
        return f"{words} Give it: `{how}(changes={{{path}: {{{', '.join(lost)}}}}})`."
    return f"{words} Define it here first."


def _put_in(change: Change, root: Function | None) -> Function | None:
    """Find the Function that a fork put in the place of another.

    By its version; one with a name of its own also as it is now, like all others of a run.
    """
    name, version = change.fn.name, change.version
    below = named_below(root).get(name) if root is not None else None
    here = [*([] if below is None else [below]), *reversed(alive(name))]
    for one in here if version is not None and version.is_whole else ():
        if version_of(one) == version:
            return one
    return None if name == name_in(change.path) else below or newest(name)


def _is_renewed(change: Change, root: Function) -> bool:
    """Say whether an agent, whose prompts a fork changed, was defined anew since."""
    if (change.prompt is None and change.system is None) or change.version is None:
        return False
    name = name_in(change.path)
    own = change.fn or named_below(root).get(name) or newest(name)
    return own is not None and version_of(own).digest != change.version.digest


def _short(version: Version | None) -> str:
    return "unknown" if version is None else version.short


def is_known(form: Any, *, is_alone: bool) -> bool:
    """Say whether a recorded value can be given again.

    Where all is served, the mark of a key stands for it. What is live needs the key.
    """
    return is_plain(form) and (is_alone or is_whole(form))


def check_apart(recording: Recording, change: Change, others: tuple[Change, ...]) -> None:
    """Refuse a change that makes the calls of earlier forks other ones."""
    was = recording.nodes[change.key]
    if not change.inputs and (change.fn is None or change.fn.name == was.fn_name):
        return
    for one in others:
        if change.key in keys_above(one, recording.nodes):
            raise ArgumentError(_other_call(recording, one))


def _other_call(recording: Recording, change: Change) -> str:
    return (
        f"Run {recording.run} is a fork, which changed {brief(change.path)}: with other arguments "
        f"above it that is another call. Change these in the run that it was forked from, and "
        f"fork that one."
    )


def check_same_root(recording: Recording, key: str, changes: tuple[Change, ...]) -> None:
    """Refuse to begin with other arguments what changed a call below."""
    below = next((one for one in changes if one.above is not None), None)
    if below is not None and key != recording.root.key:
        raise ArgumentError(_other_call(recording, below))


def function_of(recording: Recording, fn: Function | None) -> Function:
    """Give the Function that a run was of, as it is here; name it where there is none."""
    name = recording.root.fn_name
    fn = checked(fn)
    if fn is not None:
        if fn.name != name:
            raise ArgumentError(
                f"This run is of {name}(), not of {fn.name}(). Give the Function it was of."
            )
        return fn
    put = [c for c, _ in recording.changes if c.above is None and c.fn == recording.root.opened.fn]
    found = _put_in(put[-1], None) if put else newest(name)
    if found is None and put and alive(name):
        raise ArgumentError(
            f"This run is a fork, of a {name}() of version {_short(put[-1].version)}, and none "
            f"here is that one. Give it as `fn`."
        )
    if found is None:
        names = {node.fn_name for node in recording.nodes.values()}
        missing = sorted(one for one in names if newest(one) is None)
        raise ArgumentError(
            f"This run needs Functions that are not defined here: {listed(missing)}. Define them, "
            f"or import them, first."
        )
    return found


def checked(fn: Any) -> Function | None:
    """Check that a value is a Function, and give it."""
    if fn is None or isinstance(fn, Function):
        return fn
    raise ArgumentError(f"A Function is wanted here; got {type(fn).__name__} {value_line(fn)}.")


def defined_as(name: str, root: Function | None) -> Function:
    """Give the Function of a name, as it is here: what the root may call comes first."""
    found = (named_below(root) if root is not None else {}).get(name) or newest(name)
    if found is None:
        raise ArgumentError(f"{name}() is not defined here. Define it, or give it as `fn`.")
    return found


def named_below(root: Function) -> dict[str, Function]:
    """Give a Function and all that it may call, by name."""
    found: dict[str, Function] = {}
    stack = [root]
    while stack:
        one = stack.pop()
        if one.name not in found:
            found[one.name] = one
            stack.extend(one.uses)
    return found


def forked_in(recording: Recording) -> frozenset[tuple[str, str]]:
    """Name what a fork may have called otherwise, by name and version, from its record alone."""
    names = {(c.fn.name if c.fn is not None else name_in(c.path)) for c, _ in recording.changes}
    return frozenset(
        (node.fn_name, node.version.digest)
        for node in recording.nodes.values()
        if node.fn_name in names and node.version is not None
    )


def changed_versions(
    recording: Recording,
    root: Function | None = None,
    forked: frozenset[tuple[str, str]] = frozenset(),
) -> dict[str, tuple[str, str]]:
    """Name the Functions of a run that are defined here otherwise than they were.

    Those that a fork made otherwise are left out, by name and version.
    """
    then = {
        node.fn_name: node.version.digest
        for node in recording.nodes.values()
        if node.version is not None and (node.fn_name, node.version.digest) not in forked
    }
    known = named_below(root) if root is not None else {}
    found: dict[str, tuple[str, str]] = {}
    for name, version in then.items():
        here = known.get(name) or newest(name)
        now = version_of(here).digest if here is not None else version
        if now != version:
            found[name] = version, now
    return found
