"""`workflow`: a machine as one Function, whose steps are its children."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...core.errors import ArgumentError, SignatureError
from ...core.functions.arguments import FunctionArg
from ...core.functions.kinds import CodeFunction, Function, newest
from ...core.slots import Slot
from ...core.text.yaml_text import MOST_BYTES, read_yaml
from ...runtime.context import RunContext
from ...runtime.registry import refuse_cycles
from .finished import Finished
from .machine import Findings, Machine, read_machine, shown
from .machine_run import MachineRun

MAX_OPS = 1_000
# More states than this are no choice for a model.
MOST_CHOICES = 50

# Draws a machine, and where a run of it is; the room that shows fills it.
pictures: Slot[Any] = Slot(lambda workflow, run: repr(workflow))


class WorkflowFunction(CodeFunction):
    """A workflow. It has no contract: each step counts by itself, when it ends."""

    def __init__(
        self, name: str, desc: str, machine: Machine, uses: list[Function], max_ops: int
    ) -> None:
        async def body(ctx: RunContext, **inputs: Any) -> Finished:
            going = MachineRun(ctx, self.name, self.machine, self.uses, inputs, self.max_ops)
            return await going.run()

        args = _args_of(machine, uses)
        body.__signature__ = _signature(args)  # type: ignore[attr-defined]
        self.machine = machine
        # What its version is made of.
        self.words = json.dumps(machine.words)
        self.max_ops = max_ops
        super().__init__(name=name, desc=desc, args=args, callable=body, uses=uses)

    def picture(self, run: Any = None) -> Any:
        """Show the machine; of a run, the state that it is in, and the way to it."""
        return pictures()(self, run)


def workflow(
    source: str | Path | Mapping[str, Any],
    *,
    functions: Iterable[Function] = (),
    name: str = "",
    max_ops: int = MAX_OPS,
) -> WorkflowFunction:
    """Make a Function of a machine: its states, what runs in each, and where events lead.

    Called, it runs the `entry` Functions of a state as its children, gives each of the inputs what
    it takes, and goes where the event leads that comes: a signal that they published, then
    `EVT_SUCCESS` or `EVT_FAIL`, then what a person answers. A state without events is an end.

    Args:
        source: A file of YAML, its text, or a dict.
        functions: Where the names of `entry` are looked up first; then here, in the kernel.
        name: What it is called; else what the file is.
        max_ops: The most transitions of a run.

    Raises:
        FunctionError: All that is wrong with it.

    Example:
        >>> from netflux_nb import function
        >>> @function
        ... def greet() -> str:
        ...     return "hello"
        >>> day = workflow({"steps": ["greet"]}, functions=[greet], name="day")
        >>> [state.name for state in day.machine.states.values()]
        ['greet', 'DONE']
    """
    if type(max_ops) is not int or max_ops < 1:
        raise ArgumentError(f"max_ops is a whole number from 1 on; got {str(max_ops)[:40]!r}.")
    data, called = _read(source)
    called = name or str(data.get("name", "") if isinstance(data, Mapping) else "") or called
    findings = Findings(shown(called))
    machine, own = read_machine(data, findings)
    known = {fn.name: fn for fn in functions} | own
    uses = _resolved(machine, known, findings)
    findings.check()
    made = WorkflowFunction(
        _name(called, {fn.name for fn in uses}),
        f"The workflow {shown(called)}: {len(machine.states):,} states.",
        machine,
        uses,
        max_ops,
    )
    refuse_cycles([made])
    return made


def _read(source: str | Path | Mapping[str, Any]) -> tuple[Any, str]:
    """Give what a machine is read from, and what its source is called."""
    if isinstance(source, Mapping):
        return source, "workflow"
    if not isinstance(source, (str, Path)):
        raise SignatureError(
            f"A workflow is a file of YAML, its text or a dict; got {type(source).__name__}."
        )
    if isinstance(source, str) and ("\n" in source or ": " in source):
        return read_yaml(source, "workflow"), "workflow"
    path = Path(source)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ArgumentError(f"{path.name} is larger than {MOST_BYTES // 1_000_000} MB.")
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise ArgumentError(f"{shown(path)} cannot be read as a workflow: {why}.") from None
    return read_yaml(text, path.name), path.stem


def _resolved(
    machine: Machine, known: Mapping[str, Function], findings: Findings
) -> list[Function]:
    found = []
    for name in machine.entries:
        fn = known.get(name) or newest(name)
        if fn is None:
            words = f"{shown(name)} names no Function. Give it in `functions`, or define it first."
            findings.add(words, name, known)
        elif any(arg.name == "start" and arg.required for arg in fn.args):
            findings.add(f"{shown(name)}() takes `start`, which is the workflow's own.")
        else:
            found.append(fn)
    return found


def _name(called: str, taken: set[str]) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", called)[:50]
    if not re.match(r"[A-Za-z_]", plain):
        plain = f"workflow_{plain[:40]}"
    return f"{plain}_workflow" if plain in taken else plain


def _args_of(machine: Machine, uses: list[Function]) -> list[FunctionArg]:
    """Give its arguments: where to start, and all that its Functions take."""
    told: dict[str, FunctionArg] = {}
    for fn in uses:
        for arg in fn.args:
            if arg.name == "start":  # one that is a workflow itself begins where it does
                continue
            before = told.get(arg.name)
            kind = arg.argtype if before is None or before.argtype == arg.argtype else Any
            desc = arg.desc if before is None else before.desc
            told[arg.name] = FunctionArg(arg.name, kind, desc, optional=True)
    few = set(machine.states) if len(machine.states) <= MOST_CHOICES else None
    start = FunctionArg("start", str, "The state to begin in.", enum=few, default=machine.start)
    return [start, *told.values()]


def _signature(args: list[FunctionArg]) -> inspect.Signature:
    words = inspect.Parameter
    params = [words("ctx", words.POSITIONAL_OR_KEYWORD)]
    for arg in args:
        default = None if arg.optional else arg.default
        params.append(words(arg.name, words.KEYWORD_ONLY, default=default))
    return inspect.Signature(params)
