"""The names in the code and those in the documents are the same, in both languages."""

import re
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from engine.channels.http_words import REASONS as OF_GATEWAYS
from engine.channels.twilio_errors import ERRORS
from engine.i18n import speaking
from engine.pipeline.rules import EXCLUSIONS
from engine.reports.defined import PART_OF, in_json
from engine.reports.definitions import DEFINITIONS
from engine.reports.delays import BUCKETS
from engine.reports.dimensions import DIMENSIONS
from engine.reports.figures import COLUMNS
from engine.reports.measured import MEASURES
from engine.reports.opt_outs import WINDOW
from engine.reports.reasons import REASONED, REASONS, advice_of, words_of
from engine.store.claim_gates import ROW_GATES

ROOT = Path(__file__).parents[2]
DOCS = [ROOT / "docs" / "metrics.md", ROOT / "docs" / "vi" / "chi-so.md"]
LOCALE = ROOT / "engine" / "locale"
sys.path.insert(0, str(ROOT / "tools"))
from write_definitions import FILES, written  # noqa: E402  (a script beside the package)

# Words of JSON that are no figures: keys, values, files and options that the documents speak of.
BESIDE = {
    "as_of", "people_", "communes", "addressed", "reached", "none", "untouched", "retired_runs", "unit", "kind",
    "status", "reason", "reasons", "reasons_advice",
}  # fmt: skip


def names(text: str) -> set[str]:
    return set(re.findall(r"`([a-z][a-z0-9_]*)`", text))


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_a_figure_is_in_the_code_and_not_in_the_document_or_the_other_way_round(path: Path) -> None:
    known = {*COLUMNS, *DIMENSIONS, *(column for columns in MEASURES.values() for column in columns)}
    known |= {in_json(name) for name in PART_OF}
    said = names(path.read_text(encoding="utf-8"))
    assert known - said == set()
    assert said - known - BESIDE - set(MEASURES) == set()


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_figure_and_dimension_has_a_line_of_its_own(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    rows = {found[1] for line in text.splitlines() if (found := re.match(r"\| `([a-z_]+)`", line))}
    assert {*COLUMNS, *DIMENSIONS, *MEASURES["coverage"]} <= rows
    assert all(re.search(rf"^\*\*{what}\b", text, re.MULTILINE) for what in MEASURES)


@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_page_and_the_documents_say_different_things_of_a_figure(language: str) -> None:
    with speaking(language):
        text = FILES[language].read_text(encoding="utf-8")
        assert written(text) == text, "run tools/write_definitions.py"
    with (LOCALE / language / "LC_MESSAGES" / "figures.po").open("rb") as opened:
        known = {f"{kind}-{name}" for kind in ("counts", "not", "late") for name in PART_OF}
        assert {str(message.id) for message in read_po(opened) if message.id} == known


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_version_window_and_ranges_are_those_of_the_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert f"`{DEFINITIONS}`" in text
    assert re.search(rf"\b{WINDOW.days} (days|ngày)\b", text)
    ends = [end for _, end in BUCKETS.values() if end is not None]
    assert ends == [60, 300, 1800, 7200, 43_200, 86_400]
    flat = " ".join(text.split())
    assert "1, 5, 30 minutes, 2, 12, 24 hours" in flat or "1, 5, 30 phút, 2, 12, 24 giờ" in flat


def test_a_reason_of_the_engine_or_of_an_adapter_has_no_words() -> None:
    given = {*OF_GATEWAYS, *EXCLUSIONS, *ROW_GATES, *(meaning.reason for meaning in ERRORS.values()), "no_consent"}
    for path in [
        *ROOT.glob("engine/channels/*.py"),
        *ROOT.glob("engine/pipeline/*.py"),
        *ROOT.glob("engine/store/*.py"),
    ]:
        for call in re.findall(r"\b(?:Outcome|Change)\((?:[^()]|\([^()]*\))*\)", path.read_text(encoding="utf-8")):
            given |= set(re.findall(r'reason="([a-z_]+)"', call))
    assert given - set(REASONS) == set()
    for reason in ("", *REASONS, "a_plug_in_s_own"):
        assert words_of(reason) and advice_of(reason)


@pytest.mark.parametrize("language", ["vi", "en"])
def test_an_advice_belongs_to_no_reason(language: str) -> None:
    with (LOCALE / language / "LC_MESSAGES" / "reasons_advice.po").open("rb") as opened:
        assert {str(message.id) for message in read_po(opened) if message.id} == {*REASONS, "other"}


def test_what_arrived_or_waits_needs_no_reason() -> None:
    assert set(map(str, REASONED)) == {"failed", "expired", "unknown", "excluded", "cancelled"}
