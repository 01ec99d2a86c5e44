"""Recipes of an audit: rules by Function, and those of a state, as a file says them.

All that is wrong with a recipe is told at once, when it is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError
from ..core.text.legible import escaped
from ..core.text.yaml_text import read_yaml
from .audit_rules import TO_FILL_IN, AuditRule, near, rules_of

MOST_RULES = 10_000
_PROCESS_WORDS = ("inputs", "outputs", "side_effects", "errors", "inherits")


@dataclass(frozen=True, slots=True)
class ProcessRecipe:
    """What a recipe says of one Function."""

    inputs: tuple[AuditRule, ...] = ()
    outputs: tuple[AuditRule, ...] = ()
    side_effects: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    inherits: str = ""

    @property
    def rules(self) -> tuple[AuditRule, ...]:
        """Those of both gates."""
        return (*self.inputs, *self.outputs)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Rules as a file says them: by Function, and those of the whole state."""

    processes: Mapping[str, ProcessRecipe]
    state: tuple[AuditRule, ...] = ()


def read_recipe(source: str | os.PathLike[str] | Mapping[str, Any], state: str = "state") -> Recipe:
    """Read a recipe: a YAML or JSON file, its text, or what such a file holds.

    Args:
        source: `{"process_recipes": {name: {"inputs": [...], "outputs": [...]}}, "state": [...]}`.
        state: The name of the state, whose rules stand under `state`.
    """
    data, name = _loaded(source)
    findings: list[str] = []
    if not isinstance(data, Mapping):
        raise ArgumentError(f"{name} is no recipe. It has `process_recipes`, by Function.")
    _check_words(data, ("process_recipes", "state"), "the recipe", findings)
    entries = data.get("process_recipes") or {}
    if not isinstance(entries, Mapping):
        raise ArgumentError(f"{name}: `process_recipes` holds an entry by Function.")
    made = {str(one): _process(str(one), said, findings) for one, said in entries.items()}
    whole = {one: _inherited(one, made, findings) for one in made}
    rules = _gate_rules(state, "state", data.get("state"), findings)
    count = len(rules) + sum(len(one.rules) for one in whole.values())
    if count > MOST_RULES:
        findings.append(f"{count:,} rules are more than {MOST_RULES:,}")
    if findings:
        more = f" And {len(findings) - 20} more." if len(findings) > 20 else ""
        raise ArgumentError(f"{name}: {'; '.join(findings[:20])}.{more}")
    return Recipe(whole, rules)


def _loaded(source: Any) -> tuple[Any, str]:
    if isinstance(source, Mapping):
        return source, "the recipe"
    if isinstance(source, str) and "\n" in source:
        return read_yaml(source, "the recipe"), "the recipe"
    try:
        path = Path(source)
        text = path.read_text("utf-8")
    except TypeError:
        kind = type(source).__name__
        raise ArgumentError(f"A recipe is a file, a text or a mapping; got {kind}.") from None
    except UnicodeDecodeError:
        raise ArgumentError(f"{escaped(str(source)[:200])} is no text.") from None
    name = escaped(path.name[:80])
    if path.suffix == ".json":
        try:
            return json.loads(text), name
        except (ValueError, RecursionError) as error:
            raise ArgumentError(f"{name} is no JSON: {escaped(str(error)[:120])}.") from None
    return read_yaml(text, name), name


def _process(scope: str, said: Any, findings: list[str]) -> ProcessRecipe:
    if said is None:
        return ProcessRecipe()
    if not isinstance(said, Mapping):
        findings.append(f"{escaped(scope[:60])} holds inputs and outputs")
        return ProcessRecipe()
    _check_words(said, _PROCESS_WORDS, escaped(scope[:60]), findings)
    inherits = said.get("inherits") or ""
    return ProcessRecipe(
        _gate_rules(scope, "in", said.get("inputs"), findings),
        _gate_rules(scope, "out", said.get("outputs"), findings),
        _texts(said.get("side_effects")),
        _texts(said.get("errors")),
        inherits if isinstance(inherits, str) else str(inherits)[:60],
    )


def _texts(said: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in said) if isinstance(said, (list, tuple)) else ()


def _inherited(name: str, made: Mapping[str, ProcessRecipe], findings: list[str]) -> ProcessRecipe:
    """Put the rules of those that one inherits from before its own, under its own name."""
    line, at = [name], made[name]
    while at.inherits:
        if at.inherits in line:
            findings.append(f"{' inherits '.join(map(escaped, [*line, at.inherits]))}: a circle")
            return made[name]
        if at.inherits not in made:
            meant = near(at.inherits, made)
            findings.append(
                f"{escaped(line[-1])} inherits {escaped(at.inherits[:60])}, "
                f"which is not there{meant}"
            )
            return made[name]
        line.append(at.inherits)
        at = made[at.inherits]
    whole: list[tuple[AuditRule, ...]] = []
    for one in ("inputs", "outputs"):
        # A rule of its own stands in place of one that asks the same of the same field.
        rules = {
            (rule.field, rule.condition): _under(name, rule)
            for above in reversed(line)
            for rule in getattr(made[above], one)
        }
        whole.append(tuple(rules.values()) if len(line) > 1 else getattr(made[name], one))
    own = made[name]
    return ProcessRecipe(whole[0], whole[1], own.side_effects, own.errors, own.inherits)


def _under(scope: str, rule: AuditRule) -> AuditRule:
    return replace(rule, scope=scope)


def _gate_rules(scope: str, gate: str, said: Any, findings: list[str]) -> tuple[AuditRule, ...]:
    if said is None:
        return ()
    if not isinstance(said, (list, tuple)):
        findings.append(f"{escaped(scope[:60])}: rules are a list")
        return ()
    rules: list[AuditRule] = []
    for nth, entry in enumerate(said):
        where = f"{escaped(scope[:60])}, {_GATES[gate]} {nth + 1}"
        if not isinstance(entry, Mapping):
            findings.append(f"{where} is no rule")
            continue
        if entry.get("field") == TO_FILL_IN:
            continue
        try:
            rules += rules_of(scope, gate, entry)
        except ArgumentError as error:
            findings.append(f"{where}: {str(error).rstrip('.')}")
    return tuple(rules)


_GATES = {"in": "input", "out": "output", "state": "rule"}


def _check_words(
    said: Mapping[str, Any], words: Iterable[str], where: str, findings: list[str]
) -> None:
    known = list(words)
    for one in said:
        if one not in known:
            findings.append(f"{where} has no {escaped(str(one)[:60])!r}{near(str(one), known)}")
