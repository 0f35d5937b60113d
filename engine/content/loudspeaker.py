"""Loudspeakers: what ``loa.yaml`` says of them, and how long a script takes to read aloud. Pure."""

import math
import re
from datetime import time, timedelta

from pydantic import field_validator

from engine.content.message import Accents
from engine.content.values import Duration, Frozen, Number, QuietHours, Texts
from engine.content.words import BadValue

LOUDSPEAKER = "loudspeaker"
EMAIL = "email"  # the channel of senders that reach relays alone: there is no step of e-mail
# Channels of the senders that can carry the link to a relay.
CARRIERS = frozenset({"sms", EMAIL})
RELAYS = "loa"  # the group of those who read aloud
LONGEST_AHEAD = timedelta(hours=48)

# Writing without spaces: a Chinese character is a syllable; of Khmer, Lao, Thai and Burmese letters (vowel signs
# counted) about three make one. A number is read digit by digit: "111" is three syllables.
_HAN = re.compile("[\u3400-\u9fff]")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+")
_WORD = re.compile(r"\w+")


class Loudspeaker(Frozen):
    """How scripts are read aloud in this province.

    ``hours`` are those in which a script may be read; ``ahead`` is how long before it the link goes out at the
    earliest; ``remind_after`` the planned hour an unconfirmed relay is reminded, once; ``longest_minutes`` is when
    ``check`` warns; ``speech_command`` makes spoken audio of a script (an argument list; none: no audio).
    """

    words_per_minute: Number = 150  # Vietnamese syllables, read slowly and clearly
    longest_minutes: Number = 5
    hours: QuietHours = QuietHours(start=time(5), end=time(21))
    ahead: Duration = timedelta(hours=16)
    remind_after: Duration = timedelta(hours=3)
    accents: Accents = "keep"  # of the message with the link
    speech_command: Texts = ()

    @field_validator("words_per_minute")
    @classmethod
    def _readable(cls, value: int) -> int:
        if not 40 <= value <= 400:
            raise BadValue("loudspeaker.bad-pace", text=value)
        return value

    @field_validator("longest_minutes")
    @classmethod
    def _some_minutes(cls, value: int) -> int:
        if value < 1:
            raise BadValue("content.at-least-one", text=value)
        return value

    @field_validator("ahead", "remind_after")
    @classmethod
    def _within_two_days(cls, value: timedelta) -> timedelta:
        if not timedelta() < value <= LONGEST_AHEAD:
            raise BadValue("loudspeaker.bad-span", hours=int(LONGEST_AHEAD.total_seconds() // 3600))
        return value


def syllables(text: str) -> int:
    """About how many syllables are spoken when ``text`` is read aloud."""
    count = len(_HAN.findall(text))
    count += sum(math.ceil(len(run) / 3) for run in _UNSPACED.findall(text))
    for word in _WORD.findall(_UNSPACED.sub(" ", _HAN.sub(" ", text))):
        digits = sum(character.isdigit() for character in word)
        count += digits + (0 if digits == len(word) else 1)
    return count


def minutes(text: str, words_per_minute: int) -> int:
    """Whole minutes to read ``text``, rounded up; at least one."""
    return max(1, math.ceil(syllables(text) / words_per_minute))
