"""The answers of Facebook, Zalo, Telegram and a service behind apprise, for the table of cases of publishers."""

import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from engine.channels.apprise_posts import ApprisePublisher
from engine.channels.apprise_sender import ApprisePlace
from engine.channels.facebook import FacebookPublisher
from engine.channels.facebook_sender import FacebookPage
from engine.channels.telegram import TelegramPublisher
from engine.channels.telegram_sender import TelegramChannel
from engine.channels.testing.post_cases import UNLISTED
from engine.channels.testing.post_dialect import SPOKEN_POST, PostDialect
from engine.channels.testing.standin import reply
from engine.channels.transport import Transport
from engine.channels.zalo import ZaloPublisher
from engine.channels.zalo_sender import ZaloAccount
from engine.channels.zalo_token import ZaloTokens
from engine.status import PostStatus

PAGE_TOKEN, BOT_TOKEN = "EAAclayPageTokenOfClay", "123456:AAclay-bot-token"
APP_SECRET, REFRESH, ACCESS = "app-secret-of-clay", "refresh-token-of-clay", "access-token-of-clay"
WEBHOOK_SECRET = "webhook-secret-of-clay"


@dataclass
class Memory:
    """A keeper of tokens without a database, for what is not about keeping them."""

    version: int = 0
    text: str = ""

    async def load(self) -> "Memory | None":
        return Memory(self.version, self.text) if self.version else None

    async def replace(self, seen: int, text: str) -> bool:
        if seen != self.version:
            return False
        self.version, self.text = seen + 1, text
        return True

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        yield


def facebook_page(url: str, **more: object) -> FacebookPage:
    return FacebookPage.model_validate({"page": "1234500001", "token": PAGE_TOKEN, "url": url, **more})


def zalo_account(url: str, **more: object) -> ZaloAccount:
    return ZaloAccount.model_validate(
        {
            "oa": "4455667788", "app_id": "9988776655", "secret_key": APP_SECRET, "refresh_token": REFRESH,
            "cover": "https://langson.example/bia.jpg", "author": "Công an tỉnh", "url": url, "oauth_url": url, **more,
        }
    )  # fmt: skip


def telegram_channel(url: str) -> TelegramChannel:
    return TelegramChannel.model_validate({"chat": "@canh_bao_clay", "token": BOT_TOKEN, "url": url})


def warm_keeper(account: ZaloAccount) -> Memory:
    """One that has a good access token already, so that a case begins at the vendor's own call."""
    begun = ZaloTokens(account, Memory())._begun()
    pair = {
        "refresh": REFRESH, "refresh_until": time.time() + 9e6, "begun": [begun], "access": ACCESS,
        "access_until": time.time() + 9e4, "spent": False,
    }  # fmt: skip
    return Memory(1, json.dumps(pair))


def _zalo(url: str, transport: Transport) -> ZaloPublisher:
    account = zalo_account(url)
    keeper = warm_keeper(account)
    return ZaloPublisher(account, keeper, transport, ZaloTokens(account, keeper, Transport(1, 4, 10)))


def _fb(code: int, words: str = "refused", status: int = 400, subcode: int | None = None, **more: str) -> bytes:
    error = {"message": words, "type": "OAuthException", "code": code, "fbtrace_id": "Aclay"}
    return reply(status, {"error": error | ({"error_subcode": subcode} if subcode else {})}, more or None)


_USAGE = {"1234500001": [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 12}]}
_UP = reply(200, {"id": "1234500001_77", "permalink_url": "https://www.facebook.com/1234500001/posts/77"})
FACEBOOK = PostDialect(
    "facebook",
    lambda url, transport: FacebookPublisher(facebook_page(url), transport),
    {
        "ordinary": _UP,
        "long text": _UP,
        "with a link": _UP,
        "with a picture": [reply(200, {"id": "555"}), _UP],
        "throttled": _fb(32, **{"x-business-use-case-usage": json.dumps(_USAGE)}),
        "expired token": _fb(190, "Session has expired", subcode=463),
        "not allowed": _fb(200, "(#200) no permission", 403),
        "refused": _fb(1346003),
        "picture refused": _fb(1366046, "The photo is too large"),
        "unknown code": _fb(int(UNLISTED)),
        "secret in an error": _fb(100, f"{SPOKEN_POST} access_token={PAGE_TOKEN} {PAGE_TOKEN}"),
        "vendor broke": _fb(2, "Service temporarily unavailable", 503),
    },
    secrets=(PAGE_TOKEN,),
    waits=720.0,
)


