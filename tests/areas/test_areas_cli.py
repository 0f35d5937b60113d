"""``loa areas``: the JSON other programs read, the exit codes, the sentences."""

import json
import os
import subprocess
import sys
import time

import pytest

from engine.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["areas", *arguments])
    shown = capsys.readouterr()
    return int(stopped.value.code or 0), shown.out, shown.err


PROVINCE = {"era": "legacy", "code": "20", "name": "Tỉnh Lạng Sơn"}


def test_find_prints_one_document_of_the_agreed_shape(capsys):
    code, out, err = run(capsys, "find", "xa yen khoai", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "areas": [
            {
                "era": "legacy",
                "code": "06541",
                "name": "Xã Yên Khoái",
                "level": "commune",
                "province": PROVINCE,
                "district": {"era": "legacy", "code": "188", "name": "Huyện Lộc Bình"},
            }
        ]
    }
    assert "Yên Khoái" in out  # not \u escapes


def test_find_narrows_by_era_and_level(capsys):
    _, out, _ = run(capsys, "find", "cao loc", "--level", "commune", "--era", "2025", "--json")
    assert [area["code"] for area in json.loads(out)["areas"]] == ["06211"]


def test_show_tells_the_history_of_a_commune_of_today(capsys):
    code, out, _ = run(capsys, "show", "06541", "--era", "2025", "--json")
    shown = json.loads(out)
    assert code == 0
    assert shown["name"] == "Xã Mẫu Sơn"
    assert shown["district"] is None
    assert shown["historic_district"] == {"code": "188", "name": "Huyện Lộc Bình", "rule": "exact"}
    assert shown["successors"] == []
    assert shown["sources"][1] == {"code": "06541", "name": "Xã Yên Khoái", "whole": True}
    assert (shown["lat"], shown["lon"]) == (21.8008, 107.005)


def test_show_tells_what_became_of_a_split_commune(capsys):
    _, out, _ = run(capsys, "show", "00016", "--era", "legacy", "--json")
    shown = json.loads(out)
    assert [(after["code"], after["whole"]) for after in shown["successors"]] == [("00004", False), ("00008", False)]
    assert shown["sources"] == []


def test_show_says_when_a_district_is_not_settled(capsys):
    _, out, _ = run(capsys, "show", "01090", "--era", "2025", "--json")
    assert json.loads(out)["historic_district"] == {"code": None, "name": None, "rule": "ambiguous"}
    _, out, _ = run(capsys, "show", "01090", "--era", "2025")
    assert "chưa xác định" in out


@pytest.mark.parametrize(("code", "era"), [("183", "legacy"), ("20", "2025")])
def test_show_of_a_place_without_history(capsys, code: str, era: str):
    _, out, _ = run(capsys, "show", code, "--era", era, "--json")
    shown = json.loads(out)
    assert (shown["historic_district"], shown["successors"], shown["sources"]) == (None, [], [])


def test_a_code_without_era_is_a_usage_error(capsys):
    code, out, err = run(capsys, "show", "06541")
    assert (code, out) == (2, "")
    assert "--era" in err


def test_an_unknown_code_is_one_sentence(capsys):
    code, out, err = run(capsys, "show", "99999", "--era", "2025", "--json")
    assert (code, out) == (1, "")
    assert "99999" in err and "Traceback" not in err


def test_an_unknown_name_is_one_sentence_and_an_empty_document(capsys):
    code, out, err = run(capsys, "find", "Cao Lok", "--json")
    assert (code, json.loads(out)) == (1, {"areas": []})
    assert "Huyện Cao Lộc" in err


@pytest.mark.parametrize(
    ("language", "word"),
    [("vi", "Huyện, thị xã, thành phố (cũ): Huyện Lộc Bình"), ("en", "Old district: Huyện Lộc Bình")],
)
def test_people_read_it_in_their_language(capsys, monkeypatch, language: str, word: str):
    monkeypatch.setenv("LOA_LANG", language)
    code, out, _ = run(capsys, "show", "06541", "--era", "2025")
    assert code == 0
    assert word in out


def test_show_starts_quickly():
    """Beside the bare interpreter in the same run; looking at a name would read and index every table."""
    command = [sys.executable, "-m", "engine", "areas", "show", "06541", "--era", "2025"]
    environment = {**os.environ, "PYTHONUTF8": "1"}

    def fastest(arguments: list[str]) -> float:
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            subprocess.run(arguments, check=True, capture_output=True, env=environment)
            taken.append(time.perf_counter() - began)
        return min(taken)

    assert fastest(command) < 25 * fastest([sys.executable, "-c", "import click"])  # about 3 on a quiet machine
