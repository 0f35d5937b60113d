"""Finding areas by name: the index over folded names and the ranking of what fits."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import NamedTuple

from engine.areas.area import Area, Era, Key, Level
from engine.areas.names import Fit, Reading, Spelling, is_accented, readings, spell_proper, split_name, words_of

# A commune's type changes only between these; the town (thị trấn) of a name is another place than the
# commune of that name: Thị trấn Cao Lộc went into Kỳ Lừa, Xã Cao Lộc is elsewhere.
_EXCHANGEABLE = ({"Xã", "Phường"},)
SUGGESTIONS = 5


class Match(NamedTuple):
    """An area that fits a written name; the smaller the rank the better, equal ranks are equally good."""

    rank: tuple[int, int, int]
    area: Area


class Entry(NamedTuple):
    """One area in the index."""

    key: Key
    level: Level
    type: str
    spelling: Spelling


class NameIndex:
    """All names by their accentless key. Building it folds 14,154 names, so it waits until one is sought."""

    def __init__(self, names: Iterable[tuple[Key, Level, str]]) -> None:
        self.entries: dict[str, list[Entry]] = defaultdict(list)
        spellings: dict[str, Spelling] = {}  # a third of the names occur more than once
        for key, level, name in names:
            kind, proper = split_name(name)
            spelling = spellings.get(name) or spellings.setdefault(name, spell_proper(kind, words_of(proper)))
            self.entries[spelling.key].append(Entry(key, level, kind, spelling))

    def match(
        self,
        text: str,
        area_of: Callable[[Key], Area],
        *,
        era: Era | None = None,
        level: Level | None = None,
        nearness: Callable[[Area], int | None] = lambda area: 0,
    ) -> list[Match]:
        """Everything ``text`` can mean, best first.

        Ranked by accents (a spelling with all its marks beats one without; a text without any mark, even in
        its type word, says nothing about accents and ranks all alike), then by type word, then by
        ``nearness`` of the place looked in (``None``: not there). Marks against each other never fit.
        """
        accented = is_accented(text)
        found: dict[Key, Match] = {}
        for reading in readings(text):
            for entry in self.entries.get(reading.spelling.key, ()):
                if (era and entry.key[0] != era) or (level and entry.level != level):
                    continue
                fit = reading.spelling.fit(entry.spelling)
                by_type = _type_rank(reading, entry)
                if fit is Fit.AGAINST or by_type is None:
                    continue
                area = area_of(entry.key)
                near = nearness(area)
                if near is None:
                    continue
                rank = (int(fit) if accented else int(Fit.UNACCENTED), by_type, near)
                if entry.key not in found or rank < found[entry.key].rank:
                    found[entry.key] = Match(rank, area)
        return sorted(found.values(), key=lambda match: (match.rank, match.area.era == "legacy", match.area.code))

    def nearest(
        self,
        text: str,
        *,
        level: Level | None = None,
        allowed: Callable[[Key], bool] = lambda key: True,
        cutoff: float = 0.75,
    ) -> list[Key]:
        """Keys of the areas whose names are spelled most like ``text``, the nearest first; ``cutoff`` as difflib's."""
        keys: list[Key] = []
        for reading in reversed(readings(text)):  # without its type word first
            pool = [
                name
                for name, entries in self.entries.items()
                if abs(len(name) - len(reading.spelling.key)) <= 4
                and any(_near(entry, level, reading) and allowed(entry.key) for entry in entries)
            ]
            for name in get_close_matches(reading.spelling.key, pool, n=SUGGESTIONS, cutoff=cutoff):
                keys += [
                    entry.key
                    for entry in self.entries[name]
                    if _near(entry, level, reading) and allowed(entry.key) and entry.key not in keys
                ]
        return keys[:SUGGESTIONS]


def _near(entry: Entry, level: Level | None, reading: Reading) -> bool:
    if level:
        return entry.level == level
    return reading.levels is None or entry.level in reading.levels


def _type_rank(reading: Reading, entry: Entry) -> int | None:
    """0 when the type word agrees or none is written, 1 when types of that level do change, else ``None``."""
    if reading.type is None or reading.type == entry.type:
        return 0
    if reading.levels is None or entry.level not in reading.levels:
        return None
    if entry.level == "commune" and {reading.type, entry.type} not in _EXCHANGEABLE:
        return None
    return 1
