"""The order in which filter chains are told apart."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.offline.filter_chains import Connection, choose, find_listener
from sidecar.config.listener import Listener
from sidecar.config.parse import LISTENER, parse


def listener(*matches: dict[str, Any], address: str = "0.0.0.0", port: int = 80) -> Listener:
    tcp = {"@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
           "stat_prefix": "a", "cluster": "a"}  # fmt: skip
    chains = [
        {"name": str(index), "filter_chain_match": match,
         "filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": tcp}]}
        for index, match in enumerate(matches)
    ]  # fmt: skip
    found = parse(LISTENER, {
        "name": "l", "address": {"socket_address": {"address": address, "port_value": port}}, "filter_chains": chains,
    })  # fmt: skip
    assert isinstance(found, Listener), found
    return found


TLS = {"transport_protocol": "tls"}


@pytest.mark.parametrize(
    ("matches", "connection", "chosen"),
    [
        ([{}, {"destination_port": 80}], Connection(port=80), "1"),
        ([{}, {"destination_port": 80}], Connection(port=81), "0"),
        ([{"destination_port": 80}], Connection(port=81), None),
        ([{"prefix_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}]},
          {"prefix_ranges": [{"address_prefix": "10.1.0.0", "prefix_len": 16}]}], Connection(address="10.1.2.3"), "1"),
        ([{"prefix_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}]}], Connection(address="name"), None),
        ([{"server_names": ["*.b"]}, {"server_names": ["a.b"]}], Connection(sni="A.b"), "1"),
        ([{"server_names": ["*.b"]}, {"server_names": ["*.a.b"]}], Connection(sni="x.a.b"), "1"),
        ([{"server_names": ["a.b"]}], Connection(), None),
        ([TLS, {}], Connection(transport="tls"), "0"),
        ([TLS, {}], Connection(), "1"),
        ([TLS, {**TLS, "application_protocols": ["h2"]}], Connection(transport="tls", alpn=("h2",)), "1"),
        # A port decides before a server name does.
        ([{"destination_port": 80}, {"server_names": ["a.b"]}], Connection(port=80, sni="a.b"), "0"),
    ],
)  # fmt: skip
def test_order(matches: list[dict[str, Any]], connection: Connection, chosen: str | None) -> None:
    found = choose(listener(*matches), connection)
    assert (found.name if found is not None else None) == chosen


def test_an_exact_address_beats_the_wildcard() -> None:
    both = [listener({}), listener({}, address="10.0.0.1")]
    assert find_listener(both, Connection(address="10.0.0.1", port=80)) is both[1]
    assert find_listener(both, Connection(address="10.0.0.2", port=80)) is both[0]
    assert find_listener(both, Connection(port=81)) is None
