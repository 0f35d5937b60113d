"""A row read wrongly puts a person in the wrong commune, language or group; it is refused instead."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.areas import registry
from engine.errors import LoaError
from engine.pipeline.contact_columns import read_header
from engine.pipeline.contact_file import Row
from engine.pipeline.contact_place import Places
from engine.pipeline.contact_row import Defaults, Record, RowProblem, RowReader

HEADER = ["phone", "name", "commune", "district", "province", "era", "groups", "language", "consent"]


def reader(header: list[str] = HEADER, province: str | None = None, **defaults: object) -> RowReader:
    columns = read_header(header)
    assert columns
    return RowReader(columns, Places(registry.load(), province), Defaults(**defaults))  # type: ignore[arg-type]  # test


def read(**cells: str) -> Record | list[RowProblem]:
    given = {"phone": "0900000001", "commune": "Yên Khoái", "district": "Lộc Bình"} | cells
    return reader().read(Row(7, [given.get(field, "") for field in HEADER]))


def good(**cells: str) -> Record:
    record = read(**cells)
    assert isinstance(record, Record), record
    return record


def faults(**cells: str) -> list[tuple[str, str]]:
    problems = read(**cells)
    assert isinstance(problems, list), problems
    assert all(problem.row == 7 and problem.message for problem in problems)
    return [(problem.column, problem.code) for problem in problems]


def test_a_whole_row() -> None:
    record = good(name="  Người   Thử 001 ", groups="Lao động đi xa", language="Tày", consent="Có")
    assert record.e164 == "+84900000001"
    assert (record.name, record.prefix) == ("Người Thử 001", "090")
    assert record.rest == ("legacy", "06541", "tyz", True, ("lao-dong-di-xa",))


def test_what_a_row_does_not_say_is_not_made_up() -> None:
    assert good().name is None
    assert good().rest[2:] == (None, None, ())
    bare = reader(["phone", "commune", "district"]).read(Row(2, ["0900000001", "Yên Khoái", "Lộc Bình"]))
    assert isinstance(bare, Record)
    assert bare.rest.groups is None  # no column: what is known stays; an empty cell: in no group


def test_every_problem_of_a_row_is_named() -> None:
    assert faults(phone="111", commune="Không Có", district="", language="xx", consent="có lẽ", groups="a, b") == [
        ("phone", "short-number"),
        ("commune", "unknown"),
        ("language", "unknown-language"),
        ("consent", "unclear-consent"),
        ("groups", "group-comma"),
    ]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({}, ("legacy", "06541")),
        ({"commune": "xa yen khoai", "district": "H. Loc Binh"}, ("legacy", "06541")),
        ({"commune": "06541", "district": "", "era": "legacy"}, ("legacy", "06541")),
        ({"commune": "06541", "district": "", "era": "2025"}, ("2025", "06541")),
        ({"commune": "06541", "district": "", "era": "mới"}, ("2025", "06541")),
        ({"commune": "Mẫu Sơn", "district": "Cao Lộc"}, ("legacy", "06238")),
        ({"commune": "Mẫu Sơn", "district": "Lộc Bình"}, ("legacy", "06532")),
        ({"commune": "Mẫu Sơn", "district": "", "era": "2025"}, ("2025", "06541")),
        ({"commune": "Mẫu Sơn", "district": "", "province": "Lạng Sơn", "era": "2025"}, ("2025", "06541")),
        ({"commune": "Mẫu Sơn, Cao Lộc", "district": "", "era": "cũ"}, ("legacy", "06238")),
    ],
)
def test_places_are_found(cells: dict[str, str], expected: tuple[str, str]) -> None:
    assert good(**cells).rest[:2] == expected


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({"commune": "06541", "district": ""}, ("commune", "bare-code")),
        ({"commune": "06541"}, ("commune", "bare-code")),  # even with a district: both eras know it
        ({"commune": "Mẫu Sơn", "district": ""}, ("commune", "ambiguous")),
        ({"commune": "Cao Lộc", "district": ""}, ("commune", "era-needed")),
        ({"commune": ""}, ("commune", "no-commune")),
        ({"district": "Không Có"}, ("district", "unknown")),
        ({"province": "Không Có"}, ("province", "unknown")),
        ({"era": "1999"}, ("era", "unknown-era")),
        ({"commune": "0900000001"}, ("commune", "number-for-place")),
    ],
)
def test_places_that_cannot_be_told_are_refused(cells: dict[str, str], problem: tuple[str, str]) -> None:
    assert faults(**cells) == [problem]


def test_shifted_columns_print_no_number() -> None:
    problems = read(phone="x", commune="0900000001", district="0900 000 002")
    assert isinstance(problems, list)
    assert not any("0000" in problem.message for problem in problems)


def test_the_organisations_province_comes_first() -> None:
    row = Row(2, ["0900000001", "", "Quảng Lạc", "", "", "legacy", "", "", ""])  # in Lạng Sơn, and in Ninh Bình
    assert isinstance(reader().read(row), list)
    record = reader(province="20").read(row)
    assert isinstance(record, Record)
    assert registry.load().get("legacy", record.rest.commune).province == "20"


def test_the_files_own_place_fills_what_rows_leave_out() -> None:
    of_file = reader(["phone", "commune"], commune="Yên Khoái", district="Lộc Bình", consent=True)
    filled = of_file.read(Row(2, ["0900000001", ""]))
    assert isinstance(filled, Record)
    assert filled.rest == ("legacy", "06541", None, True, None)
    own = of_file.read(Row(3, ["0900000001", "Tú Mịch"]))
    assert isinstance(own, Record)
    assert own.rest.commune != "06541"
    with pytest.raises(LoaError) as refused:
        reader(["phone", "name"])
    assert refused.value.code == "no-commune-column"


@pytest.mark.parametrize(
    ("written", "consent"),
    [("có", True), ("Không", False), ("YES", True), ("no", False), ("True", True), ("0", False), ("", True)],
)
def test_a_rows_own_word_overrules_the_lists_consent(written: str, consent: bool) -> None:
    record = reader(["phone", "commune", "district", "consent"], consent=True).read(
        Row(2, ["0900000001", "Yên Khoái", "Lộc Bình", written])
    )
    assert isinstance(record, Record)
    assert record.rest.consent is consent


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("Tày", "tyz"), ("Nùng", "nut"), ("Mông", "hmn"), ("H'Mông", "hmn"), ("H’Mông", "hmn"), ("Dao", "ium"),
        ("Thái", "blt"), ("Khơ Mú", "kjg"), ("Khmer", "km"), ("Kinh", "vi"), ("Việt", "vi"), ("tiếng Việt", "vi"),
        ("tiếng Tày", "tyz"), ("vi", "vi"), ("hmn-latn-X-VN", "hmn-Latn-x-vn"), ("zh", "zh"), ("Lào", "lo"),
        ("Tiếng Mông", "hmn"), (unicodedata.normalize("NFD", "Tày"), "tyz"),
    ],
)  # fmt: skip
def test_languages_in_words_or_tags(written: str, tag: str) -> None:
    assert good(language=written).rest.language == tag


@pytest.mark.parametrize(
    ("written", "keys"),
    [
        ("Lao động đi xa; Thiếu việc làm", ("lao-dong-di-xa", "thieu-viec-lam")),
        ("lao-dong-di-xa;;LAO ĐỘNG ĐI XA ;", ("lao-dong-di-xa",)),
        ("Cán bộ / truyền thanh", ("can-bo-truyen-thanh",)),
        ("Tổ 3\nTổ 4", ("to-3", "to-4")),
        ("", ()),
    ],
)
def test_groups_in_words_or_keys(written: str, keys: tuple[str, ...]) -> None:
    assert good(groups=written).rest.groups == keys


def test_group_names_that_make_no_key_are_refused() -> None:
    assert faults(groups="***") == [("groups", "bad-group")]
    assert faults(groups="x" * 65) == [("groups", "bad-group")]


def test_names_lose_what_is_invisible_and_no_more() -> None:
    assert good(name="Nguoi\u200b\u00a0 Thử\t001\n").name == "Nguoi Thử 001"
    assert good(name=unicodedata.normalize("NFD", "Người Thử")).name == "Người Thử"
    assert faults(name="x" * 101) == [("name", "long-name")]


def test_rows_prepared_with_a_number_only_say_nothing() -> None:
    of_list = reader(["STT", "phone", "commune", "Ghi chú"])
    assert of_list.says_nothing(Row(2, ["12", "", "", ""]))
    assert of_list.says_nothing(Row(3, ["", " ", "", "Người lập biểu"]))
    assert of_list.says_nothing(Row(4, []))
    assert not of_list.says_nothing(Row(5, ["", "", "Mẫu Sơn"]))


def test_a_short_row_is_as_one_with_empty_cells() -> None:
    assert isinstance(reader(["phone", "commune", "district", "consent"]).read(Row(2, ["0900000001"])), list)
    record = reader(["phone", "commune", "district", "consent"]).read(Row(2, ["0900000001", "Yên Khoái", "Lộc Bình"]))
    assert isinstance(record, Record)


@given(st.lists(st.text(st.characters(codec=None, categories=None), max_size=12), min_size=0, max_size=12))
def test_no_cells_can_break_it(cells: list[str]) -> None:
    read_row = _READER.read(Row(2, cells))
    assert isinstance(read_row, Record) or read_row


_READER = reader()


def test_without_a_district_what_is_suggested_lies_in_the_organisations_own_province() -> None:
    row = Row(2, ["0900000001", "Quốc Khánhh"])
    problems = reader(["phone", "commune"], province="20").read(row)
    assert isinstance(problems, list) and [problem.code for problem in problems] == ["unknown"]
    assert "Quốc Khánh, Tỉnh Lạng Sơn (2025 06004)" in problems[0].message
    assert problems[0].message.count("Tỉnh ") == problems[0].message.count("Tỉnh Lạng Sơn")
