"""Canonical paths: Istio's own table where it is here, RFC 3986's examples, and that once is enough."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.protocol.path import normalize

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


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
def test_base_mode_of_istio() -> None:
    rows = [row for row in json.loads(CASES.read_text()) if row["mode"] == "Base"]
    assert rows
    for row in rows:
        assert normalize(row["path"].encode()) == row["expect"].encode(), row


@given(st.text(alphabet="/.\\%2Eeab5cF?", max_size=30))
def test_once_is_enough_and_never_above_the_root(rest: str) -> None:
    once = normalize(b"/" + rest.encode())
    assert once.startswith(b"/")
    assert b"/../" not in once.partition(b"?")[0] + b"/"
    if b"%" not in once:
        assert normalize(once) == once
