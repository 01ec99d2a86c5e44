"""A real Jupyter server and a real Chromium, started for a test and gone after it."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parents[2]
TOKEN = "lab"
START_S = 60
WAIT_S = 30
# A page that hangs holds `evaluate` for ever: then its browser is ended from outside.
HANG_S = 110
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
KEYS = ("ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY")
SERVER = (
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.port_retries=0",
    f"--IdentityProvider.token={TOKEN}",
    "--LabApp.expose_app_in_browser=True",
    "--JupyterNotebookApp.expose_app_in_browser=True",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)
CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
# What a page may say on its console as an error, by front end; parts of the text.
ALLOWED = {
    # JupyterLab says these of a notebook that is closed while its kernel goes on.
    "lab": (
        "Could not restore the debugger state: Canceled future",
        "Canceled future for create_subshell_request message before replies were done",
    ),
    # Notebook 7.6 says these on any notebook, ours or not, now and then: its core reads a
    # setting, or calls a command of the file browser, that is not there yet.
    "notebook": (
        "Cannot read properties of undefined (reading 'schema')",
        "Command 'filebrowser:open-path' not registered",
    ),
}


class Server:
    """A Jupyter server on a free port, in a folder and a home of its own."""

    def __init__(self, url, folder, home):
        self.url = url
        self.folder = folder
        self.home = home

    def write(self, cells, name="test.ipynb"):
        """Write a notebook: code cells as text, others as they are."""
        made = [new_code_cell(one) if isinstance(one, str) else one for one in cells]
        for place, cell in enumerate(made):
            cell["id"] = f"c{place:02}"
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        book = new_notebook(cells=made, metadata={"kernelspec": kernel})
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(book, path)
        return path

    def ask(self, path, method="GET"):
        """Ask the server's own interface, such as `api/kernels`."""
        request = urllib.request.Request(
            f"{self.url}/{path}", headers={"Authorization": f"token {TOKEN}"}, method=method
        )
        with urllib.request.urlopen(request, timeout=WAIT_S) as reply:
            return json.loads(reply.read() or "null")

    def end_kernels(self):
        """End all kernels, by the server: a page's own debugger complains when it loses one."""
        for kind in ("sessions", "kernels"):
            for one in self.ask(f"api/{kind}"):
                # Two notebooks on one kernel: with the first session the other one is gone.
                with contextlib.suppress(urllib.error.HTTPError):
                    self.ask(f"api/{kind}/{one['id']}", "DELETE")


@contextlib.contextmanager
def serving(folder, *, env=None, options=(), python=sys.executable, ours="checkout"):
    """Start a server on `folder`: with the panel and, in its kernels, the package of here.

    Args:
        folder: What it serves.
        env: More variables of the server and its kernels.
        options: More options of `jupyter lab`.
        python: Whose JupyterLab it is.
        ours: Where package and panel come from: `checkout`; `installed`, where only what
            that Python has counts; or `nowhere`, which leaves the panel out of JupyterLab.
    """
    home = Path(tempfile.mkdtemp(prefix="nf-jupyter-"))
    _keep_quiet(home)
    log = (home / "server.log").open("w")
    command = [str(python), "-m", "jupyterlab", *SERVER, f"--ServerApp.root_dir={folder}", *options]
    if ours == "nowhere":
        command.append(_others(home, str(python)))
    found = _checkout(home) if ours == "checkout" else {}
    env = {**_environment(home), **found, **(env or {})}
    started = []
    try:
        yield Server(_started(command, env, folder, log, started), Path(folder), home)
    finally:
        for process in started:
            _stop(process)
        log.close()
        # A kernel has a process group of its own. Its connection file is in this home.
        end_processes_of(str(home))
        shutil.rmtree(home, ignore_errors=True)


