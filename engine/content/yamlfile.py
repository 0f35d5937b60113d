"""YAML as officers write it, read into a tree that knows the place of every key and value.

libyaml's events are read directly and no resolver is asked, so every scalar comes through as it was written: YAML
libraries as shipped turn ``06541`` into 3425, ``20:30`` into 1230 and ``no`` into false, and let a duplicate key
win silently. Anchors, aliases, tags and second documents are refused: no file of ours needs them, and an alias
bomb or an object tag cannot exist without them.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from engine.errors import LoaError

BIGGEST_FILE = 1_000_000  # bytes; the longest real campaign file here has 4 kB
_NEVER = "\ufeff\ufffe\uffff"  # what libyaml refuses beside control characters, without saying where
DEEPEST = 12  # levels; the deepest key of ours is at the fifth


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column, both from 1, in characters."""

    line: int
    column: int


@dataclass(slots=True)
class Scalar:
    """A value as written, NFC."""

    text: str
    place: Place


@dataclass(slots=True)
class Sequence:
    """A list."""

    items: "list[Tree]"
    place: Place


@dataclass(slots=True)
class Mapping:
    """Keys in the order written; ``keys`` has the place of each."""

    entries: "dict[str, Tree]"
    place: Place
    keys: dict[str, Place] = field(default_factory=dict)


Tree: TypeAlias = Scalar | Sequence | Mapping
Steps: TypeAlias = tuple[str | int, ...]  # the way from the top to a value: ("steps", 0, "when")


class BadYaml(LoaError):
    """The file cannot be read as YAML of ours; ``place`` is where."""

    def __init__(self, key: str, place: Place, /, **values: object) -> None:
        super().__init__(key, **values)
        self.place = place


@dataclass(slots=True)
class Parsed:
    """What was read: the tree, if there is any, and every fault that did not stop the reading."""

    tree: Tree | None
    faults: list[BadYaml] = field(default_factory=list)


def read(file: Path) -> Parsed:
    """Read one file. Raises ``BadYaml`` when nothing of it can be used, ``OSError`` when it cannot be opened."""
    size = file.stat().st_size
    if size > BIGGEST_FILE:
        raise BadYaml("content.file-too-big", Place(1, 1), size=size, limit=BIGGEST_FILE)
    return parse(decode(file.read_bytes()))


