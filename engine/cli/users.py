"""``loa users``: who may look at the dashboard. With the first of them it asks everybody for a password."""

import json
import sys

import click

from engine.clock import VIETNAM
from engine.errors import LoaError, UsageError
from engine.i18n import sentence
from engine.pipeline import dashboard_users as pipeline
from engine.pipeline.process import opened
from engine.settings import from_environment
from engine.store import passwords, web_users


@click.group()
def users() -> None:
    """Who may look at the dashboard."""


@users.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_(as_json: bool) -> None:
    """Everybody who may log in."""
    with opened(from_environment()) as process, process.database.read() as connection:
        found = web_users.users(connection, process.keyring)
    if as_json:
        told = [
            {
                "name": one.name,
                "added": one.added_at.astimezone(VIETNAM).isoformat(timespec="seconds"),
                "password_changed": one.changed_at.astimezone(VIETNAM).isoformat(timespec="seconds"),
            }
            for one in found
        ]
        click.echo(json.dumps({"users": told}, ensure_ascii=False))
        return
    for one in found:
        since = f"{one.changed_at.astimezone(VIETNAM):%d/%m/%Y}"
        click.echo(sentence("users.listed", name=one.name, since=since))
    if not found:
        click.echo(sentence("users.none"))


@users.command()
@click.argument("name")
@click.option("--password-stdin", "piped", is_flag=True)
def add(name: str, piped: bool) -> None:
    """Add somebody; the password is asked for and not shown."""
    with opened(from_environment()) as process:
        pipeline.refuse_name(process, name)
        pipeline.add(process, name, _password(name, piped))
    click.echo(sentence("users.added", name=web_users.tidy(name)))


@users.command()
@click.argument("name")
@click.option("--password-stdin", "piped", is_flag=True)
def password(name: str, piped: bool) -> None:
    """Give somebody another password; all of the person's sessions end."""
    with opened(from_environment()) as process:
        pipeline.known(process, name)
        pipeline.change(process, name, _password(name, piped))
    click.echo(sentence("users.changed", name=web_users.tidy(name)))


@users.command()
@click.argument("name")
def remove(name: str) -> None:
    """Take somebody away; the person's sessions end."""
    with opened(from_environment()) as process:
        left = pipeline.remove(process, name)
    click.echo(sentence("users.removed", name=web_users.tidy(name)))
    if not left:
        click.echo(sentence("users.nobody-left"), err=True)


def _password(name: str, piped: bool) -> str:
    """A password that is not weak: the first line of stdin, or typed twice. Raises ``LoaError``."""
    if piped:
        line = sys.stdin.readline().rstrip("\r\n")
        if not line:
            raise UsageError("users.nothing-piped")
        passwords.refuse_weak(line, name)
        return line
    asked = sentence("users.ask", shortest=passwords.SHORTEST)
    typed: str = click.prompt(asked, hide_input=True, err=True)
    passwords.refuse_weak(typed, name)
    if click.prompt(sentence("users.ask-again"), hide_input=True, err=True) != typed:
        raise LoaError("users.not-the-same")
    return typed
