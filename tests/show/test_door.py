"""Text that is shown goes through one door, once."""

import sys

from netflux_nb import Runtime, function
from netflux_nb.core.secrets.redaction import Redaction
from netflux_nb.runtime.safe import Safe, line, visible
from netflux_nb.show import trees
from netflux_nb.show.wire import rows

KEY = "sk-ant-" + "x7" * 20


@function
def fetch(question: str) -> str:
    """Give an answer."""
    return f"It is so: {question[:20]}"


def redactions(do):
    """Count how often keys are looked for, and give what came of it."""
    met = []

    def watch(frame, event, arg):
        if event == "call" and frame.f_code is Redaction.keys.__code__:
            met.append(frame.f_locals["text"])

    sys.setprofile(watch)
    try:
        found = do()
    finally:
        sys.setprofile(None)
    return met, found


def view_of(question):
    with Runtime([fetch]) as runtime:
        node = runtime.get_ctx().invoke(fetch, {"question": question})
        node.wait()
        return node.view()


def test_q17_a_node_with_one_argument_is_looked_through_three_times_at_most():
    view = view_of("What is the question, and why is it asked at all?")

    met, bundle = redactions(lambda: trees.tree(view)._repr_mimebundle_())

    assert "What is the question" in bundle["text/html"]
    assert "What is the question" in bundle["text/plain"]
    assert len(met) <= 3, met
    assert sum("why is it" in text for text in met) == 1


def test_q17_a_row_of_a_live_view_is_looked_through_once_an_argument():
    view = view_of("What is the question, and why is it asked at all?")

    met, row = redactions(lambda: rows.NodeRow(view, None, 0).encode(0.0, None, lambda text: 0))

    assert row
    assert sum("why is it" in text for text in met) == 1
    assert len(met) <= 3, met


def test_q17_what_went_through_the_door_does_not_go_again():
    once = visible(f"so \x1b {KEY}")

    met, again = redactions(lambda: (visible(once), line(once, 80)))

    assert once == "so ⟨U+001B⟩ [redacted key]"
    assert isinstance(once, Safe)
    assert again == (once, once)
    assert met == []
    # What is made of it is plain text, and goes through.
    assert not isinstance(once + KEY, Safe)
    assert KEY not in visible(once + KEY)
