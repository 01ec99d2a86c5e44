"""Keys are in nothing that is shown: a notebook is saved, and shared."""

import contextlib

import pytest

from netflux_nb import Runtime, agent, function
from netflux_nb.runtime.host import host
from netflux_nb.show import timelines, transcripts, trees, usages, why
from netflux_nb.show.exported.html_file import page
from netflux_nb.show.parts.shown import Shown
from netflux_nb.show.wire import details, rows
from netflux_nb.show.wire.playback import playback
from netflux_nb.testing import ScriptedModel

PLAIN = "open sesame 7 or 8"
KIND = "sk-ant-" + "x7" * 20
OWN = "EMP-123456 of Jané Döe"
# At the start, and so that some cut or other goes through its middle.
PLACES = [0, 10, 15, 25, 45, 60, 75, 110, 150, 190, 240, 390, 395, 2_390, 3_990]


@function
def fetch(text: str, more: dict, many: list) -> str:
    """Fetch."""
    if text.endswith("!"):
        raise ValueError(f"no use: {text}")
    return text


speak = agent("speak(text: str)", "Say {text}", model="scripted")


@function(uses=[fetch, speak])
def study(text: str) -> str:
    """Study."""
    fetch(text=text, more={text: text}, many=[text, text])
    with contextlib.suppress(ValueError):
        fetch(text=f"{text}!", more={}, many=[])
    return speak(text=text)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "key",
    [PLAIN, KIND, OWN],
    ids=["of the environment", "of a known kind", "of a person's pattern"],
)
def test_no_look_at_a_live_run_shows_a_key(monkeypatch, key, place):
    monkeypatch.setenv("DOOR_KEY", PLAIN)
    host().patterns.put({"employee": OWN})
    models = {"scripted": ScriptedModel(lambda request: request.parts[0].text)}
    text = f"{'a ' * (place // 2)}{key} and so on {'b ' * 40}"
    with Runtime([study], models=models) as runtime:
        run = runtime.invoke(None, study, {"text": text})
        run.wait()
        view = run.view()
        shown = list(looks(view))
    for one in shown:
        assert key[:14] not in one, one[max(0, one.index(key[:14]) - 80) :][:200]
    assert any("[redacted" in one for one in shown)


def looks(view):
    """Give all that a person may be shown of a live run."""
    for look in (trees.tree, usages.usage, timelines.timeline, transcripts.transcript, why.why):
        found = look(view)
        assert isinstance(found, Shown)
        yield str(found)
        yield found.html
    yield page(view)
    yield playback(view)
    for _, one in view.walk():
        row = rows.NodeRow(one, None, 0)
        told: list[str] = []
        row_told = row.encode(0.0, one.origin, lambda text, told=told: told.append(text) or 0)
        yield f"{row.head} {row_told} {told}"
        for pane in details.PANES:
            yield str(details.page(one, pane, (0, 0)))
