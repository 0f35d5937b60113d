"""A list must be read as its writer saw it, whatever program saved it, or refused in one sentence."""

import unicodedata
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from contacts_lists import HEADER, person, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import LoaError
from engine.pipeline import contact_workbook
from engine.pipeline.contact_file import Row, open_list

LINES = ("UBND XÃ MẪU SƠN", "", HEADER, person(1), person(2, "Mẫu Sơn,Cao Lộc"))


def cells(path: Path) -> list[Row]:
    return [
        Row(row.number, [unicodedata.normalize("NFC", cell) for cell in row.cells], row.swallowed)
        for row in open_list(path).rows()
    ]


EXPECTED = [
    Row(4, ["1", "Người Thử 001", "0900000001", "Yên Khoái", "Lộc Bình"]),
    Row(5, ["2", "Người Thử 002", "0900000002", "Mẫu Sơn", "Cao Lộc"]),
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_unicode_encodings_and_separators(tmp_path: Path, encoding: str, separator: str) -> None:
    path = write(tmp_path, *(line.replace(",", separator) for line in LINES), encoding=encoding)
    assert cells(path) == EXPECTED


def as_windows_1258(line: str) -> str:
    """As that code page writes: hats on the letter, tones apart."""
    plain = []
    for letter in line:
        parts = unicodedata.normalize("NFD", letter)
        tones = "".join(part for part in parts[1:] if part in "\u0300\u0301\u0303\u0309\u0323")
        base = unicodedata.normalize("NFC", "".join(part for part in parts if part not in tones or not tones))
        plain.append(base + tones)
    return "".join(plain)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_windows_1258_writes_tones_apart(tmp_path: Path, separator: str) -> None:
    path = write(tmp_path, *(as_windows_1258(line).replace(",", separator) for line in LINES), encoding="cp1258")
    assert cells(path) == EXPECTED


def test_macos_writes_every_mark_apart(tmp_path: Path) -> None:
    assert cells(write(tmp_path, *(unicodedata.normalize("NFD", line) for line in LINES))) == EXPECTED


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system(tmp_path: Path, end: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(end.join(LINES).encode())
    assert cells(path) == EXPECTED


def test_excels_separator_line_is_no_row(tmp_path: Path) -> None:
    path = write(tmp_path, "sep=;", *(line.replace(",", ";") for line in LINES))
    assert cells(path) == EXPECTED


def test_rows_are_numbered_as_excel_shows_them(tmp_path: Path) -> None:
    path = write(tmp_path, "phone,name,commune", '0900000001,"hai\r\ndòng",x', "", "0900000002,b,x")
    numbers = [row.number for row in open_list(path).rows() if row.cells]
    assert numbers == [2, 4]


def test_a_quote_left_open_is_seen_where_it_swallows_rows(tmp_path: Path) -> None:
    path = write(
        tmp_path, HEADER, '1,"Người Thử 001,0900000001,x,y', person(2), person(3), '4,Người "Thử" 4,0900000004,x,y'
    )
    rows = list(open_list(path).rows())
    assert [row.swallowed for row in rows] == [True]
    path = write(tmp_path, HEADER, '1,"Người, Thử\n001",0900000001,x,y', person(2))
    assert [row.swallowed for row in open_list(path).rows()] == [False, False]


def test_a_quote_open_to_the_end_of_a_long_file_stops_it(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, person(1), '2,"Người Thử', *(person(3) for _ in range(5000)))
    with pytest.raises(LoaError) as refused:
        list(open_list(path).rows())
    assert (refused.value.code, refused.value.values) == ("open-quote", {"row": 3})


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty-file"),
        (b"\r\n \n", "empty-file"),
        (b"phone,commune\n0900000001,\0\1\2\xff\xfe", "not-a-table"),
        (b"%PDF-1.7\n\0\0\0", "not-a-table"),
        (b"a,b,c\n1,2,3\n", "no-header"),
        (HEADER.encode() + b"\n1,Ng\xe1\xbb,0900000001,x,y", "damaged-unicode"),
        (b"\xef\xbb\xbfphone\n\xff", "damaged-unicode"),
        ("\ufeffphone,xã\n".encode("utf-16-le") + b"\x00\xd8", "damaged-unicode"),
        (b"phone,name\n0900000001,\x8d", "encoding"),
        (b"phone,name,phone\n", "column-twice"),
        (b"PK\x03\x04 no workbook", "bad-workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "bad-workbook"),
    ],
)
def test_what_is_no_list_is_refused_in_one_sentence(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(LoaError) as refused:
        list(open_list(path).rows())
    assert refused.value.code == code
    assert "{" not in str(refused.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "none.csv", "no-file"), (tmp_path, "folder")):
        with pytest.raises(LoaError) as refused:
            open_list(path)
        assert refused.value.code == code
        assert str(path) in str(refused.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(content=st.binary(max_size=300) | st.binary(max_size=100).map(lambda tail: b"phone,commune\n" + tail))
def test_no_bytes_can_break_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "garbage.csv"
    path.write_bytes(content)
    try:
        listed = open_list(path)
        assert len(listed.digest) == 64
        list(listed.rows())
    except LoaError as error:
        assert str(error)


def workbook(path: Path, *sheets: list[list[object]], hidden: int | None = None) -> Path:
    book = xlsxwriter.Workbook(str(path))
    for number, rows in enumerate(sheets):
        sheet = book.add_worksheet(f"Trang {number + 1}")
        if number == hidden:
            sheet.hide()
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                if cell is not None:
                    sheet.write(at, column, cell)
    book.close()
    return path


def test_workbooks_are_known_by_what_they_are_and_numbers_lose_no_digit(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "list.csv",
        [
            ["tựa"],
            [],
            [None, "SĐT", "Xã", "Đồng ý"],
            [None, 900000001, "Mẫu Sơn", True],
            [],
            [None, "0900000002", 6541.0],
        ],
        [["ghi chú"]],
    )
    listed = open_list(path)
    assert listed.header_row == 3
    assert list(listed.rows()) == [
        Row(4, ["", "900000001", "Mẫu Sơn", "True"]),
        Row(5, ["", "", "", ""]),
        Row(6, ["", "0900000002", "6541", ""]),
    ]
    assert list(listed.rows()) == list(listed.rows())


def test_two_sheets_with_lists_are_not_chosen_between(tmp_path: Path) -> None:
    one = [["SĐT", "Xã"], ["0900000001", "Mẫu Sơn"]]
    with pytest.raises(LoaError) as refused:
        open_list(workbook(tmp_path / "a.xlsx", one, one))
    assert refused.value.code == "several-sheets"
    assert "Trang 2" in str(refused.value)
    assert open_list(workbook(tmp_path / "b.xlsx", one, one, hidden=1)).header_row == 1


def test_a_long_workbook_is_refused_with_the_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(tmp_path / "a.xlsx", [["SĐT", "Xã"], *[["0900000001", "x"]] * 4])
    monkeypatch.setattr(contact_workbook, "MOST_ROWS", 5)
    assert open_list(path)
    monkeypatch.setattr(contact_workbook, "MOST_ROWS", 4)
    with pytest.raises(LoaError) as refused:
        open_list(path)
    assert refused.value.code == "too-many-rows"
    assert "CSV" in str(refused.value)


def test_a_small_archive_cannot_unpack_into_a_flood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(tmp_path / "a.xlsx", [["SĐT", "Xã"]])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("flood", b"0" * 200_000)
    monkeypatch.setattr(contact_workbook, "_MOST_BYTES", 100_000)
    with pytest.raises(LoaError) as refused:
        open_list(path)
    assert refused.value.code == "too-many-rows"


def test_the_limit_is_said_as_people_write_numbers(tmp_path: Path) -> None:
    assert "200.000" in str(LoaError("contacts.too-many-rows", limit="200.000"))
    assert contact_workbook.MOST_ROWS == 200_000
