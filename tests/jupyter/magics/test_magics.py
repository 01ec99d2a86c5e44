"""Running by magic, verbs and SQL cells, in a real shell."""

import pandas as pd
import pytest

from netflux_nb import Function, NodeState, Run, runs, session
from netflux_nb.jupyter.magics.verbs import VERBS
from netflux_nb.show.parts.shown import Shown

pytestmark = pytest.mark.slow

DEFINE = '''%%agent say(text: str, tone: str = "plain") -> str --model scripted
"""Say it."""
---
In a {tone} tone: {text}
'''
STUDY = '''%%function --uses say
def study(texts: list[str]) -> list[str]:
    """Say all."""
    return [say(text=t) for t in texts]
'''


@pytest.fixture
def notebook(shell):
    shell.run(DEFINE)
    shell.run(STUDY)
    return shell


def test_invoke_gives_the_value_which_can_be_assigned(notebook):
    notebook.run("notes = ['a b', 'c']")
    assert notebook.run("%invoke say text=notes[0]") == "<In a plain tone: a b>"
    notebook.run('x = %invoke say text=" ".join(n for n in notes) tone="dr" + "y"')
    assert notebook.names["x"] == "<In a dry tone: a b c>"


def test_braces_and_dollars_reach_a_line_as_they_are(notebook):
    notebook.run("name = 'no'")
    assert notebook.run("%invoke say text='{name} $name'") == "<In a plain tone: {name} $name>"


def test_invoke_in_the_background_gives_the_run_at_once(notebook):
    run = notebook.run("%invoke -b study texts=['a']")
    assert isinstance(run, Run)
    assert run.result() == ["<In a plain tone: a>"]


WRONG = {
    "no function": ("%invoke", "Name a Function. There is: say, study."),
    "unknown": ("%invoke sya text=1", "no Function 'sya'. Did you mean say?"),
    "callable": ("plain = len\n%invoke plain", "'plain' is a plain callable"),
    "no name": ("%invoke say 'a'", "has no name. Write arguments as `name=value`"),
    "no python": ("%invoke say text=a b", "is no Python expression: invalid syntax"),
    "twice": ("%invoke say text=1 text=2", "'text' is given twice"),
    "option": ("%invoke -x say", "no option '-x'"),
    "show": ("%invoke --show big say", "--show is one of"),
    "function": ("%nf tree say", "'say' is a Function, not a run. `%nf runs` lists"),
    "verb": ("%nf teee", "no verb 'teee'. Did you mean tree?"),
    "quotes": ("%nf tree 'a", "%nf tree: no closing quotation."),
    "flag": ("%nf tree --deep", "There is no option '--deep'. It takes none."),
    "no run": ("%nf tree nothing", "No run is called 'nothing'"),
    "no runs": ("%nf tree", "There is no run"),
    "delete": ("%nf delete", "Name the run to delete"),
    "serve": ("%nf serve", "Name a bundle"),
    "diff": ("%nf diff", "Two runs are wanted"),
    "sql": ("%nfsql", "There is no question"),
    "sql, a comment": ("%%nfsql\n-- nothing", "There is no question in it"),
    "sql line": ("%%nfsql SELECT 1\nSELECT 2", "stands beside `%%nfsql`"),
    "map": ("%%map say\na b", "The rows are one Python expression"),
    "blanks": ("%invoke   sya\ttext=1", "no Function 'sya'"),
    "option, misspelt": ("%nf fork --modle x", "no option '--modle'. Did you mean --model?"),
    "option, none like it": ("%nf fork --zzz x", "There is: --model, --prompt, --system."),
    "show, misspelt": ("%invoke --shwo html say", "'--shwo'. Did you mean --show?"),
    "agent in a line": ("%agent a(x: str)", "`%%agent` wants two percent signs"),
    "map in a line": ("%map say", "`%%map` wants two percent signs"),
    "no rows": ("%%map say\n ", "There are no rows"),
    "value": ("%%agent a(x: str) --model\n{x}", "Line 1: --model wants a value behind it."),
    "number": ("%nf runs --most x", "--most is a whole number; got 'x'."),
    "choice": ("%nf replay --mode x", "--mode is one of strict, bounded, observational; got 'x'."),
    "word": ("%nf gc foo", "%nf gc takes no word, got 'foo'."),
    "no state": ("%nf runs --state bad", "There is no state 'bad'. There is: Canceled"),
    "no day": ("%nf runs --since soon", "since is a day or a time"),
    "no run to tag": ("%nf tag", "Name the run first, such as `%nf tag runs[0] baseline`."),
    "no run to note": ("%nf note", "Name the run first, such as `%nf note runs[0]"),
    "place": ("%nf tree runs[7]", "There are 0 runs here; got 7."),
    "expression": ("%invoke say text=notes[0]", "NameError: name 'notes' is not defined"),
    "expression of a verb": ("%nf preview say text=1/0", "ZeroDivisionError: division by zero"),
    "rows": ("%%map say\nnotes", "NameError: name 'notes' is not defined\n  in `notes`"),
}


