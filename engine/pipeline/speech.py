"""Spoken audio of a script, where a text-to-speech command is configured: made once, kept in ``.loa/speech``.

The command is an argument list, never a shell's line; the words go in by its standard input and the sound (WAV) comes
out of its standard output, within a time and a size. Tried with ``[espeak-ng, -v, vi, --stdin, --stdout]``.
"""

import asyncio
import hashlib
import os
from contextlib import suppress
from pathlib import Path

from engine.log import get
from engine.settings import Settings

WITHIN = 60.0  # seconds for one script
LARGEST = 30 * 1024 * 1024  # bytes: ten minutes of espeak-ng's sound are 26 MB
_PIECE = 64 * 1024

_log = get("speech")


class Speech:
    """Makes the audio of scripts, one at a time: a PC has other things to do."""

    def __init__(self, settings: Settings, within: float = WITHIN) -> None:
        self._folder, self._within = settings.state_folder / "speech", within
        self._turn = asyncio.Lock()

    async def spoken(self, command: tuple[str, ...], words: str) -> Path | None:
        """The WAV file of ``words``; None where the command fails, says nothing, or takes too long."""
        if not command:
            return None
        name = hashlib.sha256("\0".join((*command, words)).encode()).hexdigest()[:32]
        file = self._folder / f"{name}.wav"
        async with self._turn:
            if await asyncio.to_thread(file.is_file):
                return file
            sound = await self._said(command, words)
            if sound is None:
                return None
            await asyncio.to_thread(_keep, file, sound)
        return file

    async def _said(self, command: tuple[str, ...], words: str) -> bytes | None:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},  # no secret of ours
            )
        except OSError as error:
            _log.error("speech", kind=type(error).__name__)
            return None
        try:
            async with asyncio.timeout(self._within):
                sound = await _exchange(process, words.encode())
                code = await process.wait()
        except TimeoutError:
            _log.error("speech", kind="too_slow")
            return None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if code or not sound or not sound.startswith(b"RIFF"):
            _log.error("speech", kind="failed", code=code)
            return None
        return sound


async def _exchange(process: asyncio.subprocess.Process, words: bytes) -> bytes | None:
    """Feed the words and read the sound at once, so that neither pipe fills up; None when it is too much."""
    assert process.stdin is not None and process.stdout is not None
    feeding = asyncio.create_task(_feed(process.stdin, words))
    try:
        pieces, size = [], 0
        while piece := await process.stdout.read(_PIECE):
            size += len(piece)
            if size > LARGEST:
                process.kill()
                return None
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        feeding.cancel()
        with suppress(asyncio.CancelledError):
            await feeding


async def _feed(stream: asyncio.StreamWriter, words: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # a command that has read enough
        stream.write(words)
        await stream.drain()
    stream.close()


def _keep(file: Path, sound: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = file.with_suffix(".new")
    beside.write_bytes(sound)
    beside.replace(file)
