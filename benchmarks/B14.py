# ruff: noqa: N999  a row's name
"""B14: a finished run of n Nodes as what stays in a notebook: static HTML and text."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser

from netflux_nb.show.trees import tree

from .B11 import run
from .bench import Row, Took, Watch, exponent, rounds, run_alone

SIZES = [1_000, 3_000, 10_000]
BAR_S = 1.0
BAR_BYTES = 200_000


@dataclass(slots=True)
class _Size:
    """How large the largest HTML was, in bytes, and the text beside it."""

    most: int = 0
    text: int = 0


def drawn(n: int, size: _Size, max_bytes: int) -> Took:
    """Ours: everything that the notebook is given, of a tree that nobody has asked before."""
    view = run(n, 1)
    with Watch() as watch:
        bundle = tree(view, run="20261121-000000-1.1", max_bytes=max_bytes)._repr_mimebundle_()
    html = bundle.pop("text/html")
    size.most = max(size.most, len(html.encode()))
    size.text = max(size.text, sum(len(text.encode()) for text in bundle.values()))
    _check(html, n)
    return watch.each(1)


class _Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open.pop() != tag:
            raise RuntimeError(f"<{tag}> is closed and was not opened.")


def _check(html: str, n: int) -> None:
    words = html.replace("\u00a0", " ")
    if _Tags(html).open or "<script" in html or f"{n:,} Nodes" not in words or " more" not in words:
        raise RuntimeError("The page is not whole, or does not say what it leaves out.")


def measure() -> list[Row]:
    """Give the rows: as it is unless something else is asked for, and as large as it may be."""
    rows = []
    for text, max_bytes in (("30 kB", 30_000), ("200 kB", 200_000)):
        sizes = {n: _Size() for n in SIZES}
        sides = {str(n): lambda n=n, m=max_bytes, s=sizes: drawn(n, s[n], m) for n in SIZES}
        found = rounds(sides)
        cpu = exponent(SIZES, [found[str(n)].cpu for n in SIZES])
        points = ", ".join(f"{n:,}: {found[str(n)]}" for n in SIZES)
        most = max(size.most for size in sizes.values())
        beside = max(size.text for size in sizes.values())
        rows.append(
            Row(
                "B14",
                f"what stays of a finished run of n Nodes, HTML of at most {text}",
                f"{points}; n^{cpu:.2f}; at most {most:,} bytes, and {beside:,} of text",
                "Inspect: a `repr` of 148 MB",
                bar="10,000 Nodes ≤ 1 s, ≤ 200 kB",
                passed=found["10000"].wall <= BAR_S and most <= BAR_BYTES,
            )
        )
    return rows


if __name__ == "__main__":
    run_alone(measure)
