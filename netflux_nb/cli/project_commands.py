"""The commands over a project's files: begin one, its audit recipe, its context's schema."""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError
from ..core.text.legible import escaped
from ..core.text.yaml_text import read_yaml
from ..state.audit_recipe import ProcessRecipe, read_recipe
from ..state.audit_rules import LEVELS, AuditRule
from . import scaffold
from .context_schema import code_of, schema_of
from .printing import say, say_json
from .process_sources import ProcessSource, processes_below
from .recipe_text import ENTRIES, recipe_in, with_entries

OK = 0
PROCESSES = Path("src/processes")
RECIPE = Path("specs/audit_recipe.yaml")
SCHEMA = Path("specs/context_schema.yaml")
# What stands in a schema that was written by its command, and may be written again.
MADE = "generated"


def init(args: argparse.Namespace) -> int:
    """Begin a project in a new folder, or in an empty one."""
    folder = Path(args.name)
    shown = escaped(args.name[:200])
    if not args.name.strip() or "\0" in args.name:
        raise ArgumentError("Give the name of the new folder, or `.` for this one.")
    if folder.exists() and not folder.is_dir():
        raise ArgumentError(f"'{shown}' is a file. Give the name of a new folder.")
    # What begins with a dot is no part of a project, such as `.git`.
    if folder.is_dir() and (there := [p.name for p in folder.iterdir() if p.name[0] != "."]):
        raise ArgumentError(
            f"The folder '{shown}' is not empty: it has {escaped(min(there)[:80])!r}. Give "
            f"the name of a new one."
        )
    for name, text in scaffold.FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    steps = ["python main.py", "netflux-nb audit inspect transfer"]
    if folder.resolve() != Path.cwd():
        steps.insert(0, f"cd {args.name}")
    if args.json:
        say_json({"folder": args.name, "created": list(scaffold.FILES), "next": steps})
        return OK
    say("\n".join(f"Created {name}" for name in scaffold.FILES))
    say("\nNext:\n" + "\n".join(f"  {step}" for step in steps))
    return OK


def gen_spec(args: argparse.Namespace) -> int:
    """Add an entry to the recipe for each process that has none."""
    found = processes_below(PROCESSES)
    text, told = recipe_in(RECIPE)
    known: Mapping[str, Any] = told.get(ENTRIES) or {}
    new = [one for name, one in found.items() if name not in known]
    if new:
        made = with_entries(text, RECIPE.name, new)
        _check(made, told, new)
        _write(RECIPE, made)
    if args.json:
        say_json({"found": list(found), "added": [one.name for one in new]})
        return OK
    for one in found.values():
        say(f"Found {one.name} in {one.file}" + (", added" if one in new else ""))
    if not found:
        say(f"There is no process in {PROCESSES.as_posix()}.")
    elif not new:
        say(f"{RECIPE.as_posix()} has them all.")
    else:
        say(
            f"{RECIPE.as_posix()} has {len(new)} more. Fill in their fields: TODO_FIELD asks nothing."
        )
    return OK


def _check(made: str, told: Mapping[str, Any], new: list[ProcessSource]) -> None:
    """Raise unless the new text says all that the old one did, and the new entries."""
    now = read_yaml(made, RECIPE.name)
    entries = dict(now.get(ENTRIES) or {}) if isinstance(now, dict) else {}
    added = {one.name: entries.pop(one.name, None) for one in new}
    rest = {**now, ENTRIES: entries} if isinstance(now, dict) else {}
    if not all(added.values()) or rest != {**told, ENTRIES: told.get(ENTRIES) or {}}:
        raise ArgumentError(
            f"{RECIPE.as_posix()} is written in a way that nothing can be added to. Write "
            f"`{ENTRIES}` as a key with an entry a line."
        )


