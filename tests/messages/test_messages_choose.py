"""Which words somebody gets: their language before their arm, Vietnamese only as a counted fallback."""

import json

import pytest

from engine.content.message import Message, MessageSet, languages_to_try


def made(*names: str) -> MessageSet:
    """A set of messages named ``variant/language`` or ``language``; a ``!`` marks an unreviewed one."""
    messages = []
    for name in names:
        variant, _, language = name.rstrip("!").rpartition("/")
        messages.append(
            Message(
                key="thu",
                channel="sms",
                variant=variant or None,
                language=language,
                file=f"messages/thu/{name}",
                body=name,
                reviewed_by=None if name.endswith("!") else "Người Thử 001",
            )
        )
    return MessageSet(key="thu", messages=tuple(messages), includes={"a.j2": "x"})


@pytest.mark.parametrize(
    ("there", "variant", "language", "chosen", "fallback"),
    [
        (("vi",), None, "vi", "vi", False),
        (("vi",), None, None, "vi", False),
        (("vi",), "a", "vi", "vi", False),
        (("vi", "a/vi"), "a", "vi", "a/vi", False),
        (("vi", "a/vi"), "b", "vi", "vi", False),
        (("vi", "tyz"), None, "tyz", "tyz", False),
        (("vi", "tyz"), None, "nut", "vi", True),
        (("a/vi", "vi", "tyz"), "a", "tyz", "tyz", False),
        (("a/vi", "vi", "tyz"), "a", "nut", "a/vi", True),
        (("vi", "hmn"), None, "hmn-Latn-x-vn", "hmn", False),
        (("vi", "hmn-Latn", "hmn"), None, "hmn-Latn-x-vn", "hmn-Latn", False),
        (("vi", "hmn-Latn-x-rpa"), None, "hmn-Latn-x-vn", "vi", True),
        (("vi", "hmn-Latn-x-vn"), None, "hmn", "vi", True),
        (("vi", "tyz!"), None, "tyz", "vi", True),
        (("vi!",), None, "vi", "vi!", False),
    ],
)
def test_the_right_words_are_chosen(
    there: tuple[str, ...], variant: str | None, language: str | None, chosen: str, fallback: bool
) -> None:
    found = made(*there).choose("sms", variant, language)
    assert found is not None
    assert (found.message.body, found.fallback) == (chosen, fallback)


def test_a_draft_is_shown_only_to_who_asks_for_drafts() -> None:
    found = made("vi", "tyz!").choose("sms", None, "tyz", drafts=True)
    assert found is not None and found.message.body == "tyz!" and not found.fallback


def test_without_vietnamese_or_on_another_channel_there_are_no_words() -> None:
    assert made("tyz").choose("sms", None, "nut") is None
    assert made("vi").choose("zalo", None, "vi") is None


def test_prefixes_never_end_in_a_lone_letter() -> None:
    assert languages_to_try("hmn-Latn-x-vn") == ("hmn-Latn-x-vn", "hmn-Latn", "hmn", "vi")
    assert languages_to_try("vi-VN") == ("vi-VN", "vi")


def test_a_snapshot_gives_the_same_set_back() -> None:
    there = made("vi", "a/vi", "hmn-Latn-x-vn!")
    assert MessageSet.model_validate(json.loads(json.dumps(there.model_dump(mode="json")))) == there
