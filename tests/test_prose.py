"""No control flow reads prose: code decides by fields, never by the wording of a text."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Two words of a language; a name, a path and a keyword are one.
PROSE = re.compile(r"[A-Za-z]{2,},? [A-Za-z]{2,}")
# Methods whose first argument is looked for in a text.
SEEKS = {
    *("startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition"),
    *("split", "rsplit", "find", "rfind", "index", "rindex", "count", "replace"),
}
# DuckDB's own, in a query.
SQL_SEEKS = re.compile(r"\b(?:starts_with|ends_with|prefix|suffix)\(|\bI?LIKE '")
ERRORS = re.compile(r"(?:str|repr|stringify)\((?:e|ex|exc|err|error|exception|warning)\b")

# What others say, where they give nothing else, and marks of ours in texts that a record holds,
# read beside where they are written; by the module's last name.
ALLOWED = {
    "legible": "how `cut` ends what it cut",
    "store": "DuckDB offers tables of its own in its message only",
    "diff_parser": "the lines of a unified diff, as git and GNU diff write them",
    "query_frames": "DuckDB names the tables that there are in its message only",
    "engine": "DuckDB raises a plain RuntimeError when it was interrupted",
    "contract": "the statements that made a table",
    "unfinished": "the mark of a line in a file of its own",
    # The one place of ours: how the question ended in records of the first version.
    "lines": "OLD_AGAIN",
    "sql_views": "OLD_AGAIN, for SQL",
}


def constants_of(tree: ast.Module) -> dict[str, ast.expr]:
    """The texts, and groups of texts, that a module names at its top."""
    found = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found[name] = value
    return found


def texts_of(node: ast.expr, constants: dict[str, ast.expr]) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Name(id=name) if name in constants:
            yield from texts_of(constants[name], {})
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            for part in parts:
                yield from texts_of(part, constants)


def words_of_literals(tree: ast.Module) -> set[str]:
    """What a `Literal` lists is no prose: a type checker knows each."""
    kinds = [n for n in ast.walk(tree) if isinstance(n, ast.Subscript)]
    literals = [n for n in kinds if ast.unparse(n.value).endswith("Literal")]
    nodes = [one for literal in literals for one in ast.walk(literal)]
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def sought(node: ast.AST) -> list[ast.expr]:
    """What a text is compared with, or searched for."""
    match node:
        case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq() | ast.In() | ast.NotIn(), *_]):
            return [left, *node.comparators]
        case ast.Call(func=ast.Attribute(attr=name), args=[first, *_]) if name in SEEKS:
            return [first]
        case ast.Call(func=ast.Attribute(value=ast.Name(id="re")), args=[first, *_]):
            return [first]
        case ast.MatchValue(value=value):
            return [value]
    return []


def prose_faults(source: str) -> Iterator[str]:
    """Each place at which a module decides by a wording, or finds a thing by a name for people."""
    tree = ast.parse(source)
    constants, known = constants_of(tree), words_of_literals(tree)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        for text in (text for one in sought(node) for text in texts_of(one, constants)):
            if PROSE.search(text) and text not in known:
                yield f"{line}: reads the text {text[:60]!r}"
        match node:
            case ast.Compare(left=left) if ERRORS.search(ast.unparse(node)) and any(
                isinstance(one, ast.Constant) for one in (left, *node.comparators)
            ):
                yield f"{line}: reads an error's message"
            case ast.Call(func=ast.Attribute(attr=name)) if name in SEEKS and ERRORS.match(
                ast.unparse(node)
            ):
                if name in ("startswith", "endswith", "find", "index", "count"):
                    yield f"{line}: reads an error's message"
            case ast.Call(func=ast.Attribute(attr="enumerate", value=ast.Name(id="threading"))):
                yield f"{line}: looks for a thread among all"
            case ast.Call(func=ast.Name(id="getattr"), args=[of, *_]) if re.search(
                r"\bsink$", ast.unparse(of)
            ):
                yield f"{line}: asks a sink for what its protocol does not say"
            case ast.Constant(value=str(text)) if SQL_SEEKS.search(text):
                yield f"{line}: reads a text in SQL"


@pytest.fixture(scope="module")
def found() -> list[tuple[Path, str]]:
    """Each fault of the package, with its file."""
    return [
        (path.relative_to(ROOT), fault)
        for path in sorted((ROOT / "netflux_nb").rglob("*.py"))
        for fault in prose_faults(path.read_text(encoding="utf-8"))
    ]


def test_no_control_flow_reads_prose(found):
    faults = [f"{path}:{fault}" for path, fault in found if path.stem not in ALLOWED]

    assert not faults, "\n" + "\n".join(faults)


def test_no_browser_code_reads_prose():
    reads = re.compile(
        r"\.(?:startsWith|endsWith|includes|indexOf|match|search)\([\"'/`][^)]*?[A-Za-z]{2,} [A-Za-z]{2,}"
    )
    faults = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted((ROOT / "extensions").rglob("*.ts"))
        if "node_modules" not in path.parts and not path.name.endswith(".test.ts")
        for line in path.read_text(encoding="utf-8").splitlines()
        if reads.search(line)
    ]

    assert not faults, "\n" + "\n".join(faults)


def test_every_exception_to_the_rule_is_one(found):
    assert {path.stem for path, _ in found} == set(ALLOWED)


SMUGGLED = {
    "a question": "if what.endswith('Shall it be done again?'): ...",
    "a question by its name": "ASKED = 'May it be done'\nif what.startswith(ASKED): ...",
    "one of many": "if message in ('not found', 'went away'): ...",
    "an error": "if 'timeout' in str(error): ...",
    "an error's beginning": "if str(error).startswith('Timeout'): ...",
    "argparse's English": "import re\nre.search('invalid int value: (.*)', text)",
    "a case": "match text:\n    case 'was cut off': ...",
    "a thread": "import threading\nfor thread in threading.enumerate(): ...",
    "a sink": "namer = getattr(runtime.log.sink, 'run_of', None)",
    "SQL": "query = \"SELECT 1 FROM approvals WHERE ends_with(question, 'again?')\"",
}


@pytest.mark.parametrize("source", SMUGGLED.values(), ids=SMUGGLED)
def test_smuggled_prose_is_caught(source):
    assert list(prose_faults(source))


def test_a_closed_set_is_no_prose():
    source = "Status = Literal['only left', 'same']\nif status == 'only left': ..."

    assert list(prose_faults(source)) == []
