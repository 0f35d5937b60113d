"""A Message: the officer's words for one channel, variant and language; a set of them stands under one key.

Both are frozen pydantic models, so that an approval's snapshot holds them as data
(``message_set.model_dump(mode="json")``, ``MessageSet.model_validate(data)``) and running code reads nothing
else. The files they come from: ``message_file.py``; their Jinja: ``template.py``.
"""

import re
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator

from engine.content.message_words import clean_value
from engine.content.values import read_number
from engine.content.words import BadValue

VIETNAMESE = "vi"

SEGMENTS_LIMIT = 10  # Twilio takes 1,600 characters: ten GSM-7 segments and a little

# Plain letters only: an address with others is copied from a browser in its encoded form.
_LINK = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?(?:[/?#][\x21-\x7e]*)?", re.IGNORECASE)

Accents = Literal["keep", "strip"]


class FrontMatter(BaseModel):
    """What a message file says about its words between its two ``---`` lines; every key is optional.

    ``registered_id`` is the operator's number of the approved text, ``registered_text`` that text word for
    word; ``accents: strip`` sends the words unaccented; ``max_segments`` is the officer's own limit;
    ``reviewed_by`` names who answers for a translation. Of posts only: ``title``, ``link``, and ``picture``, a file
    of the workspace.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    registered_id: str | None = None
    registered_text: str | None = None
    accents: Accents = "keep"
    max_segments: int | None = None
    reviewed_by: str | None = None
    title: str | None = None
    link: str | None = None
    picture: str | None = None

    @field_validator("registered_id", "registered_text", "reviewed_by", "title", "link", "picture", mode="before")
    @classmethod
    def _not_blank(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            raise BadValue("content.empty")
        return value.strip() if isinstance(value, str) else value

    @field_validator("title")
    @classmethod
    def _one_line(cls, value: str | None) -> str | None:
        return clean_value(value) if value is not None else None

    @field_validator("link")
    @classmethod
    def _a_web_address(cls, value: str | None) -> str | None:
        if value is not None and not _LINK.fullmatch(value):
            raise BadValue("messages.bad-link", text=value)
        return value

    @field_validator("max_segments", mode="before")
    @classmethod
    def _count(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = read_number(value)
        if isinstance(value, int) and not 1 <= value <= SEGMENTS_LIMIT:
            raise BadValue("messages.bad-max-segments", limit=SEGMENTS_LIMIT)
        return value


class Message(FrontMatter):
    """One message file: its place (key, channel, variant, language), its front matter and its Jinja source.

    ``body`` is the source below the front matter, NFC with ``\\n`` line ends; ``file`` is relative to the
    workspace, ``body_line`` the line (from 1) at which the body begins there. ``language`` is a BCP 47 tag in
    its usual case (``hmn-Latn-x-vn``); ``variant`` None is the text for every arm that has none of its own.
    """

    key: str
    channel: str
    variant: str | None = None
    language: str
    file: str
    body: str = Field(repr=False)
    body_line: int = Field(default=1, ge=1)
    picture_digest: str | None = None  # SHA-256 of the picture's bytes, in hex: an approval stands on it

    @property
    def reviewed(self) -> bool:
        """Whether it may be sent: Vietnamese needs no review, any other language a named reviewer."""
        return self.language == VIETNAMESE or self.reviewed_by is not None


class Chosen(NamedTuple):
    """The message for somebody; ``fallback`` says that it is Vietnamese in place of the language wanted."""

    message: Message
    fallback: bool


class MessageSet(BaseModel):
    """All messages of one key, with the include sources they use (name under ``messages/`` → source)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    messages: tuple[Message, ...]
    includes: dict[str, str] = Field(default_factory=dict, repr=False)

    def choose(self, channel: str, variant: str | None, language: str | None, *, drafts: bool = False) -> Chosen | None:
        """The message on ``channel`` for somebody in arm ``variant`` reading ``language`` (None: Vietnamese).

        Languages are tried as RFC 4647, 3.4 (Lookup) has it, ``hmn-Latn-x-vn``, ``hmn-Latn``, ``hmn``, and
        Vietnamese last, which is a ``fallback`` and counted as one; within a language the arm's own text
        comes before the one without variant, for being understood matters more than the experiment. An
        unreviewed translation is passed over unless ``drafts`` (preview, senders that are not live). None:
        there is not even a Vietnamese text; ``check`` has said so.
        """
        wanted = languages_to_try(language or VIETNAMESE)
        for tag in wanted:
            for arm in dict.fromkeys((variant, None)):
                message = self.find(channel, arm, tag)
                if message is not None and (message.reviewed or drafts):
                    return Chosen(message, tag == VIETNAMESE and wanted[0] != VIETNAMESE)
        return None

    def find(self, channel: str, variant: str | None, language: str) -> Message | None:
        """The message of exactly this channel, variant and language tag."""
        for message in self.messages:
            if (message.language, message.variant, message.channel) == (language, variant, channel):
                return message
        return None


def languages_to_try(language: str) -> tuple[str, ...]:
    """``language``, then its ever shorter prefixes, then Vietnamese, each once (RFC 4647, 3.4)."""
    subtags = language.split("-")
    tags = []
    while subtags:
        tags.append("-".join(subtags))
        subtags.pop()
        if len(subtags) > 1 and len(subtags[-1]) == 1:  # a lone "x" announces what was just removed
            subtags.pop()
    return tuple(dict.fromkeys((*tags, VIETNAMESE)))
