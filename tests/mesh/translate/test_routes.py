"""Rules of VirtualServices as Envoy routes."""

from __future__ import annotations

from tests.support.compiled import RATINGS, REVIEWS, rule_routes, sidecar, state, virtual_host

TO_RATINGS = "route: [{destination: {host: ratings}}]"


def test_the_canary() -> None:
    (route,) = virtual_host(sidecar(), "9080", f"{REVIEWS}:9080")["routes"]
    assert route["route"]["weighted_clusters"]["clusters"] == [
        {"name": f"outbound|9080|v1|{REVIEWS}", "weight": 90},
        {"name": f"outbound|9080|v2|{REVIEWS}", "weight": 10},
    ]
    assert route["route"]["timeout"] == "0s"
    assert route["route"]["retry_policy"]["num_retries"] == 2
    assert route["metadata"]["filter_metadata"]["istio"] == {
        "config": "/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews",
        "rule": 0,
        "file": "canary.yaml",
        "line": 7,
    }
    assert route["decorator"] == {"operation": "reviews:9080/*"}


def test_a_service_without_rules() -> None:
    (route,) = virtual_host(sidecar(), "9080", f"{RATINGS}:9080")["routes"]
    assert route["name"] == "default"
    assert route["route"]["cluster"] == f"outbound|9080||{RATINGS}"
    assert route["decorator"] == {"operation": f"{RATINGS}:9080/*"}


def test_one_destination_ignores_its_weight() -> None:
    (route,) = rule_routes("[{route: [{destination: {host: ratings}, weight: 0}]}]")
    assert route["route"]["cluster"] == f"outbound|9080||{RATINGS}"


def test_destinations_of_weight_zero_are_left_out() -> None:
    (route,) = rule_routes(
        "[{route: [{destination: {host: ratings}, weight: 2}, {destination: {host: details}, weight: 0},"
        " {destination: {host: reviews, subset: v1}, weight: 1}]}]"
    )
    assert [one["weight"] for one in route["route"]["weighted_clusters"]["clusters"]] == [2, 1]


def test_rules_behind_a_catch_all_are_left_out() -> None:
    routes = rule_routes(
        f"[{{match: [{{uri: {{prefix: /a}}}}, {{uri: {{prefix: /}}}}], {TO_RATINGS}}}, {{{TO_RATINGS}}}]"
    )
    assert [route["match"] for route in routes] == [{"prefix": "/a"}, {"prefix": "/"}]


def test_source_labels_select_proxies() -> None:
    http = f"[{{match: [{{uri: {{prefix: /x}}, sourceLabels: {{app: reviews}}}}], {TO_RATINGS}}}, {{{TO_RATINGS}}}]"
    assert len(rule_routes(http)) == 1
    assert len(rule_routes(http, name="reviews-v1-a")) == 2


def test_rules_for_no_port_of_the_service_leave_its_default() -> None:
    (route,) = rule_routes(f"[{{match: [{{port: 1}}], {TO_RATINGS}}}]")
    assert route["name"] == "default"


def test_an_action_in_full() -> None:
    (route,) = rule_routes(
        "[{name: r, match: [{name: m, uri: {prefix: /a}}], timeout: 1.5s, retries: {attempts: 0},"
        " rewrite: {uri: /b, authority: other}, mirror: {host: details}, mirrorPercentage: {value: 50},"
        " headers: {request: {set: {x: y}}},"
        " route: [{destination: {host: ratings}, headers: {response: {remove: [server]}}}]}]"
    )
    action = route["route"]
    assert route["name"] == "r.m"
    assert (action["timeout"], action["prefix_rewrite"], action["host_rewrite_literal"]) == ("1.5s", "/b", "other")
    assert "retry_policy" not in action
    (mirror,) = action["request_mirror_policies"]
    assert mirror["cluster"] == "outbound|9080||details.default.svc.cluster.local"
    assert mirror["runtime_fraction"]["default_value"]["numerator"] == 500_000
    assert route["request_headers_to_add"][0]["header"] == {"key": "x", "value": "y"}
    assert route["response_headers_to_remove"] == ["server"]
    assert route["decorator"] == {"operation": f"{RATINGS}:9080/a*"}


def test_regex_rewrites() -> None:
    (route,) = rule_routes(f'[{{rewrite: {{uriRegexRewrite: {{match: "/a/(.*)", rewrite: "/\\\\1"}}}}, {TO_RATINGS}}}]')
    assert route["route"]["regex_rewrite"] == {"pattern": {"regex": "/a/(.*)"}, "substitution": "/\\1"}


def test_mirrors_of_zero_percent_are_none() -> None:
    (route,) = rule_routes(f"[{{mirror: {{host: details}}, mirrorPercentage: {{value: 0}}, {TO_RATINGS}}}]")
    assert "request_mirror_policies" not in route["route"]


def test_a_redirect_of_a_code_without_meaning_has_no_action() -> None:
    (route,) = rule_routes("[{redirect: {uri: /x, redirectCode: 305}}]")
    assert "redirect" not in route and "route" not in route


def test_an_unknown_subset_names_a_cluster_that_does_not_exist() -> None:
    (route,) = rule_routes("[{route: [{destination: {host: ratings, subset: nope}}]}]")
    cluster = route["route"]["cluster"]
    assert cluster == f"outbound|9080|nope|{RATINGS}"
    assert cluster not in sidecar(state()).clusters
