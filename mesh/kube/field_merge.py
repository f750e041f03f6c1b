"""How each field of the built-in kinds merges under server-side apply: x-kubernetes-list-type, -map-type as a table.

It is not the strategic merge patch's table: container ports merge here by port and protocol, there by port alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from mesh.kube.schema.fields import Message, message

Keys = tuple[tuple[str, Any], ...]
"""Names of the key fields, each with the value that an item without it has."""


@dataclass(frozen=True, slots=True)
class Merge:
    """atomic: replaced whole; fields: by its fields or map keys; keyed: a list by its items' keys; set: by value.

    `message` describes the value (of a list: its items); None is a value without schema. `values` describes what a
    map holds.
    """

    kind: Literal["atomic", "fields", "keyed", "set"]
    message: Message | None = None
    keys: Keys = ()
    is_map: bool = False


ATOMIC = Merge("atomic")
_UNKNOWN = Merge("fields")
_ENTRIES = Merge("fields", is_map=True)


def _by(*names: str) -> Keys:
    return tuple((name, "TCP" if name == "protocol" else None) for name in names)


_SET: Keys = ()
_CONTAINER = {
    "env": _by("name"), "ports": _by("containerPort", "protocol"), "volumeMounts": _by("mountPath"),
    "volumeDevices": _by("devicePath"),
}  # fmt: skip
_CONDITIONS = {"conditions": _by("type")}
_LISTS: dict[str, dict[str, Keys]] = {
    "apis.meta.v1.ObjectMeta": {"ownerReferences": _by("uid"), "finalizers": _SET},
    "core.v1.PodSpec": {
        "containers": _by("name"), "initContainers": _by("name"), "ephemeralContainers": _by("name"),
        "volumes": _by("name"), "imagePullSecrets": _by("name"), "hostAliases": _by("ip"),
        "topologySpreadConstraints": _by("topologyKey", "whenUnsatisfiable"), "schedulingGates": _by("name"),
        "resourceClaims": _by("name"),
    },
    "core.v1.Container": _CONTAINER,
    "core.v1.EphemeralContainer": _CONTAINER,
    "core.v1.ResourceRequirements": {"claims": _by("name")},
    "core.v1.PodStatus": {**_CONDITIONS, "podIPs": _by("ip"), "resourceClaimStatuses": _by("name")},
    "core.v1.ServiceAccount": {"secrets": _by("name")},
    "core.v1.ServiceSpec": {"ports": _by("port", "protocol")},
    "core.v1.ServiceStatus": _CONDITIONS,
    "core.v1.NamespaceStatus": _CONDITIONS,
    "core.v1.NodeSpec": {"podCIDRs": _SET},
    "core.v1.NodeStatus": {**_CONDITIONS, "addresses": _by("type")},
    "apps.v1.DeploymentStatus": _CONDITIONS,
    "apps.v1.ReplicaSetStatus": _CONDITIONS,
    "apps.v1.StatefulSetStatus": _CONDITIONS,
    "apps.v1.DaemonSetStatus": _CONDITIONS,
    "policy.v1.PodDisruptionBudgetStatus": _CONDITIONS,
    "autoscaling.v2.HorizontalPodAutoscalerStatus": _CONDITIONS,
    "admissionregistration.v1.MutatingWebhookConfiguration": {"webhooks": _by("name")},
    "admissionregistration.v1.ValidatingWebhookConfiguration": {"webhooks": _by("name")},
    "admissionregistration.v1.MutatingWebhook": {"matchConditions": _by("name")},
    "admissionregistration.v1.ValidatingWebhook": {"matchConditions": _by("name")},
}  # fmt: skip
_ATOMIC_MESSAGES = frozenset(
    (
        "apis.meta.v1.LabelSelector", "apis.meta.v1.OwnerReference", "core.v1.LocalObjectReference",
        "core.v1.ObjectReference", "core.v1.TypedLocalObjectReference",
        "core.v1.SecretKeySelector", "core.v1.ConfigMapKeySelector", "core.v1.ObjectFieldSelector",
        "core.v1.ResourceFieldSelector", "core.v1.NodeSelector", "core.v1.NodeSelectorTerm",
        "core.v1.EndpointAddress", "core.v1.EndpointPort", "discovery.v1.EndpointPort",
        "networking.v1.ServiceBackendPort", "rbac.v1.Subject", "rbac.v1.RoleRef",
        "autoscaling.v1.CrossVersionObjectReference", "autoscaling.v2.CrossVersionObjectReference",
    )
)  # fmt: skip
_ATOMIC_MAPS = frozenset(
    (
        ("core.v1.ServiceSpec", "selector"), ("core.v1.PodSpec", "nodeSelector"),
        ("core.v1.ReplicationControllerSpec", "selector"),
    )
)  # fmt: skip


def root(schema: Message | None) -> Merge:
    return Merge("fields", schema)


def merge_of(parent: Merge, name: str, value: Any) -> Merge:
    """How the field `name` of a value that merges by fields merges itself."""
    if not isinstance(value, dict | list):
        return ATOMIC
    if parent.is_map:
        return Merge("fields", parent.message) if isinstance(value, dict) else ATOMIC
    if parent.message is None:
        return _UNKNOWN if isinstance(value, dict) else ATOMIC
    return _known(parent.message.name, name)


@cache
def _known(owner: str, name: str) -> Merge:
    described = message(owner)
    field = described.fields.get(name) if described else None
    if field is None:
        return _UNKNOWN
    inner = None if field.scalar else message(field.type)
    if field.shape == "list":
        keys = _list_keys(owner, name)
        if keys is None:
            return ATOMIC
        return Merge("keyed", inner, keys) if keys else Merge("set")
    if field.shape == "map":
        return ATOMIC if (owner, name) in _ATOMIC_MAPS else Merge("fields", inner, is_map=True)
    if inner is None or field.type in _ATOMIC_MESSAGES:
        return ATOMIC
    return Merge("fields", inner)


def _list_keys(owner: str, name: str) -> Keys | None:
    """None = an atomic list. Embedded messages keep their fields' rules under the name of the embedding one."""
    return _LISTS.get(owner, {}).get(name)
