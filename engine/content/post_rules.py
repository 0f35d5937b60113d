"""What a post may hold on each channel, and what ``loa check`` says of a message that is one.

The limits are the places' own: a Facebook page takes 63,206 characters and a photo of 10 MB, a Telegram channel 4,096
UTF-16 units (1,024 beside a picture) and 10 MB; a Zalo article has a title of 140 and a cover that the account says, no
file. What goes through apprise meets services of all kinds; a stricter one cuts or splits the text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.content.message import VIETNAMESE, FrontMatter, Message
from engine.content.picture import BadPicture, read_picture
from engine.content.reading import Reading
from engine.errors import Problem
from engine.i18n import number, sentence


@dataclass(frozen=True, slots=True)
class PostLimits:
    """``text`` and ``caption`` (beside a picture) in characters, or UTF-16 units; ``picture`` in bytes, 0: none."""

    text: int
    picture: int
    caption: int | None = None
    utf16: bool = False
    title: int = 250

    def length(self, text: str) -> int:
        """How long the place finds a text."""
        return len(text.encode("utf-16-le")) // 2 if self.utf16 else len(text)


POST_LIMITS = {
    "facebook": PostLimits(63_206, 10_000_000),
    "zalo": PostLimits(10_000, 0, title=140),
    "telegram": PostLimits(4_096, 10_000_000, caption=1_024, utf16=True),
    "social": PostLimits(5_000, 5_000_000),
}
ONLY_POSTS = ("title", "link", "picture")  # keys of the front matter


def check_front_matter(reading: Reading[FrontMatter], channel: str, workspace: Path) -> str | None:
    """Report on ``reading`` what is wrong for this channel; the digest of the picture, where it names a good one."""
    front, limits = reading.value, POST_LIMITS.get(channel)
    if front is None:
        return None
    if limits is None:
        for key in ONLY_POSTS:
            if getattr(front, key) is not None:
                reading.report_key((key,), "error", "messages.only-in-posts", key=key, channel=channel)
        return None
    if front.title is not None and len(front.title) > limits.title:
        reading.report(("title",), "error", "messages.title-too-long", limit=limits.title)
    if front.picture is None or not reading.intact(("picture",)):
        return None
    if not limits.picture:
        reading.report_key(("picture",), "error", "messages.no-picture-there", channel=channel)
        return None
    try:
        return read_picture(workspace, front.picture, limits.picture)[0].digest
    except BadPicture as error:
        reading.report_error(("picture",), error)
        return None


def check_post(message: Message) -> Iterator[Problem]:
    """What is wrong with a post's file whatever its words come to."""
    if message.language != VIETNAMESE:
        yield Problem(
            message.file, 1, 1, "warning", "post-language", sentence("messages.post-language", name=message.language)
        )


def check_post_size(message: Message, text: str) -> Iterator[Problem]:
    """Whether the words fit where they are to appear."""
    limits = POST_LIMITS[message.channel]
    limit = limits.caption if message.picture and limits.caption else limits.text
    length = limits.length(text)
    if length > limit:
        words = sentence("messages.post-too-long", length=number(length), limit=number(limit), channel=message.channel)
        yield Problem(message.file, message.body_line, 1, "error", "post-too-long", words)
