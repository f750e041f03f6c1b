"""Rows of the core kinds, EndpointSlices, Leases, webhook configurations and Istio's kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mesh.kube.objects import Object
from orchestrator.api.tables.column import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    Cells,
    Column,
    age,
    joined,
    json_path_value,
    pairs,
    since,
    wide,
)

ENDPOINTS_SHOWN_MAX = 3

SERVICE_COLUMNS = (
    NAME, Column("Type"), Column("Cluster-IP"), Column("External-IP"), Column("Port(s)"), AGE, wide("Selector"),
)  # fmt: skip
NODE_COLUMNS = (
    NAME, Column("Status"), Column("Roles"), AGE, Column("Version"), wide("Internal-IP"), wide("External-IP"),
    wide("OS-Image"), wide("Kernel-Version"), wide("Container-Runtime"),
)  # fmt: skip
EVENT_COLUMNS = (
    Column("Last Seen"), Column("Type"), Column("Reason"), Column("Object"), wide("Subobject"), wide("Source"),
    Column("Message"), wide("First Seen"), wide("Count"), Column("Name", format="name", priority=1),
)  # fmt: skip


def service(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec") or {}
    return [
        obj["metadata"]["name"],
        spec.get("type") or "ClusterIP",
        spec.get("clusterIP") or NONE,
        _external(spec, obj.get("status") or {}),
        joined(_service_port(port) for port in spec.get("ports") or []),
        age(obj, now),
        pairs(spec.get("selector")),
    ]


def _external(spec: dict[str, Any], status: dict[str, Any]) -> str:
    kind, fixed = spec.get("type"), list(spec.get("externalIPs") or [])
    if kind == "ExternalName":
        return str(spec.get("externalName") or NONE)
    if kind == "LoadBalancer":
        ingress = (status.get("loadBalancer") or {}).get("ingress") or []
        found = [entry.get("ip") or entry.get("hostname") or "" for entry in ingress] + fixed
        return ",".join(found) or "<pending>"
    return joined(fixed)


def _service_port(port: dict[str, Any]) -> str:
    node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}"


def endpoints(obj: Object, now: float) -> list[Any]:
    found: list[str] = []
    for subset in obj.get("subsets") or []:
        for port in subset.get("ports") or [{}]:
            number = f":{port['port']}" if port.get("port") else ""
            found += [f"{address.get('ip')}{number}" for address in subset.get("addresses") or []]
    return [obj["metadata"]["name"], _some(found), age(obj, now)]


def _some(words: list[str]) -> str:
    more = len(words) - ENDPOINTS_SHOWN_MAX
    return joined(words[:ENDPOINTS_SHOWN_MAX]) + (f" + {more} more..." if more > 0 else "")


def endpoint_slice(obj: Object, now: float) -> list[Any]:
    ports = [str(port.get("port") or port.get("name") or "*") for port in obj.get("ports") or []]
    addresses = [address for endpoint in obj.get("endpoints") or [] for address in endpoint.get("addresses") or []]
    return [
        obj["metadata"]["name"],
        obj.get("addressType") or "",
        _some(ports) if ports else "<unset>",
        _some(addresses) if addresses else "<unset>",
        age(obj, now),
    ]


def config_map(obj: Object, now: float) -> list[Any]:
    count = len(obj.get("data") or {}) + len(obj.get("binaryData") or {})
    return [obj["metadata"]["name"], count, age(obj, now)]


def secret(obj: Object, now: float) -> list[Any]:
    return [obj["metadata"]["name"], obj.get("type") or "", len(obj.get("data") or {}), age(obj, now)]


def service_account(obj: Object, now: float) -> list[Any]:
    return [obj["metadata"]["name"], len(obj.get("secrets") or []), age(obj, now)]


def namespace(obj: Object, now: float) -> list[Any]:
    return [obj["metadata"]["name"], (obj.get("status") or {}).get("phase") or "", age(obj, now)]


def node(obj: Object, now: float) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    info = status.get("nodeInfo") or {}
    addresses = {a.get("type"): a.get("address") for a in status.get("addresses") or []}
    ready = next((c.get("status") for c in status.get("conditions") or [] if c.get("type") == "Ready"), None)
    words = [{"True": "Ready", "False": "NotReady"}.get(ready or "", "Unknown")]
    if spec.get("unschedulable"):
        words.append("SchedulingDisabled")
    prefix = "node-role.kubernetes.io/"
    roles = [k.removeprefix(prefix) for k in sorted(obj["metadata"].get("labels") or {}) if k.startswith(prefix)]
    return [
        obj["metadata"]["name"],
        ",".join(words),
        joined(role for role in roles if role),
        age(obj, now),
        info.get("kubeletVersion") or "",
        addresses.get("InternalIP") or NONE,
        addresses.get("ExternalIP") or NONE,
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def event(obj: Object, now: float) -> list[Any]:
    about, source = obj.get("involvedObject") or {}, obj.get("source") or {}
    series = obj.get("series") or {}
    first = obj.get("firstTimestamp") or obj.get("eventTime") or obj["metadata"].get("creationTimestamp")
    last = series.get("lastObservedTime") or obj.get("lastTimestamp") or first
    count = series.get("count") or obj.get("count") or 1
    target = f"{str(about.get('kind') or '').lower()}/{about.get('name') or ''}"
    component = source.get("component") or obj.get("reportingComponent") or ""
    return [
        since(last, now),
        obj.get("type") or "",
        obj.get("reason") or "",
        target,
        about.get("fieldPath") or "",
        ", ".join(word for word in (component, source.get("host") or "") if word),
        str(obj.get("message") or "").strip(),
        since(first, now),
        count,
        obj["metadata"]["name"],
    ]


def lease(obj: Object, now: float) -> list[Any]:
    return [obj["metadata"]["name"], (obj.get("spec") or {}).get("holderIdentity") or "", age(obj, now)]


def webhooks(obj: Object, now: float) -> list[Any]:
    return [obj["metadata"]["name"], len(obj.get("webhooks") or []), age(obj, now)]


def plain(obj: Object, now: float) -> list[Any]:
    return [obj["metadata"]["name"], age(obj, now)]


def custom(*paths: str) -> Cells:
    """Cells of a custom resource: its name, printer columns by path, its age."""

    def cells(obj: Object, now: float) -> list[Any]:
        return [obj["metadata"]["name"], *(json_path_value(obj, path) for path in paths), age(obj, now)]

    return cells


Row = Callable[[Object, float], list[Any]]
