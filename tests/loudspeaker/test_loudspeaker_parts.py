"""The parts behind a relay's page: tokens, how often one may ask, how long a script is, the print, the voice."""

import asyncio
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.content.loudspeaker import minutes, syllables
from engine.pipeline.relay_link import TOKEN_LENGTH, token_of
from engine.pipeline.speech import Speech
from engine.reports.script_pdf import Sheet, letters_missing, script_pdf
from engine.settings import Settings
from engine.store.crypto import Keyring
from engine.web.allowance import Allowance


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("Kính thưa bà con!", 4),
        ("Hãy gọi 111, 113.", 8),  # digit by digit
        ("Nghị định 162/2025/NĐ-CP", 11),
        ("打电话", 3),
        ("ជនជាតិខ្មែរ", 4),  # no spaces: about three letters a syllable
        ("— … !", 0),
    ],
)
def test_a_script_is_thought_shorter_than_it_is(text: str, count: int) -> None:
    assert syllables(text) == count


def test_a_minute_is_lost_in_rounding() -> None:
    assert minutes("một " * 150, 150) == 1 and minutes("một " * 151, 150) == 2 and minutes("", 150) == 1


@given(st.binary(min_size=32, max_size=32), st.integers(1, 2**62), st.integers(1, 2**62))
def test_a_token_holds_an_id_or_can_be_made_without_the_key(secret: bytes, run: int, contact: int) -> None:
    keyring, other = Keyring(secret), Keyring(bytes(byte ^ 1 for byte in secret))
    token = token_of(keyring, run, contact)
    assert len(token) == TOKEN_LENGTH and token == token_of(keyring, run, contact)
    assert token != token_of(other, run, contact)
    assert token not in (token_of(keyring, run, contact + 1), token_of(keyring, run + 1, contact))
    assert token != token_of(keyring, int(f"{run}{contact}"), contact)
    assert token != keyring.sign(f"l.{run}.{contact}")  # a receipt's mark opens no page


def test_a_flood_keeps_the_bucket_empty_for_ever_or_fills_the_memory() -> None:
    now = [0.0]
    allowance = Allowance(3, 60.0, lambda: now[0])
    assert [allowance.take("a") for _ in range(5)] == [True, True, True, False, False]
    now[0] = 20.0
    assert [allowance.take("a") for _ in range(2)] == [True, False]
    assert allowance.take("b")
    for place in range(20_000):
        allowance.take(place)
    assert len(allowance._left) <= 10_000


SHEET = Sheet("Bài đọc trên loa", ("Nơi đọc: Xã Đồng Đăng",), "Kính thưa bà con <b>&. 111", "Ban Chỉ đạo 138")


def test_a_print_differs_from_time_to_time_or_lacks_letters() -> None:
    assert script_pdf(SHEET) == script_pdf(SHEET)
    vietnamese = "".join(
        letter for code in range(0x20, 0x1EFA) if (letter := chr(code)).isalpha() and code not in range(0x250, 0x1E00)
    )
    assert letters_missing(vietnamese) == ""
    assert letters_missing("Nào Ƀƀ ăâđêôơư ꞗ ខ្មែរ ລາວ 中") == "ꞗខ្មែរລາວ中"


def test_a_long_script_is_printed_too_small_to_be_read_aloud() -> None:
    long = Sheet("Bài", (), "Kính thưa bà con nhân dân trong xã. " * 120)
    assert script_pdf(long).count(b"/Type /Page\n") > 1
    middling = Sheet("Bài", (), "Kính thưa bà con nhân dân trong xã. " * 28)
    assert script_pdf(middling).count(b"/Type /Page\n") == 1


STAND_IN = "import sys,hashlib; w=sys.stdin.buffer.read(); sys.stdout.buffer.write(b'RIFF'+hashlib.md5(w).digest()*9)"


@pytest.fixture
def speak(tmp_path: Path) -> Callable[..., Path | None]:
    settings = Settings(tmp_path, "sqlite://", public_url=None, twilio_url=None, clock_turned=False)

    async def asked(command: tuple[str, ...], words: str, within: float) -> Path | None:
        return await Speech(settings, within).spoken(command, words)

    def said(command: tuple[str, ...], words: str, within: float = 20.0) -> Path | None:
        return asyncio.run(asked(command, words, within))

    return said


def test_words_reach_a_shell_or_a_list_of_processes(speak: Callable[..., Path | None], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    words = f"$(touch {mark}); `touch {mark}` | touch {mark}"
    made = speak((sys.executable, "-c", STAND_IN), words)
    assert made is not None and made.read_bytes().startswith(b"RIFF") and not mark.exists()
    assert speak((sys.executable, "-c", "raise SystemExit(1)"), words) is None
    assert speak(("/no/such/command",), words) is None
    assert speak((sys.executable, "-c", "print('no sound')"), words) is None
    assert speak((), words) is None


def test_a_voice_that_never_ends_holds_the_page_up(speak: Callable[..., Path | None]) -> None:
    before = threading.active_count()
    assert speak((sys.executable, "-c", "import time; time.sleep(60)"), "chào", 0.3) is None
    assert threading.active_count() <= before + 1


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed here")
def test_the_voice_of_the_docs_does_not_speak(speak: Callable[..., Path | None]) -> None:
    made = speak(("espeak-ng", "-v", "vi", "--stdin", "--stdout"), "Kính thưa bà con. Cần giúp, hãy gọi 111.")
    assert made is not None and made.stat().st_size > 20_000
