"""Who gets into the dashboard, for how long, and what a stranger on the network or in another tab can do."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import text
from web_visitor import NAME, PASSWORD, Web

from engine.clock import real
from engine.pipeline import dashboard_users
from engine.store import passwords, web_users
from engine.web import door
from engine.web.attempts import MOST, PER_ADDRESS, PER_USER, WINDOW, Attempts
from engine.web.dashboard import dashboard
from engine.web.visit import is_our_name, is_same_origin, open_without_password, way_back

PUBLIC = "https://loa.langson.example"
PAGES = (
    "/", "/campaigns", "/campaigns/thu", "/report", "/report/figure/delivered",
    "/report/file?campaign=thu&format=csv",
)  # fmt: skip
sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def audit(web: Web) -> list[tuple[str, str, str | None]]:
    """(action, subject, who) of the dashboard's lines in the log."""
    query = text("SELECT action, subject, who_sealed FROM audit ORDER BY id")
    with web.process.database.read() as connection:
        found = connection.execute(query).all()
    return [(action, subject, web.process.keyring.unseal(who) if who else None) for action, subject, who in found]


@sqlite_only
@pytest.mark.parametrize(("host", "peer"), [("evil.example", "127.0.0.1"), ("127.0.0.1:8138", "192.168.1.9")])
def test_without_a_password_a_page_is_shown_to_another_machine_or_under_a_name_turned_on_us(
    web: Web, host: str, peer: str
) -> None:
    assert web.ask("/").status == 200
    web.host, web.peer = host, peer
    for page in PAGES:
        assert web.ask(page).status in (403, 421)
        assert "Chiến dịch thử" not in web.ask(page).text


@sqlite_only
def test_a_proxy_before_the_receipts_shows_the_dashboard_to_everybody(web: Web) -> None:
    """A proxy on this machine calls as 127.0.0.1 with a loopback name; only the configuration tells it from us."""
    web.process.settings = replace(web.process.settings, public_url=PUBLIC)
    assert web.ask("/").status == 403
    dashboard_users.add(web.process, NAME, PASSWORD)
    assert web.ask("/").headers["location"] == "/login"


@pytest.mark.parametrize(
    ("public", "peer", "host", "allowed"),
    [
        (None, "127.0.0.1", "localhost", True), (None, "::1", "::1", True),
        (None, "127.0.0.1", "localhost.evil.example", False),
        (None, "10.0.0.5", "127.0.0.1", False), (None, "", "127.0.0.1", False),
        (PUBLIC, "127.0.0.1", "127.0.0.1", False),
        ("http://127.0.0.1:8138", "127.0.0.1", "127.0.0.1", True),
    ],
)  # fmt: skip
def test_the_rule_of_who_needs_no_password_is_wider_than_this_machine(
    public: str | None, peer: str, host: str, allowed: bool
) -> None:
    assert open_without_password(public, peer, host) is allowed


def test_a_name_of_somebody_elses_is_taken_for_ours() -> None:
    assert is_our_name("loa.langson.example", PUBLIC, ())
    assert is_our_name("192.168.1.4", None, ())
    assert is_our_name("may-chu", None, {"may-chu"})
    assert not is_our_name("evil.example", PUBLIC, {"may-chu"})
    assert not is_our_name("", PUBLIC, ())


@sqlite_only
def test_a_page_is_shown_before_a_login(guarded: Web) -> None:
    for page in PAGES:
        answer = guarded.ask(page)
        assert (answer.status, answer.body) == (303, b"")
        assert answer.headers["location"].startswith("/login")
    assert guarded.ask("/static/loa.css").status == 200
    for way in ("/static/../dashboard.py", "/static/%2e%2e/dashboard.py", "/static//etc/passwd"):
        assert guarded.ask(way).status == 404


