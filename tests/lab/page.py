"""A notebook in a page, driven as a person drives it."""

import json

import nbformat

from lab.jupyter import ALLOWED, TOKEN, WAIT_S

# A view whose browser does not say hello soon is given up for a static one. Here there is a
# browser, however slow.
PATIENT = "from netflux_nb.jupyter.live import cell_output; cell_output.HELLO_S = 100\n"
PANEL = "window.jupyterapp.shell.currentWidget"
OPENED = f"() => Boolean({PANEL}?.context?.isReady)".replace(".shell.", "?.shell?.")
CONNECTED = f"() => Boolean({PANEL}.sessionContext?.session?.kernel)"
STATUS = f"status => {PANEL}?.sessionContext?.session?.kernel?.status === status"
IN_FRONT = f"""path => {PANEL}?.context?.path === path
  && Boolean({PANEL}.sessionContext.session?.kernel)"""
RUN = f"""async ([place, wait]) => {{
  const panel = {PANEL}, book = panel.content;
  book.activeCellIndex = place;
  book.deselectAll();
  const ran = window.jupyterapp.commands.execute('notebook:run-cell');
  if (wait) await ran;
}}"""
RUN_ALL = "async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
OUTPUTS = f"place => {PANEL}.content.widgets[place].model.outputs.toJSON()"
COUNT = f"place => {PANEL}.content.widgets[place].model.executionCount"
# Asks beside the notebook: nothing of it is seen there.
ASK = f"""async code => {{
  const kernel = {PANEL}.sessionContext.session.kernel;
  const asked = kernel.requestExecute({{code, store_history: false}});
  let said = '';
  asked.onIOPub = message => {{
    const type = message.header.msg_type, content = message.content;
    if (type === 'stream') said += content.text;
    if (type === 'error') said += content.ename + ': ' + content.evalue;
    if (type === 'execute_result') said += content.data['text/plain'];
  }};
  await asked.done;
  return said;
}}"""
# Whatever a page does, the answer comes or says that it did not.
RACE = """async ([code, value, patience]) => {
  const late = new Promise((_, fail) =>
    setTimeout(() => fail(new Error('no answer in ' + patience + ' ms')), patience));
  return await Promise.race([eval('(' + code + ')')(value), late]);
}"""


