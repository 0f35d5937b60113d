"""What an officer changed in files, line by line in the words of the files. Pure."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from engine.content.snapshot import Difference

LONGEST_LINE = 300  # characters of a line that are kept; a message is seldom longer
WHOLE_FILE = "…"  # stands for a file that is there in one version only
# A secret written out is an error of its sender, which need not be a sender of this campaign: it must not be kept.
_SECRET = re.compile(
    r"""((?:token|password|secret|passwd|api_key|apikey)\w*["']?\s*:\s*+)(?!["']?\$\{)("[^"\n]*"|'[^'\n]*'|[^,}\n]+)""",
    re.IGNORECASE,
)
# The parts of a snapshot that a file decides, by the beginning of the file's name.
_DECIDES = (
    ("campaigns/", {"campaign", "hotlines"}),
    ("audiences/", {"audiences", "tags"}),
    ("messages/", {"messages"}),
    ("loa.yaml", {"senders", "organisation", "timezone", "hotlines", "approvals", "privacy", "loudspeaker"}),
)


def without_secrets(text: str) -> str:
    """``text`` with the values of keys that hold secrets taken out, unless they are ``${NAME}``; lines stay lines."""
    return _SECRET.sub(r"\1…", text)


def told(before: Mapping[str, str], after: Mapping[str, str], different: Sequence[Difference]) -> list[Difference]:
    """``different`` parts of two snapshots as the lines of the files they were made from (file → text).

    A difference's path is then ``campaigns/thu.yaml:12``, the line in the new file (of what was taken out: in the
    old one). Lines of files that decide nothing that differs are left out, and so are comments and empty lines of
    YAML. What no line explains (other area tables, files that were not kept) stays as it is in ``different``.
    """
    roots = {difference.path.partition(".")[0] for difference in different}
    found: list[Difference] = []
    explained: set[str] = set()
    for file in sorted(before.keys() | after.keys()):
        decides = next((parts for start, parts in _DECIDES if file.startswith(start)), {"messages"})  # a picture's
        if not decides & roots:
            continue
        lines = list(_lines_of(file, before.get(file), after.get(file)))
        if lines:
            found += lines
            explained |= decides
    return found + [one for one in different if one.path.partition(".")[0] not in explained]


def _lines_of(file: str, old: str | None, new: str | None) -> Iterator[Difference]:
    if old is None or new is None:
        if old != new:
            yield Difference(file, None if old is None else WHOLE_FILE, None if new is None else WHOLE_FILE)
        return
    before, after = _significant(file, old), _significant(file, new)
    matcher = SequenceMatcher(None, [text for _, text in before], [text for _, text in after], autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            continue
        for place in range(max(end - start, new_end - new_start)):
            was = before[start + place] if start + place < end else None
            now = after[new_start + place] if new_start + place < new_end else None
            line = (now or was or (0, ""))[0]
            yield Difference(f"{file}:{line}", was and _cut(was[1]), now and _cut(now[1]))


def _significant(file: str, text: str) -> list[tuple[int, str]]:
    """(line from 1, its text) of the lines that can mean something."""
    lines = enumerate(unicodedata.normalize("NFC", text.lstrip("\ufeff")).splitlines(), 1)
    is_yaml = file.endswith((".yaml", ".csv"))
    written = ((number, line.rstrip()) for number, line in lines)  # not its indentation, which means something
    return [(number, line) for number, line in written if line and not (is_yaml and line.lstrip().startswith("#"))]


def _cut(line: str) -> str:
    line = line.strip()
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"
