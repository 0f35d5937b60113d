"""Each mistake in a calendar is told at its own line and column, with the mend, in both languages."""

import pytest
from content_workspaces import FILES, Load, places

from engine.errors import Problem

CAMPAIGN = "campaigns/thu.yaml"
STEP = "    when: anchor - 14 days at 08:30\n"
LINE = FILES[CAMPAIGN].split("\n").index(STEP.rstrip("\n")) + 1  # of `when`


def written(when: str, *more: str, anchor: str = "30/7", period: str = "{from: 2027-07-01, to: 2027-09-30}") -> str:
    """The campaign with these lines for its step's calendar."""
    text = FILES[CAMPAIGN].replace(STEP, "".join(f"    {line}\n" for line in (f"when: {when}", *more)))
    text = text.replace("anchor: 30/7\n", f"anchor: {anchor}\n" if anchor else "# anchor:\n")
    return text.replace("{from: 2027-07-01, to: 2027-09-30}", period)


def told(found: list[Problem]) -> list[str]:
    return [f"{problem.line - LINE}:{problem.column} {problem.code}" for problem in found]


@pytest.mark.parametrize(
    ("lines", "expected", "mend"),
    [
        (["evry thursday at 19:00"], "0:11 bad-when", "“every thursday at 19:00”"),
        (["  thứ nămm hằng tuần lúc 19:00"], "0:13 bad-when", "“thứ năm hằng tuần lúc 19:00”"),
        (["sau lễ"], "0:11 bad-when", "hằng ngày lúc 17:00"),
        (['""'], "0:11 empty", "Hãy điền vào"),
        (["hằng ngày"], "0:11 when-without-time", "hằng ngày lúc 08:30"),
        (["every day at 25:00"], "0:11 bad-time", "00:00 đến 23:59"),
        (["every day at 08:00 and 17:00"], "0:11 two-times", "hai bước"),
        (["5 giờ chiều hằng ngày"], "0:11 twelve-hours", "17:00"),
        (["every month on 32 at 08:00"], "0:11 bad-month-day", "ngày cuối hằng tháng"),
        (["31/9 at 08:00"], "0:11 no-such-date", "31/9"),
        (["2027-02-29 08:00"], "0:11 no-such-date", "2027-02-29"),
        (["30/07/2207 08:00"], "0:11 year-out-of-range", "số năm"),
        (["30/6 at 08:00"], "0:11 day-missing", "01/07/2027 – 30/09/2027"),
        (["2027-10-01 08:00"], "0:11 outside-period", "01/10/2027"),
        (["anchor + 63 days at 08:00"], "0:11 outside-period", "01/10/2027"),
        (["every month on 31 at 08:00", "from: 1/9"], "0:11 never-due", "from, until, except"),
        (["30/7 at 08:00", "from: 1/7"], "1:5 recurring-only", "xóa mục này"),
        (["30/7 at 08:00", "except: [1/7]"], "1:5 recurring-only", "xóa mục này"),
        (["every day at 08:00", "from: mốc trừ 3 ngày"], "1:11 bad-moment", "mốc - 14 ngày"),
        (["every day at 08:00", "from: mốcc - 3 ngày"], "1:11 bad-moment", "“mốc - 3 ngày”"),
        (["every day at 08:00", "until: 30/6"], "1:12 day-missing", "Sửa ngày này hoặc period"),
        (["every day at 08:00", "from: 2/8", "until: 1/8"], "2:12 until-before-from", "02/08/2027"),
        (["every day at 08:00", "except: [30/7, 31/11]"], "1:20 no-such-date", "31/11"),
        (["every day at 08:00", "except:", "  - 30/7", "  - 29/2"], "3:9 day-missing", "29/2"),
    ],
)
def test_a_mistake_in_a_calendar_is_told_at_its_place_with_the_mend(
    loaded: Load, lines: list[str], expected: str, mend: str
) -> None:
    found = [problem for problem in loaded({CAMPAIGN: written(*lines)}).problems if problem.severity == "error"]
    assert told(found) == [expected]
    assert mend in found[0].message


