"""Frames: the public cases, padding, and how large blocks are cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sidecar.protocol import http2_frames as frames

BY_STATE = "error/push_promise-frame-promised_stream", "error/window_update-frame-increment"
"""What only the connection decides: see its tests."""
CASES = Path(__file__).resolve().parents[4] / "shared" / "cases" / "http2_frames.json"


def cases() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(CASES.read_text())["cases"] if CASES.exists() else {}
    return {name: case for name, case in found.items() if not name.startswith(BY_STATE)}


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
@pytest.mark.parametrize("name", cases())
def test_public_cases(name: str) -> None:
    case = cases()[name]
    wire = bytes.fromhex(case["wire"])
    high, low, kind, flags, stream = frames.HEAD.unpack_from(wire)
    length = high << 8 | low
    error = frames.head_error(kind, flags, stream & 0x7FFFFFFF, length)
    payload = wire[9 : 9 + length]
    if not error and kind in (frames.DATA, frames.HEADERS, frames.PUSH_PROMISE):
        plain = frames.unpadded(payload, flags)
        error = frames.PROTOCOL_ERROR if plain is None else 0
        if plain is not None and case["error"] is None and kind == frames.DATA:
            assert plain == case["frame"]["frame_payload"]["data"].encode()
    if case["error"] is None:
        assert error == 0
        assert (length, kind, flags) == tuple(case["frame"][key] for key in ("length", "type", "flags"))
    else:
        assert error in case["error"]


@pytest.mark.parametrize(
    ("payload", "flags", "plain"),
    [(b"abc", 0, b"abc"), (b"\x02abXX", 8, b"ab"), (b"\x00", 8, b""), (b"", 8, None), (b"\x01", 8, None)],
)
def test_padding(payload: bytes, flags: int, plain: bytes | None) -> None:
    assert frames.unpadded(payload, flags) == plain


def test_a_large_block_goes_on_in_continuations() -> None:
    wire = frames.header_frames(5, b"x" * 25, end=True, bytes_max=10)
    heads, at = [], 0
    while at < len(wire):
        high, low, kind, flags, stream = frames.HEAD.unpack_from(wire, at)
        heads.append((low, kind, flags, stream))
        at += 9 + (high << 8 | low)
    assert heads == [(10, frames.HEADERS, 1, 5), (10, frames.CONTINUATION, 0, 5), (5, frames.CONTINUATION, 4, 5)]
