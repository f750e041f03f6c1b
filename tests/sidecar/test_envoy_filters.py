"""HTTP filters through Envoy and through us: the same answers on the same file, and the same counts."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.sidecar.engines import ROUTER, Echo, backend, call, cluster, hcm, listener, route
from tests.sidecar.exchange.test_filters import limit, named, rbac
from tests.sidecar.policy.tokens import jwk, jwks, token
from tests.sidecar.test_envoy_differential import ENVOY, comparable, free_port, started

pytestmark = [pytest.mark.integration, pytest.mark.skipif(ENVOY is None, reason="no envoy in PATH")]

_TYPES = "type.googleapis.com/envoy.extensions.filters.http."
LOOPBACK = {"address_prefix": "127.0.0.0", "prefix_len": 8}


def rule(**permission: Any) -> dict[str, Any]:
    return rbac(permission)


ACCESS: dict[str, dict[str, Any]] = {
    "path": rule(url_path={"path": {"prefix": "/admin"}}),
    "header": rule(header={"name": "x-user", "string_match": {"exact": "jason"}}),
    "absent": rule(header={"name": "x-user", "present_match": False}),
    "not": rule(not_rule={"header": {"name": ":path", "string_match": {"prefix": "/a"}}}),
    "and": rule(and_rules={"rules": [{"url_path": {"path": {"prefix": "/a"}}}, {"destination_port": 1}]}),
    "or": rule(or_rules={"rules": [{"url_path": {"path": {"exact": "/x"}}}, {"destination_ip": LOOPBACK}]}),
    "ports": rule(destination_port_range={"start": 1, "end": 65536}),
    "allow": rbac({"url_path": {"path": {"exact": "/x"}}}, "ALLOW"),
    "log": rbac({"any": True}, "LOG"),
    "nothing": {"@type": f"{_TYPES}rbac.v3.RBAC"},
    "no policies": {"@type": f"{_TYPES}rbac.v3.RBAC", "rules": {"action": "ALLOW"}},
}
REQUESTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/x", {}),
    ("/admin", {}),
    ("/admin/y?z", {"headers": "x-user: jason\r\n"}),
    ("/a", {"headers": "x-user: other\r\n"}),
    ("/none", {"headers": "content-type: application/grpc\r\n", "method": "POST"}),
)
PER_ROUTE = {"@type": f"{_TYPES}rbac.v3.RBACPerRoute"}


Filters = tuple[dict[str, Any], ...]
Requests = tuple[tuple[str, dict[str, Any]], ...]


def routes() -> Filters:
    free = {**route("/admin/y", cluster="good"), "typed_per_filter_config": {"rbac": PER_ROUTE}}
    return (free, route({"path": "/none"}, cluster="good"), route("/", cluster="good"))


def bootstrap(port: int, admin: int, good: int, filters: Filters, its_routes: Filters) -> dict[str, Any]:
    front = hcm(*its_routes)
    del front["typed_config"]["access_log"]
    front["typed_config"]["http_filters"] = [*filters, ROUTER]
    where = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin}}},
        "static_resources": {
            "listeners": [{**listener(front), "address": where}],
            "clusters": [cluster("good", good)],
        },
    }


def counts(admin: int, pattern: str) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/stats?filter={pattern}", timeout=5) as answer:
        return sorted(line for line in answer.read().decode().splitlines() if "_ms" not in line)


async def observe(
    command: list[str],
    directory: Path,
    filters: Filters,
    pattern: str,
    its_routes: Filters,
    requests: Requests,
    good: Echo,
) -> list[Any]:
    seen: list[Any] = []
    async with backend(good) as good_port:
        port, admin = free_port(), free_port()
        path = directory / f"{port}.json"
        path.write_text(json.dumps(bootstrap(port, admin, good_port, filters, its_routes)))
        async with started([*command, "-c", str(path)], port):
            for target, fields in requests:
                status, head, body = await call(port, target, **fields)
                seen.append((target, status, comparable(head), body))
            seen.append(await _in_thread(admin, pattern))
    return [*seen, [comparable(head) for head in good.heads], good.bodies]


async def _in_thread(admin: int, pattern: str) -> list[str]:
    return await asyncio.to_thread(counts, admin, pattern)


async def same(
    tmp_path: Path,
    filters: Filters,
    pattern: str,
    its_routes: Filters | None = None,
    requests: Requests = REQUESTS,
    answers: tuple[bytes, ...] = (),
) -> None:
    assert ENVOY is not None
    envoy = [ENVOY, "--concurrency", "1", "--base-id", str(os.getpid()), "--log-level", "off"]
    observed = []
    for command in (envoy, [sys.executable, "-m", "sidecar"]):
        its = routes() if its_routes is None else its_routes
        observed.append(await observe(command, tmp_path, filters, pattern, its, requests, Echo(*answers)))
    theirs, ours = observed
    assert ours == theirs


@pytest.mark.parametrize("name", ACCESS)
async def test_access_rules(name: str, tmp_path: Path) -> None:
    await same(tmp_path, (named("rbac", ACCESS[name]),), "rbac")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"status": {"code": 503}},
        {"filter_enforced": {"default_value": {"numerator": 0}}},
        {"filter_enabled": {"default_value": {"numerator": 0}}},
        {"rate_limited_as_resource_exhausted": True},
        {"response_headers_to_add": [{"header": {"key": "x-limited", "value": "yes"}}]},
    ],
)
async def test_rate_limit(fields: dict[str, Any], tmp_path: Path) -> None:
    await same(tmp_path, (named("limit", limit(2, **fields)),), "http_local_rate_limit")


MUTATION = f"{_TYPES}header_mutation.v3.HeaderMutation"


def mutations(value: str) -> dict[str, Any]:
    def append(key: str, action: str) -> dict[str, Any]:
        return {"append": {"header": {"key": key, "value": value}, "append_action": action}}

    return {
        "request_mutations": [
            {"remove": "x-gone"},
            append("x-by", "APPEND_IF_EXISTS_OR_ADD"),
            append("x-last", "OVERWRITE_IF_EXISTS_OR_ADD"),
            {"remove_on_match": {"key_matcher": {"prefix": "x-drop-"}}},
        ],
        "response_mutations": [
            append("x-seen", "APPEND_IF_EXISTS_OR_ADD"),
            append("x-final", "OVERWRITE_IF_EXISTS_OR_ADD"),
        ],
    }


def specific(level: dict[str, Any], name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {**level, "typed_per_filter_config": {name: config}}


OFF = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}


@pytest.mark.parametrize("most_specific", [False, True])
async def test_header_mutation(most_specific: bool, tmp_path: Path) -> None:
    own = {"@type": MUTATION, "mutations": mutations("own"), "most_specific_header_mutations_wins": most_specific}
    per_route = {"@type": MUTATION + "PerRoute", "mutations": mutations("route")}
    weights = [
        {"name": "good", "weight": 1, "typed_per_filter_config": {"m": {**per_route, "mutations": mutations("weight")}}}
    ]
    its = (
        specific(route("/route", cluster="good"), "m", per_route),
        specific(route("/weight", weighted_clusters={"clusters": weights}), "m", per_route),
        specific(route("/off", cluster="good"), "m", OFF),
        route("/tea", direct_response={"status": 418}),
        route("/", cluster="good"),
    )
    fields = {"headers": "x-gone: 1\r\nx-by: client\r\nx-drop-a: 1\r\nx-drop-b: 2\r\n"}
    requests = tuple((path, fields) for path in ("/", "/route", "/weight", "/off", "/tea"))
    await same(tmp_path, (named("m", own),), "nothing", its, requests)


CHUNKED = "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nyou\r\n0\r\n"


@pytest.mark.parametrize("off", [False, True])
async def test_buffer(off: bool, tmp_path: Path) -> None:
    buffer = {"@type": f"{_TYPES}buffer.v3.Buffer", "max_request_bytes": 10}
    per_route = {"@type": f"{_TYPES}buffer.v3.BufferPerRoute"}
    its = (
        specific(route("/more", cluster="good"), "b", {**per_route, "buffer": {"max_request_bytes": 20}}),
        specific(route("/free", cluster="good"), "b", {**per_route, "disabled": True}),
        specific(route("/off", cluster="good"), "b", OFF),
        route("/", cluster="good"),
    )
    post: dict[str, Any] = {"method": "POST"}
    requests: Requests = (
        ("/", {}),
        ("/", {**post, "body": b"0123456789"}),
        ("/", {**post, "body": b"0123456789a"}),
        ("/", {**post, "headers": CHUNKED}),
        ("/more", {**post, "body": b"0123456789a"}),
        ("/free", {**post, "body": b"0123456789a" * 3}),
        ("/off", {**post, "body": b"0123456789a" * 3}),
    )
    await same(tmp_path, ({**named("b", buffer), "disabled": off},), "http.t.downstream_rq_too_large", its, requests)


async def test_fault_limit_and_counts(tmp_path: Path) -> None:
    abort = {"http_status": 418, "percentage": {"numerator": 100}}
    fault = {"@type": f"{_TYPES}fault.v3.HTTPFault", "abort": abort}
    none = {**fault, "max_active_faults": 0}
    its = (specific(route("/a", cluster="good"), "f", none), route("/", cluster="good"))
    await same(tmp_path, (named("f", fault),), "http.t.fault", its)


JWT = f"{_TYPES}jwt_authn.v3."
PROVIDERS: dict[str, Any] = {
    "rs": {
        "issuer": "me",
        "audiences": ["one"],
        "local_jwks": {
            "inline_string": jwks(jwk("RS256", kid="r"), jwk("ES256", kid="e", alg="ES256"), jwk("EdDSA", kid="o"))
        },
        "forward_payload_header": "x-payload",
        "payload_in_metadata": "payload",
        "claim_to_headers": [
            {"header_name": "x-sub", "claim_name": "sub"},
            {"header_name": "x-deep", "claim_name": "in.side"},
            {"header_name": "x-list", "claim_name": "groups"},
        ],
    },
    "kept": {
        "issuer": "other",
        "forward": True,
        "local_jwks": {"inline_string": jwks(jwk("HS256"))},
        "from_params": ["token"],
        "from_headers": [{"name": "x-token", "value_prefix": "T "}],
        "from_cookies": ["tok"],
    },
}
RS, KEPT = {"provider_name": "rs"}, {"provider_name": "kept"}
REQUIREMENTS: dict[str, dict[str, Any]] = {
    "/one": RS,
    "/kept": KEPT,
    "/any": {"requires_any": {"requirements": [RS, KEPT]}},
    "/all": {"requires_all": {"requirements": [RS, KEPT]}},
    "/maybe": {"requires_any": {"requirements": [RS, {"allow_missing": {}}]}},
    "/missing": {"allow_missing": {}},
    "/failed": {"allow_missing_or_failed": {}},
}


def bearer(text: str) -> dict[str, Any]:
    return {"headers": f"authorization: Bearer {text}\r\nx-sub: forged\r\n"}


def jwt_requests() -> Requests:
    good = token("RS256", {"kid": "r"}, aud=["one", "two"], groups=["admin"], **{"in": {"side": 5}})
    other = token("HS256", iss="other")
    tokens = (
        good,
        token("ES256", {"kid": "e"}, aud="one"),
        token("EdDSA", {"kid": "o"}, aud="https://one/"),
        token("PS256", {"kid": "r"}, aud="one"),
        token("RS256", {"kid": "x"}, aud="one"),
        token("RS256", {"kid": "r"}, aud="three"),
        token("RS256", {"kid": "r"}, aud="one", exp=1000),
        token("RS256", {"kid": "r"}, aud="one", nbf=4_000_000_000),
        token("RS256", {"kid": "r"}, iss="nobody"),
        other,
        good[:-6] + "AAAAAA",
        "a.b",
        "a.b.c",
        "e30.e30.YQ",
    )
    found: list[tuple[str, dict[str, Any]]] = []
    """Envoy keeps each refused connection for a second, so few paths see every token."""
    for path in REQUIREMENTS:
        found += [(path, {}), *((path, bearer(one)) for one in (tokens if path == "/one" else tokens[9:11]))]
        found += [(f"{path}?a=1&token={other}&b", {}), (path, {"headers": f"x-token: T {other}\r\n"})]
        found += [(path, {"headers": f"cookie: a=b; tok={other}\r\n"}), (f"{path}?token={other}", bearer(good))]
    return (*found, ("/none", {}), ("/off", {}), ("/named", {}), ("/wrong", {}))


async def test_tokens(tmp_path: Path) -> None:
    rules = [{"match": {"prefix": path}, "requires": one} for path, one in REQUIREMENTS.items()]
    config = {
        "@type": f"{JWT}JwtAuthentication",
        "providers": PROVIDERS,
        "rules": rules,
        "requirement_map": {"need": RS},
    }
    per_route = {"@type": f"{JWT}PerRouteConfig"}
    its = (
        specific(route("/off", cluster="good"), "j", {**per_route, "disabled": True}),
        specific(route("/named", cluster="good"), "j", {**per_route, "requirement_name": "need"}),
        specific(route("/wrong", cluster="good"), "j", {**per_route, "requirement_name": "wrong"}),
        route("/", cluster="good"),
    )
    await same(tmp_path, (named("j", config),), "jwt_authn.allowed", its, jwt_requests())


async def test_rules_about_payloads(tmp_path: Path) -> None:
    rules = [{"match": {"prefix": "/"}, "requires": REQUIREMENTS["/failed"]}]
    config = {"@type": f"{JWT}JwtAuthentication", "providers": PROVIDERS, "rules": rules}
    value = {"list_match": {"one_of": {"string_match": {"exact": "admin"}}}}
    keys = [{"key": "payload"}, {"key": "groups"}]
    rule_of = {"metadata": {"filter": "envoy.filters.http.jwt_authn", "path": keys, "value": value}}
    filters = (named("j", config), named("r", rbac(rule_of, "ALLOW")))
    await same(tmp_path, filters, "rbac", (route("/", cluster="good"),), jwt_requests()[:4])