def test_a_login_does_not_last_or_outlasts_a_logout(guarded: Web, another: Callable[[], Web]) -> None:
    """On both databases: the sessions are rows."""
    assert guarded.log_in(next="/report").headers["location"] == "/report"
    assert guarded.ask("/").status == 200
    thief = another()
    thief.cookies = dict(guarded.cookies)
    assert thief.ask("/").status == 200
    assert guarded.ask("/logout", {}).headers["location"] == "/login"
    assert guarded.ask("/").status == thief.ask("/").status == 303
    told = [(action, who) for action, _, who in audit(guarded)]
    assert told == [("add_user", NAME), ("login", NAME), ("logout", NAME)]


@sqlite_only
def test_a_session_outlives_its_hours_or_a_page_that_looks_again_keeps_it_alive(
    guarded: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded.log_in()
    began = real()

    def after(seconds: float, page: str = "/") -> int:
        monkeypatch.setattr(door, "real", lambda: began + seconds)
        return guarded.ask(page).status

    assert after(web_users.IDLE - 60) == 200
    assert after(2 * web_users.IDLE - 120, "/?live=1") == 200
    assert after(2 * web_users.IDLE) == 303  # looked at last by itself, not by a person
    guarded.log_in()
    monkeypatch.setattr(web_users, "IDLE", 10 * web_users.LONGEST)
    assert after(web_users.LONGEST - 60) == 200
    assert after(web_users.LONGEST + 60) == 303
    assert after(-3600) == 303  # a clock that was ahead when it opened


@sqlite_only
def test_another_password_or_a_removal_leaves_old_sessions_open(guarded: Web, another: Callable[[], Web]) -> None:
    guarded.log_in()
    dashboard_users.change(guarded.process, NAME.upper(), "một câu khác hẳn, cũng rất dài")
    assert guarded.ask("/").status == 303
    assert guarded.log_in().status == 401
    dashboard_users.add(guarded.process, "Trần Văn Hai", PASSWORD)
    second = another()
    second.log_in("trần văn hai")
    dashboard_users.remove(guarded.process, "Trần Văn Hai")
    assert second.ask("/").status == 303


@sqlite_only
def test_a_cookie_can_be_read_by_a_script_or_goes_over_plain_http(guarded: Web) -> None:
    (cookie,) = guarded.log_in().cookies
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    guarded.process.settings = replace(guarded.process.settings, public_url=PUBLIC)
    (cookie,) = guarded.log_in().cookies
    assert cookie.startswith("__Host-loa=")
    assert "Secure" in cookie
    token = cookie.partition("=")[2].partition(";")[0]
    with guarded.process.database.read() as connection:
        kept = connection.execute(text("SELECT token_hash FROM web_session")).scalars().all()
    assert token.encode() not in kept


@sqlite_only
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example", "sec_fetch_site": "cross-site"},
        {"origin": "http://127.0.0.1:9000", "sec_fetch_site": "same-site"},
        {"origin": "null", "sec_fetch_site": ""},
        {"origin": "", "sec_fetch_site": ""},
    ],
)
def test_a_form_of_another_page_logs_somebody_in_or_out(guarded: Web, headers: dict[str, str]) -> None:
    guarded.log_in()
    assert guarded.ask("/logout", {}, **headers).status == 403
    assert guarded.ask("/").status == 200
    assert guarded.ask("/login", {"name": NAME, "password": PASSWORD}, **headers).status == 403
    assert guarded.ask("/logout").status == 405  # a picture's address must not log anybody out


def test_a_form_behind_a_proxy_that_changes_the_name_is_refused() -> None:
    assert is_same_origin({"origin": PUBLIC, "host": "127.0.0.1:8138"}, PUBLIC)
    assert not is_same_origin({"origin": f"{PUBLIC}.evil.example", "host": "127.0.0.1:8138"}, PUBLIC)


