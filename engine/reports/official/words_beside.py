"""What an official report says of posts and loudspeakers, each only where there is any. Pure."""

from engine.i18n import number, sentence
from engine.reports.official.appendices import numbers
from engine.reports.official.gathered import Gathered
from engine.status import PostStatus


def posts(gathered: Gathered) -> list[str]:
    """How many posts stand on the pages, and what the vendors count of those who saw them."""
    report = gathered.posts
    if report is None or report.empty:
        return []
    totals = report.totals
    every, published = totals.statuses.total(), totals.statuses[PostStatus.PUBLISHED]
    lines = [
        sentence(
            "official.posts", posts=number(every), published=number(published), appendix=numbers(gathered)["posts"]
        )
    ]
    told = [sentence(f"official.post-{name}", count=number(count)) for name, count in totals.answers.items() if count]
    if told:
        lines.append(sentence("official.post-answers", counts=", ".join(told)))
    return lines


def broadcasts(gathered: Gathered) -> list[str]:
    """How many broadcasts were asked for and reported, how long they were, and in how many communes."""
    report = gathered.broadcasts
    if report is None or not report.lines:
        return []
    figures = {name: number(count) for name, count in report.totals.document().items()}
    key = "broadcasts" if report.totals.confirmed else "broadcasts-none"
    return [sentence(f"official.{key}", **figures, appendix=numbers(gathered)["broadcasts"])]
