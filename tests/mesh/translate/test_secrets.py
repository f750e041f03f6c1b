"""Certificates of gateways."""

from __future__ import annotations

from typing import Any

from mesh.registry.state import MeshState
from mesh.translate.secrets import gateway_secrets
from tests.support.bookinfo import objects


def secret(name: str, data: dict[str, str], namespace: str = "istio-system") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "data": data}


def found(credentials: dict[str, bool], *secrets: dict[str, Any]) -> dict[str, Any]:
    mesh = MeshState.build({**objects(), "Secret": secrets})
    return gateway_secrets(mesh, mesh.workloads[("istio-system", "istio-ingressgateway-1")], credentials)


PAIR = {"tls.crt": "Yw==", "tls.key": "aw=="}


def test_a_certificate() -> None:
    assert found({"cert": False}, secret("cert", PAIR))["kubernetes://cert"]["tls_certificate"] == {
        "certificate_chain": {"inline_bytes": "Yw=="},
        "private_key": {"inline_bytes": "aw=="},
    }


def test_a_client_ca_in_the_same_or_its_own_secret() -> None:
    same = found({"cert": True}, secret("cert", {**PAIR, "ca.crt": "YQ=="}))
    own = found({"cert": True}, secret("cert", PAIR), secret("cert-cacert", {"cacert": "Yg=="}))
    assert same["kubernetes://cert-cacert"]["validation_context"]["trusted_ca"] == {"inline_bytes": "YQ=="}
    assert own["kubernetes://cert-cacert"]["validation_context"]["trusted_ca"] == {"inline_bytes": "Yg=="}


def test_what_is_not_there_or_not_the_routers_is_left_out() -> None:
    assert found({"gone": True}) == {}
    assert found({"cert": False}, secret("cert", {"tls.crt": "Yw=="})) == {}
    assert found({"other/cert": False}, secret("cert", PAIR, "other")) == {}
    assert list(found({"istio-system/cert": False}, secret("cert", PAIR))) == ["kubernetes://istio-system/cert"]
