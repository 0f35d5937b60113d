"""What is done by hand, and in what it is counted: the one table of kinds and measures.

Keys are Vietnamese words without accents; their labels are in the catalogue ``activities``. The columns are those the
ministries ask for (cuộc, lượt người, tờ rơi, băng rôn, áp phích, phút phát thanh, lượt phát, tin/bài, SMS, lượt tiếp
cận). Different measures are never added up, and neither are people (``nguoi``) and turns (``luot``).

A crime-report box is counted as a box: how many reports it held is nobody's figure per commune and day, since in a
small commune it points at whoever reported.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from engine.content.words import BadValue, suggestion
from engine.errors import LoaError
from engine.i18n import sentence
from engine.text.accents import fold

LONGEST_NUMBER = 8  # digits of a date: what is longer may be a phone number and is not repeated in a sentence


class Kind(NamedTuple):
    """A kind of activity: what it may be counted in (the first is its own measure), and how people write it."""

    measures: tuple[str, ...]
    words: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


# Key → how people write it, folded. The first word is the key itself with blanks.
MEASURES: Final[Mapping[str, tuple[str, ...]]] = {
    "cuoc": _words("cuoc, buoi, phien, dot, chuong trinh, dem, events, event, sessions"),
    "lop": _words("lop, lop tap huan, classes, class"),
    "nguoi": _words("nguoi, nguoi tham du, nguoi du, nguoi nghe, nguoi tham gia, people, persons"),
    "luot": _words("luot, luot nguoi, luot nguoi tham du, luot nguoi nghe, turns, attendances"),
    "ho": _words("ho, ho gia dinh, households"),
    "to": _words("to, to roi, to gap, to buom, sheets, leaflets"),
    "ban": _words("ban, ban tin, ban cam ket, cam ket, cuon, copies"),
    "cai": _words("cai, chiec, bang ron, khau hieu, pa no, pano, ap phich, hop thu, hom thu, thung thu, pieces"),
    "phut": _words("phut, phut phat thanh, thoi luong, minutes"),
    "luot-phat": _words("luot phat, luot phat thanh, lan phat, luot phat song, broadcasts"),
    "bai": _words("bai, tin bai, tin, tin va bai, bai viet, bai dang, articles, posts"),
    "luot-tiep-can": _words("luot tiep can, tiep can, luot xem, luot tiep can mang xa hoi, reach, views"),
    "luot-xa": _words("luot xa, xa, xa phuong, xa co hoat dong, commune turns, communes"),
    "thue-bao": _words("thue bao, thue bao nhan, subscribers"),
    "tin-gui": _words("tin gui, sms gui, sms da gui, tin nhan, tin nhan gui, tin nhan da gui, sms, sms sent, sent"),
    "tin-den": _words("tin den, sms xac nhan, sms den, tin nhan den, xac nhan, sms confirmed, confirmed"),
    "tin-loi": _words("tin loi, sms loi, tin nhan loi, loi, sms failed, failed"),
    "tin-tu-choi": _words("tin tu choi, sms tu choi, tu choi, sms refused, refused"),
}
KINDS: Final[Mapping[str, Kind]] = {
    "noi-chuyen": Kind(
        ("cuoc", "nguoi", "luot", "phut", "luot-xa"),
        _words(
            "noi chuyen, noi chuyen chuyen de, tuyen truyen mieng, tuyen truyen truc tiep, toa dam, hoi nghi,"
            " hoi nghi tuyen truyen, mit tinh, talk, talks"
        ),
    ),
    "lop": Kind(
        ("lop", "nguoi", "luot", "luot-xa"),
        _words("lop, lop tap huan, tap huan, lop boi duong, lop tuyen truyen, class, classes, training"),
    ),
    "sinh-hoat": Kind(
        ("cuoc", "nguoi", "luot", "luot-xa"),
        _words(
            "sinh hoat, sinh hoat cau lac bo, sinh hoat cau lac bo to hoi, cau lac bo, sinh hoat to hoi,"
            " chi hoi, hop dan, club, clubs, club meetings"
        ),
    ),
    "gap-go": Kind(
        ("nguoi", "luot", "ho"),
        _words(
            "gap go, gap go van dong, gap go van dong truc tiep, van dong truc tiep, tu van,"
            " tu van truc tiep, den tung nha, direct contact"
        ),
    ),
    "to-roi": Kind(("to",), _words("to roi, to gap, phat to roi, cap phat to roi, leaflet, leaflets")),
    "ban-tin": Kind(("ban",), _words("ban tin, phat ban tin, so tay, cam nang, bulletin, bulletins")),
    "bang-ron": Kind(("cai",), _words("bang ron, khau hieu, bang ron khau hieu, treo bang ron, banner, banners")),
    "ap-phich": Kind(
        ("to", "cai"),
        _words("ap phich, ap phich pa no, pa no, pano, pa no ap phich, poster, posters"),
    ),
    "luu-dong": Kind(
        ("cuoc", "nguoi", "luot", "phut", "luot-xa"),
        _words(
            "luu dong, tuyen truyen luu dong, van nghe, chieu phim, chieu phim luu dong, xe luu dong, mobile show,"
            " mobile shows"
        ),
    ),
    "xet-xu-luu-dong": Kind(
        ("cuoc", "nguoi", "luot"), _words("xet xu luu dong, phien toa luu dong, phien toa, mobile trial, mobile trials")
    ),
    "ky-cam-ket": Kind(("ban", "nguoi", "ho"), _words("ky cam ket, cam ket, signed commitments, commitments")),
    "hop-thu-to-giac": Kind(
        ("cai",), _words("hop thu to giac, hom thu to giac, thung thu to giac, crime report box, crime report boxes")
    ),
    "phat-thanh": Kind(
        ("luot-phat", "phut", "luot-xa"),
        _words(
            "phat thanh, phat thanh truyen thanh, truyen thanh, loa truyen thanh, tieng loa bien phong,"
            " doc tren loa, loudspeaker"
        ),
    ),
    "tin-bai": Kind(
        ("bai", "luot-tiep-can", "phut"),
        _words(
            "tin bai, tin bai bao chi, bao chi, bai bao, tin va bai, phong su, chuyen muc, article, articles, press"
        ),
    ),
    "mang-xa-hoi": Kind(
        ("bai", "luot-tiep-can"), _words("mang xa hoi, bai dang mang xa hoi, facebook, zalo, social media, posts")
    ),
    "tin-nha-mang": Kind(
        ("tin-gui", "thue-bao", "tin-den", "tin-loi", "tin-tu-choi"),
        _words(
            "tin nha mang, tin nhan nha mang gui giup, tin nhan nha mang, nha mang nhan tin, sms nha mang,"
            " operator messages"
        ),
    ),
}
_SPACES = re.compile(r"[\s\-–—/,.;:_()“”\"']+")


@lru_cache(maxsize=8192)
def shape(text: str) -> str:
    """``text`` for comparing what people wrote: folded, every separator one blank."""
    return _SPACES.sub(" ", fold(text)).strip()


def quoted(text: str) -> str:
    """``text`` as a sentence may repeat it; a cell that may hold a phone number (shifted columns) is not repeated."""
    return "…" if sum(map(str.isdigit, text)) > LONGEST_NUMBER else text


def by_words(table: Iterable[tuple[str, Iterable[str]]]) -> dict[str, str]:
    """Folded words → key. The keys themselves are words of theirs; the first that has a word keeps it."""
    found: dict[str, str] = {}
    listed = [(key, tuple(words)) for key, words in table]
    for key, _ in listed:
        found[shape(key)] = key
    for key, words in listed:
        for word in words:
            found.setdefault(word, key)
    return found


_KIND_NAMED = by_words((key, kind.words) for key, kind in KINDS.items())
_MEASURE_NAMED = by_words(MEASURES.items())
KIND_ORDER: Final = {key: place for place, key in enumerate(KINDS)}
MEASURE_ORDER: Final = {key: place for place, key in enumerate(MEASURES)}


@lru_cache(maxsize=1024)
def read_kind(text: str) -> str:
    """The key of the kind that ``text`` names: a key, or words for it. Raises ``BadValue`` (``unknown-kind``)."""
    kind = _KIND_NAMED.get(shape(text))
    if kind is not None:
        return kind
    near = suggestion(shape(text), _KIND_NAMED)
    if near:
        raise BadValue("activities.unknown-kind-near", text=quoted(text), near=kind_label(_KIND_NAMED[near]))
    raise BadValue("activities.unknown-kind", text=quoted(text))


@lru_cache(maxsize=1024)
def measure_named(text: str) -> str | None:
    """The key of the measure that ``text`` names ("Số người tham dự", "tờ"); None when it names none."""
    words = shape(text)
    return _MEASURE_NAMED.get(words) or _MEASURE_NAMED.get(words.removeprefix("tong ").removeprefix("so "))


def read_measure(text: str) -> str:
    """As ``measure_named``. Raises ``LoaError`` (``activities.unknown-measure``) when it names none."""
    measure = measure_named(text)
    if measure is None:
        near = suggestion(shape(text), _MEASURE_NAMED)
        if near:
            raise BadValue(
                "activities.unknown-measure-near", text=quoted(text), near=measure_label(_MEASURE_NAMED[near])
            )
        raise LoaError("activities.unknown-measure", text=quoted(text), choices=measure_labels(MEASURES))
    return measure


def kind_label(kind: str) -> str:
    """A kind in the reader's language."""
    return sentence(f"activities.kind-{kind}")


def measure_label(measure: str) -> str:
    """A measure in the reader's language."""
    return sentence(f"activities.measure-{measure}")


def measure_labels(measures: Iterable[str]) -> str:
    """Several measures in the reader's language, in their order."""
    return ", ".join(map(measure_label, measures))
