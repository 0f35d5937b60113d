"""The officer's ``messages/`` folder, read whole: every file's name, front matter and source, every fault at once.

``messages/<key>/<channel>[.<variant>].<language>.j2`` is a message. Any other ``.j2`` file whose name has no
further dot is an include source, for ``{% include 'chung/duong-day-nong.j2' %}`` (the name is relative to
``messages/``); so is everything directly in ``messages/`` or below a folder whose name begins with ``_``.
"""

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.content import yamlfile
from engine.content.message import FrontMatter, Message, MessageSet
from engine.content.message_name import CHANNELS, SUFFIX, BadName, MessageName, read_name
from engine.content.post_rules import check_front_matter
from engine.content.reading import TOP, problem, problem_of, read_model
from engine.content.words import is_key
from engine.content.yamlfile import BadYaml, Place
from engine.errors import Problem, reason_of

BIGGEST_FILE = 100_000  # bytes; 20,000 characters of Khmer and a long registered text

# Ours is what a message says; what an editor, a system or a reader leaves beside it is not.
_BESIDE = re.compile(r"^(?:\..*|~.*|.*~|#.*#|thumbs\.db|desktop\.ini|readme.*|.*\.(?:md|orig|bak|swp))$", re.I)
_INCLUDED = re.compile(r"\{%[-+]?\s*include\s+(?:'([^']*)'|\"([^\"]*)\")")


@dataclass(slots=True)
class LoadedMessages:
    """Every message set by key, every include source by name, and what is wrong in their files.

    A set holds the messages that could be read; faults inside their Jinja are ``message_check``'s.
    """

    messages: dict[str, MessageSet] = field(default_factory=dict)
    includes: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def load_messages(workspace: Path) -> LoadedMessages:
    """Read ``workspace/messages``; an absent folder holds nothing. Never raises for what an officer wrote."""
    loaded = LoadedMessages()
    folder = workspace / "messages"
    found: dict[str, dict[MessageName, Message]] = {}
    for file, parts in _files(folder, loaded.problems):
        shown = "/".join(("messages", *parts))
        if not file.name.endswith(SUFFIX):
            _note_other(shown, file.name, parts, loaded.problems)
            continue
        name = _name(shown, parts, loaded.problems)
        if name is None:
            continue
        text = _text(file, shown, loaded.problems)
        if text is None:
            continue
        if not isinstance(name, MessageName):
            loaded.includes[unicodedata.normalize("NFC", "/".join(parts))] = text  # macOS lists names in NFD
            continue
        message = read_message(text, parts[0], name, shown, loaded.problems, workspace)
        first = found.setdefault(parts[0], {}).setdefault(name, message)
        if first is not message:  # sms.hmn-latn.j2 beside sms.hmn-Latn.j2
            loaded.problems.append(problem(shown, TOP, "error", "messages.same-message", first=first.file))
    for key, messages in found.items():
        ordered = tuple(sorted(messages.values(), key=lambda message: message.file))
        used = _used(ordered, loaded.includes)
        loaded.messages[key] = MessageSet(key=key, messages=ordered, includes=used)
    return loaded


def read_message(
    text: str, key: str, name: MessageName, file: str, problems: list[Problem], workspace: Path = Path()
) -> Message:
    """One message from the text of its file; faults of its front matter are added to ``problems``.

    ``workspace`` is where a post's picture lies.
    """
    picture_digest: str | None = None
    front, body, body_line = FrontMatter(), text, 1
    lines = text.split("\n")
    if lines[0].rstrip() == "---":
        end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
        if end is None:
            problems.append(problem(file, TOP, "error", "messages.open-front-matter"))
        else:
            front, picture_digest = _front_matter("\n".join(lines[1:end]), file, name.channel, workspace, problems)
            body, body_line = "\n".join(lines[end + 1 :]), end + 2
    if not body.strip():
        problems.append(problem(file, Place(min(body_line, len(lines)), 1), "error", "messages.empty-message"))
    return Message(
        key=key,
        channel=name.channel,
        variant=name.variant,
        language=name.language,
        file=file,
        body=body,
        body_line=body_line,
        picture_digest=picture_digest,
        **front.model_dump(),
    )


