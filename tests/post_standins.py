"""Facebook, Zalo and Telegram of clay, by their documentation: with posts, tokens and limits of their own.

What each has put up is its own record (``posts``), whatever we were told. ``loses`` takes the next answers away after
the work was done; ``says`` gives the next answers instead of doing it.
"""

import asyncio
import contextlib
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from engine.channels.testing.standin import HANG_UP, Seen, Standin, reply


@dataclass
class Up:
    """A post as people see it."""

    id: str
    text: str
    at: datetime
    more: dict[str, Any] = field(default_factory=dict)


@dataclass
class Place(Standin):
    """What all have. ``now`` is the vendor's own clock."""

    posts: list[Up] = field(default_factory=list)
    says: list[bytes | str] = field(default_factory=list)
    loses: int = 0
    now: datetime = datetime(2027, 7, 16, 1, 30, tzinfo=UTC)

    def texts(self) -> list[str]:
        """What people read, in the order it went up."""
        return [one.text for one in self.posts]

    def answer_to(self, request: Seen) -> bytes | str:
        if request.method == "POST" and self.says:
            return self.says.pop(0)
        answer = self.done(request, {key: one[0] for key, one in parse_qs(urlsplit(request.target).query).items()})
        if request.method == "POST" and self.loses:
            self.loses -= 1
            return HANG_UP
        return answer

    def done(self, request: Seen, query: dict[str, str]) -> bytes | str:
        raise NotImplementedError


@dataclass
class Facebook(Place):
    """One page of the Graph API. Pages of the feed hold ``page_size`` posts; ``rights`` are the token's."""

    page: str = "1234500001"
    token: str = ""
    expires_at: int = 0
    page_size: int = 2
    photos: dict[str, bytes] = field(default_factory=dict)
    rights: set[str] = field(default_factory=lambda: {"pages_read_user_content"})
    metrics: dict[str, Any] = field(default_factory=dict)

    def done(self, request: Seen, query: dict[str, str]) -> bytes:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _fb(190, "Error validating access token: Session has expired", 463, 401)
        version, _, way = urlsplit(request.target).path.strip("/").partition("/")
        assert version.startswith("v")
        if way == "debug_token":
            return reply(200, {"data": {"is_valid": True, "expires_at": self.expires_at, "type": "PAGE"}})
        if way == f"{self.page}/photos":
            return self._photo(request)
        if way == f"{self.page}/feed":
            return self._publish(request.json, query) if request.method == "POST" else self._feed(query)
        post = next((one for one in self.posts if one.id == way.partition("/")[0]), None)
        if post is None:
            return _fb(100, "Unsupported get request. Object does not exist", 33)
        return self._insights(query) if way.endswith("/insights") else self._counts(query)

    def _photo(self, request: Seen) -> bytes:
        boundary = request.headers["content-type"].partition("boundary=")[2].encode()
        parts = [part.partition(b"\r\n\r\n") for part in request.body.split(b"--" + boundary)[1:-1]]
        fields = {head.partition(b'name="')[2].partition(b'"')[0]: value[:-2] for head, _, value in parts}
        assert fields[b"published"] == b"false"
        number = f"photo{len(self.photos) + 1}"
        self.photos[number] = fields[b"source"]
        return reply(200, {"id": number})

    def _publish(self, sent: dict[str, Any], query: dict[str, str]) -> bytes:
        assert query["fields"] == "id,permalink_url"
        if not sent.get("message") and not sent.get("link"):
            return _fb(100, "Missing message or attachment")
        for one in sent.get("attached_media", ()):
            if one["media_fbid"] not in self.photos:
                return _fb(100, "Invalid parameter: attached_media")
        number = f"{self.page}_{len(self.posts) + 1}"
        self.posts.append(Up(number, sent["message"], self.now, sent))
        return reply(200, {"id": number, "permalink_url": _permalink(number)})

    def _feed(self, query: dict[str, str]) -> bytes:
        since = datetime.fromtimestamp(int(query["since"]), UTC)
        shown = [one for one in reversed(self.posts) if one.at >= since]
        first = int(query.get("after", "0"))
        data = [
            {
                "id": one.id, "message": one.text, "created_time": f"{one.at:%Y-%m-%dT%H:%M:%S}+0000",
                "permalink_url": _permalink(one.id),
            }
            for one in shown[first : first + self.page_size]
        ]  # fmt: skip
        after = first + self.page_size
        if after >= len(shown):
            return reply(200, {"data": data, "paging": {"cursors": {"after": str(after)}}})
        # as the real one does: with the token in the address
        following = urlencode(query | {"access_token": self.token, "after": str(after)})
        return reply(200, {"data": data, "paging": {"next": f"{self.url}/v23.0/{self.page}/feed?{following}"}})

    def _counts(self, query: dict[str, str]) -> bytes:
        if "comments" in query["fields"] and "pages_read_user_content" not in self.rights:
            return _fb(10, "(#10) requires the 'pages_read_user_content' permission")
        total = {"data": [], "summary": {"total_count": 5}}
        return reply(200, {"reactions": total, "comments": total, "shares": {"count": 2}})

    def _insights(self, query: dict[str, str]) -> bytes:
        wanted = query["metric"].split(",")
        if any(name not in self.metrics for name in wanted):
            return _fb(100, "(#100) The value must be a valid insights metric")
        found = [{"name": name, "period": "lifetime", "values": [{"value": self.metrics[name]}]} for name in wanted]
        return reply(200, {"data": found})


