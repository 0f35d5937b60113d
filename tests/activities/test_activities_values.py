"""Counts, days, kinds and units as people type them and as Excel leaves them."""

import os
import unicodedata
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.content.activity_columns import column_title, count_column
from engine.content.activity_kinds import KINDS, MEASURES, kind_label, measure_label, measure_named, read_kind
from engine.content.activity_units import UNITS, read_unit, unit_label
from engine.content.activity_values import read_amount, read_count, read_days
from engine.errors import LoaError
from engine.text.accents import strip


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0), ("03", 3), ("286.0", 286), ("1.234", 1234), ("1,234", 1234), ("19.500", 19500), ("1 234", 1234),
        ("1\u00a0234", 1234), ("1\u202f234", 1234), ("1.234.567", 1234567), ("1.234,00", 1234), ("1,234.0", 1234),
        ("３００", 300), (" 300 ", 300), ("300 người", 300), ("1.300 nguoi tham du", 1300), ("", None), ("–", None),
        ("-", None), ("x", None),
    ],
)  # fmt: skip
def test_a_figure_is_read_as_another_number(text: str, count: int | None) -> None:
    assert read_count(text, "nguoi") == count


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("19.5", "not-whole-near"), ("1,5", "not-whole-near"), ("0.500", "not-whole"), ("1.2345", "not-whole"),
        ("-5", "negative"), ("−5", "negative"), ("(5)", "negative"), ("khoảng 300", "bad-count"),
        ("91/126", "bad-count"),
        ("1.23.456", "bad-count"), ("12.34.567", "bad-count"), ("300 tờ", "bad-count"), ("1e5", "bad-count"),
        ("1234567890", "bad-count"), ("1.234,567", "bad-count"),
    ],
)  # fmt: skip
def test_a_figure_nobody_can_be_sure_of_is_guessed(text: str, code: str) -> None:
    with pytest.raises(LoaError) as caught:
        read_count(text, "nguoi")
    assert caught.value.code == code


def test_the_mend_for_what_excel_made_of_a_point_names_the_number() -> None:
    with pytest.raises(LoaError, match=r"19\.500"):
        read_count("19.5")


def test_a_phone_number_in_a_shifted_column_is_repeated_in_the_sentence() -> None:
    with pytest.raises(LoaError) as caught:
        read_count("0912 345 678 Bà A")
    assert "912" not in str(caught.value)
    with pytest.raises(LoaError) as caught:
        read_kind("0912345678")
    assert "912" not in str(caught.value)


@given(st.integers(0, 999_999_999), st.sampled_from([".", ",", " ", "'", ""]))
def test_thousands_with_any_separator_change_the_number(count: int, separator: str) -> None:
    assert read_count(f"{count:,}".replace(",", separator)) == count


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("30/7/2027", "2027-07-30", ""), ("2027-07-30", "2027-07-30", ""), ("2027-07-30T00:00:00", "2027-07-30", ""),
        ("46598", "2027-07-30", ""), ("46598.0", "2027-07-30", ""), ("30-07-2027", "2027-07-30", ""),
        ("30.7.2027", "2027-07-30", ""), ("30/7/27", "2027-07-30", ""), ("Ngày 30/7/2027 08:30", "2027-07-30", ""),
        ("3/7/2027", "2027-07-03", ""), ("7/2027", "2027-07-01", "2027-07-31"),
        ("Tháng 2/2028", "2028-02-01", "2028-02-29"),
        ("tháng 7 năm 2027", "2027-07-01", "2027-07-31"), ("Quý III/2027", "2027-07-01", "2027-09-30"),
        ("Q4/2027", "2027-10-01", "2027-12-31"), ("2018", "2018-01-01", "2018-12-31"),
        ("Năm 2018", "2018-01-01", "2018-12-31"),
        ("1/7 - 30/9/2027", "2027-07-01", "2027-09-30"), ("15–16/7/2027", "2027-07-15", "2027-07-16"),
        ("Từ 01/7/2027 đến 30/9/2027", "2027-07-01", "2027-09-30"), ("20/12 - 5/1/2028", "2027-12-20", "2028-01-05"),
    ],
)  # fmt: skip
def test_a_day_is_read_as_another(text: str, start: str, end: str) -> None:
    for written in (text, unicodedata.normalize("NFD", text), strip(text), text.upper()):
        assert read_days(written) == (date.fromisoformat(start), date.fromisoformat(end or start))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("7/30/2027", "month-first"), ("31/2/2027", "no-such-day"), ("13/2027", "no-such-day"), ("30/7", "no-year"),
        ("1/7/1927", "odd-year"), ("1/7/2227", "odd-year"), ("sáng thứ hai", "bad-day"),
        ("9/2027 - 7/2027", "days-backwards"),
        ("12345", "bad-day"), ("0/7/2027", "no-such-day"), ("1/7 - 2/7 - 3/7/2027", "bad-day"),
    ],
)  # fmt: skip
def test_a_day_nobody_can_be_sure_of_is_guessed(text: str, code: str) -> None:
    with pytest.raises(LoaError) as caught:
        read_days(text)
    assert caught.value.code == code


