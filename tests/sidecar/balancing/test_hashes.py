"""Hashes against published vectors (xxHash) and against libstdc++'s std::hash (MurmurHash2)."""

from __future__ import annotations

import pytest

from sidecar.balancing.hashes import murmurhash2, xxhash64

FOX = b"The quick brown fox jumps over the lazy dog"


@pytest.mark.parametrize(
    ("data", "seed", "expected"),
    [
        (b"", 0, 0xEF46DB3751D8E999),
        (b"", 1, 0xD5AFBA1336A3BE4B),
        (b"a", 0, 0xD24EC4F1A98C6E5B),
        (b"abc", 0, 0x44BC2CF5AD770999),
        (b"Nobody inspects the spammish repetition", 0, 0xFBCEA83C8A378BF1),
        (FOX, 0, 0x0B242D361FDA71BC),
    ],
)
def test_xxhash64(data: bytes, seed: int, expected: int) -> None:
    assert xxhash64(data, seed) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", 0x553E93901E462A6E), (b"a", 0x454DDEE488C1ED6B), (b"abc", 0x32D82BF8ED3DBA39), (FOX, 0xDCCBF2541704BC75)],
)
def test_murmurhash2(data: bytes, expected: int) -> None:
    assert murmurhash2(data) == expected


def test_every_length_is_hashed_differently() -> None:
    for hash_of in (xxhash64, murmurhash2):
        seen = {hash_of(bytes(range(size))) for size in range(100)}
        assert len(seen) == 100
        assert all(0 <= one < 2**64 for one in seen)
