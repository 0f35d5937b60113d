"""``loa demo``: the Lạng Sơn campaign from its YAML to the report per district, in a scratch workspace.

Everything is as in earnest: the same commands in processes of their own, real HTTP to a stand-in of the vendor,
signed receipts. Only the phones are of clay, the clock is turned to July 2027, and the rate is raised.
"""

import tempfile
from pathlib import Path

import click

from engine.i18n import sentence


@click.command()
@click.option("--people", "count", default=20_000, show_default=True, type=click.IntRange(100, 200_000))
@click.option("--seed", default=2027, show_default=True)
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path))
def demo(count: int, seed: int, keep: Path | None) -> None:
    """The Lạng Sơn campaign in a scratch workspace, or in the folder to ``--keep``."""
    from engine.cli.demo_run import run_demo

    if keep is not None:
        run_demo(keep, count, seed)
        click.echo(sentence("cli_demo.kept", folder=keep))
        return
    with tempfile.TemporaryDirectory(prefix="loa-demo-", ignore_cleanup_errors=True) as folder:
        run_demo(Path(folder), count, seed)
