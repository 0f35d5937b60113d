"""``audiences/tags.csv``: words like ``border`` that an officer gives to areas."""

from pathlib import Path

from engine.areas.registry import Registry
from engine.areas.tags import parse_tags
from engine.content import yamlfile
from engine.content.audience import AreaReference
from engine.content.reading import TOP, problem, problem_of
from engine.content.yamlfile import Place
from engine.errors import Problem, reason_of

BIGGEST_FILE = 5_000_000  # bytes; every commune of both eras with ten tags has 3 MB


def load_tags(
    file: Path, shown: str, registry: Registry, problems: list[Problem]
) -> dict[str, tuple[AreaReference, ...]]:
    """Every tag with its areas, in a settled order; wrong lines are added to ``problems``. No file: no tags."""
    try:
        if file.stat().st_size > BIGGEST_FILE:
            size = file.stat().st_size
            raise yamlfile.BadYaml("content.file-too-big", TOP, size=size, limit=BIGGEST_FILE)
        tags, issues = parse_tags(yamlfile.decode(file.read_bytes()), registry)
    except FileNotFoundError:
        return {}
    except OSError as error:
        problems.append(problem(shown, TOP, "error", "content.cannot-read", reason=reason_of(error)))
        return {}
    except yamlfile.BadYaml as fault:
        problems.append(problem_of(shown, fault.place, fault))
        return {}
    for issue in issues:
        problems.append(problem(shown, Place(issue.line, 1), "error", f"areas.{issue.code}", **issue.values))
    return {
        tag: tuple(AreaReference(era=era, level=registry.get(era, code).level, code=code) for era, code in sorted(keys))
        for tag, keys in sorted(tags.items())
    }
