"""Imports run one way: a room that reaches up or sideways is found here."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEVELS = {
    "cli": 4, "web": 4, "scheduler": 4,
    "pipeline": 3, "reports": 3,
    "content": 2, "store": 2, "channels": 2,
    "areas": 1, "text": 1, "sandbox": 1,
    "errors": 0, "clock": 0, "settings": 0, "i18n": 0, "log": 0, "status": 0,
}  # fmt: skip
# The adapter that plays the sandbox in-process uses its model; the seam's types are the pipeline's language.
FILES = sorted([*ROOT.glob("engine/**/*.py"), ROOT / "scheduler.py"])


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] == "scheduler" else parts[1] if len(parts) > 1 else "engine"


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("engine", "scheduler"):
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("engine.")}
    return found


def test_no_room_reaches_up_or_to_a_sibling() -> None:
    found = [
        f"{path.relative_to(ROOT)} imports {other}"
        for path in FILES
        if (room := room_of(path)) in LEVELS  # engine/__init__.py and __main__.py only start things
        for other in sorted(imported(path) - {room, "__version__"})
        if not allowed(room, other)
    ]
    assert not found, "a sibling, what is above, or what has no place in the house:\n" + "\n".join(found)


def allowed(room: str, other: str) -> bool:
    if other not in LEVELS or LEVELS[room] == 0:
        return LEVELS.get(other) == 0
    return LEVELS[other] < LEVELS[room] or (LEVELS[room] in (3, 4) and LEVELS[other] == LEVELS[room])
