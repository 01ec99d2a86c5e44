"""A run's page: how long it takes to write, how large it is, how soon a browser shows it.

`python -m benchmarks.house.exported_page [Nodes] [pages]` wants Chromium and Playwright.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from netflux_nb.core.json.portable import RecordedFunction
from netflux_nb.core.messages import ModelTextPart, UserTextPart
from netflux_nb.core.views import NodeState, NodeView
from netflux_nb.show.exported.html_file import Beside, page
from netflux_nb.show.wire.playback import playback

# Milliseconds: until the page is whole, until two frames were drawn behind that.
LOADED = """async () => {
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const [found] = performance.getEntriesByType("navigation");
  const [paint] = performance.getEntriesByType("paint");
  return [paint.startTime, found.loadEventEnd, performance.now(),
    document.querySelectorAll("*").length];
}"""
FOUND = """async () => {
  const from = performance.now();
  const input = document.querySelector(".bar-search");
  input.value = "text 1";
  input.dispatchEvent(new Event("input"));
  input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return [performance.now() - from, document.querySelector(".bar-count").textContent];
}"""


def run(n: int) -> NodeView:
    """Build a run of n Nodes: groups of a hundred, an agent in seven, a failure in a thousand."""
    kinds = {"leaf": "code", "agent": "agent", "group": "code"}
    fns = {name: RecordedFunction(name, kind) for name, kind in kinds.items()}
    told = (UserTextPart("What is it? " * 20), ModelTextPart("It is this. " * 40))

    def node(number: int, name: str, below: tuple[NodeView, ...] = ()) -> NodeView:
        is_bad = number % 997 == 0 or any(one.state is NodeState.Error for one in below)
        given: dict[str, Any] = {
            "id": number,
            "fn": fns[name],
            "inputs": {"text": f"some text {number}", "n": number},
            "state": NodeState.Error if is_bad else NodeState.Success,
            "outputs": None if is_bad else f"what came of call {number}, in some words",
            "exception": ValueError(f"call {number} failed") if is_bad else None,
            "transcript": told if name == "agent" else (),
        }
        times = {"started_at": number / 100, "ended_at": number / 100 + 1, "opened_at": 0.0}
        return NodeView(children=below, usage=None, update_seqnum=0, **given, **times)

    groups = []
    for first in range(2, n, 100):
        last = min(first + 99, n)
        leaves = (
            node(number, "agent" if number % 7 == 0 else "leaf")
            for number in range(first + 1, last + 1)
        )
        groups.append(node(first, "group", tuple(leaves)))
    return node(1, "group", tuple(groups))


def main() -> None:
    """Write a page, open it some times, and print what that took."""
    n, times = (int(word) for word in (*sys.argv[1:], *("100000", "5")[len(sys.argv) - 1 :]))
    view = run(n)
    begun = time.process_time()
    played = playback(view)
    after = time.process_time()
    html = page(view, run="20261201-000000-1.1", beside=Beside(playback=played))
    written = time.process_time()
    told = sys.stdout.write
    told(f"{n:,} Nodes: played in {len(played.encode()):,} bytes, {after - begun:.2f} s of CPU; ")
    told(f"a page of {len(html.encode()):,} bytes, {written - after:.2f} s of CPU\n")
    browser = shutil.which("chromium")
    if browser is None:
        return
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        place = Path(folder) / "run.html"
        place.write_text(html, encoding="utf-8")
        chrome = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        rows = []
        for _ in range(times):
            opened = chrome.new_page(viewport={"width": 1150, "height": 900})
            opened.goto(place.as_uri())
            rows.append([*opened.evaluate(LOADED), *opened.evaluate(FOUND)])
            opened.close()
        chrome.close()
    first, loaded, drawn, count, found = (median(row[at] for row in rows) for at in range(5))
    told(f"{count:,.0f} elements: first seen {first:,.0f} ms, whole {loaded:,.0f} ms, ")
    told(f"drawn {drawn:,.0f} ms (medians of {times}); ")
    told(f"a search {found:,.0f} ms, {rows[-1][5]}\n")


if __name__ == "__main__":
    main()
