"""The files an approval stands on, and what has changed in them since, in words."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection

from engine.content.changes import WHOLE_FILE, told, without_secrets
from engine.content.snapshot import Difference, Snapshot, differences
from engine.content.workspace import CONFIGURATION
from engine.i18n import sentence
from engine.pipeline.process import Process
from engine.store import snapshots

MOST_LINES = 200  # kept of one change; nobody reads more, and the campaign was written anew then
_TAGS = "audiences/tags.csv"


def files_behind(workspace: Path, snapshot: Snapshot) -> dict[str, str]:
    """The files that ``snapshot`` was made from (name from the workspace's folder → text), secrets taken out.

    A file that is not there, or that cannot be read at this moment, is left out.
    """
    names = {CONFIGURATION, f"campaigns/{snapshot.campaign.key}.yaml"}
    names |= {f"audiences/{key}.yaml" for key in snapshot.audiences}
    names |= {_TAGS} if snapshot.tags else set()
    for message_set in snapshot.messages.values():
        names |= {message.file for message in message_set.messages}
        names |= {f"messages/{name}" for name in message_set.includes}
    found = {}
    for name in sorted(names):
        try:
            text = (workspace / name).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            continue
        found[name] = without_secrets(text) if name == CONFIGURATION else text
    return found | _pictures(snapshot)


def _pictures(snapshot: Snapshot) -> dict[str, str]:
    """Pictures by their digests: that another one lies there is all that a line can say."""
    return {
        message.picture: f"SHA-256 {message.picture_digest}"
        for message_set in snapshot.messages.values()
        for message in message_set.messages
        if message.picture is not None
    }


def changes_since(process: Process, connection: Connection, digest: str, now: Snapshot) -> list[Difference]:
    """What is not as it was in the approved snapshot ``digest``, line by line; empty when nothing differs."""
    different = differences(process.snapshot(digest), now)
    if not different:
        return []
    before = snapshots.files_of(connection, digest)
    after = files_behind(process.settings.workspace, now) if before else {}
    return told(before, after, different)[:MOST_LINES]


def said(change: Difference) -> str:
    """One change as a sentence: ``campaigns/thu.yaml:12: trước “…”, nay “…”``."""
    if WHOLE_FILE in (change.before, change.after):
        code = "file-gone" if change.after is None else "file-new"
    elif change.before is None:
        code = "line-added"
    else:
        code = "line-changed" if change.after is not None else "line-removed"
    return sentence(f"pipeline.{code}", place=change.path, before=change.before, after=change.after)


def said_all(changes: Sequence[Difference]) -> str:
    """All changes, a line each."""
    return "\n".join(said(change) for change in changes)


def to_json(changes: Sequence[Difference]) -> str:
    """Changes as they are kept with a voided approval."""
    return json.dumps([as_document(change) for change in changes], ensure_ascii=False)


def as_document(change: Difference) -> Mapping[str, object]:
    """One change for ``--json``: file, line (None: the whole file), before, after."""
    file, _, line = change.path.rpartition(":")
    if not file or not line.isdigit():
        file, line = change.path, ""
    return {"file": file, "line": int(line) if line else None, "before": change.before, "after": change.after}
