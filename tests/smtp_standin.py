"""A mail server of clay: it answers each command from a script, keeps what it was given, and may break off anywhere."""

import asyncio
import base64
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HANG_UP, RESET, SILENCE = "hang up", "reset", "silence"
USER, PASSWORD = "loa-thu", "mat-khau-cua-dat-set"
ORDINARY = {
    "GREETING": "220 thu.example ESMTP",
    "EHLO": "250-thu.example\r\n250-8BITMIME\r\n250 AUTH PLAIN",
    "AUTH": "235 2.7.0 ok",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on",
    "CONTENT": "250 2.0.0 Ok: queued as 4F2A",
    "QUIT": "221 bye",
    "STARTTLS": "220 go on",
}


@dataclass
class MailServer:
    """``answers`` stand over the ordinary ones: by command, ``GREETING`` or ``CONTENT`` (after the last line)."""

    answers: Mapping[str, str] = field(default_factory=dict)
    context: ssl.SSLContext | None = None
    at_once: bool = False  # TLS from the first byte
    said: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            await self._talk(reader, writer)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        going = await self._answer(writer, "GREETING")
        while going:
            line = (await reader.readuntil(b"\r\n")).decode().rstrip()
            self.said.append(line)
            command = line.split(" ")[0].upper()
            going = await self._answer(writer, command)
            if going and command == "STARTTLS" and self.context is not None:
                await writer.start_tls(self.context)
            if going and command == "DATA" and self._text("DATA").startswith("354"):
                self.mails.append((await reader.readuntil(b"\r\n.\r\n"))[:-3])
                going = await self._answer(writer, "CONTENT")
            going = going and command != "QUIT"

    def _text(self, command: str) -> str:
        answer = {**ORDINARY, **self.answers}.get(command, "502 5.5.1 what?")
        if command == "EHLO" and self.context is not None and not self.at_once and "STARTTLS" not in self.said:
            return answer.replace("250-8BITMIME", "250-STARTTLS")
        return answer

    async def _answer(self, writer: asyncio.StreamWriter, command: str) -> bool:
        answer = self._text(command)
        if answer == SILENCE:
            await asyncio.sleep(30)
        if answer == RESET:
            wire: Any = writer.get_extra_info("socket")
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        if answer in (HANG_UP, RESET, SILENCE):
            return False
        writer.write(answer.encode() + b"\r\n")
        await writer.drain()
        return True

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Listen on a free port of this machine for the block."""
        server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self.context if self.at_once else None, limit=1 << 22
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.sleep(0)

    @property
    def login(self) -> str:
        """What was said at the login, in clear."""
        plain = [line.split(" ")[-1] for line in self.said if line.upper().startswith("AUTH PLAIN")]
        return base64.b64decode(plain[0]).decode() if plain else ""


@contextlib.contextmanager
def beside(server: MailServer) -> Iterator[MailServer]:
    """``server`` in a thread of its own, for whoever has no event loop, or many."""
    loop, begun, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with server.running():
            begun.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert begun.wait(10)
        yield server
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()


def certificate(folder: Path, name: str = "localhost") -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate of its own for ``name``, and the file that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    who, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, secret = folder / "certificate.pem", folder / "key.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, secret)
    return context, trusted
