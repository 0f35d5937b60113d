"""What a publisher's test gives, and how a case is driven: real HTTP to a stand-in, every word looked over.

An answer is the bytes of one, or several in turn for a vendor that needs several calls for a post.
"""

import asyncio
import dataclasses
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.channels.base import Decision
from engine.channels.publishing import Picture, PostOutcome, Publication, Publisher
from engine.channels.testing.dialect import TO
from engine.channels.testing.overhearing import overheard
from engine.channels.testing.post_cases import POST_CASES, UNLISTED, PostCase
from engine.channels.testing.standin import HANG_UP, SILENCE, Standin
from engine.channels.transport import Transport
from engine.status import PostStatus

TEXT = "Xin chào bà con, gọi 111 <b>&amp;"  # letters that mean something to HTML, for whoever escapes it
POST = Publication(7, 3, TEXT, title="Cảnh giác việc nhẹ lương cao")
LONG = "Đoạn dài " * 100
LINK = "https://langson.example/canh-bao"
PICTURE = Picture("ảnh bìa.png", "image/png", b"\x89PNG\r\n\x1a\n--loa-\r\n" + bytes(range(256)))
SPOKEN_POST = f'{TO} 0{TO[3:]} 0900 000 123 "{TEXT}"'
Answers = bytes | Sequence[bytes]


@dataclass(frozen=True)
class PostDialect:
    """A publisher as the table meets it.

    ``open(url, transport)`` opens it on a stand-in's address; ``answers`` are its answers by case; ``secrets`` what it
    was opened with; ``success`` what a taken post is; ``has_no`` names optional cases with the reason. ``blind``: it
    only ever learns whether it went well, so everything else must be in doubt. ``gives_id``, ``keeps_alive``: whether
    the vendor gives an id, and whether its connections are kept.
    """

    vendor: str
    open: Callable[[str, Transport], Publisher]
    answers: Mapping[str, Answers]
    secrets: tuple[str, ...]
    success: PostStatus = PostStatus.PUBLISHED
    has_no: Mapping[str, str] = field(default_factory=dict)
    waits: float | None = None  # seconds that the answer for "throttled" asks for
    blind: bool = False
    gives_id: bool = True
    keeps_alive: bool = True


def post_names(dialect: PostDialect) -> list[str]:
    """Every proof that this publisher owes, by name. Raises ``AssertionError`` unless its answers fit the table."""
    wanted = {name for name, case in POST_CASES.items() if not case.script}
    _hold(all(POST_CASES[name].optional for name in dialect.has_no if name in POST_CASES), "no vendor may leave it out")
    _hold(dialect.has_no.keys() <= wanted, "it leaves out what is no case")
    missing, surplus = wanted - dialect.answers.keys() - dialect.has_no.keys(), dialect.answers.keys() - wanted
    _hold(not missing, f"cases without an answer of {dialect.vendor}: {sorted(missing)}")
    _hold(not surplus, f"answers of {dialect.vendor} for no case: {sorted(surplus)}")
    spoken = b"".join(_several(dialect.answers["secret in an error"])).decode("utf-8", "replace")
    for secret in (TO[1:], *dialect.secrets):
        _hold(secret in spoken, "the answer for 'secret in an error' gives nothing away: nothing would be proven")
    said = b"".join(_several(dialect.answers["unknown code"])).decode()
    _hold(UNLISTED in said or dialect.blind, f"'unknown code' must say {UNLISTED}")
    return [*(name for name in POST_CASES if name not in dialect.has_no), *_MORE]


def prove_post(dialect: PostDialect, name: str) -> None:
    """Drive one proof. Raises ``AssertionError`` with what went wrong."""
    told = (TO[3:], "900 000 123", TEXT, LONG, *dialect.secrets)
    with overheard(dialect.vendor, PostOutcome, told):
        if name in _MORE:
            _MORE[name](dialect)
        else:
            _meets(dialect, name, POST_CASES[name])


async def publish_all(
    dialect: PostDialect, script: Sequence[bytes | str], posts: Sequence[Publication] = (POST,)
) -> tuple[list[PostOutcome], Standin, list[str]]:
    """Publish each by itself to a stand-in with this script; outcomes, the stand-in, and what was kept on the way."""
    kept: list[str] = []

    async def keep(progress: str) -> None:
        kept.append(progress)

    outcomes = []
    async with Standin(list(script)).running() as standin:
        patience = 0.6 if SILENCE in script else 20.0  # short only where silence is the case
        publisher = dialect.open(standin.url, Transport(8, patience / 2, patience))
        try:
            for one in posts:
                outcomes.append(await publisher.publish(one, keep))
        finally:
            await publisher.close()
    return outcomes, standin, kept


