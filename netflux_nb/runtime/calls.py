"""Calls that become Nodes: the checks before one exists, its key, and its opening."""

from __future__ import annotations

import contextvars
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Protocol

from ..core.contracts.declared import outermost
from ..core.errors import (
    ArgumentError,
    BudgetError,
    FunctionError,
    MaxAgentLevelExceededException,
    NetfluxError,
    NoNodeError,
    SignatureError,
    listed,
)
from ..core.events import NodeOpened, RunBegan
from ..core.functions.kinds import AgentFunction, CodeFunction, Function
from ..core.json.canonical import canonical, digest, inputs_digest, node_key
from ..core.json.portable import RecordedFunction
from ..core.messages import Model, Provider, provider_name
from ..core.policy import Cursor, Policy
from ..core.secrets.redaction import redacted
from ..core.snapshots import snapshot
from .agents.agent import AgentNode
from .context import RunContext
from .gate import Gate, outcome_of
from .host import host
from .life import Life
from .nodes import CodeNode, Node, Tree
from .observe import Log
from .registry import Registry, answering, driver_of
from .threads.schedule import Loop, Pool


class _Runtime(Protocol):
    """A runtime as its calls need it."""

    clock: Callable[[], float]
    factories: dict[str, Callable[[], Any]]
    models: dict[str, Model]
    model: Provider | str | None
    settings: dict[str, Any]
    seed: int
    redact: Callable[[str], str]
    log: Log
    pool: Pool
    loop: Loop
    gate: Gate
    life: Life

    def can_ask(self, name: str) -> bool: ...


# Agents along one line of calls. Generous: it is there against runaways, not for design.
DEFAULT_MAX_AGENT_LEVELS = 8
UPPER_MAX_AGENT_LEVELS = 64


# A tree against runaways: a recursion without an end is ended in seconds, at some 100 MB. Chains
# of 10,000 calls and trees of 100,000 are in use. A map may have its rows beside it.
MAX_DEPTH = 12_000
MAX_NODES = 250_000
# What agents on a free model write until somebody looks.
MAX_RECORD_MB = 1_000


def at_most(name: str, given: int | None, default: int) -> float:
    """Give a limit: as it is set, or by default; 0 is none. Raises on what is no number."""
    if given is None:
        return default
    if type(given) is not int or given < 0:
        raise ArgumentError(f"{name} is {str(given)[:40]!r}. Give a whole number; 0 is no limit.")
    return given or math.inf


def beyond(fn: str, why: str, name: str) -> BudgetError:
    """Give the one line for a call that a tree is too large for."""
    return BudgetError(
        f"{fn}() was not called: {why}. Where that is meant, raise `{name}`: "
        f"`Runtime({name}=…)`, in a notebook `%config NetfluxNB.{name} = …`; 0 is no limit."
    )


