"""Log lines: a number that slips through is somebody's; a masked run's name tells the operator nothing."""

import pytest

from engine.log import redact


@pytest.mark.parametrize(
    "kept",
    [
        "2027-07-16",
        "mo-dau-2027-07-16-1",
        "lang-son-30-7/mo-dau/2027-07-16",
        "lang-son-30-7-2027-07-16-1.csv",
        "run:lang-son-30-7/nhac/2027-07-16 missed",
    ],
)
def test_the_day_in_a_runs_name_is_no_number(kept: str) -> None:
    assert redact(kept) == kept


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("0912345678", "0912345678"),
        ("+84 912 345 678", "912"),
        ("091-234-56-78", "234"),
        ("09.12.34.56.78", "34"),
        ("2027-07-16 0912345678", "0912345678"),
        ("0912345678-2027-07-16", "0912345678"),
        ("2027-07-16-0912345678", "0912345678"),
        ("2033-11-23-45", "45"),  # a landline without its zero, in groups that look like a day
        ("24-2033-11-23", "24"),
        ("2-4-2033-11-23", "2-4"),
        ("84-9-2033-11-23", "84"),
        ("goi-84-9-2033-11-23", "84"),
        ("2027-13-16-1", "2027"),
        ("1987-07-16", "1987"),
        ("0205 3812 345", "3812"),
    ],
)
def test_whatever_else_could_be_called_is_masked(said: str, number: str) -> None:
    assert number not in redact(said)


def test_a_secret_beside_a_run_is_masked() -> None:
    assert redact("mo-dau-2027-07-16-1 token=abc") == "mo-dau-2027-07-16-1 token=[mật]"


def test_an_e_mail_address_is_masked() -> None:
    assert redact("550 <can.bo@xa.example>: no such user") == "550 <[thư]>: no such user"
