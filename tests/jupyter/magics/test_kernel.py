"""A real kernel: Tab, Shift-Tab, errors and `%debug`, as a front end asks for them."""

import re

import pytest
from kernels import Kernel

pytestmark = pytest.mark.slow

DEFINE = """
from netflux_nb import Runtime, agent, function, runs, use
from netflux_nb.testing import ScriptedModel
use(Runtime(is_open=True, models={"scripted": ScriptedModel(lambda r: "ok")}))
%config NetfluxNB.live = False
"""
SAY = '''%%agent say(text: str, tone: str = "plain") -> list[str] --model scripted
"""Say it well."""
You are kind.
---
Say {text} in a {tone} tone.
'''


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    made = Kernel(NETFLUX_HOME=str(tmp_path_factory.mktemp("store")))
    made.run("%load_ext netflux_nb")
    made.run(DEFINE)
    made.run(SAY)
    yield made
    made.close()


def asked(kernel, how, *words, **options):
    msg_id = getattr(kernel.client, how)(*words, **options)
    while True:
        reply = kernel.client.get_shell_msg(timeout=30)
        if reply["parent_header"].get("msg_id") == msg_id:
            return reply["content"]


def offered(kernel, code):
    return asked(kernel, "complete", code, len(code))


def test_p10_tab_reaches_the_popup_of_a_front_end(kernel):
    found = offered(kernel, "%invoke say to")
    assert found["matches"] == ["tone="]
    assert (found["cursor_start"], found["cursor_end"]) == (12, 14)
    kinds = found["metadata"]["_jupyter_types_experimental"]
    assert [(one["text"], one["type"]) for one in kinds] == [("tone=", "str")]
    assert offered(kernel, "%%agent a(x: str) --uses sa")["matches"] == ["say"]
    assert offered(kernel, "%%agent a(word: str)\nTell {wo")["matches"] == ["word"]
    assert "tree" in offered(kernel, "%nf tr")["matches"]
    assert offered(kernel, "%%nfsql\nSELECT * FROM messa")["matches"] == ["messages"]


def test_shift_tab_shows_signature_description_and_prompt(kernel):
    found = asked(kernel, "inspect", "say(", 3, 0)
    text = re.sub(r"\x1b\[[0-9;]*m", "", found["data"]["text/plain"])
    for words in (
        "say(text: str, tone: str = 'plain') -> list[str]",
        "Say it well.",
        "You are kind.",
        "Say {text} in a {tone} tone.",
    ):
        assert words in text


def test_a_mistake_is_two_lines_in_a_front_end_too(kernel):
    cell = kernel.end(kernel.begin("%%agent a(x: str)\n\nTell {y}"))
    assert cell.error["ename"] == "PromptError"
    assert cell.error["traceback"][0].startswith("PromptError: Line 3: {y} is no argument.")
    cell = kernel.end(kernel.begin("a = 1\nsay(txt=1)"))
    assert cell.error["traceback"][1] == "  line 2: say(txt=1)"


def test_debug_stops_in_my_own_frame(kernel):
    kernel.run("%%function\ndef boom(n: int) -> float:\n    mine = n + 41\n    return mine / 0\n")
    cell = kernel.end(kernel.begin("boom(n=1)"))
    assert cell.error["ename"] == "ZeroDivisionError"
    assert not any("netflux_nb/" in line for line in cell.error["traceback"])
    cell = kernel.begin("%debug", stdin=True)
    said = []
    while not cell.is_idle:
        kernel.until(cell, lambda: cell.is_idle or len(cell.prompts) > len(said))
        if not cell.is_idle:
            said.append("p mine" if not said else "q")
            kernel.client.input(said[-1])
    assert "42" in cell.text
