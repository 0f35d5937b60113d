"""A number read wrongly is a message to a stranger; a good number refused is a person not warned."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import LoaError
from engine.text import phone
from engine.text.phone import CHANGED_2018, Phone, PhoneError, mask, parse, parse_hotline

GOOD = "+84900000123"


def is_mobile(e164: str) -> bool:
    number = phonenumbers.parse(e164, None)
    return (
        phonenumbers.is_valid_number_for_region(number, "VN")
        and phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
    )


@pytest.mark.parametrize(
    "written",
    [
        "0900000123",
        "84900000123",
        "+84900000123",
        "0084900000123",
        "900000123",  # Excel dropped the zero
        "900000123.0",  # and made it a float
        "900000123,0",
        "84900000123.0",
        "9.00000123E8",
        "9.00000123E+08",
        "9,00000123E+08",
        "8.4900000123E+10",
        " 0900 000 123 ",
        "0900.000.123",
        "0900-000-123",
        "0900\u2013000\u2011123",
        "090/0000123",
        "0900,000,123",
        "(+84) 90-0000123",
        "(+84) 0900 000 123",
        "+84 (0) 900 000 123",
        "+84 - 900000123",
        "84.0900000123",
        "0084 0900000123",
        "'0900000123",
        "‘0900000123",
        '"0900000123"',
        "０９０００００１２３",
        "（＋８４）９０００００１２３",
        "0900\u00a0000\u202f123",
        "\u200b0900000123\ufeff",
        "\u202a0900000123\u202c",  # copied from a chat or a contact card
        "0900000123\r\n",
        "ĐT: 0900000123",
        "SĐT 0900 000 123",
        "số điện thoại: 0900000123",
        "Tel. +84 900 000 123",
        "+0900000123",
    ],
)
def test_every_usual_way_of_writing_one_number(written: str) -> None:
    assert parse(written).e164 == GOOD


@pytest.mark.parametrize(("old", "new"), CHANGED_2018.items())
@pytest.mark.parametrize("before", ["0", "", "84", "+84", "0084", "+84 0"])
def test_numbers_changed_in_2018_are_converted(old: str, new: str, before: str) -> None:
    assert parse(f"{before}{old}0000123").e164 == f"+84{new}0000123"


def test_nine_digits_that_begin_with_84_are_a_number_without_its_zero() -> None:
    assert parse("841000123") == parse("841 000 123") == parse("0841000123") == Phone("+84841000123")


def test_the_table_of_2018_is_complete_and_ends_in_prefixes_in_use() -> None:
    tens = {str(prefix) for prefix in (*range(120, 130), *range(162, 170))}
    assert set(CHANGED_2018) == tens | {"186", "188", "199"}
    assert all(is_mobile(f"+84{new}8000123") for new in CHANGED_2018.values())


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "empty"),
        (" \u200b\u00a0 ", "empty"),
        ("không có", "letters"),
        ("0900000123 (chị hàng xóm)", "letters"),
        ("0900000xxx", "letters"),
        ("---", "letters"),
        ("0900+000123", "letters"),
        ("٠٩٠٠٠٠٠١٢٣", "letters"),  # Arabic digits: nobody here types them on purpose
        ("O900000123", "letter-zero"),
        ("o9OO OOO 123", "letter-zero"),
        ("09О0000123", "letter-zero"),  # a Cyrillic one
        ("0900000123/0900000124", "two-numbers"),
        ("0900000123; 0900000124", "two-numbers"),
        ("0900000123 - 0900000124", "two-numbers"),
        ("0900000123-0900000124", "two-numbers"),
        ("0900 000 123 0900 000 124", "two-numbers"),
        ("0900000123\n0900000124", "two-numbers"),
        ("0900000123 hoặc 0900000124", "two-numbers"),
        ("+84900000123, +84900000124", "two-numbers"),
        ("0900000123/24", "two-numbers"),
        ("0900000123, 02053000123", "two-numbers"),
        ("9.00E+08", "scientific"),
        ("9,0000012E+08", "scientific"),
        ("9E8", "scientific"),
        ("02053000123", "landline"),
        ("0205 3000 123", "landline"),
        ("2053000123", "landline"),
        ("+84 24 3000 0123", "landline"),
        ("0253000123", "landline"),  # an area code of before 2017
        ("0692000123", "landline"),
        ("18001567", "service"),
        ("1900 0000", "service"),
        ("1900000123", "service"),
        ("111", "short-number"),
        ("113", "short-number"),
        ("1022", "short-number"),
        ("+8562000000123", "foreign"),
        ("0085620000123", "foreign"),
        ("+1 202 555 0100", "foreign"),
        ("0520000123", "prefix"),
        ("+84 550000123", "prefix"),
        ("01600000123", "prefix"),
        ("0140000123", "prefix"),  # numbers of machines, which the library counts as mobile
        ("01600001230", "prefix"),
        ("0000000000", "prefix"),
        ("0400000123", "prefix"),
        ("090000012", "too-short"),
        ("0900", "too-short"),
        ("0", "too-short"),
        ("09000001234", "too-long"),
        ("8490000012345", "too-long"),
    ],
)
def test_what_is_no_mobile_number_is_refused_with_its_reason(written: str, code: str) -> None:
    with pytest.raises(PhoneError) as refused:
        parse(written)
    assert refused.value.code == code


@pytest.mark.parametrize("language", ["vi", "en"])
def test_no_sentence_repeats_the_number(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOA_LANG", language)
    for written in ("", "0900000xxx", "O900000123", "0900000123/24", "9E8", "02053000123", "18001567", "111"):
        with pytest.raises(LoaError) as refused:
            parse(written)
        assert "0000" not in str(refused.value)
    for written in ("+8562000000123", "0520000123", "090000012", "09000001234"):
        with pytest.raises(LoaError) as refused:
            parse(written)
        assert "0000" not in str(refused.value)


@given(st.from_regex(r"(0|84|\+84|0084)?[0-9]{9,10}", fullmatch=True))
def test_nothing_passes_that_the_library_refuses(written: str) -> None:
    try:
        found = parse(written)
    except PhoneError:
        return
    assert is_mobile(found.e164)


def test_every_mobile_prefix_of_the_library_passes_and_no_other() -> None:
    for prefix in range(300, 1000):
        e164 = f"+84{prefix}000123"
        accepted = True
        try:
            parse("0" + e164[3:])
        except PhoneError:
            accepted = False
        assert accepted == (prefix // 100 in (3, 5, 7, 8, 9) and is_mobile(e164)), prefix


@given(
    st.text(st.sampled_from("0123456789+- .()/,;OoE\n\u00a0\u200bđt８") | st.characters(codec=None, categories=None))
)
def test_no_cell_can_break_it(written: str) -> None:
    try:
        found = parse(written)
    except PhoneError as error:
        assert str(error)
    else:
        assert is_mobile(found.e164)
        assert parse(found.e164) == found


def test_a_phone_refuses_nonsense_and_does_not_print_itself() -> None:
    for nonsense in ("0900000123", "+84", "+841900000123", "+8490000012３", "+84900000123\n"):
        with pytest.raises(ValueError, match=r"E\.164"):
            Phone(nonsense)
    assert "0000" not in repr(Phone(GOOD)) + str(Phone(GOOD))
    assert Phone(GOOD).prefix == "090"


def test_a_masked_number_shows_three_digits_of_nine() -> None:
    assert mask(GOOD) == "+84••••••123"


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("111", "111"),
        ("113", "113"),
        ("1022", "1022"),
        ("1800 1567", "18001567"),
        ("1900.0000", "19000000"),
        ("0205 3000 123", "02053000123"),
        ("+84 205 3000 123", "02053000123"),
        ("0900 000 123", "0900000123"),
        ("(+84) 900 000 123", "0900000123"),
        ("0692.000.123", "0692000123"),
        ("ĐT: 113", "113"),
    ],
)
def test_hotlines_are_given_as_dialled(written: str, dialled: str) -> None:
    assert parse_hotline(written) == dialled


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "empty"),
        ("11", "hotline"),
        ("1234", "hotline"),
        ("211", "hotline"),
        ("1800", "hotline"),
        ("0520000123", "hotline"),
        ("02990000", "hotline"),
        ("111/113", "hotline"),
        ("0900000123/0900000124", "two-numbers"),
        ("gọi 113", "letters"),
        ("+1 202 555 0100", "foreign"),
    ],
)
def test_what_nobody_could_dial_is_no_hotline(written: str, code: str) -> None:
    with pytest.raises(PhoneError) as refused:
        parse_hotline(written)
    assert refused.value.code == code


def test_the_fast_path_reads_the_library_s_own_pattern() -> None:
    assert phone._library_pattern("mobile") in phone._WELL_FORMED.pattern
