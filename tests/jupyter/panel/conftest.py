"""A panel of a kernel without a browser, and a record for it."""

import json
import threading
import time

import pytest

import netflux_nb
from netflux_nb import Approvals, Runtime
from netflux_nb.jupyter import origin
from netflux_nb.jupyter.panel.comm import PanelEnd
from netflux_nb.testing import ScriptedModel


class Panel:
    """A panel that keeps what it was told, and can wait for something."""

    def __init__(self):
        self.told = []
        self._more = threading.Condition()

    def __call__(self, message):
        data = json.loads(json.dumps(message))
        with self._more:
            self.told.append(data)
            self._more.notify_all()

    def wait(self, holds, timeout=20):
        end = time.monotonic() + timeout
        with self._more:
            while not (found := [m for m in self.told if holds(m)]):
                left = end - time.monotonic()
                assert left > 0, self.told[-3:]
                self._more.wait(left)
        return found[-1]

    @property
    def rows(self):
        found = {}
        for message in self.told:
            if message["t"] == "state" and not message["start"]:
                found.clear()
            for row in message.get("runs", ()):
                found[row["id"]] = row
            for name in message.get("gone", ()):
                found.pop(name, None)
        return found

    def wait_rows(self, holds):
        self.wait(lambda _: holds(self.rows))
        return self.rows


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("NETFLUX_HOME", str(tmp_path / "store"))
    models = {"scripted": ScriptedModel(lambda request: "a title")}
    with Runtime(is_open=True, models=models, policies=[Approvals()]) as runtime:
        netflux_nb.use(runtime)
        yield tmp_path / "store"


@pytest.fixture
def told(store):
    told = Panel()
    end = PanelEnd(told).start()
    told.say = end.receive
    told.end = end
    yield told
    end.close()
    end.run_updates.join(60)
    # What a front end told of the notebook is of this test alone.
    origin.here.forget()
