"""Route configurations of a router."""

from __future__ import annotations

from typing import Any

from tests.support.compiled import router, state


def gateway(hosts: str = '"*"', number: int = 80, tls: str = "", name: str = "front") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {name}}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - {{port: {{number: {number}, name: {name}, protocol: HTTP}}, hosts: [{hosts}]{tls}}}
---
"""


def rules(name: str, hosts: str, http: str, created: str = "1") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, creationTimestamp: "{created}"}}
spec: {{hosts: [{hosts}], gateways: [front], http: {http}}}
---
"""


ALL = "[{route: [{destination: {host: productpage}}]}]"
SOME = "[{match: [{uri: {prefix: /x}}], route: [{destination: {host: reviews}}]}]"


def hosts(extra: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = router(state(extra, base="")).routes["http.18080"]["virtual_hosts"]
    return found


def test_bookinfo() -> None:
    (host,) = router().routes["http.18080"]["virtual_hosts"]
    assert (host["name"], host["domains"]) == ("*:8080", ["*"])
    assert [route["match"] for route in host["routes"]] == [
        {"path": "/productpage"},
        {"prefix": "/static"},
        {"prefix": "/api/v1/products"},
    ]
    assert host["routes"][0]["route"]["cluster"] == "outbound|9080||productpage.default.svc.cluster.local"


def test_without_rules_everything_is_404() -> None:
    (host,) = hosts(gateway())
    assert (host["name"], host["routes"]) == ("blackhole:80", [])


def test_rules_of_one_host_are_merged_and_catch_alls_go_last() -> None:
    (host,) = hosts(gateway() + rules("a", "a.com", ALL, "1") + rules("b", "a.com", SOME, "2"))
    assert [route["match"]["prefix"] for route in host["routes"]] == ["/x", "/"]


def test_hosts_are_those_of_server_and_rule_together() -> None:
    found = hosts(gateway('"*.foo.com"') + rules("a", "a.foo.com, b.org", ALL))
    assert [host["domains"] for host in found] == [["a.foo.com"]]


def test_a_server_may_belong_to_other_namespaces() -> None:
    (host,) = hosts(gateway("other/*") + rules("a", "a.com", ALL))
    assert host["name"] == "blackhole:80"


def test_https_redirect() -> None:
    (host,) = hosts(gateway("a.com", tls=", tls: {httpsRedirect: true}"))
    assert (host["name"], host["require_tls"]) == ("a.com:80", "ALL")


def test_servers_of_two_ports_on_one_listener() -> None:
    extra = gateway("a.com") + gateway("b.com", 8080, name="second") + rules("a", "a.com", ALL)
    extra += rules("b", "b.com", ALL).replace("[front]", "[second]")
    assert [host["name"] for host in hosts(extra)] == ["a.com:80", "b.com:8080"]


def test_rules_for_sidecars_only_are_not_a_gateways() -> None:
    (host,) = hosts(gateway() + rules("a", "a.com", ALL).replace("[front]", "[mesh]"))
    assert host["name"] == "blackhole:80"
