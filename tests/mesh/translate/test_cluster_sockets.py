"""Which endpoints are dialled by mTLS, and who may answer."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.mesh_config import MeshConfig
from mesh.registry.state import MeshState
from mesh.translate.cluster_sockets import identities, transport_sockets
from tests.support.compiled import RATINGS, REVIEWS, state, view


def sockets(policy: dict[str, Any], mesh: MeshState | None = None, host: str = RATINGS) -> dict[str, Any]:
    mesh = mesh or state()
    service = mesh.service(host, "default")
    assert service is not None
    return transport_sockets(view(mesh), service, service.ports[0], subset="v1", policy=policy)


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        (None, ["tlsMode-istio-v2", "tlsMode-istio", "tlsMode-disabled-v2", "tlsMode-disabled"]),
        ("DISABLE", ["tlsMode-disabled-v2", "tlsMode-disabled"]),
        ("ISTIO_MUTUAL", ["mtls-v2", "mtls"]),
        ("SIMPLE", ["tls-v2", "tls"]),
    ],
)
def test_matches_by_mode(mode: str | None, names: list[str]) -> None:
    found = sockets({"tls": {"mode": mode}} if mode else {})
    assert [one["name"] for one in found["transport_socket_matches"]] == names
    assert found["transport_socket_matches"][-1]["match"] == {}


def test_auto_mtls_can_be_switched_off() -> None:
    found = sockets({}, state(config=MeshConfig(auto_mtls=False)))
    assert [one["name"] for one in found["transport_socket_matches"]] == ["tlsMode-disabled-v2", "tlsMode-disabled"]


def test_mtls_asks_for_the_services_identity_by_its_server_name() -> None:
    inner = sockets({})["transport_socket_matches"][1]["transport_socket"]["typed_config"]
    assert inner["sni"] == f"outbound_.9080_.v1_.{RATINGS}"
    validation = inner["common_tls_context"]["combined_validation_context"]["default_validation_context"]
    (name,) = validation["match_typed_subject_alt_names"]
    assert name["matcher"]["exact"] == "spiffe://cluster.local/ns/default/sa/bookinfo-ratings"


EXTERNAL = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e}
spec: {hosts: [a.com], resolution: DNS, ports: [{number: 443, name: tls, protocol: TLS}]}
"""


def test_outside_the_mesh_is_plaintext_unless_said() -> None:
    mesh = state(EXTERNAL)
    assert sockets({}, mesh, "a.com") == {}
    assert sockets({"tls": {"mode": "SIMPLE"}}, mesh, "a.com")["transport_socket"]["typed_config"]["sni"] == "a.com"


def test_identities_do_not_depend_on_readiness() -> None:
    mesh = state()
    service = mesh.service(REVIEWS, "default")
    assert service is not None
    before = identities(view(mesh), service, 9080)
    bare = mesh.with_endpoints(slices=[], pods=[])
    assert before == ["spiffe://cluster.local/ns/default/sa/bookinfo-reviews"]
    assert identities(view(bare), service, 9080) == []
