"""A Word file as PDF, by LibreOffice where it is installed."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from engine.errors import LoaError

PATIENCE = 120.0  # seconds; a report of a province takes five on a slow machine
_NAMES = ("soffice", "libreoffice")
_PLACES = (  # where its installers put it without putting it on the path
    Path("C:/Program Files/LibreOffice/program/soffice.exe"),
    Path("/Applications/LibreOffice.app/Contents/MacOS/soffice"),
)


def office() -> str | None:
    """The program, if this machine has it."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    return found or next((str(path) for path in _PLACES if path.is_file()), None)


def pdf(content: bytes, *, program: str | None = None, patience: float = PATIENCE, ending: str = "docx") -> bytes:
    """The PDF of a Word (or ``ending``) file's ``content``, made in a folder of its own with a profile of its own.

    Raises ``LoaError`` (``official.no-office``, ``official.office-late``, ``official.office-failed``).
    """
    program = program or office()
    if program is None:
        raise LoaError("official.no-office")
    with tempfile.TemporaryDirectory(prefix="loa-pdf-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        source = place / f"report.{ending}"
        source.write_bytes(content)
        # A profile of its own: a LibreOffice that is open on the desk would answer in our place, and print nothing.
        profile = (place / "profile").as_uri()
        command = [
            program, f"-env:UserInstallation={profile}", "--headless", "--norestore", "--convert-to", "pdf",
            "--outdir", folder, str(source),
        ]  # fmt: skip
        _run(command, patience)
        made = place / "report.pdf"
        if not made.is_file():
            raise LoaError("official.office-failed")
        return made.read_bytes()


def _run(command: list[str], patience: float) -> None:
    """Run it to its end, or end it and its children after ``patience`` seconds."""
    try:
        running = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
    except OSError:
        raise LoaError("official.office-failed") from None
    try:
        running.wait(patience)
    except subprocess.TimeoutExpired:
        _end(running)
        raise LoaError("official.office-late", seconds=round(patience)) from None
    except BaseException:
        _end(running)
        raise


def _end(running: "subprocess.Popen[bytes]") -> None:
    if hasattr(os, "killpg"):
        os.killpg(running.pid, signal.SIGKILL)  # the program is a script that starts another
    else:
        running.kill()
    running.wait()
