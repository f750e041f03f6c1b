"""JSON -> messages. Each annotation is compiled once into a function; a value that does not fit raises `Refused`.

proto3's JSON rules: snake_case and lowerCamelCase names, null = absent, wrapped values are plain values, 64-bit
numbers may be strings. A google.protobuf.Any names its message in `@type`; what it may be is the field's union.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import types
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from sidecar.config.message import Mark, Message, Range
from sidecar.config.refusal import Refused

Decoder = Callable[[Any], Any]
M = TypeVar("M", bound=Message)

VALUE_SHOWN_MAX = 60
"""Characters of a wrong value in a reason."""
TYPED_STRUCTS = frozenset({"xds.type.v3.TypedStruct", "udpa.type.v1.TypedStruct"})
DURATION_MAX_S = 315_576_000_000
"""protobuf's own bound, 10 000 years."""
_DURATION = re.compile(r"(\d{1,12})(\.\d{1,9})?s", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,20}", re.ASCII)


def decode(message: type[M], value: Any) -> M:
    """Raises `Refused` with the path from `value` down."""
    return cast("M", _decoder(message)(value))


def type_name(url: str) -> str:
    """`type.googleapis.com/envoy...Listener` -> `envoy...Listener`; a bare name stays."""
    return url.rpartition("/")[2]


@cache
def _decoder(kind: Any) -> Decoder:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _marked(arguments[0], arguments[1:])
    if origin in {Union, types.UnionType}:
        # null never arrives here: it means absent.
        inner = [one for one in arguments if one is not type(None)]
        return _decoder(inner[0]) if len(inner) == 1 else _any(tuple(inner))
    if origin is tuple:
        return _sequence(_decoder(arguments[0]))
    if origin is dict:
        return _map(_decoder(arguments[1]))
    if origin is Literal:
        return _choice(arguments)
    if isinstance(kind, type) and issubclass(kind, Message):
        return _message(kind)
    return {bool: _boolean, str: _text}[kind]


def _marked(base: Any, marks: tuple[Any, ...]) -> Decoder:
    mark = marks[0]
    if isinstance(mark, Range):
        return _number(mark, whole=base is int)
    if mark is Mark.ANY:
        options = get_args(base) or (base,)
        return _any(tuple(one for one in options if one is not type(None)))
    return {Mark.DURATION: _duration, Mark.STRUCT: _struct, Mark.BYTES: _bytes}[mark]


def _message(message: type[Message]) -> Decoder:
    fields: dict[str, tuple[str, Decoder]] = {}
    required: list[str] = []
    defaults: dict[str, Any] = {}
    hints = get_type_hints(message, include_extras=True)
    for field in msgspec.structs.fields(message):
        read = _lazy(hints[field.name])
        fields[field.name] = fields[_camel(field.name)] = (field.name, read)
        if field.required:
            required.append(field.name)
        if field.name in message.ONLY_DEFAULT:
            defaults[field.name] = field.default
    groups = [(group, False) for group in message.AT_MOST_ONE] + [(group, True) for group in message.EXACTLY_ONE]

    def decode_message(value: Any) -> Message:
        if not isinstance(value, dict):
            raise Refused("must be an object")
        found: dict[str, Any] = {}
        for key, one in value.items():
            if one is None or (key == "@type" and message.TYPE):
                continue
            field = fields.get(key)
            if field is None:
                raise Refused("unknown or unsupported field", str(key))
            name, read = field
            if name in found:
                raise Refused("given twice", name)
            try:
                found[name] = read(one)
            except Refused as refused:
                refused.at(name)
                raise
        for name in required:
            if name not in found:
                raise Refused("required", name)
        for group, needed in groups:
            _check_group(found, group, needed)
        for name, default in defaults.items():
            if found.get(name, default) != default:
                raise Refused("unsupported", name)
        made = message(**found)
        problem = made.problem()
        if problem is not None:
            raise Refused(problem[1], problem[0])
        return made

    return decode_message


def _check_group(found: dict[str, Any], group: tuple[str, ...], needed: bool) -> None:
    given = [name for name in group if name in found]
    if len(given) > 1:
        raise Refused(f"only one of {', '.join(given)} may be set", given[1])
    if needed and not given:
        if len(group) == 1:
            raise Refused("required", group[0])
        raise Refused(f"one of {', '.join(group)} is required")


def _lazy(kind: Any) -> Decoder:
    """Compiled at its first use: start-up pays only for the messages that come."""
    compiled: list[Decoder] = []

    def read(value: Any) -> Any:
        if not compiled:
            compiled.append(_decoder(kind))
        return compiled[0](value)

    return read


def _any(options: tuple[type[Message], ...]) -> Decoder:
    by_type = {one.TYPE: one for one in options}
    assert all(by_type), f"a message without TYPE among {options}"

    def decode_any(value: Any) -> Message:
        if not isinstance(value, dict):
            raise Refused("must be an object")
        name = type_name(_text(value.get("@type", "")))
        if not name:
            raise Refused("required", "@type")
        if name in TYPED_STRUCTS:
            name = type_name(_text(value.get("type_url", value.get("typeUrl", ""))))
            value = value.get("value", {})
        message = by_type.get(name)
        if message is None:
            raise Refused(f"unsupported type {name}", "@type")
        return cast("Message", _decoder(message)(value))

    return decode_any


def _sequence(read: Decoder) -> Decoder:
    def decode_sequence(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise Refused("must be a list")
        found = []
        for index, one in enumerate(value):
            try:
                found.append(read(one))
            except Refused as refused:
                refused.at(f"[{index}]")
                raise
        return tuple(found)

    return decode_sequence


def _map(read: Decoder) -> Decoder:
    def decode_map(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused("must be an object")
        found = {}
        for key, one in value.items():
            try:
                found[key] = read(one)
            except Refused as refused:
                refused.at(f"[{key}]")
                raise
        return found

    return decode_map


def _choice(options: tuple[str, ...]) -> Decoder:
    def decode_choice(value: Any) -> str:
        if not isinstance(value, str) or value not in options:
            raise Refused(f"unsupported value {_shown(value)}: one of {', '.join(options)}")
        return value

    return decode_choice


def _number(bounds: Range, *, whole: bool) -> Decoder:
    return _whole(bounds) if whole else _fraction(bounds)


def _whole(bounds: Range) -> Decoder:
    def decode_whole(value: Any) -> int:
        if (isinstance(value, str) and _INTEGER.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Refused("must be a whole number")
        if not bounds.low <= value <= bounds.high:
            raise Refused(f"must be between {bounds.low} and {bounds.high}")
        return value

    return decode_whole


def _fraction(bounds: Range) -> Decoder:
    def decode_fraction(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise Refused("must be a number")
        if not bounds.low <= value <= bounds.high:
            raise Refused(f"must be between {bounds.low:g} and {bounds.high:g}")
        return float(value)

    return decode_fraction


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Refused("must be true or false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Refused("must be a string")
    return value


def _duration(value: Any) -> float:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Refused(f'must be a duration such as "1.5s", not {_shown(value)}')
    seconds = float(match[1] + (match[2] or ""))
    if seconds > DURATION_MAX_S:
        raise Refused("duration out of range")
    return seconds


def _struct(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused("must be an object")
    return value


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(_text(value), validate=True)
    except (binascii.Error, ValueError):
        raise Refused("must be base64") from None


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _shown(value: Any) -> str:
    return repr(value)[:VALUE_SHOWN_MAX]
