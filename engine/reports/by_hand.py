"""What the workspace's files say of activities, read when a report asks for it."""

from pathlib import Path

from engine.areas import registry as areas
from engine.content.activity_files import FOLDER, load_activities
from engine.content.province import own_province
from engine.reports.activities import ActivityReport, AskedActivities, make_activity_report


def planned_by_hand(workspace: Path, asked: AskedActivities) -> ActivityReport | None:
    """Planned beside done; None where the workspace's files have no row at all, not even a wrong one."""
    if not (workspace / FOLDER).is_dir():
        return None
    registry = areas.load()
    found = load_activities(workspace, registry=registry, province=own_province(workspace, registry))
    return make_activity_report(found, areas.load, asked) if found.rows or found.left_out else None
