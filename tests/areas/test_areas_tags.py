"""audiences/tags.csv: every wrong line is named, no right line is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.areas.tags import TagIssue, parse_tags
from engine.i18n import sentence

GOOD = {"border": {("2025", "06184"), ("legacy", "06541")}, "remote": {("2025", "06184")}}
TEXT = "code,era,tag\n06184,2025,border\n06541,legacy,border\n06184,2025,remote\n"


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "\ufeff" + TEXT,
        TEXT.replace("\n", "\r\n"),
        TEXT.replace(",", ";"),
        TEXT.replace("\n", "\n\n"),
        TEXT.replace("2025,border", " 2025 , border "),
        TEXT.rstrip("\n"),
        '"code","era","tag"\n"06184","2025","border"\n06541,legacy,border\n06184,2025,remote\n',
        "tag,code,Era\nborder,06184,2025\nborder,06541,legacy\nremote,06184,2025\n",
    ],
)
def test_what_excel_and_editors_write_is_read(text: str):
    assert parse_tags(text) == (GOOD, [])


@pytest.mark.parametrize(
    ("line", "code", "values"),
    [
        ("99999,2025,border", "tags-unknown-code", {"code": "99999", "era": "2025"}),
        ("26732,legacy,border", "tags-unknown-code", {"code": "26732", "era": "legacy"}),
        ("6184,2025,border", "tags-lost-zero", {"code": "6184", "padded": "06184"}),
        ("06184,,border", "tags-no-era", {"code": "06184"}),
        ("06184,2024,border", "tags-bad-era", {"era": "2024"}),
        ("06184,2025,", "tags-no-tag", {"code": "06184"}),
        ("06184,2025", "tags-columns", {"found": 2}),
        ("06184,2025,border,x", "tags-columns", {"found": 4}),
    ],
)
def test_a_wrong_line_is_named_and_left_out(line: str, code: str, values: dict[str, object]):
    tags, issues = parse_tags(f"code,era,tag\n{line}\n06541,legacy,border\n")
    assert tags == {"border": {("legacy", "06541")}}
    assert issues == [TagIssue(2, code, values)]


def test_a_repeated_line_is_reported_at_the_second():
    tags, issues = parse_tags("code,era,tag\n06184,2025,border\n\n06184,2025,border\n")
    assert tags == {"border": {("2025", "06184")}}
    assert issues == [TagIssue(4, "tags-duplicate", {"code": "06184", "era": "2025", "tag": "border", "first": 2})]


@pytest.mark.parametrize("text", ["", "\n", "06184,2025,border\n", "code,tag\n06184,border\n", "code,era,label\n"])
def test_without_its_header_nothing_is_guessed(text: str):
    tags, issues = parse_tags(text)
    assert tags == {}
    assert [issue.code for issue in issues] == ["tags-header"]


def test_districts_and_provinces_may_carry_tags():
    tags, issues = parse_tags("code,era,tag\n183,legacy,border\n20,2025,border\n")
    assert (tags, issues) == ({"border": {("legacy", "183"), ("2025", "20")}}, [])


@given(st.text(alphabet=st.sampled_from("code,era;tag\n\r\"' 0612025legacy\ufeff\0xã"), max_size=200))
def test_garbage_is_issues_never_an_exception(text: str):
    tags, issues = parse_tags(text)
    assert all(keys for keys in tags.values())
    for issue in issues:
        assert issue.line >= 1
        assert sentence(f"areas.{issue.code}", **issue.values)