NO_INPUTS = inputs_digest({})
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Calls:
    """All Nodes of a runtime, and the checks that a call passes before it is one."""

    def __init__(
        self,
        runtime: _Runtime,
        specs: Sequence[Function],
        *,
        is_open: bool,
        max_depth: int | None = None,
        max_nodes: int | None = None,
    ) -> None:
        self._runtime = runtime
        self._max_depth = at_most("max_depth", max_depth, MAX_DEPTH)
        self._max_nodes = at_most("max_nodes", max_nodes, MAX_NODES)
        self.registry = Registry(specs, is_open=is_open)
        self.nodes: dict[int, Node] = {}
        self.roots: dict[int, Node] = {}
        self.levels: dict[int, int] = {}
        self._ids = itertools.count(1)

    def levels_of(self, root: Node) -> int:
        """Say how deep agents may call agents in a tree."""
        return self.levels.get(root.id, DEFAULT_MAX_AGENT_LEVELS)

    def invoke(
        self,
        caller: Node | None,
        fn: Function,
        inputs: Mapping[str, Any],
        provider: Provider | str | None,
        cancel_event: Any,
        tool_use_id: str | None,
        max_agent_levels: int | None,
        timeout: float | None,
        impl: Callable[[Any], type[AgentNode]],
        cursor: Cursor,
    ) -> Node:
        """Start a call and give its Node. What is wrong with it is raised before one exists."""
        self.check_call(caller, fn)
        if caller is not None and (
            caller.depth >= self._max_depth or caller.tree.count >= caller.tree.most
        ):
            raise self._beyond(caller, fn.name)
        fn, inputs, provider = cursor.turned(caller, fn, inputs, provider)
        if provider is not None and not fn.takes_provider:
            raise FunctionError(
                f"Provider override is only valid for AgentFunction; {fn.name} is code."
            )
        audit = host().audit
        if audit is not None and caller is None and not cursor.is_alone:
            audit.check()
        checked = fn.validate_coerce_args(inputs)
        if max_agent_levels is not None:
            self._check_levels(caller, max_agent_levels)
        if fn.is_agent():
            self._check_depth(caller, fn, max_agent_levels)
        node = self._make(caller, fn, checked, provider, cancel_event, tool_use_id, impl, cursor)
        if caller is None and max_agent_levels is not None:
            self.levels[node.id] = max_agent_levels
        self._open(node)
        try:
            if cancel_event is not None:
                self._runtime.pool.poll(node, partial(self._runtime.life.look, node))
            if timeout is not None:
                why = f"The deadline of {timeout} s passed"
                node.deadline = self._runtime.loop.later(timeout, lambda: node.cancel(why))
        except NetfluxError as error:  # it was opened: it ends, and says why
            self._runtime.life.finish(node, outcome_of(None, error))
            return node
        self._runtime.life.admit(node)
        if caller is not None and caller.cancel_reason is not None:
            node.cancel(caller.cancel_reason)
        return node

    def check_call(self, caller: Node | None, fn: Function) -> None:
        """Raise where a Function may not be called here, or not by this caller, or not any more."""
        try:
            self.registry.admit(fn)
        except FunctionError:
            if caller is not None:  # what it did not declare is its mistake in any runtime
                self._check_caller(caller, fn)
            if caller is None or not caller.lent or self.registry.get(fn.name) is not None:
                raise
            # It is declared by a body that its caller's called directly, and so declared nowhere.
            self.registry.add([fn])
        if caller is not None:
            self._check_caller(caller, fn)

    def follow(
        self,
        caller: Node | None,
        cursor: Cursor,
        fn: Function,
        inputs: dict[str, Any],
        lent: list[Any],
    ) -> Node:
        """Open a call that an ending Node leads to, beside that one; it is not admitted yet.

        Their caller may have its outcome. It has not ended: it waits for the one that ends.
        """
        made = self._make(caller, fn, inputs, None, None, None, driver_of, cursor)
        made.lent = lent
        self._open(made, is_inside=True)
        return made

    def _check_caller(self, caller: Node, fn: Function) -> None:
        if caller.is_done or caller.outcome is not None:
            raise _ended(caller, fn)
        if caller.is_cancel_requested():
            raise caller.stops()
        if not self.registry.may_call(caller.fn, fn) and not any(
            self.registry.may_call(lent, fn) for lent in caller.lent or ()
        ):
            raise FunctionError(
                f"{caller.fn.name}() may not call {fn.name}(): it is not in its `uses`. "
                f"Declared: {listed(f.name for f in caller.fn.uses)}."
            )

    def _beyond(self, caller: Node, name: str) -> BudgetError:
        if caller.tree.count >= caller.tree.most:
            most = f"its tree has {caller.tree.count:,} Nodes, the most it may have"
            return beyond(name, most, "max_nodes")
        most = f"its caller is {caller.depth:,} levels deep, the most that a tree may be"
        return beyond(name, most, "max_depth")

    def _check_levels(self, caller: Node | None, levels: int) -> None:
        if caller is not None:
            raise ArgumentError("max_agent_levels is only valid for a top-level invoke.")
        if type(levels) is not int or not 0 <= levels <= UPPER_MAX_AGENT_LEVELS:
            raise ArgumentError(
                f"max_agent_levels must be between 0 and {UPPER_MAX_AGENT_LEVELS}, got {levels!r}."
            )

    def _check_depth(self, caller: Node | None, fn: Function, levels: int | None) -> None:
        limit = DEFAULT_MAX_AGENT_LEVELS if levels is None else levels
        level = 1
        if caller is not None:
            limit = self.levels_of(caller.root_ancestor)
            level = caller.agent_lineage_level + 1
        if level > limit:
            raise MaxAgentLevelExceededException(fn.name, limit, level)

    def _make(
        self,
        caller: Node | None,
        fn: Function,
        inputs: dict[str, Any],
        provider: Provider | str | None,
        cancel_event: Any,
        tool_use_id: str | None,
        impl: Callable[[Any], type[AgentNode]],
        cursor: Cursor,
    ) -> Node:
        runtime = self._runtime
        ctx = RunContext(self._runtime)
        if isinstance(fn, CodeFunction):
            node: Node = CodeNode(
                ctx, next(self._ids), fn, inputs, caller, cancel_event, tool_use_id
            )
        elif isinstance(fn, AgentFunction):
            name, model = model_of(fn, provider, cursor.model)
            # A record may answer for a provider that nobody answers for here.
            if cursor.is_live:
                check_provider(runtime, fn.name, name)
            named: Any = next((p for p in Provider if p.value == name), name)
            made = impl(named)(
                ctx,
                next(self._ids),
                fn,
                inputs,
                caller,
                cancel_event,
                runtime.factories.get(name),
                tool_use_id,
            )
            made.provider_used = named
            made.model = model
            self.resolve(made)
            node = made
        else:
            raise SignatureError(f"{fn.name}: only agents and code can be run.")
        node.cursor = cursor
        if fn.contract is not None or (caller is not None and caller.draft is not None):
            above = None if caller is None else caller.draft
            node.draft = outermost()(node) if above is None else above.below(node)
        node.provider_asked = provider
        ctx.node = node
        return node

    def resolve(self, node: Node) -> None:
        """Fix which Functions an agent's model may call: what their names mean now."""
        if isinstance(node, AgentNode):
            node.func_map = {f.name: self.registry.newest(f) for f in node.fn.uses}

    def _open(self, node: Node, *, is_inside: bool = False) -> None:
        caller, fn, log = node.parent, node.fn, self._runtime.log
        node.context = contextvars.copy_context()
        # Without keys: a record gives the arguments back without them, and finds the Node so.
        given = snapshot(node.inputs) if node.inputs else node.inputs
        text = self._runtime.redact(inputs_digest(given)) if given else NO_INPUTS
        above = caller.key if caller is not None else ""
        inputs = MappingProxyType(given) if given else NOTHING
        if isinstance(node, AgentNode):
            # Its prompt is made later, of what it was given now. Code gets the values themselves.
            node.inputs = dict(given)
        provider = node.provider
        tree = node.tree = Tree(self._max_nodes) if caller is None else caller.tree
        is_known = log.is_recorded and not isinstance(fn, RecordedFunction)
        version = tree.version(fn) if is_known else None
        call = (fn.name, text)
        if caller is None:
            # The same call begun again has the same keys: runs are told apart by their names.
            node.key = node_key("", fn.name, text, 0)
        with log.lock:
            if caller is not None:
                # A thread that was lent its context may call while its body returns.
                if caller.outcome is not None and not is_inside:
                    raise _ended(caller, fn)
                counts = caller.counts
                if counts is None:
                    counts = caller.counts = {}
                nth = counts.get(call, 0)
                node.key = node_key(above, fn.name, text, nth)
                counts[call] = nth + 1
            body = NodeOpened(
                caller.id if caller is not None else None,
                fn,
                inputs,
                node.key,
                node.tool_use_id,
                provider,
                node.model if isinstance(node, AgentNode) else None,
                version,
            )
            # A record that cannot take it raises here, and nothing has happened yet.
            _, woken = log.post_locked(node, body)
            tree.count += 1
            self.nodes[node.id] = node
            if caller is not None:
                caller.children.append(node)
                caller.open_children += 1
            else:
                self.roots[node.id] = node
        # It waits, starts or ends next, and that is an event as well.
        log.after(woken, drains=False)
        if caller is None and log.is_recorded:
            log.post(
                node,
                RunBegan(began(self._runtime, node, self.levels_of(node)), node.cursor.changes),
            )

    def stillborn(
        self,
        caller: Node,
        fn: Function | None,
        name: str,
        args: Mapping[str, Any],
        tool_use_id: str | None,
        error: BaseException,
    ) -> Node:
        """Open and end a Node for a call that could not be made, so that the tree shows it."""
        if caller.tree.count >= caller.tree.most:
            raise self._beyond(caller, _safe_name(name))
        shown = fn or RecordedFunction(_safe_name(name), "code")
        ctx = RunContext(self._runtime)
        node = CodeNode(ctx, next(self._ids), shown, dict(args), caller, None, tool_use_id)
        ctx.node = node
        self._open(node)
        self._runtime.life.finish(node, outcome_of(None, error))
        return node


