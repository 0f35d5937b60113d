"""Where the sample workspace is: beside the package in an installation, at the root of a checkout."""

import shutil
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
PARTS = ("loa.yaml", "campaigns", "audiences", "messages", "activities")


def sample_folder() -> Path:
    """The folder that holds the sample's ``loa.yaml``."""
    installed = _PACKAGE / "sample"
    return installed if installed.is_dir() else _PACKAGE.parent


def copy_sample(folder: Path) -> None:
    """Copy the sample workspace's files into ``folder``, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        source = sample_folder() / part
        if source.is_dir():
            shutil.copytree(source, folder / part, dirs_exist_ok=True)
        else:
            shutil.copy(source, folder / part)
