"""Commands of a browser to a run: parsed, checked, executed, answered."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...core.errors import ArgumentError, NetfluxError, NoNodeError
from ...runtime.nodes import Node
from ...runtime.safe import line
from ...session import here
from ...show.wire import details
from ...show.wire.rows import CHOICE_CHARS

# Longer ones are no page of ours.
MARK_CHARS = 80
TEXT_CHARS = 4_000
TOLD_CHARS = 400


class PageHello(NamedTuple):
    """A page is there and wants all of it."""

    page: str


class Fetch(NamedTuple):
    """A page wants the component itself."""


class Look(NamedTuple):
    """A page wants what stands behind a row."""

    id: int
    pane: details.Pane
    at: tuple[int, int]


class Do(NamedTuple):
    """A person pressed a button: of a question, of the one that they read."""

    what: str
    id: int
    mark: str
    text: str = ""
    question: str = ""


Command = PageHello | Fetch | Look | Do


def parse(content: Any) -> Command | None:
    """Read a message of a browser; None where it is none of ours."""
    match content:
        case {"t": "hello", "page": str(page)} if 0 < len(page) <= MARK_CHARS:
            return PageHello(page)
        case {"t": "module"}:
            return Fetch()
        case {"t": "detail", "id": int(node), "pane": str(pane), "at": [int(part), int(offset)]}:
            if pane in details.PANES and part >= 0 and offset >= 0:
                return Look(node, pane, (part, offset))
        case {"t": "cancel", "id": int(node), "ask": str(mark)} if len(mark) <= MARK_CHARS:
            return Do("cancel", node, mark)
        case {"t": str(what), "id": int(node), "ask": str(mark)} if what in _TEXTS:
            question, text = content.get("question", ""), content.get(_TEXTS[what], "")
            if not isinstance(question, str) or not isinstance(text, str):
                return None
            if max(len(mark), len(question)) <= MARK_CHARS and len(text) <= TEXT_CHARS:
                return Do(what, node, mark, text, question)
        case _:
            pass
    return None


# What is said beside an answer, where something is.
_TEXTS = {"approve": "", "reject": "reason", "answer": "value"}


def do(command: Do, root: Node | None) -> dict[str, Any]:
    """Do what a button says, and tell what came of it."""
    try:
        text = _done(command, root)
        is_ok = True
    except (NetfluxError, ValueError) as error:
        text, is_ok = str(error), False
    return {"t": "told", "ask": command.mark, "ok": is_ok, "text": text[:TOLD_CHARS]}


def _done(command: Do, root: Node | None) -> str:
    if root is None:
        raise NoNodeError("This run is known from the record only: nothing of it runs here.")
    node = node_in(root, command.id)
    name, by = f"{node.fn.name}()", here.who()
    if command.what == "cancel":
        if node.is_done:
            return f"{name} had ended already."
        node.runtime.cancel(node, f"Cancelled by {by.name} in the run view")
        return f"{name} was asked to stop."
    wants = node.held.on.wants if node.held is not None else ""
    if command.what != "answer" and wants == "answer":
        raise ArgumentError(f"Node {node.id}, {name}, asks a question. Answer it.")
    if command.what == "answer" and wants == "approval":
        raise ArgumentError(f"Node {node.id}, {name}, waits for a yes or a no.")
    if not command.question:
        raise ArgumentError(f"An answer to {name} names its question. Load the page again.")
    question = command.question
    match command.what:
        case "approve":
            node.approve(by=by, question=question)
            return f"{name} was approved."
        case "reject":
            node.reject(command.text, by=by, question=question)
            return f"{name} was rejected."
        case _:
            node.answer(_choice(node, command.text), by=by, question=question)
            return f"{name} was answered."


def _choice(node: Node, text: str) -> str:
    """Give the choice that a page shows as this text; else the text itself."""
    choices = node.held.on.choices if node.held is not None else ()
    if text in choices:
        return text
    return next((one for one in choices if line(one, CHOICE_CHARS) == text), text)


def node_in(root: Node, node_id: int) -> Node:
    """Find a Node of this run: a page may not reach another's."""
    stack = [root]
    while stack:
        node = stack.pop()
        if node.id == node_id:
            return node
        stack.extend(node.children)
    raise NoNodeError(f"This run has no Node {node_id}.")
