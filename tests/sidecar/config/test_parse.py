"""The front door, and Envoy's own files through it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.bootstrap import Bootstrap
from sidecar.config.decode import _camel
from sidecar.config.parse import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, parse, parse_bootstrap
from sidecar.config.refusal import Refusal
from sidecar.config.route import RouteConfiguration

REFERENCE = Path(__file__).parents[4] / "shared" / "reference" / "envoy"

ROUTE_CONFIGURATION: dict[str, Any] = {
    "name": "9080",
    "virtual_hosts": [
        {
            "name": "reviews:9080",
            "domains": ["reviews", "reviews.default"],
            "include_request_attempt_count": True,
            "routes": [
                {
                    "match": {
                        "prefix": "/",
                        "case_sensitive": False,
                        "headers": [{"name": "end-user", "exact_match": "j"}],
                    },
                    "route": {
                        "weighted_clusters": {"clusters": [{"name": "v1", "weight": 90}, {"name": "v2", "weight": 10}]},
                        "retry_policy": {"retry_on": "5xx", "retry_back_off": {"base_interval": "0.025s"}},
                    },
                    "metadata": {"filter_metadata": {"istio": {"some_key": "value", "otherKey": 1}}},
                }
            ],
        }
    ],
}
FREE_FORM = {"filter_metadata", "filterMetadata"}


def camelled(value: Any, choose: st.DataObject | None = None) -> Any:
    """Every field name in lowerCamelCase, or in either as drawn."""
    if isinstance(value, list):
        return [camelled(one, choose) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        (_camel(key) if choose is None or choose.draw(st.booleans()) else key): one
        if key in FREE_FORM
        else camelled(one, choose)
        for key, one in value.items()
    }


@pytest.mark.parametrize("url", [LISTENER, CLUSTER, ROUTES, ENDPOINTS, SECRET])
def test_type_urls_with_and_without_prefix(url: str) -> None:
    assert isinstance(parse(url, []), Refusal)
    assert parse(url, {"foo": 1}) == parse(url.removeprefix("type.googleapis.com/"), {"foo": 1})
    assert parse(url, {"foo": 1}) == Refusal("foo", "unknown or unsupported field")


def test_an_unknown_type() -> None:
    assert parse("type.googleapis.com/envoy.service.runtime.v3.Runtime", {}) == Refusal(
        "", "unsupported type type.googleapis.com/envoy.service.runtime.v3.Runtime"
    )


@given(st.data())
def test_both_spellings_mean_the_same(data: st.DataObject) -> None:
    plain = parse(ROUTES, ROUTE_CONFIGURATION)
    assert isinstance(plain, RouteConfiguration)
    assert parse(ROUTES, camelled(ROUTE_CONFIGURATION)) == plain
    assert parse(ROUTES, camelled(ROUTE_CONFIGURATION, data)) == plain


def paths(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [above] if isinstance(value, dict) and "filter_metadata" not in above else []
    return found + [path for key, one in inner for path in paths(one, (*above, key))]


@given(st.sampled_from(paths(ROUTE_CONFIGURATION)), st.sampled_from(["foo", "Prefix", "route_", "x-y"]))
def test_a_field_too_many_is_found_wherever_it_is(path: tuple[Any, ...], name: str) -> None:
    def mutated(value: Any, rest: tuple[Any, ...]) -> Any:
        if not rest:
            return {**value, name: 1}
        if isinstance(value, list):
            return [mutated(one, rest[1:]) if index == rest[0] else one for index, one in enumerate(value)]
        return {key: mutated(one, rest[1:]) if key == rest[0] else one for key, one in value.items()}

    found = parse(ROUTES, mutated(ROUTE_CONFIGURATION, path))
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in (*path, name))
    assert found == Refusal(steps.removeprefix("."), "unknown or unsupported field")


@pytest.mark.skipif(not REFERENCE.exists(), reason="reference files are not here")
def test_a_file_that_envoy_ran() -> None:
    file = yaml.safe_load((REFERENCE / "envoy.yaml").read_text())
    taken = parse_bootstrap(file)
    assert isinstance(taken, Bootstrap)
    assert [listener.name for listener in taken.static_resources.listeners] == ["mesh", "edge"]


@pytest.mark.skipif(not REFERENCE.exists(), reason="reference files are not here")
def test_a_file_with_more_than_we_do_says_where() -> None:
    file = yaml.safe_load((REFERENCE / "envoy_local_replies.yaml").read_text())
    assert isinstance(parse_bootstrap(file), Bootstrap)
    manager = file["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    lua = {"@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"}
    manager["http_filters"].insert(0, {"name": "lua", "typed_config": lua})
    refused = parse_bootstrap(file)
    assert isinstance(refused, Refusal)
    assert refused.path.endswith("http_filters[0].typed_config.@type")
