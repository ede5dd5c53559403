"""Text from events is looked at safely: escaped, with everything invisible or reordering shown by name."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lichen.web.visible import cut, plain, told, visible

HIDING = {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"}


def hides(text: str) -> list[str]:
    return [c for c in text if unicodedata.category(c) in HIDING or (unicodedata.category(c) == "Zs" and c != " ")]


@given(st.text(st.characters(codec=None)))
def test_nothing_hidden_remains(text: str) -> None:
    assert not hides(str(visible(text)))
    assert not hides(plain(text))


@given(st.text())
def test_no_markup_of_the_text_survives(text: str) -> None:
    bare = re.sub(r'<span class="hidden-mark">[^<>]*</span>', "", str(visible(text)))
    assert "<" not in bare
    assert ">" not in bare
    assert '"' not in bare


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31m", "a⟨ESC⟩[31m"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a\nb", "a⟨LF⟩b"),
        ("\x7f", "⟨DEL⟩"),
        ("a\u00a0b", "a⟨U+00A0⟩b"),
        ("a\x9b2J", "a⟨U+009B⟩2J"),
        ("\u200bx", "⟨U+200B⟩x"),
        ("a\u3164b", "a⟨U+3164⟩b"),
        ("e\ufe0f", "e⟨U+FE0F⟩"),
        ("sn\xadug", "sn⟨U+00AD⟩ug"),
        ("Zürich 東京 Ελλάδα", "Zürich 東京 Ελλάδα"),
    ],
)
def test_what_hides_is_called_by_name_and_letters_are_left_alone(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_marks_piled_on_a_letter_are_counted_out() -> None:
    assert plain("e\u0301") == "e\u0301"
    assert plain("e" + "\u0301" * 40).count("⟨U+0301⟩") == 38


def test_a_long_text_is_cut_and_says_so() -> None:
    assert str(cut("x" * 1000, 10)) == "x" * 10 + "…"
    assert plain("x" * 1000, 10) == "x" * 10 + "… (1,000 characters)"


def test_names_in_a_sentence_stand_in_mono() -> None:
    html = str(told("orders-7 ran bash under dash, wrote /tmp/.x and called 10.9.0.66:4444.", {"bash", "dash"}))
    assert re.findall(r'<code class="name">([^<]*)</code>', html) == ["bash", "dash", "/tmp/.x", "10.9.0.66:4444"]
    assert (
        re.sub(r"</?code[^>]*>", "", html) == "orders-7 ran bash under dash, wrote /tmp/.x and called 10.9.0.66:4444."
    )


@given(st.text(max_size=200), st.sets(st.text(min_size=1, max_size=10), max_size=5))
def test_marking_names_loses_no_word(text: str, names: set[str]) -> None:
    bare = re.sub(r"</?(code|span)[^>]*>", "", str(told(text, names)))
    assert bare.replace("`", "") == re.sub(r"</?span[^>]*>", "", str(visible(text))).replace("`", "")
