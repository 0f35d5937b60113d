"""What the environment says, read once at the edge and passed inwards."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment's part of the configuration; the rest is in the workspace's ``loa.yaml``."""

    workspace: Path
    database_url: str
    public_url: str | None
    twilio_url: str | None
    clock_turned: bool

    @property
    def state_folder(self) -> Path:
        """Where the engine keeps what it makes: the database, the key, locks and logs."""
        return self.workspace / ".loa"

    @property
    def key_file(self) -> Path:
        """The key for numbers and names, unless ``LOA_KEY`` holds it."""
        return self.state_folder / "key"


def from_environment() -> Settings:
    """Settings from ``LOA_WORKSPACE``, ``LOA_DATABASE_URL``, ``LOA_PUBLIC_URL``, ``LOA_TWILIO_URL``, ``LOA_CLOCK``."""
    workspace = Path(os.environ.get("LOA_WORKSPACE") or ".").resolve()
    return Settings(
        workspace=workspace,
        database_url=os.environ.get("LOA_DATABASE_URL") or f"sqlite:///{workspace / '.loa' / 'loa.db'}",
        public_url=(os.environ.get("LOA_PUBLIC_URL") or "").rstrip("/") or None,
        twilio_url=(os.environ.get("LOA_TWILIO_URL") or "").rstrip("/") or None,
        clock_turned=bool(os.environ.get("LOA_CLOCK", "").strip()),
    )
