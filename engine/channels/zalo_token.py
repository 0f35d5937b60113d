"""Zalo's tokens: an access token for 25 hours, and a refresh token that can be used once, for three months.

Losing the refresh token means that a person must give the application its rights anew, so its use goes in this order:
alone among all processes → look whether another has renewed meanwhile → write down durably that the token is being
spent → ask Zalo → write the new pair down durably → only then use it. The mark proves a moment before the call that
the store can be written. What is left is the time between Zalo's answer and the end of that one write (a few
milliseconds): who is killed in it loses the pair. The next to come finds the mark, tries the old token once more (it is
worth nothing else by now) and says ``token_lost`` when Zalo no longer takes it. A store that fails in that moment loses
nothing as long as the process lives: the pair waits in memory, unused, until it is written.

A refresh token that a person has put into ``loa.yaml``'s variable begins a new chain once; the chains that were begun
are remembered, so that a process with an old environment does not go back to a spent one.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from urllib.parse import urlencode

from engine.channels.base import Decision
from engine.channels.post_calls import (
    THROTTLED,
    Ended,
    Meaning,
    Verdict,
    count_of,
    no_look,
    post,
    stops,
    text_of,
    tree,
    without,
)
from engine.channels.token_keeper import Kept, TokenKeeper
from engine.channels.transport import Transport
from engine.channels.zalo_sender import ZaloAccount
from engine.clock import real
from engine.errors import LoaError
from engine.status import PostStatus

REFRESH_LIVES = 90 * 86_400.0  # seconds, where Zalo does not say
RENEW_BEFORE = 45 * 86_400.0  # an account that publishes seldom is renewed in time, whether it publishes or not
_MARGIN = 300.0  # seconds before its end in which an access token is no longer used
_SAVES, _PAUSE = 5, 0.2
_REFUSED_FOR = 600.0  # seconds


@dataclass(frozen=True, slots=True)
class Pair:
    """What is kept of an account's tokens, times in real seconds. ``spent``: the refresh token may have been used."""

    refresh: str = field(repr=False)
    refresh_until: float
    begun: tuple[str, ...]  # fingerprints of the tokens that people have put in
    access: str = field(default="", repr=False)
    access_until: float = 0.0
    spent: bool = False

    def usable(self, now: float, rejected: str | None = None) -> bool:
        """Whether its access token may be used."""
        return bool(self.access) and self.access != rejected and self.access_until > now + _MARGIN


