"""Runs lessons without a browser, each in a kernel of its own and a copy of this folder.

    python notebooks/lessons.py store [00 …]       stores what they show: `make lessons`
    python notebooks/lessons.py html FOLDER [00 …] writes pages: `make demo`

No key reaches them. What changes from run to run by itself is not stored.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
KEYS = ("ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY")
# What a lesson shows in a store of notebooks: the finished view, and no widget.
CONFIG = "c.NetfluxNB.static = True\n"
# A kernel warns on the terminal that nobody encrypts what it says to this process.
QUIET = "c.IPKernelApp.log_level = 'ERROR'\n"
LANGUAGE = {"name": "python"}
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def main() -> int:
    """Run lessons; give how many failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    doing = parser.add_subparsers(dest="doing", required=True)
    for name in ("store", "html"):
        one = doing.add_parser(name)
        if name == "html":
            one.add_argument("folder", type=Path, help="where the pages go")
        one.add_argument("names", nargs="*", help="how the lessons' names begin; else all")
    asked = parser.parse_args()
    chosen = [
        one
        for one in sorted(HERE.glob("[0-9]*.ipynb"))
        if not asked.names or one.name.startswith(tuple(asked.names))
    ]
    failed = 0
    for lesson in chosen:
        book = run(lesson)
        if asked.doing == "store":
            nbformat.write(clean(book), lesson)
            where = lesson.name
        else:
            print(as_text(book))
            where = page(book, lesson, asked.folder)
        wrong = errors(book)
        failed += bool(wrong)
        print(where, *wrong, sep="\n  ")
    return failed


def run(lesson: Path) -> nbformat.NotebookNode:
    """Run a lesson in a copy of its folder, on past a cell that fails."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "notebooks"
        shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        env = environment(Path(place))
        book = nbformat.read(folder / lesson.name, 4)
        client = NotebookClient(
            book, timeout=120, kernel_name="python3", allow_errors=True, store_widget_state=False
        )
        client.execute(cwd=str(folder), env=env)
    return book


def environment(home: Path) -> dict[str, str]:
    """Give the variables of a kernel that has no key, and settings of its own."""
    profile = home / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    for name, said in (("ipython_config.py", CONFIG), ("ipython_kernel_config.py", QUIET)):
        (profile / name).write_text(f"c = get_config()\n{said}", encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if name not in KEYS}
    env.pop("NETFLUX_HOME", None)
    paths = [str(HERE.parent), env.get("PYTHONPATH", "")]
    return {
        **env,
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }


def clean(book: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Take out what is otherwise after every run."""
    book.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": LANGUAGE})
    for cell in book.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        for output in cell.get("outputs", []):
            output.get("metadata", {}).pop("execution", None)
            output.pop("transient", None)
    return book


def as_text(book: nbformat.NotebookNode) -> str:
    """Give what the cells said, as a terminal shows it."""
    shown = []
    for cell in book.cells:
        if cell.cell_type == "markdown":
            shown += [line for line in cell.source.splitlines() if line.startswith("#")]
        for out in cell.get("outputs", []):
            shown.append(out.get("text") or out.get("data", {}).get("text/plain", ""))
    return "\n\n".join(one.rstrip() for one in shown if one.strip())


def page(book: nbformat.NotebookNode, lesson: Path, folder: Path) -> str:
    """Write a lesson as one HTML file, and say where."""
    from nbconvert import HTMLExporter

    text, _ = HTMLExporter(embed_images=True).from_notebook_node(book)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{lesson.stem}.html"
    path.write_text(text, encoding="utf-8")
    return f"\nOpen it in a browser: {path}"


def errors(book: nbformat.NotebookNode) -> list[str]:
    """List the cells that failed. A magic that refuses says so on stderr."""
    return [
        f"{cell.id}: {out.get('evalue') or out.get('text')}"[:200]
        for cell in book.cells
        for out in cell.get("outputs", [])
        if out.output_type == "error" or out.get("name") == "stderr"
    ]


if __name__ == "__main__":
    sys.exit(main())
