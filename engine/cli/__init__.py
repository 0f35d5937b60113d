"""The command ``loa``: thin commands, one file a noun, loaded only when called.

One place (``main``) turns every exception into a sentence and an exit code: 0 done, 1 the user's content,
2 usage, 3 our bug.
"""

import importlib
import os
import sys
from typing import Any

import click

from engine.errors import OUR_BUG, USER_CONTENT, ContentError, LoaError

# name → "module:attribute"; `run` lives in scheduler.py, above this layer, and is attached by name.
COMMANDS = {
    "approve": "engine.cli.approve:approve",
    "areas": "engine.cli.areas:areas",
    "cancel": "engine.cli.approve:cancel",
    "check": "engine.cli.check:check",
    "contacts": "engine.cli.contacts:contacts",
    "demo": "engine.cli.demo:demo",
    "dispatch": "engine.cli.dispatch:dispatch",
    "doctor": "engine.cli.doctor:doctor",
    "init": "engine.cli.init:init",
    "new": "engine.cli.new:new",
    "pause": "engine.cli.approve:pause",
    "plan": "engine.cli.plan:plan",
    "preview": "engine.cli.preview:preview",
    "report": "engine.cli.report:report",
    "resume": "engine.cli.approve:resume",
    "run": "scheduler:run",
    "sandbox": "engine.cli.sandbox:sandbox",
    "schema": "engine.cli.schema:schema",
    "status": "engine.cli.status:status",
    "text": "engine.cli.text:text",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, so that ``loa text`` starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        where = COMMANDS.get(cmd_name)
        if where is None:
            return None
        module, _, attribute = where.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="loa-engine", prog_name="loa")
def loa() -> None:
    """Loa: tin nhắn cảnh báo, đúng người, đúng giờ, không bao giờ hai lần."""


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
