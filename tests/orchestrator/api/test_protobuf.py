"""Protobuf bodies: a small encoder of our own writes what Go would, the decoder reads it back.

Bodies of the real kubectl are read in test_kubectl.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.kube.schema.fields import Message, message, message_of
from orchestrator.api.protobuf import MAGIC, ProtobufError, decode_envelope


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def encode(obj: dict[str, Any], schema: Message) -> bytes:
    out = b""
    for number, known in schema.wire.items():
        inner = message(known.type)
        if known.inline and inner is not None:
            out += field(number, encode(obj, inner))
            continue
        if known.name not in obj:
            continue
        value = obj[known.name]
        if known.shape == "map":
            for key, item in value.items():
                out += field(number, field(1, key.encode()) + field(2, scalar(item, known.type)))
            continue
        for item in value if known.shape == "list" else [value]:
            out += field(number, encode(item, inner) if inner is not None else scalar(item, known.type))
    return out


def scalar(value: Any, kind: str) -> bytes | int:
    if kind in ("int32", "int64", "bool"):
        return int(value)
    if kind == "quantity":
        return field(1, value.encode())
    if kind == "intorstring":
        return field(1, 1) + field(3, value.encode()) if isinstance(value, str) else field(1, 0) + field(2, value)
    if kind == "bytes":
        return base64.b64decode(value)
    if kind == "time":
        return field(1, 1_600_000_000)
    return str(value).encode()


def envelope(obj: dict[str, Any]) -> bytes:
    schema = message_of(obj["apiVersion"], obj["kind"])
    assert schema is not None
    meta = field(1, obj["apiVersion"].encode()) + field(2, obj["kind"].encode())
    return MAGIC + field(1, meta) + field(2, encode(obj, schema)) + field(3, b"") + field(4, b"")


OBJECTS: list[dict[str, Any]] = [
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"a": "b"}, "creationTimestamp": "2020-09-13T12:26:40Z"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"a": "b"}},
            "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "25%"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {
                    "volumes": [
                        {"name": "v", "configMap": {"name": "c", "optional": False}},
                        {"name": "e", "emptyDir": {}},
                    ],
                    "containers": [
                        {
                            "name": "web",
                            "image": "web",
                            "args": ["a", ""],
                            "resources": {"limits": {"cpu": "100m"}},
                            "livenessProbe": {"httpGet": {"port": "http"}, "periodSeconds": 3},
                            "securityContext": {"runAsUser": 0, "runAsNonRoot": False},
                        }
                    ],
                },
            },
        },
    },
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "AAECAw=="}, "immutable": False},
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"ports": [{"port": 80, "targetPort": 8080}]},
    },
]


@pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: obj["kind"])
def test_there_and_back(obj: dict[str, Any]) -> None:
    assert decode_envelope(envelope(obj)) == obj


def test_zeros_of_plain_fields_are_not_meant() -> None:
    obj = {"apiVersion": "v1", "kind": "Pod", "spec": {"hostNetwork": False, "nodeName": "", "containers": []}}
    assert decode_envelope(envelope(obj)) == {"kind": "Pod", "apiVersion": "v1"}


@pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: obj["kind"])
def test_every_prefix_is_decoded_or_refused(obj: dict[str, Any]) -> None:
    whole = envelope(obj)
    for end in range(len(whole)):
        try:
            decode_envelope(whole[:end])
        except ProtobufError:
            continue


@given(st.binary(max_size=80))
def test_any_bytes(content: bytes) -> None:
    head = field(1, field(1, b"v1") + field(2, b"Pod"))
    for body in (content, MAGIC + content, MAGIC + head + field(2, content)):
        try:
            decode_envelope(body)
        except ProtobufError:
            continue


def test_unknown_kinds_are_named() -> None:
    with pytest.raises(ProtobufError, match=r"example\.com/v1, Kind=Thing"):
        decode_envelope(MAGIC + field(1, field(1, b"example.com/v1") + field(2, b"Thing")))