def decode(data: bytes) -> str:
    """UTF-8, with or without a BOM. Raises ``BadYaml`` with the place of the first byte that is not."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadYaml("content.utf-16", Place(1, 1))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", "replace")  # of the text behind the BOM, if any
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise BadYaml("content.not-utf-8", place, byte=f"{error.object[error.start]:02X}") from None


def parse(text: str, first_line: int = 1) -> Parsed:
    """Read YAML text; ``first_line`` is the line of the file on which it begins (front matter).

    Raises ``BadYaml`` when the text breaks YAML's grammar, nests too deep, or uses what is refused here.
    """
    return _Reader(first_line).read(text)


class _Reader:
    def __init__(self, first_line: int) -> None:
        self.shift = first_line
        self.faults: list[BadYaml] = []

    def place(self, mark: Any) -> Place:
        return Place(mark.line + self.shift, mark.column + 1)

    def read(self, text: str) -> Parsed:
        for number, line in enumerate(text.split("\n")):
            if line.isprintable():  # the quick way for nearly every line
                continue
            for column, letter in enumerate(line):
                if (unicodedata.category(letter) in ("Cc", "Cs") or letter in _NEVER) and letter not in "\t\r\x85":
                    place = Place(number + self.shift, column + 1)
                    raise BadYaml("content.control-character", place, code=f"U+{ord(letter):04X}")
        try:
            events = iter(yaml.parse(text, Loader=yaml.CSafeLoader))
            tree = self.document(events)
        except yaml.MarkedYAMLError as error:
            raise self.broken(error, text) from None
        except yaml.YAMLError:
            raise BadYaml("content.broken-yaml", Place(self.shift, 1)) from None
        return Parsed(tree, self.faults)

    def document(self, events: Iterator[Event]) -> Tree | None:
        tree, documents = None, 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise BadYaml("content.several-documents", self.place(event.start_mark))
            elif isinstance(event, NodeEvent):
                tree = self.node(event, events, 1)
        if isinstance(tree, Scalar) and not tree.text:
            return None
        return tree

    def node(self, event: Any, events: Iterator[Event], depth: int) -> Tree:
        place = self.place(event.start_mark)
        if isinstance(event, AliasEvent) or event.anchor is not None:
            raise BadYaml("content.alias", place, name=event.anchor)
        if event.tag is not None:
            raise BadYaml("content.tag", place, tag=event.tag.replace("tag:yaml.org,2002:", "!!"))
        if depth > DEEPEST:
            raise BadYaml("content.too-deep", place, limit=DEEPEST)
        if isinstance(event, ScalarEvent):
            return Scalar(unicodedata.normalize("NFC", event.value), place)
        if isinstance(event, SequenceStartEvent):
            items = []
            while not isinstance(following := next(events), SequenceEndEvent):
                items.append(self.node(following, events, depth + 1))
            return Sequence(items, place)
        assert isinstance(event, MappingStartEvent)
        mapping = Mapping({}, place)
        while not isinstance(following := next(events), MappingEndEvent):
            key = self.node(following, events, depth + 1)
            value = self.node(next(events), events, depth + 1)
            self.enter(mapping, key, value)
        return mapping

    def enter(self, mapping: Mapping, key: Tree, value: Tree) -> None:
        if not isinstance(key, Scalar):
            self.faults.append(BadYaml("content.key-not-text", key.place))
        elif key.text in mapping.entries:
            first = mapping.keys[key.text].line
            self.faults.append(BadYaml("content.duplicate-key", key.place, key=key.text, first=first))
        else:
            mapping.entries[key.text], mapping.keys[key.text] = value, key.place

    def broken(self, error: yaml.MarkedYAMLError, text: str) -> BadYaml:
        """libyaml's complaint in the officer's words, told by what stands at the place."""
        mark, problem, context = error.problem_mark, error.problem or "", error.context or ""
        if "quoted scalar" in context and error.context_mark is not None and "end of stream" in problem:
            return BadYaml("content.open-quote", self.place(error.context_mark))
        if mark is None:
            return BadYaml("content.broken-yaml", Place(self.shift, 1))
        lines = text.splitlines()
        line = lines[mark.line] if mark.line < len(lines) else ""
        rest = line[mark.column :]
        place = self.place(mark)
        indent = line[: len(line) - len(line.lstrip())]
        if "\t" in indent or rest.startswith("\t"):
            return BadYaml("content.tab", Place(place.line, line.index("\t") + 1))
        if "cannot start any token" in problem and rest:
            return BadYaml("content.needs-quotes", place, letter=rest[0])
        if "mapping values are not allowed" in problem:
            second = ": " in line[: mark.column].lstrip(" -")
            return BadYaml("content.colon-in-value" if second else "content.indentation", place)
        if "escape" in context or "escape" in problem:
            return BadYaml("content.backslash", place)
        if "flow" in context:
            opened = self.place(error.context_mark) if error.context_mark else place
            return BadYaml("content.open-bracket", opened)
        if "could not find expected ':'" in problem:
            begun = self.place(error.context_mark) if error.context_mark else place
            return BadYaml("content.no-colon", begun)
        if "did not find expected" in problem or "indent" in problem:
            return BadYaml("content.indentation", place)
        return BadYaml("content.broken-yaml", place)


def plain(tree: Tree) -> Any:
    """The tree as dicts, lists and texts, for a model to read."""
    if isinstance(tree, Scalar):
        return tree.text
    if isinstance(tree, Sequence):
        return [plain(item) for item in tree.items]
    return {key: plain(value) for key, value in tree.entries.items()}


def place_of(tree: Tree, path: Steps) -> Place:
    """The place of the value at ``path``; where the path leads out of the tree, of the last thing on it."""
    found = tree
    for part in path:
        if isinstance(found, Mapping) and part in found.entries:
            found = found.entries[str(part)]
        elif isinstance(found, Sequence) and isinstance(part, int) and part < len(found.items):
            found = found.items[part]
        else:
            break
    return found.place


def key_place(tree: Tree, path: Steps) -> Place:
    """The place of the key at the end of ``path``; the value's when the path ends in no key."""
    found = at(tree, path[:-1])
    if isinstance(found, Mapping) and path and path[-1] in found.keys:
        return found.keys[str(path[-1])]
    return place_of(tree, path)


def at(tree: Tree, path: Steps) -> Tree | None:
    """The part of the tree at ``path``; None where there is none."""
    found: Tree = tree
    for part in path:
        if isinstance(found, Mapping) and part in found.entries:
            found = found.entries[str(part)]
        elif isinstance(found, Sequence) and isinstance(part, int) and part < len(found.items):
            found = found.items[part]
        else:
            return None
    return found
