"""A key that streams is shown as a mark, and no piece of it before; other text comes at once."""

import asyncio
import threading

import pytest

from netflux_nb import Runtime, agent
from netflux_nb.core.messages import Delta, ModelReply, ModelTextPart, TokenUsage
from netflux_nb.core.secrets.redaction import Redaction
from netflux_nb.jupyter.live.feed import Feed
from netflux_nb.runtime.agents import stream
from netflux_nb.runtime.host import host

DOOR = "open sesame 7 or 8"
KEYS = {
    "of the environment": (DOOR, "en sesame"),
    "key": ("sk-ant-" + "x7" * 20, "-ant"),
    "google key": ("AIza" + "y4" * 18, "zay"),
    "github token": ("ghp_" + "z9" * 20, "z9"),
    "bearer token": ("Bearer " + "q3.q" * 8, "q3"),
    "jwt": ("eyJ" + "a1" * 40 + ".eyJ" + "b2" * 200 + "." + "c3" * 9, "a1"),
    "private key": (
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEd4\n-----END RSA PRIVATE KEY-----",
        "MII",
    ),
    "of a person's pattern": ("EMP-" + "7" * 12 + "x", "MP-7"),
}
ask = agent("ask(text: str) -> str", "{text}", model="scripted")


class Typing:
    """A model that says a text in pieces of so many characters; each is looked at."""

    def __init__(self, text, size, look):
        self.text, self.size, self.look = text, size, look

    async def reply(self, request, emit):
        loop = asyncio.get_running_loop()
        for place in range(0, len(self.text), self.size):
            emit(Delta("text", self.text[place : place + self.size]))
            await loop.run_in_executor(None, self.look)
        return ModelReply(parts=(ModelTextPart(self.text),), usage=TokenUsage(), model="m")


class Watcher:
    """A live view that follows the agent's conversation."""

    def __init__(self):
        self.feed, self.told, self.node = None, [], None
        self.is_ready = threading.Event()

    def look(self):
        assert self.is_ready.wait(20)
        view = self.node.view()
        if self.feed is None:
            self.feed = Feed(view)
            self.feed.watch(view.id, (0, 0))
        for message in self.feed.update(view):
            for _, part, offset, kind, _, text, _ in message.get("tail", []):
                if kind == "model":
                    self.told.append((part, offset, text))

    @property
    def shown(self):
        """What stands on the page, as the browser joins it."""
        text = ""
        for _, offset, piece in self.told:
            assert offset in (0, len(text)), "what is shown is added to, never mended"
            text = piece if offset == 0 else text + piece
        return text


def typed(monkeypatch, text, size):
    monkeypatch.setattr(stream, "STREAM_S", 0)
    watcher = Watcher()
    model = Typing(text, size, watcher.look)
    with Runtime([ask], models={"scripted": model}) as runtime:
        watcher.node = runtime.invoke(None, ask, {"text": "x"})
        watcher.is_ready.set()
        watcher.node.wait()
        watcher.look()
    return watcher


@pytest.mark.parametrize("size", [1, 3, 50])
@pytest.mark.parametrize(("key", "piece"), KEYS.values(), ids=KEYS)
def test_no_piece_of_a_key_is_in_a_live_message(monkeypatch, key, piece, size):
    monkeypatch.setenv("DOOR_KEY", DOOR)
    host().patterns.put({"employee": r"EMP-\d{12}x"})
    text = f"It says so: {key} and then it goes on, as before."

    told = typed(monkeypatch, text, size)

    assert "[redacted" in told.shown
    assert told.shown.startswith("It says so: ")
    assert told.shown.endswith(" and then it goes on, as before.")
    assert not [text for _, _, text in told.told if piece in text]


def test_ordinary_text_is_not_held():
    text = "So, she asked: is it risky? Skies are (x) grey - a bearer of news, and key=value; yes."
    found = Redaction({DOOR: "DOOR_KEY"})
    held = {text[:n]: found.undecided(text[:n]) for n in range(1, len(text) + 1)}
    assert max(held.values()) <= len("news,")
    assert sum(held.values()) < len(text) / 2


def test_the_end_of_a_long_word_is_held_no_longer_than_a_bound():
    assert Redaction().undecided("eyJ" + "a" * 100_000) <= 4_000


def test_what_was_thought_is_whole_before_it_is_said():
    posted = []

    async def play():
        one = stream.Stream(posted.append)
        one.add(Delta("thinking", "It is sk"))
        one.add(Delta("text", "So"))
        one.close()

    asyncio.run(play())
    assert "".join(d.text for d in posted if d.kind == "thinking") == "It is sk"
