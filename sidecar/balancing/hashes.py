"""xxHash64 and MurmurHash2 (64A): the hashes of Envoy's consistent balancers, so that one key means one host to both.

Sources: the xxHash specification (github.com/Cyan4973/xxHash, doc/xxhash_spec.md) and MurmurHash2 as libstdc++'s
`std::hash` uses it. Integers are 64 bits wide and wrap.
"""

from __future__ import annotations

import struct

_MASK = 0xFFFFFFFFFFFFFFFF
_P1, _P2, _P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_P4, _P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
_MURMUR = 0xC6A4A7935BD1E995
MURMUR_SEED = 0xC70F6907
"""libstdc++'s and hence Envoy's."""
_words = struct.Struct("<4Q").iter_unpack


def _round(lane: int, word: int) -> int:
    lane = (lane + word * _P2) & _MASK
    return (((lane << 31) | (lane >> 33)) & _MASK) * _P1 & _MASK


def _merge(total: int, lane: int) -> int:
    return ((total ^ _round(0, lane)) * _P1 + _P4) & _MASK


def _stripes(data: bytes, seed: int, end: int) -> int:
    """The 32-byte stripes of longer input, four lanes merged into one."""
    a, b, c, d = (seed + _P1 + _P2) & _MASK, (seed + _P2) & _MASK, seed, (seed - _P1) & _MASK
    for w, x, y, z in _words(data[:end]):
        a, b, c, d = _round(a, w), _round(b, x), _round(c, y), _round(d, z)
    total = 0
    for lane, turn in ((a, 1), (b, 7), (c, 12), (d, 18)):
        total += (lane << turn) | (lane >> (64 - turn))
    total &= _MASK
    for lane in (a, b, c, d):
        total = _merge(total, lane)
    return total


def xxhash64(data: bytes, seed: int = 0) -> int:
    size = len(data)
    at = size & ~31
    total = _stripes(data, seed, at) if at else (seed + _P5) & _MASK
    total = (total + size) & _MASK
    while at + 8 <= size:
        total ^= _round(0, int.from_bytes(data[at : at + 8], "little"))
        total = ((((total << 27) | (total >> 37)) & _MASK) * _P1 + _P4) & _MASK
        at += 8
    if at + 4 <= size:
        total ^= int.from_bytes(data[at : at + 4], "little") * _P1 & _MASK
        total = ((((total << 23) | (total >> 41)) & _MASK) * _P2 + _P3) & _MASK
        at += 4
    for byte in data[at:]:
        total ^= byte * _P5 & _MASK
        total = (((total << 11) | (total >> 53)) & _MASK) * _P1 & _MASK
    total = (total ^ (total >> 33)) * _P2 & _MASK
    total = (total ^ (total >> 29)) * _P3 & _MASK
    return total ^ (total >> 32)


def murmurhash2(data: bytes, seed: int = MURMUR_SEED) -> int:
    size = len(data)
    total = seed ^ (size * _MURMUR & _MASK)
    end = size & ~7
    for at in range(0, end, 8):
        word = int.from_bytes(data[at : at + 8], "little") * _MURMUR & _MASK
        word = (word ^ (word >> 47)) * _MURMUR & _MASK
        total = (total ^ word) * _MURMUR & _MASK
    if end < size:
        total = (total ^ int.from_bytes(data[end:], "little")) * _MURMUR & _MASK
    total = (total ^ (total >> 47)) * _MURMUR & _MASK
    return total ^ (total >> 47)
