"""What an API server is started with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """`home` is the mesh's home directory: keys live in `home/orchestrator/pki`, kubeconfigs where their users look.

    `port` 0 takes any free one. `service_range` is where cluster IPs come from; `context` names cluster, user and
    context in the kubeconfigs.
    """

    home: Path
    port: int = 0
    host: str = "127.0.0.1"
    context: str = "pocketmesh"
    service_range: str = "10.96.0.0/16"
    node_name: str = "pocketmesh"
    event_ttl_s: float = 3600.0
    write_kubeconfigs: bool = field(default=True)
