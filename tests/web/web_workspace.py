"""The sample campaign with the sandbox's phones, people of clay, and ``loa run`` over it: what pages are tried on."""

import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from road_kit import Loa, free_port, wait_for

from engine.areas import registry as areas
from engine.content.sample import copy_sample
from engine.pipeline.files import current_snapshots, load_workspace
from engine.pipeline.synthetic import write_people
from engine.settings import Settings

CAMPAIGN = "lang-son-30-7"
BEFORE = "2027-07-14T11:29:57+07:00"  # three seconds before the first run is due


def prepared(folder: Path, people: int = 1500, rate: str = "25/s") -> Loa:
    """The sample workspace in ``folder``, through the sandbox at ``rate``, with ``people`` and an approval."""
    copy_sample(folder)
    for path in [folder / "loa.yaml", *(folder / "campaigns").glob("*.yaml")]:
        text = path.read_text(encoding="utf-8").replace("sender: brandname", "sender: dien-tap")
        path.write_text(
            re.sub(r"rate: 500/s", f"rate: {rate}, poll_after: 2 seconds".replace(", ", "\n    "), text),
            encoding="utf-8",
        )
    loa = Loa(folder, {"LOA_CLOCK": BEFORE, "LOA_LANG": "vi"})
    loa.here.ok("init", str(folder))
    settings = Settings(folder, "sqlite://", None, None, False)
    snapshots = current_snapshots(load_workspace(settings, None, {}))
    file = folder / "nguoi-mau.csv"
    write_people(file, snapshots, areas.load(), people, seed=2027, shares={CAMPAIGN: 60.0})
    loa.here.run("contacts", "import", str(file), "--source", "demo", "--basis", "Danh sách mẫu")
    loa.here.ok("approve", CAMPAIGN, "--by", "Trần Văn Duyệt", "--document", "01/TTr-BCĐ")
    return loa


@contextmanager
def running(loa: Loa, *arguments: str) -> Iterator[str]:
    """``loa run`` on a free port; its address."""
    port = free_port()
    process = loa.start("run", "--port", str(port), *arguments)
    try:
        wait_for(lambda: _answers(port) or process.process.poll() is not None, 60)
        assert process.process.poll() is None, process.wait()
        yield f"http://127.0.0.1:{port}"
    finally:
        with suppress(subprocess.TimeoutExpired):
            process.stop()


def _answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
        return True
    return False
