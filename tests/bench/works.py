"""What is measured: for each work one configuration that both proxies run, the load, and the goal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Resource = dict[str, Any]
_EXTENSIONS = "type.googleapis.com/envoy.extensions."
CONNECTIONS = 32
BIG_HOSTS, BIG_ROUTES = 100, 500


@dataclass(frozen=True, slots=True)
class Place:
    """Where one contestant runs: ports of its listener, its admin and the backend; a directory for logs and keys."""

    port: int
    admin: int
    back: int
    directory: Path
    name: str


@dataclass(frozen=True, slots=True)
class Work:
    title: str
    goal: float
    """Our CPU for each request, divided by Envoy's."""
    make: Callable[[Place], Resource]
    body_bytes: int = 1024
    upstream_tls: bool = False
    scheme: str = "http"
    load: tuple[str, ...] = ("wrk", "-t1", f"-c{CONNECTIONS}")
    headers: tuple[str, ...] = field(default=())


def router() -> Resource:
    return {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{_EXTENSIONS}filters.http.router.v3.Router"},
    }


def rbac() -> Resource:
    """One policy that lets through what the load asks for."""
    policy = {"permissions": [{"url_path": {"path": {"prefix": "/"}}}], "principals": [{"any": True}]}
    rules = {"action": "ALLOW", "policies": {"all": policy}}
    return {"name": "rbac", "typed_config": {"@type": f"{_EXTENSIONS}filters.http.rbac.v3.RBAC", "rules": rules}}


def certificates(place: Place) -> Resource:
    chain, key = (str(place.directory / name) for name in ("chain.pem", "key.pem"))
    return {
        "tls_certificates": [{"certificate_chain": {"filename": chain}, "private_key": {"filename": key}}],
        "validation_context": {"trusted_ca": {"filename": chain}},
    }


def tls_socket(place: Place, side: str) -> Resource:
    common = certificates(place)
    if side == "Downstream":
        common.pop("validation_context")
    kind = f"{_EXTENSIONS}transport_sockets.tls.v3.{side}TlsContext"
    more = {"sni": "bench.test"} if side == "Upstream" else {}
    typed = {"@type": kind, "common_tls_context": common, **more}
    return {"name": "envoy.transport_sockets.tls", "typed_config": typed}


def bootstrap(place: Place, network_filter: Resource, *, down_tls: bool = False, up_tls: bool = False) -> Resource:
    chain: Resource = {"filters": [network_filter]}
    if down_tls:
        chain["transport_socket"] = tls_socket(place, "Downstream")
    endpoint = {"endpoint": {"address": address(place.back)}}
    cluster: Resource = {
        "name": "back",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "back", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    if up_tls:
        cluster["transport_socket"] = tls_socket(place, "Upstream")
    return {
        "admin": {"address": address(place.admin)},
        "static_resources": {
            "listeners": [{"name": "front", "address": address(place.port), "filter_chains": [chain]}],
            "clusters": [cluster],
        },
    }


def address(port: int) -> Resource:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def manager(place: Place, *, rules: bool = False, log: bool = False, big: bool = False) -> Resource:
    """`rules`: the sidecar's filters and 1 % tracing; `big`: a hundred virtual hosts of five hundred routes."""
    route = {"match": {"prefix": "/"}, "route": {"cluster": "back"}}
    hosts: list[Resource] = [{"name": "all", "domains": ["*"], "routes": [route]}]
    if big:
        many = [
            {"match": {"prefix": f"/service/{number}/"}, "route": {"cluster": "back"}} for number in range(BIG_ROUTES)
        ]
        hosts = [
            {"name": f"h{number}", "domains": [f"h{number}.test"], "routes": [*many, route]}
            for number in range(BIG_HOSTS)
        ] + hosts
    typed: Resource = {
        "@type": f"{_EXTENSIONS}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "route_config": {"name": "local", "virtual_hosts": hosts},
        "http_filters": [*([rbac()] if rules else []), router()],
    }
    if rules:
        typed["tracing"] = {"random_sampling": {"value": 1.0}}
    if log:
        kind = f"{_EXTENSIONS}access_loggers.file.v3.FileAccessLog"
        path = str(place.directory / f"{place.name}.log")
        typed["access_log"] = [{"name": "log", "typed_config": {"@type": kind, "path": path}}]
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": typed}


def tcp(place: Place) -> Resource:
    kind = f"{_EXTENSIONS}filters.network.tcp_proxy.v3.TcpProxy"
    return {"name": "tcp", "typed_config": {"@type": kind, "stat_prefix": "tcp", "cluster": "back"}}


FEW = ("wrk", "-t1", "-c4")
FIXED = ("h2load", "--h1", "-c16", "-t1", "--rps=62.5")
WORKS: dict[str, Work] = {
    "plain": Work("plain HTTP/1.1, 1 KB, 32 connections", 0.50, lambda at: bootstrap(at, manager(at))),
    "sidecar": Work(
        "mTLS to the upstream, rbac, 1 % tracing, 1 KB, 32 connections", 0.55,
        lambda at: bootstrap(at, manager(at, rules=True), up_tls=True), upstream_tls=True,
    ),
    "logged": Work(
        "the same with a text access log", 0.50,
        lambda at: bootstrap(at, manager(at, rules=True, log=True), up_tls=True), upstream_tls=True,
    ),
    "fixed": Work(
        "the same at 1000 requests/s, 16 connections", 0.55,
        lambda at: bootstrap(at, manager(at, rules=True, log=True), up_tls=True), upstream_tls=True, load=FIXED,
    ),
    "routes": Work(
        f"plain, {BIG_ROUTES} routes in each of {BIG_HOSTS} virtual hosts", 0.50,
        lambda at: bootstrap(at, manager(at, big=True)), headers=("Host: h77.test",),
    ),
    "100k": Work("100 KB bodies", 1.0, lambda at: bootstrap(at, manager(at)), body_bytes=100_000, load=FEW),
    "100k-tls": Work(
        "100 KB bodies, TLS from the client", 1.0,
        lambda at: bootstrap(at, manager(at), down_tls=True), body_bytes=100_000, scheme="https", load=FEW,
    ),
    "10m": Work("10 MB bodies", 1.0, lambda at: bootstrap(at, manager(at)), body_bytes=10_000_000, load=FEW),
    "10m-tls": Work(
        "10 MB bodies, TLS from the client", 1.0,
        lambda at: bootstrap(at, manager(at), down_tls=True), body_bytes=10_000_000, scheme="https", load=FEW,
    ),
    "tcp": Work("opaque TCP, 1 KB to and fro, 32 connections", 1.0, lambda at: bootstrap(at, tcp(at))),
    "tcp-bulk": Work("opaque TCP, 10 MB", 1.0, lambda at: bootstrap(at, tcp(at)), body_bytes=10_000_000, load=FEW),
    "handshake": Work(
        "a new TLS connection for each request", 1.3,
        lambda at: bootstrap(at, manager(at), down_tls=True), scheme="https", headers=("Connection: close",),
    ),
}  # fmt: skip
