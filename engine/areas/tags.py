"""The workspace's audiences/tags.csv: tags that officers give to areas (``code,era,tag``).

Remote and border communes are in no open data set; the officer's own list is the source.
"""

import csv
import io
from typing import NamedTuple

from engine.areas.area import ERAS, Era, Key
from engine.areas.registry import Registry, load

HEADER = ("code", "era", "tag")


class TagIssue(NamedTuple):
    """One wrong line: its number (from 1), the code (its words are ``areas.<code>``) and their values."""

    line: int
    code: str
    values: dict[str, object]


def parse_tags(text: str, registry: Registry | None = None) -> tuple[dict[str, set[Key]], list[TagIssue]]:
    """Tags with the areas (of any level) that carry them, and every wrong line.

    A BOM, CRLF, empty lines and columns in another order are fine, as is ``;`` between the columns (what Excel
    writes here). Nothing is raised; a wrong line is left out and named.
    """
    registry = registry or load()
    tags: dict[str, set[Key]] = {}
    issues: list[TagIssue] = []
    text = text.removeprefix("\ufeff")
    first = text.lstrip("\r\n").partition("\n")[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in first else ",")
    columns: dict[str, int] | None = None
    seen: dict[tuple[Key, str], int] = {}
    while True:
        try:
            fields = [field.strip() for field in next(lines)]
        except StopIteration:
            break
        except csv.Error:
            issues.append(TagIssue(max(lines.line_num, 1), "tags-unreadable", {}))
            break
        if not any(fields):
            continue
        if columns is None:
            names = [field.lower() for field in fields]
            if sorted(names) != sorted(HEADER):
                issues.append(TagIssue(lines.line_num, "tags-header", {"header": ",".join(HEADER)}))
                break
            columns = {name: names.index(name) for name in HEADER}
            continue
        if len(fields) != len(HEADER):
            issues.append(TagIssue(lines.line_num, "tags-columns", {"found": len(fields)}))
            continue
        code, era, tag = (fields[columns[name]] for name in HEADER)
        issue = _problem(registry, code, era, tag)
        if issue:
            issues.append(TagIssue(lines.line_num, *issue))
            continue
        key: Key = (_ERAS[era], code)
        if (key, tag) in seen:
            values: dict[str, object] = {"code": code, "era": era, "tag": tag, "first": seen[key, tag]}
            issues.append(TagIssue(lines.line_num, "tags-duplicate", values))
            continue
        seen[key, tag] = lines.line_num
        tags.setdefault(tag, set()).add(key)
    if columns is None and not issues:
        issues.append(TagIssue(1, "tags-header", {"header": ",".join(HEADER)}))
    return tags, issues


_ERAS: dict[str, Era] = {era: era for era in ERAS}


def _problem(registry: Registry, code: str, era: str, tag: str) -> tuple[str, dict[str, object]] | None:
    if not tag:
        return "tags-no-tag", {"code": code}
    if not era:
        return "tags-no-era", {"code": code}
    if era not in _ERAS:
        return "tags-bad-era", {"era": era}
    if not registry.has(_ERAS[era], code):
        padded = code.zfill(5)
        if code.isdigit() and registry.has(_ERAS[era], padded):
            return "tags-lost-zero", {"code": code, "padded": padded}
        return "tags-unknown-code", {"code": code, "era": era}
    return None
