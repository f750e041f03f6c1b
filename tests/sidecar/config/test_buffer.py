"""The buffer filter's bound is required and positive; a route may only say another one, or none."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.buffer import Buffer, BufferPerRoute
from sidecar.config.decode import decode
from tests.sidecar.config.tables import refusal


def test_taken() -> None:
    assert decode(Buffer, {"max_request_bytes": 7}).max_request_bytes == 7
    inner = decode(BufferPerRoute, {"buffer": {"max_request_bytes": 8}}).buffer
    assert inner is not None and inner.max_request_bytes == 8


@pytest.mark.parametrize(
    ("message", "value", "path"),
    [
        (Buffer, {}, "max_request_bytes"),
        (Buffer, {"max_request_bytes": 0}, "max_request_bytes"),
        (BufferPerRoute, {"disabled": False}, "disabled"),
        (BufferPerRoute, {}, ""),
    ],
)
def test_refused(message: Any, value: dict[str, Any], path: str) -> None:
    assert refusal(message, value).path == (path or refusal(message, value).path)
