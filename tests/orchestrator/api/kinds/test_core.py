"""ConfigMaps, Secrets, namespaces, nodes, events, webhook configurations."""

from __future__ import annotations

import pytest

from mesh.kube.objects import Object
from orchestrator.api.kinds import core


def test_secrets() -> None:
    secret: Object = {"metadata": {}, "stringData": {"a": "b"}, "data": {"c": "ZA=="}}
    core.default_secret(secret)
    assert secret == {"metadata": {}, "data": {"c": "ZA==", "a": "Yg=="}, "type": "Opaque"}
    tls = {"type": "kubernetes.io/tls", "data": {"tls.crt": "x"}}
    assert [cause.field for cause in core.validate_secret(tls)] == ["data[tls.key]"]
    assert core.secret_update({"type": "a"}, {"type": "b"})[0].field == "type"


def test_config_maps() -> None:
    both = {"data": {"a": "1"}, "binaryData": {"a": "MQ=="}}
    assert [cause.field for cause in core.validate_config_map(both)] == ["binaryData"]
    assert core.validate_config_map({"data": {"a": "x" * 2_000_000}})[0].reason == "FieldValueTooLong"
    assert not core.validate_config_map({"data": {"a.b-c_d": "1"}})
    old = {"immutable": True, "data": {"a": "1"}}
    assert {cause.field for cause in core.immutable_data({"data": {"a": "2"}}, old)} == {"immutable", "data"}
    assert not core.immutable_data(dict(old), old)


def test_namespaces_and_nodes() -> None:
    namespace: Object = {"metadata": {"name": "a"}}
    core.default_namespace(namespace)
    core.prepare_namespace(namespace, None)
    assert namespace["spec"] == {"finalizers": ["kubernetes"]}
    node: Object = {"status": {"capacity": {"cpu": "1"}}}
    core.default_node(node)
    assert node["status"]["allocatable"] == {"cpu": "1"}


@pytest.mark.parametrize(("own", "about", "valid"), [("a", "a", True), ("default", "", True), ("a", "b", False)])
def test_events(own: str, about: str, valid: bool) -> None:
    event = {"metadata": {"namespace": own}, "involvedObject": {"namespace": about}}
    assert (not core.validate_event(event)) is valid


def test_webhooks() -> None:
    configuration: Object = {"kind": "MutatingWebhookConfiguration", "webhooks": [{"name": "x", "rules": [{}]}]}
    core.default_webhooks(configuration)
    webhook = configuration["webhooks"][0]
    assert (webhook["failurePolicy"], webhook["timeoutSeconds"], webhook["reinvocationPolicy"]) == ("Fail", 10, "Never")
    webhook["timeoutSeconds"] = 99
    fields = {cause.field.removeprefix("webhooks[0].") for cause in core.validate_webhooks(configuration)}
    assert fields == {"name", "clientConfig", "sideEffects", "admissionReviewVersions", "timeoutSeconds"}
