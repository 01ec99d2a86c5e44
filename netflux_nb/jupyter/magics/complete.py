"""Tab completion in the magics: verbs, Functions, arguments, models, runs, paths, columns."""

from __future__ import annotations

import builtins
import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from ... import session
from ...core.errors import NetfluxError
from ...core.functions.kinds import Function
from ...core.functions.schema import PRIMITIVES
from ...core.messages import provider_name
from ...core.views import NodeState, NodeView
from ...providers.settings import EFFORTS, NAMES, ModelNames
from ...record.labels import all_labels
from ...record.sql import store
from ...record.sql.sql_views import VIEWS
from ...run import Run
from ...run.listing import runs
from ...runtime.registry import answering
from . import naming
from .cells import PART, head_of, is_outside, named
from .sql_names import columns, frames_in
from .verbs import VERBS

# What may be offered: the text, and the word that JupyterLab shows beside it.
Offers: TypeAlias = Iterable[tuple[str, str]]

_CELL = re.compile(r"\s*%%(agent|function|map|nfsql)\b ?(.*)")
_LINE = re.compile(r"\s*(?:[\w.,\[\] ]+=\s*)?%(invoke|nfsql|nf)\b ?(.*)$", re.DOTALL)
_TAIL = re.compile(r"[^\s,]*$")
_WORD = re.compile(r"\w*$")
_PLACE = re.compile(r"\{(\w*)$")
_ARG = re.compile(r"(\w+)\s*:")
_CALLED = re.compile(r"([^\W\d]\w*(?:\.\w+)*)\($")
# What takes the arguments that the Function takes.
_ALIKE = (".start", ".preview")
# How far back a call's beginning is looked for.
CALL_CHARS = 4_000

MOST = 200
MOST_RUNS = 30
# Verbs whose words name a Function, a Node, or nothing that is known before.
_OF_FUNCTIONS = {"preview", "history", "source", "cards"}
_OF_NODES = {"transcript", "fork", "cancel"}
_OF_NOTHING = {"runs", "chart", "pending", "approve", "reject", "answer", "store", "gc", "serve"}


