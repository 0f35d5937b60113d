"""The fixture that loads a small workspace, spoiled in one place."""

from datetime import datetime
from pathlib import Path

import pytest
from content_workspaces import FILES, VENDORS, Load

from engine.areas.registry import load as load_areas
from engine.content.workspace import Loaded, load

# A busy machine is no failure; what must be fast has a test that says how fast.


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """``loaded({file: text or None})``: the small workspace with these files instead (or left out), loaded."""
    monkeypatch.setenv("LOA_LANG", "vi")

    def write(
        changes: dict[str, str | bytes | None] | None = None,
        *,
        environment: dict[str, str] | None = None,
        now: datetime | None = None,
    ) -> Loaded:
        for name, text in {**FILES, **(changes or {})}.items():
            file = tmp_path / name
            file.unlink(missing_ok=True)
            if text is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(tmp_path, vendors=VENDORS, registry=load_areas(), environment=environment or {}, now=now)

    return write
