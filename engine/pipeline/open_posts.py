"""Opening a run of posts: one row for each page, with the words as they will stand there, in one transaction."""

from engine.areas.registry import Registry
from engine.content.campaign import Step
from engine.content.picture import BadPicture, read_picture
from engine.content.snapshot import Snapshot
from engine.log import get
from engine.pipeline.page_words import PageWords, page_words
from engine.pipeline.process import Process
from engine.status import RunStatus, StepStatus
from engine.store import campaigns, posts, runs

_log = get("open_posts")


def open_posts(process: Process, run_id: int, snapshot: Snapshot, step: Step, registry: Registry) -> RunStatus:
    """Bring a run of posts from ``enqueueing`` to ``ready`` (or ``paused``, where its step is); its status afterwards.

    Safe to call again and from two processes at once. Pictures are kept as they are now, if they are what was
    approved: what lies there later is not what a person has seen.
    """
    made = page_words(snapshot, step, registry)
    pictures = {one.picture_digest: _read(process, one) for one in made if one.picture_digest and one.picture}
    with process.database.write() as connection:
        campaign, signature = snapshot.campaign.key, process.signed()
        campaigns.status_of(connection, campaign, lock=True)  # first, as who pauses or cancels does
        status = RunStatus(runs.get(connection, run_id)["status"])
        if status is not RunStatus.ENQUEUEING:
            return status
        for digest, found in pictures.items():
            if found is not None:
                posts.keep_picture(connection, digest, *found)
        posts.create(connection, [_row(run_id, one) for one in made])
        runs.move(connection, run_id, RunStatus.ENQUEUEING, RunStatus.READY, signature)
        if campaigns.step_status(connection, campaign, step.id) is StepStatus.PAUSED:
            runs.move(connection, run_id, RunStatus.READY, RunStatus.PAUSED, signature, reason="paused")
            return RunStatus.PAUSED
    return RunStatus.READY


def _read(process: Process, one: PageWords) -> tuple[str, bytes] | None:
    """The picture's kind and bytes; None where another one lies there by now, or none: the post says so then."""
    try:
        found, content = read_picture(process.settings.workspace, str(one.picture))
    except BadPicture as error:
        _log.error("picture", code=error.code)
        return None
    return (found.media_type, content) if found.digest == one.picture_digest else None


def _row(run_id: int, one: PageWords) -> dict[str, object]:
    return {
        "run_id": run_id,
        "sender": one.sender.key,
        "place": one.place,
        "era": one.area.era,
        "area": one.area.code,
        "district": one.district,
        "words": one.text,
        "title": one.title,
        "link": one.link,
        "picture": one.picture,
        "picture_digest": one.picture_digest,
    }
