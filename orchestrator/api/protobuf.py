"""Kubernetes' protobuf bodies to JSON objects, by the field table. We only read it; answers are JSON.

kubectl 1.32 and later send it for every typed write and have no fallback. Wire format: protobuf.dev/programming-guides/
encoding; the envelope is `k8s\\0` and a runtime.Unknown. Go writes zero values of plain fields, so a zero counts only
where the field is a pointer.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from mesh.kube.objects import Object
from mesh.kube.schema.fields import Field, Message, message, message_of

MAGIC = b"k8s\x00"
DEPTH_MAX = 64
VARINT_BYTES_MAX = 10
_DELETE_OPTIONS = "apis.meta.v1.DeleteOptions"


class ProtobufError(ValueError):
    """The bytes are not what they should be."""


Value = int | bytes


def decode_envelope(content: bytes) -> Object:
    """The object in `k8s\\0` + runtime.Unknown, with its apiVersion and kind."""
    if not content.startswith(MAGIC):
        raise ProtobufError("the body does not begin with k8s\\0")
    outer = {number: value for number, _, value in _fields(content[len(MAGIC) :])}
    type_meta = {number: value for number, _, value in _fields(_bytes(outer.get(1, b"")))}
    api_version, kind = _text(type_meta.get(1, b"")), _text(type_meta.get(2, b""))
    schema = message_of(api_version, kind)
    if schema is None and kind == "DeleteOptions":
        schema = message(_DELETE_OPTIONS)
    if schema is None:
        raise ProtobufError(f"no field table for {api_version}, Kind={kind}")
    try:
        body = _message(_bytes(outer.get(2, b"")), schema, DEPTH_MAX)
    except (OverflowError, OSError) as problem:
        raise ProtobufError(f"a time is out of range: {problem}") from problem
    return {"kind": kind, "apiVersion": api_version, **body}


def _fields(content: bytes) -> Iterator[tuple[int, int, Value]]:
    """(number, wire type, value) of each field in order."""
    place, end = 0, len(content)
    while place < end:
        tag, place = _varint(content, place)
        number, wire = tag >> 3, tag & 7
        value: Value
        if wire == 0:
            value, place = _varint(content, place)
        elif wire == 2:
            size, place = _varint(content, place)
            value = content[place : place + size]
            if len(value) != size:
                raise ProtobufError("a field is cut short")
            place += size
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value = content[place : place + size]
            if len(value) != size:
                raise ProtobufError("a field is cut short")
            place += size
        else:
            raise ProtobufError(f"wire type {wire}")
        yield number, wire, value


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(VARINT_BYTES_MAX):
        if place >= len(content):
            raise ProtobufError("a number is cut short")
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value & (2**64 - 1), place
    raise ProtobufError("a number is too long")


def _message(content: bytes, schema: Message, depth: int) -> Object:
    if depth <= 0:
        raise ProtobufError("nested too deep")
    obj: Object = {}
    for number, _, value in _fields(content):
        field = schema.wire.get(number)
        if field is None:
            # Newer clients know fields that we do not: dropped, as an older server does.
            continue
        if field.inline:
            inner = message(field.type)
            assert inner is not None
            obj.update(_message(_bytes(value), inner, depth - 1))
        elif field.shape == "map":
            key, item = _entry(_bytes(value), field, depth)
            obj.setdefault(field.name, {})[key] = item
        elif field.shape == "list":
            _append(obj, field, value, depth)
        else:
            decoded = _one(value, field, depth)
            if decoded is not None and (field.pointer or decoded not in ("", 0, False) or _always_meant(field)):
                obj[field.name] = decoded
    return obj


def _always_meant(field: Field) -> bool:
    """Messages are pointers where they are written at all; of numbers-or-names only `targetPort` is none."""
    return not field.scalar or (field.type == "intorstring" and field.name != "targetPort")


def _append(obj: Object, field: Field, value: Value, depth: int) -> None:
    items = obj.setdefault(field.name, [])
    if isinstance(value, bytes) and field.type in ("int32", "int64", "bool"):
        # Packed: several numbers in one field.
        place = 0
        while place < len(value):
            number, place = _varint(value, place)
            items.append(_one(number, field, depth))
        return
    item = _one(value, field, depth)
    items.append({} if item is None else item)


def _entry(content: bytes, field: Field, depth: int) -> tuple[str, Any]:
    key, item = "", _zero(field)
    for number, _, value in _fields(content):
        if number == 1:
            key = _text(value)
        elif number == 2:
            found = _one(value, field, depth)
            item = item if found is None else found
    return key, item


def _zero(field: Field) -> Any:
    return {"string": "", "bytes": "", "quantity": "0", "int32": 0, "int64": 0, "bool": False}.get(field.type, {})


def _one(value: Value, field: Field, depth: int) -> Any:
    """A single value as JSON has it; None for an empty message, which Go writes for structs that are not set."""
    decode = _DECODERS.get(field.type)
    if decode is not None:
        return decode(value)
    inner = message(field.type)
    if inner is None:
        raise ProtobufError(f"no field table for {field.type}")
    found = _message(_bytes(value), inner, depth - 1)
    if list(inner.fields) == ["items"]:
        # A named list type (the values of UserInfo.extra) is a plain list in JSON.
        return found.get("items", [])
    return found if found or not _dropped_when_empty(field) else None


_KEPT_EMPTY = frozenset(
    ("emptyDir", "securityContext", "podSelector", "namespaceSelector", "rollingUpdate", "exec", "clientIP")
)
"""Pointers to structs whose presence means something; an empty struct that is no pointer is not set."""


def _dropped_when_empty(field: Field) -> bool:
    return field.name not in _KEPT_EMPTY and field.shape == "one"


def _bytes(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise ProtobufError("a number where a message was expected")
    return value


def _text(value: Value) -> str:
    try:
        return _bytes(value).decode()
    except UnicodeDecodeError as problem:
        raise ProtobufError("text is not UTF-8") from problem


def _signed(value: Value) -> int:
    if not isinstance(value, int):
        raise ProtobufError("bytes where a number was expected")
    return value - 2**64 if value >= 2**63 else value


def _double(value: Value) -> float:
    raw = _bytes(value)
    if len(raw) != 8:
        raise ProtobufError("a double of the wrong size")
    return float(struct.unpack("<d", raw)[0])


def _time(value: Value) -> str | None:
    found = {number: inner for number, _, inner in _fields(_bytes(value))}
    if not found:
        return None
    moment = datetime.fromtimestamp(_signed(found.get(1, 0)), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _micro_time(value: Value) -> str | None:
    found = {number: inner for number, _, inner in _fields(_bytes(value))}
    if not found:
        return None
    moment = datetime.fromtimestamp(_signed(found.get(1, 0)), UTC)
    return f"{moment.strftime('%Y-%m-%dT%H:%M:%S')}.{_signed(found.get(2, 0)) // 1000:06d}Z"


def _quantity(value: Value) -> str:
    found = {number: inner for number, _, inner in _fields(_bytes(value))}
    return _text(found.get(1, b"")) or "0"


def _int_or_string(value: Value) -> int | str:
    found = {number: inner for number, _, inner in _fields(_bytes(value))}
    return _text(found.get(3, b"")) if found.get(1, 0) == 1 else _signed(found.get(2, 0))


def _raw(value: Value) -> Any:
    found = {number: inner for number, _, inner in _fields(_bytes(value))}
    raw = _bytes(found.get(1, b""))
    try:
        return msgspec.json.decode(raw) if raw else None
    except msgspec.DecodeError as problem:
        raise ProtobufError("embedded JSON cannot be read") from problem


_DECODERS = {
    "string": _text,
    "bool": lambda value: bool(_signed(value)),
    "int32": _signed,
    "int64": _signed,
    "double": _double,
    "bytes": lambda value: base64.b64encode(_bytes(value)).decode(),
    "time": _time,
    "microtime": _micro_time,
    "quantity": _quantity,
    "intorstring": _int_or_string,
    "any": _raw,
}
