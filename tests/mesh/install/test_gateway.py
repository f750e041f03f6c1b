"""The gateway's Service and Deployment belong together."""

from __future__ import annotations

from mesh.inject.template import ProxySettings
from mesh.install.gateway import LABELS, GatewayPorts, deployment, service

PORTS = GatewayPorts(8080, 8443, 15021)
SETTINGS = ProxySettings("1", "127.0.0.1:15012")


def test_ports() -> None:
    found = {port["name"]: (port["port"], port["targetPort"]) for port in service(PORTS)["spec"]["ports"]}
    assert found == {
        "http2": (80, 8080),
        "http-alt": (8080, 8080),
        "https": (443, 8443),
        "https-alt": (8443, 8443),
    }


def test_the_service_selects_the_pods() -> None:
    template = deployment(PORTS, SETTINGS)["spec"]["template"]
    assert LABELS == {"app": "istio-ingressgateway", "istio": "ingressgateway"}
    assert service(PORTS)["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    assert deployment(PORTS, SETTINGS)["spec"]["selector"]["matchLabels"] == LABELS


def test_the_pod_is_a_router_of_the_hosts_network() -> None:
    spec = deployment(PORTS, SETTINGS)["spec"]["template"]["spec"]
    assert spec["hostNetwork"] is True
    assert spec["serviceAccountName"] == "istio-ingressgateway"
    (container,) = spec["containers"]
    assert container["args"] == ["proxy", "router"]
    assert container["readinessProbe"]["httpGet"]["port"] == 15021
