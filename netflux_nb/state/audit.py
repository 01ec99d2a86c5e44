"""The audit of a kernel: which rules hold, asked at the ways in and out of calls, and at commits.

- The way in is asked before the body, of arguments and of what the call sees of the state. The way
  out is asked of the value and of the draft, before anything counts. A rule of the state is asked of
  what a call wrote; one of a change is asked of the whole transaction, at its commit.
- A rule that cannot be asked does not hold: a field that is not there, a check that raises.
- Level S stops the kernel until a person clears it, also after a restart; A stops the tree, B rolls
  the Node back, C warns, I notes. Counts of what is let through are kept beside the records.
- What a record serves was judged when it ran. A fork has counts of its own.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from weakref import ref

from ..core.contracts.declared import Violated
from ..core.contracts.persistent import (
    MISSING,
    DictVersion,
    ListVersion,
    Path,
    RecordVersion,
    plain,
)
from ..core.contracts.version_paths import get_at
from ..core.errors import (
    ArgumentError,
    AuditError,
    ContractError,
    InterlockError,
    NoNodeError,
)
from ..core.functions.display import Displayed
from ..core.functions.kinds import Function, current, newest
from ..core.secrets.redaction import REDACTED, is_secret
from ..core.text.legible import escaped
from ..runtime.host import Notes, host
from .audit_recipe import ProcessRecipe, Recipe, read_recipe
from .audit_rules import BLOCKS, RESULT, STOPS, AuditRule, Test, figure_of, near, rules_of
from .audit_rules import said_path as said_of
from .touches import changes_of

logger = logging.getLogger("netflux_nb.audit")

NOTES = "audit"
# Violations that are remembered here, the newest ones; all are in the record.
KEPT = 200
VALUE_CHARS = 200
_ACTIONS = {"S": "stopped", "A": "aborted", "B": "blocked", "C": "warned", "I": "noted"}

# A rule at a way in or out, its test, the argument that it is of ("" where it is of the state), and
# whether it is of that argument as it is.
Bound = tuple[AuditRule, Test, str, bool]


# A path, the rules of what stands there, and those of how it changed.
_Group = tuple[Path, tuple[AuditRule, ...], tuple[AuditRule, ...]]


@dataclasses.dataclass(frozen=True, slots=True)
class _Gates:
    """The rules of one Function, compared with its arguments and its contract."""

    ins: tuple[Bound, ...]
    outs: tuple[Bound, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """A violation that was met in this kernel: where, and what it was."""

    run: str
    fn: str
    time: float
    violated: Violated


class Audit(Displayed):
    """The rules that hold in this kernel, what broke them, and how often.

    In a cell it shows them; so does `%nf audit`.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._processes: dict[str, ProcessRecipe] = {}
        # Of states, by name and by what they ask.
        self._of_states: dict[str, dict[str, AuditRule]] = {}
        self._groups: dict[str, tuple[_Group, ...]] = {}
        self._gates: dict[str, tuple[ref[Function], _Gates]] = {}
        # Those that have counts, as far as is known here.
        self._counted: set[str] = set()
        self.seen: deque[Seen] = deque(maxlen=KEPT)
        # Why nothing may begin, until a person clears it.
        self.stopped = ""

    # Rules.

    @property
    def rules(self) -> tuple[AuditRule, ...]:
        """All rules: of Functions, then of states."""
        with self._lock:
            mine = [rule for one in self._processes.values() for rule in one.rules]
            return (*mine, *(r for rules in self._of_states.values() for r in rules.values()))

    def load(self, source: Any) -> Audit:
        """Take the rules of a recipe. They replace those of the same Functions."""
        state = host().state
        name = "state" if state is None else state.name
        recipe = source if isinstance(source, Recipe) else read_recipe(source, name)
        with self._lock:
            before = self._processes
            self._processes = {**before, **recipe.processes}
            self._gates.clear()
            try:
                for one in recipe.processes:
                    if (fn := newest(one)) is not None:
                        self._gates_of(fn)
                self.hold(name, recipe.state)
            except (ContractError, ArgumentError):
                # All of it or nothing: what was compared above is of rules that do not hold.
                self._processes = before
                self._gates.clear()
                raise
        self._take_notes()
        return self

    def rule(self, state: str, entry: Mapping[str, Any]) -> tuple[AuditRule, ...]:
        """Take a rule of a state."""
        rules = tuple(rules_of(state, "state", entry))
        self.hold(state, rules)
        self._take_notes()
        return rules

    def hold(self, state: str, rules: Sequence[AuditRule]) -> None:
        """Hold these of a state, if they hold of it as it stands."""
        store = host().state
        if store is not None and store.name == state:
            root = store.newest
            for rule in rules:
                if isinstance(root, RecordVersion) and rule.path[0] not in ("*", *root.values):
                    meant = near(str(rule.path[0]), map(str, root.values))
                    raise ArgumentError(
                        f"{state} has no path {said_of(rule, rule.path)}{meant or '.'}"
                    )
                for path in () if rule.is_late else _expanded(rule.path, (), root):
                    value = figure_of(rule, get_at(root, path))
                    if rule.level in BLOCKS and not rule.test(value, MISSING):
                        said = _said(rule, path, value)
                        raise ArgumentError(
                            f"{said_of(rule, path)} is {said} now: {rule.broken(value, '')}. "
                            f"Mend it first: with {state}.edit() as s: ..."
                        )
        with self._lock:
            self._of_states.setdefault(state, {}).update({rule.id: rule for rule in rules})
            self._groups.clear()

    def drop(self, rule: str) -> None:
        """Let a rule of a state hold no more, by its name as the table shows it."""
        with self._lock:
            for rules in self._of_states.values():
                if rules.pop(rule, None) is not None:
                    self._groups.clear()
                    return
        known = [one.id for one in self.rules if one.gate == "state"]
        raise ArgumentError(f"There is no rule {rule[:120]!r} of a state{near(rule, known)}.")

    def _gates_of(self, fn: Function) -> _Gates:
        known = self._gates.get(fn.name)
        if known is not None and known[0]() is fn:
            return known[1]
        recipe = self._processes[fn.name]
        findings: list[str] = []
        ins = tuple(_bound(fn, rule, findings) for rule in recipe.inputs)
        outs = tuple(_bound(fn, rule, findings) for rule in recipe.outputs)
        if findings:
            raise ContractError(f"The audit of {fn.name}(): {'; '.join(findings[:8])}.")
        made = _Gates(ins, outs)
        with self._lock:
            self._gates[fn.name] = ref(fn), made
        return made

    # The ways in and out.

    def enter(self, node: Any) -> None:
        """Ask the rules of a way in. Raises where one that counts does not hold."""
        if node.fn.name not in self._processes:
            return
        draft, inputs = node.draft, node.inputs
        for rule, test, argument, is_plain in self._gates_of(node.fn).ins:
            if is_plain and argument in inputs:
                value = inputs[argument]
            elif argument:
                value = figure_of(rule, _argument(node, argument, rule.path[1:]))
            elif draft is None:
                value = MISSING
            else:
                value = figure_of(rule, draft.read(rule.path))
            if not test(value, MISSING):
                self._broken(node, rule, rule.path, value, MISSING)
            elif self._counted:
                self._held(node, rule)

    def leave(self, node: Any, value: Any) -> None:
        """Ask the rules of a way out that are of the value. Raises as above."""
        if node.fn.name not in self._processes:
            return
        for rule, _, argument, _ in self._gates_of(node.fn).outs:
            if argument:
                found = figure_of(rule, _below(value, rule.path[1:]))
                self._judge_one(node, rule, rule.path, found, MISSING)

    def left(self, draft: Any, base: Any, view: Any) -> None:
        """Ask the rules of what a call left of the state. Raises as above."""
        node = draft.node
        if node is not None and node.fn.name in self._processes and view is draft.view:
            for rule, _, argument, _ in self._gates_of(node.fn).outs:
                if not argument:
                    draft.note_read(rule.path)
                    value, before = (figure_of(rule, get_at(v, rule.path)) for v in (view, base))
                    self._judge_one(node, rule, rule.path, value, before)
        groups = self._groups_of(draft.root.name)
        changes = changes_of(draft) if groups else ()
        for path, soon, _ in groups:
            found = self._new_at(draft.judged, path, changes, view) if soon else ()
            for rule in soon if found else ():
                self._judge_all(draft, rule, [(at, figure_of(rule, v), MISSING) for at, v in found])

    def _new_at(
        self, judged: dict[Any, Any], named: Path, changes: Sequence[Path], view: Any
    ) -> list[tuple[Path, Any]]:
        """Give what is to be judged at the places of a path; what a child left was judged there."""
        found = []
        for path in _places(named, changes, view):
            value = get_at(view, path)
            if value is MISSING and "*" in named:
                continue
            if judged.get((named, path), judged) is not value:
                judged[named, path] = value
                found.append((path, value))
        return found

    def _judge_all(
        self, draft: Any, rule: AuditRule, places: Sequence[tuple[Path, Any, Any]]
    ) -> None:
        is_held = True
        for path, value, before in places:
            if not rule.test(value, before):
                is_held = False
                self._broken(draft.node, rule, path, value, before)
        if is_held and places and self._counted:
            self._held(draft.node, rule)

    def _groups_of(self, state: str) -> tuple[_Group, ...]:
        """Give the rules of a state by their paths: each path is looked for once."""
        groups = self._groups.get(state)
        if groups is None:
            by_path: dict[Path, list[AuditRule]] = {}
            for rule in self._of_states.get(state, {}).values():
                by_path.setdefault(rule.path, []).append(rule)
            groups = self._groups[state] = tuple(
                (path, tuple(r for r in of if not r.is_late), tuple(r for r in of if r.is_late))
                for path, of in by_path.items()
            )
        return groups

    def is_late(self, draft: Any) -> bool:
        """Say whether a transaction is asked at its commit, too."""
        return bool(self._of_states.get(draft.root.name))

    def committed(self, draft: Any, before: Any, after: Any) -> None:
        """Ask the rules of a change, before a transaction counts. Raises as above."""
        if after is not draft.view:
            self.left(draft, before, after)
        changes = changes_of(draft)
        for path, _, late in self._groups_of(draft.root.name):
            found = list(_places(path, changes, after)) if late else ()
            for rule in late:
                places = [(at, *_change(rule, at, changes, before, after)) for at in found]
                self._judge_all(draft, rule, places)

    # Judging.

    def _judge_one(self, node: Any, rule: AuditRule, path: Path, value: Any, before: Any) -> None:
        if not rule.test(value, before):
            self._broken(node, rule, path, value, before)
        elif self._counted:
            self._held(node, rule)

    def _held(self, node: Any, rule: AuditRule) -> None:
        """Set a count back: the rule was asked, and held wherever it was asked."""
        if rule.resets and rule.id in self._counted:
            with self._notes(node).turn() as facts:
                facts["counts"] = {k: n for k, n in _counts(facts).items() if k != rule.id}
                self._counted.discard(rule.id)

    def _broken(self, node: Any, rule: AuditRule, path: Path, value: Any, before: Any) -> None:
        """Take down that a rule does not hold. Raises where that counts."""
        if node is None:  # a person edits: nothing is let through, and nothing stops
            if rule.level in BLOCKS:
                raise AuditError(self._words(rule, path, value, before), rule.level)
            return
        count, acts = self._hit(node, rule)
        text = self._words(rule, path, value, before)
        action = _ACTIONS[rule.level]
        if not acts:
            action = "warned" if rule.warn and count >= rule.warn else "tolerated"
            text = f"{text} ({count} of {rule.most})"
        violated = Violated(
            rule.id, rule.gate, said_of(rule, path), rule.condition, rule.said_limit,
            _said(rule, path, value), rule.level, count, rule.most, action, node.runtime.redact(text),
        )  # fmt: skip
        node.runtime.log.post(node, violated)
        run = node.runtime.run_name(node)
        self.seen.append(Seen(run, node.fn.name, node.runtime.clock(), violated))
        if action == "warned":
            logger.warning("%s", violated.text)
        if not acts or rule.level not in BLOCKS:
            return
        if rule.level not in STOPS:
            raise AuditError(violated.text, rule.level)
        self._stop(node, rule, violated.text, run)
        raise InterlockError(violated.text, rule.level)

    def _words(self, rule: AuditRule, path: Path, value: Any, before: Any) -> str:
        field = said_of(rule, path)
        is_said = value is not MISSING and rule.condition != "same_sum"
        said = f" is {_said(rule, path, value)}:" if is_said else ""
        where = "" if rule.gate == "state" else f" {_WAYS[rule.gate]} {rule.scope}()"
        was = "nothing" if before is MISSING else _said(rule, path, before)
        message = rule.message
        own = f"{message}{' ' if message[-1] in '.!?:' else '. '}" if message else ""
        return f"{own}{field}{said} {rule.broken(value, was)}{where}. Level {rule.level}."

    def _notes(self, node: Any) -> Notes:
        apart = None if node is None else node.cursor.apart
        if apart is None:
            return host().notes(NOTES)
        if apart.notes is None:
            apart.notes = Notes()
        kept: Notes = apart.notes
        return kept

    def _hit(self, node: Any, rule: AuditRule) -> tuple[int, bool]:
        """Count a violation: the how many-th it is, and whether it counts."""
        if rule.most == 1 and not rule.warn:
            return 1, True
        with self._notes(node).turn() as facts:
            counts = _counts(facts)
            count = counts.get(rule.id, 0) + 1
            if count >= rule.most:
                counts.pop(rule.id, None)
                self._counted.discard(rule.id)
            else:
                counts[rule.id] = count
                self._counted.add(rule.id)
            facts["counts"] = counts
        return count, count >= rule.most

    def _stop(self, node: Any, rule: AuditRule, text: str, run: str) -> None:
        runtime = node.runtime
        roots = [node.root_ancestor]
        if rule.level == "S" and node.cursor.apart is None:
            with host().notes(NOTES).turn() as facts:
                latches = _latches(facts)
                latches[rule.id] = {"text": text, "run": run, "time": runtime.clock()}
                facts["latches"] = latches
            self.stopped = text
            roots = [root for root in list(runtime.roots.values()) if not root.is_done]
        for root in roots:
            runtime.life.cancel(root, f"The audit stopped it: {text}"[:400])

    # What lasts.

    def _take_notes(self) -> None:
        with host().notes(NOTES).turn() as facts:
            mine = {rule.id for rule in self.rules}
            self._counted = set(_counts(facts)) & mine
            found = [one for rule, one in _latches(facts).items() if rule in mine]
            self.stopped = str(found[0].get("text", ""))[:400] if found else ""

    def counts(self) -> Mapping[str, int]:
        """Give how often each rule was broken since it last counted."""
        with host().notes(NOTES).turn() as facts:
            return _counts(facts)

    def latches(self) -> Mapping[str, Mapping[str, Any]]:
        """Give the rules of level S that stopped a kernel, and were not cleared."""
        with host().notes(NOTES).turn() as facts:
            return _latches(facts)

    def clear(self, rule: str = "") -> None:
        """Let calls begin again, and counts begin at nothing. A person says so, outside every call.

        Args:
            rule: Its name as the table shows it, where only one is cleared.
        """
        if current.get() is not None:
            raise NoNodeError("What the audit stopped is cleared by a person, outside every call.")
        with host().notes(NOTES).turn() as facts:
            counts, latches = _counts(facts), _latches(facts)
            if rule and rule not in (known := {*counts, *latches, *(r.id for r in self.rules)}):
                raise ArgumentError(f"There is no rule {rule[:120]!r}{near(rule, known)}.")
            mine = {rule} if rule else {*counts, *latches}
            facts["counts"] = {k: n for k, n in counts.items() if k not in mine}
            facts["latches"] = {k: one for k, one in latches.items() if k not in mine}
        self._take_notes()

    def check(self) -> None:
        """Raise where the kernel was stopped."""
        if self.stopped:
            raise InterlockError(
                f"The audit stopped this kernel: {self.stopped} Look at `%nf audit`, mend what is "
                f"wrong, then clear it: `audit().clear()`."
            )


