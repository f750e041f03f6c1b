"""Goal: nobody's own id is given away by root, and two pods do not share ids."""

from __future__ import annotations

import pytest

from orchestrator.runtimes.idmap import RANGE_IDS, RANGES_BEGIN, IdMap, choose, pod_number

ALL = "         0          0 4294967295\n"


def test_an_ordinary_user_gives_its_one_id() -> None:
    found = choose(1000, ALL, 7)
    assert found == IdMap(1000, 1) and not found.whole
    assert (found.host_id(0), found.host_id(1)) == (1000, None)


def test_root_gives_a_range_that_owns_nothing() -> None:
    first, second = choose(0, ALL, 7), choose(0, ALL, 8)
    assert first.whole and first.base >= RANGES_BEGIN and first.count == RANGE_IDS
    assert first.base + first.count <= second.base < 1 << 31
    assert first.host_id(0) != 0 and first.host_id(RANGE_IDS) is None


@pytest.mark.parametrize(
    ("own_map", "expected"),
    [
        ("0 100000 65536\n", IdMap(65536 - 16384, 16384)),
        ("0 1000 1\n1 100000 65536\n", IdMap(65537 - 16384, 16384)),
        ("0 1000 1\n", IdMap(0, 1)),
        ("", IdMap(0, 1)),
    ],
)
def test_root_of_a_container_takes_what_there_is(own_map: str, expected: IdMap) -> None:
    assert choose(0, own_map, 7) == expected


def test_numbers_are_stable() -> None:
    assert pod_number("10.244.0.5", "x") == pod_number("10.244.0.5", "y") != pod_number("10.244.0.6", "x")
    assert pod_number("", "uid-abcd") == pod_number("", "uid-abcd")
