"""Every sentence exists in both languages, with the same places to fill, compiled as it is written."""

import re
import string
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

ROOT = Path(__file__).parent.parent
LOCALE = ROOT / "engine" / "locale"
ROOMS = sorted({path.stem for path in LOCALE.glob("*/LC_MESSAGES/*.po")})
SOURCES = sorted(LOCALE.glob("*/LC_MESSAGES/*.po"))
AUDIT_ACTIONS = {  # words of the audit log
    "contacts.import", "contacts.opt_out", "contacts.do_not_call", "contacts.erase", "contacts.export",
}  # fmt: skip
KEY = re.compile(rf"""["']((?:{"|".join(ROOMS)})\.[a-z0-9_-]+)["']""")

sys.path.insert(0, str(ROOT / "tools"))
from compile_catalogues import compile_catalogue  # noqa: E402  (a script beside the package)


def sentences(language: str, room: str) -> dict[str, str]:
    with (LOCALE / language / "LC_MESSAGES" / f"{room}.po").open("rb") as opened:
        return {str(message.id): str(message.string) for message in read_po(opened) if message.id}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("room", ROOMS)
def test_a_sentence_is_missing_in_one_language(room: str) -> None:
    vietnamese, english = sentences("vi", room), sentences("en", room)
    assert vietnamese.keys() == english.keys()
    assert all(vietnamese.values()) and all(english.values())


@pytest.mark.parametrize("room", ROOMS)
def test_a_translation_fills_other_places_than_the_original(room: str) -> None:
    vietnamese, english = sentences("vi", room), sentences("en", room)
    for code in vietnamese.keys() & english.keys():
        assert places(vietnamese[code]) == places(english[code]), code


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_a_catalogue_was_edited_and_not_compiled(source: Path) -> None:
    assert source.with_suffix(".mo").read_bytes() == compile_catalogue(source)


def test_the_code_asks_for_a_sentence_that_nobody_wrote() -> None:
    known = {f"{room}.{code}" for room in ROOMS for code in sentences("vi", room)}
    asked = {
        (path.relative_to(ROOT).as_posix(), key)
        for path in [*ROOT.glob("engine/**/*.py"), ROOT / "scheduler.py"]
        for key in KEY.findall(path.read_text(encoding="utf-8"))
    }
    assert {(file, key) for file, key in asked if key not in known | AUDIT_ACTIONS} == set()
