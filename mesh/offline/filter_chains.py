"""Which filter chain of a compiled listener takes a connection: Envoy's order of decision, on parsed resources.

Port, then address, then server name, transport and application protocols, each step keeping the most specific chains
that still fit (listener.v3.FilterChainMatch).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sidecar.config.listener import FilterChain, FilterChainMatch, Listener


@dataclass(frozen=True, slots=True)
class Connection:
    """`alpn` are offered by TLS, or found by looking at plaintext (`http/1.1`, `h2c`)."""

    address: str = ""
    port: int = 0
    transport: str = "raw_buffer"
    sni: str = ""
    alpn: tuple[str, ...] = ()


Step = Callable[[FilterChainMatch, Connection], int]
"""-1: does not fit; 0: does not ask; more: fits, and the greater the more specific."""


def _port(match: FilterChainMatch, connection: Connection) -> int:
    if match.destination_port is None:
        return 0
    return 1 if match.destination_port == connection.port else -1


def _address(match: FilterChainMatch, connection: Connection) -> int:
    if not match.prefix_ranges:
        return 0
    try:
        address = ipaddress.ip_address(connection.address)
    except ValueError:
        return -1  # unset, or a name: no address is known to be in the range
    fitting = [
        one.prefix_len
        for one in match.prefix_ranges
        if address in ipaddress.ip_network(f"{one.address_prefix}/{one.prefix_len}", strict=False)
    ]
    return 1 + max(fitting) if fitting else -1


def _server_name(match: FilterChainMatch, connection: Connection) -> int:
    if not match.server_names:
        return 0
    sni, best = connection.sni.lower(), -1
    for name in match.server_names:
        if name == sni:
            return 1000  # longer than any wildcard: a name has at most 253 characters
        if name.startswith("*.") and sni.endswith(name[1:]):
            best = max(best, len(name))
    return best


def _transport(match: FilterChainMatch, connection: Connection) -> int:
    if not match.transport_protocol:
        return 0
    return 1 if match.transport_protocol == connection.transport else -1


def _application(match: FilterChainMatch, connection: Connection) -> int:
    if not match.application_protocols:
        return 0
    return 1 if set(match.application_protocols) & set(connection.alpn) else -1


STEPS: tuple[Step, ...] = (_port, _address, _server_name, _transport, _application)


def choose(listener: Listener, connection: Connection) -> FilterChain | None:
    """The chain of this connection; None = it is closed."""
    fitting: Sequence[FilterChain] = listener.filter_chains
    for step in STEPS:
        marks = [step(chain.filter_chain_match, connection) for chain in fitting]
        best = max(marks, default=-1)
        fitting = [chain for chain, mark in zip(fitting, marks, strict=True) if mark == best and mark >= 0]
    return fitting[0] if fitting else listener.default_filter_chain


def find_listener(listeners: Sequence[Listener], connection: Connection) -> Listener | None:
    """The listener of a redirected connection: its own address, else every address of the port (use_original_dst)."""
    by_address = {}
    for one in listeners:
        where = one.address.socket_address
        if where is not None:
            by_address[where.address, where.port_value] = one
    return by_address.get((connection.address, connection.port)) or by_address.get(("0.0.0.0", connection.port))
