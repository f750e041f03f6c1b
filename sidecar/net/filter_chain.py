"""Which filter chain takes a connection: Envoy's order of decision, most specific first at each step.

Destination port, destination address, server name, transport, application protocols. A step that narrowed the chains
is never taken back (Envoy does not backtrack either).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from sidecar.config.listener import FilterChainMatch

T = TypeVar("T")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Facts(NamedTuple):
    """What is known of a connection before its first byte is served."""

    port: int = 0
    address: str = ""
    server_name: str = ""
    transport: str = "raw_buffer"
    protocols: tuple[str, ...] = ()


class _Rule(NamedTuple):
    match: FilterChainMatch
    networks: tuple[Network, ...]


class ChainMatcher(Generic[T]):
    """Built from (match, chain) pairs; `default` is for connections that no chain takes."""

    def __init__(self, chains: Sequence[tuple[FilterChainMatch, T]], default: T | None = None) -> None:
        """Raises ValueError for an address prefix that is none."""
        self._rules = [
            (_Rule(match, tuple(_network(one.address_prefix, one.prefix_len) for one in match.prefix_ranges)), chain)
            for match, chain in chains
        ]
        self._default = default
        only = chains[0] if len(chains) == 1 else None
        self._only = only[1] if only is not None and only[0] == FilterChainMatch() else None
        said = [match for match, _ in chains]
        self.needs_hello = any(one.server_names or one.transport_protocol or one.application_protocols for one in said)

    def find(self, facts: Facts) -> T | None:
        if self._only is not None:
            return self._only
        left = self._rules
        for step in (_by_port, _by_address, _by_server_name, _by_transport, _by_protocol):
            left = _best(left, step, facts)
            if not left:
                return self._default
        return left[0][1]


Score = Callable[[_Rule, Facts], int]
"""How well a rule fits at one step: -1 = not, 0 = it does not say, more = more specific."""


def _best(rules: list[tuple[_Rule, T]], score: Score, facts: Facts) -> list[tuple[_Rule, T]]:
    scored = [(score(rule, facts), rule, chain) for rule, chain in rules]
    best = max((one[0] for one in scored), default=-1)
    return [] if best < 0 else [(rule, chain) for value, rule, chain in scored if value == best]


def _by_port(rule: _Rule, facts: Facts) -> int:
    wanted = rule.match.destination_port
    if wanted is None:
        return 0
    return 1 if wanted == facts.port else -1


def _by_address(rule: _Rule, facts: Facts) -> int:
    if not rule.networks:
        return 0
    try:
        address = ipaddress.ip_address(facts.address)
    except ValueError:
        return -1
    return max(
        (net.prefixlen + 1 for net in rule.networks if address.version == net.version and address in net), default=-1
    )


def _by_server_name(rule: _Rule, facts: Facts) -> int:
    names = rule.match.server_names
    if not names:
        return 0
    name, best = facts.server_name, -1
    for wanted in names:
        lower = wanted.lower()
        if lower == name:
            return 1 << 20
        if lower.startswith("*.") and name.endswith(lower[1:]):
            best = max(best, len(lower))
        elif lower == "*" and name:
            best = max(best, 1)
    return best


def _by_transport(rule: _Rule, facts: Facts) -> int:
    wanted = rule.match.transport_protocol
    if not wanted:
        return 0
    return 1 if wanted == facts.transport else -1


def _by_protocol(rule: _Rule, facts: Facts) -> int:
    wanted = rule.match.application_protocols
    if not wanted:
        return 0
    return 1 if any(one in wanted for one in facts.protocols) else -1


def _network(prefix: str, length: int) -> Network:
    return ipaddress.ip_network(f"{prefix}/{length}", strict=False)