class Matcher:
    """Completes in one shell, by the names of its notebook."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self.names = names

        # IPython tells matchers apart by their name, and takes no method for one.
        @context_matcher(identifier="netflux_nb")
        def matcher(context: CompletionContext) -> SimpleMatcherResult:
            # Whatever goes wrong with Tab must not be shown in the middle of typing.
            with contextlib.suppress(NetfluxError, LookupError, ValueError, OSError):
                return self.match(context)
            return {"completions": []}

        self.matcher = matcher

    def match(self, context: CompletionContext) -> SimpleMatcherResult:
        """Give what fits where the cursor stands; nothing outside our magics."""
        text = context.full_text.split("\n")
        first = next((i for i, line in enumerate(text) if line.strip()), 0)
        found = _CELL.match(text[first])
        before = context.text_until_cursor
        if found is not None and context.cursor_line > first:
            return self._body(found[1], found[2], text, before)
        if found is not None and context.cursor_line == first:
            head = _CELL.match(before)
            return self._head(found[1], head[2]) if head is not None else {"completions": []}
        line = _LINE.match(before)
        if line is None:
            return self._call("\n".join([*text[: context.cursor_line], before]))
        match line[1]:
            case "invoke":
                return self._invoke(line[2])
            case "nfsql":
                return _made(_word(line[2]), self._tables(line[2]))
            case _:
                return self._nf(line[2])

    # Cells.

    def _head(self, magic: str, text: str) -> SimpleMatcherResult:
        """Complete the line of a cell magic."""
        fragment = _tail(text)
        if magic == "nfsql" or not is_outside(text[: len(text) - len(fragment)]):
            return self._signature(text) if magic == "agent" else {"completions": []}
        option = _option(text)
        if fragment.startswith("-"):
            return _made(fragment, ((flag, "flag") for flag in _FLAGS[magic]))
        if option in ("--uses", "-u"):
            return _made(fragment, self._functions())
        if option in ("--model", "--models", "-m"):
            return _made(fragment, models())
        if option == "--effort":
            return _made(fragment, ((word, "effort") for word in EFFORTS))
        if option == "--set":
            return _made(fragment, ((f"{name}=", "setting") for name in NAMES))
        if magic == "map" and not text.strip().partition(" ")[2]:
            return _made(fragment, self._functions())
        return self._signature(text) if magic == "agent" else {"completions": []}

    def _signature(self, text: str) -> SimpleMatcherResult:
        """Complete a type, where one stands."""
        fragment = _word(text)
        before = text[: len(text) - len(fragment)].rstrip()
        if not before.endswith((":", "->", "[", "|")):
            return {"completions": []}
        known = [(kind.__name__, "type") for kind in PRIMITIVES]
        known += [(kind, "type") for kind in ("list", "dict", "Literal")]
        mine = [
            (name, "type")
            for name, value in self.names.items()
            if isinstance(value, type) and not name.startswith("_")
        ]
        return _made(fragment, [*known, *mine])

    def _body(self, magic: str, line: str, text: list[str], before: str) -> SimpleMatcherResult:
        """Complete below a cell magic. Python is left to those who know it."""
        if magic == "nfsql":
            return _made(_word(before), self._tables("\n".join(text[1:])))
        if magic != "agent":
            return self._call(before)
        args = _ARG.findall(head_of(line)[0])
        open_brace = _PLACE.search(before)
        if open_brace is not None:
            return _made(open_brace[1], ((name, "argument") for name in args))
        fragment = _word(before)
        if not fragment:
            return _made("", [*((f"{{{name}}}", "argument") for name in args), (PART, "part")])
        # Names of Python are noise in prose. Only an offer of ours keeps them away, so there
        # is always one: a word that is already there, if only the one that is typed.
        words = {word for row in text[1:] for word in re.findall(r"\w{4,}", row)}
        return _made(fragment, ((word, "word") for word in [fragment, *sorted(words - {fragment})]))

    # Lines.

    def _invoke(self, text: str) -> SimpleMatcherResult:
        fragment = _tail(text)
        words = text[: len(text) - len(fragment)].split()
        while words and words[0].startswith("-"):
            option = words.pop(0)
            if option == "--show" and not words:
                return _made(
                    fragment, ((w, "how") for w in ("auto", "widget", "html", "text", "none"))
                )
            if option == "--show":
                words.pop(0)
        if not words:
            flags = [("-b", "flag"), ("--show", "flag")] if fragment.startswith("-") else []
            return _made(fragment, flags or self._functions())
        fn = naming.function_named(words[0], self.names)
        return self._arguments(fn, text, fragment)

    def _arguments(self, fn: Function, text: str, fragment: str) -> SimpleMatcherResult:
        if "=" in fragment or not is_outside(text[: len(text) - len(fragment)]):
            return {"completions": []}  # an expression: Python's own
        before = text[: len(text) - len(fragment)]
        free = [arg for arg in fn.args if not re.search(rf"\s{arg.name}=", f" {before}")]
        found = [(f"{arg.name}=", getattr(arg.argtype, "__name__", "any")) for arg in free]
        return _made(fragment, found)

    def _call(self, before: str) -> SimpleMatcherResult:
        """Complete a name inside the brackets of a Function's call, as in Python.

        What Python itself finds there takes seconds at first, and a front end waits one.
        """
        place, depth = len(before), 0
        while place > max(0, len(before) - CALL_CHARS):
            place -= 1
            depth += (before[place] in ")]}") - (before[place] in "([{")
            if depth < 0:
                break
        called = _CALLED.search(before[: place + 1]) if depth < 0 else None
        if called is None:
            return {"completions": []}
        said = before[place + 1 :]
        path = called[1]
        fn = named(path, self.names)
        if not isinstance(fn, Function) and path.endswith(_ALIKE):
            fn = named(path.rpartition(".")[0], self.names)
        fragment = _word(said)
        begun = said[: len(said) - len(fragment)]
        if not isinstance(fn, Function) or fragment[:1].isdigit() or not is_outside(begun):
            return {"completions": []}
        if begun.strip() and not begun.rstrip().endswith(","):
            return {"completions": []}  # an expression: Python's own
        free = [arg for arg in fn.args if not re.search(rf"\b{arg.name}\s*=(?!=)", begun)]
        offers = [(f"{arg.name}=", getattr(arg.argtype, "__name__", "any")) for arg in free]
        if fragment:  # it may be a value
            offers += [(name, "instance") for name in self.names if not name.startswith("_")]
            offers += [(name, "function") for name in dir(builtins)]
        return _made(fragment, offers)

    def _nf(self, text: str) -> SimpleMatcherResult:
        fragment = _tail(text)
        words = text[: len(text) - len(fragment)].split()
        if not words or words[0] == "help":
            extra = [("sql", "topic")] if words else []
            return _made(fragment, [*((name, "verb") for name in VERBS), *extra])
        verb, rest = words[0], words[1:]
        known = VERBS.get(verb)
        if known is None:
            return {"completions": []}
        if fragment.startswith("-"):
            return _made(fragment, ((flag, "flag") for flag in known.options))
        match rest[-1] if rest else "":
            case "--model":
                return _made(fragment, models())
            case ("--mode" | "--by" | "--of") as flag if flag in known.options:
                choices = known.options[flag].get("choices", ())
                return _made(fragment, ((word, flag.lstrip("-")) for word in choices))
            case "--fn":
                return _made(fragment, self._functions())
            case "--state":
                return _made(fragment, ((one.name, "state") for one in NodeState))
            case "--tag":
                return _made(fragment, tags())
            case "--since" | "--until":
                return _made(fragment, ((word, "day") for word in ("today", "yesterday")))
        if verb == "preview" and rest:
            return self._arguments(naming.function_named(rest[0], self.names), text, fragment)
        if verb in _OF_FUNCTIONS:
            return _made(fragment, self._functions())
        if verb == "tag" and rest:
            return _made(fragment, tags())
        if verb in _OF_NOTHING or (verb == "note" and rest):
            return {"completions": []}
        offers = [*self._runs()]
        if verb in _OF_NODES:
            offers = [*self._paths(rest), *offers]
        return _made(fragment, offers)

    # What there is.

    def _functions(self) -> Offers:
        return [
            (name, "agent" if one.is_agent() else "function")
            for name, one in self.names.items()
            if isinstance(one, Function) and not name.startswith("_")
        ]

    def _runs(self) -> Iterator[tuple[str, str]]:
        for name, one in self.names.items():
            if isinstance(one, Run) and not name.startswith("_"):
                yield name, "run"
        for root in session.roots()[-MOST_RUNS:]:
            yield root.runtime.run_name(root) or str(root.id), root.fn.name
        folder = session.home()
        if folder is not None and folder.is_dir():
            frame = store.sql(
                f"SELECT run, fn FROM runs ORDER BY opened DESC LIMIT {MOST_RUNS}", folder
            )
            yield from frame.itertuples(index=False, name=None)

    def _paths(self, words: list[str]) -> Iterator[tuple[str, str]]:
        word = next((one for one in words if not one.startswith("-")), "")
        run = naming.run_named(word, self.names) if word else runs.last
        stack: list[tuple[NodeView, str]] = [(run.view(), run.fn)]
        count = 0
        while stack and count < MOST:
            view, path = stack.pop(0)
            count += 1
            yield path, view.state.value
            seen: dict[str, int] = {}
            for child in view.children[:MOST]:
                name = child.fn.name
                nth = seen[name] = seen.get(name, 0) + 1
                stack.append((child, f"{path}/{name}" + (f"[{nth}]" if nth > 1 else "")))

    def _tables(self, query: str) -> Iterator[tuple[str, str]]:
        """Offer views, the columns of those that are named, and the notebook's frames."""
        words = set(re.findall(r"\w+", query))
        for view in VIEWS:
            yield view, "view"
        for name, value in list(self.names.items()):
            if not name.startswith("_") and frames_in(name, {name: value}):
                yield name, "frame"
        for name, frame in frames_in(query, self.names).items():
            yield from ((str(column), name) for column in list(frame.columns)[:MOST])
        for view in VIEWS:
            if view in words:
                yield from ((column, view) for column in columns(view))