class Notebook:
    """One notebook, open in JupyterLab or in Notebook 7."""

    def __init__(self, page, server, path, front="lab"):
        self.page = page
        self.server = server
        self.path = path
        self.front = front
        self.errors = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self._noted(error.stack or f"{error}"))

    def _said(self, message):
        place = message.location.get("url", "")
        # A warning that comes from our own scripts counts too: JupyterLab is newer or older.
        if message.type == "error" or (message.type == "warning" and "netflux-lab" in place):
            self._noted(f"{message.text} ({place})")

    def _noted(self, error):
        if not any(part in error for part in ALLOWED[self.front]):
            self.errors.append(error)

    # Opening and leaving.

    def open(self, *, idle=True):
        """Open it, and wait for its kernel."""
        place = {"lab": "lab/tree", "notebook": "notebooks"}[self.front]
        name = self.path.relative_to(self.server.folder)
        query = f"token={TOKEN}" + ("&reset" if self.front == "lab" else "")
        self.page.goto(f"{self.server.url}/{place}/{name}?{query}")
        return self._until_ready(idle)

    def reload(self, *, idle=False, kernel=True):
        """Load the page again, as by F5. The kernel goes on; `kernel=False` where there is none."""
        self.page.reload()
        if not kernel:
            self.until(OPENED, timeout=2 * WAIT_S)
            return self
        return self._until_ready(idle)

    def _until_ready(self, idle):
        self.until(OPENED, timeout=2 * WAIT_S)
        self.until(CONNECTED, timeout=2 * WAIT_S)
        if idle:
            self.until_idle(2 * WAIT_S)
        return self

    def save(self):
        """Save it, and give what is on the disk."""
        self.command("docmanager:save")
        return nbformat.read(self.path, 4)

    def close(self):
        """Leave the page. The kernel goes on."""
        self.page.close()

    # Running.

    def run(self, place, *, wait=True, timeout=WAIT_S):
        """Run a cell; `wait=False` comes back while it runs."""
        self.ask_page(RUN, [place, wait], timeout=timeout)

    def run_all(self, timeout=100):
        """Run all cells, as the menu does. Stops at the first error."""
        self.ask_page(RUN_ALL, timeout=timeout)

    def ask(self, code, timeout=WAIT_S):
        """Ask the kernel beside the notebook, and give what it printed or showed."""
        return self.ask_page(ASK, code, timeout=timeout)

    def interrupt(self):
        """Press ■."""
        self.page.locator('[data-command="notebook:interrupt-kernel"]:visible').first.click()

    def until_idle(self, timeout=WAIT_S):
        """Wait until the kernel has said that it is idle.

        That says nothing about a cell: before it is begun, and when anything else was done beside
        it, a kernel is idle too. What a cell says tells that it runs, `until_ended` that it ended.
        """
        self.until(STATUS, "idle", timeout)

    def until_ended(self, place, timeout=WAIT_S):
        """Wait until a cell that was run has ended; what else the kernel is told makes it idle."""
        self.until(COUNT, place, timeout)

    def shut_down(self):
        """End the kernel for good."""
        self.ask_page(f"async () => {{ await {PANEL}.sessionContext.shutdown(); }}")

    def restart(self, timeout=WAIT_S):
        """Restart the kernel, without the question whether."""
        code = f"async () => {{ await {PANEL}.sessionContext.restartKernel(); }}"
        self.ask_page(code, timeout=timeout)
        self.until_idle(timeout)

    # Looking.

    def outputs(self, place):
        """Give the outputs of a cell as the notebook holds them."""
        return self.page.evaluate(OUTPUTS, place)

    def count(self, place):
        """Give the number in front of a cell; None while it has not ended."""
        return self.page.evaluate(COUNT, place)

    def text(self, place):
        """Give what one reads below a cell, as drawn by the browser."""
        return self.output(place).inner_text()

    def until_text(self, place, text):
        """Wait until one reads something below a cell: what it holds may be drawn later."""
        self.output(place).filter(has_text=text).wait_for()

    def output(self, place):
        """Give the place below a cell where its outputs are drawn."""
        return self.cell(place).locator(".jp-Cell-outputWrapper")

    def cell(self, place):
        """Give a cell, brought into sight: others may not be drawn at all."""
        self.page.evaluate(
            f"async place => {{ await {PANEL}.content.scrollToItem(place, 'smart'); }}", place
        )
        return self.page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{place}"]')

    def failures(self):
        """List the cells that ended in an error, with what it said."""
        found = []
        for place in self.code_cells():
            errors = [out for out in self.outputs(place) if out["output_type"] == "error"]
            found += [(place, out["ename"], out["evalue"]) for out in errors]
        return found

    def code_cells(self):
        """List the places of the cells of code."""
        kinds = self.page.evaluate(f"() => {PANEL}.content.widgets.map(one => one.model.type)")
        return [place for place, kind in enumerate(kinds) if kind == "code"]

    def until(self, code, value=None, timeout=WAIT_S):
        """Wait until a function in the page gives something true."""
        self.page.wait_for_function(code, arg=value, timeout=timeout * 1000)

    # How it looks.

    def dark(self, is_dark=True):
        """Change the theme."""
        theme = "JupyterLab Dark" if is_dark else "JupyterLab Light"
        self.command("apputils:change-theme", {"theme": theme})
        light = json.dumps(not is_dark)
        self.until(f"() => document.body.dataset.jpThemeLight === '{light}'")
        # JupyterLab takes its curtain away a moment later, and twice where a theme follows at once.
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def size(self, width, height=900):
        """Make the window another size."""
        self.page.set_viewport_size({"width": width, "height": height})

    def picture(self, path, place=None):
        """Take a picture of the window, or of one cell."""
        what = self.page if place is None else self.cell(place)
        what.screenshot(path=str(path))

    # Whatever else.

    def bring(self, path):
        """Open a notebook in this page, or bring it to the front, by its path."""
        self.command("docmanager:open", {"path": path})
        self.until_in_front(path)

    def until_in_front(self, path):
        """Wait until what is done is done to a notebook: opened is not yet in front."""
        self.until(IN_FRONT, path)

    def command(self, name, args=None, timeout=WAIT_S):
        """Do a command of JupyterLab by its name."""
        code = "async ([name, args]) => { await window.jupyterapp.commands.execute(name, args); }"
        self.ask_page(code, [name, args or {}], timeout=timeout)

    def ask_page(self, code, value=None, timeout=WAIT_S):
        """Call a function in the page; raises when no answer comes."""
        return self.page.evaluate(RACE, [code, value, timeout * 1000])
