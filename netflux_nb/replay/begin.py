"""The four ways to run a recorded run again: `replay`, `resume`, `fork`, `rerun`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ..compare.diff import Diff, Side, diff
from ..compare.outcomes import Difference, Uncompared, differences
from ..core.errors import ArgumentError, NoNodeError, listed
from ..core.events import Event
from ..core.functions.display import Displayed
from ..core.functions.kinds import Function
from ..core.functions.versions import version_of
from ..core.policy import Change
from ..core.snapshots import snapshot
from ..core.text.paths import path_in, path_of
from ..core.views import NodeView
from ..determinism.traces import trace_diff, trace_of
from ..determinism.verdict import (
    Acceptability,
    Judgement,
    ReplayEnvelope,
    ReplayMode,
    ReplayVerdict,
    judge,
)
from ..runtime.nodes import Node
from ..runtime.runtime import Runtime
from ..runtime.sinks import redaction
from .prefix import Onward, check_found, layers_of
from .program import (
    Program,
    changed_versions,
    check_apart,
    check_same_root,
    defined_as,
    forked_in,
    is_known,
    program_of,
)
from .recording import RecordedNode, Recording, paused, set_apart
from .released import released_by_hand
from .report import ServedCounts
from .rerun import Unchanged
from .resume_lock import claimed
from .serving import Strict


@dataclass(frozen=True)
class Replayed(Displayed):
    """The result of a replay: its run, beside the recorded one."""

    left: Side
    right: Side
    tally: ServedCounts
    # The first question that is not in the record, in words.
    divergence: str
    # Functions that are not what they were, with the recorded version and today's.
    changed: Mapping[str, tuple[str, str]]
    # The outcomes that are not as they were recorded.
    differences: tuple[Difference, ...]
    judgement: Judgement
    # The key of the Node that asked it.
    diverged_at: str = ""
    # Values of which the record holds the type alone: nobody can say whether they are the same.
    not_compared: tuple[Uncompared, ...] = ()

    @property
    def recorded(self) -> NodeView:
        """The tree as it was recorded."""
        return self.left.view

    @property
    def now(self) -> NodeView:
        """The tree as it came out now."""
        return self.right.view

    @cached_property
    def diff(self) -> Diff:
        """Both trees, Node by Node."""
        return diff(self.left, self.right)

    @property
    def verdict(self) -> ReplayVerdict:
        """The judgement on the differences in this mode."""
        return self.judgement.verdict

    @property
    def is_same(self) -> bool:
        """True where every Node came to what it came to when it was recorded.

        Values that could not be compared are no difference: see `not_compared`.
        """
        return not self.divergence and not self.differences

    @property
    def first(self) -> str:
        """The first difference in words, after the path of its Node; nothing where all is same.

        Of outcomes the earliest cause is named, not the callers that it changed.
        """
        if self.divergence:
            ids = (view.id for _, view in self.now.walk() if view.key == self.diverged_at)
            where = next(ids, self.now.id)
            return f"at {path_in(self.now, where)}: {self.divergence}"
        if not self.differences:
            return ""
        cause = self.diff.first
        views = () if cause is None else (cause.left, cause.right)
        keys = {view.key for view in views if view is not None}
        found = next((one for one in self.differences if one.key in keys), self.differences[0])
        tree = self.recorded if found.now is None else self.now
        ids = (view.id for _, view in tree.walk() if view.key == found.key)
        return f"at {path_in(tree, next(ids, tree.id))}: {redaction()(str(found))}"

    def __str__(self) -> str:
        tally = self.tally
        lines = [f"{tally.served} served, $0.00; no model was asked. {self._words()}"]
        if not self.is_same:
            lines.append(f"First difference: {self.first}")
        if tally.ran_again:
            names = [f"{n}()" + (f" × {k}" if k > 1 else "") for n, k in tally.ran_again.items()]
            lines.append(f"Code that really ran again (a replay is no sandbox): {listed(names)}.")
        for name, (then, now) in self.changed.items():
            lines.append(f"{name}() has changed: version {then[:8]} then, {now[:8]} now.")
        return "\n".join(lines)

    def _words(self) -> str:
        if not self.is_same:
            return f"It came out otherwise: {self.verdict.replace('_', ' ')}."
        if not self.not_compared:
            return "All came out as it was recorded."
        count = len(self.not_compared)
        named = listed(dict.fromkeys(redaction()(str(one))[:160] for one in self.not_compared), 4)
        return (
            f"{count:,} value{'' if count == 1 else 's'} could not be compared, as the record does "
            f"not hold {'it' if count == 1 else 'them'}: {named}. All else came out as recorded."
        )


class _Kept:
    """A sink that keeps what a comparison reads."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def append(self, event: Event, /) -> None:
        """Keep it."""
        self.events.append(event)

    def drain(self, *, may_write: bool) -> None:
        """Nothing waits."""

    def barrier(self, done: Callable[[OSError | None], object], /) -> None:
        """Nothing has to outlive this."""
        done(None)

    def sync(self) -> OSError | None:
        """Nothing has to outlive this."""
        return None


