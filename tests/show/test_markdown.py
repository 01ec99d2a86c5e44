"""Views as Markdown: tables are tables, trees are set in, conversations are quoted."""

import mistune
import pytest
from show import gallery, samples
from show.forest import node, talk, wide
from show.hostile import Page

from netflux_nb import function
from netflux_nb.core.text.markdown import escaped, quoted, table
from netflux_nb.session import here
from netflux_nb.show import transcripts, trees
from netflux_nb.show.parts import tables


def read(text):
    return Page(mistune.create_markdown(escape=False, plugins=["table", "url", "math"])(text))


@pytest.mark.parametrize(
    "words",
    [
        *("a | b", "`x` ``y``", "[x](http://a.example)", "![x](y.png)", "<b>x</b>", "&lt;", "# a"),
        *("1. one", "- one", "+ one", "= =", "---", "***x***", "__x__", "~~x~~", "$x$", r"\(x\)"),
        *("http://a.example", "www.a.example", "me@a.example", "<http://a.example>", "a_b _c_"),
        *("> x", "[^1]", "{{x}}", "x\\", "\\", "| |", "[ ] x", "a: b", "100%", "1.5 s", ":-)"),
    ],
)
def test_what_others_wrote_is_text(words):
    for text in (escaped(words), "\n".join(quoted(words)), "\n".join(table([escaped(words)], []))):
        page = read(text)

        assert page.tags <= {"p", "blockquote", "table", "thead", "tbody", "tr", "th"}
        assert page.links == []
        assert "".join(page.words).strip() == words.strip()


def test_a_line_of_code_keeps_what_it_is_set_in():
    page = read("\n".join(quoted("if x:\n    y")))

    assert [word.strip("\n") for word in page.words if word.strip("\n")] == [
        "if x:",
        "\xa0\xa0\xa0\xa0y",
    ]


def test_a_tree_is_a_table_whose_calls_are_set_in():
    view = node("root", [node("a|b", [talk("ask")], outputs="x")])

    text = trees.tree(view, run="r-1.1").markdown

    lines = text.splitlines()
    assert lines[0].startswith("● **root** Success · 4 Nodes")
    assert lines[2:4] == ["| Call | State | Time | Tokens | Money |", "|---|---|---:|---:|---:|"]
    assert lines[4].startswith("| ● root | Success |")
    assert lines[5].startswith("| &emsp;● a&#124;b → x | Success |")
    assert lines[6].startswith("| &emsp;&emsp;● **ask** | Success |")
    assert {"table", "td", "strong"} <= read(text).tags


def test_what_is_left_out_of_a_tree_is_counted_below_its_table():
    text = trees.tree(wide(5_000)).markdown

    assert len(text) < 4_200
    page = read(text)
    assert "more lines" in page.words[-2] + page.words[-1]
    assert page.text.count("more") == 1
    whole = "\n".join(trees.markdown(wide(500), most=50))
    assert whole.endswith("\n\n… 451 more in the record")


def test_a_conversation_is_quoted():
    text = transcripts.transcript(talk("ask"), system="Be brief.\n# Not a title").markdown

    page = read(text)
    assert {"blockquote", "strong"} <= page.tags
    assert "h1" not in page.tags
    assert page.text.index("Be brief.") < page.text.index("What is it?")


def test_numbers_of_a_table_stand_to_the_right():
    columns = ["place", tables.Column("year", is_number=True)]

    text = tables.table([["Paris", 1889]], columns, title="1 tower", count=9).markdown

    assert text == "1 tower\n\n| place | year |\n|---|---:|\n| Paris | 1,889 |\n\n… 8 more"


@pytest.mark.parametrize("name", ["tree", "fork", "table", "diff", "transcript", "usage"])
def test_each_part_has_a_form_in_markdown(name):
    text = gallery.views()[name].markdown

    assert "```" not in text
    assert read(text).tags & {"table", "blockquote"}


def test_a_notebook_is_given_html_first_and_markdown_beside_it():
    bundle = trees.tree(samples.run())._repr_mimebundle_()

    assert list(bundle) == ["text/plain", "text/html", "text/markdown"]
    assert not hasattr(trees.tree(samples.run()), "_repr_markdown_")


@function
def broken(x: int) -> int:
    """Fail."""
    raise ValueError("no | good")


def test_a_run_is_exported_as_one_file_of_markdown(tmp_path):
    with here.fresh() as fresh:
        fresh.configure(store=str(tmp_path / "store"))
        run = broken.start(x=1).wait()
        path = run.export(tmp_path / "run.md", against=run)

    text = path.read_text(encoding="utf-8")
    page = read(text)
    assert text.startswith("# broken(x=1)\n")
    titles = ("Why", "Calls", "Compared with another run", "Usage", "What was free")
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        f"## {title}" for title in titles
    ]
    assert "no | good" in page.text
