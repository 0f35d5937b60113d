"""What changed, line by line: nothing that matters is left out, and no secret is kept."""

import pytest

from engine.content.changes import LONGEST_LINE, WHOLE_FILE, told, without_secrets
from engine.content.snapshot import Difference

CAMPAIGN = "campaigns/thu.yaml"
WHEN = [Difference("campaign.steps.mot.when", "08:30", "09:30")]


def lines(before: str, after: str, file: str = CAMPAIGN, root: str = "campaign.x") -> list[tuple[str, ...]]:
    found = told({file: before}, {file: after}, [Difference(root, "a", "b")])
    return [tuple(one) for one in found]


def test_a_line_says_where_it_is_now_and_what_it_was() -> None:
    before = "title: Một\nsteps:\n  - id: mot\n    when: 08:30\n"
    after = "title: Một\n# ghi chú mới\n\nsteps:\n  - id: mot\n    when: 09:30\n    late: 1 hour\n"
    assert lines(before, after) == [
        (f"{CAMPAIGN}:6", "when: 08:30", "when: 09:30"),
        (f"{CAMPAIGN}:7", None, "late: 1 hour"),
    ]
    assert lines(after, before) == [
        (f"{CAMPAIGN}:4", "when: 09:30", "when: 08:30"),
        (f"{CAMPAIGN}:7", "late: 1 hour", None),
    ]


def test_comments_line_ends_and_forms_of_letters_are_no_changes() -> None:
    before = "title: Tiê\u0301ng\r\n# cũ\r\nowner: A\r\n"
    assert lines(before, "\ufefftitle: Tiếng\n\n# mới\nowner: A\n") == [("campaign.x", "a", "b")]


def test_an_indentation_is_a_change() -> None:
    assert lines("a:\n  b: 1\n", "a:\nb: 1\n") == [(f"{CAMPAIGN}:2", "b: 1", "b: 1")]


def test_a_hash_in_a_message_is_words() -> None:
    file = "messages/tin/sms.vi.j2"
    assert lines("# Một\n", "# Hai\n", file, "messages.tin") == [(f"{file}:1", "# Một", "# Hai")]


def test_files_that_decide_nothing_that_differs_are_left_out() -> None:
    before = {CAMPAIGN: "a: 1\n", "loa.yaml": "alerts: []\n"}
    after = {CAMPAIGN: "a: 2\n", "loa.yaml": "alerts: [x]\n"}
    assert [one.path for one in told(before, after, WHEN)] == [f"{CAMPAIGN}:1"]


def test_what_no_line_explains_is_told_as_it_is() -> None:
    tables = Difference("area_table", "1", "2")
    found = told({CAMPAIGN: "a: 1\n"}, {CAMPAIGN: "a: 2\n"}, [*WHEN, tables])
    assert [one.path for one in found] == [f"{CAMPAIGN}:1", "area_table"]
    assert told({}, {}, WHEN) == WHEN


def test_new_files_and_files_that_are_gone_are_one_line() -> None:
    old, new = "messages/tin/sms.vi.j2", "messages/tin/sms.tyz.j2"
    found = told({old: "Một\nHai\n"}, {new: "Ba\n"}, [Difference("messages.tin", "a", "b")])
    assert [tuple(one) for one in found] == [(new, None, WHOLE_FILE), (old, WHOLE_FILE, None)]


def test_a_long_line_is_cut() -> None:
    [(_, before, after)] = lines("a: " + "x" * 900, "b: 1")
    assert len(str(before)) == LONGEST_LINE + 1
    assert after == "b: 1"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("token: bi-mat", "token: …"),
        ('    auth_token: "bi, mat" # x', "    auth_token: … # x"),
        ("  a: {provider: twilio, token: bi-mat, rate: 5/s}", "  a: {provider: twilio, token: …, rate: 5/s}"),
        ("  a: {'api_key': 'x,y', rate: 5/s}", "  a: {'api_key': …, rate: 5/s}"),
        ('token: "${TWILIO_AUTH_TOKEN}"', 'token: "${TWILIO_AUTH_TOKEN}"'),
        ("password: ${MAT_KHAU}", "password: ${MAT_KHAU}"),
    ],
)
def test_a_secret_that_somebody_wrote_out_is_not_kept(written: str, kept: str) -> None:
    assert without_secrets(f"x: 1\n{written}\ny: 2\n") == f"x: 1\n{kept}\ny: 2\n"