def test_the_same_places_are_told_in_english(loaded: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded()
    monkeypatch.setenv("LOA_LANG", "en")
    (problem,) = loaded({CAMPAIGN: written("evry thursday at 19:00")}).problems
    assert problem.message == (
        "“evry thursday at 19:00” is not a schedule understood here; did you mean “every thursday at 19:00”?"
    )


def test_over_two_years_an_anchor_and_a_day_name_their_choices(loaded: Load) -> None:
    period = "{from: 2027-07-01, to: 2028-08-31}"
    found = loaded({CAMPAIGN: written("anchor - 14 days at 08:30", period=period)})
    (problem,) = found.problems
    assert (problem.line, problem.column, problem.code) == (6, 9, "anchor-twice")
    assert "30/07/2027, 30/07/2028" in problem.message
    found = loaded({CAMPAIGN: written("30/7 at 07:00", anchor="2027-07-30", period=period)})
    assert told(list(found.problems)) == ["0:11 day-twice"]
    found = loaded({CAMPAIGN: written("every day at 08:00", "except: 30/7", anchor="2027-07-30", period=period)})
    assert told(list(found.problems)) == ["1:13 day-twice"]
    assert places(loaded({CAMPAIGN: written("30/7/2028 at 08:00", anchor="30/07/2027", period=period)})) == []


def test_every_day_that_cannot_be_settled_is_told_at_once(loaded: Load) -> None:
    found = loaded({CAMPAIGN: written("every day at 08:00", "from: 30/6", "until: 1/10", "except: [2/7, 3/6]")})
    assert told(list(found.problems)) == ["1:11 day-missing", "2:12 day-missing", "3:19 day-missing"]


@pytest.mark.parametrize("anchor", ["29/2", "31/12"])
def test_an_anchor_outside_the_period_is_told_once_where_it_stands(loaded: Load, anchor: str) -> None:
    found = loaded({CAMPAIGN: written("anchor at 08:00", anchor=anchor)})
    assert [(problem.line, problem.column, problem.code) for problem in found.problems] == [(6, 9, "anchor-missing")]


def test_a_time_in_a_limit_is_not_passed_over_in_silence(loaded: Load) -> None:
    """Who writes `until: 30/7 07:00` beside `at 17:00` believes that nothing is sent on 30 July."""
    lines = ("every day at 17:00", "from: 1/7", "until: 30/7 07:00", "except: [2/7, 3/7 08:00]")
    found = loaded({CAMPAIGN: written(*lines)})
    assert told(list(found.problems)) == ["2:12 limit-has-time", "3:19 limit-has-time"]
    assert {problem.severity for problem in found.problems} == {"warning"} and found.workspace is not None
    assert "cả ngày" in found.problems[0].message


@pytest.mark.parametrize("period", ["{from: 9999-07-01, to: 9999-12-31}", "{from: 0001-01-01, to: 0001-12-31}"])
@pytest.mark.parametrize("when", ["every day at 08:00", "anchor + 9999 weeks at 08:00", "31/12 at 23:00"])
def test_a_year_at_the_edge_of_time_is_a_sentence_and_no_crash(loaded: Load, period: str, when: str) -> None:
    found = loaded({CAMPAIGN: written(when, period=period)})
    assert f"{CAMPAIGN}:5:16 year-out-of-range" in places(found, "error")


@pytest.mark.parametrize("zone", ["Asia/Bangkok", "UTC", "Asia/Saigon", "+07:00", "asia/ho_chi_minh"])
def test_another_timezone_is_refused_with_the_one_there_is(loaded: Load, zone: str) -> None:
    found = loaded({"loa.yaml": f"timezone: {zone}\n" + FILES["loa.yaml"]})
    (problem,) = [problem for problem in found.problems if problem.severity == "error"]
    assert (problem.line, problem.column, problem.code) == (1, 11, "bad-timezone")
    assert "timezone: Asia/Ho_Chi_Minh" in problem.message and zone in problem.message
    assert places(loaded({"loa.yaml": "timezone: Asia/Ho_Chi_Minh\n" + FILES["loa.yaml"]})) == []
