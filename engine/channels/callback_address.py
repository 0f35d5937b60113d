"""The addresses at which receipts arrive, as vendors see them. Pure.

``…/receipts/<sender>?d=7&a=3&s=<mark>`` carries the delivery and the attempt in the query (Twilio signs it). A
gateway that puts a query of its own behind the address it was given gets ``…/receipts/<sender>/7.3.<mark>``; one that
knows a single address for all messages ``…/receipts/<sender>/fixed.<mark>``. The mark is ours in each.
"""

from urllib.parse import parse_qs, urlsplit

FIXED = "fixed"


def in_path(url: str) -> str:
    """A delivery's address with its query moved into the path; ``url`` is as ``receipt_url`` gives it."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    marks = ".".join(query.get(name, [""])[0] for name in ("d", "a", "s"))
    return parts._replace(path=f"{parts.path}/{marks}", query="").geturl()


def read_marks(text: str) -> tuple[int | None, int, str] | None:
    """(delivery id or None for the fixed address, attempt, mark) of the last part of a path; None: not of ours."""
    first, _, rest = text.partition(".")
    if first == FIXED:
        return None, 0, rest
    attempt, _, mark = rest.partition(".")
    if not (_is_count(first) and _is_count(attempt)):
        return None
    return int(first), int(attempt), mark


def marks_of(url: str) -> tuple[int | None, int, str] | None:
    """The same of a whole address."""
    return read_marks(urlsplit(url).path.rpartition("/")[2])


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18
