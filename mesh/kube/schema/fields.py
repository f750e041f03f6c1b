"""The field table: message -> fields, read from `kubernetes.json` and `istio.json` beside this file.

A field is written `"NUMBER[?] [+][[]|{}]TYPE"`: `?` marks one whose zero value means something (a pointer in Go),
`+` one whose fields belong to the parent in JSON (an embedded struct), `[]` a list, `{}` a map from strings. TYPE is a
scalar or the name of another message. Number 0: the field never travels as protobuf.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

Shape = Literal["one", "list", "map"]

SCALARS = frozenset(
    ("string", "bool", "int32", "int64", "double", "bytes", "time", "microtime", "quantity", "intorstring", "any")
)
OBJECT_META = "apis.meta.v1.ObjectMeta"
_FOLDER = Path(__file__).parent
_PACKAGES = {
    "": "core",
    "apps": "apps",
    "admissionregistration.k8s.io": "admissionregistration",
    "authentication.k8s.io": "authentication",
    "authorization.k8s.io": "authorization",
    "autoscaling": "autoscaling",
    "batch": "batch",
    "certificates.k8s.io": "certificates",
    "coordination.k8s.io": "coordination",
    "discovery.k8s.io": "discovery",
    "events.k8s.io": "events",
    "networking.k8s.io": "networking",
    "policy": "policy",
    "rbac.authorization.k8s.io": "rbac",
    "scheduling.k8s.io": "scheduling",
}
_ISTIO_GROUPS = ("networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io")


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    number: int
    type: str
    shape: Shape = "one"
    pointer: bool = False
    inline: bool = False

    @property
    def scalar(self) -> bool:
        return self.type in SCALARS


@dataclass(frozen=True, slots=True)
class Message:
    """`fields` are as JSON has them, embedded ones flattened; `wire` is by protobuf number, embedded ones whole."""

    name: str
    fields: dict[str, Field]
    wire: dict[int, Field]

    @property
    def go_name(self) -> str:
        """The last part, which Go's decoder names in its errors."""
        return self.name.rpartition(".")[2]


@cache
def _table() -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = {}
    for name in ("kubernetes.json", "istio.json"):
        table.update(msgspec.json.decode((_FOLDER / name).read_bytes()))
    return table


@cache
def message(name: str) -> Message | None:
    """The message of that name, e.g. `core.v1.PodSpec`, `istio.HTTPRoute`."""
    written = _table().get(name)
    if written is None:
        return None
    own = [_field(field, text) for field, text in written.items()]
    fields: dict[str, Field] = {}
    for field in own:
        if field.inline and (inner := message(field.type)) is not None:
            fields.update(inner.fields)
        else:
            fields[field.name] = field
    return Message(name, fields, {field.number: field for field in own if field.number})


def _field(name: str, text: str) -> Field:
    number, _, kind = text.partition(" ")
    inline = kind.startswith("+")
    kind = kind.removeprefix("+")
    shape: Shape = "list" if kind.startswith("[]") else "map" if kind.startswith("{}") else "one"
    kind = kind.removeprefix("[]").removeprefix("{}")
    return Field(name, int(number.removesuffix("?")), kind, shape, number.endswith("?"), inline)


@cache
def message_of(api_version: str, kind: str) -> Message | None:
    """The message of a top-level kind; None for a kind that the table does not describe."""
    group, _, version = api_version.rpartition("/")
    if group in _ISTIO_GROUPS:
        return message(f"istio.{kind}")
    package = _PACKAGES.get(group)
    return message(f"{package}.{version}.{kind}") if package else None


def is_custom(api_version: str) -> bool:
    """True for kinds that a real cluster serves from a CustomResourceDefinition: no strategic merge, and type
    errors are validation errors."""
    group = api_version.rpartition("/")[0]
    return group in _ISTIO_GROUPS or group not in _PACKAGES
