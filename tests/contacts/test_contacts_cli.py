"""``loa contacts import`` is called by other programs: its keys and exit codes must not change under them."""

import json
from pathlib import Path

import pytest
from contacts_lists import HEADER, person, write

from engine.cli import main
from engine.pipeline.process import Process

GROUND = ("--source", "UBND xã", "--basis", "Kế hoạch thử")

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["contacts", "import", *arguments])
    assert isinstance(left.value.code, int)
    return left.value.code


def test_the_json_document(prepared: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, HEADER, person(1), person(2, "Không Có,Lộc Bình"))
    assert run(str(path), *GROUND, "--json") == 1
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert list(document) == ["rows", "imported", "updated", "unchanged", "rejected", "problems", "rejected_file"]
    assert list(document["problems"][0]) == ["row", "column", "code", "message"]
    assert (document["problems"][0]["row"], document["problems"][0]["column"]) == (3, "Xã/Phường")
    assert document["rejected_file"] == f"{path}.rejected.csv"
    assert err == ""
    assert run(str(write(tmp_path, HEADER, person(1))), *GROUND, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["unchanged"], document["problems"], document["rejected_file"]) == (1, [], None)


def test_people_read_what_came_of_it(prepared: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, HEADER, *(person(n, "Không Có,Lộc Bình") for n in range(30)))
    assert run(str(path), *GROUND, "--dry-run") == 1
    shown = capsys.readouterr().out
    assert "Dòng 2, cột Xã/Phường" in shown
    assert "10 lỗi nữa" in shown
    assert "Chạy thử" in shown
    assert "0900000" not in shown
    assert run(str(path), *GROUND) == 1
    assert f"{path}.rejected.csv" in capsys.readouterr().out


def test_missing_ground_is_a_usage_error_and_a_bad_file_a_sentence(
    prepared: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(tmp_path / "none.csv")) == 2
    assert run(str(tmp_path / "none.csv"), *GROUND) == 1
    assert run(str(tmp_path / "none.csv"), *GROUND, "--era", "1999") == 2
    assert run(str(write(tmp_path, "a,b", "1,2")), *GROUND, "--json") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "tiêu đề" in err
    assert "Traceback" not in err


def test_the_province_of_the_workspace_comes_first(
    prepared: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "phone,commune,era", "0900000001,Quảng Lạc,legacy")
    assert run(str(path), *GROUND, "--json") == 1  # in two provinces
    sender = "senders: {dien-tap: {provider: sandbox, from: DIENTAP}}"
    (tmp_path / "loa.yaml").write_text(f'organisation: {{name: x, province: "20"}}\n{sender}\n', encoding="utf-8")
    assert run(str(path), *GROUND, "--json") == 0
    (tmp_path / "loa.yaml").write_text("organisation: [", encoding="utf-8")
    assert run(str(path), *GROUND, "--json") == 1
    assert "Traceback" not in capsys.readouterr().err


def test_the_hidden_mark_of_synthetic_people(
    prepared: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(write(tmp_path, HEADER, person(1))), *GROUND, "--synthetic") == 0
    with prepared.database.read() as connection:
        assert connection.exec_driver_sql("SELECT synthetic FROM contact").scalar_one()
