"""YAML comes through as written, with its place, or is refused in words."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.content.yamlfile import (
    BIGGEST_FILE,
    BadYaml,
    Mapping,
    Place,
    decode,
    key_place,
    parse,
    place_of,
    plain,
    read,
)
from engine.i18n import LANGUAGES


@pytest.mark.parametrize(
    "value",
    [
        "06541",
        "20:30",
        "no",
        "yes",
        "on",
        "1e3",
        "0x1F",
        "0o17",
        "2027-07-01",
        "60_000_000",
        "null",
        "~",
        ".inf",
        "1.0",
        "true",
    ],
)
def test_a_scalar_is_never_anything_but_what_was_written(value: str) -> None:
    tree = parse(f"a: {value}\nb: [{value}]\n{value}: c").tree
    assert tree is not None
    assert plain(tree) == {"a": value, "b": [value], value: "c"}


def test_places_count_characters_from_one_behind_vietnamese_letters() -> None:
    tree = parse("tên: Lộc\nnhóm: {đầu: [một, hai]}\n").tree
    assert isinstance(tree, Mapping)
    assert place_of(tree, ("tên",)) == Place(1, 6)
    assert key_place(tree, ("nhóm", "đầu")) == Place(2, 8)
    assert place_of(tree, ("nhóm", "đầu", 1)) == Place(2, 19)
    assert place_of(tree, ("nhóm", "đầu", 5)) == Place(2, 13)
    assert place_of(tree, ("nhóm", "đầu", 1, "x")) == Place(2, 19)


def test_front_matter_keeps_the_lines_of_its_file() -> None:
    tree = parse("a: 1\nb: 2\n", first_line=2).tree
    assert tree is not None and place_of(tree, ("b",)) == Place(3, 4)


def test_a_duplicate_key_is_reported_at_the_second_and_the_first_stays() -> None:
    found = parse("a: 1\nb: 2\na: 3\n")
    assert [(fault.code, fault.place, fault.values) for fault in found.faults] == [
        ("duplicate-key", Place(3, 1), {"key": "a", "first": 1})
    ]
    assert found.tree is not None and plain(found.tree) == {"a": "1", "b": "2"}


def test_letters_written_apart_are_the_same_key() -> None:
    assert [fault.code for fault in parse("tên: 1\ntên: 2\n").faults] == ["duplicate-key"]


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: &x 1\nb: *x", "alias", 1, 4),
        ("a: *x", "alias", 1, 4),
        ("a: !!python/object:os.system x", "tag", 1, 4),
        ("a: !ten x", "tag", 1, 4),
        ("a: !!str 1", "tag", 1, 4),
        ("a: 1\n---\nb: 2", "several-documents", 2, 1),
        ("a: 'x\nb: 2\n", "open-quote", 1, 4),
        ('a: "x\nb: 2\n', "open-quote", 1, 4),
        ("a: [1, 2\nb: 3", "open-bracket", 1, 4),
        ("a: {b: 1", "open-bracket", 1, 4),
        ("\ta: 1", "tab", 1, 1),
        ("a:\n\tb: 1", "tab", 2, 1),
        ("a: @x", "needs-quotes", 1, 4),
        ("a: `x`", "needs-quotes", 1, 4),
        ("a: b: c", "colon-in-value", 1, 5),
        ("title: Ngày 30/7: gửi", "colon-in-value", 1, 17),
        ("a: 1\n  b: 2", "indentation", 2, 4),
        ('a: "\\q"', "backslash", 1, 5),
        ("- a\nb: 1", "indentation", 2, 1),
        ("a: 1\x07", "control-character", 1, 5),
        ("a: 1\nb: \x00", "control-character", 2, 4),
        ("a: 1\ufeff", "control-character", 1, 5),
        ("[" * 5000, "too-deep", 1, 13),
        ("a: " * 50, "colon-in-value", 1, 5),
    ],
)
def test_broken_yaml_is_told_in_words_at_its_place(text: str, code: str, line: int, column: int) -> None:
    with pytest.raises(BadYaml) as caught:
        parse(text)
    assert (caught.value.code, caught.value.place) == (code, Place(line, column))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fault_has_words_in_both_languages(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOA_LANG", language)
    for text in ("a: &x 1", "a: !t x", "a: 'x", "a: [1", "\ta: 1", "a: @x", "a: b: c", '"\\q"', "\x07", "[" * 20):
        with pytest.raises(BadYaml) as caught:
            parse(text)
        assert "{" not in str(caught.value)


def test_an_alias_bomb_costs_nothing() -> None:
    bomb = "a: &a [x, x]\n" + "\n".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]" for n in range(20)
    )
    begun = time.process_time()
    with pytest.raises(BadYaml):
        parse(bomb)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", b"a: 1\r\nb: 2", b"a: 1\nb: 2\n"])
def test_a_bom_and_windows_line_ends_are_fine(data: bytes) -> None:
    tree = parse(decode(data)).tree
    assert tree is not None and plain(tree) == {"a": "1", "b": "2"}
    assert place_of(tree, ("b",)) == Place(2, 4)


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        ("a: 1\nb: Lộc".encode("utf-16"), "utf-16", Place(1, 1)),
        (b"a: 1\nb: L\xf4c", "not-utf-8", Place(2, 5)),
        (b"\xff\xfea", "utf-16", Place(1, 1)),
        (b"\xc3", "not-utf-8", Place(1, 1)),
    ],
)
def test_another_encoding_is_named_with_its_place(data: bytes, code: str, place: Place) -> None:
    with pytest.raises(BadYaml) as caught:
        decode(data)
    assert (caught.value.code, caught.value.place) == (code, place)


def test_the_place_of_a_wrong_byte_behind_a_bom_is_right() -> None:
    with pytest.raises(BadYaml) as caught:
        decode(b"\xef\xbb\xbfab\xff")
    assert caught.value.place == Place(1, 3)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"#" * (BIGGEST_FILE + 1))
    with pytest.raises(BadYaml) as caught:
        read(file)
    assert caught.value.code == "file-too-big"


@pytest.mark.parametrize("text", ["", "# chỉ có chú thích\n", "---\n", "''"])
def test_a_file_of_nothing_has_no_tree(text: str) -> None:
    assert parse(text).tree is None


@pytest.mark.parametrize("letter", ["😀", "\U0001fae8", "\ue000", "\u200b", "\xa0"])
def test_new_and_private_letters_are_no_fault(letter: str) -> None:
    tree = parse(f"a: x{letter}y").tree
    assert tree is not None and plain(tree) == {"a": f"x{letter}y"}


def test_values_are_nfc() -> None:
    tree = parse("a: ế").tree
    assert tree is not None and plain(tree) == {"a": "ế"}


@given(st.text(max_size=200))
def test_no_text_gives_anything_but_a_tree_or_a_fault_inside_the_file(text: str) -> None:
    try:
        parse(text)
    except BadYaml as error:
        assert error.place.line >= 1 and error.place.column >= 1 and str(error)


@given(st.binary(max_size=100))
def test_no_bytes_break_the_decoder(data: bytes) -> None:
    try:
        decode(data)
    except BadYaml as error:
        assert str(error)


_KEYS = st.text(alphabet="abcđêô019-_ ", min_size=1, max_size=8).map(str.strip).filter(bool)
_TREES = st.recursive(
    st.text(alphabet="abđ 0:'\"\\#@-", max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(_KEYS, _TREES, min_size=1, max_size=4))
def test_what_is_quoted_comes_back(data: dict[str, object]) -> None:
    import json
    import unicodedata

    text = unicodedata.normalize("NFC", json.dumps(data, ensure_ascii=False))
    tree = parse(text).tree  # JSON is YAML with every text in quotes
    assert tree is not None and plain(tree) == json.loads(text)