@given(st.dates(date(2000, 1, 1), date(2100, 12, 31)))
def test_an_excel_serial_number_is_another_day(day: date) -> None:
    serial = (day - date(1899, 12, 30)).days
    assert read_days(str(serial)).start == day
    assert read_days(f"{day.day}/{day.month}/{day.year}") == (day, day)
    assert (date(1899, 12, 30) + timedelta(days=serial)) == day


@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_label_shown_to_people_is_not_understood_when_they_write_it(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "LOA_LANG", language)
    for kind in KINDS:
        label = kind_label(kind)
        for written in (kind, label, strip(label), unicodedata.normalize("NFD", label), label.upper()):
            assert read_kind(written) == kind
    for measure in MEASURES:
        for written in (measure, measure_label(measure), strip(measure_label(measure))):
            assert measure_named(written) == measure
        for side in ("planned", "done"):
            assert count_column(column_title(measure, side)) == (measure, side)
    for unit in UNITS:
        for written in (unit, unit_label(unit), strip(unit_label(unit))):
            assert read_unit(written) == unit


def test_two_kinds_or_measures_share_a_word() -> None:
    for words in ([(key, kind.words) for key, kind in KINDS.items()], list(MEASURES.items()), list(UNITS.items())):
        spoken = [word for _, its in words for word in its]
        assert sorted(spoken) == sorted(set(spoken))


def test_a_kind_is_counted_in_what_is_no_measure() -> None:
    assert {measure for kind in KINDS.values() for measure in kind.measures} == MEASURES.keys()


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("Đồn Biên phòng Nậm Cắn", "bien-phong"), ("Bộ đội Biên phòng tỉnh", "bien-phong"), ("Hội LHPN xã", "phu-nu"),
        ("Công an xã phối hợp Hội Phụ nữ", "cong-an"), ("Hội Phụ nữ Công an tỉnh", "phu-nu"), ("CA xã", "cong-an"),
        ("Liên đoàn Lao động", "cong-doan"), ("Trưởng thôn", "thon-ban"), ("Trường THPT Diêm Điền", "giao-duc"),
        ("UBMTTQ xã", "mat-tran"), ("Ủy ban nhân dân xã", "ubnd"), ("uy ban nhan dan xa", "ubnd"),
        ("BCĐ 138", "ban-chi-dao"),
    ],
)  # fmt: skip
def test_a_unit_is_counted_under_another_branch(text: str, unit: str) -> None:
    assert read_unit(text) == unit


@pytest.mark.parametrize("name", ["Nguyễn Văn Đài", "Lê Khắc Bảo", "Trần Thị Bảo"])
def test_a_persons_name_passes_as_a_unit_or_is_repeated(name: str) -> None:
    with pytest.raises(LoaError) as caught:
        read_unit(name)
    assert caught.value.code.startswith("unknown-unit") and name not in str(caught.value)


def test_a_count_on_the_command_line_needs_its_measure() -> None:
    assert read_amount("19.500 tờ") == (19500, "to")
    assert read_amount("2 cuộc") == (2, "cuoc")
    for text in ("300", "người", "300 con", "-3 cuộc"):
        with pytest.raises(LoaError):
            read_amount(text)