_FLAGS = {
    "agent": [
        "--uses",
        "--model",
        "--effort",
        "--set",
        "--approve",
        "--max-steps",
        "--recursive",
        "--reads",
        "--writes",
        "--raises",
    ],
    "function": [
        "--uses",
        "--effect",
        "--approve",
        "--idempotent",
        "--recursive",
        "--reads",
        "--writes",
        "--raises",
    ],
    "map": ["--models", "--fresh", "-b"],
}


def models() -> list[tuple[str, str]]:
    """Name providers, and the models that are known of each."""
    names = {*answering()}
    for runtime in session.runtimes():
        names |= {provider_name(name) for name in (*runtime.models, *runtime.factories)}
    known = [(f"{p.value}:{name}", "model") for p, name in ModelNames.items() if p.value != name]
    return [*((name, "provider") for name in sorted(names)), *known]


def tags() -> list[tuple[str, str]]:
    """Name the tags of the record, those of the newest runs first."""
    folder = session.home()
    known = () if folder is None else all_labels(folder)
    found = dict.fromkeys(tag for _, labels in known for tag in labels.tags)
    return [(tag, "tag") for tag in found]


def _option(text: str) -> str:
    """Give the option whose values are being written; nothing where none is."""
    words = head_of(text)[1].split()
    if text and not text[-1].isspace() and words:
        words = words[:-1]
    options = [word for word in words if word.startswith("-")]
    return options[-1] if options else ""


def _tail(text: str) -> str:
    found = _TAIL.search(text)
    return found[0] if found else ""


def _word(text: str) -> str:
    found = _WORD.search(text)
    return found[0] if found else ""


def _made(fragment: str, offers: Offers) -> SimpleMatcherResult:
    """Give what begins with the fragment; what is ours keeps Python's names away."""
    seen: dict[str, str] = {}
    for text, kind in offers:
        if text.startswith(fragment) and len(seen) < MOST:
            seen.setdefault(text, kind)
    found = [SimpleCompletion(text, type=kind) for text, kind in seen.items()]
    return {"completions": found, "matched_fragment": fragment, "suppress": bool(found)}
