"""Whole tables: which route, in which order, and what goes on across pushes."""

from __future__ import annotations

import gc
from random import Random
from typing import Any

import pytest

from sidecar.config.refusal import Refusal
from sidecar.protocol.message import RequestHead
from sidecar.routing.table import RouteTable
from tests.sidecar.routing.requests import configuration, get, hosts, refused, table, to, weighted

JASON = [{"name": "end-user", "string_match": {"exact": "jason"}}]


def cluster(found: RouteTable, head: RequestHead) -> str | None:
    decision = found.route(head)
    return decision.cluster if decision is not None else None


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (get("/exact?q"), "exact"),
        (get("/exact/more"), "prefix"),
        (get("/reviews/1", end_user="jason"), "v2"),
        (get("/reviews/1", end_user="other"), "v1"),
        (get("/reviews/1?debug=1"), "debug"),
        (get("/item/12"), "regex"),
        (get("/item/x"), "rest"),
        (get("*", method="OPTIONS"), None),
    ],
)
def test_the_first_route_that_fits(head: RequestHead, expected: str | None) -> None:
    found = table(
        configuration(
            to("exact", path="/exact"),
            to("prefix", prefix="/exact"),
            to("debug", prefix="/reviews", query_parameters=[{"name": "debug", "present_match": True}]),
            to("v2", prefix="/reviews", headers=JASON),
            to("v1", prefix="/reviews"),
            to("regex", safe_regex={"regex": "/item/[0-9]+"}),
            to("rest"),
        )
    )
    assert [cluster(found, head) for _ in range(2)] == [expected] * 2


def test_order_beats_kind() -> None:
    assert cluster(table(configuration(to("a"), to("b", path="/x"))), get("/x")) == "a"


def test_no_virtual_host_is_no_route_and_hosts_do_not_fall_through() -> None:
    found = table(
        hosts(
            {"name": "one", "domains": ["one"], "routes": [to("a", path="/a")]},
            {"name": "any", "domains": ["*"], "routes": [to("b")]},
        )
    )
    assert cluster(found, get("/other", "one")) is None
    assert cluster(found, get("/other", "two")) == "b"
    assert cluster(table(hosts({"name": "x", "domains": ["x"], "routes": []})), get()) is None


def drawn(found: RouteTable, times: int) -> list[str | None]:
    return [cluster(found, get()) for _ in range(times)]


def test_a_split_is_exact_in_every_window_and_across_pushes() -> None:
    config = configuration({"name": "canary", "match": {"prefix": "/"}, "route": weighted(v1=90, v2=10)})
    found, clusters = table(config, seed=1), []
    for push in range(12):
        clusters += drawn(found, 7)
        found = table(config, previous=found, seed=push)
    for start in range(len(clusters) - 9):
        assert clusters[start : start + 10].count("v2") == 1


def test_a_rule_put_ahead_leaves_the_sequence_alone() -> None:
    split = {"name": "canary", "match": {"prefix": "/"}, "route": weighted(v1=3, v2=1)}
    first = table(configuration(split), seed=1)
    clusters = drawn(first, 3)
    second = table(configuration(to("x", path="/x"), split), previous=first, seed=2)
    clusters += drawn(second, 1)
    assert clusters.count("v2") == 1


def test_a_refused_push_leaves_the_table_in_use_as_it_was() -> None:
    split = {"name": "canary", "match": {"prefix": "/"}, "route": weighted(v1=3, v2=1)}
    first = table(configuration(split))
    clusters = drawn(first, 2)
    bad = RouteTable.compile(configuration(split, to("x", safe_regex={"regex": "("})), previous=first, rng=Random(9))
    assert isinstance(bad, Refusal)
    clusters += drawn(first, 2)
    assert clusters.count("v2") == 1


def test_mirrors_are_drawn_one_by_one() -> None:
    mirrors = [
        {"cluster": "all"},
        {"cluster": "half", "runtime_fraction": {"default_value": {"numerator": 50}}},
        {"cluster": "none", "runtime_fraction": {"default_value": {"numerator": 0}}},
    ]
    route = {"match": {"prefix": "/"}, "route": {"cluster": "a", "request_mirror_policies": mirrors}}
    found, names = table(configuration(route)), []
    for _ in range(400):
        decision = found.route(get())
        assert decision is not None
        names += [mirror.cluster for mirror in decision.mirrors]
    assert (names.count("all"), names.count("none")) == (400, 0)
    assert 150 < names.count("half") < 250
    assert found.clusters() == {"a", "all", "half", "none"}


def test_a_callers_headers_change_only_this_request() -> None:
    found = table(configuration(to("a")))
    own, other = found.route(get(x_envoy_upstream_rq_timeout_ms="20")), found.route(get())
    assert own is not None and other is not None
    assert (own.budget.timeout_s, other.budget.timeout_s) == (0.02, 15.0)


def test_plaintext_is_redirected_where_tls_is_required() -> None:
    found = table(hosts({"name": "a", "domains": ["*"], "require_tls": "ALL", "routes": [to("a")]}))
    decision = found.route(get("/p?q"))
    assert decision is not None and decision.redirect is not None
    assert decision.redirect.location(get("/p?q")) == b"https://a/p?q"
    assert cluster(found, get(scheme="https")) == "a"


def test_entries_are_kept_in_order_for_those_who_explain() -> None:
    found = table(configuration(to("a", path="/x"), to("b")))
    host = found.virtual_host(b"whatever")
    assert host is not None
    assert [entry.route.position for entry in host.entries] == [0, 1]


@pytest.mark.parametrize(
    ("routes", "path"),
    [
        ([to("a"), to("b", safe_regex={"regex": "("})], "virtual_hosts[0].routes[1].match.safe_regex.regex"),
        ([to("a", headers=[{"name": "h", "string_match": {"safe_regex": {"regex": "("}}}])],
         "virtual_hosts[0].routes[0].match.headers[0].string_match.safe_regex.regex"),
        ([{"match": {"prefix": "/"}, "route": {"cluster": "a", "retry_policy": {"retriable_headers": [
            {"name": "x", "safe_regex_match": {"regex": "("}}]}}}],
         "virtual_hosts[0].routes[0].route.retry_policy.retriable_headers[0].safe_regex_match.regex"),
        ([{**to("a"), "request_headers_to_remove": [":path"]}],
         "virtual_hosts[0].routes[0].request_headers_to_remove[0]"),
        ([{"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "x" * 4097}}}],
         "virtual_hosts[0].routes[0].direct_response.body"),
        ([{"match": {"prefix": "/"}, "route": {"cluster": "a", "request_mirror_policies": [{"cluster_header": "x"}]}}],
         "virtual_hosts[0].routes[0].route.request_mirror_policies[0].cluster_header"),
    ],
)  # fmt: skip
def test_refused(routes: list[dict[str, Any]], path: str) -> None:
    assert refused(configuration(*routes)).path == path


def test_a_domain_given_twice() -> None:
    config = hosts({"name": "a", "domains": ["x"]}, {"name": "b", "domains": ["X"]})
    assert refused(config).path == "virtual_hosts[1].domains[0]"


def test_old_tables_are_let_go() -> None:
    config = configuration({"match": {"prefix": "/"}, "route": weighted(v1=1, v2=1)})
    found = table(config)
    for _ in range(20):
        found = table(config, previous=found)
    gc.collect()
    assert sum(isinstance(one, RouteTable) and one.config is config for one in gc.get_objects()) == 1
