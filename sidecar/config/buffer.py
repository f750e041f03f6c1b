"""envoy.extensions.filters.http.buffer.v3: requests go on when they are here whole."""

from __future__ import annotations

from typing import Annotated

from sidecar.config.message import Message, Range

MAX_BYTES = Range(1, 2**32 - 1)


class Buffer(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.filters.http.buffer.v3.Buffer"

    max_request_bytes: Annotated[int, MAX_BYTES]
    """A longer body is answered with 413."""


class BufferPerRoute(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.filters.http.buffer.v3.BufferPerRoute"
    EXACTLY_ONE = (("disabled", "buffer"),)

    disabled: bool | None = None
    buffer: Buffer | None = None

    def problem(self) -> tuple[str, str] | None:
        return ("disabled", "must be true") if self.disabled is False else None
