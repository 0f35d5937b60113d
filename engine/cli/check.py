"""``loa check``: every problem of the workspace at once, with file, line and column."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import PurePath

import click

from engine.clock import VIETNAM, campaign_clock
from engine.content.activity_files import FOLDER, Activities, load_activities
from engine.content.words import suggestion
from engine.content.workspace import Loaded
from engine.errors import DONE, USER_CONTENT, LoaError, Problem
from engine.i18n import sentence
from engine.settings import from_environment

SHOWN = 50  # problems on a screen: more than anybody mends at one sitting


@click.command()
@click.argument("campaigns", nargs=-1)
@click.option("--json", "as_json", is_flag=True)
def check(campaigns: tuple[str, ...], as_json: bool) -> int:
    """Every problem of the workspace, or of the campaigns named and their files; errors alone make exit code 1."""
    from engine.areas import registry
    from engine.pipeline.files import load_workspace

    settings, now = from_environment(), campaign_clock().now()
    loaded = load_workspace(settings, now)
    # Beside the workspace, not of it: an error in a table of talks must never void the approval of what is sent.
    province = loaded.workspace.configuration.organisation.province if loaded.workspace else None
    today = now.astimezone(loaded.workspace.zone if loaded.workspace else VIETNAM).date()
    by_hand = load_activities(settings.workspace, registry=registry.load(), province=province, today=today)
    problems = tuple(sorted([*wanted(loaded, campaigns), *of_activities(by_hand, campaigns)]))
    errors = sum(problem.severity == "error" for problem in problems)
    if as_json:
        document = {"ok": not errors, "problems": [asdict(problem) for problem in problems]}
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        show(problems)
        click.echo(closing(len(campaigns) or len(loaded.campaign_keys), errors, len(problems) - errors))
    return USER_CONTENT if errors else DONE


def wanted(loaded: Loaded, campaigns: Sequence[str]) -> tuple[Problem, ...]:
    """All problems, or those of the campaigns named (by key, or by file). Raises ``LoaError`` for one that is not."""
    keys = [name if name in loaded.campaign_keys else PurePath(name).stem for name in campaigns]
    for key in keys:
        if key not in loaded.campaign_keys:
            near = suggestion(key, loaded.campaign_keys)
            code = "content.no-such-campaign-near" if near else "content.no-such-campaign"
            raise LoaError(code, key=key, near=near)
    return loaded.problems_of(keys) if keys else loaded.problems


def of_activities(found: Activities, campaigns: Sequence[str]) -> Iterable[Problem]:
    """The problems of all tables of activities, or of those named after the campaigns."""
    files = {f"{FOLDER}/{PurePath(name).stem}.csv" for name in campaigns}
    return [problem for problem in found.problems if not campaigns or problem.file in files]


def show(problems: Sequence[Problem]) -> None:
    """Print problems as ``file:line:col: code: sentence``, errors before warnings, ``SHOWN`` at most."""
    errors = [problem for problem in problems if problem.severity == "error"]
    warnings = [problem for problem in problems if problem.severity == "warning"]
    room = SHOWN
    for heading, found, colour in (("cli_check.errors", errors, "red"), ("cli_check.warnings", warnings, "yellow")):
        shown = found[:room]
        room -= len(shown)
        if not found:
            continue
        click.secho(sentence(heading), fg=colour, bold=True)
        for problem in shown:
            click.echo(str(problem))
        if len(found) > len(shown):
            click.echo(sentence("cli_check.more", more=len(found) - len(shown)))
        click.echo()


def closing(campaigns: int, errors: int, warnings: int) -> str:
    """The last line: what it comes to."""
    if errors:
        return sentence("cli_check.faulty", errors=errors, warnings=warnings)
    if warnings:
        return sentence("cli_check.with-warnings", campaigns=campaigns, warnings=warnings)
    return sentence("cli_check.clean", campaigns=campaigns)
