"""Ring and Maglev: every key has one host, shares follow weights, and few keys move when a host goes."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.balancing.consistent import Maglev, Ring, normalise
from sidecar.balancing.hashes import murmurhash2, xxhash64
from sidecar.balancing.hosts import Host

RNG = random.Random(1)
KEYS = [xxhash64(b"key %d" % number) for number in range(4000)]


def hosts(count: int, weights: tuple[int, ...] = ()) -> list[Host]:
    return [Host(f"10.0.0.{n}:80", weight=weights[n] if weights else 1) for n in range(count)]


def table(kind: str, members: list[Host]) -> Ring | Maglev:
    shares = normalise([(members, 1.0)])
    return Ring(shares) if kind == "ring" else Maglev(shares, size=4099)


def owners(picker: Ring | Maglev, attempt: int = 0) -> list[str]:
    found = [picker.pick(RNG, 0.0, key, attempt) for key in KEYS]
    return [host.key for host in found if host is not None]


def test_normalise() -> None:
    first, second = hosts(2, (1, 3)), hosts(1)
    parts = [share.part for share in normalise([(first, 0.2), (second, 0.8)])]
    assert parts == pytest.approx([0.05, 0.15, 0.8])


def test_ring_places() -> None:
    """Each host is at `key_0`, `key_1` ...; a key belongs to the first place that is not before it."""
    members = hosts(2)
    ring = Ring(normalise([(members, 1.0)]), minimum=4)
    assert ring.size == 4
    places = sorted((xxhash64(f"{host.key}_{n}".encode()), host) for host in members for n in range(2))
    for place, host in places:
        assert ring.pick(RNG, 0, place, 0) is host
    assert ring.pick(RNG, 0, places[0][0] + 1, 0) is places[1][1]
    assert ring.pick(RNG, 0, places[-1][0] + 1, 0) is places[0][1]
    assert ring.pick(RNG, 0, places[0][0], 1) is places[1][1]


@pytest.mark.parametrize(
    ("weights", "minimum", "maximum", "size"),
    [((1, 1, 1), 1024, 2**23, 1026), ((1, 1), 1024, 100, 100), ((1, 2), 3, 2**23, 3), ((1, 99), 50, 2**23, 100)],
)
def test_ring_size(weights: tuple[int, ...], minimum: int, maximum: int, size: int) -> None:
    members = hosts(len(weights), weights)
    assert Ring(normalise([(members, 1.0)]), minimum=minimum, maximum=maximum).size == size


def test_ring_with_murmur_differs() -> None:
    shares = normalise([(hosts(5), 1.0)])
    assert owners(Ring(shares)) != owners(Ring(shares, hash_of=murmurhash2))


@pytest.mark.parametrize("kind", ["ring", "maglev"])
def test_shares_follow_weights(kind: str) -> None:
    seen = Counter(owners(table(kind, hosts(3, (1, 2, 5)))))
    for number, share in enumerate((500, 1000, 2500)):
        assert share * 0.8 < seen[f"10.0.0.{number}:80"] < share * 1.25


@pytest.mark.parametrize("kind", ["ring", "maglev"])
@given(count=st.integers(2, 12), gone=st.integers(0, 11))
@settings(max_examples=20, deadline=None)
def test_few_keys_move(kind: str, count: int, gone: int) -> None:
    members = hosts(count)
    lost = members[gone % count]
    before = owners(table(kind, members))
    after = owners(table(kind, [host for host in members if host is not lost]))
    moved = sum(1 for old, new in zip(before, after, strict=True) if old not in (new, lost.key))
    # Not none: the places of those that stay grow in number (ring), or meet fewer others (Maglev).
    assert moved <= len(KEYS) * 0.2


def test_maglev_does_not_depend_on_order_and_fills_evenly() -> None:
    members = hosts(7)
    assert owners(table("maglev", members)) == owners(table("maglev", members[::-1]))
    maglev = Maglev(normalise([(members, 1.0)]), size=997)
    seen = Counter(maglev.pick(RNG, 0, key, 0) for key in range(997))
    assert set(seen.values()) <= {142, 143}


@pytest.mark.parametrize("kind", ["ring", "maglev"])
def test_another_attempt_finds_another_host(kind: str) -> None:
    picker = table(kind, hosts(5))
    first, second = owners(picker), owners(picker, 1)
    assert sum(1 for one, other in zip(first, second, strict=True) if one != other) > len(KEYS) * 0.6