async def _at_once(seconds: float) -> None:
    """Sleep in a replay: what was waited for has happened."""


def replay(
    recording: Recording,
    fn: Function | None = None,
    *,
    mode: ReplayMode = "strict",
    acceptability: Acceptability = "exact_match",
    envelope: ReplayEnvelope | None = None,
    inputs: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
    **options: Any,
) -> Replayed:
    """Run a recorded call again, with the Functions as they are now, and compare every Node.

    Code runs again. Answers of models and people, what Functions marked as effects gave, and
    what was drawn are served from the record: no key, no network, no cost. A question that is
    not in the record ends its agent with a `DivergenceError` that names the difference.
    Unmarked code that reaches outside does so again: a replay is no cage.

    Args:
        recording: What was recorded.
        fn: The Function that was its root, as it is now; else the one of that name here.
        mode: "strict" takes no difference, "bounded" those that `acceptability` lets pass;
            "observational" runs nothing, and judges the record alone.
        acceptability: Which differences may pass: none at "exact_match".
        envelope: How far claims may drift at "statistically_bounded".
        inputs: Arguments that the record does not hold in full, by name.
        changes: What it does not hold of what a fork changed: by the path of the call, in the
            words of `fork`.
        options: What the runtime is made with, such as `keep_trees`.
    """
    left = Side(recording.view, name=recording.run, systems=recording.systems())
    if mode == "observational":
        found = {} if recording.is_whole else {"missing_step_end": recording.run}
        verdict = judge(found, mode, acceptability)
        renewed = changed_versions(recording, forked=forked_in(recording))
        return Replayed(left, left, ServedCounts(), "", renewed, (), verdict)
    program = program_of(recording, fn, changes, how="replay", is_alone=True)
    cursor = Strict(recording, changes=program.changes)
    kept = _Kept() if mode == "bounded" else None
    sink = options.pop("sink", None) if kept is None else kept
    if program.fn.calls_any or any(one.fn is not None for one in program.changes):
        options.setdefault("is_open", True)  # what it calls need not be known to the root
    made = Runtime([program.fn], record=False, sink=sink, sleep=_at_once, **options)
    with set_apart(), made as runtime:
        node = _begin(runtime, program.fn, cursor, inputs)
        node.wait()
        with paused():
            right = Side(node.view(), name="now", systems=cursor.systems)
    at, divergence = cursor.first if cursor.first is not None else ("", "")
    unknown: list[Uncompared] = []
    with paused():
        otherwise = tuple(differences(left.view, right.view, unknown))
    if kept is None:
        names = {one.field for one in otherwise}
    else:
        more: dict[str, Any] = {} if envelope is None else {"replay_envelope": envelope}
        then = trace_of(recording.events, **more)
        names = set(trace_diff(then, trace_of(kept.events, **more), acceptability))
    names |= {"divergence"} if divergence else set()
    return Replayed(
        left,
        right,
        cursor.tally,
        divergence,
        changed_versions(recording, program.fn, cursor.forked),
        otherwise,
        judge(names, mode, acceptability),
        at,
        tuple(unknown),
    )