def _front_matter(
    text: str, file: str, channel: str, workspace: Path, problems: list[Problem]
) -> tuple[FrontMatter, str | None]:
    """What the front matter says, and the digest of the picture it names."""
    try:
        parsed = yamlfile.parse(text, first_line=2)
    except BadYaml as error:
        problems.append(problem_of(file, error.place, error))
        return FrontMatter(), None
    problems += [problem_of(file, fault.place, fault) for fault in parsed.faults]
    if parsed.tree is None:
        return FrontMatter(), None
    reading = read_model(FrontMatter, parsed.tree, file)
    digest = check_front_matter(reading, channel, workspace)
    problems += reading.problems
    return reading.value or FrontMatter(), digest


def _files(folder: Path, problems: list[Problem]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """The files below ``folder`` in a settled order, with their path below it; none from outside by a link."""
    inside = folder.resolve()
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _BESIDE.match(name))
        here = Path(where)
        parts = here.relative_to(folder).parts
        linked = [name for name in folders if (here / name).is_symlink()]  # os.walk does not go into them
        for name in (*linked, *sorted(names)):
            file = here / name
            if _BESIDE.match(name):
                continue
            if name in linked or (file.is_symlink() and not file.resolve().is_relative_to(inside)):
                shown = "/".join(("messages", *parts, name))
                problems.append(problem(shown, TOP, "error", "messages.outside-folder"))
            else:
                yield file, (*parts, name)


def _name(file: str, parts: tuple[str, ...], problems: list[Problem]) -> MessageName | str | None:
    """What a ``.j2`` file is: a message's name, ``""`` for an include source, None (and a problem) for neither."""
    stem = parts[-1].removesuffix(SUFFIX)
    if len(parts) == 1 or any(part.startswith("_") for part in parts):
        return ""
    if "." not in stem and stem not in CHANNELS:
        return ""
    if len(parts) > 2:
        problems.append(problem(file, TOP, "error", "messages.too-deep-file"))
        return None
    if not is_key(parts[0]):
        problems.append(problem(file, TOP, "error", "messages.bad-key", name=parts[0]))
        return None
    try:
        return read_name(parts[-1])
    except BadName as error:
        problems.append(problem_of(file, TOP, error))
        return None


def _note_other(file: str, name: str, parts: tuple[str, ...], problems: list[Problem]) -> None:
    """A file that is not read at all: an error where it surely was meant to be a message."""
    if name.lower().endswith((".jpg", ".jpeg", ".png")):
        return  # a picture beside the words that it belongs to; whether it is one is said where it is named
    if len(parts) == 2 and name.partition(".")[0] in CHANNELS:
        problems.append(problem(file, TOP, "error", "messages.wrong-suffix", name=name))
    else:
        problems.append(problem(file, TOP, "warning", "messages.not-read", name=name))


def _text(file: Path, shown: str, problems: list[Problem]) -> str | None:
    """The file's text: UTF-8 with or without a BOM, NFC, ``\\n`` line ends."""
    try:
        size = file.stat().st_size
        if size > BIGGEST_FILE:
            raise BadYaml("content.file-too-big", TOP, size=size, limit=BIGGEST_FILE)
        text = yamlfile.decode(file.read_bytes())
    except BadYaml as error:
        problems.append(problem_of(shown, error.place, error))
        return None
    except OSError as error:
        problems.append(problem(shown, TOP, "error", "messages.unreadable", reason=reason_of(error)))
        return None
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def _used(messages: tuple[Message, ...], includes: Mapping[str, str]) -> dict[str, str]:
    """The include sources that ``messages`` name, and those name in turn: a snapshot holds them and no others."""
    used: dict[str, str] = {}
    waiting = [message.body for message in messages]
    while waiting:
        for single, double in _INCLUDED.findall(waiting.pop()):
            name = single or double
            if name in includes and name not in used:
                used[name] = includes[name]
                waiting.append(includes[name])
    return dict(sorted(used.items()))