def _bot(code: int, words: str, **parameters: object) -> bytes:
    more = {"parameters": parameters} if parameters else {}
    return reply(code, {"ok": False, "error_code": code, "description": words, **more})


_MESSAGE = reply(
    200, {"ok": True, "result": {"message_id": 42, "date": 1, "chat": {"id": -100, "username": "canh_bao_clay"}}}
)
TELEGRAM = PostDialect(
    "telegram",
    lambda url, transport: TelegramPublisher(telegram_channel(url), transport),
    {
        "ordinary": _MESSAGE,
        "long text": _MESSAGE,
        "with a link": _MESSAGE,
        "with a picture": _MESSAGE,
        "throttled": _bot(429, "Too Many Requests: retry after 7", retry_after=7),
        "expired token": _bot(401, "Unauthorized"),
        "not allowed": _bot(403, "Forbidden: bot is not a member of the channel chat"),
        "refused": _bot(400, "Bad Request: can't parse entities"),
        "picture refused": _bot(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"),
        "unknown code": reply(418, {"ok": False, "error_code": int(UNLISTED), "description": "?"}),
        "secret in an error": _bot(400, f"Bad Request: {SPOKEN_POST} {BOT_TOKEN}"),
        "vendor broke": _bot(500, "Internal Server Error"),
    },
    secrets=(BOT_TOKEN,),
    waits=7.0,
)


def _oa(code: int, words: str = "", data: object = None) -> bytes:
    return reply(200, {"error": code, "message": words} | ({"data": data} if data is not None else {}))


_CREATED, _VERIFIED = _oa(0, "Success", {"token": "t" * 40}), _oa(0, "Success", {"id": "bd5ea46bb32e5a0033f"})
_TOLD = [_CREATED, _VERIFIED, _oa(0, "Success", {"message_id": "m1"})]
ZALO = PostDialect(
    "zalo",
    _zalo,
    {
        "ordinary": _TOLD,
        "long text": _TOLD,
        "with a link": _TOLD,
        "throttled": _oa(-32, "exceeded rate limit"),
        # the new token's refusal follows: the access token was rejected, the refresh token is no longer good
        "expired token": [_oa(-216, "access token is expired"), reply(200, {"error": -14014, "error_name": "Invalid"})],
        "not allowed": _oa(-224, "OA needs a package"),
        "refused": _oa(-201, "title allow 1 to 150 characters"),
        "unknown code": _oa(-int(UNLISTED), "?"),
        "secret in an error": _oa(-201, f"{SPOKEN_POST} {ACCESS} {REFRESH} secret_key={APP_SECRET} {APP_SECRET}"),
        "vendor broke": reply(500, {"error": -1}),
    },
    secrets=(APP_SECRET, REFRESH, ACCESS),
    success=PostStatus.ACCEPTED,
    has_no={
        "with a picture": "an article's picture is an address that Zalo fetches, not a file",
        "picture refused": "a post with a picture is not sent at all",
    },
)


def _behind_apprise(url: str, transport: Transport) -> ApprisePublisher:
    address = f"{url.replace('http://', 'json://')}/{WEBHOOK_SECRET}?rto=0.6&cto=0.6&retry=3&optional=yes"
    return ApprisePublisher(ApprisePlace.model_validate({"address": address}))


_FINE, _NOT = reply(200, {"ok": True}), f"{SPOKEN_POST} {WEBHOOK_SECRET}"
APPRISE = PostDialect(
    "apprise",
    _behind_apprise,
    {
        **dict.fromkeys(("ordinary", "long text", "with a link", "with a picture"), _FINE),
        "throttled": reply(429, {"wait": 7}, {"Retry-After": "7"}),
        "expired token": reply(401, {}),
        "not allowed": reply(403, {}),
        "refused": reply(400, {}),
        "picture refused": reply(413, {}),
        "unknown code": reply(418, {}),
        "secret in an error": reply(400, {"words": _NOT}),
        "vendor broke": reply(500, {}),
    },
    secrets=(WEBHOOK_SECRET,),
    success=PostStatus.ACCEPTED,
    blind=True,
    gives_id=False,
    keeps_alive=False,
)
DIALECTS = {one.vendor: one for one in (FACEBOOK, ZALO, TELEGRAM, APPRISE)}
