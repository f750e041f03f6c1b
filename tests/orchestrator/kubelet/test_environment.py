"""Environment and command line: tables of Kubernetes' rules."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.kube.objects import Object
from orchestrator.kubelet.environment import command_line, content, environment, expand, service_variables
from orchestrator.kubelet.references import ReferenceFailure

POD: Object = {"metadata": {"name": "p", "namespace": "default"}, "spec": {}, "status": {"podIP": "10.244.0.2"}}
OBJECTS: dict[tuple[str, str], Object] = {
    ("ConfigMap", "settings"): {
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "default"},
        "data": {"COLOUR": "red", "not a name": "x", "SIZE": "1"},
    },
    ("Secret", "keys"): {
        "kind": "Secret",
        "metadata": {"name": "keys", "namespace": "default"},
        "data": {"KEY": base64.b64encode(b"s3cret").decode()},
    },
}


def lookup(kind: str, name: str) -> Object | None:
    return OBJECTS.get((kind, name))


def made(container: dict[str, Any], base: dict[str, str] | None = None) -> dict[str, str]:
    return environment(POD, container, lookup, base=base or {}, node_ip="127.0.0.1")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$(A)-$(B)", "1-2"),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A ${A} $(A", "$A ${A} $(A"),
        ("", ""),
    ],
)
def test_expand(text: str, result: str) -> None:
    assert expand(text, {"A": "1", "B": "2"}) == result


@given(st.text(alphabet="$()AB ", max_size=30))
def test_expand_never_fails(text: str) -> None:
    assert expand(text.replace("$", ""), {"A": "1"}) == text.replace("$", "")
    expand(text, {"A": "1"})


def test_order_and_precedence() -> None:
    container = {
        "envFrom": [
            {"configMapRef": {"name": "settings"}},
            {"prefix": "SECRET_", "secretRef": {"name": "keys"}},
            {"configMapRef": {"name": "missing", "optional": True}},
        ],
        "env": [
            {"name": "COLOUR", "value": "blue"},
            {"name": "BOTH", "value": "$(COLOUR)/$(SIZE)/$(LATER)"},
            {"name": "LATER", "value": "x"},
            {"name": "FROM_SECRET", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "KEY"}}},
            {"name": "MAYBE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "no", "optional": True}}},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
    }
    assert made(container, {"PATH": "/bin", "SIZE": "0"}) == {
        "PATH": "/bin",
        "SIZE": "1",
        "COLOUR": "blue",
        "SECRET_KEY": "s3cret",
        "BOTH": "blue/1/$(LATER)",
        "LATER": "x",
        "FROM_SECRET": "s3cret",
        "IP": "10.244.0.2",
    }


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"envFrom": [{"configMapRef": {"name": "none"}}]}, 'configmap "none" not found'),
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "none", "key": "k"}}}]},
            'secret "none" not found',
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}}]},
            "couldn't find key k in Secret default/keys",
        ),
        ({"env": [{"name": "A", "valueFrom": {"fileKeyRef": {}}}]}, "not supported"),
    ],
)
def test_what_is_missing_is_named(container: dict[str, Any], message: str) -> None:
    with pytest.raises(ReferenceFailure, match=message):
        made(container)


def test_service_variables() -> None:
    def service(name: str, namespace: str, address: str) -> Object:
        ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
        return {"metadata": {"name": name, "namespace": namespace}, "spec": {"clusterIP": address, "ports": ports}}

    services = [
        service("kubernetes", "default", "10.96.0.1"),
        service("my-web", "shop", "10.96.0.9"),
        service("other", "elsewhere", "10.96.0.8"),
        service("headless", "shop", "None"),
    ]
    found = service_variables(services, "shop", links=True)
    assert found["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    assert found["MY_WEB_SERVICE_HOST"] == "10.96.0.9"
    assert found["MY_WEB_SERVICE_PORT_HTTP"] == "80"
    assert found["MY_WEB_PORT_80_TCP"] == "tcp://10.96.0.9:80"
    assert not [name for name in found if name.startswith(("OTHER", "HEADLESS"))]
    assert not [name for name in service_variables(services, "shop", links=False) if name.startswith("MY_WEB")]


@pytest.mark.parametrize(
    ("container", "line"),
    [
        ({}, ["serve", "--port"]),
        ({"args": ["$(A)"]}, ["serve", "--port", "1"]),
        ({"command": ["run"]}, ["run"]),
        ({"command": ["run"], "args": ["$(A)", "$$(A)"]}, ["run", "1", "$(A)"]),
    ],
)
def test_command_line(container: dict[str, Any], line: list[str]) -> None:
    assert command_line(container, ("serve", "--port"), {"A": "1"}) == line


def test_content() -> None:
    binary = {"kind": "ConfigMap", "data": {"a": "1"}, "binaryData": {"b": base64.b64encode(b"\xff").decode()}}
    assert content(binary) == {"a": b"1", "b": b"\xff"}
