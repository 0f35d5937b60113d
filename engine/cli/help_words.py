"""Help texts, and click's own words, in the language of the person at the screen.

Commands carry no words: they are in the catalogue ``help``, found by the command's path (``contacts import``), an
option by path and name or by its name alone (``contacts import --source``, ``--json``), the name of a value by its
parameter in capitals (``CAMPAIGN``, or ``schema OUT`` where one command means something else). What goes on below the
first line of a command's help is under ``more <path>``. Click's own sentences are in the catalogue ``click``.
"""

import gettext
import os
from pathlib import Path

import click

from engine import i18n
from engine.i18n import sentence

_CLICK = "click"  # the gettext domain, instead of the default one, which other libraries read too


def speak() -> None:
    """Let click speak the language that ``LOA_LANG`` asks for, from now on, in the whole process."""
    # Click asks gettext's current domain at each sentence, and gettext looks at LANGUAGE: there is no other way in.
    os.environ["LANGUAGE"] = i18n.language()
    gettext.bindtextdomain(_CLICK, str(Path(i18n.__file__).parent / "locale"))
    gettext.textdomain(_CLICK)


def first_line(path: str) -> str | None:
    """A command's one line in the list of commands; None when the catalogue has none."""
    return _words(path)


def dress(command: click.Command, path: str, context: click.Context) -> None:
    """Give a command, and those below it, their words. What the catalogue lacks stays as it is written in the code.

    ``context`` is the command's parent, which knows by which names help is asked for.
    """
    first, more = _words(path), _words(f"more {path}")
    if first is not None:
        command.short_help, command.help = first, "\n\n".join(filter(None, (first, more)))
    command.options_metavar = sentence("help.OPTIONS")
    if isinstance(command, click.Group):
        command.subcommand_metavar = sentence("help.COMMANDS")
    asking = command.get_help_option(click.Context(command, parent=context))
    for param in [*command.params, *([asking] if asking else [])]:
        _dress_param(param, path)
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            dress(below, name if path == "loa" else f"{path} {name}", context)


def _dress_param(param: click.Parameter, path: str) -> None:
    if isinstance(param, click.Option):
        name = max(param.opts, key=len)
        param.help = _words(f"{path} {name}") or _words(name) or param.help
        if param.is_flag or isinstance(param.type, click.Choice):
            return
    value = (param.name or "").upper()
    words = _words(f"{path} {value}") or _words(value)
    if words is not None:
        param.metavar = _bracketed(param, words)
    if isinstance(param.type, click.Path):  # click named it when the command was imported
        only_file = param.type.file_okay and not param.type.dir_okay
        only_folder = param.type.dir_okay and not param.type.file_okay
        param.type.name = gettext.gettext("file" if only_file else "directory" if only_folder else "path")


def _bracketed(param: click.Parameter, words: str) -> str:
    if isinstance(param, click.Option):
        return words
    return (words if param.required else f"[{words}]") + ("..." if param.nargs != 1 else "")


def _words(key: str) -> str | None:
    try:
        return sentence(f"help.{key}")
    except KeyError:
        return None
