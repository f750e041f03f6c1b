"""Shared by the tests of each resource: decode one message, expecting a value or a refusal at a path."""

from __future__ import annotations

from typing import Any, TypeVar

from sidecar.config.decode import decode
from sidecar.config.message import Message
from sidecar.config.refusal import Refusal, Refused

M = TypeVar("M", bound=Message)


def refusal(message: type[Message], value: dict[str, Any]) -> Refusal:
    try:
        taken = decode(message, value)
    except Refused as refused:
        return refused.refusal
    raise AssertionError(f"taken: {taken}")
