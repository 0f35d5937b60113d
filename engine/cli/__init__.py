"""The command ``loa``: thin commands, one file a noun, loaded only when called.

One place (``main``) turns every exception into a sentence and an exit code: 0 done, 1 the user's content,
2 usage, 3 our bug.
"""

import importlib
import os
import sys
from gettext import gettext
from typing import Any

import click

from engine.cli.help_words import dress, first_line, speak
from engine.errors import OUR_BUG, USER_CONTENT, ContentError, LoaError

# name → "module:attribute"; `run` lives in scheduler.py, above this layer, and is attached by name.
COMMANDS = {
    "activity": "engine.cli.activity:activity",
    "approve": "engine.cli.approve:approve",
    "areas": "engine.cli.areas:areas",
    "cancel": "engine.cli.approve:cancel",
    "check": "engine.cli.check:check",
    "contacts": "engine.cli.contacts:contacts",
    "demo": "engine.cli.demo:demo",
    "dispatch": "engine.cli.dispatch:dispatch",
    "doctor": "engine.cli.doctor:doctor",
    "incidents": "engine.cli.incidents:incidents",
    "init": "engine.cli.init:init",
    "loudspeaker": "engine.cli.loudspeaker:loudspeaker",
    "new": "engine.cli.new:new",
    "operator": "engine.cli.operator:operator",
    "pause": "engine.cli.approve:pause",
    "plan": "engine.cli.plan:plan",
    "posts": "engine.cli.posts:posts",
    "preview": "engine.cli.preview:preview",
    "rehearse": "engine.cli.rehearse:rehearse",
    "report": "engine.cli.report:report",
    "resume": "engine.cli.approve:resume",
    "run": "scheduler:run",
    "sandbox": "engine.cli.sandbox:sandbox",
    "schema": "engine.cli.schema:schema",
    "senders": "engine.cli.senders:senders",
    "status": "engine.cli.status:status",
    "text": "engine.cli.text:text",
    "users": "engine.cli.users:users",
}
# The list of commands as an officer goes through a campaign: heading (``group …`` of the catalogue ``help``) → names.
GROUPS = {
    "prepare": ("init", "new", "check", "preview", "text", "schema"),
    "people": ("contacts", "areas", "activity"),
    "send": ("plan", "approve", "run", "dispatch", "operator", "loudspeaker", "pause", "resume", "cancel"),
    "watch": ("status", "incidents", "senders", "posts", "report", "users", "doctor"),
    "try": ("demo", "rehearse", "sandbox"),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, so that ``loa text`` starts fast."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """As click's; in the language asked for when it is called, not when it was imported."""
        speak()
        return super().main(*args, **kwargs)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        dress(self, "loa", click.Context(self, **self.context_settings))
        return super().make_context(info_name, args, parent, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        where = COMMANDS.get(cmd_name)
        if where is None:
            return None
        module, _, attribute = where.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        dress(command, cmd_name, ctx)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:  # click knows only commands that are imported already
            raise click.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands from the catalogue alone: importing all of them would take a second."""
        width = max(map(len, COMMANDS))
        for group, names in GROUPS.items():
            with formatter.section(first_line(f"group {group}") or gettext("Commands")):
                formatter.write_dl([(name.ljust(width), first_line(name) or "") for name in names])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="loa-engine", prog_name="loa", message="%(prog)s %(version)s")
def loa() -> None:
    """The command itself; its words are in the catalogue ``help``, as all commands' are."""


def main(arguments: list[str] | None = None) -> None:
    """Run ``loa`` and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):  # a Windows console or a C locale must not break Vietnamese
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        result: Any = loa.main(args=arguments, prog_name="loa", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(USER_CONTENT)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ContentError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except LoaError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # `loa report | head`: the reader has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        from engine.cli.bug import report_bug

        report_bug(error)
        sys.exit(OUR_BUG)
    sys.exit(result if isinstance(result, int) else 0)
