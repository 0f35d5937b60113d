"""Unaccenting must cost nothing but Vietnamese accents: a Hmong or Spanish word must come through whole."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text.accents import PLAIN, fold, strip

VIETNAMESE = "".join(PLAIN)


def test_there_are_134_accented_letters() -> None:
    assert len(PLAIN) == 134
    assert all(unicodedata.normalize("NFC", letter) == letter for letter in PLAIN)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("letter", list(VIETNAMESE))
def test_every_letter_loses_its_accent_and_keeps_its_case(letter: str, form: str) -> None:
    expected = {"đ": "d", "Đ": "D"}.get(letter) or unicodedata.normalize("NFD", letter)[0]
    assert strip(unicodedata.normalize(form, f"x{letter}y")) == f"x{expected}y"


def test_marks_in_any_order_and_tones_typed_apart() -> None:
    assert strip("e\u0323\u0302 e\u0302\u0323 ê\u0323 ẹ\u0302") == "e e e e"
    assert strip("Viê\u0323t Nam, ơ\u0301, o\u031b\u0301, a\u0341") == "Viet Nam, o, o, a"


@pytest.mark.parametrize(
    "kept",
    [
        "ñ ç ü ö ß ø å € £",
        "n\u0303 c\u0327 u\u0308",  # not composed either: not ours to touch
        "e\u0304 o\u0304\u0301 ẽ\u0301",  # Vietnamese bases under marks that make no Vietnamese letter
        "Hmoob: kuv nyob hauv lub zos",
        "𖬌𖬣𖬵 中文 ພາສາລາວ ខ្មែរ",
        "👨‍👩‍👧 ☎️ ①",
        "\u2126 \u212b \ufb01 \u00d0",  # no normal form but their own; Ð is Icelandic
        "\u0301 at the start",
        "\ud83d",
    ],
)
def test_everything_else_is_kept_character_for_character(kept: str) -> None:
    assert strip(kept) == kept
    assert strip(f"đ{kept}".replace("đ\u0301", "đ \u0301")).endswith(kept)


@given(st.text(st.characters(codec=None, categories=None) | st.sampled_from(VIETNAMESE + "aeoud\u0301\u0323\u0302")))
def test_nothing_changes_but_vietnamese_letters(text: str) -> None:
    stripped = strip(text)
    assert strip(stripped) == stripped
    clusters: list[str] = []
    for character in text:
        if clusters and "\u0300" <= character <= "\u036f":
            clusters[-1] += character
        else:
            clusters.append(character)
    assert stripped == "".join(PLAIN.get(unicodedata.normalize("NFC", each), each) for each in clusters)


def test_folding_is_for_comparing_what_people_type() -> None:
    assert fold("  Số  ĐIỆN\u00a0thoại ") == "so dien thoai"
    assert fold(unicodedata.normalize("NFD", "Xã/Phường")) == "xa/phuong"
