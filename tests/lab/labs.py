"""A real JupyterLab on loopback, and pages of a real Chromium that look at it."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).parents[2]
CHROMIUM = next(
    (shutil.which(n) for n in ("chromium", "chromium-browser", "google-chrome") if shutil.which(n)),
    None,
)
TOKEN = "lab"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

# No question of the server's own lies over what is looked at.
QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}

# Cells that are run this way are run as a person does, by the command of the menu.
RUN = """async ([i, wait]) => {
  const app = window.jupyterapp, notebook = app.shell.currentWidget.content;
  notebook.activeCellIndex = i; notebook.deselectAll();
  const running = app.commands.execute('notebook:run-cell');
  if (wait) await running;
}"""
OUTPUTS = """i => window.jupyterapp.shell.currentWidget.content.widgets[i].model.outputs.toJSON()"""
READY = """() => { const w = window.jupyterapp?.shell?.currentWidget;
  return !!(w?.context?.isReady && w.sessionContext?.session?.kernel?.status === 'idle'); }"""
ASK = """async code => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({code, store_history: false, allow_stdin: false});
  let out = '';
  future.onIOPub = m => {
    if (m.header.msg_type === 'stream') out += m.content.text;
    if (m.header.msg_type === 'error') out += m.content.evalue;
  };
  await future.done;
  return out;
}"""


class Lab:
    """One server with its folder."""

    def __init__(self, url, folder):
        self.url = url
        self.folder = folder

    def write(self, name, *cells):
        notebook = new_notebook(cells=[new_code_cell(c) for c in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, self.folder / name)

    def read(self, name):
        return nbformat.read(self.folder / name, as_version=4)

    def kernels(self):
        with urllib.request.urlopen(f"{self.url}/api/kernels?token={TOKEN}", timeout=10) as got:
            return json.load(got)


@contextlib.contextmanager
def lab(folder):
    """Start JupyterLab in a folder of its own, and end it with all that it started."""
    home = Path(folder) / "home"
    root = Path(folder) / "root"
    root.mkdir(parents=True)
    settings = home / "config" / "labconfig" / "default_setting_overrides.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(QUIET))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {
        **os.environ,
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "NETFLUX_HOME": str(home / "record"),
        "PYTHONPATH": str(ROOT),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    words = [
        str(Path(sys.executable).parent / "jupyter-lab"),
        "--no-browser",
        "--allow-root",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={root}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    url = f"http://127.0.0.1:{port}"
    with (home / "lab.log").open("w") as log:
        server = subprocess.Popen(
            words, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            _await(url, server, home / "lab.log")
            yield Lab(url, root)
        finally:
            server.terminate()
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(15)


def _await(url, server, log, most_s=60.0):
    end = time.monotonic() + most_s
    while True:
        try:
            urllib.request.urlopen(f"{url}/api/status?token={TOKEN}", timeout=2).close()
            return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(
                    f"JupyterLab did not start:\n{log.read_text()[-2000:]}"
                ) from None
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(0.2)


@contextlib.contextmanager
def chromium():
    """Start the browser that this machine has."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Page:
    """A notebook that is open in a browser, and what the browser complained of."""

    def __init__(self, browser, lab, name, **options):
        viewport = options.pop("viewport", {"width": 1200, "height": 1000})
        self.context = browser.new_context(viewport=viewport, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.errors = []
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))
        self.page.on("console", self._hear)
        self.lab, self.name = lab, name

    def _hear(self, message):
        if message.type == "error" and "favicon" not in message.text:
            self.errors.append(message.text)

    def open(self, *, fresh=True):
        end = "&reset" if fresh else ""
        self.page.goto(f"{self.lab.url}/lab/tree/{self.name}?token={TOKEN}{end}")
        self.page.wait_for_function(READY, timeout=60_000)
        return self

    def reload(self):
        self.page.reload()
        self.page.wait_for_function(
            "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel",
            timeout=60_000,
        )

    def run(self, i, *, wait=True):
        self.page.evaluate(RUN, [i, wait])

    def ask(self, code):
        return self.page.evaluate(ASK, code)

    def outputs(self, i):
        return self.page.evaluate(OUTPUTS, i)

    def save(self):
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")

    def theme(self, name):
        self.page.evaluate(
            "n => window.jupyterapp.commands.execute('apputils:change-theme', {theme: n})", name
        )

    def close(self):
        self.context.close()