@pytest.mark.parametrize(("cell", "why"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_a_line_or_two(notebook, cell, why):
    said = notebook.fails(cell)
    assert why in said
    assert len(said.splitlines()) <= 3
    assert "Traceback" not in said


ODD = {
    "file": ("%nf export /nope/x.html", "There is no folder '/nope' for the file."),
    "bundle": ("%nf export /nope/x.nfrun", "There is no folder '/nope' for the file."),
    "long": (f"%nf serve {'a' * 5000}", "%nf serve: File name too long"),
    "no home": ("%nf store ~nobody-here/x", "'~nobody-here/x' names no folder"),
    "no folder": ("%nf store a\x00b", "'a\\x00b' names no folder"),
    "long store": (f"%nf store {'a' * 5000}", "%nf store: File name too long"),
    "null": ("%%agent \x00\nx", "'\\x00' is no signature"),
    "type": ("%%function\n\ndef f(a: str) -> nope: ...", "Line 3: NameError: name 'nope'"),
    "twice": ("%%function\ndef f(a: str, a: str): ...", "Line 2: duplicate argument 'a'"),
    "rows": ("%%map say\n\x00", "Line 2: The rows are one Python expression"),
}


@pytest.mark.parametrize(("cell", "why"), ODD.values(), ids=ODD)
def test_odd_input_shows_no_frames_of_ours_and_breaks_nothing(notebook, cell, why):
    notebook.run("%invoke say text='a'")

    said = notebook.fails(cell)

    assert why in said
    assert len(said.splitlines()) <= 3
    assert "\x00" not in said
    assert notebook.run("%invoke say text='a'") == "<In a plain tone: a>"


MISTAKEN = {
    "diff": ("run.diff('x')", "A run is compared with another run, such as `runs[1]`; got str."),
    "node": ("run.node(3)", "A Node is asked for by its path, such as 'study/summarise[2]'; got 3"),
    "below": ("run.node('say/x')", "There is no x below say() in this run. say() called nothing."),
    "provider": (
        "run.node('say').fork(model='nope').result()",
        "say() wants provider 'nope', for which there is no client factory and no model. There is",
    ),
}


@pytest.mark.parametrize(("cell", "why"), MISTAKEN.values(), ids=MISTAKEN)
def test_what_does_not_fit_a_run_is_said_without_frames(notebook, cell, why):
    notebook.run("%invoke say text='a'")
    notebook.run("run = runs.last")

    said = notebook.fails(cell)

    assert why in said
    assert "netflux_nb/" not in said


def test_a_call_that_a_bundle_does_not_hold_shows_the_persons_frames_alone(notebook):
    notebook.run("%invoke say text='a'")
    notebook.run("%nf export --bundle x.nfrun")
    notebook.run("%nf serve x.nfrun")
    said = notebook.fails("say(text='b')")
    notebook.run("%nf serve stop")
    assert "x.nfrun holds no call say(text='b'" in said
    assert "`%nf serve stop`, goes live" in said
    assert "netflux_nb/" not in said
    assert said.splitlines()[-1] == "  line 1: say(text='b')"


def test_a_models_failure_shows_the_persons_lines_and_none_of_ours(notebook):
    notebook.run("from netflux_nb import use\nfrom netflux_nb.testing import broken, ScriptedModel")
    notebook.run("_ = use(scripted=ScriptedModel([broken('The account is closed')]))")

    said = notebook.fails("texts = ['a']\nstudy(texts=texts)").splitlines()

    assert "ModelError: The account is closed" in said[0]
    assert said[1:] == [
        "  line 2: study(texts=texts)",
        "  line 4, in study(): return [say(text=t) for t in texts]",
    ]


def test_a_model_of_ones_own_keeps_its_frames(notebook):
    notebook.run("from netflux_nb import use\nfrom netflux_nb.testing import ScriptedModel")
    notebook.run(
        "def wrong(request):\n    return {}['nothing']\n_ = use(scripted=ScriptedModel(wrong))"
    )
    said = notebook.fails("say(text='a')")
    assert "return {}['nothing']" in said
    assert "KeyError: 'nothing'" in said


def test_what_was_cancelled_shows_where_it_was_asked_for(notebook):
    notebook.run(
        "from netflux_nb import use\nfrom netflux_nb.testing import ScriptedModel\n"
        "_ = use(scripted=ScriptedModel(['late'], latency_s=3600))"
    )
    notebook.run("run = say.start(text='a')\nrun.cancel('enough'); run.wait();")
    said = notebook.fails("run.result()")
    assert said.splitlines() == ["CancellationException: enough", "  line 1: run.result()"]


def test_an_error_of_ours_that_a_persons_code_raised_keeps_its_frames(notebook):
    notebook.run("from netflux_nb import CancellationException")
    notebook.run("def asked():\n    raise CancellationException('mine')")
    assert "raise CancellationException('mine')" in notebook.fails("asked()")


def test_a_view_that_there_is_not_is_answered_with_those_there_are(notebook):
    notebook.run("%invoke say text='a'")
    said = notebook.fails("%nfsql SELECT 1 FROM xyz")
    assert "There is: approvals, artifacts, calls, changes, draws" in said
    assert "pg_" not in said


def test_without_functions_it_is_said_how_to_define_one(notebook):
    for name in [n for n, one in notebook.names.items() if isinstance(one, Function)]:
        del notebook.names[name]
    assert "There is no Function yet." in str(notebook.run("%nf cards"))


def test_help_tells_the_columns_of_the_views(notebook):
    told = str(notebook.run("%nf help sql"))
    assert "run, node, parent, fn, kind" in told
    assert "input_tokens" in told


def test_a_card_says_that_an_argument_is_in_no_prompt(notebook):
    notebook.run('%%agent half(text: str, tone: str = "plain")\nSay {text} in a {tone')
    assert "{tone} stands nowhere in the prompt: the model is not told it" in notebook.text
    notebook.run("%%agent whole(text: str)\nSay {text}")
    assert "nowhere" not in notebook.text


def test_what_a_def_calls_keeps_its_frames(notebook):
    notebook.run("def made():\n    return 1 / 0")
    said = notebook.fails("%%function\ndef f(a: str = made()) -> str:\n    return a")
    assert "return 1 / 0" in said
    assert "netflux_nb/" not in said


OPTIONS = {
    "agent": ("\n%%agent x(a: str) -> str --modle y\nDo {a}", "Line 2", "--modle", "--model"),
    "function": ("%%function --usse say\ndef f(): ...", "Line 1", "--usse", "--uses"),
    "map": ("%%map say --fersh\n[]", "Line 1", "--fersh", "--fresh"),
}


@pytest.mark.parametrize(("cell", "line", "word", "meant"), OPTIONS.values(), ids=OPTIONS)
def test_an_option_that_is_misspelt_is_shown_in_its_line(notebook, cell, line, word, meant):
    said, shown, caret = notebook.fails(cell).splitlines()
    assert f"{line}: There is no option {word!r}. Did you mean {meant}?" in said
    assert shown[caret.index("^") :].startswith(word)


def test_an_error_of_an_expression_is_the_users_own(notebook):
    assert notebook.fails("%invoke say text=notes[0]").splitlines() == [
        "NameError: name 'notes' is not defined",
        "  in `notes[0]`",
    ]
    said = notebook.fails("def broken():\n    return 1 / 0\n\n%invoke say text=broken()")
    assert "return 1 / 0" in said  # their own code keeps its frames
    assert "netflux_nb/" not in said


SQL = {
    "line": ("x = 1\n%nfsql SELECT nothing FROM runs", "  SELECT nothing FROM runs"),
    "cell": ("\n%%nfsql\nSELECT fn,\n  nothing\nFROM runs", "Line 4:   nothing"),
    "python": ("sql('SELECT fn, nothing FROM runs')", "LINE 1: SELECT fn, nothing FROM runs"),
}


@pytest.mark.parametrize(("cell", "shown"), SQL.values(), ids=SQL)
def test_a_mistake_in_sql_is_shown_where_it_is(notebook, cell, shown):
    notebook.run("%invoke say text='a'")
    first, advice, line, caret, *place = notebook.fails(cell).splitlines()
    assert first.endswith('Referenced column "nothing" not found in FROM clause!')
    assert first.startswith("ArgumentError: The record cannot answer: Binder Error: ")
    assert advice.startswith("Candidate bindings: ")
    assert line == shown
    assert line[caret.index("^") :].startswith("nothing")
    assert len(place) == (cell[0] != "\n")


def test_a_missing_key_says_where_to_put_it(notebook):
    notebook.run("%%agent paid(text: str) -> str --model anthropic\n{text}")
    for cell in ("paid(text='a')", "%invoke paid text='a'"):
        said, otherwise, place = notebook.fails(cell).splitlines()
        assert 'os.environ["ANTHROPIC_API_KEY"] = getpass.getpass()' in said
        assert "`--model scripted`" in otherwise
        assert "line 1" in place


def test_every_verb_that_shows_a_run_shows_the_last(notebook):
    notebook.run("%invoke study texts=['a', 'b']")
    for verb in (
        "runs",
        "tree",
        "usage",
        "timeline",
        "transcript",
        "mermaid",
        "ledger",
        "chart",
        "help",
        "cards",
    ):
        shown = notebook.run(f"%nf {verb}")
        assert isinstance(shown, Shown), verb
        assert str(shown), verb
    assert "say" in str(notebook.run("%nf tree"))
    assert "study(texts=['a', 'b'])" in str(notebook.run("%nf runs"))
    assert "is as it was written" in notebook.run("%nf verify").html
    assert "0 runs going on, 1 ended here; $0.00 spent today of $5.00." in str(notebook.run("%nf"))


def test_what_is_written_as_code_is_drawn_as_code(notebook):
    assert "<code>%nf help</code> lists what can be asked." in notebook.run("%nf").html
    assert "<code>%nf</code> alone" in notebook.run("%nf help").html
    assert str(notebook.run("%nf pending")) == "Nothing waits for a person."


def test_the_line_that_goes_on_names_the_run_as_it_can_be_named_here(notebook):
    notebook.run("def boom(x: int) -> int:\n    raise ValueError(x)")
    notebook.run("boom = function(boom); failed = boom.start(1).wait(); study(['a'])")
    run = notebook.names["failed"]
    ready = {
        word: str(notebook.run(f"%nf why {word}")).splitlines()[-1].strip()
        for word in ("failed", run.id)
    }
    assert ready["failed"].startswith("failed.node('boom').fork(")
    assert ready[run.id].startswith(f'runs["{run.id}"].node(')
    notebook.run("boom.start(2).wait()")
    assert "runs.last.node('boom').fork(" in str(notebook.run("%nf why"))


def test_runs_are_a_list_as_it_is_shown_the_newest_first(notebook):
    for text in ("a", "b", "c"):
        notebook.run(f"%invoke say text={text!r}")
    shown = str(notebook.run("%nf runs"))
    rows = [line.split() for line in shown.splitlines() if "say(" in line]
    assert [row[0] for row in rows] == ["[0]", "[1]", "[2]"]
    assert [row[-1] for row in rows] == [run.id for run in runs]
    assert runs[0].id == runs.last.id
    assert runs[-1].id == rows[-1][-1]
    assert [run.id for run in notebook.run("runs[:2]")] == [row[-1] for row in rows[:2]]
    assert "the newest first" in notebook.fails("runs[1.5]")


def test_p14_what_is_shown_is_the_same_from_run_to_run_where_it_is_to_be_stable(notebook):
    looks = ["%nf runs", "%nf tree", "%nf usage", "%nf timeline", "%nf transcript", "%nf why"]
    looks += [
        "%nf ledger",
        "%nf chart --of tokens",
        "%nf chart --of latency",
        "%nf mermaid",
        "%nf verify",
        "%nf history say",
        "runs[0].diff(runs[0])",
    ]
    notebook.run("%config NetfluxNB.stable = True")
    said = []
    for _ in range(2):
        notebook.run("study(['a', 'b'])")
        shown = [notebook.run(one) for one in looks]
        said.append(
            [(str(one), one._repr_mimebundle_()["text/html"]) for one in shown] + [repr(runs[0])]
        )
        name = runs[0].id
        notebook.run(f"%nf delete {name}")
    assert said[0] == said[1]
    for one in said[0][:-1]:
        assert name not in f"{one}"
    assert "study: ● Success, 3 Nodes, ‹time›, 18 tokens" in said[0][1][0]

    notebook.run("%config NetfluxNB.stable = False")
    notebook.run("study(['a', 'b'])")
    assert runs[0].id in str(notebook.run("%nf tree"))


def test_a_run_is_a_variable_a_number_an_id_or_its_end(notebook):
    notebook.run("run = study.start(['a']).wait()")
    run = notebook.names["run"]
    trees = {
        str(notebook.run(f"%nf tree {word}"))
        for word in ("", "run", run.id, run.id[-12:], str(run.root.id))
    }
    assert len(trees) == 1


def test_a_node_is_a_path_in_the_last_run_or_in_another(notebook):
    notebook.run("first = study.start(['a', 'b']).wait()")
    notebook.run("study(['c', 'd'])")
    assert "In a plain tone: d" in str(notebook.run("%nf transcript study/say[2]"))
    assert "In a plain tone: b" in str(notebook.run("%nf transcript first study/say[2]"))
    assert "In a plain tone: a" in str(notebook.run("%nf transcript first"))
    number = notebook.names["first"].root.children[1].id
    assert "In a plain tone: b" in str(notebook.run(f"%nf transcript {number}"))


def test_a_fork_changes_one_call(notebook):
    notebook.run("first = study.start(['a', 'b']).wait()")
    run = notebook.run("%nf fork study/say[2] text='x' * 2")
    assert run.result() == ["<In a plain tone: a>", "<In a plain tone: xx>"]
    run = notebook.run('%nf fork first study/say[2] --prompt "Now: {text}"')
    assert run.result()[1] == "<Now: b>"
    assert "Say what is to be otherwise" in notebook.fails("%nf fork study/say")


def test_a_rerun_takes_arguments(notebook):
    notebook.run("more = ['a', 'b']\nstudy(['a'])")
    run = notebook.run("%nf rerun texts=more")
    assert len(run.result()) == 2


def test_replay_diff_and_export_by_verb(notebook, tmp_path):
    notebook.run("study(['a'])")
    notebook.run("first = runs.last\nstudy(['b'])")
    assert "1 served, $0.00" in str(notebook.run("%nf replay"))
    assert not notebook.run("%nf diff first").is_same
    notebook.run("%nf export one.nfrun --bundle")
    notebook.run("%nf export all.nfrun --notebook")
    notebook.run("%nf export")
    assert {p.name for p in tmp_path.glob("*.*")} >= {"one.nfrun", "all.nfrun", "study.html"}
    assert "say" in str(notebook.run("%nf tree one.nfrun"))


def test_serve_by_verb_answers_from_a_bundle(notebook):
    notebook.run("study(['a'])\n%nf export kept.nfrun")
    notebook.run("%nf serve kept.nfrun")
    assert notebook.run("study(['a'])") == ["<In a plain tone: a>"]
    assert "holds no call study" in notebook.fails("study(['other'])")
    notebook.run("%nf serve stop")
    assert notebook.run("study(['other'])")


def test_a_store_is_changed_from_the_next_run_on(notebook, tmp_path):
    notebook.run("%nf store elsewhere")
    assert session.home() == tmp_path / "elsewhere"
    notebook.run("%config NetfluxNB.store = 'off'")
    assert "not recorded" in str(notebook.run("%nf store"))


def test_p5_a_sql_cell_sees_frames_and_keeps_its_result(notebook):
    notebook.run("study(['a', 'b'])")
    notebook.names["ours"] = pd.DataFrame({"fn": ["say"], "weight": [2]})
    shown = notebook.run(
        "%%nfsql >> kept\nSELECT fn, weight * count(*)::BIGINT AS n FROM nodes "
        "JOIN ours USING (fn) GROUP BY fn, weight"
    )
    assert str(shown) == "kept: 1 rows × 2 columns"
    assert notebook.names["kept"].values.tolist() == [["say", 4]]
    assert len(notebook.run("%nfsql SELECT * FROM nodes")) == 3
    notebook.run("%nfsql SELECT * FROM runs >> again")
    assert len(notebook.names["again"]) == 1


def test_this_notebooks_runs_and_the_folders(notebook, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/me/one.ipynb")
    notebook.run("study(['a'])")
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/me/two.ipynb")
    notebook.run("study(['b'])")

    frame = notebook.run("runs.all.df")
    assert list(frame["notebook"]) == ["/home/me/two.ipynb", "/home/me/one.ipynb"]
    assert notebook.run("len(runs), len(runs.all)") == (1, 2)
    assert notebook.run("runs.last.view().inputs['texts']") == ["b"]
    assert "texts=['a']" not in str(notebook.run("%nf runs"))
    assert "texts=['a']" in str(notebook.run("%nf runs --all"))
    assert set(frame["execution_count"]) == {6, 7}
    assert set(frame["cell"]) == {"In[6]", "In[7]"}


def test_usage_of_today_is_this_notebooks_or_the_folders(notebook, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/me/one.ipynb")
    notebook.run("study(['a'])")
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/me/two.ipynb")
    assert str(notebook.run("%nf usage --today")) == "two.ipynb, today: no model answered"

    notebook.run("study(['b', 'c'])")

    lines = str(notebook.run("%nf usage --today")).splitlines()
    assert lines[0].startswith("two.ipynb, today: ")
    assert lines[0].endswith(", 2 requests")
    assert [line.split()[:2] for line in lines if line.startswith("say ")] == [["say", "2"]]
    whole = str(notebook.run("runs.all.usage()")).splitlines()[0]
    assert whole.startswith("all runs, today: ")
    assert whole.endswith(", 3 requests")


def test_every_verb_has_its_help(notebook):
    for name, verb in VERBS.items():
        assert verb.written.split()[0] == name
        assert verb.about in str(notebook.run(f"%nf help {name}"))
    assert "| row |" not in str(notebook.run("%nf help sql"))
    assert "nodes" in str(notebook.run("%nf help sql"))


@pytest.mark.parametrize("magic", ["%%agent", "%%function", "%%map", "%%nfsql", "%invoke", "%nf"])
def test_a_question_mark_shows_help_with_an_example(notebook, magic):
    notebook.run(f"{magic}?")
    assert "Example:" in notebook.text
    assert "In Python:" in notebook.text or magic == "%nf"


def test_what_waits_is_answered_by_verb(notebook):
    notebook.run("%%function --effect mail --approve\ndef send(to: str) -> str:\n    return to")
    notebook.run("run = %invoke -b send to='me'")
    run = notebook.names["run"]
    seen = 0
    while not run.pending():
        seen = run.watch(seen, timeout=60).update_seqnum
    assert "send" in str(notebook.run("%nf pending"))
    notebook.run("%nf approve")
    assert run.result() == "me"
    assert run.state is NodeState.Success


def test_a_number_alone_is_an_answer(notebook):
    notebook.run("from netflux_nb.func_lib import human_in_loop\nhuman = human_in_loop")
    notebook.run("run = human.start(question='How many?')")
    run = notebook.names["run"]
    seen = 0
    while not run.pending():
        seen = run.watch(seen, timeout=60).update_seqnum
    notebook.run("%nf answer 42")
    assert str(run.result()) == "42"


def test_a_missing_provider_is_said_on_the_card(notebook):
    notebook.run("%%agent far(text: str) --model nobody\n{text}")
    assert "nobody here answers for the provider 'nobody' yet" in notebook.text


def test_a_card_says_that_a_key_is_missing_before_a_call_fails(notebook, monkeypatch):
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    cell = "%%agent tell(text: str) -> str --model gemini\nTell: {text}"
    notebook.run(cell)
    assert "no key for 'gemini' yet: GEMINI_API_KEY is not set" in notebook.text
    monkeypatch.setenv("GEMINI_API_KEY", "key")
    notebook.run(cell.replace("tell", "say_it"))
    assert "no key" not in notebook.text


def test_a_map_cell_calls_for_every_row(notebook):
    notebook.names["papers"] = pd.DataFrame({"text": ["a", "b", "c"], "year": [1, 2, 3]})
    found = notebook.run("%%map say\npapers[papers.year > 1][['text']]")
    assert found.df["result"].tolist() == ["<In a plain tone: b>", "<In a plain tone: c>"]
    assert notebook.run("%%map say --models scripted\n[{'text': 'a'}]").df["model"].tolist() == [
        "scripted"
    ]


def test_q41_a_line_tags_a_run_and_finds_it_by_its_tag(notebook):
    notebook.run("one = study.start(['a']).wait()\ntwo = study.start(['b']).wait()")
    told = str(notebook.run("%nf tag one baseline good --title 'First look'"))
    assert told.endswith(": “First look” #baseline #good")
    notebook.run("%nf tag runs[0] good")
    assert str(notebook.run("%nf tag one good --remove")).endswith(" #baseline")
    assert notebook.run("one.labels.tags, two.labels.tags") == (("baseline",), ("good",))
    assert str(notebook.run("%nf tag one")) == told.replace(" #good", "")

    assert "[1]" not in str(notebook.run("%nf runs --tag baseline"))
    assert "First look: study(" in str(notebook.run("%nf runs --tag baseline --state success"))
    assert "There is no run with" in str(notebook.run("%nf runs --tag baseline --tag good"))
    assert "2 runs" in str(notebook.run("%nf runs --fn study --since yesterday --until today"))
    assert "First look" in str(notebook.run("%nf runs first look"))


def test_q41_a_note_is_prose(notebook):
    notebook.run("one = study.start(['a']).wait()")
    assert "no tag, note or title" in str(notebook.run("%nf note one"))
    notebook.run('%nf note one isn\'t it -- "right"?')
    assert notebook.run("one.labels.note") == 'isn\'t it -- "right"?'
    assert "isn't it" in str(notebook.run("%nf note one"))
    notebook.run("%nf note one --remove")
    assert notebook.run("one.labels.note") == ""


def test_a_workflow_is_shown_by_its_name_or_by_a_run(shell):
    shell.run("from netflux_nb import workflow\n@function\ndef p() -> int:\n    return 1")
    assert "is no run" in shell.fails("%nf workflow") or "no run" in shell.text
    shell.run('day = workflow({"steps": [p]}, name="day")')
    assert isinstance(shown := shell.run("%nf workflow"), Shown)
    assert "p → DONE" in str(shown).replace("EVT_SUCCESS → DONE", "p → DONE")
    shell.run("day()")
    run = runs.last
    for word in ("", "day", run.id):
        assert "ended here DONE" in str(shell.run(f"%nf workflow {word}"))
    shell.run("p()")
    assert "There is no workflow in" in shell.fails(f"%nf workflow {runs.last.id}")
