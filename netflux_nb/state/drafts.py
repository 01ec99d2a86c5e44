"""Drafts: a Node's own view of the state, which counts when the Node succeeds.

- A draft has an outer one: that of the caller, or the state itself. Its `base` is what the caller
  saw when it made the call; of an outermost draft it is the state at its first look.
- `view` is what the body sees. `shared` is the base with what children wrote that have ended,
  whether their results were taken or not. Where no child is parked, both are the same object.
- A child that ends is compared with `outer.shared`: each path that it read or wrote must be there
  as it was in its base, by identity. One that wrote nothing is never refused.
- A caller sees what a child wrote once it takes its result, or at its own end; in the order of the
  calls. So what a body sees does not depend on when its children ended.
- `lock` guards `shared`, `parked`, `view` and `writes` of a draft. It is taken from the inner to
  the outer, and the log's last. No body, rule or callback runs under it.
- A version counts when the line that ends its outermost Node is posted: both are one section.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..core.contracts.declared import Contract, Outcome, Touched, domain_of, written
from ..core.contracts.persistent import (
    MISSING,
    SCALARS,
    DictVersion,
    Heavy,
    Path,
    Present,
    RecordVersion,
    freeze,
    same_array,
)
from ..core.contracts.version_paths import first_changed, get_at, meet, put_at
from ..core.errors import (
    CancellationException,
    ConflictError,
    ContractError,
    NetfluxError,
    stringify,
)
from ..core.events import Ruling
from ..core.json.canonical import came_to
from ..runtime.host import host
from .guards import owned, unwrapped
from .outbox import Outbox, same_outbox
from .revival import (
    Recorded,
    put_deep,
    revived,
    revived_path,
    why_changed,
)
from .signals import Settings, held_of, merged, noted, paths_of, sent_of, tell, without
from .state_versions import StateVersions
from .touches import changes_of, lost_to, put_onto, touched_of
from .zones import why_unread

T = TypeVar("T")
# How often a commit begins again, where others were first while rules were asked.
MOST_TURNS = 10


class Draft:
    """A Node's own view of the state."""

    is_outside = False
    __slots__ = (
        "_handed", "_recorded", "_result", "_serves", "_violation", "base", "by", "children",
        "contract", "guards", "is_open", "judged", "lock", "node", "nth", "number", "origin", "outbox", "outer",
        "parked", "reads", "root", "seen", "settings", "shared", "view", "writes",
    )  # fmt: skip

    def __init__(
        self,
        root: StateVersions,
        by: str,
        contract: Contract | None,
        outer: Draft | None = None,
        node: Any = None,
    ) -> None:
        self.root = root
        self.by = by
        self.contract = contract
        self.outer = outer
        self.node = node
        self.lock = threading.RLock()
        self.is_open = True
        # Among the calls of its caller, in their order.
        self.nth = 0
        # Of the state, when it began.
        self.number = 0
        self.base: Any = None
        self.view: Any = None
        self.shared: Any = None
        self.reads: set[Path] = set()
        # Containers of which only what is below them was read or written, if anything.
        self.seen: set[Path] = set()
        # Paths that it, or a child whose result was taken, wrote; by whom.
        self.writes: dict[Path, str] = {}
        self.settings: Settings | None = None  # of these the signals
        # Children that have ended, and whose results were not taken.
        self.parked: list[Draft] = []
        # The calls that are made once it counts; None where there are none.
        self.outbox: Outbox | None = None
        # What rules were asked of, by rule and path.
        self.judged: dict[tuple[str, Path], Any] = {}
        self.origin = ("", "")
        self.children = 0
        # Instances that were handed out, by path, with the lines that they were made of.
        self.guards: dict[Path, tuple[object, Any]] = {}
        # Arrays that were handed out, and may have been changed since.
        self._handed: dict[Path, tuple[Any, Any]] = {}
        self._violation: ContractError | None = None
        self._serves: Touched | None = None
        self._result: Any = None
        # In a strict replay: what the Node read and changed then. Nothing is live.
        self._recorded: Recorded | None = None
        if outer is not None:
            outer.begin()
            outer.collect()
            with outer.lock:
                self.base = self.view = self.shared = outer.view
                self.number = outer.number
                outer.children += 1
                self.nth = outer.children

    @property
    def handle(self) -> Any:
        """The handle of the state."""
        return self.root.of.handle

    def begin(self) -> None:
        """Have a base: the state, as it is at the first look."""
        if self.base is None:
            root = self.root
            with root.lock:
                self.number = root.version
                self.base = self.view = self.shared = root.root

    def replay(self, touched: Touched | None, differs: Callable[[str], BaseException]) -> None:
        """See what the record says was read, and nothing else; the rest is an error."""
        recorded = touched or Touched(self.root.name, 0)
        self._recorded = Recorded(recorded, self.root.classes, differs)
        self.number = recorded.base
        self.base = self.view = self.shared = self._recorded.base

    def below(self, node: Any) -> Draft:
        """Give the draft of a call that the Node makes. Views go by value into it."""
        for name, value in node.inputs.items():
            node.inputs[name] = owned(value)
        contract: Contract | None = node.fn.contract
        if contract is not None:
            self.check_grant(node.fn.name, contract)
        return Draft(self.root, node.fn.name, contract, self, node)

    def check_grant(self, name: str, contract: Contract) -> None:
        """Refuse a call of a Function that may do more than the nearest that has a contract."""
        self.root.check(name, contract)
        above = self._granting()
        beyond = contract.within(above.contract) if above is not None and above.contract else ()
        if above is not None and beyond:
            what = "writes" if beyond[0] in contract.writes else "reads"
            raise ContractError(
                f"{above.by}() calls {name}(), which {what} {beyond[0]}; its own contract does "
                f"not. Add it there."
            )

    def granted(self) -> Contract | None:
        """Give the contract of the nearest call that has one, from here up."""
        above = self._granting()
        return None if above is None else above.contract

    def _granting(self) -> Draft | None:
        draft: Draft | None = self
        while draft is not None and draft.contract is None:
            draft = draft.outer
        return draft

    # What a body reads and writes.

    def read(self, path: Path) -> Any:
        """Give what stands at a path. A container is not read before something in it is."""
        if self.base is None:
            self.begin()
        self._check_read(path)
        found = get_at(self.view, path)
        if type(found) is Heavy:  # outside of every transaction, and of the record
            return found
        if self._recorded is not None:
            if found is MISSING and type(heavy := get_at(self.root.root, path)) is Heavy:
                return heavy
            if not self._is_written(path):
                self._recorded.check(self.by, path, found, is_all=False)
        if path and isinstance(found, (DictVersion, RecordVersion)):
            self.seen.add(path)
        else:
            self.note_read(path)
        return found

    def read_all(self, path: Path) -> Any:
        """Give a container of which everything is looked at: its length, its order, its values."""
        self.begin()
        self._check_read(path)
        contract = self.contract
        if contract is not None and not contract.may_read_all(path):
            raise self._violated(
                f"{self.by}() may read only some of {written(path)}, and asked for all. Add "
                f"{written(path)!r} to reads."
            )
        if self._handed:
            self.collect(path)
        found = get_at(self.view, path)
        if self._recorded is not None and not self._is_written(path):
            self._recorded.check(self.by, path, found, is_all=True)
        self.note_read(path)
        return found if path else domain_of(found)

    def _check_read(self, path: Path) -> None:
        if not self.is_open:
            raise self.ended(path)
        contract = self.contract
        if contract is None:
            raise self._violated(
                f"{self.by}() declares nothing of the state. Add reads=[{written(path)!r}] to it."
            )
        if path and not contract.may_read(path):
            raise self._violated(f"{self.by}() may not read {written(path)}. Add it to reads.")
        if self.root.has_zones and (why := why_unread(contract, self.view, path)):
            raise self._violated(f"{self.by}() may not read {written(path)}: {why}.")

    def _is_written(self, path: Path) -> bool:
        writes = self.writes
        return bool(writes) and any(path[:n] in writes for n in range(1, len(path) + 1))

    def note_read(self, path: Path) -> None:
        """Note that a path was looked at: what is there must be so at the end."""
        if path not in self.reads and not self._is_written(path):
            self.reads.add(path)

    def write(self, path: Path, value: Any) -> None:
        """Put a value at a path; `MISSING` takes away what is there."""
        if self.base is None:
            self.begin()
        if not self.is_open:
            raise self.ended(path)
        contract = self.contract
        if contract is None or not contract.may_write(path):
            raise self._violated(f"{self.by}() may not write {written(path)}. Add it to writes.")
        version = value
        if type(value) not in SCALARS and value is not MISSING:
            version = freeze(value, written(path), unwrapped, len(path))
        with self.lock:
            if not self.is_open:  # a thread of the body's own came too late
                raise self.ended(path)
            if self.parked:
                self._check_parked(path)
            self._put(path, version, self.by)

    def _check_parked(self, path: Path) -> None:
        for child in self.parked:
            for one in child.writes:
                if meet(one, path):
                    raise self._violated(
                        f"{written(one)}: {child.by}() wrote it, and you have not taken its "
                        f"result yet. Take it first: `.result()`, or `await` it."
                    )

    def _put(self, path: Path, version: Any, by: str) -> None:
        settings = self.settings
        if self.root.has_zones or len(path) == 1 or type(version) is RecordVersion:
            settings = noted(settings, path, version, self.view, self.root, by, self.node)
        try:
            put = put_at if self._recorded is None else put_deep
            is_one = self.view is self.shared
            view = put(self.view, path, version)
            self.shared = view if is_one else put(self.shared, path, version)
        except LookupError as error:
            raise ContractError(
                f"{written(path)}: there is nothing in the state to hold {str(error)[:80]}."
            ) from None
        self.view, self.settings = view, settings
        self.writes.setdefault(path, by)

    def handed(self, path: Path, stored: Any, copy: Any) -> Any:
        """Note an array that was handed out. One that may be written is looked at again."""
        contract = self.contract
        if contract is not None and contract.may_write(path):
            known = self._handed.get(path)
            if known is not None and known[0] is stored:
                return known[1]
            self._handed[path] = stored, copy
        return copy

    def collect(self, path: Path = ()) -> None:
        """Write the arrays at a path and below that a body changed in place."""
        for one, (stored, copy) in list(self._handed.items()):
            if one[: len(path)] != path:
                continue
            if get_at(self.view, one) is not stored:
                del self._handed[one]  # another is there
            elif not same_array(stored, copy):
                self.write(one, copy)
                # It may be changed again.
                self._handed[one] = get_at(self.view, one), copy

    def _violated(self, message: str) -> ContractError:
        error = ContractError(message)
        # A body that swallows it fails all the same.
        if self._violation is None:
            self._violation = error
        return error

    def ended(self, path: Path) -> ContractError:
        """Give the error of who looks at the state through a call that is over."""
        return ContractError(
            f"{written(path)} belongs to a call that has ended. Read "
            f"{self.root.name}.{written(path)} again."
        )

    # What children wrote.

    def take(self, node: Any) -> None:
        """See what a child that has ended wrote: its result is taken."""
        child = getattr(node, "draft", None)
        # Its Node has ended a moment before it is parked: that is one section.
        with self.lock:
            if isinstance(child, Draft) and child in self.parked:
                self._take(child)

    def _take(self, child: Draft) -> None:
        self.parked.remove(child)
        child._leave()
        # It came after what stood there before: nobody asks for that any more.
        self.reads |= {path for path in child.reads if not self._is_written(path)}
        self.seen |= {path for path in child.seen if not self._is_written(path)}
        if child.judged:
            self.judged.update(child.judged)
        if child.outbox is not None:
            self.outbox = self.outbox or Outbox()
            self.outbox.take(child.nth, child.outbox)
        if child.writes:
            self.view = self.shared if not self.parked else child.onto(self.view)
            for path, by in child.writes.items():
                self.writes.setdefault(path, by)
            self.settings = merged(self.settings, child.settings)
        if not any(one.writes for one in self.parked):
            self.view = self.shared

    def onto(self, version: Any) -> Any:
        """Give a version with what this draft wrote."""
        return put_onto(self, version, put_at if self._recorded is None else put_deep)

    # The end.

    def differs(self, touched: Touched) -> str:
        """Name the first path that is not as a record says it was read; nothing where all are."""
        if self.outer is None:
            self.begin()
        if touched.state != self.root.name:
            return f"it ran on the state {touched.state[:80]!r}"
        return why_changed(touched, self.view, self.root.classes)

    def is_in(self, origin: tuple[str, str]) -> bool:
        """Say whether what a Node of a run changed is in the state already."""
        return self.outer is None and self.root.holds(origin)

    def serve(self, touched: Touched | None, origin: tuple[str, str]) -> None:
        """Hold what a served Node changed when it ran, in the run and under the key it had."""
        # Without a key it does not go on with that run: what it changed then is none of this.
        self._serves, self.origin = touched, origin if origin[1] else ("", "")

    def _apply(self, touched: Touched) -> None:
        self.begin()
        with self.lock:
            classes = self.root.classes
            for path, value in touched.reads:
                reads = self.seen if isinstance(value, Present) else self.reads
                reads.add(revived_path(path, classes))
            for path, _, after in touched.delta:
                self._put(revived_path(path, classes), revived(after, classes), self.by)

    def returned(self, value: Any) -> None:
        """Put the result of a Function whose contract says so at its path; None puts nothing."""
        path = () if self.contract is None else self.contract.result_path
        if path and value is not None and self._serves is None and value is not self._result:
            self._gather()
            self._result = value
            self.write(path, value)

    def settle(self, outcome: Outcome, post: Callable[[Outcome, Any], T]) -> T:
        """End: keep what was written, or drop it, and post the outcome that this comes to."""
        try:
            outcome = self._ruled(outcome)
        except Exception as error:  # noqa: BLE001  whatever it is, nothing of it counts
            outcome = "error", None, error
        if self.outer is None:
            return self._commit(outcome, post)
        return self._hand_up(self.outer, outcome, post)

    def _ruled(self, outcome: Outcome) -> Outcome:
        """Give what the body came to under its contract."""
        kind, value, error = outcome
        contract = self.contract
        if kind == "success":
            if self._serves is not None:
                self.outbox = Outbox.of(self._serves)
                if not self.is_in(self.origin):
                    self._apply(self._serves)
                return outcome
            self.returned(value)  # a policy may have put another in its place
            self._gather()
            if self._violation is not None:
                return "error", None, self._violation
            reason = None if self.node is None else self.node.cancel_reason
            if reason is not None and (self.writes or self.outbox):
                return "canceled", None, CancellationException(reason)
            if self.base is not None:
                value = owned(value)
            audit = host().audit
            if audit is not None and self._recorded is None and (self.writes or self.node):
                return self._judged(("success", value, None), audit.left, self.base, self.view)
        elif (
            contract is not None
            and isinstance(error, Exception)
            and not isinstance(error, NetfluxError)
            and not contract.declares(error)
        ):
            raised = ContractError(
                f"{self.by}() raised {stringify(error, 120)}, which its contract does not name. "
                f"Add {type(error).__name__} to raises."
            )
            raised.__cause__ = error
            return "error", None, raised
        return kind, value, error

    def _judged(
        self, outcome: Outcome, ask: Callable[..., None], before: Any, view: Any
    ) -> Outcome:
        """Give the outcome under the rules of the audit."""
        try:
            ask(self, before, view)
        except Exception as error:  # noqa: BLE001  a rule that cannot be asked does not hold
            return self._refused(outcome, "Audit", error)
        return outcome

    def _gather(self) -> None:
        """Have all that the body and its children wrote."""
        self.collect()
        with self.lock:
            for child in sorted(self.parked, key=lambda one: one.nth):
                self._take(child)

    def changed(self) -> str:
        """In a replay: name the first path that was left otherwise than then."""
        if self._recorded is None or self._serves is not None:
            return ""
        self._gather()
        if self.outer is None and not same_outbox(self, self._recorded.touched):
            return "the outbox"
        return self._recorded.left_otherwise({p: get_at(self.view, p) for p in changes_of(self)})

    def _close(self) -> None:
        with self.lock:
            self.is_open = False
        self._handed.clear()
        if self.outer is None:
            self._leave()

    def _leave(self) -> None:
        """Let go of the Node, which is kept as long as its tree is looked at."""
        for child in self.parked:
            child._leave()
        if self.node is not None:
            self.node.draft = None

    def _hand_up(self, outer: Draft, outcome: Outcome, post: Callable[[Outcome, Any], T]) -> T:
        self._close()
        with outer.lock:
            if outcome[0] == "success" and (self.writes or self.outbox):
                lost = () if self._recorded is not None else self.conflict_with(outer.shared)
                if lost:
                    outcome = self._refused(outcome, "Contract", lost_to(self, lost, outer))
            touched = touched_of(self)
            posted = post(outcome, touched)
            if outcome[0] != "success":
                self.writes, self.outbox = {}, None
            else:
                tell(self.node, paths_of(self.settings), outer.node)
                is_one = outer.view is outer.shared and not self.writes
                outer.shared = self.onto(outer.shared)
                if is_one:
                    outer.view = outer.shared
            if touched is not None or self.outbox is not None:
                outer.parked.append(self)
            else:
                self._leave()
            return posted

    def _commit(self, outcome: Outcome, post: Callable[[Outcome, Any], T]) -> T:
        self._close()
        root = self.root
        is_served = self._serves is not None and self.is_in(self.origin)
        if self.base is None or self._recorded is not None or is_served:
            if outcome[0] == "success":
                tell(self.node, paths_of(self.settings, self._serves))
            posted = post(outcome, touched_of(self) or self._serves)
            if self._serves is not None:
                root.note(self._origins())
            return posted
        asked: Any = MISSING  # the version that rules were asked of putting this on
        for _ in range(MOST_TURNS):
            outcome, asked = self._asked(outcome, root)
            with root.lock:
                if asked is MISSING or outcome[0] != "success" or root.root is asked:
                    return self._count(outcome, post)
        lost = ConflictError(f"Others change {root.name} all the time. Call {self.by}() again.")
        return post(self._refused(outcome, "Contract", lost), touched_of(self))

    def _asked(self, outcome: Outcome, root: StateVersions) -> tuple[Outcome, Any]:
        """Ask the rules of a change, with no lock held: what they ask may be a person's code."""
        audit = host().audit
        if audit is None or not (self.writes and outcome[0] == "success" and audit.is_late(self)):
            return outcome, MISSING
        before = root.newest
        if before is self.base:
            after = self.view
        elif self.conflict_with(before):
            return outcome, MISSING
        else:
            after = self.onto(before)
        return self._judged(outcome, audit.committed, before, after), before

    def _count(self, outcome: Outcome, post: Callable[[Outcome, Any], T]) -> T:
        """Make what was written the newest version, with the line that ends the Node."""
        root = self.root
        with root.lock:
            if outcome[0] != "success" or not (self.writes or self.outbox):
                return post(outcome, touched_of(self))
            newest = self.view
            if root.root is not self.base:
                lost = self.conflict_with(root.root)
                if lost:
                    outcome = self._refused(outcome, "Contract", lost_to(self, lost, None))
                    return post(outcome, touched_of(self))
                newest = self.onto(root.root)
            if not self.writes:  # a call in an outbox goes by what was read
                return post(outcome, touched_of(self))
            touched = touched_of(self, root.version + 1)
            assert touched is not None
            if self.settings:
                newest = without(newest, self.settings)
                touched = touched._replace(signals=sent_of(self.settings))
            # Who sees that the Node has ended sees what it wrote, too.
            undo = root.commit(newest, self.by, self._origins(), touched)
            try:
                if touched.signals:
                    tell(self.node, paths_of(self.settings))
                return post(outcome, touched)
            except BaseException:
                undo()  # it counts with its line: what cannot be posted is not kept
                raise

    def _origins(self) -> Sequence[tuple[str, str]]:
        """Name the Nodes whose change this is: this one, and the one that it was served from."""
        node = self.node
        mine = ("", "") if node is None else (node.runtime.run_name(node), node.key)
        return [one for one in (mine, self.origin) if one[0]]

    def conflict_with(self, shared: Any) -> Path:
        """Give the first path that is not in a version as it was in the base; nothing else."""
        touched = (*self.reads, *held_of(self.writes, self.settings))
        return first_changed(self.base, shared, touched, list(self.seen))

    def _refused(self, outcome: Outcome, by: str, error: BaseException) -> Outcome:
        """Give the outcome of who came second, or broke a rule. A replay gives it again."""
        node = self.node
        if node is not None:
            ruled = node.ruling
            if ruled is not None and ruled.moment == "leave":
                by, came = f"{ruled.by}, {by}", ruled.came
            else:
                came = came_to(outcome[1], outcome[2], node.runtime.redact)
            node.ruling = Ruling(by, "leave", came)
        return "error", None, error