def _ended(caller: Node, fn: Function | RecordedFunction) -> NoNodeError:
    return NoNodeError(
        f"Cannot invoke {fn.name}() from a terminal node: Node {caller.id}, "
        f"{caller.fn.name}(), is {caller.state.name}."
    )


def model_of(
    fn: AgentFunction, provider: Provider | str | None, default: Provider | str | None
) -> tuple[str, str | None]:
    """Split `provider:model`: this call's, else the agent's own, else the runtime's."""
    own = fn.default_model if fn.names_model else default or fn.default_model
    own_name, _, own_model = provider_name(own).partition(":")
    if provider is None:
        return own_name, own_model or None
    name, _, model = provider_name(provider).partition(":")
    return name, model or (own_model if name == own_name else "") or None


def check_provider(runtime: _Runtime, agent: str, name: str) -> None:
    """Raise where nobody answers for the provider that an agent wants."""
    if not runtime.can_ask(name):
        raise FunctionError(_nobody_answers(runtime, agent, name))


def _nobody_answers(runtime: _Runtime, agent: str, name: str) -> str:
    if name == Provider.Scripted.value:
        return (
            f"{agent}() wants the scripted model, which has no script. Give one: "
            f"`from netflux_nb.testing import ScriptedModel`, then "
            f'`Runtime(models={{"scripted": ScriptedModel(["An answer."])}})`.'
        )
    there = {*runtime.models, *runtime.factories, *answering()}
    return (
        f"{agent}() wants provider {name!r}, for which there is no client factory and no "
        f"model. There is: {listed(there)}."
    )


