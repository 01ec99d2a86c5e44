"""A Node's path: written alike by all who write it, and read back."""

import pytest

from netflux_nb import Runtime, function
from netflux_nb.core.errors import ArgumentError, NoNodeError
from netflux_nb.core.text.paths import call_at, path_in, path_of, steps_of
from netflux_nb.record.journal import Journal
from netflux_nb.replay.recording import Recording
from netflux_nb.show.parts.outline import outline


@function
def leaf(n: int) -> int:
    return n


@function(uses=[leaf])
def middle(n: int) -> int:
    return sum(leaf(n=i) for i in range(n))


@function(uses=[middle, leaf])
def top(n: int) -> int:
    return sum(middle(n=i) for i in range(n)) + leaf(n=0)


PATHS = {
    "top",
    "top/middle",
    "top/middle[2]",
    "top/middle[2]/leaf",
    "top/middle[3]",
    "top/middle[3]/leaf",
    "top/middle[3]/leaf[2]",
    "top/leaf",
}


@pytest.fixture
def run(tmp_path):
    """A root with its runtime open, and the same as it is recorded."""
    with Journal(tmp_path) as journal, Runtime([top], sink=journal) as runtime:
        node = runtime.get_ctx().invoke(top, {"n": 3})
        node.result()
        yield node, Recording(tmp_path, runtime.run_name(node))


def below(node):
    yield node
    for child in node.children:
        yield from below(child)


def test_live_recorded_and_shown_calls_have_the_same_paths(run):
    node, recording = run
    view = node.view()
    drawn = []
    outline(view, lambda row: drawn.append(row) or True)

    assert {path_of(one) for one in below(node)} == PATHS
    assert {path_of(one) for one in recording.nodes.values()} == PATHS
    assert {path_in(view, one.id) for _, one in view.walk()} == PATHS
    assert {row.segment for row in drawn} == {path.rpartition("/")[2] for path in PATHS}


@pytest.mark.parametrize("path", sorted(PATHS))
def test_what_is_written_is_read_back(run, path):
    node, _ = run

    assert path_of(call_at(node, path)) == path
    assert call_at(node.view(), path).id == call_at(node, path).id


def test_a_path_may_leave_out_the_root_unless_it_is_asked_for(run):
    node, _ = run

    assert path_of(call_at(node, "middle[2]/leaf")) == "top/middle[2]/leaf"
    with pytest.raises(ArgumentError, match="There is: top"):
        call_at(node, "middle[2]/leaf", needs_root=True)


@pytest.mark.parametrize("path", ["top/middle[4]", "top/other", "top/middle[0]", "a b", "", 7])
def test_what_leads_nowhere_is_refused(run, path):
    with pytest.raises(ArgumentError):
        call_at(run[0], path)


def test_a_number_of_another_tree_has_no_path_here(run):
    with pytest.raises(NoNodeError, match="Node 99 is not in this tree"):
        path_in(run[0].view(), 99)


def test_siblings_of_one_name_are_numbered_from_the_second_on(run):
    assert list(steps_of(run[0].children)) == ["middle", "middle[2]", "middle[3]", "leaf"]
