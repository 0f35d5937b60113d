"""The vendor of docs/adding-a-channel.md, taken from that page and laid down as an installed package."""

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


def from_the_page(folder: Path) -> Path:
    """The page's one file, one test and one line."""
    code = dict(re.findall(r"```python\n# (\S+\.py)\n(.*?)```", PAGE, re.DOTALL))
    assert set(code) == {"loa_bo_cau.py", "test_bo_cau.py"}
    (toml,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    [(name, target)] = tomllib.loads(toml)["project"]["entry-points"]["loa.providers"].items()
    return install(folder, f"{name} = {target}", code)


@contextmanager
def forgotten() -> Iterator[None]:
    """What is installed is looked up anew inside the block, and after it."""

    def forget() -> None:
        plugins.installed.cache_clear()
        plugins.loaded.cache_clear()
        sys.modules.pop("loa_bo_cau", None)

    forget()
    try:
        yield
    finally:
        forget()
