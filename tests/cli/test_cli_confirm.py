"""A question before what cannot be undone understands how people here say yes and no."""

import click
import pytest
from click.testing import CliRunner, Result

from engine.cli.contact_care import erase
from engine.cli.help_words import speak
from engine.i18n import LANGUAGES
from engine.pipeline import contact_care
from engine.pipeline.process import Process

YES = ("có", "CÓ", "co\u0301", "co", "c", "y", "Yes")
NO = ("không", "KHÔNG", "khong", "ko", "k", "n", "no", "")
ASKED = {"vi": "[có/không]: ", "en": "[yes/no]: "}
UNCLEAR = {"vi": "Lỗi: xin trả lời “có” hoặc “không”", "en": "Error: please answer yes or no"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_answer_in_ones_own_words_is_not_understood_or_taken_for_a_yes(
    prepared: Process, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOA_LANG", language)
    monkeypatch.setenv("LANGUAGE", language)
    speak()
    erased: list[str] = []

    def taken(process: Process, phone: str, *, by: str | None) -> bool:
        erased.append(phone)
        return True

    def answered(text: str) -> Result:
        erased.clear()
        return CliRunner().invoke(erase, ["0900000001"], input=text, standalone_mode=False)

    monkeypatch.setattr(contact_care, "erase", taken)
    for answer in YES:
        assert (answered(f"{answer}\n").exception, erased) == (None, ["0900000001"]), answer
    for answer in NO:
        left = answered(f"{answer}\n")
        assert (isinstance(left.exception, click.Abort), erased, left.stdout) == (True, [], ""), answer
    asked_again = answered("xóa\nok\n")  # and then nothing more
    assert isinstance(asked_again.exception, click.Abort) and erased == []
    assert (asked_again.stderr.count(ASKED[language]), asked_again.stderr.count(UNCLEAR[language])) == (3, 2)
