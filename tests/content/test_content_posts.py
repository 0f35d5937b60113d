"""Posts in the officer's files: each mistake is told at its own place, before anything is shown to everybody."""

from pathlib import Path

import pytest
from content_workspaces import FILES, VENDORS, FakeVendor, Load, PageKeys, places, spoiled

from engine.content.pages import area_of, old_district
from engine.content.snapshot import snapshot

JPEG, PNG = b"\xff\xd8\xff\xe0" + bytes(60), b"\x89PNG\r\n\x1a\n" + bytes(60)
STEP = """\
  - id: bai
    when: 30/7 at 23:00
    channel: facebook
    sender: page
    message: bai
"""
POST = "messages/bai/facebook.vi.j2"
CAMPAIGN = "campaigns/thu.yaml"
GOOD: dict[str, str | bytes | None] = {CAMPAIGN: FILES[CAMPAIGN] + STEP, POST: "Cần giúp đỡ xin gọi 111.\n"}


def test_a_post_needs_no_audience_and_may_come_at_night(loaded: Load) -> None:
    found = loaded(GOOD)
    assert found.ok, found.problems
    assert not [problem for problem in found.problems if problem.file == POST]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("    audience: dan\n", "20:5 not-of-posts"),
        ("    valid_for: 2 hours\n", "20:5 not-of-posts"),
        ("    sender: toy\n", None),
    ],
)
def test_what_is_for_people_is_refused_for_pages(loaded: Load, line: str, expected: str | None) -> None:
    step = STEP.replace("    sender: page\n", line) if "sender" in line else STEP + line
    found = places(loaded(GOOD | {CAMPAIGN: FILES[CAMPAIGN] + step}), "error")
    assert found == [f"{CAMPAIGN}:{expected or '18:13 sender-channel'}"]


@pytest.mark.parametrize("missing", ["sender", "message"])
def test_a_post_without_page_or_words_is_refused(loaded: Load, missing: str) -> None:
    step = "".join(line for line in STEP.splitlines(keepends=True) if missing not in line)
    files = GOOD | {CAMPAIGN: FILES[CAMPAIGN] + step}
    assert f"{CAMPAIGN}:15:5 missing-key" in places(loaded(files), "error")


@pytest.mark.parametrize(
    ("area", "expected"),
    [
        ("", "4:9 page-without-area"),
        (', area: {era: "2025", code: "99999"}', "4:43 page-area-unknown"),
        (', area: {era: legacy, code: "183"}', "4:43 page-area-district"),
        (', area: {era: "1900", code: "06184"}', "4:49 not-one-of"),
    ],
)
def test_a_page_says_the_commune_or_province_it_belongs_to(loaded: Load, area: str, expected: str) -> None:
    files = GOOD | spoiled("loa.yaml", ', area: {era: "2025", code: "06184"}', area)
    assert f"loa.yaml:{expected}" in places(loaded(files), "error")


def test_who_writes_to_people_belongs_nowhere(loaded: Load) -> None:
    files = spoiled("loa.yaml", "from: DIENTAP,", 'from: DIENTAP, area: {era: "2025", code: "06184"},')
    assert places(loaded(files), "error") == ["loa.yaml:3:39 area-of-no-page"]


def test_a_provinces_page_cannot_name_a_district(loaded: Load) -> None:
    files = GOOD | spoiled("loa.yaml", 'code: "06184"', 'code: "20"') | {POST: "Ở {{ district.name }}, xin gọi 111.\n"}
    assert f"{CAMPAIGN}:18:13 page-lacks" in places(loaded(files), "error")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Chào {{ contact.name }}, gọi 111.\n", "1:9 not-of-posts"),
        ("Xem {{ link() }}, gọi 111.\n", "1:8 not-of-posts"),
        ("---\nlink: langson.gov.vn\n---\nGọi 111.\n", "2:7 bad-link"),
        (f"---\ntitle: {'a' * 251}\n---\nGọi 111.\n", "2:8 title-too-long"),
        (f"{'Gọi 111. ' * 1200}\n", None),
    ],
)
def test_mistakes_in_a_posts_words_have_their_places(loaded: Load, text: str, expected: str | None) -> None:
    found = [one.rpartition("vi.j2:")[2] for one in places(loaded(GOOD | {POST: text}), "error")]
    assert found == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("length", "picture", "ok"), [(4096, False, True), (4097, False, False), (1024, True, True), (1025, True, False)]
)
def test_a_post_longer_than_its_place_takes_is_refused(
    loaded: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int, picture: bool, ok: bool
) -> None:
    monkeypatch.setitem(VENDORS, "wall", FakeVendor("wall", "telegram", PageKeys))
    (tmp_path / "a.jpg").write_bytes(JPEG)
    head = "---\npicture: a.jpg\n---\n" if picture else ""
    words = "Gọi 111, 🙂" + "a" * (length - 11)  # the smile counts twice there
    step = STEP.replace("facebook", "telegram")
    telegram = "messages/bai/telegram.vi.j2"
    found = loaded({CAMPAIGN: FILES[CAMPAIGN] + step, telegram: head + words})
    expected = [] if ok else [f"{telegram}:{4 if picture else 1}:1 post-too-long"]
    assert places(found, "error") == expected


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("pictures/a.jpg", JPEG, None),
        ("pictures/a.jpg", PNG, None),  # by its content, not its name
        ("pictures/a.jpg", b"GIF89a" + bytes(50), "not-a-picture"),
        ("pictures/A.jpg", None, "no-picture"),
        ("../a.jpg", JPEG, "picture-outside"),
        ("pictures", JPEG, "no-picture"),
        ("pictures/a.jpg", JPEG + bytes(10_000_001), "picture-too-big"),
    ],
)
def test_a_picture_is_looked_at_before_anybody_approves_it(
    loaded: Load, tmp_path: Path, name: str, content: bytes | None, expected: str | None
) -> None:
    (tmp_path / "pictures").mkdir()
    if content is not None:
        (tmp_path / "pictures" / "a.jpg").write_bytes(content)
    found = places(loaded(GOOD | {POST: f"---\npicture: {name}\n---\nGọi 111.\n"}), "error")
    assert found == ([f"{POST}:2:10 {expected}"] if expected else [])


def test_a_message_to_people_carries_no_picture(loaded: Load) -> None:
    files = {"messages/tin/sms.vi.j2": "---\nlink: https://a.example/\n---\nGọi 111.\n"}
    assert places(loaded(files), "error") == ["messages/tin/sms.vi.j2:2:1 only-in-posts"]


def test_another_picture_is_another_snapshot(loaded: Load, tmp_path: Path) -> None:
    picture = tmp_path / "a.jpg"
    digests = []
    for content in (JPEG, JPEG + b"x", JPEG):
        picture.write_bytes(content)
        workspace = loaded(GOOD | {POST: "---\npicture: a.jpg\n---\nGọi 111.\n"}).workspace
        assert workspace is not None
        digests.append(snapshot(workspace, "thu").digest)
    assert digests[0] == digests[2] != digests[1]


def test_the_old_district_of_a_page_follows_from_its_commune(loaded: Load) -> None:
    from engine.areas.registry import load

    workspace = loaded(GOOD).workspace
    assert workspace is not None
    area = area_of(workspace.senders["page"], load())
    assert area is not None and old_district(area, load()) == "183"
    assert area_of(workspace.senders["toy"], load()) is None
