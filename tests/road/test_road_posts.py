"""Posts and SIGKILL: processes die while they publish, and by the page's own records each post is there once."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import road_workspace as files
from outside_vendor import install
from road_kit import ROOT, Loa, rows, wait_for

from engine.clock import parse_instant

PAGES = ("06184", "06187", "06196", "06211")
KILLS = 10
STAGES = ("before", "recorded", "answered")  # the request is read and lost; taken, no answer; answered, not written

VENDOR = '''
"""A page over HTTP, as a third party would write it."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from engine.channels.addresses import is_loopback
from engine.channels.base import LookUpFailed, Vendor
from engine.channels.publishing import ListedPost, PostOutcome
from engine.channels.transport import NeverSent, NoAnswer, Transport
from engine.status import PostStatus
import json


class Keys(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: str


class Page:
    name, live = "tuong", False

    def __init__(self, key, config):
        self.url, self.transport = f"{config.url}/{key}", Transport(4, 5, 10)

    async def publish(self, publication, keep):
        said = lambda status, **more: PostOutcome(publication.post_id, publication.attempt, status, **more)
        try:
            answer = await self.transport.call("POST", self.url, {}, publication.text.encode())
        except NeverSent:
            return said(PostStatus.QUEUED, reason="no_connection")
        except NoAnswer:
            return said(PostStatus.UNKNOWN, reason="no_answer")
        return said(PostStatus.PUBLISHED, vendor_id=json.loads(answer.body)["id"])

    async def listed(self, since):
        try:
            answer = await self.transport.call("GET", self.url, {})
        except (NeverSent, NoAnswer):
            raise LookUpFailed("no_connection") from None
        found = json.loads(answer.body)
        return [ListedPost(one["id"], datetime.fromisoformat(one["at"]), one["text"]) for one in found]

    async def response(self, vendor_id):
        return None

    async def expiry(self):
        return None

    async def close(self):
        await self.transport.close()


VENDOR = Vendor(
    name="tuong", channel="facebook", schema=Keys, publish=lambda key, config, given: Page(key, config),
    reaches=lambda options: [options["url"]],
)
'''

# Imports once, then a process for each line: what is killed is a whole process, what it costs is its work alone.
ROUNDS = """
import asyncio, os, sys
from engine.areas import registry
from engine.channels import vendor
from engine.pipeline.once import one_round
from engine.pipeline.process import opened
from engine.settings import from_environment

def one():
    with opened(from_environment(), claims=True, kind="once") as process:
        asyncio.run(one_round(process))

registry.load(), vendor("tuong")
os.environ["LOA_CLOCK"] = "2027-07-16T08:00:00+07:00"
os.dup2(os.dup(1), 9), os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
one()  # nothing is due: whatever is imported or compiled late is there then
os.dup2(9, 1)
for line in sys.stdin:
    os.environ["LOA_CLOCK"] = line.strip()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        one()
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


@dataclass
class Wall:
    """The stand-in, with records of its own. ``fatal``: which POST of this round kills whom, and at which stage."""

    now: str = files.DUE
    posted: list[tuple[str, str, str]] = field(default_factory=list)  # page, text, at
    fatal: tuple[int, str] | None = None
    victim: int = 0
    seen: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    known: threading.Event = field(default_factory=threading.Event)

    def strikes(self, number: int, stage: str) -> bool:
        """Kill the process that asks, if this is the moment."""
        if self.fatal != (number, stage):
            return False
        self.known.wait(10)
        os.kill(self.victim, signal.SIGKILL)
        return True

    @contextmanager
    def serving(self) -> Iterator[str]:
        wall = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                with wall.lock:
                    wall.seen += 1
                    number = wall.seen
                if wall.strikes(number, "before"):
                    self.close_connection = True
                    return
                with wall.lock:
                    wall.posted.append((self.path, text, wall.now))
                    answer = {"id": f"p{len(wall.posted)}"}
                if wall.strikes(number, "recorded"):
                    self.close_connection = True
                    return
                self.say(answer)
                wall.strikes(number, "answered")

            def do_GET(self) -> None:
                with wall.lock:
                    found = [(place, *one) for place, one in enumerate(wall.posted, 1) if one[0] == self.path]
                self.say([{"id": f"p{place}", "text": text, "at": at} for place, _, text, at in found])

            def say(self, body: object) -> None:
                written = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(written)))
                self.end_headers()
                self.wfile.write(written)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who asked is dead
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()


def _workspace(folder: Path, url: str) -> None:
    senders = "".join(
        f'  trang-{place}: {{provider: tuong, url: "{url}", area: {{era: "2025", code: "{code}"}},'
        " settle_after: 1 second, orphan_after: 1 second}\n"
        for place, code in enumerate(PAGES)
    )
    listed = ", ".join(f"trang-{place}" for place in range(len(PAGES)))
    steps = [
        f"  - id: bai-{number}\n    when: 2027-07-16 08:{30 + number}\n    channel: facebook\n"
        f"    sender: [{listed}]\n    message: bai-{number}\n"
        for number in range(KILLS)
    ]
    texts: dict[str, str | None] = {
        f"messages/bai-{number}/facebook.vi.j2": f"Bài số {number} ở {{{{ area.name }}}}: cần giúp đỡ xin gọi 111.\n"
        for number in range(KILLS)
    }
    files.write(
        folder,
        texts | {"loa.yaml": files.loa_yaml(more_senders=senders), "campaigns/thu.yaml": files.campaign(*steps)},
    )


@pytest.mark.torture
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_processes_killed_while_publishing_leave_every_post_there_once(tmp_path: Path) -> None:
    package, workspace, wall, chance = tmp_path / "package", tmp_path / "workspace", Wall(), random.Random(7)
    package.mkdir()
    install(package, "tuong = loa_tuong:VENDOR", {"loa_tuong.py": VENDOR}, package="loa-tuong")
    loa = Loa(workspace, {"PYTHONPATH": f"{package}{os.pathsep}{ROOT}"})
    with wall.serving() as url:
        workspace.mkdir()
        _workspace(workspace, url)
        loa.run("init", str(workspace))
        loa.ok("approve", "thu", "--by", "Người Duyệt")
        rounds = subprocess.Popen(
            [sys.executable, "-c", ROUNDS], env=loa._environment({}), cwd=workspace, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert rounds.stdin is not None and rounds.stdout is not None

        def one_round(at: str, fatal: tuple[int, str] | None) -> int:
            wall.known.clear()
            wall.seen, wall.fatal, wall.now = 0, fatal, at
            rounds.stdin.write(at + "\n")
            rounds.stdin.flush()
            wall.victim = int(rounds.stdout.readline())
            wall.known.set()
            return os.waitstatus_to_exitcode(int(rounds.stdout.readline()))

        start, killed = parse_instant(files.DUE), 0
        for number in range(KILLS):
            at = (start + timedelta(minutes=number, seconds=1)).isoformat()
            killed += one_round(at, (chance.randint(1, 3), STAGES[number % 3])) == -signal.SIGKILL
        assert killed >= KILLS - 2  # whoever is answered may have ended before the signal came

        def settled() -> bool:
            assert one_round(at, None) == 0
            return rows(loa, "SELECT count(*) FROM post WHERE status <> 'published'")[0][0] == 0

        wait_for(settled, every=0.4)
        rounds.stdin.close()
        rounds.wait(10)
        rounds.stdout.close()
    shown = Counter((page, text) for page, text, _ in wall.posted)
    assert len(shown) == KILLS * len(PAGES) and set(shown.values()) == {1}
    assert rows(loa, "SELECT count(*) FROM incident") == [(0,)]
    bound = {row[0] for row in rows(loa, "SELECT vendor_id FROM post")}
    assert bound == {f"p{place}" for place in range(1, len(wall.posted) + 1)}