def _meets(dialect: PostDialect, name: str, case: PostCase) -> None:
    post = dataclasses.replace(
        POST,
        text=LONG if name == "long text" else TEXT,
        link=LINK if name == "with a link" else None,
        picture=PICTURE if case.picture else None,
    )
    script = case.script or tuple(_several(dialect.answers[name]))
    (outcome,), standin, _ = asyncio.run(publish_all(dialect, script, [post]))
    _hold((outcome.post_id, outcome.attempt) == (7, 3), "the outcome is of another post")
    _hold(len(standin.seen) == len(script), f"{len(standin.seen)} requests were read instead of {len(script)}")
    if case.status is None:
        _hold(outcome.status is dialect.success, f"{outcome.status} instead of {dialect.success}")
        _hold(bool(outcome.vendor_id) is dialect.gives_id, "the vendor's id")
        return
    if dialect.blind:
        went_well = script[-1][:12] == b"HTTP/1.1 200" and name != "cut in mid-answer"
        expected = dialect.success if went_well else PostStatus.UNKNOWN
        _hold((outcome.status, outcome.decision) == (expected, Decision.NONE), f"{outcome.status}: it cannot know that")
        return
    found = (outcome.status, outcome.decision)
    _hold(found == (case.status, case.decision), f"{found} instead of {(case.status, case.decision)}")
    _hold(case.reason in (None, outcome.reason), f"reason {outcome.reason} instead of {case.reason}")
    _hold(outcome.vendor_id is None, "an id of a post that is not there")
    _hold(outcome.retry_after == (dialect.waits if name == "throttled" else None), f"waits {outcome.retry_after}")
    if name == "unknown code":
        _hold(UNLISTED in (outcome.code or ""), "the vendor's code is lost")
    if name == "secret in an error":
        _hold(bool(outcome.detail), "the vendor's words are lost")


def _kept_alive(dialect: PostDialect) -> None:
    """Keep-alive warm, request read, connection cut → the server counted one. At every call that a post needs."""
    ordinary = list(_several(dialect.answers["ordinary"]))
    for place in range(len(ordinary)):
        script: list[bytes | str] = [*ordinary, *ordinary[:place], HANG_UP]
        outcomes, standin, _ = asyncio.run(publish_all(dialect, script, [POST, POST]))
        connections = [request.connection for request in standin.seen]
        wanted = [1] * len(script) if dialect.keeps_alive else list(range(1, len(script) + 1))
        _hold(connections == wanted, f"{connections}: a connection was not kept, or a call repeated")
        in_doubt = outcomes[1].status is not PostStatus.FAILED and outcomes[1].status is not PostStatus.PUBLISHED
        _hold(in_doubt, f"{outcomes[1].status} after an answer that was lost at call {place + 1}")


def _nobody_listens(dialect: PostDialect) -> None:
    async def attempt() -> PostOutcome:
        async def keep(progress: str) -> None:
            raise AssertionError("nothing was achieved that could be kept")

        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, never listening: refused
            publisher = dialect.open(f"http://127.0.0.1:{taken.getsockname()[1]}", Transport())
            outcome = await publisher.publish(POST, keep)
            await publisher.close()
            return outcome

    outcome = asyncio.run(attempt())
    if dialect.blind:
        _hold(outcome.status is PostStatus.UNKNOWN, f"{outcome.status}: it cannot know that")
        return
    found = (outcome.status, outcome.decision, outcome.reason)
    _hold(found == (PostStatus.QUEUED, Decision.RETRY, "no_connection"), f"{found}: it may be tried again, and must be")


def _several(answers: Answers) -> Sequence[bytes]:
    return [answers] if isinstance(answers, bytes) else answers


_MORE: dict[str, Callable[[PostDialect], None]] = {
    "cut kept-alive connection": _kept_alive,
    "no connection": _nobody_listens,
}


def _hold(true: bool, otherwise: str) -> None:
    if not true:
        raise AssertionError(otherwise)