def _permalink(number: str) -> str:
    return f"https://www.facebook.com/{number.replace('_', '/posts/')}"


def _fb(code: int, words: str, subcode: int | None = None, status: int = 400) -> bytes:
    error: dict[str, Any] = {"message": words, "type": "OAuthException", "code": code}
    return reply(status, {"error": error | ({"error_subcode": subcode} if subcode else {})})


@dataclass
class Zalo(Place):
    """One Official Account and where its tokens come from. ``told`` are the articles that followers were told of.

    A refresh token is good once. ``fetching`` is how often ``verify`` says that the cover is still being fetched.
    """

    app_id: str = "9988776655"
    secret_key: str = ""
    refresh: str = ""
    access: str = "not given yet"
    refreshes: int = 0
    refused: int = 0
    fetching: int = 0
    told: list[str] = field(default_factory=list)
    created: dict[str, str] = field(default_factory=dict)

    def done(self, request: Seen, query: dict[str, str]) -> bytes:
        path = urlsplit(request.target).path
        if path == "/v4/oa/access_token":
            return self._tokens(request)
        if request.headers.get("access_token") != self.access:
            return _oa(-216, "Access token is invalid")
        if path == "/v2.0/article/create":
            return self._create(request.json)
        if path == "/v2.0/article/verify":
            return self._verify(request.json["token"])
        if path == "/v2.0/oa/message":
            element = request.json["message"]["attachment"]["payload"]["elements"][0]
            self.told.append(element["attachment_id"])
            return _oa(0, "Success", {"message_id": f"m{len(self.told)}"})
        if path == "/v2.0/article/getslice":
            return self._slice(int(query["offset"]), int(query["limit"]))
        assert path == "/v2.0/article/getdetail", path
        post = next((one for one in self.posts if one.id == query["id"]), None)
        return _oa(0, "Success", post.more) if post else _oa(-201, "id is invalid")

    def forget_access(self) -> None:
        """As after 25 hours: the access token is no longer good."""
        self.access = f"ended after {self.refreshes}"

    def _tokens(self, request: Seen) -> bytes:
        form = request.form
        assert form["grant_type"] == "refresh_token"
        if request.headers.get("secret_key") != self.secret_key or form["app_id"] != self.app_id:
            return reply(200, {"error": -14005, "error_name": "Invalid secret key."})
        if form["refresh_token"] != self.refresh:
            self.refused += 1
            return reply(200, {"error": -14014, "error_name": "Invalid refresh token."})
        self.refreshes += 1
        self.refresh, self.access = f"refresh-{self.refreshes}-of-clay", f"access-{self.refreshes}-of-clay"
        return reply(200, {"access_token": self.access, "refresh_token": self.refresh, "expires_in": "90000"})

    def _create(self, sent: dict[str, Any]) -> bytes:
        if not 1 <= len(sent["title"]) < 150 or not 1 <= len(sent["description"]) < 300:
            return _oa(-201, "title allow 1 to 150 characters")
        number = f"article{len(self.posts) + 1}"
        self.posts.append(Up(number, sent["body"][0]["content"], self.now, sent))
        token = f"token-{number}"
        self.created[token] = number
        return _oa(0, "Success", {"token": token})

    def _verify(self, token: str) -> bytes:
        if self.fetching:
            self.fetching -= 1
            return _oa(-214, "Media is being processed")
        return _oa(0, "Success", {"id": self.created[token]}) if token in self.created else _oa(-201, "token")

    def _slice(self, offset: int, limit: int) -> bytes:
        if limit > 10:
            return _oa(-201, "maximum limit is 10")
        medias = [
            {
                "id": one.id, "type": "normal", "title": one.more["title"], "status": "show", "total_view": 31,
                "total_share": 4, "create_date": int(one.at.timestamp() * 1000), "link_view": f"https://oa.zalo/{one.id}",
            }
            for one in list(reversed(self.posts))[offset : offset + limit]
        ]  # fmt: skip
        return _oa(0, "Success", {"medias": medias, "total": len(self.posts)})


