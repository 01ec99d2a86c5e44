"""Why a tree failed, and where it began."""

import contextlib

from netflux_nb import Runtime, function
from netflux_nb.show.failures import MOST_NAMED, explain


@function
def deep(x: int) -> int:
    """Fail."""
    raise PermissionError(f"no \x1b[31m{x}\u202e\nreally")


@function(uses=[deep])
def middle(x: int) -> int:
    """Let it through."""
    return deep(x=x)


@function(uses=[deep, middle])
def caught(times: int) -> int:
    """Catch some, and fail by one."""
    for nth in range(times):
        with contextlib.suppress(PermissionError):
            deep(x=-nth)
    return middle(x=7)


def view_of(fn, **inputs):
    with Runtime([fn], record=False) as runtime:
        node = runtime.invoke(None, fn, inputs)
        node.wait()
        return node.view()


def test_f94_a_failure_is_traced_to_where_it_began():
    found = explain(view_of(caught, times=2))

    assert found.path == "caught/middle/deep"
    assert found.kind == "authority"
    assert found.inputs == {"x": "7"}
    assert found.others == ("caught/deep", "caught/deep[2]")
    assert found.error.startswith("PermissionError: no")


def test_f94_nothing_unseen_of_an_error_is_shown():
    found = explain(view_of(middle, x=1))

    assert str(found).replace("\n", "").isprintable()
    assert len(str(found).splitlines()) == 4
    assert "⟨U+001B⟩" in found.error


def test_f94_what_failed_beside_it_is_bounded():
    found = explain(view_of(caught, times=50))

    assert len(found.others) == MOST_NAMED + 1
    assert found.others[-1] == "… (30 more)"
    assert found.to_json()["path"] == "caught/middle/deep"


def test_f94_what_succeeded_has_no_failure():
    @function
    def fine() -> int:
        return 1

    assert explain(view_of(fine)) is None
