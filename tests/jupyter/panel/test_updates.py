"""Messages for the panel, as the kernel makes them: the browser's tests read the same files.

`python tests/jupyter/panel/test_updates.py` writes them again.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from netflux_nb.core.policy import WaitingOn
from netflux_nb.core.views import NodeState
from netflux_nb.jupyter.panel import updates
from netflux_nb.jupyter.panel.tally import NodeQuestion, TreeTotals
from netflux_nb.jupyter.panel.updates import CellMark, QuestionRow, RunRow

FOLDER = Path(__file__).parents[3] / "extensions" / "lab" / "fixtures"

STUDY = RunRow(id="r-2", fn="study", state="Running", opened=20.0, nodes=3, done=1, mine=True)
TITLE = RunRow(
    id="r-1", fn="title", kind="agent", state="Success", opened=10.0, seconds=1.5, tokens=40
)


def _numbered(*messages):
    return [{**message, "n": n} for n, message in enumerate(messages, 1)]


def _beside(rows, pending=(), cells=None):
    return {
        "status": updates.plain(updates.status(rows, "a.ipynb", 0.0)),
        "pending": [updates.plain(one) for one in pending],
        "cells": {cell: updates.plain(mark) for cell, mark in (cells or {}).items()},
        "read": True,
    }


def _state(rows, **beside):
    return list(updates.frames("state", "runs", rows, wire=updates.WIRE, total=len(rows), **beside))


def _update(rows, total, **beside):
    return [
        {**m, "gone": []} for m in updates.frames("update", "runs", rows, total=total, **beside)
    ]


def growing():
    """A run begins, asks, and ends."""
    tree = TreeTotals(7, "study", "code", 20.0, NodeState.Running, 20.0, nodes=3, done=1, running=2)
    going = updates.row_of(tree, "r-2", "a.ipynb", "c1")
    asked = NodeQuestion(9, "publish", WaitingOn("approval", "publish() needs a yes"), 21.0)
    tree.questions[9] = asked
    asking = updates.row_of(tree, "r-2", "a.ipynb", "c1")
    words = "publish() needs a yes"
    question = QuestionRow("r-2", 9, "publish", "approval", words, "text='a'", 21.0, question="q-1")
    over = replace(going, state="Success", seconds=2.0, running=0, done=3, tokens=14)
    cells = {"c1": CellMark("study", "code", "0123", changed=False, cost=0.0, calls=1)}
    return _numbered(
        *_state([TITLE], **_beside([TITLE])),
        *_update([going], 2),
        *_update([asking], 2, pending=[updates.plain(question)]),
        *_update([over], 2, **_beside([over, TITLE], (), cells)),
    )


def paged():
    """The first rows come in several frames, of which none is too large."""
    rows = [
        replace(TITLE, id=f"r-{n:04}", opened=float(2_000 - n), notebook="x" * 180, error="e" * 100)
        for n in range(1_000)
    ]
    return _numbered(*_state(rows, **_beside([])))


def gone():
    """A run that was not recorded yet gets its name: the old one goes."""
    unnamed = replace(STUDY, id="live-7")
    return _numbered(
        *_state([unnamed], **_beside([unnamed])),
        {**_update([STUDY], 1)[0], "gone": ["live-7"]},
    )


def lossy():
    """A message was lost: what is known stays, and it is known that something is missing."""
    first, _, third = _numbered(
        *_state([TITLE], **_beside([TITLE])),
        *_update([STUDY], 2),
        *_update([replace(STUDY, state="Canceled", seconds=3.0)], 2),
    )
    return [first, third]


def hostile():
    """Names that mean harm are plain text of a bounded length."""
    tree = TreeTotals(
        1, '<img src=x onerror="alert(1)">' + "\u202e\x1b[31m" + "A" * 9_000, "code", 1.0
    )
    tree.error = "</script><script>alert(1)</script>"
    return _numbered(*_state([updates.row_of(tree, "r-1")], **_beside([])))


CASES = {one.__name__: one for one in (growing, paged, gone, lossy, hostile)}
ENDS = {
    "growing": {
        "order": ["r-2", "r-1"],
        "states": ["Success", "Success"],
        "total": 2,
        "pending": 0,
        "tokens": 14,
        "behind": False,
        "cells": ["c1"],
    },
    "paged": {
        "order": [f"r-{n:04}" for n in range(1_000)],
        "states": ["Success"] * 1_000,
        "total": 1_000,
        "pending": 0,
        "tokens": 0,
        "behind": False,
        "cells": [],
    },
    "gone": {
        "order": ["r-2"],
        "states": ["Running"],
        "total": 1,
        "pending": 0,
        "tokens": 0,
        "behind": False,
        "cells": [],
    },
    "lossy": {
        "order": ["r-2", "r-1"],
        "states": ["Canceled", "Success"],
        "total": 2,
        "pending": 0,
        "tokens": 0,
        "behind": True,
        "cells": [],
    },
    "hostile": {
        "order": ["r-1"],
        "states": ["Waiting"],
        "total": 1,
        "pending": 0,
        "tokens": 0,
        "behind": False,
        "cells": [],
    },
}


def _fixture(name):
    case = CASES[name]
    about = case.__doc__.strip().rstrip(".")
    return json.loads(json.dumps({"about": about, "ends": ENDS[name], "messages": case()}))


@pytest.mark.parametrize("name", CASES)
def test_the_kernel_says_what_the_browser_is_tested_with(name):
    assert json.loads((FOLDER / f"{name}.json").read_text("utf-8")) == _fixture(name)


@pytest.mark.parametrize("name", CASES)
def test_every_message_is_bounded_and_without_signs_that_cannot_be_seen(name):
    for message in _fixture(name)["messages"]:
        assert len(json.dumps(message)) <= updates.FRAME_BYTES
        for row in message["runs"]:
            texts = [value for value in row.values() if isinstance(value, str)]
            assert all(len(text) <= updates.NAME_CHARS and text.isprintable() for text in texts)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in CASES:
        text = json.dumps(_fixture(name), ensure_ascii=True, separators=(",", ":"))
        (FOLDER / f"{name}.json").write_text(text + "\n", "utf-8")
