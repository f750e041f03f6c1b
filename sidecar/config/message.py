"""The base of all messages, and the scalar types of proto3's JSON form.

A field's annotation is its whole schema: `decode` reads it. Names are Envoy's, so units are not in them:
durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, ClassVar

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One Envoy message. A field without a default is required. Fields that are lists become tuples."""

    TYPE: ClassVar[str] = ""
    """Full protobuf name, for messages that travel in a google.protobuf.Any."""
    AT_MOST_ONE: ClassVar[tuple[tuple[str, ...], ...]] = ()
    EXACTLY_ONE: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Protobuf's oneof groups."""

    ONLY_DEFAULT: ClassVar[tuple[str, ...]] = ()
    """Fields of which only Envoy's default is honoured: anything else is refused."""

    def problem(self) -> tuple[str, str] | None:
        """(path below this message, reason) of what its fields do not allow together; None = fine."""
        return None


class Mark(Enum):
    """How a value is spelt in JSON where its Python type does not tell."""

    DURATION = "duration"
    ANY = "any"
    STRUCT = "struct"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of a number, both included."""

    low: float
    high: float


Duration = Annotated[float, Mark.DURATION]
"""google.protobuf.Duration: `"1.5s"`; seconds, never negative."""
Struct = Annotated[Mapping[str, Any], Mark.STRUCT]
"""google.protobuf.Struct: any JSON object, left as it is."""
Bytes = Annotated[bytes, Mark.BYTES]
"""base64."""
UInt32 = Annotated[int, Range(0, 2**32 - 1)]
"""Also google.protobuf.UInt32Value, which is a plain number in JSON."""
Port = Annotated[int, Range(0, 65535)]
Int64 = Annotated[int, Range(-(2**63), 2**63 - 1)]
"""proto3 JSON writes it as a string."""
Double = Annotated[float, Range(float("-inf"), float("inf"))]