@sqlite_only
def test_every_page_lacks_what_keeps_strangers_code_and_caches_out(guarded: Web) -> None:
    guarded.log_in()
    for page in (*PAGES, "/login", "/nowhere", "/static/loa.css"):
        headers = guarded.ask(page).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == ("no-cache" if "static" in page else "no-store")
    assert not re.search(r"<script|\sstyle=|\son\w+=|https?://", "".join(guarded.ask(page).text for page in PAGES[:5]))


@sqlite_only
def test_passwords_can_be_tried_for_ever_and_what_was_typed_is_kept(guarded: Web) -> None:
    for _ in range(PER_USER):
        assert guarded.log_in(password="sai mật khẩu rồi nhé").status == 401
    assert guarded.log_in().status == 429  # even the right one: whoever guesses does not learn which it is
    assert guarded.log_in().status == 429
    guarded.log_in("mật-khẩu-gõ-nhầm-vào-ô-tên", "x")
    lines = audit(guarded)[1:]
    assert [action for action, _, _ in lines] == ["login_failed"] * PER_USER + ["login_refused", "login_failed"]
    assert lines[-1] == ("login_failed", "dashboard", None)
    assert NAME not in str([subject for _, subject, _ in lines])


@sqlite_only
def test_a_name_that_nobody_has_is_answered_faster_or_otherwise(guarded: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes the time is one computation; it is made for strangers too."""
    asked: list[str] = []
    real_one = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda encoded, word: asked.append(encoded) or real_one(encoded, word))
    known, unknown = guarded.log_in(password="không đúng đâu nhé"), guarded.log_in("Ai Đó", "không đúng đâu nhé")
    assert len(asked) == 2
    assert [one.split("$")[1:4] for one in asked] == [asked[0].split("$")[1:4]] * 2
    assert known.text.replace(NAME, "") == unknown.text.replace("Ai Đó", "")


def test_a_window_of_attempts_never_ends_or_never_begins() -> None:
    attempts = Attempts()
    assert [attempts.begin("a", "1", now) for now in range(PER_USER)] == ["go"] * PER_USER
    assert [attempts.begin("a", "2", 10.0) for _ in range(2)] == ["too-many", "still-too-many"]
    assert attempts.begin("b", "1", 10.0) == "go"
    assert attempts.begin("a", "1", WINDOW + PER_USER) == "go"
    many = [attempts.begin(f"u{n}", "9", 10.0) for n in range(PER_ADDRESS + 1)]
    assert many == ["go"] * PER_ADDRESS + ["too-many"]
    for n in range(MOST + 50):  # strangers from everywhere do not fill the memory
        attempts.begin(f"x{n}", f"{n}", 20.0)
    assert len(attempts._at) <= MOST + 2


def test_a_login_leads_out_of_the_dashboard() -> None:
    assert way_back("/report?by=step") == "/report?by=step"
    for way in ("https://evil.example", "//evil.example", "/\\evil.example", "/login?next=/", "", None, "/a\nb"):
        assert way_back(way) == "/"


@sqlite_only
def test_a_form_too_large_or_no_form_at_all_breaks_the_login(guarded: Web) -> None:
    assert guarded.ask("/login", {"name": "x" * 20_000, "password": "y"}).status == 401
    assert guarded.ask("/", method="DELETE").status == 405


def test_passwords_are_hashed_more_cheaply_than_the_recommendation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    encoded = passwords.encode(PASSWORD)
    assert encoded.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.matches(encoded, PASSWORD)
    assert not passwords.matches(encoded, PASSWORD + " ")
    assert not passwords.matches("nonsense", PASSWORD)


@sqlite_only
def test_what_breaks_in_a_page_is_shown_or_stops_the_server(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.web import campaign_pages

    def broken(*_: object) -> None:
        raise RuntimeError("0912345678 bí mật")

    monkeypatch.setattr(campaign_pages.history, "history", broken)
    answer = dashboard_answer(web)
    assert answer.status == 500
    assert "bí mật" not in answer.text


def dashboard_answer(web: Web) -> object:
    web.app = dashboard(web.process)
    return web.ask("/campaigns/thu")
