"""HTTP filters in front of a real backend: order, answers, what routes say of them, and requests that come again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sidecar.engines import FAULT, Echo, backend, call, cluster, exchange, hcm, route, running

pytestmark = pytest.mark.integration

_TYPES = "type.googleapis.com/envoy.extensions.filters.http."
ALL = {"default_value": {"numerator": 100}}
ANY = {"any": True}


def rbac(permission: Any, action: str = "DENY", **fields: Any) -> dict[str, Any]:
    rules = {"action": action, "policies": {"p": {"permissions": [permission], "principals": [ANY]}}}
    return {"@type": f"{_TYPES}rbac.v3.RBAC", "rules": rules, **fields}


def limit(tokens: int, **fields: Any) -> dict[str, Any]:
    fill = {"max_tokens": tokens, "fill_interval": "3600s"}
    base = {"stat_prefix": "lim", "token_bucket": fill, "filter_enabled": ALL, "filter_enforced": ALL}
    return {"@type": f"{_TYPES}local_ratelimit.v3.LocalRateLimit", **base, **fields}


def named(name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "typed_config": config}


NO_ADMIN = rbac({"url_path": {"path": {"prefix": "/admin"}}})
AGAIN = b"GET %s HTTP/1.1\r\nhost: a.test\r\n\r\n"
LAST = b"GET %s HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n"


def statuses(data: bytes) -> list[int]:
    return [int(part[:3]) for part in data.split(b"HTTP/1.1 ")[1:]]


async def test_denied() -> None:
    async with (
        backend(Echo()) as port,
        running(hcm(route("/", cluster="b"), filters=(named("rbac", NO_ADMIN),)), cluster("b", port)) as proxy,
    ):
        status, head, body = await call(proxy.port(), "/admin/x")
        record = await proxy.records.last()
        assert (status, body) == (403, b"RBAC: access denied")
        assert (record.flags, record.details) == ("", "rbac_access_denied_matched_policy[p]")
        data = await exchange(proxy.port(), AGAIN % b"/ok" * 3 + AGAIN % b"/admin" * 3 + LAST % b"/ok")
        assert statuses(data) == [200] * 3 + [403] * 3 + [200]
        assert (proxy.value("http.t.rbac.allowed"), proxy.value("http.t.rbac.denied")) == (4, 4)
        status, head, body = await call(proxy.port(), "/admin", headers="content-type: application/grpc\r\n")
        assert (status, b"grpc-status: 7" in head, body) == (200, True, b"")


async def test_filters_come_before_no_route() -> None:
    async with running(hcm(route("/only", cluster="b"), filters=(named("rbac", NO_ADMIN),)), cluster("b", 1)) as proxy:
        assert (await call(proxy.port(), "/admin"))[0] == 403
        assert (await call(proxy.port(), "/other"))[0] == 404


async def test_order_is_the_configured_one() -> None:
    abort = {"http_status": 418, "percentage": {"numerator": 100}}
    fault = named("fault", {"@type": FAULT, "abort": abort})
    for filters, expected in (((named("r", rbac(ANY)), fault), 403), ((fault, named("r", rbac(ANY))), 418)):
        async with running(hcm(route("/", cluster="b"), filters=filters), cluster("b", 1)) as proxy:
            assert (await call(proxy.port(), "/"))[0] == expected


async def test_a_route_has_its_own_rules() -> None:
    per_route = {"@type": f"{_TYPES}rbac.v3.RBACPerRoute"}
    own = {**per_route, "rbac": {key: value for key, value in NO_ADMIN.items() if key != "@type"}}
    open_ = {**route("/open", cluster="b"), "typed_per_filter_config": {"rbac": per_route}}
    mixed = {**route("/", cluster="b"), "typed_per_filter_config": {"rbac": own}}
    filters = (named("rbac", rbac(ANY)),)
    async with backend(Echo()) as port, running(hcm(open_, mixed, filters=filters), cluster("b", port)) as proxy:
        got = {path: (await call(proxy.port(), path))[0] for path in ("/open", "/x", "/admin")}
    assert got == {"/open": 200, "/x": 200, "/admin": 403}


async def test_shadow_rules_are_only_counted() -> None:
    shadow = {"shadow_rules": NO_ADMIN["rules"], "shadow_rules_stat_prefix": "s_", "rules": None}
    filters = (named("rbac", {**NO_ADMIN, **shadow}),)
    async with (
        backend(Echo()) as port,
        running(hcm(route("/", cluster="b"), filters=filters), cluster("b", port)) as proxy,
    ):
        data = await exchange(proxy.port(), AGAIN % b"/admin" * 2 + LAST % b"/x")
        assert statuses(data) == [200] * 3
        assert proxy.value("http.t.rbac.s_shadow_denied") == 2
        assert proxy.value("http.t.rbac.s_shadow_allowed") == 1


async def test_limited_also_when_the_same_head_comes_again() -> None:
    told = {"response_headers_to_add": [{"header": {"key": "x-limited", "value": "yes"}}]}
    filters = (named("limit", limit(3, **told)),)
    async with (
        backend(Echo()) as port,
        running(hcm(route("/", cluster="b"), filters=filters), cluster("b", port)) as proxy,
    ):
        data = await exchange(proxy.port(), AGAIN % b"/" * 5 + LAST % b"/")
        record = await proxy.records.last()
        assert statuses(data) == [200] * 3 + [429] * 3
        assert data.count(b"x-limited: yes") == 3
        assert data.endswith(b"local_rate_limited")
        assert (record.flags, record.details) == ("RL", "local_rate_limited")
        counted = {
            name: proxy.value(f"lim.http_local_rate_limit.{name}")
            for name in ("enabled", "ok", "rate_limited", "enforced")
        }
    assert counted == {"enabled": 6, "ok": 3, "rate_limited": 3, "enforced": 3}


async def test_not_enforced_is_marked() -> None:
    marked = {"request_headers_to_add_when_not_enforced": [{"header": {"key": "x-over", "value": "1"}}]}
    echo = Echo()
    filters = (named("limit", limit(1, filter_enforced=None, **marked)),)
    async with (
        backend(echo) as port,
        running(hcm(route("/", cluster="b"), filters=filters), cluster("b", port)) as proxy,
    ):
        assert statuses(await exchange(proxy.port(), AGAIN % b"/" * 2 + LAST % b"/")) == [200] * 3
    assert [b"x-over: 1" in head for head in echo.heads] == [False, True, True]


async def test_a_route_has_its_own_bucket() -> None:
    own = {**route("/one", cluster="b"), "typed_per_filter_config": {"limit": limit(1, stat_prefix="one")}}
    filters = (named("limit", limit(2)),)
    async with (
        backend(Echo()) as port,
        running(hcm(own, route("/", cluster="b"), filters=filters), cluster("b", port)) as proxy,
    ):
        data = await exchange(proxy.port(), AGAIN % b"/one" * 2 + AGAIN % b"/" * 2 + LAST % b"/")
        assert statuses(data) == [200, 429, 200, 200, 429]
        assert proxy.value("one.http_local_rate_limit.enforced") == 1