_WAYS = {"in": "at the way into", "out": "at the way out of"}


def _counts(facts: Mapping[str, Any]) -> dict[str, int]:
    found = facts.get("counts")
    pairs = found.items() if isinstance(found, dict) else ()
    return {str(k): n for k, n in pairs if isinstance(n, int) and 0 < n < 10**9}


def _latches(facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found = facts.get("latches")
    pairs = found.items() if isinstance(found, dict) else ()
    return {str(k): one for k, one in pairs if isinstance(one, dict)}


def _said(rule: AuditRule, path: Path, value: Any) -> str:
    if value is MISSING:
        return ""
    found = plain(value)
    if any(is_secret(str(part), found) for part in path):
        return REDACTED
    said = escaped(repr(found))
    return said if len(said) <= VALUE_CHARS else f"{said[: VALUE_CHARS - 1]}…"


def _bound(fn: Function, rule: AuditRule, findings: list[str]) -> Bound:
    """Find out what a rule of a way in or out is of, and whether it may look there."""
    first = str(rule.path[0])
    arguments = {arg.name for arg in fn.args}
    if rule.gate == "in" and first in arguments:
        return rule, rule.test, first, len(rule.path) == 1 and not rule.figure
    store = fn.on_state or host().state
    root = None if store is None else store.newest
    names = list(map(str, root.values)) if isinstance(root, RecordVersion) else None
    if rule.gate == "out" and first == RESULT and RESULT not in (names or ()):
        return rule, rule.test, RESULT, False
    field = said_of(rule, rule.path)
    if names is None and store is None:
        known = arguments if rule.gate == "in" else {RESULT}
        findings.append(f"{field} is no argument of it, and there is no state{near(first, known)}")
    elif names is not None and first not in names:
        known = {*names, *(arguments if rule.gate == "in" else {RESULT})}
        findings.append(f"{field} is not there{near(first, known)}")
    elif fn.contract is None or not fn.contract.may_read(rule.path):
        findings.append(f"its contract does not name {field}. Add it to reads")
    return rule, rule.test, "", False


def _argument(node: Any, name: str, rest: Path) -> Any:
    if name in node.inputs:
        return _below(node.inputs[name], rest)
    found = next((arg.default for arg in node.fn.args if arg.name == name), MISSING)
    return MISSING if found is MISSING else _below(found, rest)


def _below(value: Any, rest: Path) -> Any:
    """Walk into a value by keys, positions and fields; no property or method is run."""
    for part in rest:
        fields = getattr(type(value), "__dataclass_fields__", None) or getattr(
            type(value), "model_fields", {}
        )
        if isinstance(value, Mapping):
            value = value.get(part, MISSING)
        elif isinstance(value, (list, tuple)) and str(part).isdecimal():
            value = value[int(part)] if int(part) < len(value) else MISSING
        elif part in fields:
            value = getattr(value, str(part), MISSING)
        else:
            return MISSING
    return value


def _places(named: Path, changes: Sequence[Path], view: Any) -> Iterator[Path]:
    """Give the places of a path that lie on, above or below what was changed, each once."""
    given = set[Path]()
    for changed in changes:
        if not all(a in ("*", b) or a == str(b) for a, b in zip(named, changed, strict=False)):
            continue
        if len(changed) >= len(named):
            above = changed[: len(named)]
            found: Any = (above,)
        else:
            found = _expanded(named, changed, view)
        for path in found:
            if path not in given:
                given.add(path)
                yield path


def _expanded(named: Path, start: Path, view: Any) -> Iterator[Path]:
    """Put keys in the places of `*`, below what is given already."""
    if len(start) == len(named):
        yield start
        return
    part = named[len(start)]
    if part != "*":
        found = get_at(view, start)
        key = part
        if isinstance(found, ListVersion) and str(part).isdecimal():
            key = int(part)
        elif isinstance(found, DictVersion) and found.get(part) is MISSING:
            key = next((k for k, _ in found.items() if str(k) == part), part)
        yield from _expanded(named, (*start, key), view)
        return
    found = get_at(view, start)
    keys: Any = ()
    if isinstance(found, DictVersion):
        keys = [key for key, _ in found.items()]
    elif isinstance(found, RecordVersion):
        keys = list(found.values)
    elif isinstance(found, ListVersion):
        keys = range(len(found.items))
    for key in keys:
        yield from _expanded(named, (*start, key), view)


def _change(
    rule: AuditRule, path: Path, changes: Sequence[Path], before: Any, after: Any
) -> tuple[Any, Any]:
    """Give what a rule of a change is asked of: after, and before."""
    if rule.condition != "same_sum":
        return figure_of(rule, get_at(after, path)), figure_of(rule, get_at(before, path))
    # Of a sum, only what was changed counts.
    if any(len(one) <= len(path) for one in changes):
        whole = [get_at(version, path) for version in (after, before)]
        return [] if whole[0] is MISSING else whole[0], [] if whole[1] is MISSING else whole[1]
    keys = {one[: len(path) + 1] for one in changes if one[: len(path)] == path}
    parts = [[get_at(version, key) for key in keys] for version in (after, before)]
    return [v for v in parts[0] if v is not MISSING], [v for v in parts[1] if v is not MISSING]


def audit(source: Any = None) -> Audit:
    """Give the audit of this kernel; with a recipe, take its rules first.

    Args:
        source: A YAML or JSON file, its text, or a mapping of the same shape:
            `{"process_recipes": {"transfer": {"inputs": [{"field": "amount", "max": 10_000,
            "level": "B"}]}}}`.
    """
    here = host()
    if here.audit is None:
        here.audit = Audit()
    found: Audit = here.audit
    return found if source is None else found.load(source)
