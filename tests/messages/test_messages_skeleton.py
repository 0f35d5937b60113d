"""Skeletons: nothing in a name is ever markup, nothing of a person is ever stored, a hole never shows."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.content import skeleton
from engine.content.skeleton import NAME_LIMIT, Skeleton, Slot, clean_name
from engine.text import accents

# Words as rendering leaves them: no control characters.
WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=30)
SLOTS = st.builds(Slot, st.just("name"), st.none() | WORDS)
PIECES = st.lists(WORDS | SLOTS, max_size=8).map(tuple)
GREETING = Skeleton(("Kính gửi ", Slot("name", "bà con"), ", xã Mẫu Sơn."))


@pytest.mark.parametrize(
    "name",
    [
        "{{ area.name }}",
        "{0} {name} {{x}} %s %(a)s",
        '"],["name",null],["',
        "</script>\\",
        "{% include 'a.j2' %}",
        '\\" \\u0000',
    ],
)
def test_whatever_a_name_holds_is_only_text(name: str) -> None:
    assert GREETING.fill(name) == f"Kính gửi {name}, xã Mẫu Sơn."


def test_words_with_braces_and_quotes_are_kept() -> None:
    words = Skeleton(('{0} {{}} %s "', Slot("name"), '" \\ {name}'))
    assert skeleton.load(words.dump()).fill("An") == '{0} {{}} %s "An" \\ {name}'


@given(PIECES, st.booleans())
def test_a_stored_skeleton_is_itself_again(pieces: tuple[str | Slot, ...], strip: bool) -> None:
    kept = Skeleton(pieces, strip)
    assert skeleton.load(kept.dump()) == kept
    assert json.loads(kept.dump())["strip"] is strip


@given(PIECES, st.text(min_size=1))
def test_a_filled_text_is_its_pieces_with_the_clean_name_between(pieces: tuple[str | Slot, ...], name: str) -> None:
    clean = clean_name(name)
    if clean:
        expected = "".join(piece if isinstance(piece, str) else clean for piece in pieces)
        filled = Skeleton(pieces).fill(name)
        assert filled == unicodedata.normalize("NFC", expected) or filled == expected


@given(st.text())
def test_a_clean_name_is_one_short_visible_line_and_stays_so(name: str) -> None:
    clean = clean_name(name)
    assert len(clean) <= NAME_LIMIT and clean == clean.strip() and "  " not in clean
    assert clean.isprintable()
    assert clean_name(clean) == clean
    assert not clean or not unicodedata.combining(clean[0])


@given(st.text())
def test_a_name_never_breaks_nfc_nor_the_line(name: str) -> None:
    filled = GREETING.fill(name)
    assert unicodedata.is_normalized("NFC", filled)
    assert "\n" not in filled and "\0" not in filled


@given(st.text(st.sampled_from("aăâêđÔƯ ệởNn {0\u0301\n"), max_size=20))
def test_an_unaccented_text_strips_the_name_like_the_words(name: str) -> None:
    words = Skeleton(("Gui ", Slot("name", "ba con"), "."), strip=True)
    assert words.fill(name) == accents.strip(Skeleton(("Gui ", Slot("name", "ba con"), ".")).fill(name))


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("Người Thử 001", "Người Thử 001"),
        ("  Người\tThử\r\n001 ", "Người Thử 001"),
        ("Người\u200b Thử\u202e", "Người Thử"),
        ("\u0301Thử", "Thử"),
        (unicodedata.normalize("NFD", "Người Thử"), "Người Thử"),
        ("\0", ""),
        ("x" * 10_000, "x" * NAME_LIMIT),
        ("Người Thử " * 20, "Người Thử Người Thử Người Thử Người Thử Người Thử"),
        ("\ud800An", "An"),
    ],
)
def test_names_are_cleaned(name: str, clean: str) -> None:
    assert clean_name(name) == clean


@pytest.mark.parametrize(
    ("pieces", "nameless"),
    [
        (("Kính gửi ", Slot("name"), ", xã"), "Kính gửi, xã"),
        (("Bà ", Slot("name"), " chú ý"), "Bà chú ý"),
        ((Slot("name"), " ơi, gọi 111"), "ơi, gọi 111"),
        (("A\n", Slot("name"), " ơi"), "A\nơi"),
        (("Chào ", Slot("name")), "Chào"),
        (("Chào ", Slot("name"), "\nGọi"), "Chào\nGọi"),
        (("(", Slot("name"), ")"), "()"),
        (("Chào ", Slot("name", "bà con"), ", ", Slot("name"), "."), "Chào bà con,."),
        (("Xem ", Slot("link"), " ", Slot("name"), " nhé"), "Xem L nhé"),
    ],
)
def test_a_missing_name_takes_its_space_along(pieces: tuple[str | Slot, ...], nameless: str) -> None:
    assert Skeleton(pieces).fill("", link="L") == nameless


def test_a_name_of_nothing_visible_counts_as_none() -> None:
    assert GREETING.fill(" \u200b\n") == "Kính gửi bà con, xã Mẫu Sơn."


@pytest.mark.parametrize("stored", ["", "x", "[]", "{}", '{"pieces":[["phone",null]],"strip":false}', '{"pieces":1}'])
def test_what_is_no_skeleton_is_refused(stored: str) -> None:
    with pytest.raises(ValueError):
        skeleton.load(stored)
