"""Segments must be what the network counts, or every cost shown to an officer is wrong."""

import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.text import segments
from engine.text.segments import Counted, count, split

# An independent reading of TS 23.038: the tables by their code points, packed character by character.
DEFAULT_TABLE = {
    0x00: "@£$¥èéùìòÇ\nØø\rÅå",
    0x10: "Δ_ΦΓΛΩΠΨΣΘΞ\0ÆæßÉ",
    0x20: " !\"#¤%&'()*+,-./",
    0x30: "0123456789:;<=>?",
    0x40: "¡ABCDEFGHIJKLMNO",
    0x50: "PQRSTUVWXYZÄÖÑÜ§",
    0x60: "¿abcdefghijklmno",
    0x70: "pqrstuvwxyzäöñüà",
}
EXTENSION_TABLE = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]"}
EXTENSION_TABLE |= {0x40: "|", 0x65: "€"}
SEPTETS = {
    character: [row + place]
    for row, characters in DEFAULT_TABLE.items()
    for place, character in enumerate(characters)
    if row + place != 0x1B
} | {character: [0x1B, code] for code, character in EXTENSION_TABLE.items()}


def reference(text: str) -> tuple[str, int, int]:
    text = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")
    text = unicodedata.normalize("NFC", text)
    if all(character in SEPTETS for character in text):
        encoding, bits, widths = "GSM-7", 7, [len(SEPTETS[character]) for character in text]
    else:
        encoding, bits = "UCS-2", 16
        widths = [len(character.encode("utf-16-be", "surrogatepass")) // 2 for character in text]
    units = sum(widths)
    if units * bits <= 140 * 8:
        return encoding, min(units, 1), units
    room = (140 - 6) * 8 // bits  # the header takes six octets of each part
    parts, left = 0, 0
    for width in widths:
        if width > left:
            parts, left = parts + 1, room
        left -= width
    return encoding, parts, units


ALPHABETS = st.sampled_from(
    [
        "".join(SEPTETS),
        segments.EXTENSION,
        "abc€[",
        "aé😀",
        "ệa\u0323\u0302ơ\u031b😀",
        "ab\ud83d\ude00\ud800",
        "`\x1b\x00\x7fa",
        "Å\u212b\u2126K\u212aΩ",
    ]
)
TEXTS = ALPHABETS.flatmap(lambda alphabet: st.text(st.sampled_from(alphabet), max_size=700)) | st.text()
CHARACTERS = st.characters(codec=None, categories=None)


@given(TEXTS | st.text(CHARACTERS, max_size=200))
@example("")
@example("a" * 152 + "€" + "a" * 152)
@example("é" + "ệ" * 65 + "😀" * 40)
def test_counts_as_a_naive_reading_of_the_standard(text: str) -> None:
    assert tuple(count(text)) == reference(text)


@given(TEXTS | st.text(CHARACTERS, max_size=200))
def test_parts_are_what_was_counted_and_hold_every_character(text: str) -> None:
    parts = split(text)
    assert "".join(parts) == segments.as_sent(text)
    counted = count(text)
    assert len(parts) == counted.segments
    room = {"GSM-7": (160, 153), "UCS-2": (70, 67)}[counted.encoding][len(parts) > 1]
    for part in parts:
        taken = (
            sum(len(SEPTETS[character]) for character in part)
            if counted.encoding == "GSM-7"
            else len(part.encode("utf-16-be", "surrogatepass")) // 2
        )
        assert 0 < taken <= room


def test_tables_are_those_of_the_standard() -> None:
    assert len(segments.BASIC) == len(set(segments.BASIC)) == 127
    assert set(segments.BASIC) | set(segments.EXTENSION) == set(SEPTETS)
    assert len(segments.EXTENSION) == 10


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("GSM-7", 0, 0)),  # nothing is sent
        ("a" * 160, ("GSM-7", 1, 160)),
        ("a" * 161, ("GSM-7", 2, 161)),
        ("a" * 306, ("GSM-7", 2, 306)),
        ("a" * 307, ("GSM-7", 3, 307)),
        ("€" * 80, ("GSM-7", 1, 160)),
        ("€" * 153, ("GSM-7", 3, 306)),  # 76 pairs a part: 306 septets don't fit in two parts of 153
        ("a" * 152 + "{" + "a" * 152, ("GSM-7", 3, 306)),  # the brace moves on whole
        ("a" * 151 + "{" + "a" * 153, ("GSM-7", 2, 306)),
        ("ệ" * 70, ("UCS-2", 1, 70)),
        ("ệ" * 71, ("UCS-2", 2, 71)),
        ("ệ" * 134, ("UCS-2", 2, 134)),
        ("ệ" * 135, ("UCS-2", 3, 135)),
        ("😀" * 35, ("UCS-2", 1, 70)),
        ("ệ" * 66 + "😀" + "ệ" * 66, ("UCS-2", 3, 134)),
        ("ệ" * 65 + "😀" + "ệ" * 67, ("UCS-2", 2, 134)),
        ("`", ("UCS-2", 1, 1)),  # ASCII, but not in the default alphabet
        ("a\tb", ("UCS-2", 1, 3)),
        ("\x1b", ("UCS-2", 1, 1)),  # the escape itself stands for no character
        ("\r\n", ("GSM-7", 1, 2)),
        ("\f", ("GSM-7", 1, 2)),
        ("ç", ("UCS-2", 1, 1)),  # only the capital is in the table
        ("Ç", ("GSM-7", 1, 1)),
        ("đ", ("UCS-2", 1, 1)),
        ("\ud83d", ("UCS-2", 1, 1)),
        ("\ud83d\ude00", ("UCS-2", 1, 2)),
        ("\ude00\ud83d" * 50, ("UCS-2", 2, 100)),
    ],
)
def test_limits_and_odd_characters(text: str, expected: tuple[str, int, int]) -> None:
    assert tuple(count(text)) == expected


def test_only_seven_accented_letters_of_vietnamese_are_in_gsm() -> None:
    from engine.text.accents import PLAIN

    assert "".join(sorted(c for c in PLAIN if count(c).encoding == "GSM-7")) == "Éàèéìòù"


@pytest.mark.parametrize("words", ["Việc nhẹ lương cao", "Xã Yên Khoái, huyện Lộc Bình (cũ)"])
def test_a_text_typed_on_a_mac_costs_what_it_costs_elsewhere(words: str) -> None:
    assert count(unicodedata.normalize("NFD", words)) == count(words) == Counted("UCS-2", 1, len(words))


def test_names_the_characters_that_make_an_unaccented_text_dear() -> None:
    assert segments.outside_gsm("Goi 111 – “mien phi” – €") == "–“”"
    assert segments.outside_gsm("Goi 111 [mien phi]") == ""


def test_a_hostile_length_is_counted_without_being_kept() -> None:
    assert count("a" * 1_000_000).segments == 6536
    assert max(segments._GSM, default=0) <= 4096
    assert json.dumps(count("a")._asdict()) == '{"encoding": "GSM-7", "segments": 1, "units": 1}'
