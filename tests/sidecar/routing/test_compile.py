"""What a route inherits: header edits, retries, mirrors and filters of the levels around it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sidecar.protocol.message import ResponseHead
from sidecar.routing.decision import RouteDecision
from sidecar.telemetry.record import ExchangeRecord
from tests.sidecar.routing.requests import get, hosts, table

FAULT = "envoy.extensions.filters.http.fault.v3.HTTPFault"
CORS = "envoy.extensions.filters.http.cors.v3.CorsPolicy"


def setting(value: str) -> dict[str, Any]:
    added = {"header": {"key": "x-who", "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    return {"request_headers_to_add": [added], "response_headers_to_add": [added]}


def decide(route: dict[str, Any], host: dict[str, Any] | None = None, **fields: Any) -> RouteDecision:
    virtual_host = {"name": "a", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, **route}], **(host or {})}
    decision = table(hosts(virtual_host, **fields)).route(get())
    assert decision is not None
    return decision


@pytest.mark.parametrize(("most_specific", "winner"), [(False, b"global"), (True, b"weight")])
def test_who_has_the_last_word(most_specific: bool, winner: bytes) -> None:
    clusters = [{"name": "c", "weight": 1, **setting("weight")}]
    decision = decide(
        {"route": {"weighted_clusters": {"clusters": clusters}}, **setting("route")},
        setting("host"),
        most_specific_header_mutations_wins=most_specific,
        **setting("global"),
    )
    head, response = get(), ResponseHead(200)
    decision.edit_request(head, ExchangeRecord())
    decision.edit_response(response, head, ExchangeRecord())
    assert head.headers.get(b"x-who") == response.headers.get(b"x-who") == winner


def test_retries_of_the_host_unless_the_route_has_its_own() -> None:
    host = {"retry_policy": {"retry_on": "5xx", "num_retries": 7}}
    assert decide({"route": {"cluster": "c"}}, host).budget.retry.retries == 7
    own = {"cluster": "c", "retry_policy": {"retry_on": "5xx"}}
    assert decide({"route": own}, host).budget.retry.retries == 1


def test_the_most_specific_filter_configuration_holds() -> None:
    def filters(max_age: str, status: int) -> dict[str, Any]:
        abort = {"http_status": status, "percentage": {"numerator": 100}}
        return {
            "typed_per_filter_config": {
                "envoy.filters.http.cors": {"@type": CORS, "max_age": max_age},
                "envoy.filters.http.fault": {"@type": FAULT, "abort": abort},
            }
        }

    def aborted(decision: Any) -> int:
        assert decision.fault is not None
        return int(decision.fault.decide(get(), "c", random.Random(1)).status)

    own = decide({"route": {"cluster": "c"}, **filters("1", 501)}, filters("2", 502))
    inherited = decide({"route": {"cluster": "c"}}, filters("2", 502))
    assert (aborted(own), aborted(inherited)) == (501, 502)
    assert inherited.cors is not None
    assert decide({"route": {"cluster": "c"}}).cors is None


def test_what_a_route_says_of_itself() -> None:
    decision = decide(
        {
            "name": "r",
            "route": {"cluster": "c", "cluster_not_found_response_code": "NOT_FOUND", "auto_host_rewrite": True},
            "decorator": {"operation": "op"},
            "metadata": {"filter_metadata": {"istio": {"rule": 0}}},
        },
        {"include_request_attempt_count": True},
    )
    route = decision.route
    assert (route.name, route.virtual_host, route.decorator) == ("r", "a", "op")
    assert (route.cluster_not_found_status, route.auto_host_rewrite) == (404, True)
    assert (route.attempt_count_in_request, route.attempt_count_in_response) == (True, False)
    assert route.metadata == {"istio": {"rule": 0}}
