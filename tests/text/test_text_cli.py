"""``loa text`` is called by other programs: its lines must stay aligned with theirs, whatever they send."""

import io
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from engine.cli.text import _count_lines, text
from engine.errors import LoaError, UsageError
from engine.text.segments import count


def run(*arguments: str, given: bytes = b"") -> Result:
    return CliRunner().invoke(text, list(arguments), input=given, standalone_mode=False)


def answers(given: bytes) -> list[dict[str, object]]:
    target = io.BytesIO()
    _count_lines(io.BytesIO(given), target)
    return [json.loads(line) for line in target.getvalue().decode().splitlines()]


def test_json_is_one_document_of_three_keys() -> None:
    assert json.loads(run("--json", "Gọi 111").output) == {"encoding": "UCS-2", "segments": 1, "units": 7}
    assert json.loads(run("--json", "").output) == {"encoding": "GSM-7", "segments": 0, "units": 0}


def test_people_see_both_costs_and_what_makes_it_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOA_LANG", "vi")
    shown = run("Gọi " + "111 " * 40).output
    assert "UCS-2" in shown
    assert "GSM-7" in shown
    assert "3" in shown
    assert "ọ" in shown
    assert "Bỏ dấu rồi" in run("Gọi 111 – miễn phí").output
    assert run("\x07🆘" * 30).output.count("U+0007") == 1


def test_without_a_text_the_whole_input_is_one_text() -> None:
    given = "\ufeffDòng một\nDòng hai\r\n".encode()
    assert json.loads(run("--json", given=given).output)["units"] == len("Dòng một\nDòng hai")
    with pytest.raises(LoaError) as refused:
        raise run("--json", given=b"\xff\xfe").exception  # type: ignore[misc]  # it is one
    assert refused.value.code == "not-utf8"


def test_two_ways_at_once_are_a_usage_error() -> None:
    assert isinstance(run("--stdin", "x").exception, UsageError)


@given(st.lists(st.text(st.characters(codec=None, categories=None))), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_a_line_in_is_a_line_out(texts: list[str], ascii_only: bool, end: str) -> None:
    lines = end.join(json.dumps(each, ensure_ascii=ascii_only) for each in texts)
    given = lines.encode("utf-8", "surrogatepass")
    for tail in ("", end):
        assert answers(given + tail.encode() if texts else b"") == [count(each)._asdict() for each in texts]


def test_lone_surrogates_and_a_bom_do_not_stop_it() -> None:
    assert answers(b'\xef\xbb\xbf"\\ud83d"\n"\\ud83d\\ude00"\n""') == [
        {"encoding": "UCS-2", "segments": 1, "units": 1},
        {"encoding": "UCS-2", "segments": 1, "units": 2},
        {"encoding": "GSM-7", "segments": 0, "units": 0},
    ]


@pytest.mark.parametrize(
    "bad", [b"xin chao", b"", b"12", b'{"a": 1}', b'"a" "b"', b'"\xff"', b"[" * 100_000, b'"a\tb"', b"NaN"]
)
def test_a_bad_line_is_named_and_those_before_it_are_answered(bad: bytes) -> None:
    target = io.BytesIO()
    with pytest.raises(LoaError) as refused:
        _count_lines(io.BytesIO(b'"a"\n"b"\n' + bad + b'\n"c"\n'), target)
    assert refused.value.code == "not-json"
    assert refused.value.values == {"line": "3"}
    assert target.getvalue().count(b"\n") == 2


class Trickle(io.RawIOBase):
    """A pipe that brings a few bytes at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        self.content, self.size = content, size

    def read1(self, _: int) -> bytes:
        piece, self.content = self.content[: self.size], self.content[self.size :]
        return piece


@pytest.mark.parametrize("size", [1, 3, 4, 7])
def test_lines_that_arrive_in_pieces_are_put_together(size: int) -> None:
    texts = ["Gọi 111", "", "ệ" * 20, "a\nb"]
    given = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in texts).encode()
    target = io.BytesIO()
    _count_lines(Trickle(given, size), target)  # type: ignore[arg-type]  # read1 is all that is used
    assert [json.loads(line)["units"] for line in target.getvalue().splitlines()] == [7, 0, 20, 3]


def test_another_program_may_talk_to_it_line_by_line() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "engine", "text", "--stdin", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as talking:
        assert talking.stdin
        assert talking.stdout
        assert talking.stderr
        for words in ("một", "hai"):
            talking.stdin.write(json.dumps(words).encode() + b"\n")
            talking.stdin.flush()
            assert json.loads(talking.stdout.readline())["units"] == 3
        talking.stdin.write(b"ba\n")
        talking.stdin.close()
        talking.stdin = None
        assert talking.wait(timeout=20) == 1
        complaint = talking.stderr.read().decode()
        assert "3" in complaint
        assert "Traceback" not in complaint
