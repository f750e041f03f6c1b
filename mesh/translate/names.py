"""Resource names, as Istio writes them."""

from __future__ import annotations

from dataclasses import dataclass

PASSTHROUGH = "PassthroughCluster"
INBOUND_PASSTHROUGH = "InboundPassthroughCluster"
BLACK_HOLE = "BlackHoleCluster"
VIRTUAL_OUTBOUND = "virtualOutbound"
VIRTUAL_INBOUND = "virtualInbound"

OUTBOUND_PORT = 15001
INBOUND_PORT = 15006
WILDCARD = "0.0.0.0"


@dataclass(frozen=True, slots=True)
class ClusterName:
    """`outbound|9080|v1|reviews.default.svc.cluster.local`, taken apart."""

    direction: str
    port: int
    subset: str
    host: str

    @classmethod
    def parse(cls, name: str) -> ClusterName | None:
        parts = name.split("|")
        if len(parts) != 4 or not parts[1].isdigit():
            return None
        return cls(parts[0], int(parts[1]), parts[2], parts[3])


def outbound(port: int, host: str, subset: str = "") -> str:
    return f"outbound|{port}|{subset}|{host}"


def inbound(port: int) -> str:
    return f"inbound|{port}||"


def sni(port: int, host: str, subset: str = "") -> str:
    """The server name a sidecar asks another one for: characters of a cluster name that DNS forbids replaced."""
    return f"outbound_.{port}_.{subset}_.{host}"


def domain(host: str, port: int) -> str:
    """Virtual host name `reviews.default.svc.cluster.local:9080`."""
    return f"{host}:{port}"


def listener(address: str, port: int) -> str:
    return f"{address}_{port}"
