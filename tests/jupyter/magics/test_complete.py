"""What Tab offers in the magics (P10)."""

import pandas as pd
import pytest
from IPython.core.completer import CompletionContext

pytestmark = pytest.mark.slow

DEFINE = """%%agent say(text: str, tone: str = "plain") -> str --model scripted
Say {text}
"""


@pytest.fixture
def notebook(shell):
    shell.run(DEFINE)
    shell.run(
        "%%function --uses say\ndef study(texts: list[str]) -> list:\n    return [say(t) for t in texts]"
    )
    shell.run("class Fact: ...\nsayings = 1")
    return shell


OFFERS = {
    "uses": ("%%agent a(x: str) --uses s", ["say", "study"], ["sayings"]),
    "second use": ("%%agent a(x: str) --uses say,st", ["study"], ["say"]),
    "model": ("%%agent a(x: str) --model ant", ["anthropic"], []),
    "its models": ("%%agent a(x: str) --model anthropic:", ["anthropic:claude-sonnet-5-5"], []),
    "effort": ("%%agent a(x: str) --effort m", ["medium", "max"], []),
    "setting": ("%%agent a(x: str) --set temp", ["temperature="], []),
    "flags": ("%%agent a(x: str) --m", ["--model", "--max-steps"], ["--uses"]),
    "type": ("%%agent a(x: Fa", ["Fact"], ["say"]),
    "result": ("%%agent a(x: str) -> F", ["Fact"], ["float"][:0]),
    "function flags": ("%%function --e", ["--effect"], []),
    "placeholder": ("%%agent a(tone: str, text: str)\nIn a {t", ["tone", "text"], ["say"]),
    "prose": ("%%agent a(x: str)\nsayings are say", ["say", "sayings"][:1], ["saycheese"]),
    "invoke": ("%invoke s", ["say", "study"], ["sayings"]),
    "invoke assigned": ("x = %invoke s", ["say", "study"], []),
    "invoke flag": ("%invoke -", ["-b", "--show"], []),
    "show": ("%invoke --show w", ["widget"], []),
    "argument": ("%invoke say t", ["text=", "tone="], []),
    "next argument": ("%invoke say text='a' t", ["tone="], ["text="]),
    "verb": ("%nf t", ["tree", "timeline", "transcript"], ["say"]),
    "verb flag": ("%nf runs --", ["--all", "--most"], []),
    "state": ("%nf runs --state E", ["Error"], ["Success"]),
    "function of runs": ("%nf runs --fn s", ["say", "study"], ["sayings"]),
    "day": ("%nf runs --since t", ["today"], ["yesterday"]),
    "a note": ("%nf note run s", [], ["say"]),
    "mode": ("%nf replay --mode b", ["bounded"], []),
    "by": ("%nf chart --by ", ["day", "fn", "model"], []),
    "of": ("%nf chart --of la", ["latency"], ["cost"]),
    "a new verb": ("%nf le", ["ledger"], []),
    "of functions": ("%nf history s", ["say", "study"], []),
    "preview": ("%nf preview say t", ["text=", "tone="], []),
    "help": ("%nf help s", ["serve", "sql"], []),
    "call": ("say(", ["text=", "tone="], ["abs", "say"]),
    "call, begun": ("x = [say(t", ["text=", "tone=", "tuple"], ["sayings"]),
    "call, a value": ("say(sa", ["sayings", "say"], ["text="]),
    "call, second": ("say(text=f(1)[0], t", ["tone="], ["text="]),
    "call, many lines": ("x = 1\nsay(\n    text='(a',\n    ", ["tone="], ["text="]),
    "call in a function": ("%%function\ndef f(x: str):\n    return say(te", ["text="], []),
    "start": ("run = say.start(te", ["text="], []),
    "map": ("%%map s", ["say", "study"], []),
    "map models": ("%%map say --models ge", ["gemini"], []),
}


@pytest.mark.parametrize(("text", "there", "away"), OFFERS.values(), ids=OFFERS)
def test_p10_tab_offers_what_fits(notebook, text, there, away):
    found = notebook.offers(text)
    assert set(there) <= set(found)
    assert not set(away) & set(found)


@pytest.mark.parametrize("text", ["say(text=", "say(text='t", "say(1 + t", "len(t", "say(a) + t"])
def test_an_expression_in_a_call_is_left_to_python(notebook, text):
    matcher = notebook.shell.Completer.custom_matchers[-1]
    context = CompletionContext(
        token="",
        full_text=text,
        cursor_position=len(text),
        cursor_line=0,
        limit=None,
    )
    assert matcher(context)["completions"] == []


def test_python_is_left_to_python(notebook):
    assert "sayings" in notebook.offers("sayi")
    assert "sayings" in notebook.offers("%%function\ndef f(x: int) -> int:\n    return sayi")
    assert "sayings" in notebook.offers("%invoke say text=sayi")


def test_names_of_python_are_no_noise_in_a_prompt(notebook):
    found = notebook.offers("%%agent a(x: str)\nTell me what you sayi")
    assert "sayings" not in found
    found = notebook.offers("%%agent a(x: str)\nTell me ")
    assert set(found) == {"{x}", "---"}


def test_sql_has_views_columns_and_frames(notebook):
    notebook.names["papers"] = pd.DataFrame({"title": [], "year": []})
    assert "nodes" in notebook.offers("%%nfsql\nSELECT * FROM no")
    assert "papers" in notebook.offers("%%nfsql\nSELECT * FROM pa")
    assert "year" in notebook.offers("%%nfsql\nSELECT ye\nFROM papers", line=1)
    assert "error_type" in notebook.offers("%%nfsql\nSELECT error_t\nFROM nodes", line=1)
    assert "error_type" not in notebook.offers("%%nfsql\nSELECT error_t", line=1)


def test_runs_and_paths_of_nodes_are_offered(notebook):
    notebook.run("run = study.start(['a', 'b']).wait()")
    run = notebook.names["run"]
    assert {"run", run.id} <= set(notebook.offers("%nf tree "))
    assert run.id in notebook.offers(f"%nf diff run {run.id[:8]}")
    assert "study/say[2]" in notebook.offers("%nf transcript stu")
    assert "study/say[2]" in notebook.offers("%nf fork run study/")


def test_q41_tags_are_offered(notebook):
    notebook.run("run = study.start(['a']).wait()\nrun.tag('baseline', 'study')")
    assert "run" in notebook.offers("%nf tag r")
    assert "run" in notebook.offers("%nf note r")
    assert set(notebook.offers("%nf tag run ")) >= {"baseline", "study"}
    assert "baseline" in notebook.offers("%nf runs --tag b")
    assert "--remove" in notebook.offers("%nf tag run --r")


def test_tab_never_raises(notebook, capsys):
    for text in ("%invoke nothing x", "%nf nothing x", "%nf fork nothing ", "%%agent", "%%nfsql x"):
        notebook.offers(text)
    assert capsys.readouterr().err == ""