def _oa(code: int, words: str, data: object = None) -> bytes:
    return reply(200, {"error": code, "message": words} | ({"data": data} if data is not None else {}))


@dataclass
class Telegram(Place):
    """One channel and its bot."""

    token: str = ""
    chat: str = "@canh_bao_clay"
    pictures: list[bytes] = field(default_factory=list)

    def done(self, request: Seen, query: dict[str, str]) -> bytes:
        root, _, method = urlsplit(request.target).path.strip("/").partition("/")
        if root != f"bot{self.token}":
            return _bot(401, "Unauthorized")
        sent = request.json if method == "sendMessage" else self._form(request)
        if sent["chat_id"] != self.chat:
            return _bot(400, "Bad Request: chat not found")
        words = sent["text" if method == "sendMessage" else "caption"]
        if len(words) > (4096 if method == "sendMessage" else 1024):
            return _bot(400, "Bad Request: message is too long")
        number = len(self.posts) + 1
        self.posts.append(Up(str(number), words, self.now))
        chat = {"id": -1001, "type": "channel", "username": self.chat[1:]}
        return reply(200, {"ok": True, "result": {"message_id": number, "date": 1, "chat": chat}})

    def _form(self, request: Seen) -> dict[str, str]:
        boundary = request.headers["content-type"].partition("boundary=")[2].encode()
        fields = {}
        for part in request.body.split(b"--" + boundary)[1:-1]:
            head, _, value = part.partition(b"\r\n\r\n")
            name = head.partition(b'name="')[2].partition(b'"')[0].decode()
            if name == "photo":
                self.pictures.append(value[:-2])
            else:
                fields[name] = value[:-2].decode()
        return fields


def _bot(code: int, words: str) -> bytes:
    return reply(code, {"ok": False, "error_code": code, "description": words})


class Served:
    """Stand-ins in a thread of their own, for whoever has a loop or a process of its own."""

    def __init__(self, *places: Place) -> None:
        self.places = places
        self.place: Any = places[0]
        self._ready, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for place in self.places:
                await stack.enter_async_context(place.running())
            self._ready.set()
            while not self._stop.is_set():
                await asyncio.sleep(0.005)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
