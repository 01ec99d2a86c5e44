"""Texts that want to be more than text, and a reader that finds out whether one was."""

import json
from html.parser import HTMLParser

from netflux_nb.core.errors import RecordedError
from netflux_nb.core.json.portable import RecordedFunction
from netflux_nb.core.messages import (
    ModelStatusPart,
    ModelTextPart,
    NativePart,
    Spent,
    ThinkingBlockPart,
    TokenUsage,
    ToolResultPart,
    ToolUsePart,
    UserTextPart,
)
from netflux_nb.core.policy import WaitingOn
from netflux_nb.core.views import NodeState, NodeView
from netflux_nb.show.exported import browser_code
from netflux_nb.show.parts.look import SHEET

HOSTILE = {
    "script": "<script>alert(1)</script><ScRiPt src=//x.example/y.js></sCrIpT>",
    "handler": "<img src=x onerror=alert(1)><svg/onload=alert(2)>",
    "attribute": "\" onmouseover=\"alert(1)\" x='' onfocus='alert(2)' autofocus",
    "link": '<a href="javascript:alert(1)">x</a> [x](javascript:alert(1)) ![x](x" onerror="y)',
    "ends": "</pre></details></summary></ul></table></div></style></title></body></html>",
    "style": "<style>*{display:none}</style><div style='position:fixed;inset:0'>",
    "comment": "--><!-- <!--[if gte IE 4]><script>alert(1)</script><![endif]--> ]]> <![CDATA[",
    "entity": "&lt;script&gt; &#60;script&#62; &amp;lt; &#x3c;",
    "ansi": "\x1b[31mred\x1b]8;;http://x.example\x07link\x1b[0m\x1b[2J\x9b31m",
    "right to left": "abc\u202egnp.exe \u2066x\u2069 \u200f\u061c",
    "no width": "a\u200bb\u200cc\u200dd\u2060e\ufefff\u00ad\u3164\ufe0f\U000e0041",
    "surrogates": "\ud800 \udfff \ud83d",
    "controls": "a\x00b\x08c\x7f\r\nline\u2028para\u2029end\x85",
    "markdown": "# Title\n```\nfence\n````\n| a | b |\n***x*** <https://x.example>\n---",
    "paragraphs": "a\n\n[x](javascript:alert(1))\n \n![y](//x.example/y.png)\n\n# T\n\n",
    "mermaid": 'x"] --> y["z"]; click x call alert(1)\n%%{init:{"securityLevel":"loose"}}%%\nend',
    "latex": r"$\href{javascript:alert(1)}{x}$ \(x\) \[y\] $$z$$",
    "long line": "x" * 10_000_000,
    "many lines": "y\n" * 200_000,
    "zalgo": "Z" + "\u0301" * 500,
}

MOST = 200_000

TAGS = {
    *("p", "b", "i", "br", "code", "pre", "small", "span", "div", "del", "ins", "ul", "li"),
    *("details", "summary", "table", "thead", "tbody", "tfoot", "tr", "th", "td", "tt"),
}
# `class` names rules of our sheet, and keeps MathJax away; those of old HTML are kept by code hosts.
ATTRS = {"style", "open", "title", "class", "width", "align", "valign", "type", "clear"}
# A page of its own has a head, and links to its own parts.
PAGE_TAGS = {
    *TAGS,
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "main",
    "h1",
    "h2",
    "nav",
    "a",
    "section",
    # Ours, and data: see `Page`.
    "script",
}
PAGE_ATTRS = {*ATTRS, "lang", "charset", "name", "content", "http-equiv", "id", "href"}
_ALONE = {"br", "meta"}
# What ends where the next of its kind begins, or what holds it ends: as HTML has it.
_IMPLIED = {"td", "th", "tr", "thead", "tfoot", "tbody", "li", "p"}
_ENDED_BY = {
    "td": {"td", "th"},
    "th": {"td", "th"},
    "tr": {"td", "th", "tr"},
    "tfoot": {"td", "th", "tr", "thead", "tbody"},
    "thead": {"td", "th", "tr"},
    "tbody": {"td", "th", "tr", "thead"},
    "li": {"li"},
}
UNSEEN = set(
    "\x00\x08\x1b\x7f\x9b\x85\u200b\u200c\u200d\u2060\ufeff\u202e\u2066\u200f\u2028\u2029\u3164"
)


