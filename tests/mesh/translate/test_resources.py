"""The small shapes of Envoy's API."""

from __future__ import annotations

from mesh.translate import resources


def test_addresses() -> None:
    assert resources.socket_address("1.2.3.4", 80) == {"socket_address": {"address": "1.2.3.4", "port_value": 80}}
    inside = resources.socket_address("127.0.0.1", 15001, "/run/pods/1")
    assert inside["socket_address"]["network_namespace_filepath"] == "/run/pods/1/shim.sock"
    assert resources.pipe_address("/a") == {"pipe": {"path": "/a"}}


def test_percentages_keep_four_decimals() -> None:
    assert resources.fractional_percent(0.0001) == {"numerator": 1, "denominator": "MILLION"}
    assert resources.runtime_percent(100) == {"default_value": {"numerator": 1_000_000, "denominator": "MILLION"}}


def test_extensions_name_their_type() -> None:
    found = resources.typed("x", "router", a=1)
    assert found["name"] == "x"
    assert found["typed_config"] == {"@type": resources.TYPES["router"], "a": 1}
    assert all(url.startswith("type.googleapis.com/") for url in resources.TYPES.values())
