"""Charts for pages: drawn elsewhere, and kept while the figures they show stand."""

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from threading import Lock

from engine.areas import registry as areas
from engine.content.province import own_province
from engine.i18n import language
from engine.reports.charts.shapes import FOLDER, Shapes, load_shapes
from engine.reports.pictures import pictures, side_by_side
from engine.reports.report import Report
from engine.web.elsewhere import Elsewhere

PATIENCE = 20.0  # seconds for the charts of one page; the first take two with the process's start, then a tenth
QUEUE = 10.0  # seconds that a page waits for those of others
KEPT = 12_000_000  # letters of SVG; a page's four have 40,000, a map of 3,300 communes a million


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart as a page needs it: inline SVG without a style of its own, its title, and what it says in words."""

    key: str
    title: str
    text: str
    svg: str


@dataclass(frozen=True, slots=True)
class Draw:
    """The charts that belong to ``reports``; ``beside`` are two to be shown side by side, or none."""

    workspace: Path
    reports: tuple[Report, ...]
    beside: tuple[Report, ...] = ()

    def done(self) -> tuple[Drawn, ...]:
        """Draw them. Raises ``LoaError`` for a file of outlines that cannot be read."""
        registry = areas.load()
        found = pictures(self.reports, registry, _shapes(self.workspace))
        if self.beside:
            found += side_by_side(self.beside[0], self.beside[1], registry)
        return tuple(Drawn(one.key, one.title, one.text, one.svg()) for one in found)


class Charts:
    """The charts of every page."""

    def __init__(self, workspace: Path, elsewhere: Elsewhere | None = None) -> None:
        self._workspace, self._elsewhere = workspace, elsewhere or Elsewhere()
        self._kept: OrderedDict[str, tuple[Drawn, ...]] = OrderedDict()
        self._keeping = Lock()

    def of(self, reports: Sequence[Report], beside: Sequence[Report] = ()) -> tuple[Drawn, ...]:
        """The charts of ``reports`` in the reader's language. Raises ``NotDone``."""
        # What was published says nothing to who draws, and what is kept of it is large.
        plain = [tuple(replace(one, published=None) for one in some) for some in (reports, beside)]
        work = Draw(self._workspace, *plain)
        key = self._key(work)
        found = self._kept.get(key)
        if found is None:
            found = self._elsewhere.done(work, patience=PATIENCE, queue=QUEUE)
            self._keep(key, found)
        return found

    def _key(self, work: Draw) -> str:
        """What was asked, and the figures as they stand; the moment of asking makes no other picture."""
        figures = [[one.asked.era, one.document() | {"as_of": ""}] for one in (*work.reports, *work.beside)]
        shapes = [[path.name, changed] for path, changed in _files(self._workspace)]
        return sha256(json.dumps([language(), len(work.reports), shapes, figures]).encode()).hexdigest()

    def _keep(self, key: str, found: tuple[Drawn, ...]) -> None:
        with self._keeping:
            self._kept[key] = found
            while sum(len(one.svg) for some in self._kept.values() for one in some) > KEPT and len(self._kept) > 1:
                self._kept.popitem(last=False)


def _files(workspace: Path) -> tuple[tuple[Path, int], ...]:
    return tuple((one, one.stat().st_mtime_ns) for one in sorted((workspace / FOLDER).glob("*.geojson")))


def _shapes(workspace: Path) -> Shapes | None:
    """Thirty megabytes of outlines are read once, until a file of them changes."""
    files = _files(workspace)
    return _read(workspace, files) if files else None


@lru_cache(maxsize=1)
def _read(workspace: Path, _: tuple[tuple[Path, int], ...]) -> Shapes | None:
    registry = areas.load()
    return load_shapes(workspace, registry, own_province(workspace, registry))
