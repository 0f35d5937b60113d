"""Every sentence of the room exists in both languages, with the same places, and none is left over."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import engine

ROOT = Path(engine.__file__).parent
ROOMS = {
    "content": [*(ROOT / "content").glob("*.py"), *(ROOT / "cli").glob("*.py")],
    "cli_check": [ROOT / "cli" / "check.py"],
    "cli_new": [ROOT / "cli" / "new.py"],
    "cli_init": [ROOT / "cli" / "init.py"],
    "cli_schema": [ROOT / "cli" / "schema.py"],
}
# Put together in code: content.expected-<kind>, content.unknown-<kind>[-near].
BUILT = re.compile(r"expected-(text|list|mapping)|unknown-(sender|audience|message)(-near)?")


def words(room: str, language: str) -> dict[str, str]:
    with (ROOT / "locale" / language / "LC_MESSAGES" / f"{room}.po").open("rb") as opened:
        return {str(message.id): str(message.string) for message in read_po(opened) if message.id}


@pytest.mark.parametrize("room", [*ROOMS, "schema"])
def test_both_languages_have_the_same_sentences_with_the_same_places(room: str) -> None:
    vietnamese, english = words(room, "vi"), words(room, "en")
    assert vietnamese.keys() == english.keys()
    for code, text in vietnamese.items():
        names = set(re.findall(r"(?<!\{)\{(\w+)\}(?!\})", text))
        assert names == set(re.findall(r"(?<!\{)\{(\w+)\}(?!\})", english[code])), code
        assert text and english[code]


@pytest.mark.parametrize("room", ROOMS)
def test_no_sentence_is_missing_and_none_is_left_over(room: str) -> None:
    source = "".join(file.read_text(encoding="utf-8") for file in ROOMS[room])
    used = set(re.findall(rf'"{room}\.([a-z0-9-]+)"', source))
    there = words(room, "vi").keys()
    assert used <= there
    assert {code for code in there - used if not (room == "content" and BUILT.fullmatch(code))} == set()
