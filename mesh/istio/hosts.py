"""Host names of Istio's rules: short names, wildcards, which of several is the most specific.

A short name (no dot) means the service of that name in the namespace of the RULE that contains it, not of the
caller. A wildcard is a prefix `*` or `*.domain`; it stands for one or more leading labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

DOMAIN_SUFFIX = "svc.cluster.local"


def fully_qualified(host: str, namespace: str) -> str:
    """`reviews` in a rule of namespace `shop` -> `reviews.shop.svc.cluster.local`; other names stay as they are."""
    host = host.lower()
    if not host or "." in host or host == "*" or ":" in host:
        return host
    return f"{host}.{namespace or 'default'}.{DOMAIN_SUFFIX}"


def service_host(name: str, namespace: str) -> str:
    return f"{name}.{namespace}.{DOMAIN_SUFFIX}"


def is_wildcard(host: str) -> bool:
    return host.startswith("*")


def covers(pattern: str, host: str) -> bool:
    """Every name that `host` stands for is also one of `pattern`'s. Both may be wildcards."""
    if pattern in (host, "*"):
        return True
    if not is_wildcard(pattern):
        return False
    suffix = pattern[1:]
    tail = host[1:] if is_wildcard(host) else host
    return tail.endswith(suffix) and (is_wildcard(host) or len(tail) > len(suffix))


def overlap(left: str, right: str) -> bool:
    return covers(left, right) or covers(right, left)


def most_specific(host: str, patterns: Iterable[str]) -> str | None:
    """The pattern that covers `host` and is closest to it: the exact name, else the longest wildcard."""
    best: str | None = None
    for pattern in patterns:
        if pattern == host:
            return pattern
        if covers(pattern, host) and (best is None or len(pattern) > len(best)):
            best = pattern
    return best


def intersection(servers: Sequence[str], hosts: Sequence[str]) -> list[str]:
    """For each overlapping pair the narrower name, in the order of `servers` then `hosts`, without repeats."""
    found: dict[str, None] = {}
    for server in servers:
        for host in hosts:
            if covers(server, host):
                found[host] = None
            elif covers(host, server):
                found[server] = None
    return list(found)


def server_host(host: str, gateway_namespace: str) -> tuple[str, str]:
    """A Gateway server's `[namespace/]dnsName` -> (namespace or "*", name); `.` is the Gateway's own namespace."""
    namespace, slash, name = host.partition("/")
    if not slash:
        return "*", host.lower()
    return (gateway_namespace if namespace == "." else namespace), name.lower()
