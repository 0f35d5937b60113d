"""Where tables are printed: colours and folding for people, plain whole lines for files and pipes."""

from typing import IO

from rich import box
from rich.console import Console
from rich.table import Table

UNFOLDED = 10_000  # characters: wider than any table of ours, so that nothing is folded or cut


def console_for(stream: IO[str]) -> Console:
    """A console on ``stream``: as wide as the terminal, or without colours and without end when it is none.

    Names never act as markup, and numbers get no colours of their own.
    """
    terminal = stream.isatty()
    return Console(
        file=stream,
        width=None if terminal else UNFOLDED,
        force_terminal=terminal,
        no_color=None if terminal else True,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=not terminal,
    )


def plain_table(*, footer: bool = False) -> Table:
    """An empty table in the one shape all of ours have: a line under the heads, none around."""
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=footer)