class ZaloTokens:
    """The tokens of one account; ``seconds`` gives real seconds."""

    def __init__(
        self,
        config: ZaloAccount,
        keeper: TokenKeeper,
        transport: Transport | None = None,
        seconds: Callable[[], float] = real,
    ) -> None:
        self._config, self._keeper, self._seconds = config, keeper, seconds
        # short: an attempt to publish has half a minute, and this is only its beginning
        self._transport = transport or Transport(connections=1, connect_seconds=4, total_seconds=10)
        self._unsaved: tuple[int, Pair] | None = None
        self._renewing: asyncio.Task[Pair] | None = None
        self._refused: tuple[str, float, Verdict] | None = None  # the token, when, what Zalo said

    async def access(self) -> str:
        """An access token that has not ended. Raises ``Ended`` when there is none to be had now."""
        _, pair = await self._loaded()
        if self._unsaved is None and pair.usable(self._seconds()):
            return pair.access
        return (await self._renew(None)).access

    async def another(self, rejected: str) -> str:
        """One that is not ``rejected``, which Zalo no longer takes. Raises ``Ended``."""
        return (await self._renew(rejected)).access

    async def ends(self) -> datetime:
        """When the refresh token ends: a person must have acted by then. Renewed here when half its life is over, or
        when it may be spent, so that the office hears of a lost one early. Raises ``LookUpFailed``.
        """
        try:
            _, pair = await self._loaded()
            late = pair.refresh_until - self._seconds() < RENEW_BEFORE
            if late or pair.spent or not pair.access or self._unsaved is not None:
                pair = await self._renew(pair.access or None)
        except Ended as ended:
            raise no_look(ended.verdict) from None
        return datetime.fromtimestamp(pair.refresh_until, UTC)

    async def close(self) -> None:
        """Write what is not written yet, and close the connections."""
        if self._renewing is not None:
            await asyncio.wait([self._renewing])
        if self._unsaved is not None:
            with contextlib.suppress(Ended):  # nothing more can be done: the mark will tell
                await self._save(*self._unsaved)
        await self._transport.close()

    async def _renew(self, rejected: str | None) -> Pair:
        """One renewal for all who wait in this process; whoever is cancelled does not break it off."""
        joined = self._renewing is not None and not self._renewing.done()
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renewed(rejected))
            self._renewing.add_done_callback(_noticed)
        pair = await asyncio.shield(self._renewing)
        if joined and pair.access == rejected:  # what was on its way had another reason
            return await self._renew(rejected)
        return pair

    async def _renewed(self, rejected: str | None) -> Pair:
        try:
            async with self._keeper.alone():
                if self._unsaved is not None:
                    await self._save(*self._unsaved)
                version, pair = await self._loaded()
                if pair.usable(self._seconds(), rejected):  # another process was faster
                    return pair
                return await self._spend(version, pair)
        except LoaError as error:
            raise Ended(Verdict(Meaning(PostStatus.QUEUED, "token_busy", Decision.RETRY), error.code)) from None

    async def _spend(self, version: int, pair: Pair) -> Pair:
        """Use the refresh token: only alone, and only after it was written down that it is being used."""
        if self._refused is not None:  # every part of the road may ask; Zalo is not asked the same each minute
            refresh, at, verdict = self._refused
            if refresh == pair.refresh and 0 <= self._seconds() - at < _REFUSED_FOR:
                raise Ended(verdict)
        in_doubt = pair.spent
        if not in_doubt:
            version = await self._written(version, replace(pair, spent=True))
        try:
            new = await self._asked(pair)
        except Ended as ended:
            if ended.verdict.meaning.status is PostStatus.UNKNOWN:  # it may be spent: the mark stays
                raise Ended(ended.verdict.anew()) from None
            if not in_doubt:
                await self._written(version, pair)  # it was not used: the mark is taken back
            if ended.verdict.meaning.decision is not Decision.STOP_SENDER:
                raise
            verdict = replace(ended.verdict, meaning=stops("token_lost")) if in_doubt else ended.verdict
            self._refused = (pair.refresh, self._seconds(), verdict)
            raise Ended(verdict) from None
        await self._save(version, new)
        return new

    async def _asked(self, pair: Pair) -> Pair:
        config = self._config
        form = {"refresh_token": pair.refresh, "app_id": config.app_id, "grant_type": "refresh_token"}
        headers = {
            "secret_key": config.secret_key.get_secret_value(),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = await post(
            self._transport, f"{config.oauth_url}/v4/oa/access_token", headers, urlencode(form).encode()
        )
        if answer.status == 429:
            raise Ended(Verdict(THROTTLED, "429", answer.retry_after))
        said = tree(answer.body)
        access, refresh = text_of(said.get("access_token")), text_of(said.get("refresh_token"))
        now = self._seconds()
        if access and refresh:
            return Pair(
                refresh,
                now + float(count_of(said.get("refresh_token_expires_in")) or REFRESH_LIVES),
                pair.begun,
                access,
                now + float(count_of(said.get("expires_in")) or 3600),
            )
        words = " ".join(str(said[key]) for key in ("error_name", "error_description", "message") if said.get(key))
        detail = without(words, (pair.refresh, config.secret_key.get_secret_value()))
        code = said.get("error")
        if (isinstance(code, int) and code != 0) or answer.status in (400, 401, 403):
            raise Ended(Verdict(stops("credentials"), str(code or answer.status), detail=detail))
        raise Ended(Verdict(Meaning(PostStatus.UNKNOWN, "malformed"), detail=detail))

    async def _loaded(self) -> tuple[int, Pair]:
        """The version and what is kept; what a person has put in newly comes before it."""
        try:
            kept = await self._keeper.load()
        except LoaError as error:
            raise Ended(Verdict(Meaning(PostStatus.QUEUED, "token_busy", Decision.RETRY), error.code)) from None
        pair = _read(kept)
        mark = self._begun()
        if pair is None or mark not in pair.begun:
            begun = (*(pair.begun if pair else ()), mark)
            pair = Pair(self._config.refresh_token.get_secret_value(), self._seconds() + REFRESH_LIVES, begun)
        return (kept.version if kept else 0), pair

    def _begun(self) -> str:
        """A fingerprint of the refresh token that a person has put in."""
        return blake2b(self._config.refresh_token.get_secret_value().encode(), digest_size=12).hexdigest()

    async def _written(self, version: int, pair: Pair) -> int:
        """Write before the call; its version. Raises ``LoaError``: then nothing was asked of Zalo."""
        if not await self._keeper.replace(version, json.dumps(asdict(pair))):
            raise LoaError("channels.token-moved")
        return version + 1

    async def _save(self, version: int, pair: Pair) -> None:
        """Write what Zalo has answered, before anybody uses it. Raises ``Ended`` when the store does not take it: then
        it stays in memory for the next time.
        """
        self._unsaved = (version, pair)
        for _ in range(_SAVES):
            try:
                await self._keeper.replace(version, json.dumps(asdict(pair)))
            except Exception:  # whatever it is: a pair that is lost costs a person a visit to Zalo's pages
                await asyncio.sleep(_PAUSE)
            else:
                self._unsaved = None  # also where another has begun a newer chain meanwhile
                return
        raise Ended(Verdict(Meaning(PostStatus.QUEUED, "token_not_kept", Decision.RETRY)))


def _noticed(task: asyncio.Task[Pair]) -> None:
    """A failed renewal that nobody waits for any more is no mystery: the next one meets the same."""
    if not task.cancelled():
        task.exception()


def _read(kept: Kept | None) -> Pair | None:
    if kept is None:
        return None
    read = json.loads(kept.text)
    return Pair(**{**read, "begun": tuple(read["begun"])})
