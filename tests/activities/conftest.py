"""What the tests of activities share: a small workspace, loaded with tables written by the test."""

import sys
from datetime import date
from pathlib import Path

import pytest

from engine.areas.registry import load as load_areas
from engine.content.activity_files import Activities, load_activities
from engine.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))

from activities_tables import CAMPAIGN, LANG_SON, Tables


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder with two campaigns and an organisation in Lạng Sơn; ``loa.yaml`` says no more than that."""
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "activities").mkdir()
    for key in ("bien-gioi", "ven-bien"):
        (tmp_path / "campaigns" / f"{key}.yaml").write_text(CAMPAIGN, encoding="utf-8")
    (tmp_path / "loa.yaml").write_text(
        'organisation: {name: BCĐ, province: "20"}\nsenders: {x: {provider: sandbox}}\n', encoding="utf-8"
    )
    return tmp_path


@pytest.fixture
def tables(workspace: Path) -> Tables:
    """``tables({name: text or bytes})``: these tables written and loaded, by themselves."""

    def write(files: dict[str, str | bytes], *, today: date | None = None) -> Activities:
        for name, text in files.items():
            (workspace / "activities" / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_activities(workspace, registry=load_areas(), province=LANG_SON, today=today)

    return write


@pytest.fixture
def here(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The workspace as the environment's, for commands."""
    monkeypatch.setenv("LOA_WORKSPACE", str(workspace))
    monkeypatch.setenv("LOA_CLOCK", "2027-07-20T09:00:00+07:00")
    return Settings(workspace, "sqlite://", public_url=None, twilio_url=None, clock_turned=True)
