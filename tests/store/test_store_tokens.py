"""Single-use tokens in the database: sealed, never overwritten unseen, renewed by one at a time. Both databases."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from post_standins import Served, Zalo
from sqlalchemy import text
from store_rows import PYTHON, only_sqlite
from token_child import ACCOUNT, APP_SECRET, REFRESH, account

from engine.channels.base import Decision, LookUpFailed
from engine.channels.post_calls import Ended
from engine.channels.testing.standin import HANG_UP, Seen, reply
from engine.channels.zalo_token import ZaloTokens
from engine.errors import LoaError
from engine.pipeline.process import Process
from engine.store.vendor_tokens import VendorTokens

DAY = 86_400.0


def keeper(process: Process, **more: Any) -> VendorTokens:
    return VendorTokens(process.database, process.keyring, ACCOUNT, **more)


def zalo(refresh: str = REFRESH) -> Zalo:
    return Zalo(secret_key=APP_SECRET, refresh=refresh)


def run(place: Zalo, work: Callable[[], Any]) -> Any:
    async def inside() -> Any:
        async with place.running():
            return await work()

    return asyncio.run(inside())


def kept(process: Process) -> dict[str, Any]:
    stored = asyncio.run(keeper(process).load())
    assert stored is not None
    found: dict[str, Any] = json.loads(stored.text)
    return found


def test_what_is_kept_is_sealed_and_changes_only_as_it_was_seen(prepared: Process) -> None:
    async def work() -> None:
        one, other = keeper(prepared), keeper(prepared)
        assert await one.load() is None
        assert await one.replace(0, "first-secret") is True
        assert await other.replace(0, "another") is False
        assert await other.replace(1, "second-secret") is True
        assert await one.replace(1, "late") is False
        found = await one.load()
        assert found == (2, "second-secret")

    asyncio.run(work())
    with prepared.database.read() as connection:
        row = connection.execute(text("SELECT account, sealed FROM vendor_token")).one()
    assert row.account == ACCOUNT
    assert b"secret" not in bytes(row.sealed)


def test_two_renew_one_after_the_other_and_a_dead_one_is_no_hindrance(prepared: Process) -> None:
    async def work() -> None:
        one, other = keeper(prepared), keeper(prepared, patience=0.1)
        async with one.alone():
            with pytest.raises(LoaError) as refused:
                async with other.alone():
                    raise AssertionError("two at once")
        assert refused.value.key == "store.token-locked"
        async with other.alone():
            pass

    asyncio.run(work())


@only_sqlite
def test_the_new_pair_is_on_the_disk_before_it_is_used_and_the_old_one_is_marked_before_it_is_spent(
    prepared: Process,
) -> None:
    happened: list[str] = []

    class Watched(VendorTokens):
        async def replace(self, seen: int, words: str) -> bool:
            pair = json.loads(words)
            happened.append("marked" if pair["spent"] else f"kept {pair['access']}")
            return await super().replace(seen, words)

    place = zalo()
    answered = place.done

    def noted(request: Seen, query: dict[str, str]) -> bytes | str:
        happened.append(request.target)
        return answered(request, query)

    place.done = noted  # type: ignore[method-assign]

    async def work() -> None:
        tokens = ZaloTokens(account(place.url), Watched(prepared.database, prepared.keyring, ACCOUNT))
        happened.append(await tokens.access())
        happened.append(await tokens.access())  # still good: nothing is asked
        await tokens.close()

    run(place, work)
    good = "access-1-of-clay"
    assert happened == ["marked", "/v4/oa/access_token", f"kept {good}", good, good]


@only_sqlite
def test_a_store_that_fails_after_the_answer_loses_nothing_and_uses_nothing(
    prepared: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.channels.zalo_token._PAUSE", 0.0)
    fails = {"on": True}

    class Full(VendorTokens):
        async def replace(self, seen: int, words: str) -> bool:
            if fails["on"] and not json.loads(words)["spent"]:
                raise LoaError("store.disk-full")
            return await super().replace(seen, words)

    place = zalo()

    async def work() -> None:
        tokens = ZaloTokens(account(place.url), Full(prepared.database, prepared.keyring, ACCOUNT))
        for _ in range(2):
            with pytest.raises(Ended) as ended:
                await tokens.access()
            assert ended.value.verdict.meaning.reason == "token_not_kept"
            assert ended.value.verdict.meaning.decision is Decision.RETRY
        fails["on"] = False
        assert await tokens.access() == "access-1-of-clay"
        await tokens.close()

    run(place, work)
    assert place.refreshes == 1
    assert kept(prepared)["refresh"] == place.refresh


@only_sqlite
def test_a_store_that_cannot_be_written_beforehand_spends_nothing(prepared: Process) -> None:
    class Full(VendorTokens):
        async def replace(self, seen: int, words: str) -> bool:
            raise LoaError("store.disk-full")

    place = zalo()

    async def work() -> None:
        tokens = ZaloTokens(account(place.url), Full(prepared.database, prepared.keyring, ACCOUNT))
        with pytest.raises(Ended) as ended:
            await tokens.access()
        assert ended.value.verdict.code == "disk-full"
        await tokens.close()

    run(place, work)
    assert place.seen == []


@only_sqlite
@pytest.mark.parametrize(
    ("answer", "reason", "decision", "spent"),
    [
        (reply(429, b""), "throttled", Decision.RETRY, False),
        (reply(200, {"error": -14005, "error_name": "secret"}), "credentials", Decision.STOP_SENDER, False),
        (reply(500, b""), "vendor_error", Decision.RETRY, True),
        (reply(200, b"{"), "malformed", Decision.RETRY, True),
        (HANG_UP, "no_answer", Decision.RETRY, True),
    ],
)
def test_a_refresh_token_is_in_doubt_only_where_it_may_have_been_used(
    prepared: Process, answer: bytes | str, reason: str, decision: Decision, spent: bool
) -> None:
    place = zalo()
    place.says = [answer]

    async def work() -> None:
        tokens = ZaloTokens(account(place.url), keeper(prepared))
        with pytest.raises(Ended) as ended:
            await tokens.access()
        assert (ended.value.verdict.meaning.reason, ended.value.verdict.meaning.decision) == (reason, decision)
        assert (await keeper(prepared).load()).text.count('"spent": true') == spent
        again = ZaloTokens(account(place.url), keeper(prepared))  # as another process, or later
        assert await again.access() == "access-1-of-clay", "what was not processed goes on"
        await tokens.close()
        await again.close()

    run(place, work)
    assert kept(prepared)["spent"] is False


@only_sqlite
def test_whoever_is_cancelled_in_the_middle_of_a_renewal_does_not_break_it_off(prepared: Process) -> None:
    place = zalo()

    async def work() -> None:
        tokens = ZaloTokens(account(place.url), keeper(prepared))
        asked = asyncio.ensure_future(tokens.access())
        while not place.seen:
            await asyncio.sleep(0.001)
        asked.cancel()
        await tokens.close()  # waits for it

    run(place, work)
    assert kept(prepared)["refresh"] == place.refresh
    assert kept(prepared)["access"] == "access-1-of-clay"


@only_sqlite
def test_a_lost_pair_is_told_with_what_to_do_and_a_new_token_begins_anew(prepared: Process) -> None:
    place = zalo()
    place.loses = 1  # as if killed between Zalo's answer and the write

    async def work() -> None:
        tokens = ZaloTokens(account(place.url), keeper(prepared))
        with pytest.raises(Ended):
            await tokens.access()
        with pytest.raises(Ended) as ended:
            await tokens.access()
        meaning = ended.value.verdict.meaning
        assert (meaning.reason, meaning.decision) == ("token_lost", Decision.STOP_SENDER)
        with pytest.raises(LookUpFailed) as failed:
            await tokens.ends()
        assert (failed.value.reason, failed.value.decision) == ("token_lost", Decision.STOP_SENDER)
        assert place.refused == 1, "it is not asked again and again"
        place.refresh = "given-by-a-person"
        renewed = ZaloTokens(account(place.url, "given-by-a-person"), keeper(prepared))
        good = await renewed.access()
        # a process that still has the old environment goes on with what is kept, and not back to what is spent
        assert await tokens.access() == good
        await tokens.close()
        await renewed.close()

    run(place, work)
    assert place.refreshes == 2


@only_sqlite
def test_an_account_that_publishes_seldom_is_renewed_before_its_token_ends(prepared: Process) -> None:
    place = zalo()
    now = [1_800_000_000.0]

    async def work() -> None:
        tokens = ZaloTokens(account(place.url), keeper(prepared), seconds=lambda: now[0])
        first = await tokens.ends()
        assert first.timestamp() == now[0] + 90 * DAY
        now[0] += 40 * DAY
        assert await tokens.ends() == first
        now[0] += 10 * DAY
        assert (await tokens.ends()).timestamp() == now[0] + 90 * DAY
        await tokens.close()

    run(place, work)
    assert place.refreshes == 2


def test_many_in_one_process_renew_once(prepared: Process) -> None:
    place = zalo()

    async def work() -> None:
        several = [ZaloTokens(account(place.url), keeper(prepared)) for _ in range(3)]
        found = await asyncio.gather(*(one.access() for one in several for _ in range(3)))
        assert set(found) == {"access-1-of-clay"}
        place.forget_access()
        found = await asyncio.gather(*(one.another("access-1-of-clay") for one in several for _ in range(3)))
        assert set(found) == {"access-2-of-clay"}
        for one in several:
            await one.close()

    run(place, work)
    assert (place.refreshes, place.refused) == (2, 0)


CHILD = Path(__file__).parents[1] / "token_child.py"


class Child:
    """Another process that wants an access token."""

    def __init__(self, url: str, stop_at: str = "") -> None:
        environment = {**os.environ, "STOP_AT": stop_at}
        self.process = subprocess.Popen(
            [PYTHON, str(CHILD), url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment,
        )  # fmt: skip

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def end(self) -> None:
        self.process.communicate(timeout=30)
        assert self.process.returncode == 0


@pytest.mark.torture
def test_two_processes_that_want_a_token_at_once_spend_one(prepared: Process) -> None:
    with Served(zalo()) as served:
        children = [Child(served.place.url) for _ in range(2)]
        for child in children:
            assert child.line() == "ready"
        for child in children:
            child.go()
        assert {child.line() for child in children} == {"access-1-of-clay"}
        for child in children:
            child.end()
        assert (served.place.refreshes, served.place.refused) == (1, 0)


@pytest.mark.torture
@pytest.mark.parametrize(
    ("stop_at", "told"),
    [
        ("after the mark", "access-1-of-clay"),
        ("before the pair is kept", "token_lost"),  # the one moment that nobody can cover: a write of 2 to 4 ms
    ],
)
def test_a_kill_at_any_moment_costs_the_token_at_one_only_and_then_it_is_told(
    prepared: Process, stop_at: str, told: str
) -> None:
    with Served(zalo()) as served:
        first = Child(served.place.url, stop_at)
        assert first.line() == "ready"
        first.go()
        assert first.line() == "there"
        first.kill()

        async def after() -> str:
            tokens = ZaloTokens(account(served.place.url), keeper(prepared))
            try:
                return await tokens.access()
            except Ended as ended:
                return ended.verdict.meaning.reason
            finally:
                await tokens.close()

        assert asyncio.run(after()) == told
        assert served.place.refreshes == 1