def resume(
    runtime: Runtime,
    recording: Recording,
    fn: Function | None = None,
    *,
    inputs: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
    force: bool = False,
) -> Node:
    """Go on with a run that was cut off or cancelled: what it has is served, the rest is live.

    Refused while the run goes on somewhere, or where that cannot be told, or where it was
    resumed already: nothing is paid twice. `force` goes on all the same. A fork goes on with
    what it changed; `changes` gives what its record does not hold of that, see `replay`.
    """
    if recording.is_whole and recording.root.outcome == "success":
        raise NoNodeError(f"Run {recording.run} came to its end. `rerun` runs it again.")
    program = program_of(recording, fn, changes, how="resume")
    layers = layers_of(recording)
    if not force:
        check_found(layers)
    folder = None if runtime.recorder is None else runtime.recorder.folder
    with claimed(recording, folder, force=force) as note:
        # Only now: a person who releases what this run left sees that it goes on.
        by_hand = released_by_hand([one.recording for one in layers])
        cursor = Onward(layers, program.changes, by_hand=by_hand)
        node = _begin(runtime, program.fn, cursor, inputs)
        note(runtime.run_name(node))
    return node


def fork(
    runtime: Runtime,
    recording: Recording,
    change: Change,
    fn: Function | None = None,
    *,
    inputs: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Node:
    """Run a recorded call again with one call changed: all that cannot depend on it is served.

    What the run changed as a fork itself stays changed.
    """
    if change.key not in recording.nodes:
        raise ArgumentError(f"Run {recording.run} has no Node with the key {change.key[:40]!r}.")
    program = program_of(recording, fn, changes, how="fork")
    change = _placed(recording, change, program)
    check_apart(recording, change, program.changes)
    root = recording.root
    if change.key == root.key:
        # What is changed need not be known; what is known is changed by the cursor.
        forms, made = root.input_forms, change.inputs or {}
        lost = {n: v for n, v in made.items() if not is_known(forms.get(n), is_alone=False)}
        inputs = {**lost, **(inputs or {})}
    cursor = Onward(layers_of(recording, change), program.changes, change)
    return _begin(runtime, program.fn, cursor, inputs)


def _placed(recording: Recording, change: Change, program: Program) -> Change:
    """Say of a change where its call is, and of which Function as it is now."""
    was = recording.nodes[change.key]
    version = None
    if change.fn is not None or change.prompt is not None or change.system is not None:
        version = version_of(change.fn or defined_as(was.fn_name, program.fn))
    above = None if was.parent is None else was.parent.key
    return replace(change, above=above, path=path_of(was), version=version)


def rerun(
    runtime: Runtime,
    recording: Recording,
    fn: Function | None = None,
    *,
    inputs: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Node:
    """Run a recorded call again: only calls whose Function or arguments changed are live.

    `inputs` replaces arguments of the root. What could not be judged runs again.

    What a fork changed stays changed: arguments, model, another Function. Its other prompts hold
    as long as their agent is what it was; once that is defined anew, its own prompts hold, and
    `run.served` says so. `changes` gives what the record does not hold, see `replay`.
    """
    program = program_of(recording, fn, changes, how="rerun")
    before = recording.before("resume", "rerun")
    cursor = Unchanged(recording, before=before, changes=program.changes)
    for name in program.renewed:
        cursor.reasons.add(name, "renewed", "defined anew since the fork: its own prompts hold")
    return _begin(runtime, program.fn, cursor, inputs)


def _begin(
    runtime: Runtime,
    fn: Function,
    cursor: Strict | Onward | Unchanged,
    inputs: Mapping[str, Any] | None,
) -> Node:
    recording = cursor.recording
    if inputs is not None and not isinstance(inputs, Mapping):
        raise ArgumentError(f"`inputs` are arguments by name; got {type(inputs).__name__}.")
    about = recording.about
    levels = about.get("levels")
    given = {**_inputs(recording.root, inputs, is_alone=cursor.is_alone), **(inputs or {})}
    if cursor.changes and inputs:
        check_same_root(recording, cursor.key_of(None, fn, given), cursor.changes)
    return runtime.invoke(
        None,
        fn,
        given,
        about.get("provider"),
        None,
        None,
        levels if isinstance(levels, int) else None,
        cursor=cursor,
    )


def _inputs(
    root: RecordedNode, given: Mapping[str, Any] | None, *, is_alone: bool
) -> dict[str, Any]:
    for name, form in root.input_forms.items():
        if not is_known(form, is_alone=is_alone) and name not in (given or {}):
            raise ArgumentError(
                f"The record does not hold the argument {name!r} of {root.fn_name}() in full. Give "
                f"it: `replay(inputs={{{name!r}: ...}})`, `resume(inputs=...)`, `rerun({name}=...)` "
                f"or `fork(args=...)`."
            )
    return snapshot(dict(root.opened.inputs))
