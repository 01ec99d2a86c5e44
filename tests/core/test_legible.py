"""Texts made legible: every sign seen, every cut told."""

import pytest

from netflux_nb.core.text.legible import (
    blanked,
    cut,
    escaped,
    is_seen,
    length_kept,
    not_shown,
    shortened,
    signed,
)

# A line's end, a colour, a turn of direction, a filler of Hangul, a variation, a tag, a surrogate.
HIDDEN = ["\n", "\x1b", "\u202e", "\u3164", "\ufe0f", "\U000e0041", "\ud800"]


@pytest.mark.parametrize("char", HIDDEN, ids=ascii)
def test_what_is_not_seen_is_seen_in_every_form(char):
    assert not is_seen(char)
    for form in (escaped, blanked):
        made = form(f"a{char}b")
        assert all(map(is_seen, made))
        assert made != "ab"
    assert all(is_seen(c) or c == "\n" for c in signed(f"a{char}b"))
    assert len(blanked(f"a{char}b")) == 3


@pytest.mark.parametrize("form", [signed, escaped, blanked])
def test_what_is_seen_stays_as_it_is(form):
    text = "Grüße, 語 – «naïve» 😀 x²"

    assert form(text) == text


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 5_000])
def test_a_text_is_cut_only_where_it_is_too_long_and_says_so(size):
    text = "x" * size

    assert shortened(text, 10) == (text if size <= 10 else "xxxxxxxxx…")
    if size <= 10:
        assert (cut(text, 10), length_kept(cut(text, 10)), not_shown(text, 10)) == (text, None, "")
    else:
        assert cut(text, 10) == f"{text[:10]}… ({size - 10:,} more characters)"
        assert length_kept(cut(text, 10)) == 10
        assert not_shown(text, 10) == f" ⟨{size - 10:,} of {size:,} characters not shown⟩"