def _started(command, env, folder, log, started):
    """Start a server and give its address. A port that was free may be taken a moment later."""
    for is_last in (False, False, True):
        port = _free_port()
        process = subprocess.Popen(
            [*command, f"--ServerApp.port={port}"],
            env=env,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        started.append(process)
        url = f"http://127.0.0.1:{port}"
        try:
            _until_up(process, url, log.name)
        except RuntimeError as error:
            if is_last or "already in use" not in str(error):
                raise
        else:
            return url
    raise AssertionError


def _environment(home):
    left_out = {*KEYS, "NETFLUX_HOME", "PYTHONPATH", "JUPYTER_PATH"}
    env = {name: value for name, value in os.environ.items() if name not in left_out}
    # A kernel started by a test runner must not think that it runs under one.
    env.pop("PYTEST_CURRENT_TEST", None)
    env.update(
        JUPYTER_CONFIG_DIR=str(home / "config"),
        JUPYTER_DATA_DIR=str(home / "data"),
        JUPYTER_RUNTIME_DIR=str(home / "runtime"),
        JUPYTER_PLATFORM_DIRS="0",
        IPYTHONDIR=str(home / "ipython"),
        HOME=str(home),
    )
    return env


def _checkout(home):
    """Let Jupyter find this checkout's package and panel, as after an install."""
    place = home / "share" / "labextensions"
    place.mkdir(parents=True)
    (place / "netflux-lab").symlink_to(ROOT / "netflux_nb" / "labextension")
    return {"PYTHONPATH": str(ROOT), "JUPYTER_PATH": str(place.parent)}


def _others(home, python):
    """Give the option by which JupyterLab finds all panels but ours, wherever they are.

    One that is only disabled is loaded all the same.
    """
    code = "import jupyter_core.paths as p; print(*p.jupyter_path('labextensions'), sep='\\n')"
    env = {**_environment(home), "PYTHONWARNINGS": "ignore"}
    told = subprocess.run([python, "-c", code], env=env, capture_output=True, text=True, check=True)
    place = home / "others"
    place.mkdir()
    for folder in map(Path, told.stdout.split("\n")):
        for found in folder.glob("[!.]*") if folder.name else ():
            if found.name != "netflux-lab" and not (place / found.name).exists():
                (place / found.name).symlink_to(found)
    return f"--LabApp.labextensions_path={place}"


def _keep_quiet(home):
    """Let JupyterLab ask nobody for news."""
    place = home / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    place.mkdir(parents=True)
    said = {"fetchNews": "false", "checkForUpdates": False}
    (place / "notification.jupyterlab-settings").write_text(json.dumps(said))


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _until_up(process, url, log):
    end = time.monotonic() + START_S
    pause = threading.Event()
    while True:
        # Whoever took the port in the meantime may speak anything.
        with contextlib.suppress(OSError, http.client.HTTPException):
            urllib.request.urlopen(f"{url}/api/status?token={TOKEN}", timeout=2).read()
            return
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"Jupyter did not start:\n{Path(log).read_text()[-3000:]}")
        pause.wait(0.1)


def _stop(process):
    # One SIGINT asks whether to stop, and there is nobody to say so; SIGTERM ends its kernels.
    for number, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 5)):
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)


def processes_of(mark):
    """List the processes whose command names `mark`: a folder that only one test has."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if mark in place.read_text(errors="replace") and int(place.parent.name) != os.getpid():
                found.append(int(place.parent.name))
    return found


def end_processes_of(mark):
    """Kill what a test has left behind."""
    for pid in processes_of(mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def browsing(**options):
    """Start Chromium. Gives Playwright's browser context, with a profile of its own."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, BROWSERS)))
    profile = tempfile.mkdtemp(prefix="nf-chromium-")
    options.setdefault("viewport", {"width": 1280, "height": 900})
    try:
        with sync_playwright() as playwright:
            context = playwright.chromium.launch_persistent_context(
                profile, executable_path=path, headless=True, args=list(CHROMIUM), **options
            )
            context.set_default_timeout(WAIT_S * 1000)
            context.nf_profile = profile
            yield context
            context.close()
    finally:
        end_processes_of(profile)
        shutil.rmtree(profile, ignore_errors=True)


@contextlib.contextmanager
def not_hanging(context, seconds=HANG_S):
    """End the browser when a test takes longer than this: then its call raises."""
    watch = threading.Timer(seconds, end_processes_of, [context.nf_profile])
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
        watch.join()


def markdown(text):
    """Make a cell of text."""
    return new_markdown_cell(text)
