"""``loa users``, and ``loa run --host``: the dashboard is never open to a network without a password."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from engine.cli import loa
from engine.errors import LoaError
from engine.pipeline.process import Process
from engine.store import passwords

GOOD = "con đường về bản mùa lúa chín"
Call = Callable[..., tuple[int, str]]
sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def call(prepared: Process) -> Call:
    """Calls ``loa …``: (exit code, what it said)."""

    def called(*arguments: str, stdin: str = "") -> tuple[int, str]:
        ran = CliRunner().invoke(loa, arguments, input=stdin)
        said = ran.output + (str(ran.exception) if isinstance(ran.exception, LoaError) else "")
        return (1 if ran.exception else 0), said

    return called


def test_a_user_cannot_be_added_changed_seen_or_removed(call: Call) -> None:
    """On both databases."""
    assert call("users", "add", "Nguyễn  Thị Mẫu", "--password-stdin", stdin=f"{GOOD}\n")[0] == 0
    assert call("users", "add", "nguyễn thị mẫu", "--password-stdin", stdin=f"{GOOD}\n")[0] == 1
    assert call("users", "add", "Hai", stdin=f"{GOOD}\n{GOOD}\n")[0] == 0
    assert call("users", "password", "hai", stdin=f"{GOOD} mới\n{GOOD} mới\n")[0] == 0
    listed = json.loads(call("users", "list", "--json")[1])["users"]
    assert [one["name"] for one in listed] == ["Hai", "Nguyễn Thị Mẫu"]
    assert call("users", "remove", "Ba")[0] == 1
    assert [call("users", "remove", name)[0] for name in ("Hai", "Nguyễn Thị Mẫu")] == [0, 0]
    assert "Chưa có ai" in call("users", "list")[1]


@sqlite_only
def test_a_password_is_shown_or_typed_wrong_unnoticed(call: Call) -> None:
    code, said = call("users", "add", "Hai", stdin=f"{GOOD}\n{GOOD}x\n")
    assert code == 1
    assert "không giống nhau" in said
    assert GOOD not in said
    assert call("users", "add", "Hai", "--password-stdin", stdin="")[0] == 1
    assert "Chưa có ai" in call("users", "list")[1]


@sqlite_only
@pytest.mark.parametrize("name", ["", "x" * 61, "Hai 0912345678", "a\tb\x07"])
def test_a_name_hides_a_number_or_is_none(call: Call, name: str) -> None:
    assert call("users", "add", name, "--password-stdin", stdin=f"{GOOD}\n")[0] == 1


@pytest.mark.parametrize(
    "password",
    ["ngắn quá", "123456789012", "matkhau123456", "Password2027!", "langson138138", "aaaaaaaaaaaaaa",
     "nguyenvanhai1990", "matkhauloa2027", "x" * 201],
)  # fmt: skip
def test_a_password_that_everybody_tries_first_is_taken(password: str) -> None:
    with pytest.raises(LoaError):
        passwords.refuse_weak(password, "nguyenvanhai")


@pytest.mark.parametrize("password", [GOOD, "correct horse battery", "Tr0ng-rung-co-suoi"])
def test_a_good_password_is_refused(password: str) -> None:
    passwords.refuse_weak(password, "Hai")


@sqlite_only
def test_the_web_side_opens_to_the_network_without_a_password(call: Call, prepared: Process) -> None:
    import scheduler

    everywhere = ("0.0.0.0", "::", "192.168.1.4", "may-chu")  # noqa: S104
    for host in everywhere:
        assert "loa users add" in call("run", "--host", host)[1]
    for host in ("127.0.0.1", "::1", "localhost"):
        scheduler._refuse_open_door(prepared, host)
    call("users", "add", "Hai", "--password-stdin", stdin=f"{GOOD}\n")
    for host in everywhere:
        scheduler._refuse_open_door(prepared, host)
