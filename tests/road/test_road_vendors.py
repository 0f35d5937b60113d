"""Facebook and Zalo, and SIGKILL at every call: by the vendors' own records each post is there once, none is lost.

Part of ``make torture``: ten kills and what settles them take a minute.
"""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import road_workspace as files
from post_standins import Facebook, Place, Served, Zalo
from road_kit import Loa, rows, wait_for
from test_road_posts import ROUNDS

from engine.channels.testing.standin import HANG_UP, Seen
from engine.clock import parse_instant

SECRETS = {
    "FB": "EAAclayPageTokenOfClay", "ZALO_KEY": "app-secret-of-clay", "ZALO": "refresh-token-of-clay",
}  # fmt: skip
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
# Which call of a round's post dies, and when: the request read and not done; done and not answered.
EVERY = {
    "facebook": [(1, "before"), (1, "done"), (2, "before"), (2, "done")],  # the photo, the post
    "zalo": [(call, stage) for call in (1, 2, 3) for stage in ("before", "done")],  # create, verify, tell
}


@dataclass
class Killer:
    """Ends the process that makes the call ``fatal``."""

    fatal: tuple[int, str] | None = None
    victim: int = 0
    calls: int = 0
    known: threading.Event = field(default_factory=threading.Event)

    def strikes(self, stage: str) -> bool:
        if self.fatal != (self.calls, stage):
            return False
        assert self.known.wait(30)
        os.kill(self.victim, signal.SIGKILL)
        return True

    def stands_at(self, place: Place) -> None:
        """Put itself between the place and who calls it. The renewal of a token is not a call for a post."""
        done = place.answer_to

        def answer_to(request: Seen) -> bytes | str:
            counts = request.method == "POST" and urlsplit(request.target).path != "/v4/oa/access_token"
            self.calls += counts
            if counts and self.strikes("before"):
                return HANG_UP
            answer = done(request)
            return HANG_UP if counts and self.strikes("done") else answer

        place.answer_to = answer_to  # type: ignore[method-assign]


def _workspace(folder: Path, sender: str, channel: str, posts: int, picture: str) -> None:
    steps = [
        f"  - id: bai-{number}\n    when: 2027-07-16 08:{30 + number}\n    channel: {channel}\n"
        f"    sender: trang\n    message: bai-{number}\n"
        for number in range(posts)
    ]
    head = f"---\ntitle: Cảnh giác\n{picture}---\n"
    texts: dict[str, str | None] = {
        f"messages/bai-{number}/{channel}.vi.j2": f"{head}Bài số {number}: cần giúp đỡ xin gọi 111.\n"
        for number in range(posts)
    }
    files.write(
        folder,
        texts | {"loa.yaml": files.loa_yaml(more_senders=sender), "campaigns/thu.yaml": files.campaign(*steps)},
    )
    (folder / "anh.png").write_bytes(PNG)


@pytest.mark.torture
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
@pytest.mark.parametrize("vendor", EVERY)
def test_a_kill_at_any_call_leaves_each_post_there_once(vendor: str, tmp_path: Path) -> None:
    place: Place = (
        Facebook(token=SECRETS["FB"])
        if vendor == "facebook"
        else Zalo(secret_key=SECRETS["ZALO_KEY"], refresh=SECRETS["ZALO"])
    )
    killer, moments = Killer(), EVERY[vendor]
    killer.stands_at(place)
    loa = Loa(tmp_path / "workspace", SECRETS)
    with Served(place):
        keys = (
            'page: "1234500001", token: "${FB}"'
            if vendor == "facebook"
            else 'oa: "4455667788", app_id: "9988776655", secret_key: "${ZALO_KEY}", refresh_token: "${ZALO}",'
            f' cover: "https://x.example/a.jpg", author: "Công an tỉnh", oauth_url: "{place.url}"'
        )
        sender = (
            f'  trang: {{provider: {vendor}, {keys}, url: "{place.url}", area: {{era: "2025", code: "20"}},'
            " settle_after: 1 second, orphan_after: 1 second}\n"
        )
        (tmp_path / "workspace").mkdir()
        picture = "picture: anh.png\n" if vendor == "facebook" else ""
        _workspace(tmp_path / "workspace", sender, vendor, len(moments), picture)
        loa.run("init", str(tmp_path / "workspace"))
        loa.ok("approve", "thu", "--by", "Người Duyệt")
        rounds = subprocess.Popen(
            [sys.executable, "-c", ROUNDS.replace('vendor("tuong")', f'vendor("{vendor}")')],
            env=loa._environment({}), cwd=tmp_path / "workspace", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert rounds.stdin is not None and rounds.stdout is not None

        def one_round(at: str, fatal: tuple[int, str] | None) -> int:
            killer.known.clear()
            killer.calls, killer.fatal, place.now = 0, fatal, parse_instant(at)
            rounds.stdin.write(at + "\n")
            rounds.stdin.flush()
            killer.victim = int(rounds.stdout.readline())
            killer.known.set()
            return os.waitstatus_to_exitcode(int(rounds.stdout.readline()))

        start = parse_instant(files.DUE)
        for number, moment in enumerate(moments):
            at = (start + timedelta(minutes=number, seconds=1)).isoformat()
            assert one_round(at, moment) == -signal.SIGKILL, f"nobody died at {moment}"

            def settled(at: str = at) -> bool:
                assert one_round(at, None) == 0
                waits = "status NOT IN ('published', 'accepted')"
                return rows(loa, f"SELECT count(*) FROM post WHERE {waits}")[0][0] == 0

            wait_for(settled, every=1.05)
        rounds.stdin.close()
        rounds.wait(10)
        rounds.stdout.close()
    shown = Counter(text for text in place.texts())
    assert len(shown) == len(moments) and set(shown.values()) == {1}
    # tokens live in real time, this campaign in 2027
    assert rows(loa, "SELECT kind FROM incident WHERE kind <> 'credentials_expire'") == []
    bound = {row[0] for row in rows(loa, "SELECT vendor_id FROM post")}
    assert bound == {one.id for one in place.posts}
    if isinstance(place, Zalo):
        assert set(Counter(place.told).values()) == {1}, "followers are told of nothing twice"
        assert (place.refreshes, place.refused) == (1, 0), "one token for all who came and died"
