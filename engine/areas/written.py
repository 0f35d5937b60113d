"""How lists and tables name areas: the headers of their columns, and the words for an era."""

from typing import Final

from engine.areas.area import Era

# Field → headers, without accents and brackets; ", xa/phuong" stands for "Xã/ Phường" and "Xã, phường" too.
AREA_HEADERS: Final[dict[str, str]] = {
    "commune": (
        "xa, phuong, xa/phuong, phuong/xa, xa/phuong/thi tran, xa/phuong/dac khu, thi tran, ten xa, ten xa/phuong,"
        " commune, ward, commune/ward"
    ),
    "district": (
        "huyen, quan/huyen, huyen/quan, huyen/thi xa, huyen/thi xa/thanh pho, huyen/thi xa/tp, huyen/tx/tp,"
        " huyen/quan/thi xa, ten huyen, huyen cu, district"
    ),
    "province": "tinh, tinh/thanh pho, tinh/tp, ten tinh, province",
    "era": "era, thoi ky, dia gioi",
}
_ERAS: Final[dict[str, Era]] = {
    **dict.fromkeys(("legacy", "cu", "truoc 2025", "truoc 1/7/2025", "truoc 01/07/2025"), "legacy"),
    **dict.fromkeys(("2025", "moi", "hien nay", "tu 1/7/2025", "tu 01/07/2025"), "2025"),
}


def era_named(folded: str) -> Era | None:
    """The era that words name ("cu", "2025", "tu 1/7/2025"; folded: no accents, small letters); None for others."""
    return _ERAS.get(folded)
