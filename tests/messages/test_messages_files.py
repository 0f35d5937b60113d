"""The messages folder as officers leave it: every slip of a name, an encoding or a front matter is told."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.content.message_file import LoadedMessages, load_messages
from engine.content.message_name import BadName, read_language, read_name
from engine.errors import Problem


def written(folder: Path, files: dict[str, str | bytes]) -> LoadedMessages:
    for name, text in files.items():
        file = folder / "messages" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_messages(folder)


def only(loaded: LoadedMessages) -> Problem:
    assert len(loaded.problems) == 1, loaded.problems
    return loaded.problems[0]


def test_a_workspace_without_messages_holds_none(tmp_path: Path) -> None:
    assert load_messages(tmp_path) == LoadedMessages()


def test_a_message_is_read_with_its_front_matter(tmp_path: Path) -> None:
    text = (
        "---\nregistered_id: MB-01\nregistered_text: |\n  Gọi 111.\naccents: strip\nmax_segments: 2\n"
        "reviewed_by: Người Thử 001\n---\nGọi 111.\n"
    )
    loaded = written(tmp_path, {"viec-lam/sms.a.hmn-latn-X-VN.j2": text})
    assert loaded.problems == []
    (message,) = loaded.messages["viec-lam"].messages
    assert (message.key, message.channel, message.variant) == ("viec-lam", "sms", "a")
    assert message.language == "hmn-Latn-x-vn"
    assert (message.registered_id, message.registered_text) == ("MB-01", "Gọi 111.")
    assert (message.accents, message.max_segments, message.reviewed) == ("strip", 2, True)
    assert (message.body, message.body_line) == ("Gọi 111.\n", 9)


@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "bom"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_a_bom_and_windows_line_ends_change_nothing(tmp_path: Path, start: str, end: str) -> None:
    text = start + end.join(("---", "accents: strip", "---", "Gọi", "111"))
    loaded = written(tmp_path, {"a/sms.vi.j2": text})
    assert loaded.problems == []
    assert loaded.messages["a"].messages[0].body == "Gọi\n111"
    assert loaded.messages["a"].messages[0].accents == "strip"


def test_words_written_apart_are_joined(tmp_path: Path) -> None:
    loaded = written(tmp_path, {"a/sms.vi.j2": "Go\u0323i ba\u0300 con"})
    assert loaded.messages["a"].messages[0].body == "Gọi bà con"


def test_three_dashes_inside_the_words_are_words(tmp_path: Path) -> None:
    loaded = written(tmp_path, {"a/sms.vi.j2": "Gọi 111\n---\nx"})
    assert loaded.problems == [] and loaded.messages["a"].messages[0].body == "Gọi 111\n---\nx"


@pytest.mark.parametrize(
    ("front", "code", "line", "column"),
    [
        ("max_segment: 2", "unknown-key", 2, 1),
        ("max_segments: hai", "bad-number", 2, 15),
        ("max_segments: 0", "bad-max-segments", 2, 15),
        ("max_segments: 99", "bad-max-segments", 2, 15),
        ("accents: no", "not-one-of", 2, 10),
        ("accents: strip\naccents: keep", "duplicate-key", 3, 1),
        ("registered_text:", "empty", 2, 17),
        ("reviewed_by: ''", "empty", 2, 14),
        ("- a", "not-a-mapping", 2, 1),
        ("a: &b 1", "alias", 2, 4),
        ("a: !!python/object:os.system x", "tag", 2, 4),
        ("a: 'x", "open-quote", 2, 4),
    ],
)
def test_a_fault_of_the_front_matter_is_told_at_its_line(
    tmp_path: Path, front: str, code: str, line: int, column: int
) -> None:
    found = written(tmp_path, {"a/sms.vi.j2": f"---\n{front}\n---\nGọi 111"}).problems
    assert (found[0].code, found[0].line) == (code, line)
    assert found[0].column == column
    assert found[0].file == "messages/a/sms.vi.j2"


def test_a_front_matter_never_closed_is_an_error(tmp_path: Path) -> None:
    assert only(written(tmp_path, {"a/sms.vi.j2": "---\naccents: strip\nGọi 111"})).code == "open-front-matter"


@pytest.mark.parametrize("text", ["", "\n \n", "---\naccents: strip\n---\n", "---\n---\n"])
def test_a_message_without_words_is_an_error(tmp_path: Path, text: str) -> None:
    assert only(written(tmp_path, {"a/sms.vi.j2": text})).code == "empty-message"


@pytest.mark.parametrize(
    ("name", "code", "likely"),
    [
        ("sms.j2", "missing-language", "sms.vi.j2"),
        ("sms.vn.j2", "unknown-language", "“vi”"),
        ("sms.hnm.j2", "unknown-language", "“hmn”"),
        ("sms.qqq.j2", "unknown-language", "tyz"),
        ("sms.vi_VN.j2", "unknown-language", ""),
        ("smss.vi.j2", "unknown-channel", "“sms”"),
        ("thu.vi.j2", "unknown-channel", "loudspeaker"),
        ("sms.A.vi.j2", "bad-variant", ""),
        ("sms..vi.j2", "bad-variant", ""),
        ("sms.a.b.vi.j2", "bad-file-name", ""),
        ("sms.vi.txt", "wrong-suffix", ".j2"),
        ("sms.vi.jinja2", "wrong-suffix", ".j2"),
    ],
)
def test_a_name_that_would_be_overlooked_is_an_error(tmp_path: Path, name: str, code: str, likely: str) -> None:
    found = only(written(tmp_path, {f"a/{name}": "Gọi 111"}))
    assert (found.file, found.severity, found.code) == (f"messages/a/{name}", "error", code)
    assert likely in found.message


def test_a_key_is_small_letters_and_a_message_lies_right_in_its_folder(tmp_path: Path) -> None:
    loaded = written(tmp_path, {"Việc làm/sms.vi.j2": "x", "a/b/sms.vi.j2": "x"})
    assert {problem.code for problem in loaded.problems} == {"bad-key", "too-deep-file"}


def test_what_editors_and_systems_leave_is_passed_over(tmp_path: Path) -> None:
    names = (
        ".gitkeep",
        "a/.sms.vi.j2.swp",
        "a/sms.vi.j2~",
        "a/~$sms.vi.j2",
        "a/Thumbs.db",
        "README.md",
        "a/ghi-chu.md",
    )
    assert written(tmp_path, dict.fromkeys(names, "x")) == LoadedMessages()


def test_an_unknown_file_is_a_warning(tmp_path: Path) -> None:
    assert only(written(tmp_path, {"a/ke-hoach.docx": "x"})).severity == "warning"


def test_the_same_language_written_twice_is_an_error_at_the_second(tmp_path: Path) -> None:
    found = only(written(tmp_path, {"a/sms.hmn-Latn.j2": "x", "a/sms.hmn-latn.j2": "y"}))
    assert (found.file, found.code) == ("messages/a/sms.hmn-latn.j2", "same-message")


@pytest.mark.parametrize(
    ("data", "code", "line", "column"),
    [
        (b"Ch\xe0o", "not-utf-8", 1, 3),
        ("Gọi".encode("utf-16"), "utf-16", 1, 1),
        (b"a\n b\xff", "not-utf-8", 2, 3),
        (b"x" * 100_001, "file-too-big", 1, 1),
    ],
)
def test_what_is_not_utf_8_or_too_big_is_told(tmp_path: Path, data: bytes, code: str, line: int, column: int) -> None:
    found = only(written(tmp_path, {"a/sms.vi.j2": data}))
    assert (found.code, found.line, found.column) == (code, line, column)


def test_a_set_holds_the_includes_it_uses_and_no_others(tmp_path: Path) -> None:
    loaded = written(
        tmp_path,
        {
            "a/sms.vi.j2": "{% include 'chung/cuoi.j2' %}",
            "chung/cuoi.j2": '{%- include "_phan/so.vi.j2" -%}',
            "_phan/so.vi.j2": "111",
            "thua.j2": "x",
        },
    )
    assert loaded.problems == [] and list(loaded.messages) == ["a"]
    assert loaded.messages["a"].includes == {
        "_phan/so.vi.j2": "111",
        "chung/cuoi.j2": '{%- include "_phan/so.vi.j2" -%}',
    }
    assert "thua.j2" in loaded.includes


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_to_outside_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "bi-mat.j2"
    secret.write_text("x")
    (tmp_path / "messages" / "a").mkdir(parents=True)
    (tmp_path / "messages" / "a" / "sms.vi.j2").symlink_to(secret)
    loaded = load_messages(tmp_path)
    assert only(loaded).code == "outside-folder" and not loaded.messages


@given(st.text(max_size=30))
def test_any_name_is_read_or_refused_with_a_sentence(name: str) -> None:
    try:
        read = read_name(name + ".j2")
    except BadName as error:
        assert str(error)
    else:
        assert read_language(read.language) == read.language
