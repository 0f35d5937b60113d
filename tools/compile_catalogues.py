"""Compiles every engine/locale/*/LC_MESSAGES/*.po to the .mo that gettext reads. Run after editing a .po file."""

import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE = Path(__file__).parent.parent / "engine" / "locale"


def compile_catalogue(source: Path) -> bytes:
    """The bytes of the .mo for one .po file; the same input gives the same bytes."""
    with source.open("rb") as opened:
        catalogue = read_po(opened, locale=source.parts[-3], abort_invalid=True)
    catalogue.creation_date = catalogue.revision_date = datetime(2026, 1, 1, tzinfo=UTC)  # same input, same bytes
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    return compiled.getvalue()


def main() -> None:
    for source in sorted(LOCALE.glob("*/LC_MESSAGES/*.po")):
        source.with_suffix(".mo").write_bytes(compile_catalogue(source))
        print(source.relative_to(LOCALE.parent.parent), file=sys.stderr)


if __name__ == "__main__":
    main()
