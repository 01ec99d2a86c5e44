"""The guards that stand around every test."""

import os
import shutil
import sys
import time

import pytest
from hypothesis import HealthCheck, settings

from netflux_nb import session
from netflux_nb.core import functions
from netflux_nb.governance.caps import Cap
from netflux_nb.runtime import recording, safe

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")

# It is noon: what is of today at a test's beginning is of today at its end.
os.environ["TZ"] = f"Etc/GMT{time.gmtime().tm_hour - 12:+d}"
time.tzset()

KEYS = ("ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LEAVING = {"socket.connect", "socket.sendto", "socket.sendmsg"}

_reached: list[object] = []
_guarding = False


def _is_near(address):
    # Only the address of an internet socket is a tuple. A Unix socket stays at home.
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    return host in {"", "localhost", "::1"} or host.startswith(("127.", "::ffff:127."))


def _refuse_to_leave(event, args):
    if _guarding and event in LEAVING and not _is_near(args[1]):
        _reached.append(args[1])
        raise RuntimeError(
            f"A test reached for {args[1]!r}. Tests talk to loopback only: start a local server."
        )


# An audit hook cannot be taken out again, so there is one, and a switch.
sys.addaudithook(_refuse_to_leave)


@pytest.fixture(autouse=True)
def reached(request):
    """The far addresses a test reached for. It must be empty when the test ends.

    A refusal that the code swallowed fails the test here.
    """
    global _guarding
    _reached.clear()
    _guarding = request.node.get_closest_marker("live") is None

    yield _reached

    _guarding = False
    assert not _reached, f"The test reached for {_reached}."


@pytest.fixture(autouse=True)
def no_keys(request, monkeypatch):
    if request.node.get_closest_marker("live") is None:
        for key in KEYS:
            monkeypatch.delenv(key, raising=False)


@pytest.fixture(autouse=True)
def no_record(monkeypatch):
    """Record nothing unasked: a test that wants a record names its folder."""
    monkeypatch.setenv("NETFLUX_HOME", "off")


@pytest.fixture(autouse=True)
def own_functions(request):
    """Of one name, those of the test's own module are the newest: others may be held still."""
    module = getattr(request, "module", None)
    own = set() if module is None else {id(one) for one in vars(module).values()}
    for name, known in list(functions._defined.items()):
        functions._defined[name] = sorted(known, key=lambda one: id(one()) in own)


@pytest.fixture(autouse=True)
def own_default(monkeypatch):
    """Let no test meet the default runtime of another: it may record elsewhere, or be closed.

    Nor what another spent today.
    """
    monkeypatch.setattr(session, "cap", Cap(earlier=session._paid_since, day=session.day))
    monkeypatch.setattr(session, "_default", [])
    monkeypatch.setattr(session, "_before", [])
    monkeypatch.setattr(session, "_models", {})
    monkeypatch.setattr(session, "_set", dict(session._set))
    # What takes keys out looks at the environment now and then only: each test has its own.
    monkeypatch.setattr(safe, "_fresh", [])
    monkeypatch.setattr(recording.own_patterns, "given", {})
    monkeypatch.setattr(recording.own_patterns, "_forms", {})


def pytest_collection_modifyitems(items):
    if not any(shutil.which(name) for name in BROWSERS):
        _skip(items, "lab", "There is no Chromium.")
    if not os.environ.get("NETFLUX_LIVE"):
        _skip(items, "live", "NETFLUX_LIVE is not set.")
    for item in items:
        # Beside others on two cores, late once is not wrong; a real browser is late more often.
        # What is wrong fails again; the summary names what was tried again, with its traceback.
        reruns = 2 if item.get_closest_marker("lab") else 1
        item.add_marker(pytest.mark.flaky(reruns=reruns))


def _skip(items, marker, reason):
    for item in items:
        if item.get_closest_marker(marker):
            item.add_marker(pytest.mark.skip(reason=reason))
