"""Canonical paths: Istio's own table where it is here, RFC 3986's examples, and that once is enough."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.protocol.path import merge_slashes, normalize, unescape_slashes

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases" / "path_normalization.json"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/", b"/"),
        (b"/a/b/c/./../../g", b"/a/g"),
        (b"/a/..", b"/"),
        (b"/a/.", b"/a/"),
        (b"/../../x", b"/x"),
        (b"/a//../b", b"/a/b"),
        (b"/a\\b", b"/a/b"),
        (b"/%61%2E%2e/%2e%2E/b", b"/b"),
        (b"/%2F%5c%25", b"/%2F%5c%25"),
        (b"/.a/..b/c..", b"/.a/..b/c.."),
        (b"/a/../b?c=/../d%2e", b"/b?c=/../d%2e"),
        (b"/a?b/../c", b"/a?b/../c"),
    ],
)
def test_table(path: bytes, expected: bytes) -> None:
    assert normalize(path) == expected


MODES = {
    "Base": (False, False),
    "MergeSlashes": (False, True),
    "DecodeAndMergeSlashes": (True, True),
}
"""Istio's modes beside None: (escaped slashes are unescaped, slashes are merged)."""


def in_mode(mode: str, path: bytes) -> bytes:
    unescapes, merges = MODES[mode]
    path = normalize(unescape_slashes(path) if unescapes else path)
    return merge_slashes(path) if merges else path


@pytest.mark.parametrize(
    ("mode", "path", "expected"),
    [
        ("MergeSlashes", b"/a///b//", b"/a/b/"),
        ("MergeSlashes", b"/a//b?c=//d", b"/a/b?c=//d"),
        ("MergeSlashes", b"//a/%2F/b", b"/a/%2F/b"),
        ("DecodeAndMergeSlashes", b"/a%2f%2Fb%5c..%5Cc", b"/a/c"),
        ("DecodeAndMergeSlashes", b"/a?b=%2f//", b"/a?b=%2f//"),
    ],
)
def test_slashes(mode: str, path: bytes, expected: bytes) -> None:
    assert in_mode(mode, path) == expected


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
@pytest.mark.parametrize("mode", MODES)
def test_modes_of_istio(mode: str) -> None:
    rows = [row for row in json.loads(CASES.read_text()) if row["mode"] == mode]
    assert rows
    for row in rows:
        assert in_mode(mode, row["path"].encode()) == row["expect"].encode(), row


@given(st.text(alphabet="/.\\%2Eeab5cF?", max_size=30))
def test_once_is_enough_and_never_above_the_root(rest: str) -> None:
    once = normalize(b"/" + rest.encode())
    assert once.startswith(b"/")
    assert b"/../" not in once.partition(b"?")[0] + b"/"
    if b"%" not in once:
        assert normalize(once) == once
