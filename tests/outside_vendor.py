"""The vendors of docs/adding-a-channel.md, taken from that page and laid down as installed packages."""

import re
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.channels import plugins

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "adding-a-channel.md").read_text(encoding="utf-8")


def install(folder: Path, line: str, files: dict[str, str], package: str = "loa-bo-cau") -> Path:
    """What pip leaves of a package: its files, and the entry points of its pyproject.toml."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    about = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[loa.providers]\n{line}\n", encoding="utf-8")
    return folder


def from_the_page(folder: Path, name: str = "bo-cau") -> Path:
    """The page's one file, one test and one line of the vendor with this name."""
    word = name.replace("-", "_")
    code = dict(re.findall(r"```python\n# (\S+\.py)\n(.*?)```", PAGE, re.DOTALL))
    assert set(code) == {f"{kind}_{one}.py" for kind in ("loa", "test") for one in ("bo_cau", "bang_tin")}
    lines: dict[str, str] = {}
    for toml in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL):
        lines |= tomllib.loads(toml)["project"]["entry-points"]["loa.providers"]
    own = {file: text for file, text in code.items() if word in file}
    return install(folder, f"{name} = {lines[name]}", own, package=f"loa-{name}")


@contextmanager
def forgotten() -> Iterator[None]:
    """What is installed is looked up anew inside the block, and after it."""

    def forget() -> None:
        plugins.installed.cache_clear()
        plugins.loaded.cache_clear()
        for name in ("loa_bo_cau", "loa_bang_tin"):
            sys.modules.pop(name, None)

    forget()
    try:
        yield
    finally:
        forget()