def _write(path: Path, text: str) -> None:
    """Write a file whole, or not at all."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(text.encode())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def inspect(args: argparse.Namespace) -> int:
    """Show what a process may touch, and the rules over it."""
    found = processes_below(PROCESSES) if PROCESSES.is_dir() else {}
    _, told = recipe_in(RECIPE)
    known: Mapping[str, Any] = told.get(ENTRIES) or {}
    if args.process not in found and args.process not in known:
        near = difflib.get_close_matches(args.process, [*found, *map(str, known)], 1, 0.6)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        raise ArgumentError(
            f"There is no process {escaped(args.process[:80])!r} in {PROCESSES.as_posix()}, and "
            f"none in {RECIPE.as_posix()}.{meant}"
        )
    one = found.get(args.process)
    rules = read_recipe(told).processes.get(args.process) or ProcessRecipe()
    if args.json:
        say_json(_inspected(args.process, one, rules))
        return OK
    say(_words(args.process, one, rules, is_known=args.process in known))
    return OK


def _words(name: str, one: ProcessSource | None, rules: ProcessRecipe, *, is_known: bool) -> str:
    where = f"not in {PROCESSES.as_posix()}" if one is None else one.file
    lines = [f"{name}: {where}", ""]
    if one is not None:
        contract = {"reads": one.reads, "writes": one.writes}
        contract |= {"side effects": one.effects, "errors": one.errors}
        lines += [f"  {word:<13}{', '.join(said) or 'none'}" for word, said in contract.items()]
        lines.append("")
    lines.append(f"Rules in {RECIPE.as_posix()}" + ("" if is_known else ": it has no entry there"))
    lines += [f"  input   {_rule(rule)}" for rule in rules.inputs]
    lines += [f"  output  {_rule(rule)}" for rule in rules.outputs]
    if is_known and not rules.rules:
        lines.append("  none")
    return "\n".join(lines)


def _rule(rule: AuditRule) -> str:
    """Write a rule in one line."""
    above = f", from the {_nth(rule.most)} on" if rule.most > 1 else ""
    said = f" ({rule.message})" if rule.message else ""
    return f"{rule.field}: {rule.said_limit}, level {rule.level}: {LEVELS[rule.level]}{above}{said}"


def _nth(number: int) -> str:
    is_teen = 10 < number % 100 < 14
    return f"{number}{'th' if is_teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _inspected(name: str, one: ProcessSource | None, rules: ProcessRecipe) -> dict[str, Any]:
    contract = None if one is None else {**asdict(one), "name": name}
    gates = {"inputs": rules.inputs, "outputs": rules.outputs}
    return {
        "contract": contract,
        "rules": {
            gate: [
                {
                    "field": rule.field,
                    "condition": rule.condition,
                    "limit": rule.limit,
                    "level": rule.level,
                    "threshold": rule.most,
                    "message": rule.message,
                }
                for rule in some
            ]
            for gate, some in gates.items()
        },
    }


def schema_gen(args: argparse.Namespace) -> int:
    """Write the schema of the context's classes."""
    import yaml

    source = _file(args.context_file)
    schema = schema_of(source)
    if not args.force and SCHEMA.exists() and not _may_go(SCHEMA):
        raise ArgumentError(
            f"{SCHEMA.as_posix()} was written by hand. `--force` writes it anew all the same."
        )
    text = yaml.safe_dump({MADE: True, **schema}, sort_keys=False, allow_unicode=True)
    _write(SCHEMA, text)
    if args.json:
        say_json(schema)
    else:
        say(f"Wrote {SCHEMA.as_posix()}, of {source.as_posix()}\n\n{text}")
    return OK


def _may_go(path: Path) -> bool:
    """Say whether a schema holds nothing, or was written by the same command."""
    try:
        told = read_yaml(path.read_text("utf-8"), path.name)
    except (ArgumentError, UnicodeDecodeError):
        return False
    return told is None or (isinstance(told, dict) and told.get(MADE) is True)


def schema_code(args: argparse.Namespace) -> int:
    """Write classes for a schema."""
    source, out = _file(args.schema_file), Path(args.out_file)
    code = code_of(source)
    if out.exists() and not args.force:
        raise ArgumentError(
            f"{escaped(out.as_posix())} is there already. Give another `--out-file`, or `--force`."
        )
    _write(out, code)
    if args.json:
        say_json({"file": out.as_posix(), "code": code})
    else:
        say(f"Wrote {out.as_posix()}, of {source.as_posix()}")
    return OK


def _file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise ArgumentError(f"There is no file {escaped(name[:200])!r}.")
    return path
