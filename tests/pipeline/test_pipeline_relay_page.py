"""The page behind a relay's link: a look confirms nothing, a stranger learns nothing, rubbish breaks nothing."""

import http.client
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from pipeline_relays import relays, tokens
from pipeline_road import Road, on_one_database
from pipeline_web import Web, serve

from engine.pipeline.relay_link import TOKEN_LENGTH, hash_of
from engine.store import broadcasts

FORM = {"content-type": "application/x-www-form-urlencoded"}
READ = {"times": "2", "day": "2027-07-16", "hour": "17:05"}
pytestmark = on_one_database
STAND_IN = "import sys,hashlib; w=sys.stdin.buffer.read(); sys.stdout.buffer.write(b'RIFF'+hashlib.md5(w).digest()*9)"


class Asked:
    """Requests to the page of the first relay."""

    def __init__(self, web: Web, road: Road, token: str) -> None:
        self.web, self.road, self.token = web, road, token

    def ask(
        self,
        path: str = "",
        method: str = "GET",
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.web.port, timeout=10)
        try:
            connection.request(method, f"/l/{self.token}{path}", body, headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def send(self, form: dict[str, str] | str | bytes) -> tuple[int, str]:
        body = urlencode(form) if isinstance(form, dict) else form
        status, _, page = self.ask("", "POST", body, FORM)
        return status, page.decode()

    @property
    def row(self) -> Any:
        with self.road.process.database.read() as connection:
            return broadcasts.one(connection, hash_of(self.token))


@pytest.fixture
def page(road: Road) -> Iterator[Asked]:
    """A relay who has the link, half an hour after the planned hour."""
    relays(road)
    road.at("2027-07-16 08:00")
    road.round()
    road.at("2027-07-16 17:30")
    with serve(road) as web:
        yield Asked(web, road, tokens(road)[0])


def test_the_preview_of_a_link_confirms_it(page: Asked) -> None:
    for method in ("GET", "HEAD"):
        assert page.ask("?times=3&day=2027-07-16&hour=17:05", method)[0] == 200
    assert page.row.times is None
    assert page.send(READ)[0] == 303
    assert (page.row.times, page.row.confirmed_by) == (2, "link")
    shown = page.ask()[2].decode()
    assert "Đã ghi nhận: 2 lần, 17:05, ngày 16/07/2027" in shown
    assert page.send(READ | {"times": "4"})[0] == 303 and page.row.times == 4


def test_the_page_or_its_address_tells_whose_it_is(page: Asked) -> None:
    status, headers, body = page.ask()
    text = body.decode()
    assert status == 200 and "Kính thưa bà con" in text and "khoảng 1 phút" in text
    assert "17:00, ngày 16/07/2027" in text
    [number, *_] = [message.to for message in page.road.world.sent]
    for secret in ("Nông", "Kín", number, number[3:], "thu", "phat-thanh"):
        assert f">{secret}<" not in text and f"={secret}" not in text
        assert secret not in text or secret in ("thu", "Kín")  # words of the script itself
    assert headers["cache-control"] == "no-store" and headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"] and "set-cookie" not in headers
    assert "<script" not in text and "onclick" not in text and "http" not in text.lower().replace("http-equiv", "")
    english = page.ask("?lang=en")[2].decode()
    assert 'lang="en"' in english and "It was read" in english and "Kính thưa bà con" in english


def test_rubbish_from_a_stranger_is_stored_or_breaks_the_page(page: Asked) -> None:
    rubbish: list[dict[str, str] | str | bytes] = [
        {}, READ | {"times": "-1"}, READ | {"times": "٣"}, READ | {"times": "9" * 4000}, READ | {"day": "2027-13-40"},
        READ | {"hour": "17:05+07:00"}, READ | {"day": "0001-01-01"}, READ | {"times": "0"}, READ | {"times": "51"},
        "times=1&day", b"\xff\xfe\x00", "&" * 3000, "x" * 100_000, READ | {"day": "2027-07-17"},
    ]  # fmt: skip
    for form in rubbish:
        status, text = page.send(form)
        assert status == 400 and "notice" in text, form
        assert "Traceback" not in text
    assert page.ask("", "POST", '{"times": 1}', {"content-type": "application/json"})[0] == 400
    assert page.ask("", "PUT", "x")[0] == 405
    assert page.row.times is None


def test_markup_in_a_script_is_run(page: Asked) -> None:
    with page.road.process.database.write() as connection:
        connection.exec_driver_sql("UPDATE rendering SET words = '<script>alert(1)</script> &amp; 111'")
    text = page.ask()[2].decode()
    assert "<script>" not in text and "&lt;script&gt;alert(1)&lt;/script&gt; &amp;amp; 111" in text
    assert page.ask("/pdf")[2].startswith(b"%PDF")


def test_a_link_is_found_by_trying(page: Asked) -> None:
    other = "A" * TOKEN_LENGTH
    answers = []
    for place in range(30):
        guess = Asked(page.web, page.road, f"{place:016d}" if place % 2 else other)
        answers.append(guess.ask()[0])
    assert set(answers) == {404, 429} and answers[0] == 404 and answers[-1] == 429
    assert page.ask()[0] == 200  # the true relay is not kept out by it
    for token in ("..%2f..%2fetc%2fpasswd", "%00", "x" * 3000, "'%20OR%201=1"):
        assert Asked(page.web, page.road, token).ask()[0] in (404, 429)


def test_an_expired_link_looks_as_if_it_had_never_been(page: Asked) -> None:
    page.road.at("2027-10-01 23:59")
    assert page.ask()[0] == 200  # the day after the period's last
    page.road.at("2027-10-02 00:00")
    status, _, body = page.ask()
    assert status == 410 and "đã hết hạn" in body.decode() and "Kính thưa" not in body.decode()
    assert page.send(READ)[0] in (400, 410) and page.row.times is None
    assert page.ask("/pdf")[0] == 404


def test_a_cancelled_broadcast_is_read_all_the_same(page: Asked) -> None:
    from engine.pipeline.control import act

    act(page.road.process, "cancel", "thu", "phat-thanh", by="Người Duyệt", why="bão")
    text = page.ask()[2].decode()
    assert "đã được hủy" in text and "Kính thưa" not in text


def test_it_is_confirmed_in_the_morning_what_is_to_be_read_in_the_evening(page: Asked) -> None:
    page.road.at("2027-07-16 09:00")
    assert "<form" not in page.ask()[2].decode()
    assert page.send(READ)[0] == 400 and page.row.times is None


def test_the_print_is_no_print(page: Asked) -> None:
    status, headers, body = page.ask("/pdf")
    assert status == 200 and headers["content-type"] == "application/pdf" and body.startswith(b"%PDF")
    assert body.count(b"/Type /Page\n") == 1 and b"/FontFile2" in body
    assert headers["cache-control"] == "no-store"


def test_there_is_a_machines_voice_that_nobody_asked_for(page: Asked) -> None:
    assert "<audio" not in page.ask()[2].decode() and page.ask("/audio")[0] == 404


def test_the_machines_voice_passes_for_a_persons(page: Asked) -> None:
    folder = page.road.settings.workspace
    loa = (folder / "loa.yaml").read_text(encoding="utf-8")
    command = f'["{sys.executable}", "-c", "{STAND_IN}"]'
    (folder / "loa.yaml").write_text(f"{loa}loudspeaker: {{speech_command: {command}}}\n", encoding="utf-8")
    with serve(page.road) as web:
        asked = Asked(web, page.road, page.token)
        text = asked.ask()[2].decode()
        assert "<audio" in text and "do máy tạo" in text
        status, headers, body = asked.ask("/audio")
        assert status == 200 and headers["content-type"] == "audio/wav" and body.startswith(b"RIFF")