def _safe_name(name: str) -> str:
    kept = "".join(c if c.isalnum() or c == "_" else "_" for c in str(name))[:60]
    return kept if kept.isidentifier() else f"unknown_{digest(str(name))[:8]}"


def began(runtime: _Runtime, root: Node, levels: int) -> dict[str, Any]:
    """Describe the beginning of a tree: enough to begin it again."""
    here, own = host().place(), host().patterns
    model = runtime.model
    asked = root.provider_asked
    return {
        "of": None,
        "how": None,
        "mode": "live",
        "seed": runtime.seed,
        "policies": policies_digest(runtime.gate.policies[1:]),
        "model": None if model is None else provider_name(model),
        "settings": redacted(runtime.settings),
        "provider": None if asked is None else provider_name(asked),
        "levels": levels,
        "notebook": here.get("notebook"),
        "cell": here.get("cell"),
        "execution_count": here.get("execution_count"),
        **({"patterns": sorted(own.sources)} if own else {}),
        **_declared(runtime),
        **root.cursor.about,
    }


def _declared(runtime: _Runtime) -> dict[str, Any]:
    """Give what policies say is declared, so that a record can be held to it."""
    found = [getattr(policy, "declared", None) for policy in runtime.gate.policies[1:]]
    told = [one for one in found if isinstance(one, Mapping)]
    return {"declared": told} if told else {}


def policies_digest(policies: Sequence[Policy]) -> str:
    """Hash what rules: the kinds of policies in their order, and how they are set."""
    return digest(canonical([_words(p) for p in policies]))


def _words(policy: Policy) -> list[Any]:
    names = list(getattr(policy, "__dict__", {}))
    for kind in type(policy).__mro__:
        slots = getattr(kind, "__slots__", ())
        names.extend([slots] if isinstance(slots, str) else slots)
    plain = {}
    for name in names:
        value = getattr(policy, name, None)
        if isinstance(value, str | int | float | bool) and not name.startswith("_"):
            plain[name] = repr(value)
    return [type(policy).__qualname__, plain]
