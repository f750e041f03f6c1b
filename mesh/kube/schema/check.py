"""Check an object against the field table: unknown fields, wrong types, and the forms that Go would normalise.

The walk prunes in place what Kubernetes would not store (unknown fields, nulls) and reports it; whether that is an
error, a warning or nothing is the caller's `fieldValidation`.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any

from mesh.kube.objects import Object
from mesh.kube.quantity import QuantityError, parse_quantity
from mesh.kube.schema.fields import Field, Message, message

DEPTH_MAX = 64
FINDINGS_MAX = 64
_INT_RANGE = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
_GO_KIND = {"string": "string", "bool": "bool", "bytes": "[]uint8", "double": "float64"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class WrongType:
    """`reason` is the rest of Go's sentence, `expected` and `found` are JSON words, as custom resources' errors say."""

    path: str
    reason: str
    expected: str
    found: str


@dataclass(slots=True)
class Findings:
    unknown: list[str] = field(default_factory=list)
    wrong: list[WrongType] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return len(self.unknown) + len(self.wrong) >= FINDINGS_MAX


def check(obj: Object, schema: Message) -> Findings:
    """Prune and normalise `obj`, a top-level object, in place."""
    findings = Findings()
    api_version, kind = obj.pop("apiVersion", None), obj.pop("kind", None)
    _message(obj, schema, "", findings, DEPTH_MAX)
    obj_rest = dict(obj)
    obj.clear()
    if kind is not None:
        obj["kind"] = kind
    if api_version is not None:
        obj["apiVersion"] = api_version
    obj.update(obj_rest)
    return findings


def _message(value: dict[str, Any], schema: Message, path: str, findings: Findings, depth: int) -> None:
    fields = schema.fields
    for name in list(value):
        inner = value[name]
        known = fields.get(name)
        where = f"{path}.{name}" if path else name
        if known is None:
            del value[name]
            if not findings.full:
                findings.unknown.append(where)
        elif inner is None:
            del value[name]
        elif known.shape == "one":
            value[name] = _one(inner, known, schema, where, findings, depth)
        elif known.shape == "list":
            _list(inner, known, schema, where, findings, depth)
        else:
            _map(inner, known, schema, where, findings, depth)


def _list(value: Any, known: Field, parent: Message, path: str, findings: Findings, depth: int) -> None:
    if not isinstance(value, list):
        _wrong(value, known, parent, path, findings)
        return
    for index, item in enumerate(value):
        value[index] = _one(item, known, parent, f"{path}[{index}]", findings, depth)


def _map(value: Any, known: Field, parent: Message, path: str, findings: Findings, depth: int) -> None:
    if not isinstance(value, dict):
        _wrong(value, known, parent, path, findings)
        return
    for key, item in value.items():
        value[key] = _one(item, known, parent, f"{path}.{key}", findings, depth)


def _one(value: Any, known: Field, parent: Message, path: str, findings: Findings, depth: int) -> Any:
    kind = known.type
    if kind == "string":
        if isinstance(value, str):
            return value
        return _wrong(value, known, parent, path, findings) if value is not None else ""
    scalar = _SCALAR_CHECKS.get(kind)
    if scalar is not None:
        checked = scalar(value)
        return checked if checked is not _BAD else _wrong(value, known, parent, path, findings)
    if kind == "any":
        return value
    inner = message(kind)
    if inner is None or value is None:
        return value
    if not isinstance(value, dict):
        # A message with the only field `items` is a list in JSON (the values of UserInfo.extra).
        return value if list(inner.fields) == ["items"] else _wrong(value, known, parent, path, findings)
    if depth <= 0:
        findings.unknown.append(path)
        return {}
    _message(value, inner, path, findings, depth - 1)
    return value


_BAD = object()


def _integer(low: int, high: int, value: Any) -> Any:
    return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else _BAD


def _quantity(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return _BAD
    try:
        parse_quantity(str(value))
    except QuantityError:
        return _BAD
    return str(value)


def _bytes(value: Any) -> Any:
    if not isinstance(value, str):
        return _BAD
    try:
        base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        return _BAD
    return value


_SCALAR_CHECKS = {
    "bool": lambda value: value if isinstance(value, bool) else _BAD,
    "int32": lambda value: _integer(*_INT_RANGE["int32"], value),
    "int64": lambda value: _integer(*_INT_RANGE["int64"], value),
    "double": lambda value: value if isinstance(value, int | float) and not isinstance(value, bool) else _BAD,
    "time": lambda value: value if isinstance(value, str) and _TIME.fullmatch(value) else _BAD,
    "microtime": lambda value: value if isinstance(value, str) and _TIME.fullmatch(value) else _BAD,
    "quantity": _quantity,
    "intorstring": lambda value: value if isinstance(value, str) else _integer(*_INT_RANGE["int32"], value),
    "bytes": _bytes,
}


def json_word(value: Any) -> str:
    """What Go calls the type of a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def _wrong(value: Any, known: Field, parent: Message, path: str, findings: Findings) -> Any:
    if not findings.full:
        reason = _reason(value, known, parent, path)
        expected = {"list": "array", "map": "object"}.get(known.shape, _EXPECTED.get(known.type, "object"))
        findings.wrong.append(WrongType(path, reason, expected, json_word(value)))
    return value


_EXPECTED = {
    "string": "string", "bool": "boolean", "int32": "integer", "int64": "integer", "double": "number",
    "bytes": "string", "time": "string", "microtime": "string", "quantity": "string", "intorstring": "integer",
}  # fmt: skip


def _reason(value: Any, known: Field, parent: Message, path: str) -> str:
    if known.type == "quantity" and isinstance(value, str):
        return "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    if known.type == "bytes" and isinstance(value, str):
        return "illegal base64 data at input byte 0"
    if known.type in ("time", "microtime") and isinstance(value, str):
        return f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}" as "2006"'
    word = json_word(value)
    found = f"number {value}" if word == "number" and known.type in _INT_RANGE else word
    inner = _GO_KIND.get(known.type, known.type if known.type in _INT_RANGE else _go_type(known))
    goes_into = {"list": f"[]{inner}", "map": f"map[string]{inner}"}.get(known.shape, inner)
    return f"json: cannot unmarshal {found} into Go struct field {parent.go_name}.{_no_index(path)} of type {goes_into}"


def _go_type(known: Field) -> str:
    package, _, name = known.type.rpartition(".")
    version = package.rpartition(".")[2]
    return {"intorstring": "intstr.IntOrString", "time": "v1.Time", "quantity": "resource.Quantity"}.get(
        known.type, f"{version}.{name}" if package else known.type
    )


def _no_index(path: str) -> str:
    return re.sub(r"\[\d+\]", "", path)
