"""The grammar of when: English and Vietnamese forms, with or without accents, are one."""

import unicodedata
from datetime import datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.content.when import LAST, Day, Moment, When, read_instant
from engine.errors import LoaError

SAME = [
    ("anchor - 14 days at 08:30", "mốc - 14 ngày lúc 08:30", "mốc trước 14 ngày lúc 8h30", "anchor − 2 weeks at 08:30"),
    ("14 days before anchor at 08:30", "14 ngày trước mốc lúc 08:30", "ANCHOR -14 DAYS AT 8:30"),
    ("anchor + 4 days at 17:00", "mốc + 4 ngày lúc 17:00", "4 ngày sau mốc vào lúc 17:00"),
    ("anchor at 07:00", "mốc lúc 07:00", "anchor 07:00"),
    ("2027-07-16 08:30", "16/07/2027 08:30", "16/7/2027 lúc 8:30", "2027-07-16T08:30", "2027-07-16 at 08:30"),
    (
        "08:30 ngày 16/7/2027",
        "8h30 16/07/2027",
        "lúc 8 giờ 30 ngày 16/7/2027",
        "16/7/2027 8 giờ 30",
        "08:30 2027-07-16",
    ),
    ("30/7 at 07:00", "30/7 lúc 07:00", "ngày 30/7 lúc 7 giờ 00", "30/07 07:00", "7 giờ ngày 30/7", "07:00, ngày 30/7"),
    ("every day at 17:00", "hằng ngày lúc 17:00", "hàng ngày lúc 17h", "mỗi ngày lúc 17:00", "hang ngay luc 17:00"),
    ("every 1 day at 17:00", "17:00 hằng ngày", "lúc 17h hằng ngày", "at 17:00 every day"),
    ("every 3 days at 17:00", "mỗi 3 ngày lúc 17:00", "3 ngày một lần lúc 17:00"),
    (
        "every thursday at 19:00",
        "thứ năm hằng tuần lúc 19:00",
        "thứ 5 hàng tuần lúc 19:00",
        "thu nam hang tuan luc 19:00",
    ),
    ("every week on thursday at 19:00", "hằng tuần vào thứ năm lúc 19:00", "every thursday 19:00"),
    ("every sunday at 09:00", "chủ nhật hằng tuần lúc 09:00", "CHU NHAT MOI TUAN LUC 9:00"),
    ("mỗi thứ năm lúc 19:00", "19:00 thứ năm hằng tuần", "every thursday at 19:00"),
    (
        "every monday, wednesday and friday at 08:00",
        "thứ 2, 4, 6 hằng tuần lúc 8h",
        "thứ hai, tư và sáu hằng tuần lúc 08:00",
    ),
    ("every monday and thursday at 19:00", "thứ hai và thứ năm hằng tuần lúc 19:00", "every thursday, monday at 19:00"),
    (
        "every 2 weeks on monday at 19:00",
        "mỗi 2 tuần vào thứ hai lúc 19:00",
        "2 tuần một lần vào thứ hai lúc 19:00",
        "thứ hai mỗi 2 tuần lúc 19:00",
    ),
    (
        "every month on 15 at 08:00",
        "ngày 15 hằng tháng lúc 08:00",
        "hằng tháng vào ngày 15 lúc 8h",
        "every month on the 15th at 08:00",
        "vào ngày 15 của mỗi tháng lúc 08:00",
    ),
    (
        "every month on the last day at 08:00",
        "ngày cuối hằng tháng lúc 08:00",
        "ngày cuối cùng của mỗi tháng lúc 08:00",
    ),
]


def meaning(text: str) -> dict[str, object]:
    """What a text means, whatever its letters."""

    def bare(value: object) -> object:
        if isinstance(value, dict):
            return {key: bare(part) for key, part in value.items() if key != "text"}
        return value

    found = bare(When.model_validate(text).model_dump())
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("forms", SAME, ids=lambda forms: forms[0])
def test_all_forms_of_one_schedule_mean_the_same(forms: tuple[str, ...]) -> None:
    meant = [meaning(form) for form in forms]
    assert all(one == meant[0] for one in meant)


@given(st.sampled_from([form for forms in SAME for form in forms]), st.sampled_from(["NFC", "NFD"]), st.booleans())
def test_letter_form_and_case_never_change_a_schedule(text: str, form: str, upper: bool) -> None:
    changed = unicodedata.normalize(form, text.upper() if upper and "T08" not in text else text)  # type: ignore[arg-type]
    assert meaning(changed) == meaning(text)


