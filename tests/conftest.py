"""The guards that stand around every test."""

import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, settings

from netflux_nb import session
from netflux_nb.core.functions import kinds

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")

# It is noon: what is of today at a test's beginning is of today at its end.
os.environ["TZ"] = f"Etc/GMT{time.gmtime().tm_hour - 12:+d}"
if hasattr(time, "tzset"):
    time.tzset()

# What tests by chance draw from: new at each run, or the one that is given. The workers of a run
# have it from who starts them.
SEED = os.environ.get("NETFLUX_SEED") or str(random.SystemRandom().randrange(2**32))
os.environ["NETFLUX_SEED"] = SEED
# Where the folder of a test by chance is kept that failed.
KEPT = Path(os.environ.get("NETFLUX_KEPT") or Path(tempfile.gettempdir()) / "netflux-kept")
FIRST_TRY = "what it met the first time"
FOLDER = pytest.StashKey[list[Path]]()

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
    for name, known in list(kinds._defined.items()):
        kinds._defined[name] = sorted(known, key=lambda one: id(one()) in own)


@pytest.fixture(autouse=True)
def own_session():
    """Let no test meet the session of another: its runtime, its cap, what it kept from records."""
    with session.here.fresh() as fresh:
        yield fresh


@pytest.fixture
def chance(request):
    """Chance of the test's own. `NETFLUX_SEED=N` repeats it, with the N that was printed."""
    print(f"NETFLUX_SEED={SEED}")
    return random.Random(f"{SEED} {request.node.nodeid}")


@pytest.fixture
def keep(request):
    """Name the folder that is kept if the test fails: chance may not find it again soon."""
    return lambda folder: request.node.stash.setdefault(FOLDER, []).append(folder)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    folders = item.stash.get(FOLDER, ())
    if report.failed and folders:
        # The last one is what failed.
        kept = KEPT / f"{item.name}-{SEED}-{folders[-1].name}"
        shutil.copytree(folders[-1], kept, dirs_exist_ok=True, symlinks=True)
        report.sections.append(("Kept", str(kept)))
    return report


def pytest_report_header():
    return f"NETFLUX_SEED={SEED}"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """Give a test that drives a real browser one second try: busy cores can starve a browser.

    Every other test is run once: what fails once is wrong.
    """
    tried = [name for name, _ in item.user_properties]
    if item.get_closest_marker("lab") is None or FIRST_TRY in tried:
        return None
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    failed = [report for report in reports if report.failed]
    if failed:
        item.user_properties.append((FIRST_TRY, failed[0].longreprtext))
        # All begins afresh, browser and server too.
        item.session._setupstate.teardown_exact(None)
        return item.ihook.pytest_runtest_protocol(item=item, nextitem=nextitem)
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter):
    reports = [one for some in terminalreporter.stats.values() for one in some]
    met = {
        report.nodeid: text
        for report in reports
        for name, text in getattr(report, "user_properties", ())
        if name == FIRST_TRY
    }
    for test, text in met.items():
        terminalreporter.section(f"tried twice: {test}", sep="-")
        terminalreporter.write_line(text)


def pytest_collection_modifyitems(items):
    if not any(shutil.which(name) for name in BROWSERS):
        _skip(items, "lab", "There is no Chromium.")
    if not os.environ.get("NETFLUX_LIVE"):
        _skip(items, "live", "NETFLUX_LIVE is not set.")
    if os.name == "nt" or os.environ.get("NETFLUX_SYSTEM") == "windows":
        for item in items:
            if mark := item.get_closest_marker("posix"):
                item.add_marker(pytest.mark.skip(reason=f"On Windows: {mark.args[0]}"))


def _skip(items, marker, reason):
    for item in items:
        if item.get_closest_marker(marker):
            item.add_marker(pytest.mark.skip(reason=reason))
