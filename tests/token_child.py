"""Another process that wants an access token of Zalo's, as tests start it: the least of imports.

Called with the stand-in's address. ``STOP_AT`` names the moment at which it says "there" and waits to be killed.
"""

import asyncio
import os
import sys

from engine.channels.post_calls import Ended
from engine.channels.zalo_sender import ZaloAccount
from engine.channels.zalo_token import ZaloTokens
from engine.settings import from_environment
from engine.store.schema import open_store
from engine.store.vendor_tokens import VendorTokens

APP_SECRET, REFRESH = "app-secret-of-clay", "refresh-token-of-clay"
ACCOUNT = "zalo:9988776655:4455667788"


def account(url: str, refresh: str = REFRESH) -> ZaloAccount:
    """The account of clay, on the stand-in at ``url``."""
    return ZaloAccount.model_validate(
        {
            "oa": "4455667788", "app_id": "9988776655", "secret_key": APP_SECRET, "refresh_token": refresh,
            "cover": "https://langson.example/bia.jpg", "author": "Công an tỉnh", "url": url, "oauth_url": url,
        }
    )  # fmt: skip


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def stop(place: str) -> None:
    if os.environ.get("STOP_AT") == place:
        say("there")
        sys.stdin.readline()


class Stopping(VendorTokens):
    """A keeper that stands still at one moment."""

    async def replace(self, seen: int, text: str) -> bool:
        spent = '"spent": true' in text
        stop("before the mark" if spent else "before the pair is kept")
        done = await super().replace(seen, text)
        stop("after the mark" if spent else "after the pair is kept")
        return done


async def main() -> None:
    database, keyring = open_store(from_environment())
    tokens = ZaloTokens(account(sys.argv[1]), Stopping(database, keyring, ACCOUNT))
    say("ready")
    sys.stdin.readline()
    try:
        say(await tokens.access())
    except Ended as ended:
        say(ended.verdict.meaning.reason)
    await tokens.close()
    database.close()


if __name__ == "__main__":
    asyncio.run(main())
