"""Numbers and names at rest: what a wrong key, damaged bytes or a careless start must never do."""

import base64
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_rows import at_once

from engine.errors import LoaError
from engine.store.crypto import Keyring, bucket_of, create_key_file, load_keyring

SECRET = bytes(range(32))


@given(st.text())
def test_what_is_sealed_comes_back_and_two_seals_differ(words: str) -> None:
    keyring = Keyring(SECRET)
    first, second = keyring.seal(words), keyring.seal(words)
    assert first != second, "equal seals would tell that two people share a name"
    assert keyring.unseal(first) == keyring.unseal(second) == words
    assert len(first) == len(words.encode()) + 28


def test_a_seal_shows_nothing_of_the_words() -> None:
    name = "Người Thử 001"
    sealed = Keyring(SECRET).seal(name)
    assert not any(part.encode() in sealed for part in name.split())


def test_another_key_opens_nothing() -> None:
    sealed = Keyring(SECRET).seal("0900000123")
    with pytest.raises(LoaError) as caught:
        Keyring(bytes(32)).unseal(sealed)
    assert caught.value.key == "store.wrong-key"
    assert "0900000123" not in str(caught.value)


@given(st.data())
def test_damaged_bytes_are_named_and_never_read_as_words(data: st.DataObject) -> None:
    sealed = bytearray(Keyring(SECRET).seal("Người Thử 001"))
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(sealed) - 1))
        sealed[place] ^= data.draw(st.integers(1, 255))
    else:
        del sealed[data.draw(st.integers(0, len(sealed) - 1)) :]
    with pytest.raises(LoaError) as caught:
        Keyring(SECRET).unseal(bytes(sealed))
    assert caught.value.key == "store.wrong-key"


def test_the_look_up_hash_cannot_be_made_without_the_key() -> None:
    one, other = Keyring(SECRET), Keyring(bytes(32))
    assert one.phone_hash("+84900000123") == Keyring(SECRET).phone_hash("+84900000123")
    assert one.phone_hash("+84900000123") != other.phone_hash("+84900000123")
    assert one.phone_hash("+84900000123") != one.phone_hash("+84900000124")
    assert len(one.phone_hash("+84900000123")) == 16
    assert 0 <= bucket_of(one.phone_hash("+84900000123")) <= 65535


def test_signatures_are_keyed_and_need_no_escaping_in_an_address() -> None:
    signatures = {Keyring(SECRET).sign(str(number)) for number in range(200)}
    assert len(signatures) == 200
    assert all(character.isalnum() or character in "-_" for sign in signatures for character in sign)
    assert Keyring(SECRET).sign("1") != Keyring(bytes(32)).sign("1")


def test_the_key_file_is_for_its_owner_only_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / ".loa" / "key"
    create_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    create_key_file(path)
    assert path.read_bytes() == before, "a key written over makes every number unreadable"
    load_keyring(path)


def test_a_disk_that_fills_while_the_key_is_written_leaves_no_empty_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LoaError) as caught:
        create_key_file(path)
    assert caught.value.key == "store.disk-full"
    monkeypatch.undo()
    assert not path.exists()
    create_key_file(path)
    load_keyring(path)


def test_two_that_make_the_key_at_once_never_see_it_empty_and_end_with_the_same_one(tmp_path: Path) -> None:
    for turn in range(10):
        path = tmp_path / str(turn) / "key"

        def make(path: Path = path) -> str:
            create_key_file(path)
            return path.read_text()

        seen = at_once(make, make, make)
        assert len(set(seen)) == 1
        assert len(seen[0].strip()) == 64


@pytest.mark.parametrize("written", [SECRET.hex(), SECRET.hex().upper(), base64.b64encode(SECRET).decode()])
def test_the_key_in_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    create_key_file(tmp_path / "key")
    monkeypatch.setenv("LOA_KEY", f" {written}\n")
    assert load_keyring(tmp_path / "key").unseal(Keyring(SECRET).seal("x")) == "x"


@pytest.mark.parametrize(
    "wrong", ["abc", "z" * 64, SECRET.hex()[:-2], base64.b64encode(SECRET[:31]).decode(), "mật khẩu", "=" * 44]
)
def test_a_key_of_the_wrong_shape_is_refused_without_being_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("LOA_KEY", wrong)
    with pytest.raises(LoaError) as caught:
        load_keyring(tmp_path / "key")
    assert caught.value.key == "store.key-length"
    assert wrong not in str(caught.value)


def test_a_missing_or_unreadable_key_file_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(LoaError) as caught:
        load_keyring(tmp_path / "key")
    assert caught.value.key == "store.no-key"
    (tmp_path / "folder").mkdir()
    with pytest.raises(LoaError) as caught:
        load_keyring(tmp_path / "folder")
    assert caught.value.key == "store.key-unreadable"
    (tmp_path / "empty").touch()
    with pytest.raises(LoaError) as caught:
        load_keyring(tmp_path / "empty")
    assert caught.value.key == "store.key-length"


def test_a_keyring_does_not_print_its_secret() -> None:
    assert SECRET.hex() not in repr(Keyring(SECRET))