class Page(HTMLParser):
    """Reads HTML: its tags, its text, and whether all that is opened is closed."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.attrs, self.words, self.links = [], set(), set(), [], []
        self.styles = set()
        self.others = []
        self.scripts = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attrs |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name in ("href", "src")]
        self.styles |= {value for name, value in attrs if name == "style"}
        while self.open and self.open[-1] in _ENDED_BY.get(tag, ()):
            self.open.pop()
        if tag not in _ALONE:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in _ALONE:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        while self.open[-1] != tag and self.open[-1] in _IMPLIED:
            self.open.pop()
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "script" in self.open:
            self.scripts.append(data)
        elif "style" not in self.open:
            self.words.append(data)

    def handle_comment(self, data):
        self.others.append(data)

    def unknown_decl(self, data):
        self.others.append(data)

    @property
    def text(self):
        """All that is read."""
        return " ".join(self.words)


def checked(html, *, most=MOST, tags=frozenset(TAGS), attrs=frozenset(ATTRS)):
    """Read HTML of ours, and hold it to all that is promised of it."""
    # Our own sheet comes along, and no other. Of little HTML it is not counted.
    bare = html.replace(f"<style>{SHEET}</style>", "")
    assert len((html if most >= 10_000 else bare).encode()) <= most
    html = bare
    page = Page(html)
    assert page.tags <= set(tags), page.tags - set(tags)
    assert page.attrs <= set(attrs), page.attrs - set(attrs)
    assert not [name for name in page.attrs if name.startswith("on")]
    assert all(link.startswith("#") for link in page.links)
    assert page.others == []
    # One script runs: the one whose hash the page names. Another may only be data.
    assert [one for one in page.scripts if not is_json(one)] in ([], [browser_code.built()])
    # Nothing that a run holds stands in a style.
    assert not [one for one in page.styles if set(one) & set("<>\"'{}\\@/")]
    assert "javascript" not in "".join(page.styles)
    assert not set(html.replace(browser_code.built(), "")) & UNSEEN
    return page


def is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def hostile_tree(words, *, state=NodeState.Error):
    """Build a tree that holds a text wherever one can be."""
    agent = RecordedFunction(words[:100_000], "agent")
    code = RecordedFunction(words[-100_000:], "code")
    error = RecordedError(words, words) if state is NodeState.Error else None
    parts = (
        UserTextPart(words),
        ThinkingBlockPart(words, words),
        ModelStatusPart(words),
        ToolUsePart(words, words, {words[:1_000]: words}),
        ToolResultPart(words, words, {words[:1_000]: [words]}, is_error=True),
        NativePart(words, {words[:1_000]: words}),
        ModelTextPart(words),
    )
    usage = TokenUsage(input_tokens_total=10, input_tokens_regular=10, output_tokens_total=5)
    asked = (
        Spent(words, words, usage, seconds=0.5, time=2.0, error=words),
        Spent(words, words, usage, served=True, time=2.0),
    )
    inputs = {words[:1_000]: words, "frame": {words[:50]: [words, (words,), {words[:10]}]}}

    def node(fn, children=(), **more):
        given = {
            "id": 1,
            "inputs": inputs,
            "state": state,
            "outputs": words,
            "exception": error,
            "usage": None,
            "transcript": (),
            "started_at": 1.0,
            "ended_at": 3.0,
            "update_seqnum": 1,
            "opened_at": 0.5,
            "key": words[:100],
            "status": words,
        }
        return NodeView(fn=fn, children=tuple(children), **(given | more))

    waiting = node(
        code, state=NodeState.Running, exception=None, ended_at=None,
        waiting_on=WaitingOn("answer", words),
    )  # fmt: skip
    called = node(code, tool_use_id=words)
    talked = node(agent, [called], transcript=parts, requests=asked, provider=words)
    return node(code, [talked, waiting, node(code)])
