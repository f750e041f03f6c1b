"""`python -m sidecar subset`: the documented subset of Envoy, written from the messages that the decoder reads.

What this prints is `docs/envoy-subset.md`; a field that is not in it is refused with its path.
"""

from __future__ import annotations

import ast
import inspect
import math
import sys
import types
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from sidecar.config.bootstrap import Bootstrap
from sidecar.config.cluster import Cluster
from sidecar.config.endpoint import ClusterLoadAssignment
from sidecar.config.listener import Listener
from sidecar.config.message import Mark, Message, Range
from sidecar.config.route import RouteConfiguration
from sidecar.config.tls import Secret
from sidecar.telemetry.operators import supported

ROOTS: tuple[type[Message], ...] = (Bootstrap, Listener, RouteConfiguration, Cluster, ClusterLoadAssignment, Secret)
_MARKS = {Mark.DURATION: "duration", Mark.STRUCT: "struct", Mark.BYTES: "bytes"}
_PLAIN = {bool: "bool", str: "string"}
_INTRODUCTION = """\
# The subset of Envoy v3 that is understood

Written by `make docs` from the messages that the decoder reads: what is not here is refused with its path. Where a
supported field means something else than in Envoy 1.40, [envoy-differences.md](envoy-differences.md) says so. Durations
are `"1.5s"`; names may be snake_case or lowerCamelCase.
"""


def main() -> int:
    sys.stdout.write(document())
    return 0


def document() -> str:
    parts = [_INTRODUCTION, *(_section(one) for one in messages())]
    parts.append(_operators())
    return "\n".join(parts)


def messages() -> list[type[Message]]:
    """Every message that can be reached, in the order of first use."""
    found: dict[type[Message], None] = {}
    for root in ROOTS:
        _reach(root, found)
    return list(found)


def _reach(message: type[Message], found: dict[type[Message], None]) -> None:
    if message in found:
        return
    found[message] = None
    for hint in get_type_hints(message, include_extras=True).values():
        for inner in _messages_of(hint):
            _reach(inner, found)


def _messages_of(kind: Any) -> Iterator[type[Message]]:
    if isinstance(kind, type) and issubclass(kind, Message):
        yield kind
    elif get_origin(kind) is not Literal:
        for one in get_args(kind):
            yield from _messages_of(one)


def _section(message: type[Message]) -> str:
    lines = [f"## {message.__name__}", ""]
    if message.TYPE:
        lines += [f"`{message.TYPE}`", ""]
    if message.__doc__:
        lines += [" ".join(message.__doc__.split()), ""]
    fields = msgspec.structs.fields(message)
    if not fields:
        return "\n".join(lines)
    hints = get_type_hints(message, include_extras=True)
    notes = _notes(message)
    lines += ["| field | kind | | |", "|---|---|---|---|"]
    for field in fields:
        presence = "required" if field.required else _default(field)
        note = notes.get(field.name, "")
        if field.name in message.ONLY_DEFAULT:
            note = f"only the default. {note}".strip()
        lines.append(f"| `{field.name}` | {_kind(hints[field.name])} | {presence} | {note} |".replace("  ", " "))
    groups = [(group, "exactly one") for group in message.EXACTLY_ONE if len(group) > 1]
    groups += [(group, "at most one") for group in message.AT_MOST_ONE]
    for group, how in groups:
        lines += ["", f"{how} of {', '.join(f'`{name}`' for name in group)}".capitalize() + "."]
    return "\n".join([*lines, ""])


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default
    if value is msgspec.NODEFAULT or value is None or value in ("", b"", (), False) or isinstance(value, Message):
        return ""
    return f"`{value:g}`" if isinstance(value, float) else f"`{str(value).lower() if value is True else value}`"


def _kind(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _marked(arguments[0], arguments[1])
    if origin in {Union, types.UnionType}:
        return " or ".join(_kind(one) for one in arguments if one is not type(None))
    if origin is tuple:
        return f"list of {_kind(arguments[0])}"
    if origin is dict:
        return f"map to {_kind(arguments[1])}"
    if origin is Literal:
        return ", ".join(f"`{one}`" if one else '`""`' for one in arguments)
    if isinstance(kind, type) and issubclass(kind, Message):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    return _PLAIN[kind]


def _marked(base: Any, mark: Any) -> str:
    if mark is Mark.ANY:
        return _kind(base)
    if not isinstance(mark, Range):
        return _MARKS[mark]
    word = "integer" if base is int else "number"
    bounded = math.isfinite(mark.low) and mark.high < 2**32 - 1
    return f"{word}, {mark.low:g} to {mark.high:g}" if bounded else word


def _notes(message: type[Message]) -> dict[str, str]:
    """The sentence below a field in the source is its note."""
    notes: dict[str, str] = {}
    for one in reversed(message.__mro__):
        if not (isinstance(one, type) and issubclass(one, Message)) or one is Message:
            continue
        body = _classes(inspect.getmodule(one)).get(one.__name__, [])
        for statement, after in pairwise(body):
            if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
                continue
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                notes[statement.target.id] = " ".join(str(after.value.value).split()).replace("|", "\\|")
    return notes


@cache
def _classes(module: types.ModuleType) -> dict[str, list[ast.stmt]]:
    return {one.name: one.body for one in ast.parse(inspect.getsource(module)).body if isinstance(one, ast.ClassDef)}


def _operators() -> str:
    names = "\n".join(f"- `%{name}%`" for name in supported())
    return f"## Operators of formats\n\nOf access logs, with `:n` to cut at n characters.\n\n{names}\n"
