"""check, schema, new and init as programs call them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.cli import main

Run = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run("check", "--json")``: exit code, stdout, stderr."""
    monkeypatch.setenv("LOA_LANG", "vi")
    for name in ("LOA_DATABASE_URL", "LOA_CLOCK", "LOA_KEY"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return call


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Path:
    """A workspace as ``loa init`` makes it."""
    folder = tmp_path / "ws"
    monkeypatch.setenv("LOA_WORKSPACE", str(folder))
    assert run("init", str(folder))[0] == 0
    return folder


def test_a_new_workspace_passes_the_check_and_has_its_database(workspace: Path, run: Run) -> None:
    assert (workspace / ".loa" / "loa.db").is_file() and (workspace / ".loa" / "key").is_file()
    assert all((workspace / name).is_dir() for name in ("campaigns", "audiences", "messages", "activities"))
    assert (workspace / "activities" / "hoat-dong.csv").read_bytes().startswith(b"\xef\xbb\xbf")  # for Excel
    assert ".loa/" in (workspace / ".gitignore").read_text()
    code, out, err = run("check", "--json")
    assert (code, err) == (0, "") and json.loads(out) == {"ok": True, "problems": []}


def test_init_twice_changes_no_file(workspace: Path, run: Run) -> None:
    (workspace / "loa.yaml").write_text((workspace / "loa.yaml").read_text() + "# của tôi\n")
    key = (workspace / ".loa" / "key").read_bytes()
    code, out, _ = run("init", str(workspace))
    assert code == 0 and "đã có" in out
    assert (workspace / "loa.yaml").read_text().endswith("# của tôi\n")
    assert (workspace / ".loa" / "key").read_bytes() == key


def test_init_leaves_a_folder_of_other_things_alone(tmp_path: Path, run: Run) -> None:
    (tmp_path / "anh.jpg").write_bytes(b"x")
    code, _, err = run("init", str(tmp_path))
    assert code == 1 and "thư mục trống" in err
    assert [file.name for file in tmp_path.iterdir()] == ["anh.jpg"]


def test_init_onto_a_file_is_one_sentence(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "tep"
    file.write_text("x")
    code, _, err = run("init", str(file))
    assert code == 1 and "Traceback" not in err and file.read_text() == "x"


def test_init_takes_a_province_by_name_and_refuses_one_there_is_not(tmp_path: Path, run: Run) -> None:
    assert run("init", str(tmp_path / "a"), "--province", "nghe an", "--organisation", 'BCĐ "138"')[0] == 0
    assert 'province: "40"' in (tmp_path / "a" / "loa.yaml").read_text(encoding="utf-8")
    assert run("init", str(tmp_path / "b"), "--province", "Hà Tây")[0] == 1
    assert not (tmp_path / "b").exists()


def test_new_files_pass_the_check_once_all_three_are_there(workspace: Path, run: Run) -> None:
    code, out, _ = run("new", "campaign", "dot-mot")
    assert code == 0 and "unknown-audience" in out and "unknown-message" in out
    assert run("check")[0] == 1
    assert run("new", "audience", "nhom-nhan")[0] == 0
    assert run("new", "message", "tin-moi")[0] == 0
    code, out, _ = run("check", "--json")
    assert (code, json.loads(out)["problems"]) == (0, [])


def test_a_new_campaign_names_what_there_is(workspace: Path, run: Run) -> None:
    run("new", "audience", "xa-bien-gioi")
    run("new", "message", "mo-dau")
    code, out, _ = run("new", "campaign", "dot-hai")
    assert code == 0 and "Lỗi" not in out
    assert run("check", "dot-hai")[0] == 0


@pytest.mark.parametrize("key", ["Đợt 1", "../x", "a/b", "", "A"])
def test_a_key_that_is_none_writes_nothing(workspace: Path, run: Run, key: str) -> None:
    before = sorted(workspace.rglob("*.yaml"))
    assert run("new", "campaign", key)[0] == 1
    assert sorted(workspace.rglob("*.yaml")) == before


def test_new_never_overwrites(workspace: Path, run: Run) -> None:
    run("new", "message", "tin")
    file = workspace / "messages" / "tin" / "sms.vi.j2"
    file.write_text("của tôi")
    assert run("new", "message", "tin")[0] == 1
    assert file.read_text() == "của tôi"


def test_check_speaks_json_exactly(workspace: Path, run: Run) -> None:
    (workspace / "campaigns" / "a.yaml").write_text("titel: x\n", encoding="utf-8")
    code, out, err = run("check", "--json")
    document = json.loads(out)
    assert code == 1 and err == "" and out.count("\n") == 1
    assert set(document) == {"ok", "problems"} and document["ok"] is False
    for problem in document["problems"]:
        assert list(problem) == ["file", "line", "column", "severity", "code", "message"]
        assert problem["severity"] in ("error", "warning")
    assert {"file": "campaigns/a.yaml", "line": 1, "column": 1, "code": "unknown-key"}.items() <= next(
        problem.items() for problem in document["problems"] if problem["code"] == "unknown-key"
    )


def test_check_for_people_is_capped_and_says_how_many_more(workspace: Path, run: Run) -> None:
    (workspace / "campaigns" / "a.yaml").write_text("".join(f"k{n}: x\n" for n in range(80)))
    code, out, _ = run("check")
    lines = out.splitlines()
    assert code == 1
    assert sum(line.startswith("campaigns/a.yaml:") for line in lines) == 50
    assert any("và 36 chỗ nữa" in line for line in lines)
    assert lines[-1].startswith("Còn 86 lỗi")
    assert "\x1b" not in out


def test_check_of_one_campaign_by_key_or_file(workspace: Path, run: Run) -> None:
    (workspace / "campaigns" / "a.yaml").write_text("titel: x\n")
    for name in ("mot", "mot-hai"):
        run("new", "campaign", name)
    run("new", "audience", "nhom-nhan")
    run("new", "message", "tin-moi")
    assert run("check")[0] == 1
    assert run("check", "mot")[0] == 0
    assert run("check", "campaigns/mot.yaml", "mot-hai")[0] == 0
    code, _, err = run("check", "mott")
    assert code == 1 and "“mot”" in err


def test_warnings_alone_leave_exit_code_0(workspace: Path, run: Run) -> None:
    run("new", "message", "khong-ai-dung")
    code, out, _ = run("check")
    assert code == 0 and "unused-message" in out


def test_a_folder_that_is_no_workspace_says_how_to_make_one(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOA_WORKSPACE", str(tmp_path / "khong-co"))
    code, out, _ = run("check", "--json")
    assert code == 1 and json.loads(out)["problems"][0]["file"] == "loa.yaml"
    assert run("new", "campaign", "a")[0] == 1


def test_schema_writes_three_files_or_one_document(workspace: Path, run: Run, tmp_path: Path) -> None:
    code, out, err = run("schema", "--json")
    assert code == 0 and err == "" and set(json.loads(out)) == {"campaign", "audience", "loa"}
    assert run("schema")[0] == 0
    assert run("schema", "--out", str(tmp_path / "luoc-do"))[0] == 0
    for folder in (workspace / ".loa" / "schema", tmp_path / "luoc-do"):
        made = json.loads((folder / "campaign.schema.json").read_text(encoding="utf-8"))
        assert "when" in made["properties"]["steps"]["items"]["properties"]


def test_the_sample_workspace_has_no_errors(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOA_WORKSPACE", str(ROOT))
    code, out, _ = run("check", "--json")
    assert [problem for problem in json.loads(out)["problems"] if problem["severity"] == "error"] == []
    assert code == 0
