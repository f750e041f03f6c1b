"""Who this proxy is: read once from the environment its pod gave it (Istio's variables), or from a bootstrap file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sidecar.telemetry.record import Peer

LABELS_FILE = "/etc/istio/pod/labels"
TOKEN_FILE = "/var/run/secrets/tokens/istio-token"
ROOT_FILE = "/var/run/secrets/istio/root-cert.pem"
DRAIN_DEFAULT_S = 5.0
"""Istio's terminationDrainDuration."""


@dataclass(frozen=True, slots=True)
class Node:
    """`id` is Istio's `sidecar~IP~POD.NS~NS.svc.cluster.local`; `peer` is what metrics and peers call this workload."""

    id: str = ""
    cluster: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    ip: str = ""
    pod: str = ""
    namespace: str = ""
    peer: Peer = field(default_factory=Peer)

    def message(self) -> dict[str, Any]:
        """envoy.config.core.v3.Node as JSON."""
        return {"id": self.id, "cluster": self.cluster, "metadata": dict(self.metadata)}


@dataclass(frozen=True, slots=True)
class MeshSettings:
    """How a proxy of a mesh reaches what steers it. Paths are the host's (mount paths already resolved)."""

    node: Node
    spiffe_id: str
    discovery: str
    """host:port of the control plane."""
    token_file: Path
    root_file: Path
    directory: Path
    """Where this proxy keeps its admin socket and its last good configuration."""
    sandbox: str | None
    """The pod's sandbox directory; None = the process's own network is the pod's."""
    mounts: Mapping[str, str]
    """Mount path -> path on the host: how paths in the configuration are to be read."""
    status_port: int
    drain_s: float
    certificate_lifetime_s: float


class SettingsError(Exception):
    """The environment does not describe a proxy; the message says which variable."""


class BootstrapError(Exception):
    """A bootstrap file cannot be used; the message begins with its path, then the field's."""


def mesh_settings(kind: str, environment: Mapping[str, str]) -> MeshSettings:
    """`kind` is `sidecar` or `router`."""
    config = _json(environment, "PROXY_CONFIG")
    mounts = _json(environment, "POCKETMESH_MOUNTS")
    namespace = _required(environment, "POD_NAMESPACE")
    trust_domain = environment.get("TRUST_DOMAIN") or "cluster.local"
    labels = read_labels(resolve(LABELS_FILE, mounts))
    node = _node(kind, environment, labels=labels, config=config)
    address = environment.get("CA_ADDR") or config.get("discoveryAddress") or ""
    if ":" not in address:
        raise SettingsError(f"PROXY_CONFIG.discoveryAddress: {address!r} is not host:port")
    account = environment.get("SERVICE_ACCOUNT") or "default"
    return MeshSettings(
        node=node,
        spiffe_id=f"spiffe://{trust_domain}/ns/{namespace}/sa/{account}",
        discovery=config.get("discoveryAddress") or address,
        token_file=resolve(TOKEN_FILE, mounts),
        root_file=resolve(ROOT_FILE, mounts),
        directory=Path(environment.get("POCKETMESH_PROXY_DIR") or "/var/lib/istio/proxy"),
        sandbox=environment.get("POCKETMESH_SANDBOX") or None,
        mounts={str(key): str(value) for key, value in mounts.items()},
        status_port=int(environment.get("ENVOY_STATUS_PORT") or 15021),
        drain_s=duration_s(config.get("terminationDrainDuration"), DRAIN_DEFAULT_S),
        certificate_lifetime_s=duration_s(environment.get("SECRET_TTL"), 24 * 3600.0),
    )


def resolve(path: str, mounts: Mapping[str, str]) -> Path:
    """The host's path of a container's path: by the longest mount path that contains it."""
    wanted = Path(path)
    for mount_path in sorted(mounts, key=len, reverse=True):
        if wanted.is_relative_to(mount_path):
            return Path(mounts[mount_path]) / wanted.relative_to(mount_path)
    return wanted


def read_labels(path: Path) -> dict[str, str]:
    """A downward API file: `key="escaped value"` a line. Absent = no labels."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    labels = {}
    for line in lines:
        key, _, quoted = line.partition("=")
        try:
            labels[key] = str(json.loads(quoted))
        except ValueError:
            continue
    return labels


def duration_s(value: object, default: float) -> float:
    """`5s`, `1m30s`, `100ms`, `24h` (Go's durations); anything else is the default."""
    total, number = 0.0, ""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    text = str(value or "")
    index = 0
    while index < len(text):
        if text[index].isdecimal() or text[index] == ".":
            number += text[index]
            index += 1
            continue
        unit = "ms" if text.startswith("ms", index) else text[index]
        if unit not in units or not number:
            return default
        total += float(number) * units[unit]
        number = ""
        index += len(unit)
    return total if text and not number else default


def _node(kind: str, environment: Mapping[str, str], *, labels: Mapping[str, str], config: Mapping[str, Any]) -> Node:
    pod, namespace = _required(environment, "POD_NAME"), _required(environment, "POD_NAMESPACE")
    address = _required(environment, "INSTANCE_IP")
    workload = environment.get("ISTIO_META_WORKLOAD_NAME") or pod
    cluster_id = environment.get("ISTIO_META_CLUSTER_ID") or "Kubernetes"
    canonical = labels.get("service.istio.io/canonical-name") or environment.get("CANONICAL_SERVICE") or workload
    revision = labels.get("service.istio.io/canonical-revision") or environment.get("CANONICAL_REVISION") or "latest"
    metadata: dict[str, Any] = {
        "NAME": pod,
        "NAMESPACE": namespace,
        "INSTANCE_IPS": address,
        "LABELS": dict(labels),
        "SERVICE_ACCOUNT": environment.get("SERVICE_ACCOUNT") or "default",
        "PROXY_CONFIG": dict(config),
    }
    for name, value in environment.items():
        if name.startswith("ISTIO_META_"):
            metadata[name.removeprefix("ISTIO_META_")] = value
    return Node(
        id=f"{kind}~{address}~{pod}.{namespace}~{namespace}.svc.cluster.local",
        cluster=f"{canonical}.{namespace}",
        metadata=metadata,
        ip=address,
        pod=pod,
        namespace=namespace,
        peer=Peer(
            workload=workload,
            namespace=namespace,
            canonical_name=canonical,
            canonical_revision=revision,
            cluster=cluster_id,
            app=labels.get("app") or canonical,
            version=labels.get("version") or revision,
        ),
    )


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise SettingsError(f"{name}: this environment variable is required")
    return value


def _json(environment: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        value = json.loads(environment.get(name) or "{}")
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from None
    if not isinstance(value, dict):
        raise SettingsError(f"{name}: must be a JSON object")
    return value
