"""What of a request decides where it goes beyond its cluster: the host, and the connections to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.balancing.hosts import Host
from sidecar.exchange.cluster import Cluster
from sidecar.exchange.pool import Pool
from sidecar.exchange.targets import parse_endpoint
from sidecar.net.addresses import Endpoint
from sidecar.net.resolver import is_address
from sidecar.protocol.http1_head import stripped_host
from sidecar.protocol.message import RequestHead
from sidecar.routing.hashing import Caller

if TYPE_CHECKING:
    from sidecar.exchange.request import Exchange

AUTHORITY = b":authority"


def pick(exchange: Exchange, cluster: Cluster) -> Host | None:
    """The host for the next attempt."""
    decision, retry, accepted = exchange.decision, exchange.retry, exchange.stream.accepted
    assert decision is not None
    if cluster.consistent and decision.route.hashing and exchange.hash_key is None:
        caller = Caller(accepted.remote.host, accepted.remote_text, accepted.local_text)
        exchange.hash_key, exchange.cookies = decision.route.hashing.key(exchange.head, caller)
    tried = exchange.tried if retry.avoid_previous_hosts else ()
    return cluster.pick(
        destination(exchange.head, cluster, accepted.original),
        tried,
        attempts=retry.host_attempts + 1 if tried else 1,
        key=exchange.hash_key,
        wanted=decision.subset,
    )


def destination(head: RequestHead, cluster: Cluster, original: Endpoint | None) -> Endpoint | None:
    """Where the client wanted to go: a header, if the cluster believes one, else the connection's own."""
    if cluster.destination_header:
        value = head.headers.get(cluster.destination_header)
        found = parse_endpoint(value.decode("latin-1")) if value else None
        if found is not None and is_address(found.host):
            return found
        if value is not None:
            cluster.stats.count("original_dst_host_invalid")
    return original


def pool(exchange: Exchange, cluster: Cluster, host: Host) -> Pool:
    """The connections that may carry this request to `host`."""
    plan = host.endpoint.plan
    name = server_name(exchange.head, cluster.sni_header) if cluster.sni_header and plan.tls is not None else ""
    if not plan.proxy and not name:
        return cluster.pool(host, high=exchange.high)
    accepted = exchange.stream.accepted
    ends = (accepted.remote, accepted.local) if plan.proxy else None
    return cluster.client_pool(host, ends, name, high=exchange.high)


def server_name(head: RequestHead, header: bytes) -> str:
    """The server's name in a header, without its port: a name, or an address; "" = none."""
    value = head.authority if header == AUTHORITY else head.headers.get(header) or b""
    name = stripped_host(value, port=True, dot=False).decode("latin-1")
    return name.removeprefix("[").removesuffix("]")
