"""What an officer stumbles over: each mistake is one sentence in their language that says what to do."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import road_workspace as files

from engine.cli import main
from engine.errors import reason_of
from engine.pipeline.process import Process
from engine.settings import Settings
from engine.store import schema

Call = Callable[..., tuple[int, str, str]]
one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    """Calls ``loa …`` in this process: exit code, stdout, stderr."""

    def called(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        said = capfd.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return called


@one_database
def test_a_folder_instead_of_a_list_is_named_as_one(prepared: Process, call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "danh-sach"
    folder.mkdir()
    for file in (folder, folder.with_suffix(".xlsx")):
        file.mkdir(exist_ok=True)
        code, out, err = call("contacts", "import", file, "--source", "xã", "--basis", "danh sách")
        assert (code, out) == (1, "") and f"{file} là thư mục." in err and "directory" not in err


@pytest.mark.parametrize(
    "number",
    [
        errno.ENOENT,
        errno.EEXIST,
        errno.EACCES,
        errno.EPERM,
        errno.EISDIR,
        errno.ENOTDIR,
        errno.ENOSPC,
        errno.EROFS,
        errno.EBUSY,
        errno.ENAMETOOLONG,
        errno.EIO,
    ],
)
def test_the_systems_own_english_is_never_shown(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    error = OSError(number, os.strerror(number))
    assert reason_of(error) not in ("", os.strerror(number)) and "errno" not in reason_of(error).lower()
    vietnamese = reason_of(error)
    monkeypatch.setenv("LOA_LANG", "en")
    assert reason_of(error) != vietnamese
    assert "EMFILE" in reason_of(OSError(errno.EMFILE, "Too many open files"))
    assert "OSError" in reason_of(OSError("x"))


def test_no_sentence_is_given_the_systems_own_words() -> None:
    found = [
        str(file)
        for file in (Path(__file__).parents[2] / "engine").rglob("*.py")
        if "error.strerror" in file.read_text(encoding="utf-8")
    ]
    assert found == []


@one_database
def test_a_folder_where_the_database_should_be_is_not_called_a_missing_database(
    settings: Settings, call: Call, tmp_path: Path
) -> None:
    files.write(tmp_path)
    (tmp_path / ".loa" / "loa.db").mkdir(parents=True)
    for command in (["plan", "thu"], ["status"], ["init", tmp_path]):
        code, out, err = call(*command)
        assert (code, out) == (1, "") and "đang có một thư mục" in err and "loa.db" in err, command
        assert "Chưa có cơ sở dữ liệu" not in err


@one_database
@pytest.mark.parametrize("name", ["", "   "])
def test_an_approval_without_a_name_shows_no_plan_first(
    prepared: Process, call: Call, tmp_path: Path, name: str
) -> None:
    files.write(tmp_path)
    code, out, err = call("approve", "thu", "--by", name)
    assert (code, out) == (2, "") and "Cần tên người phê duyệt" in err


def test_no_text_at_all_is_a_question_and_not_an_empty_text() -> None:
    def text(*arguments: str, given: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "engine", "text", *arguments],
            input=given, capture_output=True, encoding="utf-8", timeout=60, check=False,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    code, out, err = text(given="")
    assert (code, out) == (2, "") and "Chưa có nội dung" in err
    assert text("", "--json", given="")[:2] == (0, '{"encoding": "GSM-7", "segments": 0, "units": 0}\n')
    assert text("--json", given="\n")[0] == 0  # a line that is empty was written by somebody


@one_database
def test_a_sentence_ends_where_it_ends(prepared: Process, call: Call, tmp_path: Path) -> None:
    files.write(tmp_path)
    assert call("plan", "khong-he-giong")[2] == "Không có chiến dịch “khong-he-giong” trong thư mục campaigns.\n"
    assert "campaigns. Có phải bạn muốn viết “thu”?\n" in call("plan", "thuu")[2]
    for command in (["plan", "zzz"], ["report", "zzz", "--by", "step"], ["status", "zzz"], ["preview", "zzz", "a"]):
        assert not any(line.endswith(" ") for line in call(*command)[2].splitlines()), command


def test_init_tells_a_new_database_from_one_that_was_there(settings: Settings, call: Call, tmp_path: Path) -> None:
    """On a fresh PostgreSQL it said that everything was there already."""
    files.write(tmp_path)
    code, out, err = call("init", tmp_path)
    assert (code, err) == (0, "") and "đã tạo cơ sở dữ liệu mới" in out
    code, out, _ = call("init", tmp_path)
    assert code == 0 and "cơ sở dữ liệu ở phiên bản mới nhất" in out


@one_database
def test_init_says_when_an_old_database_was_brought_up_to_date(
    settings: Settings, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write(tmp_path)
    call("init", tmp_path)
    monkeypatch.setattr(schema, "migrate", lambda database: "0000")  # as one that an older version made
    assert "đã nâng cấp cơ sở dữ liệu, dữ liệu được giữ nguyên" in call("init", tmp_path)[1]
