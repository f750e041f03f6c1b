"""A request that comes again fares as it did the first time, wherever that may be told from its bytes alone."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sidecar.config.parse import ROUTES
from tests.sidecar.engines import Echo, answer, backend, cluster, exchange, hcm, route, running
from tests.sidecar.routing.requests import configuration, get, table, to, weighted

TIMES = 4
_NEW = re.compile(rb"x-request-id: [0-9a-f-]{36}\r\n")
_TRACED = re.compile(rb"(traceparent|x-b3-\w+): [0-9a-f-]+\r\n")


def edit(value: str, name: str = "x-edit", action: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> dict[str, Any]:
    return {"request_headers_to_add": [{"header": {"key": name, "value": value}, "append_action": action}]}


RESPONSE_EDIT = {"response_headers_to_add": [{"header": {"key": "x-r", "value": "%PROTOCOL%"}}]}
CONFIGURATIONS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}, {}),
    "edits": ({}, edit("v"), {}),
    "edits of this request": ({}, edit("%REQ(:path)%"), {}),
    "rewrites": ({"prefix_rewrite": "/new/", "host_rewrite_literal": "other"}, {}, {}),
    "response edits": ({}, RESPONSE_EDIT, {}),
    "attempts": ({}, {}, {"virtual_host": {"include_request_attempt_count": True}}),
    "traced": ({}, {}, {"tracing": {"random_sampling": {"value": 50}}}),
    "traced, no log": ({}, {}, {"tracing": {"random_sampling": {"value": 0}}, "access_log": []}),
    "no id": ({}, {}, {"generate_request_id": False}),
    "edge": ({}, {}, {"use_remote_address": True}),
}
"""What the route does, what the rule has beside it, what the connection manager says."""


@pytest.mark.integration
@pytest.mark.parametrize("name", CONFIGURATIONS)
async def test_each_time_the_same_but_for_the_id(name: str) -> None:
    action, rule, manager = CONFIGURATIONS[name]
    echo = Echo(answer(b"ok"))
    request = b"GET /a/b?c HTTP/1.1\r\nHost: a.test\r\nAccept: x\r\n\r\n"
    last = request.replace(b"Accept", b"Connection: close\r\nAccept")
    served = {**route("/", cluster="b", **action), **rule}
    async with backend(echo) as port, running(hcm(served, **manager), cluster("b", port)) as proxy:
        data = await exchange(proxy.port(), request * TIMES + last)
        paths = {record.path for record in proxy.records.done}
    assert data.count(b"200 OK") == TIMES + 1
    assert len(paths) == (0 if "access_log" in manager else 1)
    traced = [tuple(name for name in _TRACED.findall(head)) for head in echo.heads]
    assert len(set(traced)) == 1
    assert len(traced[0]) == (4 if "tracing" in manager else 0)
    ids = [found for head in echo.heads for found in _NEW.findall(head)]
    assert len(set(ids)) == len(ids) == (0 if name == "no id" else TIMES + 1)
    assert len({tuple(sorted(_TRACED.sub(b"", _NEW.sub(b"", head)).split(b"\r\n"))) for head in echo.heads}) == 1
    answers = re.sub(rb"x-envoy-upstream-service-time: \d+\r\n|date: [^\r]+\r\n|connection: close\r\n", b"", data)
    assert len(set(answers.split(b"HTTP/1.1 ")[1:])) == 1


@pytest.mark.integration
async def test_a_new_table_holds_for_the_next_request() -> None:
    async with (
        backend(Echo(answer(b"1"))) as one,
        backend(Echo(answer(b"2"))) as two,
        running(
            hcm(rds={"route_config_name": "r", "config_source": {"ads": {}}}), cluster("a", one), cluster("b", two)
        ) as proxy,
    ):
        for name in ("a", "b", "a"):
            hosts = [{"name": "h", "domains": ["*"], "routes": [route("/", cluster=name)]}]
            assert proxy.engine.apply(ROUTES, "r", {"name": "r", "virtual_hosts": hosts}) is None
            await proxy.engine.start()
            request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
            data = await exchange(
                proxy.port(), request * 3 + request.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
            )
            expected = b"1" if name == "a" else b"2"
            assert [part[-1:] for part in data.split(b"HTTP/1.1 200 OK")[1:]] == [expected] * 4


FRACTION = {"default_value": {"numerator": 50, "denominator": "HUNDRED"}}


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ([to("a")], True),
        ([to("a", path="/other"), to("b")], True),
        ([to("a", headers=[{"name": "x", "present_match": True}]), to("b")], True),
        ([{"match": {"prefix": "/"}, "route": weighted(a=1, b=1)}], False),
        ([to("a", runtime_fraction=FRACTION), to("b")], False),
        ([to("a", headers=[{"name": "X-Request-Id", "string_match": {"prefix": "0"}}]), to("b")], False),
        ([{"match": {"prefix": "/"}, "route": {"cluster": "a", "host_rewrite_header": "x-request-id"}}], False),
        ([to("a", path="/other")], False),
    ],
)
def test_what_repeats(routes: list[dict[str, Any]], expected: bool) -> None:
    assert table(configuration(*routes)).repeats(get("/x")) is expected
