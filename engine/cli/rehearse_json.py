"""A rehearsal as one JSON document."""

from datetime import datetime
from typing import Any

from engine.cli.rehearse_channels import OtherChannels
from engine.clock import VIETNAM
from engine.pipeline.rehearse import Rehearsed
from engine.pipeline.rehearse_faults import Faults
from engine.pipeline.rehearse_figures import RunCourse
from engine.reports.report import Report
from engine.status import Status


def document(result: Rehearsed, report: Report, others: OtherChannels | None = None) -> dict[str, Any]:
    """All that a rehearsal has to tell; ``report`` and ``others``: by district, made in the copy."""
    campaign, cap = result.snapshot.campaign, result.snapshot.campaign.limits.per_person
    spent = result.days[-1].total_vnd if result.days else result.spent_before_vnd
    return (others.document() if others else {}) | {
        "campaign": campaign.key,
        "digest": result.snapshot.digest,
        "approved": result.approved,
        "from": _instant(result.start),
        "to": _instant(result.end),
        "seed": result.asked.seed,
        "faults": _faults(result.faults),
        "beside": list(result.others),
        "already_run": result.already,
        "days": [
            {
                "day": day.day.isoformat(),
                "planned": day.planned,
                "handed_over": day.handed_over,
                "delivered": day.delivered,
                "failed": day.failed,
                "expired": day.expired,
                "excluded": day.excluded,
                "waiting": day.waiting,
                "cost_vnd": day.cost_vnd,
                "total_cost_vnd": day.total_vnd,
            }
            for day in result.days
        ],
        "runs": [_run(course) for course in result.courses],
        "missed": [_named(course) for course in result.courses if course.fate == "missed"],
        "waits": [
            _named(course)
            | {
                "from": _instant(wait.since),
                "until": _instant(wait.until),
                "seconds": round((wait.until - wait.since).total_seconds()),
                "deliveries": wait.deliveries,
            }
            for course, wait in result.waits
        ],
        "caps": {
            "most": cap.count if cap else None,
            "window_s": round(cap.window.total_seconds()) if cap else None,
            "deliveries": sum(course.excluded["capped"] for course in result.courses),
            "people": result.capped_people,
        },
        "budget": {
            "limit_vnd": campaign.limits.budget,
            "spent_before_vnd": result.spent_before_vnd,
            "spent_vnd": spent,
            "held": [_named(course) for course in result.courses if course.fate == "held"],
        },
        "by_district": report.document()["rows"],
        "totals": report.document()["totals"],
        "rules": [
            {
                "kind": finding.kind,
                "rule": finding.rule,
                "where": finding.where,
                "count": finding.count,
                "message": finding.message,
            }
            for finding in result.findings
        ],
        "ok": result.ok,
        "seconds": round(result.seconds, 1),
    }


def _run(course: RunCourse) -> dict[str, Any]:
    took = (course.last - course.first).total_seconds() if course.first and course.last else 0.0
    return _named(course) | {
        "due": _instant(course.due),
        "fate": course.fate,
        "reason": course.reason,
        "opened": _instant(course.opened) if course.opened else None,
        "first": _instant(course.first) if course.first else None,
        "last": _instant(course.last) if course.last else None,
        "duration_s": round(took),
        "planned": course.planned,
        "handed_over": course.handed_over,
        "delivered": course.statuses[Status.DELIVERED],
        "failed": course.statuses[Status.FAILED],
        "expired": course.statuses[Status.EXPIRED],
        "unknown": course.statuses[Status.UNKNOWN],
        "excluded": dict(sorted(course.excluded.items())),
        "cost_vnd": course.cost_vnd,
        **({"posts": dict(sorted(course.posts.items()))} if course.posts else {}),
    }


def _named(course: RunCourse) -> dict[str, Any]:
    return {"step": course.step, "occurrence": course.occurrence}


def _faults(faults: Faults) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"kind": "outage", "sender": outage.sender, "from": _instant(outage.start), "to": _instant(outage.end)}
        for outage in faults.outages
    ]
    found += [
        {"kind": "clock_jump", "at": _instant(jump.at), "seconds": round(jump.by.total_seconds())}
        for jump in faults.jumps
    ]
    return found


def _instant(instant: datetime) -> str:
    return instant.astimezone(VIETNAM).isoformat(timespec="seconds")
