"""A question before what cannot be undone, answered as people here answer: có or không, yes or no."""

import click

from engine.i18n import sentence
from engine.text.accents import fold

# Folded: typed with or without accents, small or capital; in both languages whatever the screen speaks.
_ANSWERS = {
    **dict.fromkeys(("c", "co", "y", "yes"), True),
    **dict.fromkeys(("", "k", "ko", "khong", "n", "no"), False),
}


def confirm(question: str) -> None:
    """Ask on stderr until the answer is understood; nothing typed is a no. Raises ``click.Abort`` at no and at EOF."""
    asked = f"{question} {sentence('cli_confirm.choices')}"
    if not click.prompt(asked, default="", value_proc=_answer, show_default=False, err=True):
        click.echo(sentence("cli_confirm.left"), err=True)
        raise click.Abort


def _answer(typed: str) -> bool:
    answer = _ANSWERS.get(fold(typed))
    if answer is None:
        raise click.UsageError(sentence("cli_confirm.unclear"))  # click says it, and asks again
    return answer
