"""One table of cases for every publisher that is reached over HTTP, each over a real socket.

The table is engine/channels/testing/post_cases.py. A case that a dialect does not write fails.
"""

import dataclasses
import re
import sys
from pathlib import Path

import dialect_posts
import pytest
import yaml

from engine.channels import VENDORS, apprise_sender, facebook_sender, telegram_sender, zalo_sender
from engine.channels.publishing import Keep, PostOutcome, Publication
from engine.channels.testing.post_cases import POST_CASES
from engine.channels.testing.post_dialect import PostDialect, post_names, prove_post
from engine.channels.testing.standin import reply
from engine.content.organisation import SenderLimits
from engine.content.post_rules import POST_LIMITS

DIALECTS = dialect_posts.DIALECTS
OWED = [(name, proof) for name, dialect in DIALECTS.items() for proof in post_names(dialect)]


# apprise's first import looks for a module that Python is about to drop
@pytest.mark.filterwarnings("ignore:.*imghdr:DeprecationWarning")
@pytest.mark.parametrize(("dialect", "proof"), OWED, ids=[f"{name}-{proof}" for name, proof in OWED])
def test_every_answer_to_a_post_gets_its_one_meaning(dialect: str, proof: str) -> None:
    prove_post(DIALECTS[dialect], proof)


def test_every_publisher_in_the_registry_meets_every_case() -> None:
    publishes = {name for name, vendor in VENDORS.items() if vendor.publish is not None}
    assert publishes == DIALECTS.keys() | {"sandbox"}


PAGES = [Path(__file__).parents[2] / "docs" / name for name in ("posts-vendors.md", "vi/trang-mang-xa-hoi.md")]
EXAMPLES = [
    (key, options)
    for page in PAGES
    for block in re.findall(r"```yaml\n(?:senders:\n)?(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for key, options in yaml.safe_load(block).items()
]


@pytest.mark.parametrize(("key", "options"), EXAMPLES, ids=[key for key, _ in EXAMPLES])
def test_an_example_of_the_pages_can_be_copied(key: str, options: dict) -> None:
    own = {name: value for name, value in options.items() if name not in SenderLimits.model_fields}
    assert options["area"]["era"] == "2025"
    config = VENDORS[options["provider"]].schema.model_validate(own)
    assert all(str(value).startswith("${") for name, value in own.items() if _is_secret(type(config), name))


def _is_secret(schema: type, name: str) -> bool:
    extra = schema.model_fields[name].json_schema_extra
    return bool(extra and extra.get("secret"))


LIMITS = {
    "facebook": facebook_sender.LIMITS, "zalo": zalo_sender.LIMITS, "telegram": telegram_sender.LIMITS,
    "social": apprise_sender.LIMITS,
}  # fmt: skip


@pytest.mark.parametrize("channel", LIMITS)
def test_what_loa_check_lets_through_is_never_too_much_for_the_vendor(channel: str) -> None:
    checked, taken = POST_LIMITS[channel], LIMITS[channel]
    assert checked.text <= taken.text
    assert (checked.caption or checked.text) <= taken.longest(picture=True)
    assert checked.picture <= taken.picture_bytes
    assert checked.title <= (taken.title or taken.longest(picture=True))  # else it is the text's first line
    assert bool(checked.picture) == bool(taken.pictures)
    assert checked.length("😀") == taken.length("😀")


@pytest.mark.parametrize("case", [name for name, case in POST_CASES.items() if not case.script])
def test_a_case_that_a_publisher_does_not_exercise_fails(case: str) -> None:
    telegram = dialect_posts.TELEGRAM
    without = {key: answer for key, answer in telegram.answers.items() if key != case}
    with pytest.raises((AssertionError, KeyError)):
        post_names(dataclasses.replace(telegram, answers=without))


def test_a_publisher_may_not_leave_out_what_every_vendor_has() -> None:
    telegram = dialect_posts.TELEGRAM
    with pytest.raises(AssertionError, match="no vendor may leave it out"):
        post_names(dataclasses.replace(telegram, has_no={"refused": "too hard"}))
    with pytest.raises(AssertionError, match="nothing would be proven"):
        tame = {**telegram.answers, "secret in an error": telegram.answers["refused"]}
        post_names(dataclasses.replace(telegram, answers=tame))


class _Spoiled:
    """A publisher that does one thing wrong."""

    def __init__(self, publisher: object, *, loud: bool = False, twice: bool = False) -> None:
        self._publisher, self._loud, self._twice = publisher, loud, twice

    async def publish(self, publication: Publication, keep: Keep) -> PostOutcome:
        if self._loud:
            sys.stdout.write(dialect_posts.BOT_TOKEN)
        outcome = await self._publisher.publish(publication, keep)
        return await self._publisher.publish(publication, keep) if self._twice else outcome

    async def close(self) -> None:
        await self._publisher.close()


def _spoiled(**how: bool) -> PostDialect:
    telegram = dialect_posts.TELEGRAM
    return dataclasses.replace(telegram, open=lambda url, transport: _Spoiled(telegram.open(url, transport), **how))


@pytest.mark.parametrize("proof", ["ordinary", "refused", "no connection"])
def test_a_publisher_that_gives_its_token_away_is_caught(proof: str) -> None:
    with pytest.raises(AssertionError, match="gives something away"):
        prove_post(_spoiled(loud=True), proof)


@pytest.mark.parametrize("proof", ["ordinary", "vendor broke", "ambiguous timeout", "cut kept-alive connection"])
def test_a_publisher_that_calls_twice_is_caught(proof: str) -> None:
    with pytest.raises(AssertionError, match=r"requests were read|a call repeated"):
        prove_post(_spoiled(twice=True), proof)


def test_a_publisher_that_takes_a_5xx_for_a_refusal_is_caught() -> None:
    telegram = dialect_posts.TELEGRAM
    wrong = {**telegram.answers, "vendor broke": reply(400, {"ok": False, "error_code": 400, "description": "no"})}
    with pytest.raises(AssertionError, match="instead of"):
        prove_post(dataclasses.replace(telegram, answers=wrong), "vendor broke")