def test_what_the_forms_mean() -> None:
    before = When.model_validate("mốc - 2 tuần lúc 08:30")
    assert before.moment is not None and before.moment.from_anchor and before.at == time(8, 30)
    assert before.moment.offset == timedelta(days=-14)
    weekly = When.model_validate("thứ hai và chủ nhật hằng tuần lúc 19:00").recurrence
    assert weekly is not None and (weekly.unit, weekly.every, weekly.weekdays) == ("week", 1, (0, 6))
    monthly = When.model_validate("ngày cuối hằng tháng lúc 08:00").recurrence
    assert monthly is not None and monthly.day == LAST


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("anchor - 14 days", "when-without-time"),
        ("hằng ngày", "when-without-time"),
        ("2027-07-16", "when-without-time"),
        ("30/7", "when-without-time"),
        ("", "bad-when"),
        ("soon", "bad-when"),
        ("every fortnight at 08:00", "bad-when"),
        ("every 0 days at 08:00", "bad-when"),
        ("thứ tám hằng tuần lúc 19:00", "bad-when"),
        ("anchor - 14 hours at 08:30", "bad-when"),
        ("every day at 25:00", "bad-time"),
        ("every month on 32 at 08:00", "bad-month-day"),
        ("every month on 0 at 08:00", "bad-month-day"),
        ("30/2 at 08:00", "no-such-date"),
        ("2027-02-29 08:00", "no-such-date"),
        ("anchor - 14 days at 24:00", "bad-time"),
        ("every day at 17:00 and 19:00", "two-times"),
        ("lúc 8 giờ và 17 giờ hằng ngày", "two-times"),
        ("every day at 5pm", "twelve-hours"),
        ("hằng ngày lúc 5 giờ chiều", "twelve-hours"),
        ("8 giờ sáng 30/7", "twelve-hours"),
        ("30/7/27 at 08:00", "bad-date"),
        ("31/4 at 08:00", "no-such-date"),
        ("9999-12-31 at 08:00", "year-out-of-range"),
        ("30/07/2720 lúc 08:00", "year-out-of-range"),
    ],
)
def test_a_schedule_not_understood_says_which_kind_of_wrong(text: str, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        When.model_validate(text)
    error = caught.value.errors()[0]["ctx"]["error"]
    assert error.code == code
    assert str(error)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("evry thursday at 19:00", "every thursday at 19:00"),
        ("every thrusday at 19:00", "every thursday at 19:00"),
        ("every 2 weks on mondy at 19:00", "every 2 weeks on monday at 19:00"),
        ("hàg tuần vào thứ năm lúc 19:00", "hằng tuần vào thứ năm lúc 19:00"),
        ("mốcc - 14 ngày lúc 08:30", "mốc - 14 ngày lúc 08:30"),
        ("ngày 15 hằng thág lúc 08:00", "ngày 15 hằng tháng lúc 08:00"),
    ],
)
def test_a_slip_of_the_pen_is_answered_with_what_was_meant(text: str, meant: str) -> None:
    with pytest.raises(ValidationError) as caught:
        When.model_validate(text)
    error = caught.value.errors()[0]["ctx"]["error"]
    assert error.code == "bad-when-near" and error.values["near"] == meant
    assert When.model_validate(meant)


@pytest.mark.parametrize("text", ["thứ tám hằng tuần lúc 19:00", "every fortnight at 08:00", "evry 0 days at 08:00"])
def test_a_guess_that_might_name_a_wrong_day_is_not_made(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        When.model_validate(text)
    assert caught.value.errors()[0]["ctx"]["error"].code == "bad-when"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2027-07-16T08:30+07:00", "2027-07-16T01:30:00+00:00"),
        ("2027-07-16 08:30", "2027-07-16T01:30:00+00:00"),
        ("16/07/2027 08:30", "2027-07-16T01:30:00+00:00"),
        ("8 giờ 30 ngày 16/7/2027", "2027-07-16T01:30:00+00:00"),
        ("16/07/2027", "2027-07-15T17:00:00+00:00"),
    ],
)
def test_an_instant_is_typed_as_people_here_write_it(text: str, instant: str) -> None:
    assert read_instant(text) == datetime.fromisoformat(instant)


@pytest.mark.parametrize(
    "text", ["hôm qua", "30/7 08:00", "mốc lúc 08:00", "hằng ngày lúc 08:00", "31/02/2027 08:00", ""]
)
def test_an_instant_that_is_none_is_one_sentence(text: str) -> None:
    with pytest.raises(LoaError) as caught:
        read_instant(text)
    assert caught.value.code == "bad-instant" and "2027-07-16 08:30" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["anchor", "mốc", "anchor - 21 days", "2027-07-01", "01/07/2027", "30/7", "30/7 08:00"]
)
def test_limits_need_no_time(text: str) -> None:
    assert Moment.model_validate(text).text == text


@pytest.mark.parametrize("text", ["every day", "mai", "anchor - x days", "1/2/3/4"])
def test_a_limit_must_be_a_day(text: str) -> None:
    with pytest.raises(ValidationError):
        Moment.model_validate(text)


def test_a_leap_day_may_be_an_anchor_but_30_february_never() -> None:
    assert Day.model_validate("29/2").month == 2
    with pytest.raises(ValidationError):
        Day.model_validate("30/2")


@given(st.text(max_size=40))
def test_no_text_breaks_the_grammar(text: str) -> None:
    for model in (When, Moment, Day):
        try:
            model.model_validate(text)
        except ValidationError as error:
            assert str(error.errors()[0]["ctx"]["error"])


@given(st.sampled_from([form for forms in SAME for form in forms]))
def test_a_schedule_survives_json(text: str) -> None:
    when = When.model_validate(text)
    assert When.model_validate_json(when.model_dump_json()) == when
