"""``loa text``: what a text costs, before anybody pays for it."""

import codecs
import json
import sys
from collections.abc import Iterator
from typing import BinaryIO

import click

from engine.errors import LoaError, UsageError
from engine.i18n import number, sentence
from engine.text import accents, segments

_CHUNK = 1 << 18


@click.command()
@click.argument("text", required=False)
@click.option("--stdin", "lines", is_flag=True)
@click.option("--json", "as_json", is_flag=True)
def text(text: str | None, lines: bool, as_json: bool) -> None:
    """Count the text given, all of standard input as one text, or with ``--stdin`` each line of it."""
    if lines:
        if text is not None:
            raise UsageError("cli_text.two-texts")
        _count_lines(sys.stdin.buffer, sys.stdout.buffer)
        return
    counted = segments.count(words := _one_text(text))
    if as_json:
        click.echo(json.dumps(counted._asdict(), ensure_ascii=False))
        return
    _print(words, counted)


def _one_text(argument: str | None) -> str:
    if argument is not None:
        return argument
    if sys.stdin.isatty():
        raise UsageError("cli_text.no-text")
    try:
        given = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LoaError("cli_text.not-utf8") from None
    if not given:  # nothing was piped in: an empty text is asked for as `loa text ""`
        raise UsageError("cli_text.no-text")
    return given.removesuffix("\n").removesuffix("\r")


def _print(words: str, counted: segments.Counted) -> None:
    plain = accents.strip(words)
    rows = [tuple(sentence(f"cli_text.{key}") for key in ("head-encoding", "head-segments", "head-units"))]
    labels = [""]
    for label, each in (("row-kept", counted), ("row-plain", segments.count(plain))):
        unit = "septets" if each.encoding == "GSM-7" else "utf16"
        labels.append(sentence(f"cli_text.{label}"))
        rows.append((each.encoding, number(each.segments), sentence(f"cli_text.{unit}", units=number(each.units))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    margin = max(map(len, labels))
    for name, row in zip(labels, rows, strict=True):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(f"{name.ljust(margin)}  {'  '.join(cells)}".rstrip())
    if forcing := segments.outside_gsm(plain):
        click.echo(sentence("cli_text.forces-plain", characters=_shown(forcing)))
    elif forcing := segments.outside_gsm(words):
        click.echo(sentence("cli_text.forces", characters=_shown(forcing)))


def _shown(characters: str) -> str:
    """Up to 20 of ``characters``, with a code where there is nothing to see."""
    shown = [each if each.isprintable() and not each.isspace() else f"U+{ord(each):04X}" for each in characters[:20]]
    return " ".join(shown) + (" …" if len(characters) > 20 else "")


def _count_lines(source: BinaryIO, target: BinaryIO) -> None:
    """One JSON string a line in, one JSON object a line out, in the same order.

    Answers come as soon as there is something to answer, so another program may talk line by line; a file is
    worked in pieces of 256 KiB. A line that is no JSON string ends it (``cli_text.not-json``, exit code 1)
    after the answers to all lines before it.
    """
    loads, count = json.loads, segments.count
    done = 0
    for batch in _line_batches(source):
        answers: list[str] = []
        try:
            for line in batch:
                words = loads(line)
                if words.__class__ is not str:
                    raise ValueError
                encoding, parts, units = count(words)
                answers.append(f'{{"encoding": "{encoding}", "segments": {parts}, "units": {units}}}\n')
        except (ValueError, RecursionError):  # not JSON, not UTF-8, not a string, or brackets without end
            raise LoaError("cli_text.not-json", line=number(done + len(answers) + 1)) from None
        finally:
            target.write("".join(answers).encode())
            target.flush()
        done += len(answers)


def _line_batches(source: BinaryIO) -> Iterator[list[bytes]]:
    """The lines that each read brings to an end; the last of all may lack its line end. A BOM is dropped."""
    # `read1` gives what is there already, where `read` would wait for a full piece.
    read = getattr(source, "read1", source.read)
    begun = [read(_CHUNK).removeprefix(codecs.BOM_UTF8)]
    while True:
        first, *others = begun.pop().split(b"\n")
        begun.append(first)
        if others:
            yield [b"".join(begun), *others[:-1]]
            begun = [others[-1]]
        piece = read(_CHUNK)
        if not piece:
            break
        begun.append(piece)
    if last := b"".join(begun):
        yield [last]
