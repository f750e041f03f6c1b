"""RING_HASH and MAGLEV: one key, one host, and few keys move when a host comes or goes.

The tables are Envoy's, entry by entry (source/extensions/load_balancing_policies/{ring_hash,maglev}), so that proxies
of both kinds in front of one cluster agree. A table is made at its first use, not at each update.
"""

from __future__ import annotations

import math
import random
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sidecar.balancing.hashes import xxhash64
from sidecar.balancing.hosts import Host

RING_SIZE_MIN = 1024
RING_SIZE_MAX = 8 * 1024 * 1024
MAGLEV_TABLE_SIZE = 65537
_WRAP = 0xFFFFFFFFFFFFFFFF


class Share(NamedTuple):
    host: Host
    part: float
    """Of all; parts sum to 1."""


def normalise(groups: Sequence[tuple[Sequence[Host], float]]) -> list[Share]:
    """Hosts of each group with the group's part, divided by their weights."""
    shares = []
    for hosts, part in groups:
        total = sum(host.weight for host in hosts)
        shares += [Share(host, host.weight * part / total) for host in hosts]
    return shares


class Ring:
    """Ketama: each host at many places of a ring of 64-bit numbers; a key belongs to the next place."""

    __slots__ = ("_hashes", "_hosts", "_make")

    def __init__(
        self,
        shares: list[Share],
        *,
        minimum: int = RING_SIZE_MIN,
        maximum: int = RING_SIZE_MAX,
        hash_of: Callable[[bytes], int] = xxhash64,
    ) -> None:
        self._hashes: array[int] = array("Q")
        self._hosts: list[Host] = []
        self._make: Callable[[], None] | None = lambda: self._build(shares, minimum, maximum, hash_of)

    def _build(self, shares: list[Share], minimum: int, maximum: int, hash_of: Callable[[bytes], int]) -> None:
        least = min(share.part for share in shares)
        # The least weighted host gets a whole number of places; then all is scaled back to the maximum.
        scale = min(math.ceil(least * minimum) / least, float(maximum))
        places: list[tuple[int, Host]] = []
        wanted = 0.0
        for host, part in shares:
            wanted += scale * part
            number = 0
            while len(places) < wanted:
                places.append((hash_of(b"%s_%d" % (host.hash_key, number)), host))
                number += 1
        places.sort(key=lambda place: place[0])
        self._hashes = array("Q", [place[0] for place in places])
        self._hosts = [place[1] for place in places]
        self._make = None

    def pick(self, rng: random.Random, now: float, key: int, attempt: int) -> Host | None:
        if self._make is not None:
            self._make()
        size = len(self._hosts)
        return self._hosts[(bisect_left(self._hashes, key) % size + attempt) % size]

    @property
    def size(self) -> int:
        if self._make is not None:
            self._make()
        return len(self._hosts)


class Maglev:
    """Each host fills a prime-sized table in an order of its own, in turns by weight; a key is an index."""

    __slots__ = ("_hosts", "_make", "_size", "_table")

    def __init__(self, shares: list[Share], *, size: int = MAGLEV_TABLE_SIZE) -> None:
        # Sorted by key: the table must not depend on the order in which endpoints came.
        self._hosts = [share.host for share in sorted(shares, key=_key)]
        parts = [share.part for share in sorted(shares, key=_key)]
        self._size = size
        self._table: array[int] = array("I")
        self._make: Callable[[], None] | None = lambda: self._build(parts)

    def _build(self, parts: list[float]) -> None:
        size, most = self._size, max(parts)
        hashed = [host.hash_key for host in self._hosts]
        place = [xxhash64(one) % size for one in hashed]
        skip = [xxhash64(one, 1) % (size - 1) + 1 for one in hashed]
        target = [0.0] * len(parts)
        table = [-1] * size
        filled = turn = 0
        while filled < size:
            turn += 1
            for index, part in enumerate(parts):
                if turn * part < target[index]:
                    continue
                target[index] += most
                at, step = place[index], skip[index]
                while table[at] >= 0:
                    at = (at + step) % size
                table[at] = index
                place[index] = (at + step) % size
                filled += 1
                if filled == size:
                    break
        self._table = array("I", table)
        self._make = None

    def pick(self, rng: random.Random, now: float, key: int, attempt: int) -> Host | None:
        if self._make is not None:
            self._make()
        if attempt:
            key ^= _WRAP - attempt + 1
        return self._hosts[self._table[key % self._size]]


def _key(share: Share) -> bytes:
    return share.host.hash_key
