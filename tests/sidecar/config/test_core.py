"""Addresses, percentages, header options, data sources."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.core import (
    Address,
    ConfigSource,
    DataSource,
    FractionalPercent,
    HeaderValueOption,
    Metadata,
    Percent,
    RuntimeFractionalPercent,
)
from sidecar.config.decode import decode
from tests.sidecar.config.tables import refusal


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"socket_address": {"address": "10.0.0.1", "port_value": 80}}, "10.0.0.1:80"),
        ({"socketAddress": {"address": "::1", "portValue": 80}}, "[::1]:80"),
        ({"pipe": {"path": "/run/x.sock"}}, "/run/x.sock"),
    ],
)
def test_addresses(value: dict[str, Any], shown: str) -> None:
    assert decode(Address, value).shown == shown


def test_a_socket_in_a_pod_names_its_shim() -> None:
    value = {
        "socket_address": {"address": "1.2.3.4", "port_value": 0, "network_namespace_filepath": "/run/p/shim.sock"}
    }
    found = decode(Address, value).socket_address
    assert found is not None and found.network_namespace_filepath == "/run/p/shim.sock"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({}, ""),
        ({"pipe": {"path": "x"}, "socket_address": {"address": "1.1.1.1", "port_value": 1}}, "pipe"),
        ({"socket_address": {"address": "1.1.1.1", "port_value": 65536}}, "socket_address.port_value"),
        ({"socket_address": {"address": "1.1.1.1", "named_port": "http"}}, "socket_address.named_port"),
    ],
)
def test_bad_addresses(value: dict[str, Any], path: str) -> None:
    assert refusal(Address, value).path == path


@pytest.mark.parametrize(
    ("value", "fraction"),
    [
        ({}, 0.0),
        ({"numerator": 10}, 0.1),
        ({"numerator": 250, "denominator": "TEN_THOUSAND"}, 0.025),
        ({"numerator": 1, "denominator": "MILLION"}, 1e-6),
        ({"numerator": 300}, 1.0),
    ],
)
def test_fractional_percent(value: dict[str, Any], fraction: float) -> None:
    assert decode(FractionalPercent, value).fraction == pytest.approx(fraction)
    assert decode(RuntimeFractionalPercent, {"default_value": value, "runtime_key": "k"}).fraction == pytest.approx(
        fraction
    )


def test_percent() -> None:
    assert decode(Percent, {"value": 12.5}).fraction == 0.125
    assert refusal(Percent, {"value": 101}).path == "value"


@pytest.mark.parametrize(
    ("value", "action"),
    [
        ({}, "APPEND_IF_EXISTS_OR_ADD"),
        ({"append": False}, "OVERWRITE_IF_EXISTS_OR_ADD"),
        ({"append": True}, "APPEND_IF_EXISTS_OR_ADD"),
        ({"append_action": "ADD_IF_ABSENT"}, "ADD_IF_ABSENT"),
    ],
)
def test_header_options(value: dict[str, Any], action: str) -> None:
    assert decode(HeaderValueOption, {"header": {"key": "a", "value": "b"}, **value}).action == action


def test_data_sources() -> None:
    assert decode(DataSource, {"inline_string": "é"}).inline == "é".encode()
    assert decode(DataSource, {"inline_bytes": "aGk="}).inline == b"hi"
    assert decode(DataSource, {"filename": "/x"}).inline is None


def test_metadata_is_left_as_it_is() -> None:
    metadata = decode(Metadata, {"filterMetadata": {"istio": {"configPath": 1}}})
    assert metadata.of("istio") == {"configPath": 1}
    assert metadata.of("other") == {}


def test_resources_come_over_the_stream_only() -> None:
    assert decode(ConfigSource, {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"})
    assert refusal(ConfigSource, {"path": "/x"}).path == "path"
